//! Redis in this process: the engine, behind the same machine; and in the place of a Redis that is away, where a rule says so.

use crate::config::{Config, Phase};
use crate::engine::{Engine, Options};
use crate::resp::Protocol;
use crate::resp::read::{self, Value};
use crate::session::{Peer, SessionId};
use crate::tier::Words;
use crate::time::Millis;
use alloc::vec::Vec;

pub(super) struct Embedded {
    engine: Engine,
    session: SessionId,
    out: Vec<u8>,
}

// SAFETY: of all that an engine is made of only its host may be bound to a thread, and this one has none: `new` sets none, and nobody else reaches it. What
// its keyspace points to is its own.
unsafe impl Send for Embedded {}

impl Embedded {
    pub fn new(now: Millis) -> Self {
        Self::with(now, Config::default())
    }

    fn with(now: Millis, config: Config) -> Self {
        let seed = getrandom::u64().unwrap_or(now);
        let mut engine = Engine::new(Options { seed, config });
        let session = engine.open(Peer::default(), now);
        if let Some(session) = engine.session_mut(session) {
            session.protocol = Protocol::Resp3;
        }
        Self { engine, session, out: Vec::new() }
    }

    /// One that evicts what is used least beyond so many bytes.
    pub fn bounded(now: Millis, bytes: u64) -> Self {
        let mut config = Config::default();
        config.set_number("maxmemory", bytes);
        let _ = config.set(b"maxmemory-policy", &[b"allkeys-s3fifo"], Phase::Startup);
        Self::with(now, config)
    }

    /// The replies to commands.
    pub fn run(&mut self, commands: &[Words], now: Millis) -> Vec<Value> {
        self.engine.tick(now, 32);
        let mut replies = Vec::new();
        for command in commands {
            let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            self.out.clear();
            self.engine.command(self.session, &words, now, &mut self.out);
            replies.push(read::reply(&self.out).map_or(Value::Null, |(value, _)| value));
        }
        replies
    }
}
