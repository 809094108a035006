//! What a handler gets: the parts of the engine that a running command may touch.

use crate::blocking::{Otherwise, Park};
use crate::command::{Registry, Reply, Row};
use crate::config::Config;
use crate::engine::Server;
use crate::keyspace::Keyspace;
use crate::pubsub::Kind;
use crate::resp::write::Writer;
use crate::session::{Session, SessionId};
use crate::time::Millis;
use alloc::vec::Vec;

/// The reply of a command that parked its session: nothing yet.
pub struct Parked(Option<Otherwise>);

impl Parked {
    /// Nothing waits: what a wait in vain would have answered.
    pub fn over(otherwise: Otherwise) -> Self {
        Self(Some(otherwise))
    }
}

impl Reply for Parked {
    fn write(self, writer: &mut Writer<'_>) {
        if let Some(otherwise) = self.0 {
            otherwise.write(writer);
        }
    }
}

impl Reply for Otherwise {
    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::Null => writer.null(),
            Self::NullArray => writer.null_array(),
            Self::Integer(number) => writer.int(number),
        }
    }
}

/// One running command.
pub struct Call<'e> {
    /// The databases; the session's is selected.
    pub keys: &'e mut Keyspace,
    pub session: &'e mut Session,
    pub server: &'e mut Server,
    /// The row being run.
    pub row: &'static Row,
}

impl Call<'_> {
    pub fn now(&self) -> Millis {
        self.keys.now()
    }

    pub fn config(&self) -> &Config {
        &self.server.config
    }

    pub fn registry(&self) -> &Registry {
        &self.server.registry
    }

    /// Parks the session: what a blocking command answers when it found nothing. Inside a transaction nothing waits: there the reply of a
    /// wait in vain is given at once.
    pub fn park(&mut self, park: Park) -> Parked {
        if !self.may_wait() {
            return Parked(Some(park.otherwise));
        }
        self.session.park = Some(park);
        Parked(None)
    }

    /// Whether a limit ends replies that grow beyond it.
    pub fn is_bounded(&self) -> bool {
        self.session.output_limit(self.config()) != usize::MAX
    }

    /// Whether a command may park its session: not inside a transaction.
    pub fn may_wait(&self) -> bool {
        self.session.executing.is_none()
    }

    /// As [`Call::park`]; once a key changes, `request` is run in place of the one that waits: for words that mean something else by then.
    pub fn park_as(&mut self, park: Park, request: Vec<Vec<u8>>) -> Parked {
        let parked = self.park(park);
        self.session.again = self.session.park.is_some().then_some(request);
        parked
    }

    /// The key whose change has the parked request run again, if this is such a run.
    pub fn serving(&self) -> Option<&[u8]> {
        self.session.serving.as_deref()
    }

    /// Puts bytes into a session's outbox, the running one's included; false if there is no such session.
    pub fn push_to(&mut self, id: SessionId, write: impl FnOnce(&mut Writer<'_>)) -> bool {
        self.server.push_to(Some(self.session), id, write)
    }

    /// Delivers a message to all who subscribed; how many those are.
    pub fn publish(&mut self, kind: Kind, channel: &[u8], message: &[u8]) -> usize {
        self.server.publish(Some(self.session), kind, channel, message)
    }

    /// Bytes that all conversations take.
    pub fn client_memory(&self) -> u64 {
        let sessions = self.server.sessions.iter().chain([&*self.session]);
        sessions.fold(0, |sum, session| sum.saturating_add(session.memory() as u64))
    }

    /// Keeps a word of the request out of MONITOR and SLOWLOG.
    pub fn redact(&mut self, word: &[u8]) {
        self.server.secrets.push(word.as_ptr().addr());
    }

    /// Ends the tracking of keys for the session.
    pub fn end_tracking(&mut self) {
        self.server.end_tracking(self.session);
        self.keys.tracked = self.server.tracking.is_on();
    }

    /// The command's name as errors show it.
    pub fn name(&self) -> &'static str {
        self.row.name
    }
}
