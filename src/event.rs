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
    /// Stop everything for so many milliseconds before the next request (`DEBUG SLEEP`).
    Sleep(u64),
    /// End the process (`SHUTDOWN`).
    Shutdown,
}
