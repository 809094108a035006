//! One client: its socket, what it sent and is not whole yet, what it is owed and could not be written yet.
//!
//! An idle connection holds no buffers. Input is read into a buffer that all share, and only an unfinished request is kept here; replies
//! go out from a buffer that is lent for the turn, and only what the socket did not take stays.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use cachette::session::SessionId;
use mio::event::Source;
use mio::{Interest, Registry, Token};

use crate::framing::Frame;
use crate::listen::show;

pub enum Stream {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Stream {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }

    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    /// The descriptor's number, for CLIENT LIST.
    pub fn descriptor(&self) -> i64 {
        i64::from(match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        })
    }

    /// The address at this end, for CLIENT LIST; empty where the system does not tell.
    pub fn local_address(&self) -> String {
        match self {
            Stream::Tcp(stream) => stream.local_addr().map(show).unwrap_or_default(),
            Stream::Unix(stream) => {
                let address = stream.local_addr().ok();
                let path = address.and_then(|address| address.as_pathname().map(|path| path.display().to_string()));
                format!("{}:0", path.unwrap_or_default())
            }
        }
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.source().register(registry, token, Interest::READABLE)
    }

    pub fn deregister(&mut self, registry: &Registry) {
        let _ = self.source().deregister(registry);
    }
}

/// Whether a connection is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    No,
    /// Once what it is owed is written, or the moment (in Unix milliseconds) has come.
    AfterFlush {
        at_latest: u64,
    },
}

pub struct Connection {
    pub stream: Stream,
    pub session: SessionId,
    /// The unfinished request, and what came behind it.
    pub input: Vec<u8>,
    pub frame: Frame,
    /// Replies not taken by the socket yet: those from `sent` on.
    pub output: Vec<u8>,
    pub sent: usize,
    /// The poll watches for room in the socket.
    pub watches_writable: bool,
    /// The other side has closed its half: read until the end shows.
    pub read_closed: bool,
    /// It stands in the queue of those that have more to read than one turn allows.
    pub queued: bool,
    pub closing: Closing,
    /// When bytes last came from it, in Unix milliseconds.
    pub last_active: u64,
    /// Since when it has been over its soft output limit.
    pub over_soft_limit_since: Option<u64>,
    pub address: String,
    /// What the engine was last told of the buffers' lengths: input, output.
    pub reported: Option<(usize, usize)>,
}

/// What a socket made of the bytes that were to be written.
#[derive(Debug, PartialEq, Eq)]
pub enum Flushed {
    All,
    /// The socket is full.
    Some,
}

impl Connection {
    pub fn new(stream: Stream, session: SessionId, address: String, now: u64) -> Connection {
        Connection {
            stream,
            session,
            input: Vec::new(),
            frame: Frame::default(),
            output: Vec::new(),
            sent: 0,
            watches_writable: false,
            read_closed: false,
            queued: false,
            closing: Closing::No,
            last_active: now,
            over_soft_limit_since: None,
            address,
            reported: None,
        }
    }

    /// Bytes of replies that wait here.
    pub fn pending(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Writes what is owed, as far as the socket takes it.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn flush(&mut self) -> io::Result<Flushed> {
        while self.sent < self.output.len() {
            match self.stream.write(self.output.get(self.sent..).unwrap_or(&[])) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What was written makes room only when it is the larger part: moving bytes costs, too.
                    if self.sent > self.output.len() / 2 {
                        self.output.drain(..self.sent);
                        self.sent = 0;
                    }
                    return Ok(Flushed::Some);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.sent = 0;
        Ok(Flushed::All)
    }

    /// Tells the poll whether to watch for room in the socket: only while something waits, as that would wake the loop for nothing.
    pub fn watch_writable(&mut self, registry: &Registry, token: Token, watch: bool) -> io::Result<()> {
        if self.watches_writable == watch {
            return Ok(());
        }
        let interest = if watch { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.stream.source().reregister(registry, token, interest)?;
        self.watches_writable = watch;
        Ok(())
    }
}
