//! `cargo xtask bench native|server|structures|growth|memory|latency|instructions`: cachette beside its peers, measured side by side.
//!
//! `--save` writes `benches/results/NAME.md` (and a plot), `--check` fails where a bar is missed, `--quick` measures only what bars ask for. `native`
//! also takes `--entries N` and `--only PEER,PEER`.

#[cfg(feature = "server-allocator")]
#[path = "../../../src/bin/server/allocator.rs"]
mod allocator;
mod floor;
mod growth;
mod instructions;
mod latency;
mod load;
mod measure;
mod memory;
mod native;
mod peers;
mod plot;
mod report;
mod server;
mod servers;
mod sides;
mod structures;
mod works;

use std::error::Error;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    #[cfg(feature = "server-allocator")]
    allocator::never_stop();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let option = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1)).map(String::as_str);
    let quick = has("--quick");
    if args.first().is_some_and(|arg| arg == "floor") {
        floor::run(args.get(1..).unwrap_or(&[]))?;
    }
    if args.first().is_some_and(|arg| arg == "count") {
        instructions::count(args.get(1..).unwrap_or(&[]))?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = match args.first().map(String::as_str) {
        Some("native") => native::run(quick, option("--only"), option("--entries").map(str::parse).transpose()?),
        Some("server") => server::run(quick)?,
        Some("structures") => structures::run(quick)?,
        Some("growth") => growth::run(quick)?,
        Some("memory") => memory::run(quick)?,
        Some("latency") => latency::run(quick)?,
        Some("instructions") => instructions::run()?,
        other => return Err(format!("there is no bench {other:?}").into()),
    };
    println!("{}", report.markdown());
    if has("--save") {
        report.save()?;
    }
    let met = report.check();
    Ok(if has("--check") && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
