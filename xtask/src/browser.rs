//! Browsers and what drives them: the system's, or installed by apt-get where that may be done.

use crate::process::{find_or_install, on_path};
use anyhow::Result;
use std::path::PathBuf;

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A Chromium; installs one by apt-get when there is none and this is a Debian-like system's root.
pub fn chromium() -> Result<PathBuf> {
    on_path(&find_or_install(&CHROMIUM, "chromium")?)
}

/// A chromedriver, as `chromium` finds its browser.
pub fn chromedriver() -> Result<PathBuf> {
    on_path(&find_or_install(&["chromedriver"], "chromium-driver")?)
}

/// A Firefox.
pub fn firefox() -> Result<PathBuf> {
    on_path(&find_or_install(&["firefox-esr", "firefox"], "firefox-esr")?)
}

/// WebKitGTK's WebDriver, which brings Safari's engine and a small browser.
pub fn webkit_driver() -> Result<PathBuf> {
    on_path(&find_or_install(&["WebKitWebDriver"], "webkit2gtk-driver")?)
}

/// A screen for what needs one.
pub fn xvfb() -> Result<PathBuf> {
    on_path(&find_or_install(&["Xvfb"], "xvfb")?)
}
