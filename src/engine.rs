//! The door: requests in, replies out, and the decision whether a command may run, made from its row's flags alone.
//!
//! ```
//! use cachette::engine::{Engine, Options};
//! use cachette::session::Peer;
//!
//! let mut engine = Engine::new(Options { seed: 42, ..Options::default() });
//! let session = engine.open(Peer::default(), 0);
//! let mut out = Vec::new();
//! let consumed = engine.execute(session, b"*1\r\n$4\r\nPING\r\n", 1_700_000_000_000, &mut out).unwrap();
//! assert_eq!((consumed, &out[..]), (14, &b"+PONG\r\n"[..]));
//! ```

use crate::call::Call;
use crate::command::{self, Flags, Registry, Row};
use crate::config::Config;
use crate::error::{ProtocolError, ReplyError};
use crate::event::Event;
use crate::host::Host;
use crate::keyspace::{Class, Keyspace};
use crate::resp::parse::{self, Parsed};
use crate::resp::write::Writer;
use crate::rng::Rng;
use crate::session::{Peer, Session, SessionId, Sessions};
use crate::stats::Stats;
use crate::time::Millis;
use crate::value::Env;
use crate::value::seed::Seed;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What an engine is made from.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Key of all hashes and start of all random choices. The shell draws it; see [`Engine::set_seed`] for shells that can draw it only later.
    pub seed: u64,
    pub config: Config,
}

/// All of an engine but its keyspace: what commands of the connection and server families work on.
pub struct Server {
    pub config: Config,
    pub registry: Registry,
    pub sessions: Sessions,
    pub stats: Stats,
    pub rng: Rng,
    pub events: VecDeque<Event>,
    /// The shell, where it can be asked.
    pub host: Option<Box<dyn Host>>,
    /// When the engine first learnt the time.
    pub started: Millis,
}

/// One cache: databases, sessions, configuration. Decides nothing by clock or chance of its own: (seed, now, bytes) in, replies and events out.
pub struct Engine {
    pub keys: Keyspace,
    pub server: Server,
    /// Room for the arguments of one request, kept so that requests allocate nothing.
    args: Vec<&'static [u8]>,
}

/// Hands an emptied vector on for slices of another lifetime, allocation included.
fn reuse<'b>(mut args: Vec<&[u8]>) -> Vec<&'b [u8]> {
    args.clear();
    args.into_iter().map(|_| &[][..]).collect()
}

