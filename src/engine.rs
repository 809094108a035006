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

use crate::acl::Acl;
use crate::blocking::{Otherwise, Park, Pause, Timeouts, Waiting};
use crate::call::Call;
use crate::command::{self, ADMIN, Flags, Registry, Reply, Row, Shape};
use crate::config::Config;
use crate::effects::Effects;
use crate::error::{ProtocolError, ReplyError};
use crate::event::Event;
use crate::host::Host;
use crate::keyspace::{Class, Keyspace, Named, Notice, TOGETHER};
use crate::latency;
use crate::number;
use crate::pubsub::{Kind, PubSub};
use crate::resp::Protocol;
use crate::resp::parse::{self, Parsed};
use crate::resp::write::Writer;
use crate::rng::Rng;
use crate::session::{Peer, Session, SessionId, Sessions};
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use crate::time::Millis;
use crate::tracking::Tracking;
use crate::value::digest::hexadecimal;
use crate::value::seed::Seed;
use crate::value::sort::sort;
use crate::value::{Env, near};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
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
    pub pubsub: PubSub,
    pub acl: Acl,
    pub tracking: Tracking,
    pub effects: Effects,
    /// Bytes that sessions take whose shell reports their buffers. They count for `maxmemory`.
    connections: u64,
    /// CLIENT PAUSE holds.
    pub pause: Option<Pause>,
    /// Sessions that are told every command.
    pub(crate) monitors: Vec<SessionId>,
    pub(crate) slow_log: SlowLog,
    pub(crate) latency: latency::Events,
    /// When the running batch began, by the host's clock.
    pub(crate) batch_us: Option<u64>,
    /// What the shell is asked to sleep for the running command's sake.
    pub(crate) slept_us: u64,
    /// Where words of the running request lie that nobody is to see.
    pub(crate) secrets: Vec<usize>,
    pub(crate) timeouts: Timeouts,
    /// Classes of events that the shell listens to.
    listening: Class,
    /// The shell, where it can be asked.
    pub host: Option<Box<dyn Host>>,
    /// `DEBUG PAUSE-CRON`: a shell that was told to end by a signal waits with it.
    pub cron_paused: bool,
    /// The shell was told to end and has not begun to: SHUTDOWN ABORT takes it back.
    pub ending: bool,
    /// When the engine first learnt the time.
    pub started: Millis,
}

impl Server {
    /// Bytes of all data, its index, and the connections that a shell reports: what `used_memory` is, and `maxmemory` limits.
    pub(crate) fn used_memory(&self, keys: &Keyspace) -> u64 {
        keys.used_memory().saturating_add(self.connections)
    }

    /// Hands the parameters to the keyspace that it works by.
    pub(crate) fn configure(&self, keys: &mut Keyspace) {
        keys.env.limits = self.config.limits;
        let config = &self.config;
        keys.evict_by(config.policy, config.lfu, config.samples, config.maxmemory != 0);
        keys.listen(self.listening.union(self.config.notify_keyspace_events));
    }

    /// 40 hexadecimal digits that name this run, as `INFO` shows them: made from the moment it began. (Not from the seed, which nobody must guess.)
    pub fn run_id(&self) -> String {
        let mut rng = Rng::new(self.started);
        let mut id = String::new();
        while id.len() < 40 {
            let digits = hexadecimal(rng.draw()).map(char::from);
            id.extend(digits.iter().take(8));
        }
        id
    }
}

/// One cache: databases, sessions, configuration. Decides nothing by clock or chance of its own: (seed, now, bytes) in, replies and events out.
pub struct Engine {
    pub keys: Keyspace,
    pub server: Server,
    /// Room for the arguments of one request, kept so that requests allocate nothing.
    args: Vec<&'static [u8]>,
}

/// Requests of a pipeline that are read before the first of them runs.
const AHEAD: usize = 16;

/// Requests that were read ahead: for each, where its words end in the list of all words, and how many bytes it took.
struct Ahead {
    ends: [(usize, usize); AHEAD],
    count: usize,
}

