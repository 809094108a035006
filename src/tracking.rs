//! CLIENT TRACKING: who has read which key, and is told once it changes, so that it may keep the value on its own side.
//!
//! By default the table remembers for each key the sessions that read it; the first change of the key takes the entry out and tells them. In
//! broadcasting mode nothing is remembered: a session hears of every key that begins with one of its prefixes, the changes of a batch together.
//! Keys count by name, whatever their database, as in Redis.

use crate::command::{ADMIN, Reply};
use crate::engine::Server;
use crate::keyspace::Touched;
use crate::resp::Protocol;
use crate::session::{Session, SessionId, SessionsByName};
use crate::value::seed::Seed;
use crate::value::sort::sort;
use alloc::vec::Vec;

/// The channel on which sessions in RESP2 hear of changes.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which keys a session hears of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those that it reads.
    #[default]
    All,
    /// Those that the command (or transaction) after CLIENT CACHING YES reads.
    OptIn,
    /// Those that it reads, but for the command after CLIENT CACHING NO.
    OptOut,
    /// All that begin with one of its prefixes.
    Broadcast,
}

/// What CLIENT TRACKING ON said.
#[derive(Debug, Default)]
pub struct Tracker {
    pub mode: Mode,
    /// Changes of the session's own are not told.
    pub noloop: bool,
    /// Who is told in its place.
    pub redirect: Option<SessionId>,
    /// When something was to be told, that session was gone.
    pub broken: bool,
    /// CLIENT CACHING holds for the next command or transaction.
    pub caching: bool,
    /// Of the broadcasting mode, in their order.
    pub prefixes: Vec<Vec<u8>>,
}

impl Tracker {
    fn remembers(&self) -> bool {
        match self.mode {
            Mode::All => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        }
    }
}

/// The tracking table.
#[derive(Debug, Default)]
pub struct Tracking {
    /// Sessions that track.
    pub sessions: usize,
    readers: SessionsByName,
    items: usize,
    /// Prefixes with their sessions, sorted.
    prefixes: Vec<(Vec<u8>, Vec<SessionId>)>,
    /// Keys with a prefix that changed since the last broadcast, numbered in their order, and by whom.
    changed: Vec<(Vec<u8>, usize, Option<SessionId>)>,
}

impl Tracking {
    pub(crate) fn set_seed(&mut self, seed: Seed) {
        self.readers.set_seed(seed);
    }

    /// Keys that somebody has read.
    pub fn keys(&self) -> usize {
        self.readers.len()
    }

    /// Pairs of such a key and a reader.
    pub fn items(&self) -> usize {
        self.items
    }

    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether any session tracks.
    pub(crate) fn is_on(&self) -> bool {
        ADMIN && self.sessions > 0
    }

    pub(crate) fn has_changes(&self) -> bool {
        ADMIN && !self.changed.is_empty()
    }

    /// Begins to tell a session about a prefix; false where it is told already.
    fn add_prefix(&mut self, prefix: &[u8], session: SessionId) -> bool {
        let place = self.prefixes.binary_search_by(|(known, _)| (**known).cmp(prefix)).unwrap_or_else(|place| {
            self.prefixes.insert(place, (prefix.to_vec(), Vec::new()));
            place
        });
        let sessions = self.prefixes.get_mut(place).map(|(_, sessions)| sessions);
        sessions.is_some_and(|sessions| {
            let new = !sessions.contains(&session);
            if new {
                sessions.push(session);
            }
            new
        })
    }

    fn note_change(&mut self, key: &[u8], by: Option<SessionId>) {
        if self.prefixes.iter().any(|(prefix, _)| key.starts_with(prefix)) {
            self.changed.push((key.to_vec(), self.changed.len(), by));
        }
    }

    /// Takes a key's readers out of the table.
    fn forget(&mut self, key: &[u8]) -> Vec<SessionId> {
        let readers = self.readers.take(key);
        self.items = self.items.saturating_sub(readers.len());
        readers
    }

    fn clear(&mut self) {
        self.readers.clear();
        self.items = 0;
    }
}

impl Server {
    /// Has a session track, or track otherwise than before; `prefixes` are added to those it has.
    pub(crate) fn track(&mut self, session: &mut Session, wish: Tracker) {
        let prefixes = match &mut session.tracking {
            Some(tracker) => core::mem::take(&mut tracker.prefixes),
            None => {
                self.tracking.sessions = self.tracking.sessions.saturating_add(1);
                Vec::new()
            }
        };
        let mut tracker = Tracker { prefixes, ..wish };
        for prefix in wish.prefixes {
            if self.tracking.add_prefix(&prefix, session.id) {
                tracker.prefixes.push(prefix);
            }
        }
        sort(&mut tracker.prefixes, |one, other| one.cmp(other));
        session.tracking = Some(tracker.into());
    }

    /// Ends a session's tracking. What the table holds of it goes with the changes of the keys, or when nobody tracks any more.
    pub(crate) fn end_tracking(&mut self, session: &mut Session) {
        let Some(tracker) = session.tracking.take() else { return };
        if !tracker.prefixes.is_empty() {
            for (_, sessions) in &mut self.tracking.prefixes {
                sessions.retain(|known| *known != session.id);
            }
            self.tracking.prefixes.retain(|(_, sessions)| !sessions.is_empty());
        }
        self.tracking.sessions = self.tracking.sessions.saturating_sub(1);
        if self.tracking.sessions == 0 {
            self.tracking.clear();
            self.tracking.changed.clear();
        }
    }

