//! Servers as processes: started on a free port, spoken to, and weighed by what the system booked on them.

use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs until this is dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

/// The core that servers are bound to; who asks runs on another.
const SERVER_CORE: &str = "0";
pub const CLIENT_CORE: &str = "1";

impl Server {
    /// redis-server without persistence.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn redis() -> Result<Self, Box<dyn Error>> {
        Self::valkey("redis-server")
    }

    /// A program with redis-server's options, without persistence.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn valkey(program: &str) -> Result<Self, Box<dyn Error>> {
        Self::start(program, &["--save", "", "--appendonly", "no", "--loglevel", "warning"])
    }

    /// kevy with one thread and without persistence.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn kevy(program: &str) -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join("cachette-bench-kevy");
        std::fs::create_dir_all(&folder)?;
        let folder = folder.to_str().ok_or("the folder for temporary files has an odd name")?;
        Self::start(program, &["--threads", "1", "--no-aof", "--dir", folder])
    }

    /// This project's server, which `cargo xtask bench` has built.
    ///
    /// # Errors
    /// It is not there, or does not start.
    pub fn cachette() -> Result<Self, Box<dyn Error>> {
        let program = std::env::var("CACHETTE_SERVER").unwrap_or_else(|_| "target/release/cachette-server".to_owned());
        Self::start(&program, &[])
    }

    /// A server that only reads and writes: batches of so many bytes, and replies of so many.
    ///
    /// # Errors
    /// It does not start.
    pub fn floor(batch: usize, replies: usize) -> Result<Self, Box<dyn Error>> {
        let program = std::env::current_exe()?;
        let program = program.to_str().ok_or("the bench lies below a folder with an odd name")?;
        // `--port PORT` comes first.
        Self::started(&["floor"], program, &[&batch.to_string(), &replies.to_string()])
    }

    /// Takes the core away from the process, so that another server has it alone: kevy's threads never sleep.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn pause(&self) -> Result<(), Box<dyn Error>> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::STOP)?)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn resume(&self) -> Result<(), Box<dyn Error>> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }

    fn start(program: &str, options: &[&str]) -> Result<Self, Box<dyn Error>> {
        Self::started(&[], program, options)
    }

    fn started(first: &[&str], program: &str, options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("taskset")
            .args(["-c", SERVER_CORE, program])
            .args(first)
            .args(["--port", &port.to_string()])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { child, port };
        let patience = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if patience.elapsed() > Duration::from_secs(10) {
                return Err(format!("{program} does not answer").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// # Errors
    /// The server does not answer.
    pub fn client(&self) -> Result<Client, Box<dyn Error>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, input: Vec::new() })
    }

    /// Nanoseconds of CPU that the process has used, user and system time of all its threads.
    pub fn cpu_time(&self) -> f64 {
        self.scheduled().unwrap_or_else(|| self.booked())
    }

    /// As the scheduler counted, to the nanosecond; not every kernel tells it.
    fn scheduled(&self) -> Option<f64> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let mut sum = 0.0;
        for thread in threads {
            let told = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            sum += told.split_whitespace().next()?.parse::<f64>().ok()?;
        }
        Some(sum)
    }

    /// As the system booked, to its tick (10 ms).
    fn booked(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name, in parentheses, may hold spaces; user and system time are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().filter_map(|&at| fields.get(at)?.parse::<f64>().ok()).sum();
        ticks * 1e9 / rustix::param::clock_ticks_per_second() as f64
    }

    /// Resident bytes.
    pub fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

const MARK: &[u8] = b"*2\r\n$4\r\nECHO\r\n$16\r\n<end of a batch>\r\n";
const MARKED: &[u8] = b"$16\r\n<end of a batch>\r\n";

impl Client {
    /// Sends requests in one piece and waits for all replies, which it returns.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn batch(&mut self, requests: &[u8]) -> Result<&[u8], Box<dyn Error>> {
        self.stream.write_all(&[requests, MARK].concat())?;
        self.input.clear();
        let mut piece = [0; 65536];
        while !self.input.ends_with(MARKED) {
            match self.stream.read(&mut piece)? {
                0 => return Err("the server closed the connection".into()),
                read => self.input.extend_from_slice(&piece[..read]),
            }
        }
        Ok(&self.input[..self.input.len() - MARKED.len()])
    }

    /// A number out of `INFO memory`.
    ///
    /// # Errors
    /// The connection breaks, or there is no such number.
    pub fn memory(&mut self, name: &str) -> Result<f64, Box<dyn Error>> {
        let text = String::from_utf8_lossy(self.batch(b"*2\r\n$4\r\nINFO\r\n$6\r\nmemory\r\n")?).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.ok_or("INFO does not tell it")?.trim().parse()?)
    }
}

/// Appends a request.
pub fn request(out: &mut Vec<u8>, words: &[&[u8]]) {
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
