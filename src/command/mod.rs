//! Commands: one file per family. A *row* declares a command once; everything that is known about it is derived from the row.
//!
//! ```text
//! rows! { pub(super) static ROWS: String = [
//!     { "incrby", incr_by(IncrBy), since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
//!       "Adds an integer to the number that a string spells." },
//! ] }
//! ```
//!
//! The handler is a plain function from typed arguments to a reply shape, `fn(&mut Call, IncrBy) -> Result<impl Reply>`: typed callers in Rust use
//! it directly, and the row's `run` wraps it with parser and writer.

pub mod acl;
pub mod args;
pub mod bitmap;
pub mod category;
pub(crate) mod client;
mod client_tracking;
mod connection;
mod debug;
pub(crate) mod describe;
pub mod dump;
pub mod geo;
pub mod geo_search;
pub mod grammar;
pub mod hash;
pub mod hash_expiry;
pub mod hyperloglog;
mod increx;
mod info;
pub(crate) mod key_specs;
pub mod keys;
pub mod list;
pub mod list_blocking;
mod migrate;
mod observe;
pub mod pubsub;
pub mod replica;
pub mod reply;
pub mod server;
pub mod set;
pub mod sort;
pub mod standalone;
pub mod stream;
pub mod stream_group;
pub mod stream_info;
pub mod stream_read;
pub mod string;
pub mod string_compare;
mod transaction;
pub mod zset;
pub mod zset_algebra;
pub mod zset_blocking;
pub mod zset_range;

use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::Named;
use crate::number::parse_f64;
use crate::resp::write::Writer;
use alloc::vec::Vec;
use args::Args;
use core::sync::atomic::{AtomicUsize, Ordering};
use grammar::Grammar;
pub use reply::{Reply, Shape};

/// Which commands belong together; also their ACL category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Bitmap,
    HyperLogLog,
    Geo,
    Stream,
    Connection,
    Transactions,
    PubSub,
    Scripting,
    Cluster,
    Server,
}

impl Group {
    /// As `COMMAND DOCS` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Hash => "hash",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Geo => "geo",
            Self::Stream => "stream",
            Self::Connection => "connection",
            Self::Transactions => "transactions",
            Self::PubSub => "pubsub",
            Self::Scripting => "scripting",
            Self::Cluster => "cluster",
            Self::Server => "server",
        }
    }

    /// The ACL category that every command of the group is in.
    pub fn category(self) -> Option<&'static str> {
        match self {
            Self::Generic => Some("keyspace"),
            Self::String => Some("string"),
            Self::List => Some("list"),
            Self::Set => Some("set"),
            Self::SortedSet => Some("sortedset"),
            Self::Hash => Some("hash"),
            Self::Bitmap => Some("bitmap"),
            Self::HyperLogLog => Some("hyperloglog"),
            Self::Geo => Some("geo"),
            Self::Stream => Some("stream"),
            Self::Connection => Some("connection"),
            Self::Transactions => Some("transaction"),
            Self::Scripting => Some("scripting"),
            Self::PubSub | Self::Cluster | Self::Server => None,
        }
    }
}

/// What the engine must know about a command before it runs. The engine decides from these alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u64);

