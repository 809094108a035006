//! A world for the tier's machine: virtual time, a network that delays, stalls and breaks, and a Redis, which is this crate's own engine.

use cachette::engine::{Engine, Options as EngineOptions};
use cachette::event::Event;
use cachette::rng::Rng;
use cachette::session::{Peer, SessionId};
use cachette::tier::{CallId, RELEASE, Words, envelope};
use cachette::{Value, resp};
use std::collections::{BTreeMap, HashMap};

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// Delivers within so many milliseconds.
    Up(u64),
    /// Delivers nothing, and keeps it for later.
    Stalled,
    /// Nobody listens.
    Refused,
}

/// What comes to the client.
#[derive(Debug)]
pub enum Arrival {
    Connected(u64),
    Refused(u64),
    Reset(u64),
    Replies(u64, CallId, Vec<Value>),
    Invalidated(u64, Option<Vec<Vec<u8>>>),
    Message(u64, Vec<u8>),
}

enum Packet {
    Hello,
    Commands(CallId, Vec<Words>),
}

/// One state of a key in Redis: from this moment on, with this deadline.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub from: u64,
    pub seq: u64,
    pub value: Option<Vec<u8>>,
    pub deadline: u64,
}

struct Connection {
    session: Option<SessionId>,
    /// Bytes that are stalled, in either direction, wait in order.
    to_server: Vec<(u64, Packet)>,
    /// When each arrives, and when it was sent.
    to_client: Vec<(u64, u64, Arrival)>,
    open: bool,
    /// The client gave it up; what it sent may arrive still.
    abandoned: bool,
}

pub struct World {
    pub now: u64,
    pub net: Net,
    pub rng: Rng,
    pub engine: Engine,
    outside: SessionId,
    connections: BTreeMap<u64, Connection>,
    next: u64,
    pub keys: Vec<Vec<u8>>,
    pub history: HashMap<Vec<u8>, Vec<Version>>,
    pub seq: u64,
    /// Data as it was some time ago: what a replica had.
    replica: Vec<(Vec<u8>, Vec<u8>, u64)>,
    /// What somebody else does between two commands of a pipeline.
    pub meanwhile: Vec<Words>,
}

impl World {
    pub fn new(seed: u64, now: u64, keys: Vec<Vec<u8>>) -> Self {
        let mut engine = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
        let outside = engine.open(Peer::default(), now);
        let history = keys.iter().map(|key| (key.clone(), vec![Version { from: 0, seq: 0, value: None, deadline: u64::MAX }]));
        Self {
            now,
            net: Net::Up(2),
            rng: Rng::new(seed ^ 0x5eed),
            engine,
            outside,
            connections: BTreeMap::new(),
            next: 0,
            history: history.collect(),
            keys,
            seq: 0,
            replica: Vec::new(),
            meanwhile: Vec::new(),
        }
    }

    // ---- the client's side ------------------------------------------------------------------------------------------------------

    pub fn connect(&mut self) -> u64 {
        self.next += 1;
        let id = self.next;
        let mut connection =
            Connection { session: None, to_server: Vec::new(), to_client: Vec::new(), open: true, abandoned: false };
        let at = self.now + self.delay();
        if self.net == Net::Refused {
            connection.open = false;
            connection.to_client.push((at, self.now, Arrival::Refused(id)));
        } else {
            connection.to_server.push((at, Packet::Hello));
        }
        self.connections.insert(id, connection);
        id
    }

    pub fn send(&mut self, id: u64, call: CallId, commands: Vec<Words>) {
        let at = self.now + self.delay();
        if let Some(connection) = self.connections.get_mut(&id) {
            let last = connection.to_server.last().map_or(0, |(at, _)| *at);
            connection.to_server.push((at.max(last), Packet::Commands(call, commands)));
        }
    }

