//! Connections to other servers, for MIGRATE: kept for a while after each use, because who moves one key usually moves the next.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use cachette::error::ReplyError;
use cachette::host::{Exchange, Unanswered};
use cachette::resp::read;

use crate::options::lossy;

/// How long a connection that nobody uses stays open.
pub const IDLE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Links {
    open: HashMap<(String, u16), (TcpStream, Instant)>,
}

impl Links {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Closes what nobody has used for a while.
    pub fn drop_idle(&mut self) {
        self.open.retain(|_, (_, used)| used.elapsed() < IDLE);
    }

    /// Sends the requests and reads the replies. A connection that was kept may be dead: then once more over a new one.
    pub fn exchange(&mut self, exchange: &Exchange<'_>) -> Result<Vec<u8>, Unanswered> {
        self.drop_idle();
        let unreached = || Unanswered { what: ReplyError::IO, replies: Vec::new() };
        let port: u16 = lossy(exchange.port).parse().map_err(|_| unreached())?;
        let place = (lossy(exchange.host), port);
        let patience = Duration::from_millis(exchange.timeout_ms);
        let kept = self.open.remove(&place).map(|(stream, _)| stream);
        if let Some(stream) = kept
            && let Ok(replies) = self.converse(&place, stream, patience, exchange)
        {
            return Ok(replies);
        }
        let stream = connect(&place, patience).map_err(|_| unreached())?;
        self.converse(&place, stream, patience, exchange)
    }

    fn converse(
        &mut self,
        place: &(String, u16),
        mut stream: TcpStream,
        patience: Duration,
        exchange: &Exchange<'_>,
    ) -> Result<Vec<u8>, Unanswered> {
        let set = stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(patience)));
        if set.and_then(|()| stream.write_all(exchange.requests)).is_err() {
            return Err(Unanswered { what: ReplyError::IO_WRITING, replies: Vec::new() });
        }
        let replies = receive(&mut stream, exchange.replies)?;
        self.open.insert(place.clone(), (stream, Instant::now()));
        Ok(replies)
    }
}

fn connect((host, port): &(String, u16), patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host.as_str(), *port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until there are so many whole replies.
fn receive(stream: &mut TcpStream, wanted: usize) -> Result<Vec<u8>, Unanswered> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let (mut whole, mut at) = (0, 0);
    while whole < wanted {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return Err(Unanswered { what: ReplyError::IO_READING, replies: bytes }),
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
        }
        while let Some((_, rest)) = bytes.get(at..).and_then(read::reply) {
            at = bytes.len() - rest.len();
            whole += 1;
        }
    }
    Ok(bytes)
}
