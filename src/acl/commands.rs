//! The commands that rules may name: all rows, and those of Redis 7.0 that this engine does not have.
//!
//! The latter because users come from files that were written for Redis (`+psync`, `-eval`): they must load, and must be told as Redis tells them,
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
    /// Not to be counted: it is younger than Redis 7.0, or a container that stands here twice.
    pub uncounted: bool,
}

/// Names by their categories.
#[cfg(feature = "server")]
static FOREIGN: &[(Categories, &str)] = &[(is::SCRIPTING | is::SLOW, "eval eval_ro evalsha evalsha_ro fcall fcall_ro")];

/// Where there is no server there are no files.
#[cfg(not(feature = "server"))]
static FOREIGN: &[(Categories, &str)] = &[];

/// All commands, rows first, in the order of their numbers.
pub fn table() -> Vec<Known> {
    let mut table: Vec<Known> = Vec::new();
    let mut add = |name: &'static str, categories: Categories, newer: bool| {
        let uncounted = newer || table.iter().any(|known| known.name == name);
        table.push(Known { name, categories, sub: name.contains('|'), uncounted });
    };
    for row in all() {
        add(row.name, is::of(row), row.since > "7.0.9");
        for row in row.subcommands {
            add(row.name, is::of(row), row.since > "7.0.9");
        }
    }
    for (categories, names) in FOREIGN {
        for name in names.split(' ') {
            add(name, *categories, false);
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

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;
    use crate::command::every;

    #[test]
    fn a_command_that_has_come_is_foreign_no_more() {
        let twice: Vec<&str> = every()
            .map(|row| row.name)
            .filter(|name| FOREIGN.iter().any(|(_, names)| names.split(' ').any(|foreign| foreign == *name)))
            .filter(|name| !table().iter().any(|known| known.sub && known.name.starts_with(name)))
            .collect();
        assert!(twice.is_empty(), "to be taken out of FOREIGN in this file: {twice:?}");
    }
}
