//! Effects: what commands changed, written as requests that repeat it on a copy of the data. Replicas read them.
//!
//! A command that changed something is repeated by its own words, unless these would mean something else there or later: a row's flags say what stands for
//! them then. [`Flags::REPEATS_STRING`] and [`Flags::REPEATS_DEADLINE`] tell what the keys have become. A handler may say what repeats it
//! ([`Effects::say`]), with what chance, the clock or a wait brought; with [`Flags::REPEATS_SAID`] nothing but that repeats it. Whoever repeats does not judge
//! by a clock of its own, so keys and fields that went because their time was over, or to make room, are repeated as DEL and HDEL.
//!
//! What one request, EXEC or wake-up changes is a unit; several writes of one unit stand between MULTI and EXEC.
//!
//! Changes by typed callers ([`Engine::with_call`](crate::engine::Engine::with_call)) are not repeated.

use crate::call::Call;
use crate::command::{Flags, Row, key_specs};
use crate::config::Config;
use crate::engine::{Engine, Server};
use crate::keyspace::{Keyspace, Loss, ValueRef};
use crate::number;
use crate::session::{Replica, Session, SessionId};
use crate::time::Millis;
use alloc::vec;
use alloc::vec::Vec;

/// One request that repeats a change.
struct Effect {
    db: usize,
    request: Vec<u8>,
    /// A write, not a key that went by itself: it belongs together with the others of its unit.
    write: bool,
}

#[derive(Default)]
pub struct Effects {
    /// The replicas.
    readers: Vec<SessionId>,
    /// What the running command says that it is repeated by.
    said: Vec<Vec<u8>>,
    /// Of the unit that runs.
    unit: Vec<Effect>,
    /// Of ended units, not handed to the readers yet.
    stream: Vec<u8>,
    /// The database that a reader of the stream has selected.
    selected: Option<usize>,
    /// Bytes of the stream since the beginning.
    offset: u64,
    /// When replicas are to hear from us again, even if nothing happens.
    next_ping: Millis,
}

impl Effects {
    /// Whether somebody reads them; nothing is to be said otherwise.
    #[inline]
    pub fn are_read(&self) -> bool {
        cfg!(feature = "server") && !self.readers.is_empty()
    }

    /// A reader joins: the stream selects its database anew.
    pub(crate) fn begin(&mut self, reader: SessionId, next_ping: Millis) {
        self.readers.push(reader);
        self.selected = None;
        self.next_ping = next_ping;
    }

    /// A reader is gone. True if it was the last.
    fn end(&mut self, reader: SessionId) -> bool {
        let before = self.readers.len();
        self.readers.retain(|known| *known != reader);
        before > 0 && self.readers.is_empty()
    }

    /// Says a request by which the running command is repeated. Counts only where the command changes something.
    pub fn say(&mut self, words: &[&[u8]]) {
        if self.are_read() {
            self.said.push(request(words));
        }
    }

    /// As [`Effects::say`], with more words behind the first ones.
    pub fn say_all<'a>(&mut self, first: &[&'a [u8]], more: impl IntoIterator<Item = &'a [u8]>) {
        if self.are_read() {
            let words: Vec<&[u8]> = first.iter().copied().chain(more).collect();
            self.said.push(request(&words));
        }
    }

    /// When the next PING is due.
    pub(crate) fn next_ping(&self) -> Option<Millis> {
        self.are_read().then_some(self.next_ping)
    }

    /// How many bytes the stream had in all.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn put(&mut self, bytes: &[u8]) {
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        self.stream.extend_from_slice(bytes);
    }

    /// Notes what went by itself.
    fn lose(&mut self, losses: Vec<Loss>) {
        for Loss { db, key, fields } in losses {
            let mut words: Vec<&[u8]> = vec![if fields.is_empty() { b"DEL" } else { b"HDEL" }, &key];
            words.extend(fields.iter().map(Vec::as_slice));
            self.unit.push(Effect { db, request: request(&words), write: false });
        }
    }

    fn select(&mut self, db: usize) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            self.put(&request(&[b"SELECT", &decimal(db as u64)]));
        }
    }

    /// Ends a unit: it becomes part of the stream.
    fn close(&mut self) {
        let unit = core::mem::take(&mut self.unit);
        let together = unit.len() > 1 && unit.iter().any(|effect| effect.write);
        if together && let Some(first) = unit.first() {
            self.select(first.db);
            self.put(&request(&[b"MULTI"]));
        }
        for effect in &unit {
            self.select(effect.db);
            self.put(&effect.request);
        }
        if together {
            self.put(&request(&[b"EXEC"]));
        }
    }
}

/// When replicas are to hear from us next if nothing happens.
pub(crate) fn next_ping(config: &Config, now: Millis) -> Millis {
    now.saturating_add(config.number("repl-ping-replica-period").saturating_mul(1000))
}

