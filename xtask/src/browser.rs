//! Chromium and its driver: the system's, or installed by apt-get where that may be done.

use crate::process::find_or_install;
use anyhow::Result;

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Name of a Chromium on PATH; installs one by apt-get when there is none and this is a Debian-like system's root.
pub fn chromium() -> Result<String> {
    find_or_install(&CHROMIUM, "chromium")
}

/// Name of a chromedriver on PATH, as `chromium` finds its browser.
pub fn chromedriver() -> Result<String> {
    find_or_install(&["chromedriver"], "chromium-driver")
}
