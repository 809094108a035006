//! Starts the program, waits until it is ready, and speaks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[path = "../support/port.rs"]
mod port;

const BINARY: &str = env!("CARGO_BIN_EXE_cachette-server");
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    child: Child,
    pub port: u16,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// On a free port, with these words behind `--port`, and ready.
    pub fn start(args: &[&str]) -> Server {
        Self::start_on(&port::free().to_string(), args)
    }

    pub fn start_on(port: &str, args: &[&str]) -> Server {
        Self::spawn(Command::new(BINARY), port, args, true)
    }

    /// For a server whose log goes elsewhere: it is ready when it lets somebody in.
    pub fn start_silent(args: &[&str]) -> Server {
        let server = Self::spawn(Command::new(BINARY), &port::free().to_string(), args, false);
        until(|| TcpStream::connect(("127.0.0.1", server.port)).is_ok());
        server
    }

    /// In a shell that was given `prelude` first.
    pub fn start_under(prelude: &str, args: &[&str]) -> Server {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{prelude}; exec \"$0\" \"$@\""), BINARY]);
        Self::spawn(command, &port::free().to_string(), args, true)
    }

    fn spawn(mut command: Command, port: &str, args: &[&str], wait: bool) -> Server {
        // A configuration file must come first, flags after it.
        let (file, flags) = match args {
            [first, rest @ ..] if !first.starts_with('-') => (Some(first), rest),
            all => (None, all),
        };
        let mut child =
            command.args(file).args(["--port", port]).args(flags).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sink = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut server = Server { child, port: port.parse().unwrap(), log };
        if wait {
            until(|| {
                let ended = server.child.try_wait().unwrap();
                assert!(ended.is_none(), "the server ended: {ended:?}\n{}", server.log());
                server.log().contains("Ready to accept connections")
            });
        }
        server
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// The exit status, once the server has ended.
    pub fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        until(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    pub fn free_port() -> u16 {
        port::free()
    }

    pub fn connect(&self) -> Client {
        self.connect_to("127.0.0.1")
    }

    pub fn connect_to(&self, address: &str) -> Client {
        let stream = TcpStream::connect((address, self.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// Sends, reading nothing. Big inputs that must be answered meanwhile would block here; the server reads on without limit, so they do not.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// False when the other side does not want more.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        self.stream.write_all(bytes).is_ok()
    }

    pub fn expect(&mut self, reply: &[u8]) {
        let mut got = vec![0; reply.len()];
        self.stream.read_exact(&mut got).unwrap();
        if got != reply {
            let at = got.iter().zip(reply).position(|(got, want)| got != want).unwrap();
            let near = |bytes: &[u8]| bytes[at.saturating_sub(20)..bytes.len().min(at + 60)].escape_ascii().to_string();
            panic!("at byte {at}: got «{}», expected «{}»", near(&got), near(reply));
        }
    }

    /// A line without its end; empty when the connection was closed.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && self.stream.read(&mut byte).is_ok_and(|length| length == 1) {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// So many bytes as text.
    pub fn take(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "after the end: {}", rest.escape_ascii());
    }

    /// A connection that is cut with unread bytes in it ends in a reset.
    pub fn expect_end_or_reset(&mut self) {
        let mut rest = Vec::new();
        if let Err(error) = self.stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        assert!(rest.is_empty(), "{} bytes came first", rest.len());
    }

    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// The same socket once more, for another thread to read from.
    pub fn split(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }
}

/// Runs the program until it ends by itself: its status, and all it said.
pub fn refused(args: &[&str], stdin: &str) -> (Option<i32>, String) {
    let mut child =
        Command::new(BINARY).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// Waits until something is so, for as long as is reasonable.
pub fn until(mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A request as an array of bulk strings.
pub fn request(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend(bulk(arg));
    }
    bytes
}

pub fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A fresh folder of this test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cachette-test-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A program on PATH, or `None` with a word on why the test does nothing.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not on PATH");
    }
    found
}

/// An address of this machine that is not loopback. Nothing is sent: connecting a datagram socket only chooses the way.
pub fn outer_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}