/// A web browser led to a RESP port sends these as the first words of lines.
fn is_http(argv: &[&[u8]]) -> bool {
    argv.first().is_some_and(|name| name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:"))
}

impl Engine {
    pub fn new(options: Options) -> Self {
        let env = Env { seed: Seed::new(options.seed), limits: options.config.limits };
        Self {
            keys: Keyspace::new(options.config.databases, env),
            server: Server {
                config: options.config,
                registry: Registry::new(),
                sessions: Sessions::default(),
                stats: Stats::default(),
                rng: Rng::new(options.seed),
                events: VecDeque::new(),
                host: None,
                started: 0,
            },
            args: Vec::new(),
        }
    }

    /// Draws the seed late: for hosts that refuse randomness while a module loads. Does nothing once there are keys. True if it was taken.
    pub fn set_seed(&mut self, seed: u64) -> bool {
        let empty = (0..self.keys.databases()).all(|db| self.keys.within(db, |keys| keys.is_empty()));
        if empty {
            self.keys.env.seed = Seed::new(seed);
            self.server.rng = Rng::new(seed);
        }
        empty
    }

    /// Begins a conversation.
    pub fn open(&mut self, peer: Peer, now: Millis) -> SessionId {
        self.set_now(now);
        let authenticated = self.server.config.requirepass.is_empty();
        self.server.stats.connections = self.server.stats.connections.wrapping_add(1);
        self.server.sessions.open(peer, authenticated, self.keys.now())
    }

    /// Ends a conversation: its transaction is discarded, its watches end.
    pub fn close(&mut self, id: SessionId) {
        if let Some(mut session) = self.server.sessions.close(id) {
            self.keys.unwatch_all(&mut session);
        }
    }

    fn set_now(&mut self, now: Millis) {
        self.keys.set_now(now);
        if self.server.started == 0 {
            self.server.started = now;
        }
    }

    /// Takes complete requests from the front of `input`, runs them at `now` (Unix milliseconds), and appends their replies to `out`. Returns how
    /// many bytes were taken; the rest is an incomplete request, or what follows a command after which the shell has something to do first
    /// (see [`Engine::take_event`]): call again with the rest then.
    ///
    /// # Errors
    /// [`ProtocolError`] where the bytes are no requests. Its reply is in `out` already (unless it has none); the session must be closed.
    pub fn execute(&mut self, id: SessionId, input: &[u8], now: Millis, out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        self.set_now(now);
        let Some(mut session) = self.server.sessions.take(id) else { return Ok(input.len()) };
        session.last_used = self.keys.now();
        let result = self.converse(&mut session, input, out);
        if session.closing {
            self.server.events.push_back(Event::Close(id));
        }
        self.server.sessions.put_back(session);
        result
    }

    fn converse(&mut self, session: &mut Session, input: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let mut args = reuse(core::mem::take(&mut self.args));
        let mut consumed = 0usize;
        let mut result = Ok(());
        while !session.closing {
            let rest = input.get(consumed..).unwrap_or(&[]);
            let limits = parse::Limits { bulk: self.server.config.proto_max_bulk_len, authenticated: session.authenticated };
            let taken = match parse::request(rest, limits, &mut args) {
                Ok(Parsed::Request(_)) if is_http(&args) => {
                    result = Err(ProtocolError::CrossProtocol);
                    break;
                }
                Ok(Parsed::Request(taken)) => {
                    self.request(session, &args, out);
                    taken
                }
                Ok(Parsed::Quoted(taken, words)) => {
                    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                    self.request(session, &words, out);
                    taken
                }
                Ok(Parsed::Incomplete(_)) => break,
                Err(error) => {
                    if let Some(text) = error.wording() {
                        Writer::new(out, session.protocol).error(&ReplyError::bytes(&[&text]));
                    }
                    result = Err(error);
                    break;
                }
            };
            consumed = consumed.saturating_add(taken);
            if !self.server.events.is_empty() {
                break;
            }
        }
        self.args = reuse(args);
        result.map(|()| consumed)
    }

    /// Runs one request given as words and appends its reply: what a frame would have done, without the frame.
    pub fn command(&mut self, id: SessionId, words: &[&[u8]], now: Millis, out: &mut Vec<u8>) {
        self.set_now(now);
        let Some(mut session) = self.server.sessions.take(id) else { return };
        session.last_used = self.keys.now();
        self.request(&mut session, words, out);
        if session.closing {
            self.server.events.push_back(Event::Close(id));
        }
        self.server.sessions.put_back(session);
    }

    /// Runs `work` as a command of a session would run: database selected, clock set, watchers told afterwards. The way of typed callers.
    pub fn with_call<R>(&mut self, id: SessionId, now: Millis, work: impl FnOnce(&mut Call<'_>) -> R) -> Option<R> {
        self.set_now(now);
        let mut session = self.server.sessions.take(id)?;
        self.keys.select(session.db);
        let result =
            work(&mut Call { keys: &mut self.keys, session: &mut session, server: &mut self.server, row: &command::TYPED });
        self.server.sessions.put_back(session);
        self.settle();
        Some(result)
    }

    fn request(&mut self, session: &mut Session, argv: &[&[u8]], out: &mut Vec<u8>) {
        if argv.is_empty() {
            return;
        }
        let mut writer = Writer::new(out, session.protocol);
        session.commands = session.commands.wrapping_add(1);
        match self.admit(session, argv) {
            Ok(Verdict::Run(row, words)) => {
                session.last_command = row.name;
                self.keys.select(session.db);
                self.server.stats.commands = self.server.stats.commands.wrapping_add(1);
                let words = argv.get(words..).unwrap_or(&[]);
                let mut call = Call { keys: &mut self.keys, session, server: &mut self.server, row };
                if !command::run(&mut call, row, words, &mut writer) {
                    self.server.stats.error_replies = self.server.stats.error_replies.wrapping_add(1);
                }
            }
            Ok(Verdict::Queue) => writer.simple("QUEUED"),
            Err(error) => {
                let error = self.refuse(session, argv, error);
                self.server.stats.error_replies = self.server.stats.error_replies.wrapping_add(1);
                writer.error(&error);
            }
        }
        self.settle_except(session);
    }

    /// What a refused request does to the session's transaction, and how the refusal is worded.
    fn refuse(&mut self, session: &mut Session, argv: &[&[u8]], error: ReplyError) -> ReplyError {
        let row = argv.first().and_then(|name| self.server.registry.top_level(name));
        if row.is_some_and(|row| row.flags.has(Flags::ENDS_TRANSACTION)) {
            session.queue = None;
            self.keys.unwatch_all(session);
            return ReplyError::exec_abort(&error);
        }
        if let Some(queue) = &mut session.queue {
            queue.broken = true;
        }
        error
    }

    /// Whether a request may run now, by its row's flags and the session's state.
    fn admit(&mut self, session: &mut Session, argv: &[&[u8]]) -> Result<Verdict, ReplyError> {
        let (row, words) = self.server.registry.resolve(argv)?;
        let flags = row.flags;
        if !session.authenticated && !flags.has(Flags::NO_AUTH) {
            return Err(ReplyError::NO_AUTH);
        }
        if flags.has(Flags::DENYOOM) {
            self.make_room()?;
        }
        let Some(queue) = &mut session.queue else { return Ok(Verdict::Run(row, words)) };
        if flags.has(Flags::RUNS_IN_MULTI) {
            return Ok(Verdict::Run(row, words));
        }
        if flags.has(Flags::NO_MULTI) {
            return Err(ReplyError::NOT_IN_MULTI);
        }
        queue.commands.push(command::own(argv));
        Ok(Verdict::Queue)
    }

    /// Holds `maxmemory`: called before whatever may grow memory, which is refused while more than the limit is used.
    #[inline]
    pub(crate) fn make_room(&mut self) -> Result<(), ReplyError> {
        let limit = self.server.config.maxmemory;
        if limit == 0 || self.keys.used_memory() <= limit { Ok(()) } else { Err(ReplyError::OOM) }
    }

    /// After a command: sessions whose watched keys changed lose their bet, and notices become events.
    pub(crate) fn settle(&mut self) {
        for id in self.keys.take_dirtied() {
            if let Some(watcher) = self.server.sessions.get_mut(id) {
                watcher.watch_lost = true;
            }
        }
        if self.keys.has_notices() {
            self.server.events.extend(self.keys.take_notices().into_iter().map(Event::Key));
        }
    }

    /// As `settle` while `session` is taken out.
    fn settle_except(&mut self, session: &mut Session) {
        for id in self.keys.take_dirtied() {
            if id == session.id {
                session.watch_lost = true;
            } else if let Some(watcher) = self.server.sessions.get_mut(id) {
                watcher.watch_lost = true;
            }
        }
        if self.keys.has_notices() {
            self.server.events.extend(self.keys.take_notices().into_iter().map(Event::Key));
        }
    }

    /// Does background work at `now`: removes up to `budget` expired keys. Returns the next moment at which something is due, `None` if nothing is:
    /// a shell sleeps until then, or sets one timer.
    pub fn tick(&mut self, now: Millis, budget: usize) -> Option<Millis> {
        self.set_now(now);
        let finished = self.keys.expire_due(budget);
        self.settle();
        if finished { self.keys.next_due() } else { Some(now) }
    }

    /// Chooses the classes of keyspace events that [`Engine::take_event`] tells.
    pub fn listen(&mut self, classes: Class) {
        self.keys.listen(classes);
    }

    /// The next fact, in order.
    pub fn take_event(&mut self) -> Option<Event> {
        self.server.events.pop_front()
    }

    /// What CLIENT commands know of a session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.server.sessions.get(id)
    }

    pub fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.server.sessions.get_mut(id)
    }
}

/// What `admit` decides.
enum Verdict {
    /// Run the row; its name takes so many words.
    Run(&'static Row, usize),
    /// It was queued for EXEC.
    Queue,
}