impl Ahead {
    /// Reads whole requests from the front of `input`, their words into `args` (which is cleared first), and what came of the last try. A request that
    /// is not a plain one is left for the next time, when it is the first.
    fn read<'a>(input: &'a [u8], limits: parse::Limits, args: &mut Vec<&'a [u8]>) -> (Self, Result<Parsed, ProtocolError>) {
        args.clear();
        let mut ahead = Self { ends: [(0, 0); AHEAD], count: 0 };
        let mut at = 0usize;
        loop {
            let before = args.len();
            let parsed = parse::request(input.get(at..).unwrap_or(&[]), limits, args);
            let (Ok(Parsed::Request(taken)), Some(end)) = (&parsed, ahead.ends.get_mut(ahead.count)) else {
                args.truncate(before);
                return (ahead, parsed);
            };
            *end = (args.len(), *taken);
            at = at.saturating_add(*taken);
            ahead.count = ahead.count.saturating_add(1);
            if ahead.count == AHEAD || input.get(at) != Some(&b'*') {
                return (ahead, parsed);
            }
        }
    }

    fn requests(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        self.ends.into_iter().take(self.count)
    }
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
    #[inline(never)]
    pub fn new(options: Options) -> Self {
        let env = Env { seed: Seed::new(options.seed), limits: options.config.limits };
        let mut engine = Self {
            keys: Keyspace::new(options.config.databases, env),
            server: Server {
                acl: Acl::new(&options.config.requirepass),
                config: options.config,
                registry: Registry::new(),
                sessions: Sessions::default(),
                stats: Stats::default(),
                rng: Self::random(&env),
                events: VecDeque::new(),
                pubsub: PubSub::new(env.seed),
                tracking: Tracking::default(),
                effects: Effects::default(),
                connections: 0,
                pause: None,
                monitors: Vec::new(),
                slow_log: SlowLog::default(),
                latency: latency::Events::default(),
                batch_us: None,
                slept_us: 0,
                secrets: Vec::new(),
                timeouts: Timeouts::default(),
                listening: Class::NONE,
                host: None,
                cron_paused: false,
                ending: false,
                started: 0,
            },
            args: Vec::new(),
        };
        engine.server.tracking.set_seed(env.seed);
        engine.server.configure(&mut engine.keys);
        engine
    }

    /// Random choices come from the seed by way of its hash, so that a client who sees many of them does not learn the key of the hashes.
    fn random(env: &Env) -> Rng {
        Rng::new(env.seed.hash(b"random choices"))
    }

    /// Draws the seed late: for hosts that refuse randomness while a module loads. Does nothing once there are keys. True if it was taken.
    #[inline(never)]
    pub fn set_seed(&mut self, seed: u64) -> bool {
        let empty = (0..self.keys.databases()).all(|db| self.keys.within(db, |keys| keys.is_empty()));
        if empty {
            self.keys.set_seed(Seed::new(seed));
            self.server.pubsub.set_seed(Seed::new(seed));
            self.server.tracking.set_seed(Seed::new(seed));
            self.server.rng = Self::random(&self.keys.env);
        }
        empty
    }

    /// Begins a conversation.
    #[inline(never)]
    pub fn open(&mut self, peer: Peer, now: Millis) -> SessionId {
        self.set_now(now);
        self.server.stats.connections = self.server.stats.connections.wrapping_add(1);
        let id = self.server.sessions.open(peer, self.keys.now());
        if let Some(session) = self.server.sessions.get_mut(id) {
            session.begin(&self.server.acl);
        }
        id
    }

    /// Ends a conversation: its transaction is discarded; its watches, waits and subscriptions end.
    #[inline(never)]
    pub fn close(&mut self, id: SessionId) {
        self.server.close(&mut self.keys, id);
    }

    #[inline(never)]
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
    #[inline(never)]
    pub fn execute(&mut self, id: SessionId, input: &[u8], now: Millis, out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        self.set_now(now);
        let Some(mut session) = self.server.sessions.take(id) else { return Ok(input.len()) };
        session.last_used = self.keys.now();
        session.buffers.batch = input.len();
        let start = out.len();
        self.server.batch_us = self.server.host.as_ref().and_then(|host| host.clock_us());
        let result = self.converse(&mut session, input, out, start);
        self.server.batch_us = None;
        session.buffers.batch = 0;
        self.finish(session, out);
        result
    }

    /// Ends a batch of requests: those who track prefixes hear of it, and the session goes back to its place.
    fn finish(&mut self, mut session: Box<Session>, out: &mut Vec<u8>) {
        if self.server.tracking.has_changes() {
            self.server.broadcast(Some(&mut session));
            out.append(&mut session.outbox);
        }
        if session.closing {
            self.server.events.push_back(Event::Close(session.id));
        }
        self.server.sessions.put_back(session);
    }

    fn converse(&mut self, session: &mut Session, input: &[u8], out: &mut Vec<u8>, start: usize) -> Result<usize, ProtocolError> {
        let mut args = reuse(core::mem::take(&mut self.args));
        let mut consumed = 0usize;
        let mut result = Ok(());
        'batches: while !session.closing && session.waiting.is_none() {
            let limits = self.limits(session);
            let (ahead, last) = Ahead::read(input.get(consumed..).unwrap_or(&[]), limits, &mut args);
            if near::IS_POSSIBLE {
                self.bring_near(session.db, &ahead, &args);
            }
            let mut first = 0;
            for (end, taken) in ahead.requests() {
                let argv = args.get(first..end).unwrap_or(&[]);
                first = end;
                if is_http(argv) {
                    result = Err(ProtocolError::CrossProtocol);
                    break 'batches;
                }
                session.buffers.replies = out.len().saturating_sub(start);
                self.request(session, argv, out);
                consumed = consumed.saturating_add(taken);
                if self.server.events.iter().any(Event::stops_the_shell) {
                    break 'batches;
                }
                // What comes next may have to be read otherwise now, or wait.
                if session.closing || session.waiting.is_some() || self.limits(session) != limits {
                    continue 'batches;
                }
            }
            match last {
                _ if ahead.count > 0 => {}
                Ok(Parsed::Request(_)) => {}
                Ok(Parsed::Quoted(taken, words)) => {
                    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                    self.request(session, &words, out);
                    consumed = consumed.saturating_add(taken);
                    if self.server.events.iter().any(Event::stops_the_shell) {
                        break;
                    }
                }
                Ok(Parsed::Incomplete(_)) => break,
                Err(error) => {
                    if let Some(text) = error.wording() {
                        Writer::new(out, session.protocol).error(&ReplyError::bytes(&[&text]));
                    }
                    result = Err(error);
                    break;
                }
            }
        }
        self.args = reuse(args);
        result.map(|()| consumed)
    }

    fn limits(&self, session: &Session) -> parse::Limits {
        parse::Limits { bulk: self.server.config.proto_max_bulk_len, authenticated: self.server.admits(session) }
    }

    /// Has the entries brought near that the requests will look at, if there are some, and what they name of large collections.
    fn bring_near(&self, db: usize, ahead: &Ahead, args: &[&[u8]]) {
        let mut keys = [&[][..]; TOGETHER];
        let mut members = [Named::default(); AHEAD];
        let (mut count, mut first, mut named) = (0usize, 0, 0usize);
        for (end, _) in ahead.requests() {
            let argv = args.get(first..end).unwrap_or(&[]);
            first = end;
            let Some(row) = argv.first().and_then(|name| self.server.registry.top_level(name)) else { continue };
            for (place, key) in keys.iter_mut().skip(count).zip(row.leading_keys(argv)) {
                *place = key;
                count = count.saturating_add(1);
            }
            if let (Some(member), Some(place)) = (row.likely_member(argv), members.get_mut(named)) {
                *place = member;
                named = named.saturating_add(1);
            }
        }
        if count > 1 {
            self.keys.bring_near(db, keys.get(..count).unwrap_or(&[]));
        }
        if named > 1 {
            self.keys.bring_members_near(db, members.get(..named).unwrap_or(&[]));
        }
    }

    /// Runs one request given as words and appends its reply: what a frame would have done, without the frame.
    pub fn command(&mut self, id: SessionId, words: &[&[u8]], now: Millis, out: &mut Vec<u8>) {
        self.set_now(now);
        let Some(mut session) = self.server.sessions.take(id) else { return };
        session.last_used = self.keys.now();
        self.request(&mut session, words, out);
        self.finish(session, out);
    }

    /// Runs `work` as a command of a session would run: database selected, clock set, watchers told afterwards. The way of typed callers.
    pub fn with_call<R>(&mut self, id: SessionId, now: Millis, work: impl FnOnce(&mut Call<'_>) -> R) -> Option<R> {
        self.set_now(now);
        let mut session = self.server.sessions.take(id)?;
        self.keys.select(session.db);
        let result =
            work(&mut Call { keys: &mut self.keys, session: &mut session, server: &mut self.server, row: &command::TYPED });
        self.server.sessions.put_back(session);
        self.settle(None);
        self.server.broadcast_if_any();
        Some(result)
    }

    fn request(&mut self, session: &mut Session, argv: &[&[u8]], out: &mut Vec<u8>) {
        if argv.is_empty() {
            return;
        }
        session.commands = session.commands.wrapping_add(1);
        let verdict = self.admit(session, argv);
        // What the session learns before its command runs, such as the eviction of keys that it read, comes before the reply.
        session.empty_outbox_into(out);
        let start = out.len();
        let mut writer = Writer::new(out, session.protocol);
        writer.limit(session.output_limit(&self.server.config));
        let mut ran = None;
        match verdict {
            Ok(Verdict::Run(row, words)) => {
                session.buffers.argv = argv.iter().map(|word| word.len()).sum();
                self.keys.select(session.db);
                let mut call = Call { keys: &mut self.keys, session, server: &mut self.server, row };
                command::run(&mut call, row, argv, words, &mut writer);
                ran = Some(row);
            }
            Ok(Verdict::Queue) => writer.simple("QUEUED"),
            Ok(Verdict::Pause) => return self.pause(session, argv),
            Err(error) => {
                let error = self.refuse(session, argv, error);
                writer.error(&error);
            }
        }
        let cut = writer.is_cut();
        self.settle(Some(session));
        if cut {
            self.server.stats.output_buffer_disconnections = self.server.stats.output_buffer_disconnections.wrapping_add(1);
            out.truncate(start);
            session.cut();
        } else if session.park.is_some() {
            self.park(session, argv);
        } else {
            // What comes as a push is no reply.
            let pushed = ran.is_some_and(|row| matches!(row.reply, Shape::Pushed));
            if session.swallows_reply() && !pushed {
                out.truncate(start);
            }
            if let Some(tracker) = &mut session.tracking {
                let keeps = ran.is_some_and(|row| row.flags.has(Flags::KEEPS_CACHING));
                tracker.caching &= keeps || session.queue.is_some();
            }
        }
        session.empty_outbox_into(out);
    }

    /// What a refused request does to the session's transaction, and how the refusal is worded.
    fn refuse(&mut self, session: &mut Session, argv: &[&[u8]], error: ReplyError) -> ReplyError {
        let row = self.server.registry.asked_for(argv);
        self.server.stats.refused(row, &error);
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
        session.last_command = row.name;
        let flags = row.flags;
        if flags.has(Flags::DEBUG) && !self.server.config.allows("enable-debug-command", session.peer.is_local()) {
            return Err(ReplyError::DEBUG_NOT_ALLOWED);
        }
        if !flags.has(Flags::NO_AUTH) && !self.server.admits(session) {
            return Err(ReplyError::NO_AUTH);
        }
        if session.queue.is_some() && flags.has(Flags::NO_MULTI) {
            return Err(ReplyError::NOT_IN_MULTI);
        }
        if ADMIN && session.user.is_some() {
            command::acl::check(&mut self.server, session, self.keys.now(), row, argv)
                .map_err(|denied| ReplyError::no_permission(row.name, denied))?;
        }
        let room = self.make_room_for(Some(session));
        if flags.has(Flags::DENYOOM) || session.queue.as_ref().is_some_and(|queue| queue.needs_room(flags)) {
            room?;
        }
        let writes = flags.has(Flags::WRITE) || session.queue.as_ref().is_some_and(|queue| queue.waits(flags));
        let wanted = self.server.config.wanted_replicas;
        // Asked for by few, and the answer takes longer than most commands.
        if writes && wanted > 0 && wanted > self.server.good_replicas(self.keys.now()) {
            return Err(ReplyError::NO_REPLICAS);
        }
        let listens = session.protocol == Protocol::Resp2 && !session.subscriptions.is_empty();
        if listens && !flags.has(Flags::WHILE_SUBSCRIBED) {
            return Err(ReplyError::while_subscribed(row.name));
        }
        if let Some(pause) = &self.server.pause
            && pause.until > self.keys.now()
            && (pause.all || flags.may_change() || session.queue.as_ref().is_some_and(|queue| queue.waits(flags)))
        {
            return Ok(Verdict::Pause);
        }
        let Some(queue) = &mut session.queue else { return Ok(Verdict::Run(row, words)) };
        if flags.has(Flags::RUNS_IN_MULTI) {
            return Ok(Verdict::Run(row, words));
        }
        queue.grows |= flags.has(Flags::DENYOOM);
        queue.changes |= flags.may_change();
        queue.commands.push(command::own(argv));
        Ok(Verdict::Queue)
    }

    /// Holds `maxmemory`, for typed callers: to be called before whatever may grow memory.
    ///
    /// # Errors
    /// `OOM` where the policy lets no key go, and more than the limit is used.
    #[inline]
    pub fn make_room(&mut self) -> Result<(), ReplyError> {
        self.make_room_for(None)
    }

    /// Evicts keys while more than `maxmemory` is used. `running` is the session that is taken out.
    #[inline]
    fn make_room_for(&mut self, running: Option<&mut Session>) -> Result<(), ReplyError> {
        let limit = self.server.config.maxmemory;
        if self.keys.is_full() {
            return Err(ReplyError::MEMORY);
        }
        if limit == 0 || self.server.used_memory(&self.keys) <= limit { Ok(()) } else { self.evict(running, limit) }
    }

    #[inline]
    fn evict(&mut self, running: Option<&mut Session>, limit: u64) -> Result<(), ReplyError> {
        // While writes wait, keys stay as they are.
        if self.server.pause.as_ref().is_some_and(|pause| pause.until > self.keys.now()) {
            return Ok(());
        }
        // Clients that take more than is theirs go before keys do.
        match self.server.config.client_memory {
            0 => {}
            most => self.evict_clients(most),
        }
        let before = self.keys.stats.evicted;
        let connections = self.server.connections;
        let room = self.keys.make_room(limit.saturating_sub(connections)) && connections <= limit;
        // Who watched or read an evicted key learns it before the command runs.
        if running.is_some() && self.keys.stats.evicted != before {
            self.settle(running);
        }
        if room { Ok(()) } else { Err(ReplyError::OOM) }
    }

    /// After a command: sessions whose watched keys changed lose their bet, notices are told, and waiting sessions are served.
    /// `running` is the session that is taken out.
    #[inline]
    pub(crate) fn settle(&mut self, running: Option<&mut Session>) {
        // After nearly every command there is nothing to tell anybody.
        let server = &self.server;
        if self.keys.has_news() || !server.events.is_empty() || server.pause.is_some() || server.effects.are_read() {
            self.tell_all(running);
        }
    }

    #[inline(never)]
    fn tell_all(&mut self, mut running: Option<&mut Session>) {
        if self.keys.tracked {
            self.server.invalidate(running.as_deref_mut(), self.keys.take_touched());
            self.server.bound_table(running.as_deref_mut());
        }
        for id in self.keys.take_dirtied() {
            match &mut running {
                Some(session) if session.id == id => session.watch_lost = true,
                _ => {
                    if let Some(watcher) = self.server.sessions.get_mut(id) {
                        watcher.watch_lost = true;
                    }
                }
            }
        }
        if self.keys.has_notices() {
            for notice in self.keys.take_notices() {
                self.server.tell(running.as_deref_mut(), notice);
            }
        }
        self.close_unit();
        self.let_time_pass();
        self.serve_waiting();
        if self.server.pause.as_ref().is_some_and(|pause| pause.until <= self.keys.now()) {
            self.end_pause();
        }
    }

    /// The time that the shell is asked to sleep has gone by for those who are served now; for the request itself it stood still.
    fn let_time_pass(&mut self) {
        let slept = self.server.events.iter().map(|event| if let Event::Sleep(ms) = event { *ms } else { 0 });
        let slept = slept.fold(0u64, u64::saturating_add);
        if slept > 0 {
            self.keys.set_now(self.keys.now().saturating_add(slept));
        }
    }

    /// Has a request wait until CLIENT PAUSE is over.
    fn pause(&mut self, session: &mut Session, argv: &[&[u8]]) {
        let park = Park { keys: Vec::new(), wants: None, deadline: None, otherwise: Otherwise::Null };
        session.waiting = Some(Box::new(Waiting { park, db: session.db, argv: command::own(argv), paused: true }));
        if let Some(pause) = &mut self.server.pause {
            pause.sessions.push(session.id);
        }
    }

    /// Runs the requests that a pause kept, in their order. One of them may begin the next pause, which the others then wait for.
    fn end_pause(&mut self) {
        let Some(pause) = self.server.pause.take() else { return };
        for id in pause.sessions {
            self.run_paused(id);
        }
    }

    /// Runs the request of a session that a pause kept. False if there is none.
    fn run_paused(&mut self, id: SessionId) -> bool {
        let Some(mut session) = self.server.sessions.take(id) else { return false };
        let waiting = session.waiting.take_if(|waiting| waiting.paused);
        if let Some(waiting) = &waiting {
            let argv: Vec<&[u8]> = waiting.argv.iter().map(Vec::as_slice).collect();
            let mut reply = Vec::new();
            self.request(&mut session, &argv, &mut reply);
            self.server.hand_over(&mut session, &reply);
            if session.waiting.is_none() {
                self.server.events.push_back(Event::Ready(id));
            }
        }
        self.server.sessions.put_back(session);
        waiting.is_some()
    }

    /// Parks a session whose command asked for it.
    fn park(&mut self, session: &mut Session, argv: &[&[u8]]) {
        let Some(park) = session.park.take() else { return };
        for key in &park.keys {
            self.keys.wait(session.db, key, session.id);
        }
        if let Some(deadline) = park.deadline {
            self.server.timeouts.insert(deadline, session.id);
        }
        let argv = session.again.take().unwrap_or_else(|| command::own(argv));
        session.waiting = Some(Box::new(Waiting { park, db: session.db, argv, paused: false }));
    }

    /// Runs the commands of sessions whose keys became ready, in the order of the keys' changes and of the sessions' coming.
    fn serve_waiting(&mut self) {
        loop {
            let ready = self.keys.take_ready();
            if ready.is_empty() {
                return;
            }
            for (db, key) in ready {
                for id in self.keys.waiting_on(db, &key) {
                    self.try_again(id, db, &key);
                }
            }
        }
    }

    /// Runs a waiting session's command again because `key` changed.
    fn try_again(&mut self, id: SessionId, db: usize, key: &[u8]) {
        let value_type = self.keys.within(db, |keys| keys.peek(key).map(|value| value.value_type()));
        let Some(mut session) = self.server.sessions.take(id) else { return };
        let worth_it = |waiting: &Waiting| waiting.park.wants.is_none_or(|wanted| value_type == Some(wanted));
        if let Some(waiting) = session.waiting.take_if(|waiting| worth_it(waiting)) {
            session.serving = Some(key.to_vec());
            self.run_waiting(&mut session, waiting);
            (session.serving, session.again) = (None, None);
        }
        self.server.sessions.put_back(session);
    }

    fn run_waiting(&mut self, session: &mut Session, waiting: Box<Waiting>) {
        let argv: Vec<&[u8]> = waiting.argv.iter().map(Vec::as_slice).collect();
        let Ok((row, words)) = self.server.registry.resolve(&argv) else { return };
        let mut reply = Vec::new();
        self.keys.select(waiting.db);
        let mut writer = Writer::new(&mut reply, session.protocol);
        // What the session is told while its command runs comes behind the reply.
        let told_before = core::mem::take(&mut session.outbox);
        let mut call = Call { keys: &mut self.keys, session, server: &mut self.server, row };
        command::run(&mut call, row, &argv, words, &mut writer);
        self.close_unit();
        let told = core::mem::replace(&mut session.outbox, told_before);
        let again = session.park.take().is_some();
        session.waiting = Some(waiting);
        if !again {
            self.server.end_wait(&mut self.keys, session);
            self.server.answer_late(session, &reply);
        }
        self.server.hand_over(session, &told);
    }

    /// Whether a session waits (its input stays unread until [`Event::Ready`]).
    pub fn is_waiting(&self, id: SessionId) -> bool {
        self.session(id).is_some_and(|session| session.waiting.is_some())
    }

    /// Answers a waiting session as if its time were over, for shells that cannot wait. The reply comes as [`Event::Output`].
    #[inline(never)]
    pub fn stop_waiting(&mut self, id: SessionId) -> bool {
        self.server.unblock(&mut self.keys, id, None) || self.run_paused(id)
    }

    /// The bytes that a session was given without asking, in order; [`Event::Output`] says that there are some.
    #[inline(never)]
    pub fn take_output(&mut self, id: SessionId) -> Vec<u8> {
        self.session_mut(id).map(|session| core::mem::take(&mut session.outbox)).unwrap_or_default()
    }

    /// Does background work at `now`: removes up to `budget` expired keys, and frees as many elements of what is gone. Returns the next moment at which something is due, `None` if nothing is:
    /// a shell sleeps until then, or sets one timer.
    #[inline(never)]
    pub fn tick(&mut self, now: Millis, budget: usize) -> Option<Millis> {
        self.set_now(now);
        while let Some(id) = self.server.timeouts.take_due(self.keys.now()) {
            self.server.unblock(&mut self.keys, id, None);
        }
        // While writes wait, keys stay as they are; whoever asks for an expired one does not see it.
        let paused = self.server.is_paused(self.keys.now());
        let host = self.server.host.as_ref().filter(|_| self.server.config.latency_ms != 0);
        let began = host.and_then(|host| host.clock_us());
        let finished = (paused || self.keys.expire_due(budget)) & self.keys.free_slice(budget);
        if let Some(began) = began {
            let took = self.server.host.as_ref().and_then(|host| host.clock_us()?.checked_sub(began)).unwrap_or(0);
            if took.wrapping_div(1000) >= self.server.config.latency_ms {
                self.server.latency.add("expire-cycle", self.keys.now(), took.wrapping_div(1000));
            }
        }
        self.settle(None);
        self.server.broadcast_if_any();
        self.ping_replicas();
        if finished { self.next_due() } else { Some(now) }
    }

    /// The next moment at which something is due: a key, or the end of a wait or of a pause.
    pub fn next_due(&self) -> Option<Millis> {
        if self.keys.has_waste() || self.keys.has_spare_memory() {
            return Some(self.keys.now());
        }
        let pause = self.server.pause.as_ref().map(|pause| pause.until);
        pause
            .or_else(|| self.keys.next_due())
            .into_iter()
            .chain(self.server.timeouts.next())
            .chain(self.server.effects.next_ping())
            .min()
    }

    /// Takes a shell's word for what the buffers of a connection hold now: bytes of unfinished requests, the room beyond them, and replies that the
    /// other end has not taken.
    pub fn report_buffers(&mut self, id: SessionId, query: usize, query_free: usize, output: usize) {
        let Some(session) = self.server.sessions.get_mut(id) else { return };
        (session.buffers.query, session.buffers.query_free, session.buffers.output) = (query, query_free, output);
        let parts = [size_of::<Session>(), query, query_free, output];
        let held = parts.into_iter().fold(0u64, |sum, part| sum.saturating_add(part as u64));
        let before = core::mem::replace(&mut session.held, held);
        self.server.connections = self.server.connections.saturating_sub(before).saturating_add(held);
    }

    /// Closes the conversations that take most, until all together take at most `limit` bytes: what `maxmemory-clients` asks of a shell whose
    /// buffers count. Those that said CLIENT NO-EVICT stay.
    #[inline(never)]
    pub fn evict_clients(&mut self, limit: u64) {
        let sizes = self.server.sessions.iter().map(|session| (session.memory() as u64, session.id, session.no_evict));
        let mut sizes: Vec<(u64, SessionId, bool)> = sizes.collect();
        let mut total = sizes.iter().fold(0u64, |sum, (size, ..)| sum.saturating_add(*size));
        if total <= limit {
            return;
        }
        sort(&mut sizes, |one, other| other.cmp(one));
        for (size, id, protected) in sizes {
            if total > limit && !protected {
                total = total.saturating_sub(size);
                self.server.dismiss(&mut self.keys, id);
                self.server.stats.evicted_clients = self.server.stats.evicted_clients.wrapping_add(1);
            }
        }
    }

    /// Chooses the classes of keyspace events that [`Engine::take_event`] tells.
    #[inline(never)]
    pub fn listen(&mut self, classes: Class) {
        self.server.listening = classes;
        self.server.configure(&mut self.keys);
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

impl Server {
    /// A session, which may be the one that is taken out.
    pub(crate) fn session_of<'s>(&'s mut self, running: Option<&'s mut Session>, id: SessionId) -> Option<&'s mut Session> {
        match running {
            Some(session) if session.id == id => Some(session),
            _ => self.sessions.get_mut(id),
        }
    }

    /// Puts bytes into a session's outbox and says so to the shell. `running` is the session that is taken out, if one is.
    pub(crate) fn push_to(&mut self, running: Option<&mut Session>, id: SessionId, write: impl FnOnce(&mut Writer<'_>)) -> bool {
        // The outbox of the running session goes behind the reply to its request.
        let own = running.as_ref().is_some_and(|session| session.id == id);
        let session = match running {
            Some(session) if own => session,
            _ => match self.sessions.get_mut(id) {
                Some(session) if !session.cut => session,
                _ => return false,
            },
        };
        let (protocol, first) = (session.protocol, session.outbox.is_empty());
        write(&mut Writer::new(&mut session.outbox, protocol));
        if !own && session.outbox.len().saturating_add(session.buffers.output) > session.output_limit(&self.config) {
            self.stats.output_buffer_disconnections = self.stats.output_buffer_disconnections.wrapping_add(1);
            session.cut();
            self.events.push_back(Event::Close(id));
        } else if first && !own {
            self.events.push_back(Event::Output(id));
        }
        true
    }

    /// As [`Server::broadcast`], between batches.
    fn broadcast_if_any(&mut self) {
        if self.tracking.has_changes() {
            self.broadcast(None);
        }
    }

    /// Ends a conversation: its transaction is discarded; its watches, waits, subscriptions and tracking end.
    pub(crate) fn close(&mut self, keys: &mut Keyspace, id: SessionId) {
        let Some(mut session) = self.sessions.close(id) else { return };
        self.connections = self.connections.saturating_sub(session.held);
        keys.unwatch_all(&mut session);
        self.end_wait(keys, &mut session);
        self.unsubscribe_all(&session);
        self.end_tracking(&mut session);
        self.end_monitoring(id);
        self.end_replica(keys, id);
        keys.tracked = self.tracking.is_on();
    }

    /// Delivers a message to all who subscribed; how many those are.
    pub(crate) fn publish(&mut self, mut running: Option<&mut Session>, kind: Kind, channel: &[u8], message: &[u8]) -> usize {
        let receivers = self.pubsub.receivers(kind, channel);
        for (id, pattern) in &receivers {
            self.push_to(running.as_deref_mut(), *id, |writer| {
                writer.push(if pattern.is_some() { 4 } else { 3 });
                match (pattern, kind) {
                    (Some(pattern), _) => {
                        writer.bulk(b"pmessage");
                        writer.bulk(pattern);
                    }
                    (None, Kind::Shard) => writer.bulk(b"smessage"),
                    (None, _) => writer.bulk(b"message"),
                }
                writer.bulk(channel);
                writer.bulk(message);
            });
        }
        receivers.len()
    }

    /// Tells a notice to the shell and to subscribers of keyspace notifications, as far as they want it.
    fn tell(&mut self, mut running: Option<&mut Session>, notice: Notice) {
        let wanted = self.config.notify_keyspace_events;
        if wanted.intersects(notice.class) {
            let mut digits = [0; 20];
            let db = number::write_i64(i64::try_from(notice.db).unwrap_or(0), &mut digits);
            if wanted.intersects(Class::KEYSPACE) {
                let channel = [b"__keyspace@", db, b"__:", &notice.key].concat();
                self.publish(running.as_deref_mut(), Kind::Channel, &channel, notice.event.as_bytes());
            }
            if wanted.intersects(Class::KEYEVENT) {
                let channel = [b"__keyevent@", db, b"__:", notice.event.as_bytes()].concat();
                self.publish(running, Kind::Channel, &channel, &notice.key);
            }
        }
        if self.listening.intersects(notice.class) {
            self.events.push_back(Event::Key(notice));
        }
    }

    /// Ends all subscriptions of a session that goes.
    pub(crate) fn unsubscribe_all(&mut self, session: &Session) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in session.subscriptions.of(kind) {
                self.pubsub.unsubscribe(kind, name, session.id);
            }
        }
    }

    /// Takes a session's wait back, if it is in one.
    fn end_wait(&mut self, keys: &mut Keyspace, session: &mut Session) -> Option<Box<Waiting>> {
        let waiting = session.waiting.take()?;
        for key in &waiting.park.keys {
            keys.end_wait(waiting.db, key, session.id);
        }
        if let Some(deadline) = waiting.park.deadline {
            self.timeouts.remove(deadline, session.id);
        }
        Some(waiting)
    }

    /// The reply of a wait that has ended, and the news that it has.
    fn answer_late(&mut self, session: &mut Session, reply: &[u8]) {
        if !session.swallows_reply() {
            self.hand_over(session, reply);
        }
        self.events.push_back(Event::Ready(session.id));
    }

    /// Gives bytes to a session that did not ask just now.
    fn hand_over(&mut self, session: &mut Session, bytes: &[u8]) {
        if session.outbox.is_empty() && !bytes.is_empty() {
            self.events.push_back(Event::Output(session.id));
        }
        session.outbox.extend_from_slice(bytes);
    }

    /// Ends a session's wait with the error given, or with the reply for waits in vain. False if it was not waiting.
    pub(crate) fn unblock(&mut self, keys: &mut Keyspace, id: SessionId, error: Option<&ReplyError>) -> bool {
        if self.sessions.get(id).and_then(|session| session.waiting.as_ref()).is_none_or(|waiting| waiting.paused) {
            return false;
        }
        let Some(mut session) = self.sessions.take(id) else { return false };
        let waiting = self.end_wait(keys, &mut session);
        if let Some(waiting) = &waiting {
            let mut reply = Vec::new();
            let mut writer = Writer::new(&mut reply, session.protocol);
            match error {
                Some(error) => {
                    let argv: Vec<&[u8]> = waiting.argv.iter().map(Vec::as_slice).collect();
                    if let Ok((row, _)) = self.registry.resolve(&argv) {
                        self.stats.ran(row, None, 0, false);
                        self.stats.failed(row, error);
                    }
                    writer.error(error);
                }
                None => waiting.park.otherwise.write(&mut writer),
            }
            self.answer_late(&mut session, &reply);
        }
        self.sessions.put_back(session);
        waiting.is_some()
    }

    fn is_paused(&self, now: Millis) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.until > now)
    }

    /// Whether a session need not say first who it is.
    pub fn admits(&self, session: &Session) -> bool {
        session.authenticated || !self.acl.requires_auth()
    }

    /// Ends a conversation that is not running a command: its wait, too, is over without an answer.
    pub(crate) fn dismiss(&mut self, keys: &mut Keyspace, id: SessionId) {
        self.close(keys, id);
        self.events.push_back(Event::Close(id));
    }

    /// Sessions that wait on something with an end.
    pub fn waits_with_end(&self) -> usize {
        self.timeouts.len()
    }
}

/// What `admit` decides.
enum Verdict {
    /// Run the row; its name takes so many words.
    Run(&'static Row, usize),
    /// It was queued for EXEC.
    Queue,
    /// It waits until a pause is over.
    Pause,
}
