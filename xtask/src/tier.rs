//! `cargo xtask sim` and `cargo xtask chaos`: the tier's promises, in simulation and against real servers, for as long as one likes.

use crate::{npm, package, process, workspace};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs so many schedules of `tests/tier_simulation`, and writes the outcome to `benches/results/tier_simulation.md`.
pub fn simulate(first: u64, schedules: u64) -> Result<()> {
    let start = Instant::now();
    let mut cargo = process::cargo();
    cargo.args(["test", "--release", "--features", "tier-faults", "--test", "tier_simulation", "--", "--nocapture"]);
    cargo.env("TIER_FIRST", first.to_string()).env("TIER_SCHEDULES", schedules.to_string());
    let (text, ended_well) = process::tee(&mut cargo)?;
    if !ended_well {
        bail!("a promise was broken; run it again alone with the TIER_SEED that is printed above");
    }
    let line = text.lines().find(|line| line.contains("answers checked")).context("the simulation said nothing")?;
    let mut report = String::from("# The tier in simulation\n\n");
    writeln!(report, "`cargo xtask sim --first {first} --schedules {schedules}`: {line}.")?;
    writeln!(
        report,
        "\nThe rules that are broken on purpose (`Fault` in `src/tier/mod.rs`) were noticed, each within 3,000 schedules."
    )?;
    writeln!(report, "It took {:.0} s.", start.elapsed().as_secs_f32())?;
    Ok(std::fs::write(workspace::root().join("benches/results/tier_simulation.md"), report)?)
}

/// Runs the tier over real servers that are killed, stopped, emptied and failed over.
pub fn chaos(cycles: u32, args: &[String]) -> Result<()> {
    process::find_or_install(&["redis-server", "redis-cli"], "redis-server")?;
    let mut cargo = process::cargo();
    cargo
        .args(["run", "--release", "--package", "cachette-bench-tier", "--", "chaos", "--cycles", &cycles.to_string()])
        .args(args);
    process::run(&mut cargo)
}

/// The same in JavaScript, over one redis-server, with node-redis and ioredis.
pub fn chaos_js(cycles: u32) -> Result<()> {
    process::find_or_install(&["redis-server"], "redis-server")?;
    let folder = javascript(None)?;
    let report = workspace::root().join("benches/results/tier_chaos_js.md");
    process::run(process::command("node", &folder).args(["chaos.js", &cycles.to_string()]).arg(report))
}

/// What a hit in L1 costs, in Rust and in JavaScript.
pub fn cost(args: &[String]) -> Result<()> {
    let mut cargo = process::cargo();
    process::run(cargo.args(["run", "--release", "--package", "cachette-bench-tier", "--", "cost"]))?;
    let folder = javascript(None)?;
    process::run(process::command("node", &folder).arg("cost.js").args(args))
}

/// The same outage for this tier, bentocache and cache-manager: what each returned, lost, and how long it hung.
pub fn compare() -> Result<()> {
    process::find_or_install(&["redis-server"], "redis-server")?;
    let folder = javascript(None)?;
    process::run(
        process::command("node", &folder).arg("compare.js").arg(workspace::root().join("benches/results/tier_compare.md")),
    )
}

/// The folder of the tier's tests in JavaScript, with the packed package and the clients installed.
pub fn javascript(tarball: Option<&Path>) -> Result<PathBuf> {
    let folder = workspace::pkg().join("test/tier");
    npm::ensure(&folder)?;
    let tarball = match tarball {
        Some(tarball) => tarball.to_path_buf(),
        None => package::pack()?,
    };
    // Beside what the lock file names: the package as it would be installed.
    let place = folder.join("node_modules/cachette");
    if place.exists() {
        std::fs::remove_dir_all(&place)?;
    }
    std::fs::create_dir_all(&place)?;
    // The example imports its packages from where it lies.
    let example = folder.join("node_modules/example-hono");
    std::fs::create_dir_all(&example)?;
    std::fs::write(example.join("package.json"), r#"{"type":"module"}"#)?;
    std::fs::copy(workspace::root().join("examples/hono/app.js"), example.join("app.js"))?;
    process::run(process::command("tar", &place).arg("xzf").arg(tarball).arg("--strip-components=1"))?;
    Ok(folder)
}
