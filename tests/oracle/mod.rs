//! A real redis-server to ask, for tests that compare with it. Started on a free port of the loopback, stopped on drop.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../support/port.rs"]
mod port;

/// A reply of the server. RESP3's other shapes are not needed here.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// A bulk string, a simple string, or a RESP3 double in its written form.
    Text(Vec<u8>),
    Integer(i64),
    Error(String),
    Array(Vec<Reply>),
    Nil,
}

impl Reply {
    /// The bytes of a text reply.
    pub fn text(self) -> Vec<u8> {
        match self {
            Reply::Text(bytes) => bytes,
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The bytes of a text reply, or nothing for an error.
    pub fn ok(self) -> Option<Vec<u8>> {
        match self {
            Reply::Error(_) => None,
            other => Some(other.text()),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    pub fn array(self) -> Vec<Reply> {
        match self {
            Reply::Array(replies) => replies,
            other => panic!("not an array: {other:?}"),
        }
    }
}

pub struct Oracle {
    server: Child,
    reader: BufReader<TcpStream>,
    out: Vec<u8>,
    pending: usize,
}

impl Oracle {
    /// The server, or `None` with a printed reason where there is none of version 7.0 on PATH.
    pub fn start() -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        match version {
            Ok(output) if String::from_utf8_lossy(&output.stdout).contains("v=7.0.") => {}
            _ => {
                println!("skipped: no redis-server 7.0 on PATH to compare with");
                return None;
            }
        }
        let port = port::free();
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let socket = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(socket) => break socket,
                Err(why) => assert!(Instant::now() < end, "redis-server does not answer: {why}"),
            }
            std::thread::yield_now();
        };
        socket.set_nodelay(true).unwrap();
        Some(Self { server, reader: BufReader::new(socket), out: Vec::new(), pending: 0 })
    }

    /// Puts a command into the pipeline.
    pub fn push(&mut self, words: &[&[u8]]) {
        write!(self.out, "*{}\r\n", words.len()).unwrap();
        for word in words {
            write!(self.out, "${}\r\n", word.len()).unwrap();
            self.out.extend_from_slice(word);
            self.out.extend_from_slice(b"\r\n");
        }
        self.pending += 1;
    }

    /// Sends the pipeline and reads all its replies.
    pub fn flush(&mut self) -> Vec<Reply> {
        let out = std::mem::take(&mut self.out);
        let mut socket = self.reader.get_ref().try_clone().unwrap();
        let writer = std::thread::spawn(move || socket.write_all(&out).unwrap());
        let replies = (0..std::mem::take(&mut self.pending)).map(|_| self.read()).collect();
        writer.join().unwrap();
        replies
    }

    pub fn ask(&mut self, words: &[&[u8]]) -> Reply {
        self.push(words);
        self.flush().pop().unwrap()
    }

    fn read(&mut self) -> Reply {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).unwrap();
        line.truncate(line.len().saturating_sub(2));
        let (kind, rest) = line.split_first().expect("the server closed the connection");
        let number = || std::str::from_utf8(rest).unwrap().parse::<i64>().unwrap();
        match kind {
            b'+' | b',' => Reply::Text(rest.to_vec()),
            b'-' => Reply::Error(String::from_utf8_lossy(rest).into_owned()),
            b':' => Reply::Integer(number()),
            b'_' => Reply::Nil,
            b'$' | b'*' if number() < 0 => Reply::Nil,
            b'$' => {
                let mut bytes = vec![0; number() as usize + 2];
                self.reader.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                Reply::Text(bytes)
            }
            b'*' | b'~' => Reply::Array((0..number()).map(|_| self.read()).collect()),
            b'%' => Reply::Array((0..number() * 2).map(|_| self.read()).collect()),
            other => panic!("unexpected reply type {:?}", *other as char),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// xorshift64*: a seed printed by the test is a run that can be repeated.
pub struct Random(pub u64);

impl Random {
    /// Seeded from `CACHETTE_SEED`, else from the clock; printed, so that a failing run can be repeated.
    pub fn new() -> Self {
        let seed = std::env::var("CACHETTE_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1);
        println!("CACHETTE_SEED={seed}");
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn text(&mut self, alphabet: &[u8], lengths: std::ops::Range<usize>) -> Vec<u8> {
        let len = lengths.start + self.below(lengths.len());
        (0..len).map(|_| self.pick(alphabet)).collect()
    }
}
