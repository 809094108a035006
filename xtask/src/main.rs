//! `cargo xtask`: everything that is done with this repository, each thing one command. Only cargo, Node and npm are needed.

mod bars;
mod bench;
mod browser;
mod deflate;
mod demo;
mod generate;
mod glue;
mod layout;
mod lint;
mod locals;
mod matrix;
mod npm;
mod package;
mod process;
mod recipe;
mod size;
mod steps;
mod suites;
mod tcl;
mod test;
mod tier;
mod wasm;
mod workspace;
mod www;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, tests, packs and shows cachette", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds all and runs the main job: the packed npm package as a cache before a slow HTTP service, and the server over TCP
    Demo {
        /// Only these steps, by name
        steps: Vec<String>,
        /// Name the steps and stop
        #[arg(long)]
        list: bool,
    },
    /// Runs every test: native, wasm in Node and Chromium, the packed package in its runtimes; last line `N passed, M failed`
    Test {
        /// Only these steps, by name
        steps: Vec<String>,
        /// Name the steps and stop
        #[arg(long)]
        list: bool,
    },
    /// Builds the npm package's `pkg/dist` from the recipe in wasm-pack.toml: wasm, glue, TypeScript; checks the size budgets
    Build,
    /// Builds and packs the npm package; the tarball's path is the last line
    Pack,
    /// Runs the packed npm package in every runtime and bundler, or in those that are named; those that are quick are in `test package` too
    Matrix {
        /// Only cells whose names begin so: `deno`, `firefox`, `next-edge`; see pkg/test/matrix/cells.js
        cells: Vec<String>,
        /// The package to test, if it need not be built
        #[arg(long)]
        tarball: Option<std::path::PathBuf>,
        /// Write the outcome to pkg/test/matrix/results.json, from which the READMEs' tables are made
        #[arg(long)]
        save: bool,
    },
    /// Formats the Rust sources, or only checks them
    Fmt {
        /// Change nothing, fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// rustfmt check, clippy of all targets and of the wasm binding, TypeScript type check, generated files up to date
    Lint,
    /// Runs a benchmark by its name, or all that measure time and memory when none is named (about an hour). `--save` writes benches/results; `--check` alone compares what
    /// is saved with the bars. Beside peers: `js` (from JavaScript: Map, lru-cache and others), `native` (caches of Rust), `server`, `structures` and `memory`
    /// (redis-server), `growth` (cost against keys and members), `latency` (the slowest calls), `hitratio` (eviction policies over traces); and `helpers`
    /// (getOrSet beside bentocache and cacheable), `ioredis` (in process beside loopback to redis-server), `instructions` (of the hot paths, by valgrind),
    /// `size` (what each family of commands takes of the WebAssembly; 20 minutes), `tier` (what a hit in L1 costs), `tier-compare` (the same outage through
    /// cachette/tier, bentocache, cache-manager and cacheable)
    Bench {
        /// The name, and what is handed on to the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME|OPTION")]
        args: Vec<String>,
    },
    /// Runs Redis's own test suite (Debian's source package, fetched below target/) against cachette-server, or against redis-server
    Tcl {
        /// With a server that is started for the suite, with servers that it starts itself, or both
        #[arg(long, value_enum, default_values_t = [tcl::Mode::External, tcl::Mode::Own])]
        mode: Vec<tcl::Mode>,
        /// Whom to test
        #[arg(long, value_enum, default_value = "cachette")]
        subject: tcl::Subject,
        /// Write the outcome to tests/compatibility/tcl.toml, from which COMPATIBILITY.md is made
        #[arg(long)]
        save: bool,
        /// Only these units, such as unit/type/zset
        units: Vec<String>,
    },
    /// Runs the tests that client libraries have of themselves (fetched below target/) against cachette-server, or against redis-server
    Suites {
        /// Which ones
        #[arg(value_enum, default_values_t = [suites::Suite::RedisPy, suites::Suite::Ioredis])]
        suites: Vec<suites::Suite>,
        /// Whom to test
        #[arg(long, value_enum, default_value = "cachette")]
        subject: tcl::Subject,
        /// The program to test, if it need not be built
        #[arg(long)]
        server: Option<std::path::PathBuf>,
        /// Write the outcome to tests/compatibility/suites.toml, from which COMPATIBILITY.md is made
        #[arg(long)]
        save: bool,
    },
    /// Runs the tier's policy under seeded schedules of trouble, and writes benches/results/tier_simulation.md
    Sim {
        /// The first seed
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// How many
        #[arg(long, default_value_t = 1_000_000)]
        schedules: u64,
        /// Keep what earlier runs of the same policy wrote
        #[arg(long)]
        add: bool,
    },
    /// Runs the tier over real servers that are killed, stopped, emptied and failed over, and writes benches/results/tier_chaos.md
    Chaos {
        /// How often
        #[arg(long, default_value_t = 100)]
        cycles: u32,
        /// The tier in JavaScript; writes tier_chaos_js.md
        #[arg(long)]
        js: bool,
        /// Handed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Serves the console page (www/) on this machine
    Www {
        /// Port to listen on
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Writes the files that are derived from the command rows, such as pkg/src/generated/commands.ts
    Gen {
        /// Change nothing, fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// The runner cargo calls for wasm tests (see .cargo/config.toml); not for people
    #[command(hide = true, disable_help_flag = true)]
    TestRunner {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
}

fn main() -> std::process::ExitCode {
    let done = match Cli::parse().task {
        Task::Demo { steps, list } => demo::run(&steps, list),
        Task::Test { steps, list } => test::run(&steps, list),
        Task::Build => package::build(),
        Task::Pack => package::pack().map(|tarball| println!("{}", tarball.display())),
        Task::Matrix { cells, tarball, save } => matrix::run(&cells, tarball, save),
        Task::Fmt { check } => lint::fmt(check),
        Task::Lint => lint::lint(),
        Task::Bench { args } => bench::run(&args),
        Task::Tcl { mode, subject, save, units } => tcl::run(&mode, subject, save, &units),
        Task::Suites { suites, subject, server, save } => suites::run(&suites, subject, server.as_deref(), save),
        Task::Sim { first, schedules, add } => tier::simulate(first, schedules, add),
        Task::Chaos { cycles, js: true, .. } => tier::chaos_js(cycles),
        Task::Chaos { cycles, args, .. } => tier::chaos(cycles, &args),
        Task::Www { port } => www::serve(port),
        Task::Gen { check } => generate::run(check),
        Task::TestRunner { args } => wasm::test_runner(args),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
