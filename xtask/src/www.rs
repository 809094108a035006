//! `cargo xtask www`: the console page, built on the packed npm package as any consumer would, and served on this machine.

use crate::{npm, package, process, workspace};
use anyhow::{Result, bail};

pub fn serve(port: u16) -> Result<()> {
    let www = workspace::root().join("www");
    if !www.join("package.json").exists() {
        bail!("there is no console page in www/");
    }
    let tarball = package::pack()?;
    npm::ensure(&www)?;
    process::output(
        process::command("npm", &www).args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]).arg(tarball),
    )?;
    process::run(process::command("npm", &www).args(["run", "build"]))?;
    println!("http://127.0.0.1:{port}/");
    process::run(process::command("npm", &www).args(["run", "preview", "--", "--host", "127.0.0.1", "--port", &port.to_string()]))
}
