//! The commands that rules may name: all rows, and those of Redis 7.0 that this engine does not have.
//!
//! The latter because users come from files that were written for Redis (`-eval`): they must load, and must be told as Redis tells them,
//! which depends on how many commands of a category a user may run.

use crate::command::all;
use crate::command::category::{self as is, Categories};
use alloc::vec::Vec;

/// One command. Its place in the table is its number in the selectors.
pub struct Known {
    pub name: &'static str,
    pub categories: Categories,
    /// A part of the last one before that is none.
    pub sub: bool,
    /// Younger than Redis 7.0, which does not count it.
    pub uncounted: bool,
}

/// Commands of Redis 7.0 that are not here yet; once they are, they are left out.
const FOREIGN: [&str; 6] = ["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"];

/// All commands, rows first, in the order of their numbers.
pub fn table() -> Vec<Known> {
    let mut table: Vec<Known> = Vec::new();
    for top in all() {
        for row in [top].into_iter().chain(top.subcommands) {
            let (name, sub) = (row.name, row.name.contains('|'));
            table.push(Known { name, categories: is::of(row), sub, uncounted: row.since > "7.0.9" });
        }
    }
    for name in FOREIGN {
        if find(&table, name.as_bytes()).is_none() {
            table.push(Known { name, categories: is::SCRIPTING | is::SLOW, sub: false, uncounted: false });
        }
    }
    table
}

/// The number of the command of this name, whatever the letter case.
pub fn find(table: &[Known], name: &[u8]) -> Option<usize> {
    table.iter().position(|known| known.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether a command has subcommands.
pub fn is_container(table: &[Known], number: usize) -> bool {
    let part_follows = table.get(number.saturating_add(1)).is_some_and(|next| next.sub);
    part_follows && table.get(number).is_some_and(|known| !known.sub)
}
