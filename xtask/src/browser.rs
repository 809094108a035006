//! Chromium and its driver: the system's, or installed by apt-get where that may be done.

use crate::process;
use crate::steps::timed;
use anyhow::{Context, Result, bail};

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Name of a Chromium on PATH; installs one by apt-get when there is none and this is a Debian-like system's root.
pub fn chromium() -> Result<String> {
    find_or_install(&CHROMIUM, "chromium")
}

/// Name of a chromedriver on PATH, as `chromium` finds its browser.
pub fn chromedriver() -> Result<String> {
    find_or_install(&["chromedriver"], "chromium-driver")
}

/// The first of `programs` on PATH; else installs Debian's `package` and looks again.
pub fn find_or_install(programs: &[&str], package: &str) -> Result<String> {
    let find = || programs.iter().find(|program| process::is_there(program)).map(|program| (*program).to_owned());
    if let Some(found) = find() {
        return Ok(found);
    }
    let wanted = programs.join(" or ");
    if !process::is_there("apt-get") {
        bail!("no {wanted} on PATH: install it and run again");
    }
    timed(&format!("apt-get install {package}"), || {
        let root = crate::workspace::root();
        process::output(process::command("apt-get", &root).args(["update", "-qq"]))?;
        let mut install = process::command("apt-get", &root);
        install.args(["install", "-y", "-qq", "--no-install-recommends", package]).env("DEBIAN_FRONTEND", "noninteractive");
        process::output(&mut install)
    })
    .with_context(|| format!("no {wanted} on PATH, and apt-get could not install it: install it and run again"))?;
    find().with_context(|| format!("no {wanted} on PATH even after apt-get install {package}"))
}
