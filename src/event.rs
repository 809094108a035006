//! Facts that a shell may act on. The engine never acts outside itself: it says what happened, in order.

use crate::keyspace::Notice;
use crate::session::SessionId;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key changed, expired or was evicted, of a class that somebody listens to.
    Key(Notice),
    /// Send what is in the session's output, then close it (QUIT, CLIENT KILL).
    Close(SessionId),
    /// The session was given bytes without asking (a message, the end of a wait): [`Engine::take_output`](crate::engine::Engine::take_output).
    Output(SessionId),
    /// The session waits no longer: run the rest of its input.
    Ready(SessionId),
    /// Stop everything for so many milliseconds before the next request (`DEBUG SLEEP`).
    Sleep(u64),
    /// End the process (`SHUTDOWN`).
    Shutdown,
}

impl Event {
    /// Whether the shell has something to do before the session's next request runs.
    pub(crate) fn stops_the_shell(&self) -> bool {
        matches!(self, Self::Sleep(_) | Self::Shutdown)
    }
}
