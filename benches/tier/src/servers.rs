//! Real servers, started on loopback and below `target/`, killed when dropped.

use anyhow::{Context, Result, bail};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One redis-server.
pub struct Server {
    child: Option<Child>,
    pub port: u16,
    folder: PathBuf,
    args: Vec<String>,
}

fn folder(port: u16) -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/chaos").join(port.to_string());
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A port that is free now. Below those that the system hands out, and so that the cluster's own (10000 more) is one too.
pub fn free_port() -> Result<u16> {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    for _ in 0..2000 {
        let at = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = 17_000 + (std::process::id() as u16).wrapping_mul(13).wrapping_add(at) % 4000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port")
}

impl Server {
    pub fn start(args: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let mut server =
            Self { child: None, port, folder: folder(port)?, args: args.iter().map(|arg| (*arg).to_owned()).collect() };
        server.restart()?;
        Ok(server)
    }

    /// Starts it anew, empty.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        command.current_dir(&self.folder).args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().context("cannot start redis-server")?);
        self.wait()
    }

    fn wait(&self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if cli(self.port, &["PING"]).is_ok_and(|reply| reply.trim() == "PONG") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("redis-server on port {} does not answer", self.port)
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.as_ref().context("it does not run")?.id();
        let done = Command::new("kill").args([format!("-{name}"), id.to_string()]).status()?;
        if done.success() { Ok(()) } else { bail!("kill -{name} {id} failed") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What redis-cli prints.
pub fn cli(port: u16, words: &[&str]) -> Result<String> {
    let out = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().context("cannot start redis-cli")?;
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Three masters with a replica each.
pub fn cluster() -> Result<Vec<Server>> {
    let args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-config-file", "nodes.conf"];
    let servers = (0..6).map(|_| Server::start(&args)).collect::<Result<Vec<_>>>()?;
    let hosts: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(&hosts).args(["--cluster-replicas", "1", "--cluster-yes"]);
    let out = create.stdin(Stdio::null()).output()?;
    if !out.status.success() {
        bail!("redis-cli --cluster create: {}", String::from_utf8_lossy(&out.stdout));
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        let settled =
            |server: &Server| cli(server.port, &["CLUSTER", "INFO"]).is_ok_and(|info| info.contains("cluster_state:ok"));
        let replicas = servers.iter().filter(|server| {
            cli(server.port, &["ROLE"]).is_ok_and(|role| role.starts_with("slave") && role.contains("connected"))
        });
        if servers.iter().all(settled) && replicas.count() == 3 {
            return Ok(servers);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the cluster did not come up")
}

/// A master, a replica, and three sentinels that watch them as `mymaster`.
pub struct Sentinels {
    pub servers: Vec<Server>,
    sentinels: Vec<(Child, PathBuf)>,
    pub ports: Vec<u16>,
}

impl Sentinels {
    pub fn start() -> Result<Self> {
        let master = Server::start(&["--repl-diskless-sync-delay", "0"])?;
        let port = master.port.to_string();
        let replica = Server::start(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"])?;
        let mut all = Self { servers: vec![master, replica], sentinels: Vec::new(), ports: Vec::new() };
        for _ in 0..3 {
            let own = free_port()?;
            let folder = folder(own)?;
            let text = format!(
                "port {own}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {port} 2\nsentinel down-after-milliseconds mymaster 500\n\
                 sentinel failover-timeout mymaster 3000\nsentinel parallel-syncs mymaster 1\n"
            );
            std::fs::write(folder.join("sentinel.conf"), text)?;
            let mut command = Command::new("redis-server");
            command
                .current_dir(&folder)
                .args(["sentinel.conf", "--sentinel"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            all.sentinels.push((command.spawn().context("cannot start redis-server --sentinel")?, folder));
            all.ports.push(own);
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            let knows = |port: &u16| {
                cli(*port, &["SENTINEL", "MASTER", "mymaster"]).is_ok_and(|info| {
                    let lines: Vec<&str> = info.lines().collect();
                    let value =
                        |name: &str| lines.iter().position(|line| *line == name).and_then(|at| lines.get(at + 1)).copied();
                    value("num-slaves") == Some("1") && value("num-other-sentinels") == Some("2")
                })
            };
            if all.ports.iter().all(knows) {
                return Ok(all);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the sentinels do not see each other")
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for (child, folder) in &mut self.sentinels {
            let _ = child.kill();
            let _ = child.wait();
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
