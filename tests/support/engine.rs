//! The engine in process as a target: no sockets, a clock that stands still until it is moved.

use std::collections::HashMap;

use cachette::config::{Config, Phase};
use cachette::engine::{Engine, Options};
use cachette::event::Event;
use cachette::host::Host;
use cachette::session::{Peer, SessionId};

use super::resp::{Value, decode};
use super::target::{Client, OURS, Target, Trouble};

pub struct InProcess {
    pub engine: Engine,
    seed: u64,
    now: u64,
    clients: Vec<End>,
    sessions: HashMap<SessionId, Client>,
}

struct End {
    session: SessionId,
    input: Vec<u8>,
    output: Vec<u8>,
    read: usize,
    closed: bool,
}

/// A host with a clock that goes on by ten microseconds at each look.
struct Ticking(std::cell::Cell<u64>);

impl Host for Ticking {
    fn apply_config(&mut self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn serves_replicas(&self) -> bool {
        true
    }

    fn clock_us(&self) -> Option<u64> {
        self.0.set(self.0.get() + 10);
        Some(self.0.get())
    }
}

const START: u64 = 1_764_000_000_000;

impl InProcess {
    pub fn new(seed: u64) -> Self {
        let mut config = Config::default();
        config.set(b"enable-debug-command", &[b"yes"], Phase::Startup).expect("a parameter");
        let mut engine = Engine::new(Options { seed, config });
        engine.server.host = Some(Box::new(Ticking(0.into())));
        Self { engine, seed, now: START, clients: Vec::new(), sessions: HashMap::new() }
    }

    /// Moves the clock to this Unix time; never back.
    pub fn set_now(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// Compares the ledger with a recount of everything.
    pub fn audit(&self) -> Result<(), String> {
        let (ledger, counted) = (self.engine.keys.used_memory(), self.engine.keys.audit());
        if ledger == counted { Ok(()) } else { Err(format!("the ledger says {ledger} bytes, a recount {counted}")) }
    }

    /// Runs what a client has sent, and what others have sent that may go on because of it.
    fn run(&mut self, client: Client) {
        let mut ready = vec![client];
        while let Some(client) = ready.pop() {
            loop {
                let end = &mut self.clients[client];
                if end.closed || self.engine.is_waiting(end.session) {
                    break;
                }
                let taken = self.engine.execute(end.session, &end.input, self.now, &mut end.output);
                let consumed = match taken {
                    Ok(consumed) => {
                        end.input.drain(..consumed);
                        consumed
                    }
                    Err(_) => {
                        end.closed = true;
                        self.engine.close(end.session);
                        0
                    }
                };
                let (happened, more) = self.take_events();
                ready.extend(more);
                if consumed == 0 && !happened {
                    break;
                }
            }
        }
    }

    /// Acts on the engine's events as a shell does. Whether there were any, and the clients whose input may go on.
    fn take_events(&mut self) -> (bool, Vec<Client>) {
        let mut happened = false;
        let mut ready = Vec::new();
        while let Some(event) = self.engine.take_event() {
            happened = true;
            match event {
                Event::Close(session) => {
                    self.take_output(session);
                    if let Some(client) = self.sessions.get(&session) {
                        self.clients[*client].closed = true;
                    }
                    self.engine.close(session);
                }
                Event::Output(session) => self.take_output(session),
                Event::Ready(session) => ready.extend(self.sessions.get(&session).copied()),
                Event::Sleep(ms) => self.now += ms,
                _ => {}
            }
        }
        (happened, ready)
    }

    /// Who reads while there is nothing to read lets time pass, up to the end of what he waits for.
    fn wait(&mut self, client: Client) {
        let patience = self.now + 10_000;
        loop {
            let end = &self.clients[client];
            if end.read < end.output.len() || !self.engine.is_waiting(end.session) {
                return;
            }
            match self.engine.tick(self.now, 100) {
                Some(due) if due <= patience => self.now = self.now.max(due),
                _ => return,
            }
            self.advance(0);
        }
    }

    fn take_output(&mut self, session: SessionId) {
        if let Some(client) = self.sessions.get(&session) {
            let bytes = self.engine.take_output(session);
            self.clients[*client].output.extend(bytes);
        }
    }
}

impl Target for InProcess {
    fn name(&self) -> String {
        "the engine".into()
    }

    fn version(&self) -> (u32, u32) {
        OURS
    }

    fn fresh(&mut self) {
        self.seed = self.seed.wrapping_add(1);
        let now = self.now;
        *self = Self { now, ..Self::new(self.seed) };
    }

    fn connect(&mut self) -> Client {
        let session = self.engine.open(Peer { addr: "127.0.0.1:50000".into(), laddr: "127.0.0.1:6379".into(), fd: 8 }, self.now);
        self.clients.push(End { session, input: Vec::new(), output: Vec::new(), read: 0, closed: false });
        self.sessions.insert(session, self.clients.len() - 1);
        self.clients.len() - 1
    }

    fn send(&mut self, client: Client, bytes: &[u8]) {
        let end = &mut self.clients[client];
        if end.read == end.output.len() {
            end.output.clear();
            end.read = 0;
        }
        end.input.extend_from_slice(bytes);
        self.run(client);
    }

    fn receive(&mut self, client: Client) -> Result<Value, Trouble> {
        self.wait(client);
        let end = &mut self.clients[client];
        match decode(&end.output[end.read..]).map_err(Trouble::Garbage)? {
            Some((value, used)) => {
                end.read += used;
                Ok(value)
            }
            None if end.closed => Err(Trouble::Closed),
            None => Err(Trouble::Silent),
        }
    }

    fn receive_raw(&mut self, client: Client, _: usize, _: bool) -> (Vec<u8>, bool) {
        let end = &mut self.clients[client];
        let bytes = end.output[end.read..].to_vec();
        end.read = end.output.len();
        (bytes, end.closed)
    }

    fn quiet(&mut self, client: Client) -> bool {
        let end = &self.clients[client];
        end.read == end.output.len() && !end.closed
    }

    fn close(&mut self, client: Client) {
        let end = &mut self.clients[client];
        if !end.closed {
            end.closed = true;
            self.engine.close(end.session);
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        // What is due is removed as a shell would do it.
        while self.engine.tick(self.now, 100).is_some_and(|due| due <= self.now) {}
        for client in self.take_events().1 {
            self.run(client);
        }
    }

    fn sync_clock(&mut self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        self.set_now(now.as_millis() as u64);
    }

    fn knows(&mut self, argv: &[Vec<u8>]) -> bool {
        let words: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        match self.engine.server.registry.resolve(&words) {
            Ok(_) => true,
            // Known, but called with too few arguments.
            Err(error) => !String::from_utf8_lossy(error.as_bytes()).contains("unknown"),
        }
    }

    fn check(&mut self) -> Result<(), String> {
        self.audit()
    }
}
