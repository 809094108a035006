//! One wasm module of the recipe: cargo, wasm-bindgen, wasm-opt, and the weighing at the end.

use crate::layout;
use crate::locals;
use crate::process;
use crate::recipe::Module;
use crate::steps::timed;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const TARGET: &str = "wasm32-unknown-unknown";

/// Adds the wasm target through rustup when the toolchain lacks it.
pub fn ensure_target() -> Result<()> {
    let sysroot = process::output(process::command("rustc", &workspace::root()).args(["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).exists() {
        return Ok(());
    }
    timed("rustup target add wasm32-unknown-unknown", || {
        process::run(process::command("rustup", &workspace::root()).args(["target", "add", TARGET]))
    })
    .context("the Rust toolchain has no wasm32-unknown-unknown target, and rustup could not add it")
}

/// Builds `module` and leaves `<out-name>.wasm` (optimised) and, where it has any, wasm-bindgen's glue, `<out-name>_bg.js`, in the returned folder.
pub fn build(name: &str, module: &Module) -> Result<PathBuf> {
    build_without(name, module, "")
}

/// As [`build`], without some families of commands: files of src/command, with commas between them.
pub fn build_without(name: &str, module: &Module, families: &str) -> Result<PathBuf> {
    ensure_target()?;
    let out = workspace::target().join("wasm-pack").join(name);
    std::fs::create_dir_all(&out)?;
    timed(&format!("{name}: cargo build for {TARGET}"), || cargo_build(module, families))?;
    let raw = workspace::target().join(TARGET).join(&module.profile).join(format!("{}.wasm", module.package.replace('-', "_")));
    let bound = match &module.target {
        Some(target) => timed(&format!("{name}: wasm-bindgen"), || bindgen(module, target, &raw, &out))?,
        None => raw,
    };
    let optimised = out.join(format!("{}.wasm", module.out_name));
    timed(&format!("{name}: wasm-opt"), || wasm_opt(module, &bound, &optimised))?;
    weigh(name, module, &optimised)?;
    Ok(out)
}

fn cargo_build(module: &Module, without: &str) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["build", "--profile", &module.profile, "--target", TARGET, "--package", &module.package, "--target-dir"]);
    cargo.arg(workspace::target()).args(["--no-default-features", "--features", &module.features.join(",")]);
    cargo.env("CACHETTE_WITHOUT", without);
    cargo.env("CACHETTE_WASM_MAX_MEMORY", module.max_memory.to_string());
    cargo.env("CACHETTE_WASM_STACK_SIZE", module.stack_size.to_string());
    process::run(&mut cargo)
}

/// Returns where the module is that the glue is for.
fn bindgen(module: &Module, target: &str, raw: &Path, out: &Path) -> Result<PathBuf> {
    let mut args: Vec<OsString> = ["wasm-bindgen", "--no-typescript", "--target"].map(OsString::from).to_vec();
    args.push(target.into());
    args.push("--out-name".into());
    args.push(OsString::from(&module.out_name));
    args.push("--out-dir".into());
    args.push(out.into());
    args.push(raw.into());
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(args).context("wasm-bindgen")?;
    Ok(out.join(format!("{}_bg.wasm", module.out_name)))
}

/// A tool of binaryen's, which is there when the package's own dependencies are.
pub fn binaryen(tool: &str) -> Command {
    let mut node = process::command("node", &workspace::root());
    node.arg(workspace::pkg().join("node_modules/binaryen/bin").join(tool));
    node
}

fn wasm_opt(module: &Module, from: &Path, to: &Path) -> Result<()> {
    crate::npm::ensure(&workspace::pkg())?;
    let run = |args: &[&OsStr], from: &Path, to: &Path| process::run(binaryen("wasm-opt").args(args).arg(from).arg("-o").arg(to));
    let flags: Vec<&OsStr> = module.wasm_opt.iter().map(OsStr::new).collect();
    run(&flags, from, to)?;
    let named = to.with_extension("named.wasm");
    std::fs::write(&named, layout::with_ordering_names(&std::fs::read(to)?)?)?;
    // The section that says which features the module uses goes last: wasm-opt reads it.
    run(&["--reorder-functions-by-name", "--strip-debug", "--strip-target-features"].map(OsStr::new), &named, to)?;
    std::fs::write(to, locals::renumber(&std::fs::read(to)?)?)?;
    Ok(())
}

/// Fails when the module outgrew its budget.
fn weigh(name: &str, module: &Module, path: &Path) -> Result<()> {
    let bytes = std::fs::read(path)?;
    let packed = gzip_size(&bytes)?;
    let line = format!("{name}: {} bytes, {packed} after gzip -9, budget {}", bytes.len(), module.gzip_budget);
    eprintln!("   ✓ {line}");
    if packed > module.gzip_budget {
        bail!("{line}: over budget (gzip-budget in wasm-pack.toml)");
    }
    Ok(())
}

/// Bytes after gzip -9.
pub fn gzip_size(bytes: &[u8]) -> Result<u64> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

/// wasm-bindgen's test runner, with the test module and its flags as arguments.
pub fn test_runner(args: Vec<OsString>) -> Result<()> {
    let args = std::iter::once(OsString::from("wasm-bindgen-test-runner")).chain(args);
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(args).context("the wasm test runner")
}
