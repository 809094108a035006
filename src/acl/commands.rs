//! The commands that rules may name: all rows, and those of Redis 7.0 that this engine does not have.
//!
//! The latter because users come from files that were written for Redis (`+psync`, `-eval`): they must load, and must be told as Redis tells them,
//! which depends on how many commands of a category a user may run.

use crate::command::category::{self as is, Categories};
use crate::command::every;
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

const ADMIN: Categories = is::ADMIN | is::DANGEROUS | is::SLOW;
const SCRIPTING: Categories = is::SCRIPTING | is::SLOW;

/// Names by their categories; a container right before its subcommands, as in the table, be it one of ours.
static FOREIGN: &[(Categories, &str)] = &[
    (is::CONNECTION | is::FAST, "asking readonly readwrite"),
    (ADMIN, "bgrewriteaof bgsave failover psync replconf replicaof save slaveof sync monitor"),
    (is::ADMIN | is::DANGEROUS | is::FAST, "lastsave"),
    (is::SLOW, "cluster"),
    (
        ADMIN,
        "cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|count-failure-reports cluster|delslots cluster|delslotsrange",
    ),
    (ADMIN, "cluster|failover cluster|flushslots cluster|forget cluster|meet cluster|replicas cluster|replicate cluster|reset"),
    (ADMIN, "cluster|saveconfig cluster|set-config-epoch cluster|setslot cluster|slaves"),
    (
        is::SLOW,
        "cluster|countkeysinslot cluster|getkeysinslot cluster|help cluster|info cluster|keyslot cluster|links cluster|myid",
    ),
    (is::SLOW, "cluster|nodes cluster|shards cluster|slots"),
    (is::SLOW, "latency"),
    (ADMIN, "latency|doctor latency|graph latency|histogram latency|history latency|latest latency|reset"),
    (is::SLOW, "latency|help module"),
    (ADMIN, "module|list module|load module|loadex module|unload"),
    (is::SLOW, "module|help slowlog"),
    (ADMIN, "slowlog|get slowlog|len slowlog|reset"),
    (is::SLOW, "slowlog|help"),
    (is::SLOW, "client"),
    (ADMIN | is::CONNECTION, "client|kill client|no-evict client|pause client|unpause"),
    (is::CONNECTION | is::SLOW, "client|caching client|getredir client|reply client|tracking client|trackinginfo"),
    (SCRIPTING, "eval eval_ro evalsha evalsha_ro fcall fcall_ro"),
    (is::SLOW, "function"),
    (SCRIPTING, "function|dump function|help function|kill function|list function|stats"),
    (SCRIPTING | is::WRITE, "function|delete function|flush function|load function|restore"),
    (is::SLOW, "script"),
    (SCRIPTING, "script|debug script|exists script|flush script|help script|kill script|load"),
    (is::GEO | is::READ | is::SLOW, "geodist geohash geopos georadius_ro georadiusbymember_ro geosearch"),
    (is::GEO | is::SLOW | is::WRITE, "geoadd georadius georadiusbymember geosearchstore"),
];

/// How many commands there are in the table.
pub fn count() -> usize {
    FOREIGN.iter().fold(every().count(), |sum, (_, names)| sum.saturating_add(names.split(' ').count()))
}

/// All commands, rows first, in the order of their numbers.
pub fn table() -> Vec<Known> {
    let rows = every().map(|row| Known {
        name: row.name,
        categories: is::of(row),
        sub: row.name.contains('|'),
        uncounted: row.since > "7.0.9",
    });
    let mut table: Vec<Known> = rows.collect();
    for (categories, names) in FOREIGN {
        for name in names.split(' ') {
            let uncounted = table.iter().any(|known| known.name == name);
            table.push(Known { name, categories: *categories, sub: name.contains('|'), uncounted });
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
