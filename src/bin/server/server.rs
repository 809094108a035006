//! The loop: one thread that waits for sockets, signals and the engine's clock, and owns all three.
//!
//! A readable connection gets a turn: one read, one call of the engine with everything that is whole, one write. The poll is
//! edge-triggered, so a connection that may have more to read than its turn allowed stands in a queue and gets its next turn after all
//! others had theirs: an endless pipeline slows nobody down by more than one buffer's worth of requests.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachette::config::BufferLimit;
use cachette::engine::Engine;
use cachette::event::Event;
use cachette::session::{Peer as SessionPeer, SessionId};
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;
use tracing::{debug, info, warn};

use crate::connection::{Closing, Connection, Flushed, Stream};
use crate::doors::Doors;
use crate::links::Links;
use crate::listen::Peer;
use crate::settings::Settings;

const SIGNALS: Token = Token(0);
/// All listeners.
const DOORS: Token = Token(1);
/// Connections have the tokens from here on.
const FIRST_CONNECTION: usize = 2;

/// What one read takes at most, and so the most that one client's turn costs the others. At 64 KiB a pipeline of short commands is some
/// 1,500 of them; reading less at once costs throughput (16 KiB: measurably fewer requests a second at 64 pipelined), more gives nothing.
const READ_BUFFER: usize = 64 * 1024;
/// Reads in one turn while a request is unfinished: one of a megabyte comes as quickly as its client can send it.
const READS_OF_ONE_REQUEST: usize = 16;
/// Buffers that grew beyond this for one big request or reply are given back to the system.
const KEEP_BUFFER: usize = 256 * 1024;
/// What a client that has not authenticated may leave unread.
const UNAUTHENTICATED_OUTPUT: usize = 64 * 1024;
/// Clients let in by one wake-up, so that a flood of them does not starve those that are in.
const ACCEPTS_A_TURN: usize = 1000;
/// How long a connection that is to be closed gets to take its last bytes, in milliseconds.
const LAST_BYTES_MS: u64 = 10_000;
/// How often idle time and soft limits are looked at, when there is anything to look at.
const HOUSEKEEPING_MS: u64 = 100;
/// The same when only `timeout` asks for it, whose unit is seconds.
const IDLE_CHECK_MS: u64 = 1000;
/// How long to wait when the process has no file descriptors left, before accepting again.
const ACCEPT_PAUSE_MS: u64 = 100;
/// Entries that background work may look at between two turns. The last keys that go each leave a page behind, which goes back to the system: a hundred of
/// them keep the loop half a millisecond (`benches/results/latency.md`).
const TICK_BUDGET: usize = 100;

pub struct Server {
    poll: Poll,
    signals: Signals,
    doors: Rc<RefCell<Doors>>,
    /// To other servers, for MIGRATE.
    links: Rc<RefCell<Links>>,
    /// Clients may be waiting although the poll will not say so again.
    accept_again: bool,
    /// No accepting before this moment: the process ran out of file descriptors.
    accept_after: u64,
    connections: Slab<Connection>,
    by_session: HashMap<SessionId, usize>,
    /// Connections that may have more to read.
    queue: VecDeque<usize>,
    /// Connections that were given bytes, or an end, from outside their own turn.
    to_flush: Vec<usize>,
    /// Connections whose wait has ended: what they sent meanwhile can run.
    to_resume: Vec<usize>,
    engine: Engine,
    settings: Settings,
    read_buffer: Box<[u8]>,
    /// Lent to the connection whose turn it is.
    write_buffer: Vec<u8>,
    now: u64,
    next_housekeeping: u64,
    /// Somebody's buffers have grown or shrunk, and all together have a limit.
    weigh_clients: bool,
    /// A signal asks for the end.
    signalled: bool,
    shutdown: bool,
}

