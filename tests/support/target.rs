//! What the scenarios and the fuzzer talk to: bytes in, replies out, a clock that can be moved.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::resp::{Value, decode, encode};

/// Number of a connected client.
pub type Client = usize;

#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    Closed,
    Silent,
    Garbage(String),
}

/// The version of Redis up to which scenarios hold for ours: some of what came after 7.0 is there.
pub const OURS: (u32, u32) = (8, 8);

pub trait Target {
    fn name(&self) -> String;

    /// The Redis version whose behaviour this target shows.
    fn version(&self) -> (u32, u32) {
        (7, 0)
    }

    /// No keys, the configuration of the start, no clients.
    fn fresh(&mut self);

    fn connect(&mut self) -> Client;

    fn send(&mut self, client: Client, bytes: &[u8]);

    /// The next reply to this client.
    fn receive(&mut self, client: Client) -> Result<Value, Trouble>;

    /// Up to `want` bytes as they stand on the wire, and whether the target hung up after them.
    fn receive_raw(&mut self, client: Client, want: usize, until_closed: bool) -> (Vec<u8>, bool);

    /// Is there no reply on its way to this client?
    fn quiet(&mut self, client: Client) -> bool;

    fn close(&mut self, client: Client);

    /// Lets this much time pass.
    fn advance(&mut self, ms: u64);

    /// Brings a clock that the target does not read itself up to the present.
    fn sync_clock(&mut self) {}

    /// Does it have this command at all? A real server has everything.
    fn knows(&mut self, _argv: &[Vec<u8>]) -> bool {
        true
    }