    /// Notes that a session has read `keys`. Where that makes more keys than `tracking-table-max-keys`, readers of others are told that those changed.
    pub(crate) fn remember(&mut self, session: &mut Session, keys: &[&[u8]]) {
        if !session.tracking.as_ref().is_some_and(|tracker| tracker.remembers()) {
            return;
        }
        for key in keys {
            let new = self.tracking.readers.add_sorted(key, session.id);
            self.tracking.items = self.tracking.items.saturating_add(usize::from(new));
        }
        self.bound_table(Some(session));
    }

    /// Forgets keys beyond `tracking-table-max-keys`; their readers are told that they changed, NOLOOP or not: it was nobody's doing.
    pub(crate) fn bound_table(&mut self, mut running: Option<&mut Session>) {
        let most = self.config.tracking_table_max_keys;
        while most != 0 && self.tracking.keys() > most {
            let Some(key) = self.tracking.readers.any().map(<[u8]>::to_vec) else { return };
            self.tell_readers(running.as_deref_mut(), &key, None);
        }
    }

    /// Tells of changed keys. `running` is the session that is taken out, and that changed them.
    pub(crate) fn invalidate(&mut self, mut running: Option<&mut Session>, touched: Vec<Touched>) {
        for Touched { key, expired } in touched {
            match key {
                Some(key) => {
                    let by = running.as_ref().map(|session| session.id).filter(|_| !expired);
                    self.tracking.note_change(&key, by);
                    self.tell_readers(running.as_deref_mut(), &key, by);
                }
                None => {
                    let others = self.sessions.iter().filter(|session| session.tracking.is_some()).map(|session| session.id);
                    let others: Vec<SessionId> = others.collect();
                    let own = running.as_ref().filter(|session| session.tracking.is_some()).map(|session| session.id);
                    for id in others.into_iter().chain(own) {
                        self.tell_change(running.as_deref_mut(), id, None);
                    }
                    self.tracking.clear();
                }
            }
        }
    }

    /// Tells those who read a key that `by` changed it; `None`: nobody.
    fn tell_readers(&mut self, mut running: Option<&mut Session>, key: &[u8], by: Option<SessionId>) {
        let own = running.as_ref().map(|session| session.id);
        for id in self.tracking.forget(key) {
            let session = running.as_deref().filter(|_| own == Some(id)).or_else(|| self.sessions.get(id));
            let tracker = session.and_then(|session| session.tracking.as_ref());
            let wants = tracker.is_some_and(|it| it.mode != Mode::Broadcast && !(it.noloop && by == Some(id)));
            if wants {
                self.tell_change(running.as_deref_mut(), id, Some(&[key]));
            }
        }
    }

    /// Tells those in broadcasting mode of what changed since the last time: a message a prefix.
    pub(crate) fn broadcast(&mut self, mut running: Option<&mut Session>) {
        let mut changed = core::mem::take(&mut self.tracking.changed);
        // Of one key the first change counts.
        sort(&mut changed, |one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        changed.dedup_by(|later, earlier| later.0 == earlier.0);
        for (prefix, sessions) in self.tracking.prefixes.clone() {
            for id in sessions {
                let session = running.as_deref().filter(|session| session.id == id).or_else(|| self.sessions.get(id));
                let noloop = session.and_then(|session| session.tracking.as_ref()).is_some_and(|tracker| tracker.noloop);
                let own = |by: Option<SessionId>| noloop && by == Some(id);
                let keys = changed.iter().filter(|(key, _, by)| key.starts_with(&prefix) && !own(*by));
                let keys: Vec<&[u8]> = keys.map(|(key, ..)| &**key).collect();
                if !keys.is_empty() {
                    self.tell_change(running.as_deref_mut(), id, Some(&keys));
                }
            }
        }
    }

    /// Tells one session, or whom it redirects to, that keys changed; `None`: all of them. RESP2 has no place for that but a message to a subscriber.
    fn tell_change(&mut self, mut running: Option<&mut Session>, id: SessionId, keys: Option<&[&[u8]]>) {
        let Some(session) = self.session_of(running.as_deref_mut(), id) else { return };
        let own = session.protocol;
        let redirect = session.tracking.as_ref().and_then(|tracker| tracker.redirect);
        let target = redirect.unwrap_or(id);
        let Some(receiver) = self.session_of(running.as_deref_mut(), target) else {
            if let Some(session) = self.session_of(running.as_deref_mut(), id)
                && let Some(tracker) = &mut session.tracking
            {
                tracker.broken = true;
            }
            if own == Protocol::Resp3 {
                self.push_to(running, id, |writer| {
                    writer.push(2);
                    writer.bulk(b"tracking-redir-broken");
                    target.0.write(writer);
                });
            }
            return;
        };
        let resp3 = receiver.protocol == Protocol::Resp3;
        if !resp3 && (redirect.is_none() || receiver.subscriptions.is_empty()) {
            return;
        }
        self.push_to(running, target, |writer| {
            if resp3 {
                writer.push(2);
                writer.bulk(b"invalidate");
            } else {
                writer.push(3);
                writer.bulk(b"message");
                writer.bulk(CHANNEL);
            }
            match keys {
                Some(keys) => {
                    writer.array(keys.len());
                    keys.iter().for_each(|key| writer.bulk(key));
                }
                None => writer.null(),
            }
        });
    }
}