    /// The client closes: what it sent may arrive, or not; nothing comes back.
    pub fn abandon(&mut self, id: u64) {
        let arrives = self.rng.below(2) == 0;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.abandoned = true;
            connection.to_client.clear();
            if !arrives {
                connection.to_server.clear();
            }
        }
    }

    /// The moment at which the oldest word of the server left that has not arrived: `now` if all has.
    pub fn told_until(&self, id: Option<u64>) -> u64 {
        let Some(connection) = id.and_then(|id| self.connections.get(&id)) else { return 0 };
        connection.to_client.first().map_or(self.now, |(_, sent, _)| *sent)
    }

    fn delay(&mut self) -> u64 {
        match self.net {
            Net::Up(most) => self.rng.below(most + 1),
            _ => 1,
        }
    }

    // ---- time -------------------------------------------------------------------------------------------------------------------

    pub fn next_due(&self) -> Option<u64> {
        if self.net == Net::Stalled {
            return None;
        }
        let due = |connection: &Connection| {
            let server = connection.to_server.first().map(|(at, _)| *at);
            let client = connection.to_client.first().map(|(at, _, _)| *at);
            server.into_iter().chain(client).min()
        };
        self.connections.values().filter_map(due).min()
    }

    /// Delivers the first thing that is due.
    pub fn step(&mut self) -> Option<Arrival> {
        if self.net == Net::Stalled {
            return None;
        }
        let now = self.now;
        let due = self.connections.iter().find_map(|(id, connection)| {
            let client = connection.to_client.first().is_some_and(|(at, _, _)| *at <= now);
            let server = connection.to_server.first().is_some_and(|(at, _)| *at <= now);
            (client || server).then_some((*id, client))
        });
        let (id, client) = due?;
        if client {
            return self.connections.get_mut(&id).map(|connection| connection.to_client.remove(0).2);
        }
        let (_, packet) = self.connections.get_mut(&id)?.to_server.remove(0);
        self.serve(id, packet);
        None
    }

    fn reply(&mut self, id: u64, arrival: Arrival) {
        let at = self.now + self.delay();
        if let Some(connection) = self.connections.get_mut(&id)
            && !connection.abandoned
        {
            let last = connection.to_client.last().map_or(0, |(at, _, _)| *at);
            connection.to_client.push((at.max(last), self.now, arrival));
        }
    }

    // ---- the server's side ------------------------------------------------------------------------------------------------------

    fn serve(&mut self, id: u64, packet: Packet) {
        match packet {
            Packet::Hello => {
                if self.net == Net::Refused {
                    return self.reply(id, Arrival::Refused(id));
                }
                let session = self.engine.open(Peer::default(), self.now);
                let mut out = Vec::new();
                self.engine.command(session, &[b"HELLO", b"3"], self.now, &mut out);
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.session = Some(session);
                }
                self.reply(id, Arrival::Connected(id));
            }
            Packet::Commands(call, commands) => {
                let Some(session) = self.connections.get(&id).and_then(|connection| connection.session) else { return };
                let mut replies = Vec::new();
                for (at, command) in commands.iter().enumerate() {
                    if at > 0 && !self.meanwhile.is_empty() && self.rng.below(4) == 0 {
                        let other = self.meanwhile.remove(0);
                        self.outsider(&other);
                    }
                    let out = self.execute(session, command);
                    let mut rest = &out[..];
                    while let Some((value, tail)) = resp::read::reply(rest) {
                        rest = tail;
                        match value {
                            // A confirmation is a reply.
                            Value::Push(parts) if parts.first().and_then(Value::as_bytes) == Some(b"subscribe") => {
                                replies.push(Value::Push(parts));
                            }
                            Value::Push(parts) => self.push(id, &parts),
                            value => replies.push(value),
                        }
                    }
                }
                self.reply(id, Arrival::Replies(id, call, replies));
                self.tell();
            }
        }
    }

    fn execute(&mut self, session: SessionId, command: &Words) -> Vec<u8> {
        let mut out = Vec::new();
        let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        // Redis's clock is the wall's: absolute deadlines are on it.
        if words.first() == Some(&&b"EVAL"[..]) {
            self.eval(session, &words, &mut out);
        } else {
            self.engine.command(session, &words, self.now, &mut out);
        }
        self.note();
        out
    }

    /// What the tier's scripts do, as the engine has no scripts in this build.
    fn eval(&mut self, session: SessionId, words: &[&[u8]], out: &mut Vec<u8>) {
        if let [_, script, _, key, token] = words
            && *script == RELEASE
        {
            let own = matches!(self.engine.keys.peek(key), Some(cachette::ValueRef::String(holder)) if holder == *token);
            if own {
                self.engine.command(session, &[b"DEL", key], self.now, out);
            } else {
                out.extend(b":0\r\n");
            }
            return;
        }
        let [_, _, _, key, sealed, deadline, written] = words else { panic!("another script") };
        let newer = self.engine.keys.peek(key).is_some_and(|value| {
            let cachette::ValueRef::String(old) = value else { return false };
            envelope::open(old).is_some_and(|opened| envelope::moment(opened.written) >= written.to_vec())
        });
        if newer {
            out.extend(b":0\r\n");
            return;
        }
        let mut inner = Vec::new();
        match (sealed.is_empty(), *deadline == b"0") {
            (true, _) => self.engine.command(session, &[b"UNLINK", key], self.now, &mut inner),
            (false, true) => self.engine.command(session, &[b"SET", key, sealed], self.now, &mut inner),
            (false, false) => self.engine.command(session, &[b"SET", key, sealed, b"PXAT", deadline], self.now, &mut inner),
        }
        out.extend(b":1\r\n");
    }

    /// Another client's command, at the server at once.
    pub fn outsider(&mut self, command: &Words) {
        let session = self.outside;
        self.execute(session, command);
        self.tell();
    }

    /// Hands on what sessions were given without asking.
    fn tell(&mut self) {
        while let Some(event) = self.engine.take_event() {
            let Event::Output(session) = event else { continue };
            let out = self.engine.take_output(session);
            let id = self.connections.iter().find(|(_, connection)| connection.session == Some(session)).map(|(id, _)| *id);
            let Some(id) = id else { continue };
            let mut rest = &out[..];
            while let Some((value, tail)) = resp::read::reply(rest) {
                rest = tail;
                if let Value::Push(parts) = value {
                    self.push(id, &parts);
                }
            }
        }
    }

    fn push(&mut self, id: u64, parts: &[Value]) {
        if let [Value::Bytes(kind), _, Value::Bytes(message)] = parts
            && kind == b"message"
        {
            return self.reply(id, Arrival::Message(id, message.clone()));
        }
        let keys = match parts {
            [Value::Bytes(kind), Value::Array(keys)] if kind == b"invalidate" => {
                Some(keys.iter().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec)).collect())
            }
            _ => None,
        };
        self.reply(id, Arrival::Invalidated(id, keys));
    }

    /// Removes what has expired, and tells so. A tick of the engine is a third of all work here, so it has one only when it has something to do.
    pub fn expire(&mut self) {
        let ended =
            |versions: &Vec<Version>| versions.last().is_some_and(|last| last.value.is_some() && last.deadline <= self.now);
        if !self.history.values().any(ended) {
            return;
        }
        self.engine.tick(self.now, 100);
        self.tell();
        self.note();
    }

    /// Notes what keys hold now.
    fn note(&mut self) {
        for key in &self.keys {
            let deadline = self.engine.keys.deadline(key).flatten().unwrap_or(u64::MAX);
            let value = match self.engine.keys.peek(key) {
                Some(cachette::ValueRef::String(value)) => {
                    Some(envelope::open(value).map_or(value.to_vec(), |opened| opened.value.to_vec()))
                }
                _ => None,
            };
            let Some(versions) = self.history.get_mut(key) else { continue };
            let last = versions.last();
            if last.is_none_or(|last| last.value != value || last.deadline != deadline) {
                self.seq += 1;
                versions.push(Version { from: self.now, seq: self.seq, value, deadline });
            }
        }
    }

    // ---- faults -----------------------------------------------------------------------------------------------------------------

    /// Closes all connections.
    pub fn kill_connections(&mut self) {
        let at = self.now + self.delay();
        for (id, connection) in &mut self.connections {
            if !std::mem::replace(&mut connection.open, false) {
                continue;
            }
            connection.to_server.clear();
            if let Some(session) = connection.session.take() {
                self.engine.close(session);
            }
            if !connection.abandoned {
                // What was sent before may arrive still, or be lost with the connection.
                let last = connection.to_client.last().map_or(0, |(at, _, _)| *at);
                connection.to_client.push((at.max(last), self.now, Arrival::Reset(*id)));
            }
        }
    }

    /// What a replica knows from now on.
    pub fn replicate(&mut self) {
        let found = self.keys.iter().filter_map(|key| {
            let deadline = self.engine.keys.deadline(key)?.unwrap_or(u64::MAX);
            match self.engine.keys.peek(key) {
                Some(cachette::ValueRef::String(value)) => Some((key.clone(), value.to_vec(), deadline)),
                _ => None,
            }
        });
        self.replica = found.collect();
    }

    /// The replica takes over: what it had not heard of is lost. Without one, all is.
    pub fn fail_over(&mut self, empty: bool) {
        self.kill_connections();
        let seed = self.rng.draw();
        self.engine = Engine::new(EngineOptions { seed, ..EngineOptions::default() });
        self.outside = self.engine.open(Peer::default(), self.now);
        if !empty {
            for (key, value, deadline) in self.replica.clone() {
                let mut set = vec![b"SET".to_vec(), key, value];
                if deadline != u64::MAX {
                    set.extend([b"PXAT".to_vec(), deadline.to_string().into_bytes()]);
                }
                if deadline > self.now {
                    let session = self.outside;
                    self.execute(session, &set);
                }
            }
        }
        self.note();
    }
}
