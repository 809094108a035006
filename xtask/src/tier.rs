//! `cargo xtask sim` and `cargo xtask chaos`: the tier's promises, in simulation and against real servers, for as long as one likes.

use crate::{npm, package, process, workspace};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs so many schedules of `tests/tier_simulation`, and writes the outcome to `benches/results/tier_simulation.md`; with `add` beside those of earlier
/// runs of the same policy.
pub fn simulate(first: u64, schedules: u64, add: bool) -> Result<()> {
    let path = workspace::root().join("benches/results/tier_simulation.md");
    let policy = policy()?;
    let written = || if add { earlier(&std::fs::read_to_string(&path).unwrap_or_default(), &policy) } else { Ok(Vec::new()) };
    let last = first + schedules.max(1) - 1;
    if written()?.iter().any(|piece| piece.first <= last && first <= piece.last) {
        bail!("some of the seeds {first} to {last} ran already");
    }
    let start = Instant::now();
    let mut cargo = process::cargo();
    cargo.args(["test", "--release", "--features", "tier-faults", "--test", "tier_simulation", "--", "--nocapture"]);
    cargo.env("TIER_FIRST", first.to_string()).env("TIER_SCHEDULES", schedules.to_string());
    let (text, ended_well) = process::tee(&mut cargo)?;
    if !ended_well {
        bail!("a promise was broken; run it again alone with the TIER_SEED that is printed above");
    }
    let line = text.lines().find(|line| line.contains("answers checked")).context("the simulation said nothing")?;
    let answers = line.split_whitespace().nth(2).and_then(|number| number.parse().ok()).context("no number of answers")?;
    // Read again: several may run side by side.
    let mut pieces = written()?;
    pieces.push(Piece { first, last, answers, seconds: start.elapsed().as_secs() });
    pieces.sort_unstable_by_key(|piece| piece.first);
    Ok(std::fs::write(path, page(&pieces, &policy)?)?)
}

/// Seeds, and what came of them.
struct Piece {
    first: u64,
    last: u64,
    answers: u64,
    seconds: u64,
}

/// What names the policy and its simulation as they are: Git's names of the two trees.
fn policy() -> Result<String> {
    let tree = |path: &str| -> Result<String> {
        let out = process::command("git", &workspace::root()).args(["rev-parse", "--short", &format!("HEAD:{path}")]).output()?;
        Ok(String::from_utf8(out.stdout)?.trim().to_owned())
    };
    Ok(format!("src/tier {}, tests/tier_simulation {}", tree("src/tier")?, tree("tests/tier_simulation")?))
}

fn earlier(page: &str, policy: &str) -> Result<Vec<Piece>> {
    if !page.is_empty() && !page.contains(policy) {
        bail!("the runs in benches/results/tier_simulation.md are of another policy; begin anew without --add");
    }
    let number = |text: &str| text.trim().replace(',', "").parse::<u64>().ok();
    let piece = |line: &str| {
        let cells: Vec<u64> = line.trim_matches('|').split('|').filter_map(number).collect();
        let [first, last, answers, seconds] = cells[..] else { return None };
        Some(Piece { first, last, answers, seconds })
    };
    Ok(page.lines().filter_map(piece).collect())
}

fn page(pieces: &[Piece], policy: &str) -> Result<String> {
    let schedules: u64 = pieces.iter().map(|piece| piece.last - piece.first + 1).sum();
    let answers: u64 = pieces.iter().map(|piece| piece.answers).sum();
    let mut page = String::from("# The tier in simulation\n\n");
    writeln!(
        page,
        "`cargo xtask sim`, in pieces with `--add`: **{schedules} schedules, {answers} answers checked, no promise broken.**\n"
    )?;
    writeln!(
        page,
        "The rules that are broken on purpose (`Fault` in `src/tier/mod.rs`) were noticed in each piece, within 3,000 schedules."
    )?;
    writeln!(page, "The trees that ran, by Git's names: {policy}.\n")?;
    writeln!(page, "| first seed | last | answers | seconds |\n|---|---|---|---|")?;
    for Piece { first, last, answers, seconds } in pieces {
        writeln!(page, "| {first} | {last} | {answers} | {seconds} |")?;
    }
    Ok(page)
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

/// Clients whose masters are killed so that another takes over, and how often.
const FAILOVERS: [(&str, u32); 4] =
    [("node-redis, cluster", 5), ("ioredis, cluster", 5), ("node-redis, Sentinel", 5), ("ioredis, Sentinel", 5)];

/// The same in JavaScript: so many cycles with node-redis and with ioredis, and failovers.
pub fn chaos_js(cycles: u32) -> Result<()> {
    process::find_or_install(&["redis-server"], "redis-server")?;
    let folder = javascript(None)?;
    let place = workspace::target().join("chaos");
    std::fs::create_dir_all(&place)?;
    let mut pieces = Vec::new();
    for (client, count) in [("node-redis", cycles), ("ioredis", cycles)].into_iter().chain(FAILOVERS) {
        let piece = place.join(format!("{client}.json"));
        if piece.exists() {
            std::fs::remove_file(&piece)?;
        }
        let mut node = process::command("node", &folder);
        // What it saw is in the report, broken promises too; a piece that came to no end is not.
        let ran = process::run(node.args(["chaos.js", "run", client, &count.to_string()]).arg(&piece));
        if !piece.exists() {
            return ran;
        }
        pieces.push(piece);
    }
    let results = workspace::root().join("benches/results");
    process::run(process::command("node", &folder).args(["chaos.js", "report"]).arg(results).args(&pieces))?;
    pieces.iter().try_for_each(|piece| Ok(std::fs::remove_file(piece)?))
}

/// What a hit in L1 costs, in Rust and in JavaScript; in JavaScript alone with `--js`. With `--save`, what JavaScript measured is written down.
pub fn cost(args: &[String]) -> Result<()> {
    if !has(args, "--js") {
        let mut cargo = process::cargo();
        process::run(cargo.args(["run", "--release", "--package", "cachette-bench-tier", "--", "cost"]))?;
    }
    script("cost.js", args, "tier_cost_js.md")
}

/// The same outage for this tier, bentocache, cache-manager and cacheable: what each returned, lost, and how long it hung.
pub fn compare(args: &[String]) -> Result<()> {
    process::find_or_install(&["redis-server"], "redis-server")?;
    script("compare.js", args, "tier_compare.md")
}

/// Runs a script of the tier's tests, which writes its report where `--save` says so.
fn script(name: &str, args: &[String], report: &str) -> Result<()> {
    let folder = javascript(None)?;
    let mut node = process::command("node", &folder);
    node.arg(name);
    if has(args, "--save") {
        node.arg(workspace::root().join("benches/results").join(report));
    }
    process::run(&mut node)
}

fn has(args: &[String], flag: &str) -> bool {
    args.iter().any(|arg| arg == flag)
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
    // Examples import their packages from where they lie.
    for (example, file) in [("hono", "app.js"), ("tier", "cache.js")] {
        let place = folder.join("node_modules").join(format!("example-{example}"));
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join("package.json"), r#"{"type":"module"}"#)?;
        std::fs::copy(workspace::root().join("examples").join(example).join(file), place.join(file))?;
    }
    process::run(process::command("tar", &place).arg("xzf").arg(tarball).arg("--strip-components=1"))?;
    Ok(folder)
}
