//! Who answers: the engine in this process, or redis-server in its own. Both are given the same bytes, and what counts is CPU time.

use crate::measure::cpu_time;
use crate::servers::{Client, Server};
use cachette::engine::{Engine, Options};
use cachette::session::{Peer, SessionId};
use std::error::Error;

/// What was answered, as far as two servers must agree on it: members of a hash or a set may come in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    bytes: usize,
    sum: u64,
}

impl Answers {
    fn add(&mut self, replies: &[u8]) {
        self.bytes += replies.len();
        self.sum += replies.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
}

pub trait Side {
    /// CPU nanoseconds that the batches take.
    ///
    /// # Errors
    /// The connection breaks.
    fn cost(&mut self, batches: &[Vec<u8>]) -> Result<(f64, Answers), Box<dyn Error>>;

    /// Forgets all keys.
    ///
    /// # Errors
    /// The connection breaks.
    fn clear(&mut self) -> Result<(), Box<dyn Error>>;
}

const FLUSHALL: &[u8] = b"*2\r\n$8\r\nFLUSHALL\r\n$4\r\nSYNC\r\n";

/// The engine with one conversation.
pub struct InProcess {
    engine: Engine,
    session: SessionId,
    out: Vec<u8>,
}

const NOW: u64 = 1_700_000_000_000;

impl InProcess {
    pub fn new() -> Self {
        let mut engine = Engine::new(Options { seed: 1, ..Options::default() });
        // As cachette-server has it, unless told otherwise.
        engine.keys.use_huge_pages(false);
        let session = engine.open(Peer::default(), NOW);
        Self { engine, session, out: Vec::new() }
    }

    /// Background work; true while there is more of it now.
    pub fn tick(&mut self, budget: usize) -> bool {
        self.engine.tick(NOW, budget).is_some_and(|due| due <= NOW)
    }

    pub fn batch(&mut self, requests: &[u8]) {
        self.out.clear();
        let taken = self.engine.execute(self.session, requests, NOW, &mut self.out);
        assert_eq!(taken.ok(), Some(requests.len()));
        assert!(!self.out.starts_with(b"-"), "{}", String::from_utf8_lossy(&self.out));
    }
}

impl Side for InProcess {
    fn cost(&mut self, batches: &[Vec<u8>]) -> Result<(f64, Answers), Box<dyn Error>> {
        let (mut took, mut answers) = (0, Answers::default());
        for batch in batches {
            let start = cpu_time();
            self.batch(batch);
            took += cpu_time() - start;
            answers.add(&self.out);
        }
        Ok((took as f64, answers))
    }

    fn clear(&mut self) -> Result<(), Box<dyn Error>> {
        self.batch(FLUSHALL);
        while self.tick(100_000) {}
        Ok(())
    }
}

/// redis-server, spoken to by one connection.
pub struct Redis {
    server: Server,
    client: Client,
}

impl Redis {
    /// # Errors
    /// It does not start.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let server = Server::redis()?;
        let client = server.client()?;
        Ok(Self { server, client })
    }
}

impl Side for Redis {
    fn cost(&mut self, batches: &[Vec<u8>]) -> Result<(f64, Answers), Box<dyn Error>> {
        let (start, mut answers) = (self.server.cpu_time(), Answers::default());
        for batch in batches {
            let replies = self.client.batch(batch)?;
            if replies.starts_with(b"-") {
                return Err(String::from_utf8_lossy(replies).into());
            }
            answers.add(replies);
        }
        Ok((self.server.cpu_time() - start, answers))
    }

    fn clear(&mut self) -> Result<(), Box<dyn Error>> {
        self.client.batch(FLUSHALL)?;
        Ok(())
    }
}
