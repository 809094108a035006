//! Sessions that wait: BLPOP and its kin.
//!
//! A blocking command tries first. Finding nothing it *parks* its session: it says on which keys it waits, and until when. When one of the keys
//! changes, the engine runs the same words again on behalf of the session; a reply ends the wait, another park continues it in its old place. So a
//! blocking command is written once, as its own attempt, and waiting sessions are served in the order in which they came.

use crate::keyspace::ValueType;
use crate::session::SessionId;
use crate::time::Millis;
use alloc::vec::Vec;

/// What a handler says when it parks its session.
#[derive(Clone, Debug)]
pub struct Park {
    /// Keys of the selected database, any of which may end the wait.
    pub keys: Vec<Vec<u8>>,
    /// Only a value of this type can: a key that holds something else, or nothing, leaves the session waiting. `None`: any change is worth a try.
    pub wants: Option<ValueType>,
    /// When the wait ends without result; `None` = never.
    pub deadline: Option<Millis>,
    /// What is answered then.
    pub otherwise: Otherwise,
}

/// The reply of a wait that was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    Null,
    NullArray,
    Integer(i64),
}

/// A parked session's wait.
#[derive(Debug)]
pub struct Waiting {
    pub park: Park,
    pub db: usize,
    /// The request, to be run again.
    pub argv: Vec<Vec<u8>>,
    /// CLIENT PAUSE keeps the request from running; it waits for nothing else.
    pub paused: bool,
}

impl Waiting {
    /// Bytes of the request.
    pub fn bytes(&self) -> usize {
        self.argv.iter().map(Vec::len).sum()
    }
}

/// CLIENT PAUSE: requests wait, all or those that write.
#[derive(Debug)]
pub struct Pause {
    pub until: Millis,
    pub all: bool,
    /// Those whose requests wait, in the order in which they came.
    pub(crate) sessions: Vec<SessionId>,
}

/// When waits end, in order. A sorted vector: as many entries as sessions wait are moved by one in the time that a tree's nodes would take.
#[derive(Debug, Default)]
pub struct Timeouts {
    due: Vec<(Millis, SessionId)>,
}

impl Timeouts {
    pub(crate) fn insert(&mut self, deadline: Millis, session: SessionId) {
        if let Err(place) = self.due.binary_search(&(deadline, session)) {
            self.due.insert(place, (deadline, session));
        }
    }

    pub(crate) fn remove(&mut self, deadline: Millis, session: SessionId) {
        if let Ok(place) = self.due.binary_search(&(deadline, session)) {
            self.due.remove(place);
        }
    }

    /// The earliest end of a wait.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.due.first().map(|(deadline, _)| *deadline)
    }

    /// A session whose wait is over at `now`.
    pub(crate) fn take_due(&mut self, now: Millis) -> Option<SessionId> {
        let (deadline, session) = *self.due.first()?;
        if deadline > now {
            return None;
        }
        self.due.remove(0);
        Some(session)
    }

    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
