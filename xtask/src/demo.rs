//! `cargo xtask demo`: the main job, end to end. A new part of it is one more entry in [`STEPS`].

use crate::steps::{self, Counts, Step, timed};
use crate::{npm, package, process, workspace};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

const STEPS: &[Step] = &[
    Step { name: "cache", about: "the packed npm package, installed outside the tree, before a slow HTTP service", run: cache },
    Step { name: "server", about: "the same engine as cachette-server, asked by a stock Redis client", run: server },
];

/// Runs the chosen steps and fails if one did.
pub fn run(chosen: &[String], list: bool) -> Result<()> {
    if list {
        return steps::list(STEPS);
    }
    let Counts { failed, .. } = steps::run(STEPS, chosen)?;
    if failed > 0 {
        bail!("{failed} of the demo's steps failed");
    }
    println!("\nThe console page: `cargo xtask www`, then open http://127.0.0.1:8080");
    Ok(())
}

/// A folder outside the tree that goes when it is dropped.
struct Elsewhere(PathBuf);

impl Elsewhere {
    /// With the demo's files and the packages of its lock.
    fn with_demo(name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("cachette-demo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let elsewhere = Self(folder);
        for entry in std::fs::read_dir(workspace::root().join("examples/demo"))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), elsewhere.0.join(entry.file_name()))?;
            }
        }
        npm::ensure(&elsewhere.0)?;
        Ok(elsewhere)
    }

    fn node(&self, script: &str, args: &[&str]) -> Result<()> {
        let mut node = process::command("node", &self.0);
        node.arg(script).args(args).stdin(Stdio::null());
        let status = node.status().context("cannot start node")?;
        if status.success() { Ok(()) } else { bail!("{script} ended with {status}") }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn cache() -> Result<Counts> {
    let tarball = package::pack()?;
    let elsewhere = Elsewhere::with_demo("cache")?;
    timed("npm install of the tarball", || {
        let mut install = process::command("npm", &elsewhere.0);
        install.args(["install", "--no-save", "--offline", "--no-audit", "--no-fund", "--loglevel=error"]).arg(&tarball);
        process::output(&mut install)
    })?;
    elsewhere.node("cache.js", &[])?;
    Ok(Counts::ONE)
}

fn server() -> Result<Counts> {
    let binary = timed("cargo build of cachette-server (release)", || {
        let args = ["build", "--release", "--package", "cachette", "--features", "server", "--bin", "cachette-server"];
        process::run(process::cargo().args(args))?;
        Ok(workspace::target().join("release/cachette-server"))
    })?;
    let elsewhere = Elsewhere::with_demo("server")?;
    let server = Server::start(&binary)?;
    elsewhere.node("client.js", &[&server.port.to_string()])?;
    Ok(Counts::ONE)
}

/// A running `cachette-server`, ended when it is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(binary: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = process::command(&binary.to_string_lossy(), &workspace::root());
        command.args(["--port", &port.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start cachette-server")?;
        let stdout = child.stdout.take().context("cachette-server has no output")?;
        let server = Self { child, port };
        for line in BufReader::new(stdout).lines() {
            if line?.contains("Ready to accept connections") {
                return Ok(server);
            }
        }
        bail!("cachette-server ended before it was ready")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