macro_rules! flags {
    ($($(#[$meta:meta])* $name:ident = $bit:literal, $word:expr;)*) => {
        impl Flags {
            $($(#[$meta])* pub const $name: Self = Self(1 << $bit);)*
            /// Each flag with the name that `COMMAND INFO` gives it; those without a name stay inside.
            pub const NAMED: &'static [(Self, Option<&'static str>)] = &[$((Self::$name, $word)),*];
        }
        // Each has a bit of its own.
        const _: () = assert!(0 $(+ (1u64 << $bit))* == 0 $(| (1u64 << $bit))*);
    };
}

flags! {
    WRITE = 0, Some("write");
    READONLY = 1, Some("readonly");
    DENYOOM = 2, Some("denyoom");
    ADMIN = 3, Some("admin");
    PUBSUB = 4, Some("pubsub");
    NOSCRIPT = 5, Some("noscript");
    BLOCKING = 6, Some("blocking");
    LOADING = 7, Some("loading");
    STALE = 8, Some("stale");
    SKIP_MONITOR = 9, Some("skip_monitor");
    SKIP_SLOWLOG = 10, Some("skip_slowlog");
    FAST = 11, Some("fast");
    NO_AUTH = 12, Some("no_auth");
    MAY_REPLICATE = 13, None;
    NO_MANDATORY_KEYS = 36, Some("no_mandatory_keys");
    NO_ASYNC_LOADING = 14, Some("no_async_loading");
    NO_MULTI = 15, Some("no_multi");
    ALLOW_BUSY = 16, Some("allow_busy");
    /// Runs at once where others are queued: EXEC, DISCARD, MULTI, WATCH, QUIT, RESET.
    RUNS_IN_MULTI = 24, None;
    /// ACL category `dangerous` beside what the other flags imply.
    DANGEROUS = 25, None;
    /// ACL category `keyspace` for commands of other groups.
    KEYSPACE = 26, None;
    /// Of the group in name, but not in its ACL category.
    NOT_IN_CATEGORY = 27, None;
    /// Allowed to a RESP2 session that is subscribed.
    WHILE_SUBSCRIBED = 28, None;
    /// A refusal discards the transaction: EXEC.
    ENDS_TRANSACTION = 30, None;
    ASKING = 17, Some("asking");
    /// Runs only where `enable-debug-command` allows it.
    DEBUG = 18, None;
    /// The first argument of the grammar names channels, or patterns of them, that a user must be allowed to use.
    CHANNELS = 22, None;
    /// ACL category `admin` (and with it `dangerous`) without the flag.
    LISTED_ADMIN = 19, None;
    /// ACL category `connection` for commands of other groups.
    LISTED_CONNECTION = 20, None;
    /// CLIENT and its kin: what CLIENT CACHING said holds for the next command still.
    KEEPS_CACHING = 29, None;
    /// ACL categories `list`, `set` and `sortedset`: for commands that take any of them.
    COLLECTIONS = 21, None;
    /// What it is about is not here, so that it has no method of its own in generated interfaces.
    ABSENT = 31, None;
    /// May wait without being `blocking` by name: WAIT.
    WAITS = 23, None;
    /// Repeated by what its keys hold afterwards, not by its own words (see [`crate::effects`]): SET with a deadline, INCRBYFLOAT.
    REPEATS_STRING = 32, None;
    /// Repeated by the deadline that its keys have afterwards, or by their end: EXPIRE, GETEX.
    REPEATS_DEADLINE = 33, None;
    /// Repeated by what its handler says alone, never by its own words.
    REPEATS_SAID = 34, None;
    /// Repeated even where it changes no data: PUBLISH.
    REPEATS_ALWAYS = 35, None;
}

impl Flags {
    pub const fn of(flags: &[Self]) -> Self {
        let mut all = 0;
        let mut rest = flags;
        while let [first, tail @ ..] = rest {
            all |= first.0;
            rest = tail;
        }
        Self(all)
    }

    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Whether a command waits while CLIENT PAUSE WRITE holds.
    pub const fn may_change(self) -> bool {
        self.0 & (Self::WRITE.0 | Self::MAY_REPLICATE.0) != 0
    }
}

/// How a command is run: the words after its name in, a reply out.
pub type Run = fn(&mut Call<'_>, &mut Args<'_>, &mut Writer<'_>) -> Result<()>;

/// One declared command.
pub struct Row {
    /// Lower case; a subcommand is `container|name`.
    pub name: &'static str,
    pub group: Group,
    pub since: &'static str,
    /// As the reference tells it. Empty without the feature `docs`.
    pub cost: &'static str,
    /// One sentence. Empty without the feature `docs`.
    pub summary: &'static str,
    /// Whether it takes the same short time on any value.
    pub short: bool,
    pub flags: Flags,
    pub args: Grammar,
    pub reply: Shape,
    pub arity: i32,
    pub run: Run,
    pub subcommands: &'static [Row],
}

impl Row {
    /// The last part of the name: what the client writes for a subcommand.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// The keys of a request, as far as they are its first words: none, one, or all to the end.
    pub(crate) fn leading_keys<'w, 'a>(&self, argv: &'w [&'a [u8]]) -> &'w [&'a [u8]] {
        let keys = self.args.leading_key().and_then(|multiple| argv.get(1..if multiple { argv.len() } else { 2 }));
        keys.unwrap_or(&[])
    }

    /// The member or field that a request most likely names first, with the score that it is given. A guess, for reading ahead: in sorted sets the last word,
    /// behind scores and options, in hashes and sets the one behind the key.
    pub(crate) fn likely_member<'a>(&self, argv: &[&'a [u8]]) -> Option<Named<'a>> {
        let writes = self.flags.has(Flags::WRITE);
        let place = match self.group {
            Group::SortedSet if writes || argv.len() == 3 => argv.len().checked_sub(1)?,
            Group::Hash | Group::Set => 2,
            _ => return None,
        };
        let key = argv.get(1)?;
        let member = argv.get(place.max(2))?;
        let score = if writes && place > 2 { argv.get(place.wrapping_sub(1)).and_then(|word| parse_f64(word)) } else { None };
        Some(Named { key, member, score })
    }

    pub(crate) fn accepts(&self, words: usize) -> bool {
        let words = i32::try_from(words).unwrap_or(i32::MAX);
        if self.arity >= 0 { words == self.arity } else { words >= self.arity.saturating_neg() }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Words that explain a command. The WebAssembly module does without: its package has them in a file of their own, `cachette/docs`.
pub(crate) const fn doc(text: &'static str) -> &'static str {
    if cfg!(feature = "docs") { text } else { "" }
}

/// What a row promises to answer. Of this too the WebAssembly module keeps no more than the engine asks for.
pub(crate) const fn promised(reply: Shape) -> Shape {
    match reply {
        Shape::Pushed => Shape::Pushed,
        reply if cfg!(feature = "docs") => reply,
        _ => Shape::Any,
    }
}

/// Whether a cost is `O(1)`, whatever stands behind it.
pub(crate) const fn is_constant(cost: &str) -> bool {
    matches!(cost.as_bytes(), [b'O', b'(', b'1', b')', ..])
}

/// Declares the rows of a family; see the module.
macro_rules! rows {
    ($(#[$meta:meta])* $vis:vis static $rows:ident : $group:ident = [$($row:tt),* $(,)?]) => {
        $(#[$meta])*
        $vis static $rows: &[$crate::command::Row] = &[$($crate::command::rows!(@row $group 1 $row)),*];
    };
    (@row $group:ident $words:literal { $name:literal, $handler:path as $args:ty, since: $since:literal, cost: $cost:literal,
        flags: [$($flag:ident),* $(,)?], reply: $reply:expr, $summary:literal $(,)? }) => {
        $crate::command::rows!(@row $group $words { $name, $handler as $args, since: $since, cost: $cost, flags: [$($flag),*], reply: $reply,
            arity: $crate::command::args::arity($words, <$args as $crate::command::args::Parse>::SPECS), $summary })
    };
    (@row $group:ident $words:literal { $name:literal, $handler:path as $args:ty, since: $since:literal, cost: $cost:literal,
        flags: [$($flag:ident),* $(,)?], reply: $reply:expr, arity: $arity:expr, $summary:literal $(,)? }) => {
        $crate::command::Row {
            name: $name,
            group: $crate::command::Group::$group,
            since: $since,
            cost: $crate::command::doc($cost),
            summary: $crate::command::doc($summary),
            short: $crate::command::is_constant($cost),
            flags: $crate::command::Flags::of(&[$($crate::command::Flags::$flag),*]),
            args: $crate::command::rows!(@grammar $args),
            reply: $crate::command::promised({ #[allow(unused_imports)] use $crate::command::reply::Shape::*; $reply }),
            arity: $arity,
            run: |call, args, writer| {
                let args = <$args as $crate::command::args::Parse>::parse(args)?;
                let reply = $handler(call, args)?;
                $crate::command::Reply::write(reply, writer);
                Ok(())
            },
            subcommands: &[],
        }
    };
    (@grammar $args:ty) => {{
        const SPECS: &[$crate::command::args::ArgSpec] = <$args as $crate::command::args::Parse>::SPECS;
        static BYTES: [u8; $crate::command::grammar::len(SPECS)] = $crate::command::grammar::written(SPECS);
        $crate::command::grammar::Grammar::new(&BYTES)
    }};
    (@row $group:ident $words:literal { $name:literal, since: $since:literal, cost: $cost:literal, $summary:literal, [$($sub:tt),* $(,)?] $(,)? }) => {
        $crate::command::Row {
            name: $name,
            group: $crate::command::Group::$group,
            since: $since,
            cost: $crate::command::doc($cost),
            summary: $crate::command::doc($summary),
            short: $crate::command::is_constant($cost),
            flags: $crate::command::Flags::of(&[]),
            args: $crate::command::grammar::Grammar::NONE,
            reply: $crate::command::reply::Shape::Any,
            arity: -2,
            run: |_, _, _| Err($crate::command::args::WRONG_ARITY),
            subcommands: &[$($crate::command::rows!(@row $group 2 $sub)),*],
        }
    };
    (@row $group:ident $words:literal { $name:literal, $handler:path as $args:ty, since: $since:literal, cost: $cost:literal,
        flags: [$($flag:ident),* $(,)?], reply: $reply:expr, arity: $arity:expr, $summary:literal, [$($sub:tt),* $(,)?] $(,)? }) => {
        $crate::command::Row {
            subcommands: &[$($crate::command::rows!(@row $group 2 $sub)),*],
            ..$crate::command::rows!(@row $group $words { $name, $handler as $args, since: $since, cost: $cost, flags: [$($flag),*],
                reply: $reply, arity: $arity, $summary })
        }
    };
}
pub(crate) use connection::REDIS_VERSION;
pub(crate) use rows;

/// Families by the file that has them, but for those that are left out.
macro_rules! families {
    ($($file:ident :: $rows:ident),* $(,)?) => {
        &[$((stringify!($file), if names(LEFT_OUT.as_bytes(), stringify!($file).as_bytes()) { &[] } else { $file::$rows })),*]
    };
}

type Family = (&'static str, &'static [Row]);

/// The families of every build, in the order of the reference.
static FAMILIES: &[Family] = families![
    string::ROWS,
    string_compare::ROWS,
    increx::ROWS,
    keys::ROWS,
    dump::ROWS,
    sort::ROWS,
    list::ROWS,
    list_blocking::ROWS,
    hash::ROWS,
    hash_expiry::ROWS,
    set::ROWS,
    zset::ROWS,
    zset_range::ROWS,
    zset_blocking::ROWS,
    zset_algebra::ROWS,
    bitmap::ROWS,
    hyperloglog::ROWS,
    geo::ROWS,
    geo_search::ROWS,
    stream::ROWS,
    stream_read::ROWS,
    stream_group::ROWS,
    stream_info::ROWS,
    connection::ROWS,
    transaction::ROWS,
    pubsub::ROWS,
    server::ROWS,
];

/// The families of a server with clients to look after: with the feature `admin`.
static ADMIN_FAMILIES: &[Family] = families![
    client::ROWS,
    describe::ROWS,
    observe::ROWS,
    acl::ROWS,
    debug::ROWS,
    migrate::ROWS,
    replica::ROWS,
    standalone::SERVER,
    standalone::SCRIPTING,
    standalone::CLUSTER,
];

/// Families that this build does without, as `CACHETTE_WITHOUT` named them to the compiler: how `cargo xtask bench size` weighs each. None in a build that
/// is meant for use.
const LEFT_OUT: &str = match option_env!("CACHETTE_WITHOUT") {
    Some(files) => files,
    None => "",
};

/// Whether one of the words of a list, with commas between them, is this one.
const fn names(list: &[u8], word: &[u8]) -> bool {
    let mut rest = list;
    while !rest.is_empty() {
        if begins(rest, word) {
            return true;
        }
        rest = behind_comma(rest);
    }
    false
}

/// Whether the first word of a list is this one.
const fn begins(list: &[u8], word: &[u8]) -> bool {
    match (list, word) {
        ([] | [b',', ..], []) => true,
        ([first, list @ ..], [wanted, word @ ..]) => *first == *wanted && begins(list, word),
        _ => false,
    }
}

const fn behind_comma(list: &[u8]) -> &[u8] {
    match list {
        [b',', rest @ ..] => rest,
        [_, rest @ ..] => behind_comma(rest),
        [] => &[],
    }
}

/// Whether this build has what looks after a server and its clients. Without it nothing of that is ever true, and the code of it falls away.
pub const ADMIN: bool = cfg!(feature = "admin");

/// Every command, containers without their subcommands.
pub fn all() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().chain(if ADMIN { ADMIN_FAMILIES } else { &[] }).flat_map(|(_, rows)| rows.iter())
}

/// Every command that only the feature `admin` brings.
pub fn of_admin() -> impl Iterator<Item = &'static Row> {
    ADMIN_FAMILIES.iter().flat_map(|(_, rows)| rows.iter())
}

/// The families of every build, each by the file that has it.
pub fn families() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(file, _)| *file)
}

/// Every command, subcommands behind their containers.
pub fn every() -> impl Iterator<Item = &'static Row> {
    all().flat_map(|row| core::iter::once(row).chain(row.subcommands))
}

/// Finds rows by name, whatever the letter case.
pub struct Registry {
    /// Places by hash of the name, probed one after another; more than twice as many as there are rows, so that a probe always ends.
    /// Each row with its number.
    places: Vec<Option<(&'static Row, usize)>>,
    /// The place of the row that was asked for last: as likely as not it is the next one, too. Atomic so that an engine may go from thread to thread.
    latest: AtomicUsize,
}

fn name_hash(name: &[u8]) -> usize {
    // FNV-1a over lower-cased letters. Names are ours: no seed needed.
    let hash =
        name.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 15)) as usize
}

