//! The check: whether a user may run a request, from the request's row alone.

use super::user::{CHANNELS, KEYS, READ, Selector, Sort, User, WRITE, first_arg};
use crate::command::args::key_flags::{ACCESS_BIT, DELETE_BIT, INSERT_BIT, NOT_KEY_BIT, UPDATE_BIT};
use crate::command::args::{ArgKind, KeyFlags};
use crate::command::{Flags, Registry, Row, key_specs};
use crate::glob;

/// What a user lacks, the least telling first. The place is that of the word among those of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    Command,
    Key(usize),
    Channel(usize),
}

/// What is done to a key, of the two that rules tell apart.
fn access_of(flags: KeyFlags) -> Sort {
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
        self.selectors.iter().any(|selector| {
            selector.may_use(KEYS, READ, b"*", true)
                && selector.runs(number, row, key)
                && written.is_none_or(|key| selector.may_use(KEYS, WRITE, key, false))
        })
    }

    /// Whether some selector allows a channel, or a pattern of them.
    pub fn may_hear(&self, channel: &[u8], as_pattern: bool) -> bool {
        self.selectors.iter().any(|selector| selector.may_use(CHANNELS, CHANNELS, channel, as_pattern))
    }
}

impl Selector {
    fn check(&self, number: usize, row: &Row, argv: &[&[u8]]) -> Result<(), Denied> {
        let word = |at: usize| argv.get(at).copied().unwrap_or_default();
        // No rule allows an empty first word, so that a missing one may pass for it.
        if !self.runs(number, row, word(1)) {
            return Err(Denied::Command);
        }
        if self.all & KEYS == 0 {
            // Where a count of keys does not fit the request, its handler refuses it.
            for (at, flags) in key_specs::keys_of(row, argv).unwrap_or_default() {
                if flags & NOT_KEY_BIT == 0 && !self.may_use(KEYS, access_of(flags), word(at), false) {
                    return Err(Denied::Key(at));
                }
            }
        }
        if row.flags.has(Flags::CHANNELS)
            && let Some(grammar) = row.args.arguments().next()
        {
            let end = if grammar.multiple { argv.len() } else { 2 };
            for at in 1..end {
                if !self.may_use(CHANNELS, CHANNELS, word(at), grammar.kind == ArgKind::Pattern) {
                    return Err(Denied::Channel(at));
                }
            }
        }
        Ok(())
    }

    /// Whether the command may run at all, with `word` as its first.
    fn runs(&self, number: usize, row: &Row, word: &[u8]) -> bool {
        let sort = first_arg(number);
        let by_word = || self.words.iter().any(|(known, allowed)| *known == sort && word.eq_ignore_ascii_case(allowed));
        row.flags.has(Flags::NO_AUTH) || self.commands.get(number) == Some(&true) || by_word()
    }

    /// Whether a name of some sort may be used, a key for all that is said. A pattern to listen to must be among the rules as it stands.
    fn may_use(&self, sort: Sort, access: Sort, name: &[u8], as_it_stands: bool) -> bool {
        let fits = |known: &[u8]| if as_it_stands { known == name } else { glob::matches(known, name, false) };
        let words = || self.words.iter().any(|(known, word)| known & sort != 0 && known & access == access && fits(word));
        self.all & sort != 0 || words()
    }
}