/// Milliseconds since 1970.
pub fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Server {
    /// # Errors
    /// The system refuses a poll, a signal handler, or a listener's registration.
    pub fn new(engine: Engine, doors: Rc<RefCell<Doors>>, links: Rc<RefCell<Links>>) -> io::Result<Server> {
        let poll = Poll::new()?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        doors.borrow_mut().register(poll.registry(), DOORS)?;
        let settings = Settings::read(&engine.server.config);
        Ok(Server {
            poll,
            signals,
            doors,
            links,
            accept_again: false,
            accept_after: 0,
            connections: Slab::new(),
            by_session: HashMap::new(),
            queue: VecDeque::new(),
            to_flush: Vec::new(),
            to_resume: Vec::new(),
            engine,
            settings,
            read_buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            write_buffer: Vec::new(),
            now: wall_clock(),
            next_housekeeping: u64::MAX,
            weigh_clients: false,
            signalled: false,
            shutdown: false,
        })
    }

    /// Serves until a signal or a client asks for the end, then lets everybody have what they are owed, as far as their sockets take it.
    ///
    /// # Errors
    /// The poll itself fails.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.shutdown {
            let due = self.engine.tick(self.now, TICK_BUDGET);
            self.handle_events();
            self.serve_others();
            let timeout = self.timeout(due);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            self.now = wall_clock();
            for event in &events {
                match event.token() {
                    SIGNALS => self.signalled(),
                    DOORS => self.accept_again = true,
                    Token(token) => self.awake(
                        token - FIRST_CONNECTION,
                        event.is_readable() || event.is_error(),
                        event.is_writable(),
                        event.is_read_closed(),
                    ),
                }
            }
            for _ in 0..self.queue.len() {
                let Some(key) = self.queue.pop_front() else { break };
                if let Some(connection) = self.connections.get_mut(key) {
                    connection.queued = false;
                    self.turn(key);
                }
            }
            self.serve_others();
            if self.accept_again && self.now >= self.accept_after {
                self.accept();
            }
            if self.now >= self.next_housekeeping {
                self.keep_house();
            }
            if self.signalled {
                self.end_if_nothing_holds();
            }
        }
        self.close_all();
        Ok(())
    }

    /// How long the poll may sleep.
    fn timeout(&self, due: Option<u64>) -> Option<Duration> {
        if !self.queue.is_empty() || (self.accept_again && self.now >= self.accept_after) {
            return Some(Duration::ZERO);
        }
        let accept = self.accept_again.then_some(self.accept_after);
        let housekeeping = (self.next_housekeeping != u64::MAX).then_some(self.next_housekeeping);
        let next = [due, accept, housekeeping].into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(self.now)))
    }

    fn signalled(&mut self) {
        for signal in self.signals.pending() {
            match signal {
                SIGHUP => info!("Received SIGHUP, which changes nothing here"),
                // A second one from somebody who will not wait.
                SIGINT if self.signalled => std::process::exit(1),
                _ => {
                    let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
                    warn!("Received {name}: finishing and exiting");
                    self.signalled = true;
                    self.engine.server.ending = true;
                }
            }
        }
    }

    /// After a signal: ends, unless a client has taken it back (SHUTDOWN ABORT), or paused what would do it (DEBUG PAUSE-CRON).
    fn end_if_nothing_holds(&mut self) {
        if !self.engine.server.ending {
            self.signalled = false;
            warn!("Shutdown manually aborted");
        } else if !self.engine.server.cron_paused {
            self.shutdown = true;
        }
    }

    // ---- clients come

    fn accept(&mut self) {
        self.accept_again = false;
        let doors = self.doors.clone();
        for listener in doors.borrow().listeners() {
            for accepted in 0.. {
                if accepted >= ACCEPTS_A_TURN {
                    self.accept_again = true;
                    break;
                }
                match listener.accept() {
                    Ok((stream, peer)) => self.welcome(stream, peer),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
                    Err(error) => {
                        // Out of file descriptors, most likely: those who wait in the queue are let in when some are free again.
                        warn!("Accepting a client failed: {error}");
                        self.accept_again = true;
                        self.accept_after = self.now + ACCEPT_PAUSE_MS;
                        break;
                    }
                }
            }
        }
    }

    fn welcome(&mut self, mut stream: Stream, peer: Peer) {
        debug!("Accepted {}", peer.address);
        if let Some(refusal) = self.refusal(&peer) {
            self.engine.server.stats.rejected_connections += 1;
            // One try: the text fits into an empty socket buffer, and there is nobody to wait for.
            let _ = stream.write(refusal);
            return;
        }
        if let Stream::Tcp(stream) = &stream {
            set_tcp_options(stream, self.settings.tcp_keepalive);
        }
        let slot = self.connections.vacant_entry();
        let key = slot.key();
        if let Err(error) = stream.register(self.poll.registry(), Token(FIRST_CONNECTION + key)) {
            warn!("A client could not be added to the poll: {error}");
            return;
        }
        let about = SessionPeer { addr: peer.address.clone(), laddr: stream.local_address(), fd: stream.descriptor() };
        let session = self.engine.open(about, self.now);
        slot.insert(Connection::new(stream, session, peer.address, self.now));
        self.by_session.insert(session, key);
        self.plan_housekeeping();
    }

    /// The answer to a client that may not come in.
    fn refusal(&self, peer: &Peer) -> Option<&'static [u8]> {
        if self.connections.len() >= self.settings.maxclients {
            return Some(b"-ERR max number of clients reached\r\n");
        }
        let closed = self.settings.protected_mode && self.engine.server.acl.is_open() && !peer.local;
        closed.then_some(
            b"-DENIED This server is in protected mode: it has no password and answers only clients on its own machine. \
              To let others in, set a password (requirepass), or, where the network keeps strangers out, turn protected-mode off. \
              Both can be done in the configuration file, on the command line, or by CONFIG SET from a client on the server's machine.\r\n",
        )
    }

    // ---- clients speak

    fn awake(&mut self, key: usize, readable: bool, writable: bool, read_closed: bool) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.read_closed |= read_closed;
        if writable && connection.watches_writable {
            self.flush(key);
        }
        if readable && self.connections.get(key).is_some_and(|connection| !connection.queued) {
            self.turn(key);
        }
    }

    /// One read, and what follows from it. An unfinished request may take some more: they cost a copy each, and run nothing.
    fn turn(&mut self, key: usize) {
        for _ in 0..READS_OF_ONE_REQUEST {
            if !self.read_once(key) {
                return;
            }
            if self.connections.get(key).is_none_or(|connection| connection.input.is_empty()) {
                break;
            }
        }
        self.enqueue(key);
    }

    /// False once nothing more is to be read now.
    fn read_once(&mut self, key: usize) -> bool {
        let Some(connection) = self.connections.get_mut(key) else { return false };
        if connection.closing != Closing::No {
            return false;
        }
        let length = match connection.stream.read(&mut self.read_buffer) {
            Ok(0) => {
                self.close(key, "it closed the connection");
                return false;
            }
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) => {
                self.close(key, &error.to_string());
                return false;
            }
        };
        connection.last_active = self.now;
        self.engine.server.stats.input_bytes += length as u64;
        self.engine.server.stats.reads += 1;
        // A read that does not fill the buffer has emptied the socket; what comes later wakes the poll again. Only the end of the stream
        // may have been announced already together with these bytes.
        let more = length == self.read_buffer.len() || connection.read_closed;
        self.feed(key, length);
        more
    }

    fn enqueue(&mut self, key: usize) {
        if let Some(connection) = self.connections.get_mut(key).filter(|connection| !connection.queued) {
            connection.queued = true;
            self.queue.push_back(key);
        }
    }

    /// Lets the engine have the bytes that were read, behind those that waited.
    fn feed(&mut self, key: usize, length: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let fresh = self.read_buffer.get(..length).unwrap_or(&[]);
        if connection.input.is_empty() {
            // The common case: whole requests, executed where they were read.
            let consumed = self.execute(key, None, length);
            self.keep_rest(key, consumed, length);
        } else {
            // Room for an announced string is made in steps that double what has come, the last one no larger than what is to come.
            let missing = connection.frame.missing(connection.input.len()).min(connection.input.len().max(READ_BUFFER));
            if missing > fresh.len() {
                connection.input.reserve_exact(missing);
            }
            connection.input.extend_from_slice(fresh);
            // The limits for those who have not authenticated yet are the engine's, so it looks at every piece of theirs (they are small).
            let ready = connection.frame.is_ready(&connection.input, self.settings.bulk_limit);
            if ready || !is_authenticated(&self.engine, connection.session) {
                let input = std::mem::take(&mut connection.input);
                let length = input.len();
                let consumed = self.execute(key, Some(&input), length);
                self.put_back(key, input, consumed);
            }
        }
        if self.connections.get(key).is_some_and(|connection| connection.input.len() > self.settings.query_buffer_limit) {
            self.engine.server.stats.query_buffer_disconnections += 1;
            return self.close(key, "its query buffer is over client-query-buffer-limit");
        }
        self.settle(key);
    }

    /// Executes what is whole in `input` (`None`: the read buffer), and does what the engine asks for meanwhile. Answers how many bytes were taken.
    fn execute(&mut self, key: usize, input: Option<&[u8]>, length: usize) -> usize {
        let mut consumed = 0;
        while consumed < length {
            let Some(connection) = self.connections.get_mut(key).filter(|connection| connection.closing == Closing::No) else {
                break;
            };
            if connection.output.capacity() == 0 {
                connection.output = std::mem::take(&mut self.write_buffer);
            }
            let rest = match input {
                Some(input) => input.get(consumed..),
                None => self.read_buffer.get(consumed..length),
            };
            let result = self.engine.execute(connection.session, rest.unwrap_or(&[]), self.now, &mut connection.output);
            let acted = match result {
                Ok(taken) => {
                    consumed += taken;
                    self.handle_events() && taken > 0
                }
                Err(_) => {
                    consumed = length;
                    self.close_after_flush(key);
                    false
                }
            };
            if !acted {
                break;
            }
        }
        consumed
    }

    /// Keeps the unfinished request that the read buffer ends with.
    fn keep_rest(&mut self, key: usize, consumed: usize, length: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let rest = self.read_buffer.get(consumed..length).unwrap_or(&[]);
        if !rest.is_empty() {
            connection.input.extend_from_slice(rest);
            connection.frame = Default::default();
            connection.frame.is_ready(&connection.input, self.settings.bulk_limit);
        }
    }

    /// Puts an input buffer back from which `consumed` bytes were taken.
    fn put_back(&mut self, key: usize, mut input: Vec<u8>, consumed: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if consumed > 0 {
            input.drain(..consumed);
            connection.frame = Default::default();
        }
        if input.is_empty() && input.capacity() > READ_BUFFER {
            input = Vec::new();
        }
        connection.input = input;
        if !connection.input.is_empty() {
            connection.frame.is_ready(&connection.input, self.settings.bulk_limit);
        }
    }

    /// Does what the engine asks for. True when a request may go on that had to wait for it.
    fn handle_events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.engine.take_event() {
            any = true;
            match event {
                Event::Close(session) => {
                    let Some(&key) = self.by_session.get(&session) else { continue };
                    // Who was killed, or did not read, gets nothing more.
                    if self.engine.session(session).is_none_or(|session| session.cut) {
                        self.close(key, "the engine ended it");
                    } else {
                        self.close_after_flush(key);
                    }
                }
                Event::Sleep(ms) => {
                    std::thread::sleep(Duration::from_millis(ms));
                    self.now = wall_clock();
                }
                Event::Shutdown => {
                    warn!("A client asked for the server's end");
                    self.shutdown = true;
                }
                Event::Output(session) => {
                    let Some(&key) = self.by_session.get(&session) else { continue };
                    let bytes = self.engine.take_output(session);
                    let Some(connection) = self.connections.get_mut(key) else { continue };
                    connection.output.extend_from_slice(&bytes);
                    self.to_flush.push(key);
                }
                Event::Ready(session) => self.to_resume.extend(self.by_session.get(&session)),
                // Nobody here listens to keys.
                Event::Key(_) => {}
            }
        }
        if self.links.borrow().len() > 0 {
            self.plan_housekeeping();
        }
        // Addresses that could not be had leave the configuration as it was, and the old doors opened anew.
        if self.engine.server.config.generation() != self.settings.generation || self.doors.borrow().has_new() {
            self.follow_settings();
        }
        any
    }

    /// The configuration changed.
    fn follow_settings(&mut self) {
        self.settings = Settings::read(&self.engine.server.config);
        let registered = self.doors.borrow_mut().register(self.poll.registry(), DOORS);
        if let Err(error) = registered {
            warn!("A listener could not be added to the poll: {error}");
        }
        // A new port may have been knocked at before it was added.
        self.accept_again = true;
        self.plan_housekeeping();
    }

    // ---- clients are answered

    /// Sees to the connections that something happened to outside their own turn. This may happen to more of them meanwhile.
    fn serve_others(&mut self) {
        if std::mem::take(&mut self.weigh_clients) {
            self.engine.evict_clients(self.settings.client_memory);
            self.handle_events();
        }
        while !self.to_resume.is_empty() || !self.to_flush.is_empty() {
            for key in std::mem::take(&mut self.to_resume) {
                self.resume(key);
            }
            for key in std::mem::take(&mut self.to_flush) {
                self.settle(key);
            }
        }
    }

    /// Runs what a connection sent while it waited.
    fn resume(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let input = std::mem::take(&mut connection.input);
        let consumed = self.execute(key, Some(&input), input.len());
        self.put_back(key, input, consumed);
        self.settle(key);
    }

    /// After a change of what a connection is owed: looks at its limits, and writes.
    fn settle(&mut self, key: usize) {
        let Some(connection) = self.connections.get(key) else { return };
        let limit = self.output_limit(connection);
        if limit.hard > 0 && connection.pending() as u64 > limit.hard {
            self.engine.server.stats.output_buffer_disconnections += 1;
            return self.close(key, "its replies are over the hard limit of client-output-buffer-limit");
        }
        self.flush(key);
        let Some(connection) = self.connections.get(key) else { return };
        let pending = connection.pending();
        if pending > UNAUTHENTICATED_OUTPUT && !is_authenticated(&self.engine, connection.session) {
            return self.close(key, "it does not read its replies and has not authenticated");
        }
        self.check_soft_limit(key);
        self.report_buffers(key);
    }

    /// The limit that a connection's output is under. With little unread it is under none, which spares the look at its session.
    fn output_limit(&self, connection: &Connection) -> BufferLimit {
        if connection.pending() as u64 <= self.settings.least_limit {
            return BufferLimit::default();
        }
        match self.engine.session(connection.session) {
            Some(session) if session.is_replica() => self.settings.replica_output,
            Some(session) if !session.subscriptions.is_empty() => self.settings.pubsub_output,
            _ => self.settings.normal_output,
        }
    }

    /// Tells the engine the lengths of a connection's buffers, for CLIENT LIST and `maxmemory`.
    fn report_buffers(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let lengths = (connection.input.len(), connection.pending());
        if connection.reported != Some(lengths) {
            connection.reported = Some(lengths);
            let query_free = connection.input.capacity().saturating_sub(lengths.0);
            self.engine.report_buffers(connection.session, lengths.0, query_free, lengths.1);
        }
        // Watches, subscriptions and queued commands count as well as buffers.
        self.weigh_clients = self.settings.client_memory > 0;
    }

    fn flush(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let token = Token(FIRST_CONNECTION + key);
        let before = connection.pending();
        let flushed = connection.flush();
        self.engine.server.stats.output_bytes += before.saturating_sub(connection.pending()) as u64;
        self.engine.server.stats.writes += u64::from(before > 0);
        let watched = match &flushed {
            Ok(state) => connection.watch_writable(self.poll.registry(), token, *state == Flushed::Some),
            Err(_) => Ok(()),
        };
        match (flushed, watched) {
            (Ok(Flushed::All), Ok(())) => {
                // Everything is out: the buffer is free for the next turn.
                let buffer = std::mem::take(&mut connection.output);
                if buffer.capacity() > self.write_buffer.capacity() && buffer.capacity() <= KEEP_BUFFER {
                    self.write_buffer = buffer;
                }
                if connection.closing != Closing::No {
                    self.close(key, "it was asked to go");
                }
            }
            (Ok(Flushed::Some), Ok(())) => {}
            (Err(error), _) | (_, Err(error)) => self.close(key, &error.to_string()),
        }
    }

    fn check_soft_limit(&mut self, key: usize) {
        let Some(connection) = self.connections.get(key) else { return };
        let limit = self.output_limit(connection);
        let over = limit.soft > 0 && connection.pending() as u64 > limit.soft;
        let since = connection.over_soft_limit_since.filter(|_| over);
        if since.is_some_and(|since| self.now.saturating_sub(since) > limit.soft_seconds.saturating_mul(1000)) {
            self.engine.server.stats.output_buffer_disconnections += 1;
            return self.close(key, "its replies were over the soft limit of client-output-buffer-limit for too long");
        }
        let since = over.then(|| since.unwrap_or(self.now));
        if let Some(connection) = self.connections.get_mut(key) {
            connection.over_soft_limit_since = since;
        }
        if since.is_some() {
            self.plan_housekeeping();
        }
    }

    // ---- clients go

    fn close_after_flush(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.closing == Closing::No {
            connection.closing = Closing::AfterFlush { at_latest: self.now + LAST_BYTES_MS };
            self.to_flush.push(key);
            self.plan_housekeeping();
        }
    }

    fn close(&mut self, key: usize, why: &str) {
        let Some(mut connection) = self.connections.try_remove(key) else { return };
        debug!("Client {} is gone: {why}", connection.address);
        connection.stream.deregister(self.poll.registry());
        self.by_session.remove(&connection.session);
        self.engine.close(connection.session);
    }

    fn plan_housekeeping(&mut self) {
        if self.next_housekeeping == u64::MAX {
            self.next_housekeeping = self.now + HOUSEKEEPING_MS;
        }
    }

    /// Looks at everybody for what comes with time alone: idleness, soft limits, last bytes that nobody takes.
    fn keep_house(&mut self) {
        let idle_ms = self.settings.idle_ms;
        self.links.borrow_mut().drop_idle();
        let mut needed = self.links.borrow().len() > 0;
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(connection) = self.connections.get(key) else { continue };
            if let Closing::AfterFlush { at_latest } = connection.closing {
                needed = true;
                if self.now >= at_latest {
                    self.close(key, "it did not take its last bytes");
                }
            } else if idle_ms > 0 && self.now.saturating_sub(connection.last_active) > idle_ms && !self.is_patient(connection) {
                self.close(key, "it was idle for longer than timeout");
            } else if connection.over_soft_limit_since.is_some() {
                needed = true;
                self.check_soft_limit(key);
            }
        }
        let idle = idle_ms > 0 && !self.connections.is_empty();
        self.next_housekeeping = match (needed, idle) {
            (true, _) => self.now + HOUSEKEEPING_MS,
            (false, true) => self.now + IDLE_CHECK_MS,
            (false, false) => u64::MAX,
        };
    }

    /// Clients that wait for something by a command of theirs are never idle.
    fn is_patient(&self, connection: &Connection) -> bool {
        let session = self.engine.session(connection.session);
        session.is_some_and(|session| {
            session.waiting.is_some() || session.monitors || session.is_replica() || !session.subscriptions.is_empty()
        })
    }

    fn close_all(&mut self) {
        self.doors.borrow_mut().close();
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.flush(key);
            self.close(key, "the server ends");
        }
        self.doors.borrow_mut().remove_files();
        warn!("cachette is now ready to exit, bye bye...");
    }
}

fn is_authenticated(engine: &Engine, session: SessionId) -> bool {
    engine.session(session).is_some_and(|session| engine.server.admits(session))
}

/// Small replies go out at once, and a peer that vanished is found out after about `keepalive` seconds.
fn set_tcp_options(stream: &mio::net::TcpStream, keepalive: u64) {
    // Both are comforts: a socket that refuses them still works.
    let _ = stream.set_nodelay(true);
    if keepalive > 0 {
        let interval = Duration::from_secs((keepalive / 3).clamp(1, 32_767));
        let probes = socket2::TcpKeepalive::new()
            .with_time(Duration::from_secs(keepalive.min(32_767)))
            .with_interval(interval)
            .with_retries(3);
        let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&probes);
    }
}
