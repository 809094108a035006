//! `cargo xtask bench`.

use crate::{browser, npm, package, process, size, tier, wasm, workspace};
use anyhow::Result;

pub fn run(which: &str, args: &[String]) -> Result<()> {
    if ["native", "server", "structures", "memory", "latency", "instructions"].contains(&which) {
        return speed(which, args);
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
    process::run(&mut bench)
}
