//! How many sockets the process may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors for anything but clients: listeners, the poll, logs, and some to spare.
const OTHERS: u64 = 32;

/// Sees to it that so many clients can be held, raising the process's own limit where the system lets it.
///
/// # Errors
/// How many it can hold instead.
pub fn ask(clients: u64) -> Result<(), u64> {
    let needed = clients.saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let reachable = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    // A refusal shows in the limit that is read next.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum: limit.maximum });
    let has = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if has >= needed { Ok(()) } else { Err(has.saturating_sub(OTHERS).max(1)) }
}
