//! One conversation: what a client has said about itself, and the state of its transaction.

use crate::acl::user::User;
use crate::acl::{Acl, DEFAULT};
use crate::blocking::{Park, Waiting};
use crate::command::Flags;
use crate::config::Config;
use crate::pubsub::Subscriptions;
use crate::resp::Protocol;
use crate::time::Millis;
use crate::tracking::Tracker;
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
    /// The address without the port.
    pub fn ip(&self) -> &str {
        self.addr.rsplit_once(':').map_or("", |(ip, _)| ip)
    }

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
    /// One of them may change data or publish.
    pub changes: bool,
}

impl Queue {
    /// Whether a command with these flags waits while writes are paused: EXEC of what writes.
    pub fn waits(&self, flags: Flags) -> bool {
        flags.has(Flags::ENDS_TRANSACTION) && self.changes
    }

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
    /// Its output passed its limit: it is closed, and nothing more is sent.
    pub cut: bool,
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
    /// What CLIENT TRACKING ON said, while it holds.
    pub tracking: Option<Box<Tracker>>,
    /// Which replies CLIENT REPLY has swallowed.
    pub silence: Silence,
    /// CLIENT NO-EVICT: not to be closed for the sake of `maxmemory-clients`.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH: what it reads does not count as used.
    pub no_touch: bool,
    /// It is told every command that runs.
    pub monitors: bool,
    /// It is, or is to be, a replica.
    pub replica: Option<Replica>,
    /// What the shell says of its buffers, and the sizes of the running request, for `CLIENT LIST`.
    pub buffers: Buffers,
    /// Bytes that it takes by its shell's last report, as [`Engine::report_buffers`](crate::engine::Engine::report_buffers) counts them.
    pub(crate) held: u64,
}

/// What is known of a replica.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replica {
    /// It has its snapshot and is given every change.
    pub online: bool,
    /// The port that it listens on, if it said so.
    pub port: u16,
    /// Bytes of the stream of changes that it has, and when it said so.
    pub acknowledged: u64,
    pub acknowledged_at: Millis,
}

/// Replies that a session does not want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    #[default]
    None,
    /// That of the next request.
    Next,
    /// That of the present request.
    Now,
    /// All, until CLIENT REPLY ON.
    All,
}

/// Sizes for `CLIENT LIST`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffers {
    /// Shell: bytes of unfinished requests.
    pub query: usize,
    /// Shell.
    pub query_free: usize,
    /// Shell: bytes of replies that the other end has not taken yet.
    pub output: usize,
    /// Bytes that the running batch of requests came in.
    pub batch: usize,
    /// Bytes of the words of the running request, and of the replies before it in the batch.
    pub argv: usize,
    pub replies: usize,
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
            cut: false,
            outbox: Vec::new(),
            subscriptions: Subscriptions::default(),
            waiting: None,
            park: None,
            again: None,
            serving: None,
            executing: None,
            tracking: None,
            silence: Silence::None,
            no_evict: false,
            no_touch: false,
            monitors: false,
            replica: None,
            buffers: Buffers::default(),
            held: 0,
        }
    }

    /// The present request is answered: whether the reply is not to be sent, and what CLIENT REPLY said of the next one.
    pub(crate) fn swallows_reply(&mut self) -> bool {
        let swallowed = matches!(self.silence, Silence::Now | Silence::All);
        self.silence = match self.silence {
            Silence::Next => Silence::Now,
            Silence::Now => Silence::None,
            unchanged => unchanged,
        };
        swallowed
    }

    /// Bytes that it may leave unread.
    #[inline]
    pub(crate) fn output_limit(&self, config: &Config) -> usize {
        let [normal, replicas, subscribers] = config.output_limits;
        match () {
            () if self.is_replica() => replicas,
            () if self.subscriptions.is_empty() => normal,
            () => subscribers,
        }
    }

    /// Moves what the session is told behind what it is answered. Mostly there is nothing.
    #[inline]
    pub(crate) fn empty_outbox_into(&mut self, out: &mut Vec<u8>) {
        if !self.outbox.is_empty() {
            out.append(&mut self.outbox);
        }
    }

    /// Whether it is given every change.
    pub fn is_replica(&self) -> bool {
        self.replica.as_ref().is_some_and(|replica| replica.online)
    }

    /// Its output has passed the limit.
    pub(crate) fn cut(&mut self) {
        self.outbox = Vec::new();
        (self.closing, self.cut) = (true, true);
    }

    /// Bytes of commands between MULTI and EXEC.
    pub fn queue_bytes(&self) -> usize {
        let commands = self.queue.as_ref().map_or(&[][..], |queue| &queue.commands);
        commands.iter().flatten().map(Vec::len).sum()
    }

    /// Bytes that the conversation takes, as far as its buffers tell.
    pub fn memory(&self) -> usize {
        let parts = [
            size_of::<Self>(),
            self.buffers.query.max(self.buffers.batch),
            self.buffers.query_free,
            self.buffers.output,
            self.outbox.len(),
            self.name.len(),
            self.queue_bytes(),
            self.waiting.as_ref().map_or(0, |waiting| waiting.bytes()),
            self.watched.iter().map(|(_, key)| held(key)).sum(),
            self.subscriptions.names().map(|name| held(name)).sum(),
            self.tracking.as_ref().map_or(0, |tracker| tracker.prefixes.iter().map(|prefix| held(prefix)).sum()),
        ];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

/// What a name that a session is remembered under takes: here, and where it is looked up.
fn held(name: &[u8]) -> usize {
    name.len().saturating_mul(2).saturating_add(size_of::<Vec<u8>>().saturating_mul(4))
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

    fn entry(&mut self, name: &[u8]) -> &mut Vec<SessionId> {
        let seed = self.seed;
        let is = |(known, _): &(Box<[u8]>, _)| **known == *name;
        let entry = self.by_name.entry(seed.hash(name), is, |(name, _)| seed.hash(name));
        &mut entry.or_insert_with(|| (name.into(), Vec::new())).into_mut().1
    }

    pub(crate) fn add(&mut self, name: &[u8], session: SessionId) {
        let sessions = self.entry(name);
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }

    /// As `add`, in the order of the sessions' numbers instead of their coming; for names that very many sessions have. False if it was there.
    pub(crate) fn add_sorted(&mut self, name: &[u8], session: SessionId) -> bool {
        let sessions = self.entry(name);
        sessions.binary_search(&session).map_err(|place| sessions.insert(place, session)).is_err()
    }

    /// Takes a name out with its sessions.
    pub(crate) fn take(&mut self, name: &[u8]) -> Vec<SessionId> {
        match self.by_name.find_entry(self.seed.hash(name), |(known, _)| **known == *name) {
            Ok(entry) => entry.remove().0.1,
            Err(_) => Vec::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.by_name.clear();
    }

    /// One of the names.
    pub(crate) fn any(&self) -> Option<&[u8]> {
        self.iter().next().map(|(name, _)| name)
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
