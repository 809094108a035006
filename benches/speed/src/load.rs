//! A client that costs less than the servers it measures: requests are encoded before the clock starts, and replies are counted, not read.
//!
//! redis-benchmark encodes and parses each request anew. From sixteen in a pipeline on it is busier than either server, and what it tells is its own speed
//! (`benches/results/server.md` has both). This one writes the same bytes; per batch it makes one call to write and one to read.

use crate::measure::Random;
use crate::server::Rate;
use crate::servers::{CLIENT_CORE, Server, request};
use rustix::event::epoll;
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Keys that are asked for, and bytes of a value.
pub const KEYS: usize = 100_000;
pub const VALUE: usize = 16;
/// Different batches that a measurement sends, at least; and requests that it has encoded.
const BATCHES: usize = 64;
const ENCODED: usize = 200_000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Set,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Set => "SET",
        }
    }

    /// Bytes of a reply.
    pub fn reply(self) -> usize {
        match self {
            Self::Get => format!("${VALUE}\r\n\r\n").len() + VALUE,
            Self::Set => "+OK\r\n".len(),
        }
    }

    /// Appends a request for the key of this number.
    pub fn encode(self, key: usize, out: &mut Vec<u8>) {
        let key = format!("key:{key:012}");
        match self {
            Self::Get => request(out, &[b"GET", key.as_bytes()]),
            Self::Set => request(out, &[b"SET", key.as_bytes(), &[b'v'; VALUE]]),
        }
    }

    /// Bytes of a request.
    pub fn request(self) -> usize {
        let mut one = Vec::new();
        self.encode(0, &mut one);
        one.len()
    }
}

/// What is asked: `requests` in batches of `pipeline`, by `clients` each of which has one batch on its way.
#[derive(Clone, Copy)]
pub struct Load {
    pub verb: Verb,
    pub pipeline: usize,
    pub clients: usize,
    pub requests: usize,
}

struct Client {
    stream: TcpStream,
    /// Bytes of replies that are still to come.
    missing: usize,
}

/// Binds this thread to the core that clients run on.
fn to_client_core() -> Result<(), Box<dyn Error>> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(CLIENT_CORE.parse()?);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

/// Requests a second that the server answers, and CPU nanoseconds that one takes it.
///
/// # Errors
/// A connection breaks, or a reply has another length than it should.
pub fn ask(server: &Server, load: Load) -> Result<Rate, Box<dyn Error>> {
    std::thread::scope(|scope| {
        let client = scope.spawn(move || run(server, load).map_err(|error| error.to_string()));
        Ok(client.join().map_err(|_| "the client panicked")??)
    })
}

/// Each key once.
///
/// # Errors
/// The server does not take them.
pub fn fill(port: u16) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    for from in (0..KEYS).step_by(100) {
        let mut batch = Vec::new();
        (from..from + 100).for_each(|key| Verb::Set.encode(key, &mut batch));
        stream.write_all(&batch)?;
        let mut replies = vec![0; 100 * Verb::Set.reply()];
        stream.read_exact(&mut replies)?;
    }
    Ok(())
}

fn run(server: &Server, load: Load) -> Result<Rate, Box<dyn Error>> {
    to_client_core()?;
    let mut random = Random(load.pipeline as u64);
    let batches: Vec<Vec<u8>> = (0..BATCHES.max(ENCODED / load.pipeline))
        .map(|_| {
            let mut batch = Vec::new();
            (0..load.pipeline).for_each(|_| load.verb.encode(random.below(KEYS), &mut batch));
            batch
        })
        .collect();
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut clients = Vec::new();
    for at in 0..load.clients {
        let stream = TcpStream::connect(("127.0.0.1", server.port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&poll, &stream, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
        clients.push(Client { stream, missing: 0 });
    }
    let mut next = batches.iter().cycle();
    let mut left = load.requests / load.pipeline;
    let replies = load.verb.reply() * load.pipeline;
    let mut waiting = 0;
    let mut buffer = vec![0; 1 << 16];
    let mut events = Vec::with_capacity(256);
    // The server has taken up all connections by then.
    std::thread::sleep(Duration::from_millis(100));
    let (start, before) = (Instant::now(), server.cpu_time());
    for client in &mut clients {
        send(client, next.next(), replies)?;
        (left, waiting) = (left.saturating_sub(1), waiting + 1);
    }
    while waiting > 0 {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let client = &mut clients[event.data.u64() as usize];
            if !receive(client, &mut buffer)? {
                continue;
            }
            if left == 0 {
                waiting -= 1;
                continue;
            }
            left -= 1;
            send(client, next.next(), replies)?;
        }
    }
    let took = start.elapsed().as_secs_f64();
    Ok((load.requests as f64 / took, (server.cpu_time() - before) / load.requests as f64))
}

/// A batch fits into an empty socket's buffer, so it goes in one piece.
fn send(client: &mut Client, batch: Option<&Vec<u8>>, replies: usize) -> Result<(), Box<dyn Error>> {
    let batch = batch.ok_or("no batches")?;
    client.missing = replies;
    if client.stream.write(batch)? != batch.len() {
        return Err("a batch did not fit into the socket's buffer".into());
    }
    Ok(())
}

/// Whether all replies of the batch have come.
fn receive(client: &mut Client, buffer: &mut [u8]) -> Result<bool, Box<dyn Error>> {
    match client.stream.read(buffer) {
        Ok(0) => Err("the server closed the connection".into()),
        Ok(read) if buffer[0] == b'-' => Err(String::from_utf8_lossy(&buffer[..read]).into()),
        Ok(read) => {
            client.missing = client.missing.checked_sub(read).ok_or("replies are longer than they should be")?;
            Ok(client.missing == 0)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}