    /// Are its own books in order?
    fn check(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn call(&mut self, client: Client, argv: &[Vec<u8>]) -> Result<Value, Trouble> {
        self.send(client, &encode(argv));
        self.receive(client)
    }

    /// A command given as words.
    fn ask(&mut self, client: Client, line: &str) -> Value {
        let argv = super::words::split(line).unwrap();
        self.call(client, &argv).unwrap_or_else(|trouble| panic!("{}: {line}: {trouble:?}", self.name()))
    }
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Address {
    Unix(PathBuf),
    Tcp(u16),
}

impl Address {
    fn connect(&self) -> std::io::Result<Box<dyn Socket>> {
        Ok(match self {
            Address::Unix(path) => Box::new(UnixStream::connect(path)?),
            Address::Tcp(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port))?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

/// Either kind of socket.
trait Socket: Read + Write {
    fn patience(&self, time: Duration);
}

impl Socket for UnixStream {
    fn patience(&self, time: Duration) {
        self.set_read_timeout(Some(time)).unwrap();
    }
}

impl Socket for TcpStream {
    fn patience(&self, time: Duration) {
        self.set_read_timeout(Some(time)).unwrap();
    }
}

/// A server process of the test's own, spoken to through a socket, ended with the test.
pub struct Server {
    name: String,
    child: Child,
    address: Address,
    clients: Vec<Option<Wire>>,
    admin: Wire,
    config: Vec<(Vec<u8>, Vec<u8>)>,
    /// The engine behind the server, to be asked which commands there are.
    engine: Option<super::engine::InProcess>,
}

struct Wire {
    stream: Box<dyn Socket>,
    input: Vec<u8>,
    at: usize,
}

static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Server {
    /// Debian's redis-server, the reference of all behaviour. `None`, with a printed reason, where it is not installed.
    pub fn redis() -> Option<Server> {
        let program = std::env::var("CACHETTE_REDIS_SERVER").unwrap_or_else(|_| "redis-server".into());
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let socket = std::env::temp_dir().join(format!("cachette-test-{}-{serial}.sock", std::process::id()));
        match Server::start("redis-server", &program, Address::Unix(socket)) {
            Ok(server) => Some(server),
            Err(reason) => {
                println!("skipped: no redis-server to compare with ({reason})");
                assert!(std::env::var_os("CACHETTE_REQUIRE_REDIS").is_none(), "redis-server is required here: {reason}");
                None
            }
        }
    }

    /// Any server that takes redis-server's options.
    pub fn start(name: &str, program: &str, address: Address) -> Result<Server, String> {
        Self::start_with(name, program, address, &[])
    }

    pub fn start_with(name: &str, program: &str, address: Address, options: &[&str]) -> Result<Server, String> {
        let mut command = Command::new(program);
        command.args(["--save", "", "--appendonly", "no", "--databases", "16", "--enable-debug-command", "yes"]).args(options);
        match &address {
            Address::Unix(socket) => {
                let _ = std::fs::remove_file(socket);
                command.args(["--port", "0", "--unixsocket"]).arg(socket);
            }
            Address::Tcp(port) => {
                command.args(["--port", &port.to_string()]);
            }
        }
        command.current_dir(std::env::temp_dir()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        let started = Instant::now();
        let stream = loop {
            if let Ok(stream) = address.connect() {
                break stream;
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{program} ended at once: {status}"));
            }
            if started.elapsed() > Duration::from_secs(20) {
                let _ = child.kill();
                return Err(format!("{program} does not answer on {address:?}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut server = Server {
            name: name.into(),
            child,
            address,
            clients: Vec::new(),
            admin: Wire::new(stream),
            config: Vec::new(),
            engine: None,
        };
        server.config = server.read_config();
        Ok(server)
    }

    /// `cachette-server`, built beside the tests, over TCP.
    #[cfg(feature = "server")]
    pub fn cachette() -> Server {
        let program = env!("CARGO_BIN_EXE_cachette-server");
        let mut server = Server::start("cachette-server", program, Address::Tcp(super::port::free())).unwrap();
        server.engine = Some(super::engine::InProcess::new(1));
        server
    }

    fn admin(&mut self, words: &[&[u8]]) -> Value {
        let argv: Vec<Vec<u8>> = words.iter().map(|w| w.to_vec()).collect();
        self.admin.send(&encode(&argv));
        self.admin.receive().unwrap_or_else(|trouble| panic!("{}: {}: {trouble:?}", self.name, super::words::line(&argv)))
    }

    fn read_config(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = self.admin(&[b"CONFIG", b"GET", b"*"]);
        all.items().chunks(2).map(|pair| (pair[0].text().unwrap(), pair[1].text().unwrap())).collect()
    }
}

impl Target for Server {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn version(&self) -> (u32, u32) {
        if self.engine.is_some() { OURS } else { (7, 0) }
    }

    fn fresh(&mut self) {
        self.clients.clear();
        let now = self.read_config();
        let before = self.config.clone();
        for ((name, value), (_, changed)) in before.iter().zip(&now) {
            if value != changed {
                let answer = self.admin(&[b"CONFIG", b"SET", name, value]);
                assert!(!answer.is_error(), "{}: cannot restore {}: {answer:?}", self.name, String::from_utf8_lossy(name));
            }
        }
        self.admin(&[b"FLUSHALL"]);
        self.admin(&[b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"]);
        self.admin(&[b"CONFIG", b"RESETSTAT"]);
        self.admin(&[b"ACL", b"SETUSER", b"default", b"clearselectors", b"on", b"nopass", b"allkeys", b"allchannels", b"+@all"]);
        for user in self.admin(&[b"ACL", b"USERS"]).items() {
            self.admin(&[b"ACL", b"DELUSER", &user.text().unwrap()]);
        }
        self.admin(&[b"ACL", b"LOG", b"RESET"]);
    }

    fn connect(&mut self) -> Client {
        let stream = self.address.connect().unwrap();
        self.clients.push(Some(Wire::new(stream)));
        self.clients.len() - 1
    }

    fn send(&mut self, client: Client, bytes: &[u8]) {
        if let Some(wire) = &mut self.clients[client] {
            wire.send(bytes);
        }
    }

    fn receive(&mut self, client: Client) -> Result<Value, Trouble> {
        self.clients[client].as_mut().ok_or(Trouble::Closed)?.receive()
    }

    fn receive_raw(&mut self, client: Client, want: usize, until_closed: bool) -> (Vec<u8>, bool) {
        match self.clients[client].as_mut() {
            Some(wire) => wire.receive_raw(want, until_closed),
            None => (Vec::new(), true),
        }
    }

    fn quiet(&mut self, client: Client) -> bool {
        self.clients[client].as_mut().is_none_or(Wire::quiet)
    }

    fn close(&mut self, client: Client) {
        self.clients[client] = None;
    }

    fn knows(&mut self, argv: &[Vec<u8>]) -> bool {
        self.engine.as_mut().is_none_or(|engine| engine.knows(argv))
    }

    fn advance(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Address::Unix(socket) = &self.address {
            let _ = std::fs::remove_file(socket);
        }
    }
}

impl Wire {
    fn new(stream: Box<dyn Socket>) -> Self {
        stream.patience(Duration::from_secs(10));
        Self { stream, input: Vec::new(), at: 0 }
    }

    fn send(&mut self, bytes: &[u8]) {
        // A target that hung up is noticed when its reply is read.
        let _ = self.stream.write_all(bytes);
    }

    fn fill(&mut self) -> Result<(), Trouble> {
        if self.at > 0 {
            self.input.drain(..self.at);
            self.at = 0;
        }
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(Trouble::Closed),
            Ok(n) => {
                self.input.extend_from_slice(&chunk[..n]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Err(Trouble::Silent),
            Err(_) => Err(Trouble::Closed),
        }
    }

    fn receive(&mut self) -> Result<Value, Trouble> {
        loop {
            if let Some((value, used)) = decode(&self.input[self.at..]).map_err(Trouble::Garbage)? {
                self.at += used;
                return Ok(value);
            }
            self.fill()?;
        }
    }

    fn receive_raw(&mut self, want: usize, until_closed: bool) -> (Vec<u8>, bool) {
        let mut closed = false;
        self.stream.patience(Duration::from_millis(1000));
        while !closed && (until_closed || self.input.len() - self.at < want) {
            match self.fill() {
                Ok(()) => {}
                Err(Trouble::Closed) => closed = true,
                Err(_) => break,
            }
        }
        self.stream.patience(Duration::from_secs(10));
        let bytes = self.input[self.at..].to_vec();
        self.at = self.input.len();
        (bytes, closed)
    }

    fn quiet(&mut self) -> bool {
        self.stream.patience(Duration::from_millis(30));
        let answer = self.input.len() == self.at && self.fill() == Err(Trouble::Silent);
        self.stream.patience(Duration::from_secs(10));
        answer
    }
}
