//! The engine, the one session that JavaScript speaks through, and those beside it: one for each command that waits, each subscription, and each
//! client of a server in JavaScript.

use crate::memory;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use cachette::call::Call;
use cachette::engine::{Engine, Options};
use cachette::error::Result;
use cachette::event::Event;
use cachette::keyspace::{Class, Keyspace, Notice};
use cachette::resp::Protocol;
use cachette::session::{Peer, SessionId};

/// Keys that one `tick` may remove: a few milliseconds at most, so that no frame is missed for it.
const TICK_BUDGET: usize = 2000;

pub struct Cache {
    pub engine: Engine,
    session: SessionId,
    /// The session is as a fresh one but for its database (no transaction, no watch, no tracking), and no keyspace notifications are asked for. The hot lanes run
    /// then; else everything takes the door.
    plain: bool,
    now: u64,
    /// What happened to keys, for `on(...)`.
    pub notices: VecDeque<Notice>,
    /// Sessions beside the main one that were given something, or closed, or whose wait ended.
    heard: VecDeque<SessionId>,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
    /// Lengths of the values in `output` after MGET's lane.
    pub lengths: Vec<u32>,
    /// How far the entries reached that MGET's lane read last: the next are probably like them.
    pub reach: usize,
}

impl Cache {
    #[inline(never)]
    pub fn new() -> Self {
        let mut engine = Engine::new(Options::default());
        let session = open(&mut engine, 0, 0);
        Self {
            engine,
            session,
            plain: true,
            now: 0,
            notices: VecDeque::new(),
            heard: VecDeque::new(),
            input: Vec::new(),
            output: Vec::new(),
            lengths: Vec::new(),
            reach: Keyspace::REACH,
        }
    }

    /// Sets the seed of hashes and random choices, unless there are keys already.
    pub fn seed(&mut self, seed: u64) {
        self.engine.set_seed(seed);
    }

    /// Sets the clock, in Unix milliseconds.
    pub fn turn(&mut self, now: u64) {
        self.now = now;
        self.engine.keys.set_now(now);
        memory::take_spare();
    }

    /// Room for a request of `bytes` bytes; `None` where there is no memory for it.
    pub fn make_input(&mut self, bytes: usize) -> Option<*mut u8> {
        self.input.clear();
        if self.input.try_reserve(bytes).is_err() {
            self.engine.keys.free_all_waste();
            self.input.try_reserve(bytes).ok()?;
        }
        self.input.resize(bytes, 0);
        Some(self.input.as_mut_ptr())
    }

    /// Whether memory is too short for a request of `bytes` bytes that makes the most of it: a small element takes several times its words.
    /// What is gone already is freed before that is said.
    fn is_short(&mut self, bytes: usize) -> bool {
        let worst = bytes.saturating_mul(GROWTH);
        let lacks = || !memory::take_spare() || (worst > memory::SPARE / 2 && Vec::<u8>::new().try_reserve_exact(worst).is_err());
        lacks() && {
            self.engine.keys.free_all_waste();
            lacks()
        }
    }

    /// Runs the first `bytes` of the input; replies are in `output`. Requests after a protocol error have no reply.
    pub fn execute(&mut self, bytes: usize) {
        self.run(self.session, bytes);
    }

    /// As [`Cache::execute`], in a session of its own, which may wait and be given more later (see [`Cache::hear`]). It stays until
    /// [`Cache::leave`].
    pub fn converse(&mut self, bytes: usize) -> u64 {
        let db = self.engine.session(self.session).map_or(0, |session| session.db);
        let id = open(&mut self.engine, self.now, db);
        self.run(id, bytes);
        id.0
    }

    /// Begins a conversation with somebody at the other end of a wire, as a server would: in RESP2, and, unless `trusted`, known by name or not as users
    /// have it.
    pub fn meet(&mut self, addr: &[u8], laddr: &[u8], trusted: bool) -> u64 {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_default();
        let id = self.engine.open(Peer { addr: text(addr), laddr: text(laddr), fd: -1 }, self.now);
        if let Some(session) = self.engine.session_mut(id) {
            session.authenticated |= trusted;
        }
        id.0
    }

    /// Goes on with such a conversation: as [`Cache::execute`], of requests that may be unfinished. Returns how many bytes were taken: fewer where the
    /// last request is unfinished, or the session waits. After bytes that are no requests it is closed.
    pub fn say(&mut self, id: u64, bytes: usize) -> usize {
        self.run(SessionId(id), bytes)
    }

    /// Bytes that such a session has been given and not taken yet: they count for its limits.
    pub fn owe(&mut self, id: u64, bytes: usize) {
        if let Some(session) = self.engine.session_mut(SessionId(id)) {
            session.buffers.output = bytes;
        }
    }

    /// What a session is to its shell: [`GONE`], or whether it [`WAITS`] and is [`UNKNOWN`].
    pub fn state(&self, id: u64) -> u32 {
        let Some(session) = self.engine.session(SessionId(id)) else { return GONE };
        let (waits, unknown) = (session.waiting.is_some(), !self.engine.server.admits(session));
        (u32::from(unknown) * UNKNOWN) | (u32::from(waits) * WAITS)
    }

    /// The next session beside the main one that was given something, 0 if none was. What it was given is in `output`: nothing where the session
    /// was closed from within.
    pub fn hear(&mut self) -> u64 {
        // The lanes leave it to others to serve those who wait.
        self.call(|_| Ok(()));
        self.take_events();
        self.look_at_session();
        let Some(id) = self.heard.pop_front() else { return 0 };
        self.output = self.engine.take_output(id);
        id.0
    }

