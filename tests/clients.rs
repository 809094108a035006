//! Client libraries that programs for Redis use, against `cachette-server`: ioredis, node-redis (RESP3) and redis-py.
//!
//! They are installed from their registries into `target/clients`. Where npm or pip is missing, or no registry can be reached, the test says so
//! on standard error and passes; `CLIENTS=required` makes that a failure.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "server/harness.rs"]
#[allow(dead_code)]
mod harness;

use harness::Server;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

#[test]
fn ioredis_works() {
    let Some(folder) = node() else { return };
    speak(Command::new("node").arg(folder.join("ioredis.mjs")));
}

#[test]
fn node_redis_works() {
    let Some(folder) = node() else { return };
    speak(Command::new("node").arg(folder.join("node-redis.mjs")));
}

#[test]
fn redis_py_works() {
    let Some(python) = ["python3", "python"].into_iter().find_map(harness::program) else { return skip("Python is missing") };
    let packages = folder("python");
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(&packages);
    install.arg("-r").arg(scripts().join("requirements.txt"));
    if !packages.join("redis").is_dir() && !succeeds(&mut install) {
        return skip("pip could not install redis");
    }
    speak(Command::new(&python).env("PYTHONPATH", &packages).arg(scripts().join("redis_py.py")));
}

/// The example of examples/fastapi: fastapi-cache over redis.asyncio, unchanged.
#[test]
fn fastapi_cache_works() {
    let Some(python) = ["python3", "python"].into_iter().find_map(harness::program) else { return skip("Python is missing") };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fastapi");
    let packages = folder("fastapi");
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(&packages);
    install.arg("-r").arg(example.join("requirements.txt"));
    if !packages.join("fastapi_cache").is_dir() && !succeeds(&mut install) {
        return skip("pip could not install fastapi-cache");
    }
    speak(Command::new(&python).env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1").arg(example.join("check.py")));
}

/// Runs a script with the port of a fresh server as its last word.
fn speak(command: &mut Command) {
    let server = Server::start(&[]);
    let output = command.arg(server.port.to_string()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("checks passed"), "{text}");
    eprintln!("{}", text.trim_end());
}

/// A folder with the scripts and the packages that they import.
fn node() -> Option<PathBuf> {
    // Two tests share the installation; cargo runs them at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if harness::program("node").is_none() || harness::program("npm").is_none() {
        skip("Node or npm is missing");
        return None;
    }
    let folder = folder("node");
    for file in ["package.json", "ioredis.mjs", "node-redis.mjs"] {
        std::fs::copy(scripts().join(file), folder.join(file)).unwrap();
    }
    let installed = folder.join("node_modules/redis").is_dir() && folder.join("node_modules/ioredis").is_dir();
    if !installed
        && !succeeds(Command::new("npm").current_dir(&folder).args(["install", "--no-audit", "--no-fund", "--no-package-lock"]))
    {
        skip("npm could not install the clients");
        return None;
    }
    Some(folder)
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn succeeds(command: &mut Command) -> bool {
    let output = command.output();
    if let Ok(output) = &output {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.is_ok_and(|output| output.status.success())
}

fn skip(why: &str) {
    assert!(std::env::var_os("CLIENTS").is_none_or(|wish| wish != "required"), "{why}");
    eprintln!("skipped: {why}");
}