impl Registry {
    pub fn new() -> Self {
        let mut places = Vec::new();
        places.resize(all().count().saturating_mul(2).next_power_of_two(), None);
        let mut registry = Self { places, latest: AtomicUsize::new(0) };
        let mut number = 0usize;
        for row in all() {
            let place = registry.place(row.name.as_bytes());
            if let Some(place) = registry.places.get_mut(place) {
                *place = Some((row, number));
            }
            number = number.saturating_add(row.subcommands.len()).saturating_add(1);
        }
        registry
    }

    /// Where the row of this name is, or would be.
    fn place(&self, name: &[u8]) -> usize {
        let mask = self.places.len().wrapping_sub(1);
        let mut place = name_hash(name) & mask;
        while let Some(Some((row, _))) = self.places.get(place)
            && !row.name.as_bytes().eq_ignore_ascii_case(name)
        {
            place = place.wrapping_add(1) & mask;
        }
        place
    }

    /// The row of a top-level command or container.
    #[inline]
    pub fn top_level(&self, name: &[u8]) -> Option<&'static Row> {
        let at = |place: usize| self.places.get(place).copied().flatten().map(|(row, _)| row);
        let latest = at(self.latest.load(Ordering::Relaxed));
        if latest.is_some_and(|row| row.name.as_bytes().eq_ignore_ascii_case(name)) {
            return latest;
        }
        let place = self.place(name);
        let row = at(place)?;
        self.latest.store(place, Ordering::Relaxed);
        Some(row)
    }

    /// The place of a row in [`every`].
    pub fn number(&self, row: &Row) -> usize {
        let container = row.name.split('|').next().unwrap_or_default();
        let found = self.places.get(self.place(container.as_bytes())).copied().flatten();
        found.map_or(usize::MAX, |(top, number)| {
            let part = top.subcommands.iter().position(|part| part == row);
            number.saturating_add(part.map_or(0, |part| part.saturating_add(1)))
        })
    }

    /// The row of `container|subcommand` or of a plain name.
    pub fn by_full_name(&self, name: &[u8]) -> Option<&'static Row> {
        let mut parts = name.splitn(2, |&byte| byte == b'|');
        let row = self.top_level(parts.next()?)?;
        match parts.next() {
            None => Some(row),
            Some(sub) => row.subcommands.iter().find(|row| row.short_name().as_bytes().eq_ignore_ascii_case(sub)),
        }
    }

    /// The row that a request asks for, be it with too few words or too many.
    pub fn asked_for(&self, argv: &[&[u8]]) -> Option<&'static Row> {
        let row = self.top_level(argv.first()?)?;
        match (row.subcommands, argv.get(1)) {
            ([], _) | (_, None) => Some(row),
            (subcommands, Some(sub)) => subcommands.iter().find(|row| row.short_name().as_bytes().eq_ignore_ascii_case(sub)),
        }
    }

    /// The row that a request asks for, and how many words its name takes.
    ///
    /// # Errors
    /// Unknown command or subcommand, wrong number of arguments: as Redis words them.
    #[inline]
    pub fn resolve(&self, argv: &[&[u8]]) -> Result<(&'static Row, usize)> {
        let name = argv.first().copied().unwrap_or(&[]);
        let row = self.top_level(name).ok_or_else(|| ReplyError::unknown_command(argv))?;
        let (row, name_words) = match (row.subcommands, argv.get(1)) {
            ([], _) | (_, None) => (row, 1),
            (subcommands, Some(sub)) => {
                let found = subcommands.iter().find(|row| row.short_name().as_bytes().eq_ignore_ascii_case(sub));
                (found.ok_or_else(|| ReplyError::unknown_subcommand(sub, &row.name.to_ascii_uppercase()))?, 2)
            }
        };
        if row.accepts(argv.len()) { Ok((row, name_words)) } else { Err(ReplyError::wrong_arity(row.name)) }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a resolved command and writes its reply, be it an error. True if it was no error.
/// `argv` are all words of the request; the first `skip` of them are the command's name.
pub fn run(call: &mut Call<'_>, row: &'static Row, argv: &[&[u8]], skip: usize, writer: &mut Writer<'_>) -> bool {
    let start = writer.position();
    call.row = row;
    call.keys.no_touch = call.session.no_touch;
    call.keys.keep_expired = call.server.pause.is_some() && row.flags.has(Flags::READONLY);
    let watch = observe::begin(call, row, argv);
    let dirty = call.keys.dirty;
    let result = (row.run)(call, &mut Args::new(argv.get(skip..).unwrap_or(&[])), writer);
    call.keys.keep_expired = false;
    observe::end(call, row, argv, watch, writer.position().saturating_sub(start));
    if call.server.tracking.is_on() {
        track(call, row, argv);
    }
    if call.server.effects.are_read() {
        call.note_effects(row, argv, dirty, result.is_ok());
    }
    let result = if writer.overflowed() { Err(ReplyError::MEMORY) } else { result };
    match result {
        Ok(()) => true,
        Err(error) => {
            let error = if error == args::WRONG_ARITY { ReplyError::wrong_arity(row.name) } else { error };
            call.server.stats.failed(row, &error);
            writer.rewind(start);
            writer.error(&error);
            false
        }
    }
}

/// Tells of the keys that the command changed, and notes those that it read. In a transaction this goes command by command.
fn track(call: &mut Call<'_>, row: &'static Row, argv: &[&[u8]]) {
    let touched = call.keys.take_touched();
    call.server.invalidate(Some(call.session), touched);
    if row.flags.has(Flags::READONLY)
        && call.session.tracking.is_some()
        && let Some(keys) = key_specs::keys_of(row, argv)
    {
        let keys: Vec<&[u8]> = keys.into_iter().filter_map(|(at, _)| argv.get(at).copied()).collect();
        call.server.remember(call.session, &keys);
    }
}

/// The words of a request that stays: for queued commands.
pub(crate) fn own(argv: &[&[u8]]) -> Vec<Vec<u8>> {
    argv.iter().map(|word| word.to_vec()).collect()
}

/// The row that typed callers run under: it is in no family and only names them in errors.
pub(crate) static TYPED: Row = Row {
    name: "call",
    group: Group::Generic,
    since: "",
    cost: "",
    summary: "",
    short: false,
    flags: Flags::of(&[]),
    args: Grammar::NONE,
    reply: Shape::Any,
    arity: -1,
    run: |_, _, _| Err(args::WRONG_ARITY),
    subcommands: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_guessed_from_where_commands_have_them() {
        let registry = Registry::new();
        let guess = |line: &'static str| {
            let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let row = registry.top_level(argv.first()?)?;
            row.likely_member(&argv).map(|named| (named.key, named.member, named.score))
        };
        assert_eq!(guess("ZADD z 1.5 m"), Some((&b"z"[..], &b"m"[..], Some(1.5))));
        assert_eq!(guess("ZADD z NX CH -2 m"), Some((&b"z"[..], &b"m"[..], Some(-2.0))));
        assert_eq!(guess("ZRANK z m"), Some((&b"z"[..], &b"m"[..], None)));
        assert_eq!(guess("ZREM z a b"), Some((&b"z"[..], &b"b"[..], None)));
        assert_eq!(guess("ZRANGE z 0 9"), None);
        assert_eq!(guess("HSET h f v"), Some((&b"h"[..], &b"f"[..], None)));
        assert_eq!(guess("SISMEMBER s m"), Some((&b"s"[..], &b"m"[..], None)));
        assert_eq!(guess("SCARD s"), None);
        assert_eq!(guess("GET k"), None);
    }
}
