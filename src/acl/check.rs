//! The check: whether a user may run a request, from the request's row alone.

use super::user::{Access, READ, Selector, User, WRITE};
use crate::command::args::key_flags::{ACCESS_BIT, DELETE_BIT, INSERT_BIT, NOT_KEY_BIT, UPDATE_BIT};
use crate::command::args::{ArgKind, KeyFlags};
use crate::command::{Flags, Registry, Row, describe};
use crate::glob;
use alloc::vec::Vec;

/// What a user lacks, the least telling first. The place is that of the word among those of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    Command,
    Key(usize),
    Channel(usize),
}

/// What is done to a key, of the two that rules tell apart.
fn access_of(flags: KeyFlags) -> Access {
    let reads = if flags & ACCESS_BIT != 0 { READ } else { 0 };
    reads | if flags & (INSERT_BIT | DELETE_BIT | UPDATE_BIT) != 0 { WRITE } else { 0 }
}

impl User {
    /// # Errors
    /// What no selector allows: of their several reasons the most telling one, as Redis chooses it.
    pub fn check(&self, registry: &Registry, row: &Row, argv: &[&[u8]]) -> Result<(), Denied> {
        let number = registry.number(row);
        let mut reason = Denied::Command;
        for selector in &self.selectors {
            match selector.check(number, row, argv) {
                Ok(()) => return Ok(()),
                Err(denied) => reason = reason.max(denied),
            }
        }
        Err(reason)
    }

    /// Whether a command may read keys that its request does not name, beside writing one that it does: some selector must allow all of it.
    pub fn may_read_all(&self, registry: &Registry, row: &Row, key: &[u8], written: Option<&[u8]>) -> bool {
        let number = registry.number(row);
        let all = |selector: &&Selector| selector.all_keys || selector.has_pattern(READ, &|pattern| pattern == b"*");
        let mut fitting = self.selectors.iter().filter(all).filter(|selector| selector.runs(number, row, Some(key)));
        fitting.any(|selector| written.is_none_or(|key| selector.may(WRITE, key)))
    }
}

impl Selector {
    fn check(&self, number: usize, row: &Row, argv: &[&[u8]]) -> Result<(), Denied> {
        if !self.runs(number, row, argv.get(1).copied()) {
            return Err(Denied::Command);
        }
        if !self.all_keys {
            // Where a count of keys does not fit the request, its handler refuses it.
            for (at, flags) in describe::keys_of(row, argv).unwrap_or_default() {
                let key = argv.get(at).copied().unwrap_or_default();
                if flags & NOT_KEY_BIT == 0 && !self.may(access_of(flags), key) {
                    return Err(Denied::Key(at));
                }
            }
        }
        if !self.all_channels && row.flags.has(Flags::CHANNELS) {
            let first = row.args.first();
            let count = if first.is_some_and(|arg| arg.multiple) { argv.len() } else { 1 };
            let as_pattern = first.is_some_and(|arg| arg.kind == ArgKind::Pattern);
            for (at, name) in argv.iter().enumerate().skip(1).take(count) {
                if !self.may_use(name, as_pattern) {
                    return Err(Denied::Channel(at));
                }
            }
        }
        Ok(())
    }

    /// Whether the command may run at all; with `word` as its first.
    fn runs(&self, number: usize, row: &Row, word: Option<&[u8]>) -> bool {
        let by_word = || {
            let mut words = self.first_args.iter().filter(|(of, _)| *of == number);
            words.any(|(_, allowed)| word.is_some_and(|word| word.eq_ignore_ascii_case(allowed)))
        };
        row.flags.has(Flags::NO_AUTH) || self.commands.get(number) == Some(&true) || by_word()
    }

    fn may(&self, access: Access, key: &[u8]) -> bool {
        self.all_keys || self.has_pattern(access, &|pattern| glob::matches(pattern, key, false))
    }

    fn has_pattern(&self, access: Access, fits: &dyn Fn(&[u8]) -> bool) -> bool {
        self.keys.iter().any(|(allowed, pattern)| allowed & access == access && fits(pattern))
    }

    /// Whether a channel may be used. A pattern to listen to must be among the rules as it stands.
    pub fn may_use(&self, channel: &[u8], as_pattern: bool) -> bool {
        let fits = |known: &Vec<u8>| if as_pattern { known == channel } else { glob::matches(known, channel, false) };
        self.all_channels || self.channels.iter().any(fits)
    }
}
