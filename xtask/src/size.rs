//! `cargo xtask bench size`: what each family of commands takes of the engine's WebAssembly, after gzip.

use crate::recipe::{self, Module};
use crate::{wasm, workspace};
use anyhow::{Context, Result, bail};
use cachette::command;
use clap::Parser;
use std::fmt::Write as _;

/// What the table weighs alone: strings, lists, hashes, sets and sorted sets, with keys, transactions and the server's own commands.
const BASIC: [&str; 11] =
    ["string", "keys", "list", "hash", "set", "zset", "zset_range", "zset_algebra", "connection", "transaction", "server"];

#[derive(Parser)]
#[command(name = "cargo xtask bench size")]
struct Args {
    /// Weigh one engine without these families (files of src/command), instead of one after the other
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Write benches/results/size.md
    #[arg(long)]
    save: bool,
}

pub fn run(args: &[String]) -> Result<()> {
    let args = Args::parse_from(std::iter::once("size").chain(args.iter().map(String::as_str)));
    let recipe = recipe::read()?;
    let core = recipe.module.get("core").context("wasm-pack.toml has no module core")?;
    if !args.without.is_empty() {
        let without: Vec<&str> = args.without.iter().map(String::as_str).collect();
        println!("without {}: {} bytes after gzip -9", without.join(", "), weigh(core, &without)?);
        return Ok(());
    }
    let page = page(core)?;
    print!("{page}");
    if args.save {
        std::fs::write(workspace::root().join("benches/results/size.md"), page)?;
    }
    Ok(())
}

/// Bytes of the engine without some families.
fn weigh(core: &Module, without: &[&str]) -> Result<u64> {
    let known: Vec<&str> = command::families().collect();
    if let Some(unknown) = without.iter().find(|family| !known.contains(family)) {
        bail!("there is no family {unknown}; there are {}", known.join(", "));
    }
    let built = wasm::build_without("core-in-part", core, &without.join(","))?;
    wasm::gzip_size(&std::fs::read(built.join(format!("{}.wasm", core.out_name)))?)
}

fn page(core: &Module) -> Result<String> {
    let whole = weigh(core, &[])?;
    let rest: Vec<&str> = command::families().filter(|family| !BASIC.contains(family)).collect();
    let basic = weigh(core, &rest)?;
    let mut rows = Vec::new();
    for family in command::families() {
        rows.push((whole.saturating_sub(weigh(core, &[family])?), family));
    }
    rows.sort_unstable_by(|a, b| b.cmp(a));
    let mut page = format!(
        "# What the engine's WebAssembly weighs\n\n`cargo xtask bench size --save` wrote this: bytes of the module `core` after gzip -9.\n\n\
         | | bytes |\n| --- | ---: |\n| all of it | {whole} |\n| {} alone | {basic} |\n\n\
         And how much smaller the module is without one family (a file of src/command). What several share stays while one of them does, so the\n\
         figures add up to less than the whole.\n\n| family | bytes |\n| --- | ---: |\n",
        BASIC.join(", ")
    );
    for (bytes, family) in rows {
        let _ = writeln!(page, "| {family} | {bytes} |");
    }
    Ok(page)
}
