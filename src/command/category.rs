//! ACL categories: a command's follow from its group and its flags.

use super::{Flags, Row};

/// Categories as bits, in the order of [`NAMES`].
pub type Categories = u32;

macro_rules! categories {
    ($($name:ident $word:literal,)*) => {
        /// All categories, in Redis's order.
        pub const NAMES: &[&str] = &[$($word),*];
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Place { $($name),* }
        $(pub const $name: Categories = 1 << Place::$name as u32;)*
    };
}

categories! {
    KEYSPACE "keyspace",
    READ "read",
    WRITE "write",
    SET "set",
    SORTED_SET "sortedset",
    LIST "list",
    HASH "hash",
    STRING "string",
    BITMAP "bitmap",
    HYPERLOGLOG "hyperloglog",
    GEO "geo",
    STREAM "stream",
    PUBSUB "pubsub",
    ADMIN "admin",
    FAST "fast",
    SLOW "slow",
    BLOCKING "blocking",
    DANGEROUS "dangerous",
    CONNECTION "connection",
    TRANSACTION "transaction",
    SCRIPTING "scripting",
}

/// What each flag says about categories.
const BY_FLAG: [(Flags, Categories); 11] = [
    (Flags::KEYSPACE, KEYSPACE),
    (Flags::COLLECTIONS, LIST | SET | SORTED_SET),
    (Flags::READONLY, READ),
    (Flags::WRITE, WRITE),
    (Flags::PUBSUB, PUBSUB),
    (Flags::ADMIN, ADMIN | DANGEROUS),
    (Flags::LISTED_ADMIN, ADMIN | DANGEROUS),
    (Flags::DANGEROUS, DANGEROUS),
    (Flags::FAST, FAST),
    (Flags::BLOCKING, BLOCKING),
    (Flags::LISTED_CONNECTION, CONNECTION),
];

/// The category of this name, whatever the letter case.
pub fn named(name: &[u8]) -> Option<Categories> {
    let place = NAMES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
    1u32.checked_shl(u32::try_from(place).ok()?)
}

/// The names of some categories, in Redis's order.
pub fn names(categories: Categories) -> impl Iterator<Item = &'static str> + Clone {
    (0u32..).zip(NAMES).filter(move |(place, _)| categories.wrapping_shr(*place) & 1 != 0).map(|(_, name)| *name)
}

/// The categories of a command.
pub fn of(row: &Row) -> Categories {
    let container = row.flags == Flags::of(&[]) && !row.subcommands.is_empty();
    let by_group = row.group.category().filter(|_| !container && !row.flags.has(Flags::NOT_IN_CATEGORY));
    let mut categories = by_group.and_then(|name| named(name.as_bytes())).unwrap_or(0);
    for (flag, implied) in BY_FLAG {
        if row.flags.has(flag) {
            categories |= implied;
        }
    }
    // A script that only reads is no `read`, as in Redis.
    if categories & SCRIPTING != 0 {
        categories &= !READ;
    }
    if categories & FAST == 0 { categories | SLOW } else { categories }
}
