//! Retry: a write of which nobody knows whether it was done is sent again, where the caller wants that ([`Options::retry_unknown`](super::Options)) and doing
//! it twice is doing it once.
//!
//! It waits for its node with the calls that have no connection yet, in the breaker's outages too, for as long as its caller waits for it. What is sent again
//! has the deadline of the first time, as a moment. It is not sent again once the key was written by anybody else or by this process: then the later one is to
//! stay. An answer that the node is unable ends it as well.

use super::Words;
use super::machine::Machine;
use super::write::{What, Writing};
use crate::time::Millis;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

impl Machine {
    /// How a write is sent again: with its deadline as a moment. `None` where it is not to be.
    pub(super) fn once_more(&self, commands: &[Words]) -> Option<Words> {
        if !self.options.retry_unknown {
            return None;
        }
        let command = match commands {
            [command] => command,
            // A value that is read back.
            [_, set, ..] => set,
            [] => return None,
        };
        idempotent(command, self.on_wall(self.now))
    }

    fn is_changed(&self, writing: &Writing) -> bool {
        #[cfg(feature = "tier-faults")]
        if self.broken == Some(super::Fault::RetriesOverOthers) {
            return false;
        }
        writing.changed
    }

    /// Sends a write again, if it may be; gives it back if not.
    pub(super) fn retry(&mut self, mut writing: Writing) -> Option<Writing> {
        let Some(command) = writing.again.clone() else { return Some(writing) };
        let Some(key) = writing.keys.first() else { return Some(writing) };
        if self.is_changed(&writing) || writing.until <= self.now {
            return Some(writing);
        }
        writing.node = self.route(key);
        writing.epoch = self.epoch_of(writing.node);
        writing.unknown = true;
        // It is not read back.
        if let What::Set { told, .. } = &mut writing.what {
            *told = false;
        }
        self.send_writing(writing, vec![command]);
        None
    }
}

/// A command that may be done twice, with its deadline as a moment; `now` is in Unix milliseconds.
fn idempotent(command: &Words, now: Millis) -> Option<Words> {
    let [name, key, rest @ ..] = &command[..] else { return None };
    match (&name.to_ascii_uppercase()[..], rest) {
        (b"DEL" | b"UNLINK", _) | (b"PERSIST", []) | (b"EXPIREAT" | b"PEXPIREAT", [_]) => Some(command.clone()),
        (b"EXPIRE", [ttl]) => Some(vec![b"PEXPIREAT".to_vec(), key.clone(), after(now, ttl, 1000)?]),
        (b"PEXPIRE", [ttl]) => Some(vec![b"PEXPIREAT".to_vec(), key.clone(), after(now, ttl, 1)?]),
        (b"SET", [value, options @ ..]) => {
            let mut set = vec![name.clone(), key.clone(), value.clone()];
            set.extend(deadline(options, now)?);
            Some(set)
        }
        _ => None,
    }
}

/// The options of SET, if none of them makes its outcome depend on what the key holds.
fn deadline(options: &[Vec<u8>], now: Millis) -> Option<Vec<Vec<u8>>> {
    let Some((word, rest)) = options.split_first() else { return Some(Vec::new()) };
    match (&word.to_ascii_uppercase()[..], rest) {
        (b"EX", [ttl]) => Some(vec![b"PXAT".to_vec(), after(now, ttl, 1000)?]),
        (b"PX", [ttl]) => Some(vec![b"PXAT".to_vec(), after(now, ttl, 1)?]),
        (b"EXAT" | b"PXAT", [_]) | (b"KEEPTTL", []) => Some(options.to_vec()),
        _ => None,
    }
}

fn after(now: Millis, ttl: &[u8], unit: u64) -> Option<Vec<u8>> {
    let ttl: u64 = core::str::from_utf8(ttl).ok()?.parse().ok()?;
    Some(format!("{}", now.checked_add(ttl.checked_mul(unit)?)?).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_done_twice_keeps_its_deadline() {
        let words = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Words>();
        let again = |text: &str| idempotent(&words(text), 1_000_000);
        for (text, is) in [
            ("set k v", "set k v"),
            ("SET k v ex 2", "SET k v PXAT 1002000"),
            ("SET k v PX 2", "SET k v PXAT 1000002"),
            ("SET k v PXAT 7", "SET k v PXAT 7"),
            ("SET k v KEEPTTL", "SET k v KEEPTTL"),
            ("EXPIRE k 3", "PEXPIREAT k 1003000"),
            ("PEXPIRE k 3", "PEXPIREAT k 1000003"),
            ("UNLINK a b", "UNLINK a b"),
            ("PERSIST k", "PERSIST k"),
        ] {
            assert_eq!(again(text), Some(words(is)), "{text}");
        }
        for text in
            ["SET k v NX", "SET k v GET", "SET k v PX 5 XX", "SET k v PX x", "EXPIRE k 3 NX", "EXPIRE k -1", "INCR k", "MULTI"]
        {
            assert_eq!(again(text), None, "{text}");
        }
    }
}
