//! One conversation: what a client has said about itself, and the state of its transaction.

use crate::acl::user::User;
use crate::acl::{Acl, DEFAULT};
use crate::blocking::{Park, Waiting};
use crate::command::Flags;
use crate::pubsub::Subscriptions;
use crate::resp::Protocol;
use crate::time::Millis;
use crate::value::seed::Seed;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashTable;

/// Names a session. Never used twice in one engine; `CLIENT ID` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// What the shell knows about the other end.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// `ip:port`, or the path of a unix socket with `:0`; empty in process.
    pub addr: String,
    pub laddr: String,
    /// The file descriptor, or -1.
    pub fd: i64,
}

impl Peer {
    /// Whether the other end is in this process or on this machine: `local` in the parameters that protect commands.
    pub fn is_local(&self) -> bool {
        let addr = &self.addr;
        addr.is_empty() || ["/", "127.0.0.1:", "[::1]:"].iter().any(|start| addr.starts_with(start))
    }
}

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Queue {
    pub commands: Vec<Vec<Vec<u8>>>,
    /// A command could not be queued: EXEC will refuse.
    pub broken: bool,
    /// One of the commands may grow memory.
    pub grows: bool,
}

impl Queue {
    /// Whether a command with these flags is refused now while memory is short: whatever would be queued, because a queue may grow without
    /// end, and EXEC of what may grow.
    pub fn needs_room(&self, flags: Flags) -> bool {
        if flags.has(Flags::ENDS_TRANSACTION) { self.grows } else { !flags.has(Flags::RUNS_IN_MULTI) }
    }
}

/// The state of one conversation.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub peer: Peer,
    pub protocol: Protocol,
    /// The selected database.
    pub db: usize,
    pub name: Vec<u8>,
    pub lib_name: Vec<u8>,
    pub lib_version: Vec<u8>,
    pub authenticated: bool,
    /// The user it speaks for, as it is now; none where that is the default user, who may do everything.
    pub user: Option<Arc<User>>,
    pub queue: Option<Queue>,
    /// Watched keys with their databases.
    pub watched: Vec<(usize, Vec<u8>)>,
    /// A watched key changed: EXEC will answer null.
    pub watch_lost: bool,
    pub opened: Millis,
    pub last_used: Millis,
    pub last_command: &'static str,
    pub commands: u64,
    /// Close after the reply.
    pub closing: bool,
    /// Bytes for this session that are no reply to its last request.
    pub outbox: Vec<u8>,
    pub subscriptions: Subscriptions,
    /// The wait that the session is in: its requests stay unread.
    pub waiting: Option<Box<Waiting>>,
    /// What a handler asks for; becomes `waiting` when the command has ended without reply.
    pub(crate) park: Option<Park>,
    /// The request that is to be run again in place of the one that parked the session.
    pub(crate) again: Option<Vec<Vec<u8>>>,
    /// The key whose change has the session's parked request run again.
    pub(crate) serving: Option<Vec<u8>>,
    /// EXEC is running so many commands: nothing may wait.
    pub(crate) executing: Option<usize>,
    /// Bytes of the last request, and what the shell says of its buffers, for `CLIENT LIST`.
    pub buffers: Buffers,
}

/// Sizes that the shell reports, for `CLIENT LIST`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffers {
    pub query: usize,
    pub query_free: usize,
    pub argv: usize,
    pub output: usize,
}

impl Session {
    pub(crate) fn new(id: SessionId, peer: Peer, now: Millis) -> Self {
        Self {
            id,
            peer,
            protocol: Protocol::Resp2,
            db: 0,
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_version: Vec::new(),
            authenticated: true,
            user: None,
            queue: None,
            watched: Vec::new(),
            watch_lost: false,
            opened: now,
            last_used: now,
            last_command: "NULL",
            commands: 0,
            closing: false,
            outbox: Vec::new(),
            subscriptions: Subscriptions::default(),
            waiting: None,
            park: None,
            again: None,
            serving: None,
            executing: None,
            buffers: Buffers::default(),
        }
    }
}

impl Session {
    /// Speaks for the default user, as at the beginning.
    pub(crate) fn begin(&mut self, acl: &Acl) {
        self.user = acl.held(DEFAULT);
        self.authenticated = !acl.requires_auth();
    }