/// The bytes of a request.
pub(crate) fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = |bytes: &mut Vec<u8>, sign: u8, count: usize| {
        bytes.push(sign);
        bytes.extend_from_slice(number::write_u64(count as u64, &mut [0; 20]));
        bytes.extend_from_slice(b"\r\n");
    };
    head(&mut bytes, b'*', words.len());
    for word in words {
        head(&mut bytes, b'$', word.len());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A number as a word.
pub fn decimal(number: u64) -> Vec<u8> {
    number::write_u64(number, &mut [0; 20]).to_vec()
}

impl Call<'_> {
    /// Notes what the command that has run changed since `dirty` was counted; `done` unless it was refused.
    pub(crate) fn note_effects(&mut self, row: &'static Row, argv: &[&[u8]], dirty: u64, done: bool) {
        let db = self.session.db;
        let losses = self.keys.take_losses();
        self.server.effects.lose(losses);
        let said = core::mem::take(&mut self.server.effects.said);
        let changed = self.keys.dirty != dirty;
        if !(done && row.flags.has(Flags::REPEATS_ALWAYS) || changed && row.flags.may_change()) {
            return;
        }
        let requests = match row.flags {
            flags if flags.has(Flags::REPEATS_SAID) || !said.is_empty() => said,
            flags if flags.has(Flags::REPEATS_STRING) => self.for_keys(row, argv, Self::string_of),
            flags if flags.has(Flags::REPEATS_DEADLINE) => self.for_keys(row, argv, Self::deadline_of),
            _ => vec![request(argv)],
        };
        let effects = requests.into_iter().map(|request| Effect { db, request, write: true });
        self.server.effects.unit.extend(effects);
    }

    fn for_keys(&self, row: &'static Row, argv: &[&[u8]], state: fn(&Self, &[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
        let places = key_specs::keys_of(row, argv).unwrap_or_default();
        let keys = places.into_iter().filter_map(|(at, _)| argv.get(at).copied());
        keys.map(|key| state(self, key)).collect()
    }

    /// What makes a key the string that it has become.
    fn string_of(&self, key: &[u8]) -> Vec<u8> {
        match self.keys.state(key) {
            Some((ValueRef::String(text), Some(deadline))) => request(&[b"SET", key, text, b"PXAT", &decimal(deadline)]),
            Some((ValueRef::String(text), None)) => request(&[b"SET", key, text]),
            _ => request(&[b"DEL", key]),
        }
    }

    /// What gives a key the deadline that it has now.
    fn deadline_of(&self, key: &[u8]) -> Vec<u8> {
        match self.keys.state(key) {
            None => request(&[b"DEL", key]),
            Some((_, None)) => request(&[b"PERSIST", key]),
            Some((_, Some(deadline))) => request(&[b"PEXPIREAT", key, &decimal(deadline)]),
        }
    }
}

impl Engine {
    /// Ends a unit of effects, to which belongs what went by itself meanwhile, and hands it to the replicas.
    #[inline]
    pub(crate) fn close_unit(&mut self) {
        if self.server.effects.are_read() {
            let losses = self.keys.take_losses();
            self.server.effects.lose(losses);
            self.server.effects.close();
            self.server.hand_effects_on();
        }
    }

    /// Sends replicas a PING every `repl-ping-replica-period` seconds, so that they know of a master who has nothing to say.
    pub(crate) fn ping_replicas(&mut self) {
        let now = self.keys.now();
        if self.server.effects.are_read() && now >= self.server.effects.next_ping {
            self.server.effects.next_ping = next_ping(&self.server.config, now);
            self.server.effects.put(&request(&[b"PING"]));
            self.server.hand_effects_on();
        }
    }
}

impl Server {
    fn hand_effects_on(&mut self) {
        let bytes = core::mem::take(&mut self.effects.stream);
        if bytes.is_empty() {
            return;
        }
        for reader in self.effects.readers.clone() {
            self.push_to(None, reader, |writer| writer.raw(&bytes));
        }
    }

    /// A session that may have been a replica is gone.
    pub(crate) fn end_replica(&mut self, keys: &mut Keyspace, id: SessionId) {
        if self.effects.end(id) {
            keys.note_losses(false);
        }
    }

    /// Replicas that told within `min-replicas-max-lag` seconds how far they are.
    pub(crate) fn good_replicas(&self, now: Millis) -> u64 {
        let most = self.config.number("min-replicas-max-lag");
        self.replicas().filter(|(_, replica)| replica.lag_seconds(now) <= most).count() as u64
    }

    /// All that are given every change, but for the session whose command runs.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = (&Session, &Replica)> {
        self.sessions.iter().filter_map(|session| Some((session, session.replica.as_ref().filter(|replica| replica.online)?)))
    }
}