    /// Ends a session that [`Cache::converse`] began, its wait and its subscriptions.
    pub fn leave(&mut self, id: u64) {
        self.engine.close(SessionId(id));
    }

    /// When the wait of a session ends, if it has an end.
    pub fn deadline(&self, id: u64) -> Option<u64> {
        self.engine.session(SessionId(id))?.waiting.as_ref()?.park.deadline
    }

    fn run(&mut self, id: SessionId, bytes: usize) -> usize {
        let input = core::mem::take(&mut self.input);
        self.output.clear();
        let ceiling = if self.is_short(bytes) { 1 } else { CEILING };
        self.engine.keys.set_ceiling(ceiling);
        let mut rest = input.get(..bytes).unwrap_or(&[]);
        while !rest.is_empty() {
            let consumed = self.engine.execute(id, rest, self.now, &mut self.output);
            // The main session cannot wait: a blocking command answers at once there, as it does within a transaction.
            let waited = id == self.session && self.engine.stop_waiting(id);
            self.take_events();
            match consumed {
                Ok(0) if waited => {}
                Ok(taken) if taken > 0 => rest = rest.get(taken..).unwrap_or(&[]),
                Ok(_) => break,
                Err(_) => {
                    if id != self.session {
                        self.engine.close(id);
                        self.heard.push_back(id);
                    }
                    break;
                }
            }
        }
        let taken = bytes.saturating_sub(rest.len());
        self.input = input;
        if self.input.capacity() > KEPT {
            self.input = Vec::new();
        }
        self.look_at_session();
        taken
    }

    /// Lets go of a large reply once it has been read.
    pub fn forget_output(&mut self) {
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.engine.take_event() {
            match event {
                Event::Key(notice) => self.notices.push_back(notice),
                // QUIT ends a conversation; in process the next begins at once.
                Event::Close(id) if id == self.session => {
                    self.engine.close(id);
                    self.session = open(&mut self.engine, self.now, 0);
                }
                Event::Close(id) => {
                    self.engine.close(id);
                    self.heard.push_back(id);
                }
                Event::Output(id) if id == self.session => {
                    let given = self.engine.take_output(id);
                    self.output.extend_from_slice(&given);
                }
                Event::Output(id) => self.heard.push_back(id),
                Event::Ready(id) => self.heard.push_back(id),
                // Nothing here can sleep, and nothing can be shut down but by its owner's `close()`.
                Event::Sleep(_) | Event::Shutdown => {}
            }
        }
    }

    /// After a request: the session is kept in RESP3 and trusted whatever was said (RESET, HELLO 2), and the lanes learn its state.
    fn look_at_session(&mut self) {
        if let Some(session) = self.engine.session_mut(self.session) {
            session.protocol = Protocol::Resp3;
            session.authenticated = true;
            self.plain = session.queue.is_none() && session.watched.is_empty() && session.tracking.is_none() && !session.no_touch;
            let db = session.db;
            self.engine.keys.select(db);
            // Subscribers of keyspace notifications are told by the door.
            self.plain &= self.engine.server.config.notify_keyspace_events == Class::NONE;
        }
    }

    /// Whether a hot lane that reads may run.
    pub fn may_read(&self) -> bool {
        self.plain
    }

    /// Whether a hot lane that may grow memory may run. Where memory is short the door decides.
    pub fn may_grow(&mut self) -> bool {
        self.plain && memory::has_spare() && self.engine.make_room().is_ok()
    }

    /// As `may_grow`, where that was refused and no door decides: what is gone already is freed before it is asked again.
    #[cold]
    pub fn may_grow_after_all(&mut self) -> bool {
        self.engine.keys.free_all_waste();
        memory::take_spare() && self.may_grow()
    }

    /// Runs a command's handler with typed arguments.
    pub fn call<R>(&mut self, work: impl FnOnce(&mut Call<'_>) -> Result<R>) -> Option<Result<R>> {
        self.engine.with_call(self.session, self.now, work)
    }

    /// Removes expired keys and ends waits, then tells when something is due next.
    pub fn tick(&mut self) -> Option<u64> {
        let due = self.engine.tick(self.now, TICK_BUDGET);
        self.take_events();
        self.look_at_session();
        due
    }

    /// The next moment at which something is due.
    pub fn due(&self) -> Option<u64> {
        self.engine.next_due()
    }

    /// Chooses whether expiries and evictions are told.
    pub fn listen(&mut self, on: bool) {
        self.engine.listen(if on { Class::EXPIRED.union(Class::EVICTED) } else { Class::NONE });
    }

    /// The next thing that happened to a key.
    pub fn next_notice(&mut self) -> Option<Notice> {
        // The lanes leave theirs with the keyspace.
        self.notices.extend(self.engine.keys.take_notices());
        self.notices.pop_front()
    }
}

/// The session is closed.
pub const GONE: u32 = 1;
/// It has not said yet who it is.
pub const UNKNOWN: u32 = 2;
/// Its requests stay where they are until its wait has ended.
pub const WAITS: u32 = 4;

/// How many bytes one byte of a request may turn into: the smallest element has seven bytes of request and takes less than seventy.
const GROWTH: usize = 10;

/// Bytes of data beyond which commands that foresee their growth are refused: what WebAssembly can address, less room for the rest.
const CEILING: u64 = 3_758_096_384;

/// Bytes of a buffer that is kept for the next request.
const KEPT: usize = 1 << 20;

fn open(engine: &mut Engine, now: u64, db: usize) -> SessionId {
    let id = engine.open(Peer::default(), now);
    if let Some(session) = engine.session_mut(id) {
        session.protocol = Protocol::Resp3;
        session.authenticated = true;
        session.db = db;
    }
    id
}
