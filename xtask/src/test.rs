//! `cargo xtask test`. A new kind of test is one more entry in [`STEPS`].

use crate::process;
use crate::steps::{self, Counts, Step};
use crate::{browser, generate, matrix, npm, package, tier, wasm, workspace, www};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

const STEPS: &[Step] = &[
    Step { name: "generated", about: "files derived from the command rows are up to date", run: generated },
    Step { name: "xtask", about: "the build's own tests", run: xtask },
    Step { name: "native", about: "the crate's unit, property, scenario and doc tests", run: native },
    Step { name: "wasm-node", about: "the wasm binding in Node", run: wasm_node },
    Step { name: "wasm-chromium", about: "the wasm binding in Chromium", run: wasm_chromium },
    Step { name: "package", about: "the packed npm package, installed outside the tree, in its runtimes", run: packed },
    Step {
        name: "tier",
        about: "cachette/tier of the packed package, over redis-server, a cluster and Sentinel, with the clients that it knows",
        run: tier_js,
    },
    Step { name: "www", about: "the console page, built on the packed package, in Chromium", run: console },
];

/// Runs the chosen steps, prints `N passed, M failed` as the last line and fails if any test did.
pub fn run(chosen: &[String], list: bool) -> Result<()> {
    if list {
        return steps::list(STEPS);
    }
    let Counts { passed, failed } = steps::run(STEPS, chosen)?;
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn generated() -> Result<Counts> {
    generate::run(true)?;
    Ok(Counts::ONE)
}

fn xtask() -> Result<Counts> {
    // The dev profile, as `cargo xtask` itself: the test profile would build all of wasm-bindgen's CLI a second time.
    cargo_test(process::cargo().args(["test", "--profile", "dev", "--package", "xtask"]))
}

fn native() -> Result<Counts> {
    // `speed` has no tests, and its peers would be compiled once more.
    let others = ["--exclude", "cachette-wasm", "--exclude", "xtask", "--exclude", "speed"];
    let mut cargo = process::cargo();
    cargo.args(["test", "--workspace", "--all-features", "--no-fail-fast"]).args(others);
    match process::find_or_install(&["redis-server"], "redis-server") {
        Ok(_) => cargo.env("CACHETTE_REQUIRE_REDIS", "1"),
        // The comparisons with the real server pass themselves over then, each with this reason.
        Err(missing) => {
            eprintln!("   ! {missing:#}");
            &mut cargo
        }
    };
    cargo_test(&mut cargo)
}

fn wasm_node() -> Result<Counts> {
    wasm_tests(&mut process::cargo())
}

fn wasm_chromium() -> Result<Counts> {
    browser::chromium()?;
    let driver = browser::chromedriver()?;
    // Without this variable the runner says that the tests are for Node only, runs nothing, and succeeds.
    wasm_tests(process::cargo().env("WASM_BINDGEN_USE_BROWSER", "1").env("CHROMEDRIVER", driver))
}

fn wasm_tests(cargo: &mut Command) -> Result<Counts> {
    wasm::ensure_target()?;
    // In place of the relative path in .cargo/config.toml, which holds for the usual target folder only.
    let runner = format!("{} test-runner", std::env::current_exe()?.display());
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    let counts = cargo_test(cargo.args(["test", "--package", "cachette-wasm", "--target", wasm::TARGET]))?;
    if counts.passed + counts.failed == 0 {
        bail!("the wasm test runner ran no test");
    }
    Ok(counts)
}

fn packed() -> Result<Counts> {
    let tarball = tarball()?;
    let tests = workspace::pkg().join("test");
    npm::ensure(&tests)?;
    matrix::export_scenarios()?;
    let mut node = process::command("node", &tests);
    matrix::prepare(&mut node, &tarball)?;
    node.args(["--test", "--test-reporter=spec"]).args(test_files(&tests)?);
    let (text, ended_well) = process::tee(&mut node)?;
    settle(steps::node_test_counts(&text), ended_well)
}

fn tier_js() -> Result<Counts> {
    process::find_or_install(&["redis-server"], "redis-server")?;
    let folder = tier::javascript(Some(&tarball()?))?;
    // Bun is there.
    npm::ensure(&workspace::pkg().join("test/matrix"))?;
    let (text, ended_well) =
        process::tee(process::command("node", &folder).args(["--test", "--test-reporter=spec"]).args(test_files(&folder)?))?;
    settle(steps::node_test_counts(&text), ended_well)
}

/// The packed package; built once a run.
fn tarball() -> Result<PathBuf> {
    static PACKED: OnceLock<PathBuf> = OnceLock::new();
    if let Some(tarball) = PACKED.get() {
        return Ok(tarball.clone());
    }
    let tarball = package::pack()?;
    Ok(PACKED.get_or_init(|| tarball).clone())
}

fn console() -> Result<Counts> {
    let chromium = browser::chromium()?;
    www::build(&tarball()?)?;
    let (text, ended_well) = process::tee(www::tests().env("CHROMIUM", chromium))?;
    settle(steps::node_test_counts(&text), ended_well)
}

fn test_files(folder: &std::path::Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.js") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Runs a `cargo test` and adds up its binaries.
fn cargo_test(cargo: &mut Command) -> Result<Counts> {
    let (text, ended_well) = process::tee(cargo)?;
    settle(steps::libtest_counts(&text), ended_well)
}

/// A run that failed without a failed test (it did not compile, or was killed) is one failed test.
fn settle(mut counts: Counts, ended_well: bool) -> Result<Counts> {
    if !ended_well && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok(counts)
}