    /// The name of the user that it speaks for.
    pub fn user_name(&self) -> &[u8] {
        self.user.as_ref().map_or(DEFAULT, |user| &user.name)
    }
}

/// All sessions of an engine, in the order of their numbers. The one whose command runs is taken out meanwhile.
#[derive(Debug, Default)]
pub struct Sessions {
    slots: Vec<(SessionId, Option<Box<Session>>)>,
    last: u64,
}

impl Sessions {
    fn place(&self, id: SessionId) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    fn slot(&mut self, id: SessionId) -> Option<&mut Option<Box<Session>>> {
        let place = self.place(id)?;
        self.slots.get_mut(place).map(|(_, slot)| slot)
    }

    pub(crate) fn open(&mut self, peer: Peer, now: Millis) -> SessionId {
        self.last = self.last.wrapping_add(1);
        let id = SessionId(self.last);
        self.slots.push((id, Some(Box::new(Session::new(id, peer, now)))));
        id
    }

    pub(crate) fn close(&mut self, id: SessionId) -> Option<Box<Session>> {
        let place = self.place(id)?;
        self.slots.remove(place).1
    }

    pub(crate) fn take(&mut self, id: SessionId) -> Option<Box<Session>> {
        self.slot(id)?.take()
    }

    pub(crate) fn put_back(&mut self, session: Box<Session>) {
        if let Some(slot) = self.slot(session.id) {
            *slot = Some(session);
        }
    }

    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.slots.get(self.place(id)?)?.1.as_deref()
    }

    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slot(id)?.as_deref_mut()
    }

    /// All but the one whose command runs.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().filter_map(|(_, slot)| slot.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.slots.iter_mut().filter_map(|(_, slot)| slot.as_deref_mut())
    }

    /// How many, the running one included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// Sessions under names: who watches a key, waits on it, listens to a channel. Each once a name, in the order in which they came.
#[derive(Debug, Default)]
pub struct SessionsByName {
    /// Clients choose the names, so they are hashed with the engine's secret.
    seed: Seed,
    by_name: HashTable<(Box<[u8]>, Vec<SessionId>)>,
}

impl SessionsByName {
    /// Sets the secret of the hashes; only while there are no names.
    pub(crate) fn set_seed(&mut self, seed: Seed) {
        if self.by_name.is_empty() {
            self.seed = seed;
        }
    }

    pub(crate) fn add(&mut self, name: &[u8], session: SessionId) {
        let seed = self.seed;
        match self.by_name.find_mut(seed.hash(name), |(known, _)| **known == *name) {
            Some((_, sessions)) if sessions.contains(&session) => {}
            Some((_, sessions)) => sessions.push(session),
            None => {
                let entry = (name.into(), Vec::from([session]));
                self.by_name.insert_unique(seed.hash(name), entry, |(name, _)| seed.hash(name));
            }
        }
    }

    pub(crate) fn remove(&mut self, name: &[u8], session: SessionId) {
        if let Ok(mut entry) = self.by_name.find_entry(self.seed.hash(name), |(known, _)| **known == *name) {
            let (_, sessions) = entry.get_mut();
            sessions.retain(|known| *known != session);
            if sessions.is_empty() {
                entry.remove();
            }
        }
    }

    pub(crate) fn of(&self, name: &[u8]) -> &[SessionId] {
        self.by_name.find(self.seed.hash(name), |(known, _)| **known == *name).map_or(&[], |(_, sessions)| sessions.as_slice())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[SessionId])> {
        self.by_name.iter().map(|(name, sessions)| (&**name, sessions.as_slice()))
    }

    /// Names with sessions.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// A name for a key of one database.
pub(crate) fn name_of_key(db: usize, key: &[u8]) -> Vec<u8> {
    [&(db as u64).to_le_bytes()[..], key].concat()
}

/// Database and key of such a name.
pub(crate) fn key_of_name(name: &[u8]) -> (usize, &[u8]) {
    match name.split_first_chunk() {
        Some((db, key)) => (u64::from_le_bytes(*db) as usize, key),
        None => (0, name),
    }
}
