//! The npm package: `pkg/dist`, and the tarball.
//!
//! ```text
//! js/M.base64.js          a module of wasm-pack.toml as text, for hosts that bundle files badly (Node servers, Bun) and as the browser's fallback
//! js/M.glue.js            its imports, as a factory, if it has any
//! js/strings.base64.js    src/strings.wat, which is written by hand, as text
//! js/**/*.js              TypeScript's output
//! dist/**/*.js            all of js, joined (bundle.js): one entry point a runtime in platform/, engine.js that they share, and few others
//! dist/**/*.d.ts          TypeScript's declarations
//! dist/M.wasm             the modules
//! ```

use crate::steps::timed;
use crate::workspace;
use crate::{glue, npm, process, recipe, wasm};
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use std::path::{Path, PathBuf};

/// Builds `pkg/dist` from nothing.
pub fn build() -> Result<()> {
    timed("npm package: build", || {
        let pkg = workspace::pkg();
        npm::ensure(&pkg)?;
        let (dist, scripts) = (cleared(pkg.join("dist"))?, cleared(pkg.join("js"))?);
        for (name, module) in &recipe::read()?.module {
            let built = wasm::build(name, module)?;
            place(module, &built, &dist, &scripts)?;
        }
        assemble("strings", &scripts)?;
        timed("TypeScript", typescript)?;
        timed("rollup", || process::run(process::command("node", &pkg).arg("bundle.js")))
    })
}

/// A folder with nothing in it.
fn cleared(folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// All that runs anywhere, which is compiled without the types of any host; and what is for Node.
const PROJECTS: [&str; 2] = ["tsconfig.json", "tsconfig.node.json"];

/// Type-checks the sources and writes JavaScript to `js`, declarations to `dist`.
fn typescript() -> Result<()> {
    let pkg = workspace::pkg();
    let tsc = pkg.join("node_modules/typescript/bin/tsc");
    for project in PROJECTS {
        process::run(process::command("node", &pkg).arg(&tsc).args(["-p", project]))?;
    }
    // Forms of import that TypeScript does not know are kept as JavaScript.
    for folder in ["platform", "tier/platform"] {
        for entry in std::fs::read_dir(pkg.join("src").join(folder))? {
            let from = entry?.path();
            if from.extension().is_some_and(|kind| kind == "js") {
                let name = from.file_name().context("a file without a name")?;
                std::fs::copy(&from, pkg.join("js").join(folder).join(name))?;
            }
        }
    }
    Ok(())
}

/// Type-checks the sources and writes nothing.
pub fn typecheck() -> Result<()> {
    let pkg = workspace::pkg();
    npm::ensure(&pkg)?;
    let tsc = pkg.join("node_modules/typescript/bin/tsc");
    for project in PROJECTS {
        process::run(process::command("node", &pkg).arg(&tsc).args(["-p", project, "--noEmit"]))?;
    }
    Ok(())
}

fn place(module: &recipe::Module, built: &Path, dist: &Path, scripts: &Path) -> Result<()> {
    let name = &module.out_name;
    let wasm = std::fs::read(built.join(format!("{name}.wasm")))?;
    std::fs::write(dist.join(format!("{name}.wasm")), &wasm)?;
    carry(name, &wasm, scripts)?;
    if module.target.is_some() {
        let text = std::fs::read_to_string(built.join(format!("{name}_bg.js")))?;
        std::fs::write(scripts.join(format!("{name}.glue.js")), glue::factory(&text)?)?;
    }
    Ok(())
}

/// A module that is written by hand, `src/NAME.wat`, as text.
fn assemble(name: &str, scripts: &Path) -> Result<()> {
    let folder = workspace::target().join("wasm-pack").join(name);
    std::fs::create_dir_all(&folder)?;
    let source = workspace::pkg().join(format!("src/{name}.wat"));
    let (plain, optimised) = (folder.join("plain.wasm"), folder.join(format!("{name}.wasm")));
    for (tool, flags, from, to) in [("wasm-as", &[][..], &source, &plain), ("wasm-opt", &["-O3"], &plain, &optimised)] {
        let mut command = wasm::binaryen(tool);
        command.args(["--enable-gc", "--enable-reference-types"]).args(flags).arg(from).arg("-o").arg(to);
        process::run(&mut command)?;
    }
    carry(name, &std::fs::read(optimised)?, scripts)
}

/// Writes a module as text.
fn carry(name: &str, wasm: &[u8], scripts: &Path) -> Result<()> {
    let base64 = base64::engine::general_purpose::STANDARD.encode(wasm);
    Ok(std::fs::write(scripts.join(format!("{name}.base64.js")), format!("export const wasmBase64 =\n  '{base64}';\n"))?)
}

/// Builds and packs; returns the tarball's path.
pub fn pack() -> Result<PathBuf> {
    build()?;
    pack_built()
}

/// Packs what is in `dist`; returns the tarball's path.
pub fn pack_built() -> Result<PathBuf> {
    let (pkg, root) = (workspace::pkg(), workspace::root());
    timed("npm pack", || {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            if root.join(licence).exists() {
                std::fs::copy(root.join(licence), pkg.join(licence))?;
            }
        }
        let folder = workspace::target().join("npm");
        std::fs::create_dir_all(&folder)?;
        let said =
            process::output(process::command("npm", &pkg).args(["pack", "--loglevel=error", "--pack-destination"]).arg(&folder))?;
        let name = said.lines().rev().map(str::trim).find(|line| line.ends_with(".tgz"));
        let Some(name) = name else { bail!("npm pack named no tarball: {said}") };
        let tarball = folder.join(name);
        eprintln!("   ✓ {}: {} bytes", name, std::fs::metadata(&tarball)?.len());
        Ok(tarball)
    })
}
