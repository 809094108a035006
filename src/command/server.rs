//! The server itself: CONFIG, INFO, FLUSHALL, MEMORY, TIME and their kin.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, NoArgs, Parse, args, choice, is_token};
use super::connection::REDIS_VERSION;
use super::reply::{Either, Help, Ok as Okay, Reply, With};
use super::{info, rows};
use crate::call::Call;
use crate::config::ConfigError;
use crate::effects;
use crate::error::{ReplyError, Result};
use crate::event::Event;
use crate::number;
use crate::resp::write::Writer;
use crate::rng::Rng;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Server = [
        { "config", since: "2.0.0", cost: "Depends on the subcommand", "Reads and changes parameters.", [
            { "config|get", config_get as ConfigGet, since: "2.0.0", cost: "O(N), N parameters",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Map(&Bulk), "The values of the parameters that patterns fit." },
            { "config|resetstat", config_reset_stat as NoArgs, since: "2.0.0", cost: "O(1)",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Ok, "Begins all counts of INFO anew." },
            { "config|rewrite", config_rewrite as NoArgs, since: "2.8.0", cost: "O(1)",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Ok, "Writes the present parameters to the configuration file." },
            { "config|set", config_set as ConfigSet, since: "2.0.0", cost: "O(N), N parameters",
              flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Ok, "Changes parameters, all of those given or none." },
            { "config|help", config_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
        { "dbsize", dbsize as NoArgs, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST, KEYSPACE], reply: Integer,
          "How many keys the selected database holds." },
        { "flushall", flush_all as Flush, since: "1.0.0", cost: "O(N), N keys", flags: [WRITE, KEYSPACE, DANGEROUS, REPEATS_ALWAYS], reply: Ok, arity: -1,
          "Removes all keys of all databases." },
        { "flushdb", flush_db as Flush, since: "1.0.0", cost: "O(N), N keys", flags: [WRITE, KEYSPACE, DANGEROUS, REPEATS_ALWAYS], reply: Ok, arity: -1,
          "Removes all keys of the selected database." },
        { "info", info as Info, since: "1.0.0", cost: "O(1)", flags: [LOADING, STALE, DANGEROUS], reply: Bulk,
          "Facts and counts about the server, in sections." },
        { "lolwut", lolwut as Lolwut, since: "5.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Bulk,
          "Draws something, and says which version this is." },
        { "memory", since: "4.0.0", cost: "Depends on the subcommand", "Tells about memory.", [
            { "memory|doctor", memory_doctor as NoArgs, since: "4.0.0", cost: "O(1)", flags: [], reply: Bulk,
              "Says in words how the memory does." },
            { "memory|malloc-stats", memory_malloc_stats as NoArgs, since: "4.0.0", cost: "O(1)", flags: [], reply: Bulk,
              "What the allocator says of itself." },
            { "memory|purge", memory_purge as NoArgs, since: "4.0.0", cost: "O(1)", flags: [], reply: Ok,
              "Asks the allocator to give back what it can." },
            { "memory|stats", memory_stats as NoArgs, since: "4.0.0", cost: "O(1)", flags: [], reply: Map(&Any),
              "What takes memory." },
            { "memory|usage", memory_usage as MemoryUsage, since: "4.0.0", cost: "O(1)", flags: [READONLY], reply: Maybe(&Integer),
              "Bytes that a key and its value take." },
            { "memory|help", memory_help as NoArgs, since: "4.0.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
        { "role", role as NoArgs, since: "2.8.12", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, FAST, LISTED_ADMIN], reply: Any,
          "The part this server plays in replication." },
        { "shutdown", shutdown as Shutdown, since: "1.0.0", cost: "O(1)",
          flags: [ADMIN, NOSCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY], reply: Ok, arity: -1, "Ends the server." },
        { "swapdb", swapdb as SwapDb, since: "4.0.0", cost: "O(N), N watched keys", flags: [WRITE, FAST, KEYSPACE, DANGEROUS, REPEATS_ALWAYS], reply: Ok,
          "Exchanges the keys of two databases." },
        { "time", time as NoArgs, since: "2.6.0", cost: "O(1)", flags: [LOADING, STALE, FAST], reply: Array(&Bulk),
          "The server's clock: Unix seconds, and microseconds of the second." },
    ]
}

// ---- CONFIG -----------------------------------------------------------------------------------------------------------------------------

args! { ConfigGet<'a> { parameter: Many<'a, &'a [u8]> } }

pub fn config_get(call: &mut Call<'_>, args: ConfigGet<'_>) -> Result<impl Reply + use<>> {
    let config = call.config();
    let mut shown: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for pattern in args.parameter.words() {
        config.matching(pattern, |name, value| {
            if !shown.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                shown.push((name.to_vec(), value.to_vec()));
            }
        });
    }
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.map(shown.len());
        for (name, value) in &shown {
            writer.bulk(name);
            writer.bulk(value);
        }
    }))
}

/// `parameter value` pairs. Half a pair is a syntax error, unlike elsewhere.
pub struct ConfigSet<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Parse<'a> for ConfigSet<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::of(
        ArgKind::Block,
        &[ArgSpec::new(ArgKind::String).named("parameter"), ArgSpec::new(ArgKind::String).named("value")],
    )
    .named("data")
    .multiple()];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (pairs, []) = args.take_rest().as_chunks::<2>() else { return Err(ReplyError::SYNTAX) };
        Ok(Self(pairs.iter().map(|[name, value]| (*name, *value)).collect()))
    }
}

pub fn config_set(call: &mut Call<'_>, args: ConfigSet<'_>) -> Result<Okay> {
    for (name, value) in &args.0 {
        if call.config().is_secret(name) {
            call.redact(value);
        }
    }
    let trusted = call.config().allows("enable-protected-configs", call.session.peer.is_local());
    let server = &mut *call.server;
    let password = server.config.requirepass.clone();
    let host = server.host.as_deref_mut();
    let set = server.config.set_all(&args.0, trusted, host);
    set.map_err(|refused| match refused.error {
        ConfigError::Unknown => {
            ReplyError::bytes(&[b"ERR Unknown option or number of arguments for CONFIG SET - '", &refused.name, b"'"])
        }
        ConfigError::Refused(text) => ReplyError::bytes(&[
            b"ERR CONFIG SET failed (possibly related to argument '",
            &refused.name,
            b"') - ",
            text.as_bytes(),
        ]),
    })?;
    if call.config().requirepass != password {
        let password = call.config().requirepass.clone();
        call.server.acl.require(&password);
    }
    call.server.configure(call.keys);
    Ok(Okay)
}

pub fn config_reset_stat(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    call.server.stats = Default::default();
    call.keys.stats = Default::default();
    Ok(Okay)
}

pub fn config_rewrite(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    rewrite(call, false).map(|()| Okay)
}

/// Writes the configuration file: what was set, or all.
pub(super) fn rewrite(call: &mut Call<'_>, all: bool) -> Result<()> {
    let written = match call.server.host.as_mut() {
        Some(host) => host.rewrite_config(&call.server.config, &call.server.acl.lines(), all),
        None => Err(String::from("The server is running without a config file")),
    };
    written.map_err(|text| ReplyError::err(&text))
}

pub fn config_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "CONFIG subcommand [argument ...]. Subcommands:",
        "GET pattern [pattern ...]",
        "    Tell the values of parameters.",
        "SET parameter value [parameter value ...]",
        "    Change parameters, all or none.",
        "RESETSTAT",
        "    Begin the counts of INFO anew.",
        "REWRITE",
        "    Write the configuration file anew.",
        "HELP",
        "    Print this.",
    ]))
}

// ---- databases --------------------------------------------------------------------------------------------------------------------------

pub fn dbsize(call: &mut Call<'_>, _: NoArgs) -> Result<usize> {
    Ok(call.keys.len())
}

/// `[ASYNC | SYNC]`. Both do the same here: nothing happens behind a command's back.
pub struct Flush;

impl<'a> Parse<'a> for Flush {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::choice(&[
        ArgSpec::new(ArgKind::PureToken).named("async").with_token("ASYNC"),
        ArgSpec::new(ArgKind::PureToken).named("sync").with_token("SYNC"),
    ])
    .named("flush_type")];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        match args.take_rest() {
            [] => Ok(Self),
            [how] if is_token(how, "ASYNC") || is_token(how, "SYNC") => Ok(Self),
            _ => Err(ReplyError::SYNTAX),
        }
    }
}

pub fn flush_db(call: &mut Call<'_>, _: Flush) -> Result<Okay> {
    call.keys.flush();
    Ok(Okay)
}

pub fn flush_all(call: &mut Call<'_>, _: Flush) -> Result<Okay> {
    for index in 0..call.keys.databases() {
        call.keys.within(index, |keys| keys.flush());
    }
    Ok(Okay)
}

/// A database's number. What is none is worded by its place.
pub struct Index<'a>(&'a [u8]);

impl<'a> Arg<'a> for Index<'a> {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        args.word().map(Self)
    }
}

args! { SwapDb<'a> { index1: Index<'a>, index2: Index<'a> } }

pub fn swapdb(call: &mut Call<'_>, args: SwapDb<'_>) -> Result<Okay> {
    let index = |word: &[u8], wording: &str| {
        let index = number::parse_i64(word).filter(|index| i32::try_from(*index).is_ok());
        index.ok_or_else(|| ReplyError::err(wording))
    };
    let first = index(args.index1.0, "invalid first DB index")?;
    let second = index(args.index2.0, "invalid second DB index")?;
    let (Ok(first), Ok(second)) = (usize::try_from(first), usize::try_from(second)) else { return Err(ReplyError::DB_INDEX) };
    if call.keys.swap(first, second) { Ok(Okay) } else { Err(ReplyError::DB_INDEX) }
}

// ---- facts ------------------------------------------------------------------------------------------------------------------------------

args! { Info<'a> { section: Option<Many<'a, &'a [u8]>> } }

pub fn info(call: &mut Call<'_>, args: Info<'_>) -> Result<impl Reply + use<>> {
    let text = info::text(call, args.section.map_or(&[][..], |sections| sections.words()));
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(&text)))
}

pub fn time(call: &mut Call<'_>, _: NoArgs) -> Result<Vec<Vec<u8>>> {
    let now = i64::try_from(call.now()).unwrap_or(i64::MAX);
    let parts = [now.wrapping_div(1000), now.wrapping_rem(1000).wrapping_mul(1000)];
    Ok(parts.iter().map(|part| number::write_i64(*part, &mut [0; 20]).to_vec()).collect())
}

pub fn role<'c, 'e>(call: &'c mut Call<'e>, _: NoArgs) -> Result<impl Reply + use<'c, 'e>> {
    Ok(With(|writer: &mut Writer<'_>| {
        writer.array(3);
        writer.bulk(b"master");
        writer.int(call.server.effects.offset() as i64);
        writer.array(call.server.replicas().count());
        for (session, replica) in call.server.replicas() {
            writer.array(3);
            writer.bulk(session.peer.ip().as_bytes());
            writer.bulk(&effects::decimal(replica.port.into()));
            writer.bulk(&effects::decimal(replica.acknowledged));
        }
    }))
}

// ---- MEMORY -----------------------------------------------------------------------------------------------------------------------------

choice! {
    /// Of a big value, so many elements would be looked at. Here the size is known without looking.
    Samples { "SAMPLES" => Samples(count: i64) }
}

args! { MemoryUsage<'a> { key: Key<'a, RO>; samples: Option<Samples> } }

pub fn memory_usage(call: &mut Call<'_>, args: MemoryUsage<'_>) -> Result<Option<u64>> {
    match args.samples {
        Some(Samples::Samples(..0)) => Err(ReplyError::SYNTAX),
        _ => Ok(call.keys.memory_of(&args.key)),
    }
}

pub fn memory_doctor(call: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    let (used, limit) = (call.server.used_memory(call.keys), call.config().maxmemory);
    let sentence = if limit != 0 && used > limit {
        "More memory is used than maxmemory allows: what needs more is refused if no key may go.\n"
    } else if limit != 0 && used > limit.wrapping_div(10).saturating_mul(9) {
        "Over nine tenths of maxmemory are used.\n"
    } else {
        "The memory is well.\n"
    };
    Ok(With(|writer: &mut Writer<'_>| writer.verbatim(sentence.as_bytes())))
}

pub fn memory_malloc_stats(_: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    Ok(With(|writer: &mut Writer<'_>| writer.verbatim(b"This allocator keeps no statistics.")))
}

pub fn memory_purge(_: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    Ok(Okay)
}

pub fn memory_stats<'c, 'e>(call: &'c mut Call<'e>, _: NoArgs) -> Result<impl Reply + use<'c, 'e>> {
    Ok(With(move |writer: &mut Writer<'_>| write_memory_stats(call, writer)))
}

fn write_memory_stats(call: &mut Call<'_>, writer: &mut Writer<'_>) {
    let used = call.server.used_memory(call.keys);
    let peak = call.keys.peak_memory().max(used);
    let overhead = used.saturating_sub(call.keys.used_memory()).saturating_add(call.keys.index_memory());
    let resident = call.server.host.as_ref().map_or(0, |host| host.resident_bytes()).max(used);
    let dataset = used.saturating_sub(overhead);
    let mut keys = 0u64;
    let mut databases: Vec<(usize, u64, u64)> = Vec::new();
    for index in 0..call.keys.databases() {
        let (count, index_bytes) = call.keys.within(index, |keys| (keys.len() as u64, keys.selected_index_memory()));
        keys = keys.saturating_add(count);
        if count > 0 {
            databases.push((index, index_bytes, count));
        }
    }
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    let number = |writer: &mut Writer<'_>, name: &str, value: u64| {
        writer.bulk(name.as_bytes());
        value.write(writer);
    };
    let double = |writer: &mut Writer<'_>, name: &str, value: f64| {
        writer.bulk(name.as_bytes());
        writer.double(value);
    };
    writer.map(databases.len().saturating_add(18));
    for (name, value) in [("peak.allocated", peak), ("total.allocated", used), ("startup.allocated", 0)] {
        number(writer, name, value);
    }
    for name in ["replication.backlog", "clients.slaves"] {
        number(writer, name, 0);
    }
    number(writer, "clients.normal", call.client_memory());
    for name in ["cluster.links", "aof.buffer", "lua.caches", "functions.caches"] {
        number(writer, name, 0);
    }
    for (index, bytes, _) in databases {
        writer.bulk(["db.", &index.to_string()].concat().as_bytes());
        writer.map(3);
        number(writer, "overhead.hashtable.main", bytes);
        number(writer, "overhead.hashtable.expires", 0);
        number(writer, "overhead.hashtable.slot-to-keys", 0);
    }
    number(writer, "overhead.total", overhead);
    number(writer, "keys.count", keys);
    number(writer, "keys.bytes-per-key", used.checked_div(keys).unwrap_or(0));
    number(writer, "dataset.bytes", dataset);
    double(writer, "dataset.percentage", share(dataset, used));
    double(writer, "peak.percentage", share(used, peak));
    number(writer, "fragmentation.bytes", resident.saturating_sub(used));
    double(writer, "fragmentation", if used == 0 { 1.0 } else { resident as f64 / used as f64 });
}

pub fn memory_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "MEMORY subcommand [argument ...]. Subcommands:",
        "DOCTOR",
        "    Say in words how the memory does.",
        "MALLOC-STATS",
        "    Tell what the allocator knows.",
        "PURGE",
        "    Give back what the allocator can.",
        "STATS",
        "    Tell what takes memory.",
        "USAGE key [SAMPLES count]",
        "    Tell the bytes of a key and its value; exact, whatever the count.",
        "HELP",
        "    Print this.",
    ]))
}

// ---- the end, and other ends --------------------------------------------------------------------------------------------------------------

/// `[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`.
pub struct Shutdown {
    abort: bool,
}

impl<'a> Parse<'a> for Shutdown {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::choice(&[
            ArgSpec::new(ArgKind::PureToken).named("nosave").with_token("NOSAVE"),
            ArgSpec::new(ArgKind::PureToken).named("save").with_token("SAVE"),
        ])
        .named("nosave_save"),
        ArgSpec::new(ArgKind::PureToken).named("now").with_token("NOW").optional(),
        ArgSpec::new(ArgKind::PureToken).named("force").with_token("FORCE").optional(),
        ArgSpec::new(ArgKind::PureToken).named("abort").with_token("ABORT").optional(),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let words = args.take_rest();
        let given = |token: &str| words.iter().any(|word| is_token(word, token));
        let known = |word: &&[u8]| ["NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"].iter().any(|token| is_token(word, token));
        let abort = given("ABORT");
        if !words.iter().all(known) || (given("NOSAVE") && given("SAVE")) || (abort && words.len() > 1) {
            return Err(ReplyError::SYNTAX);
        }
        Ok(Self { abort })
    }
}

/// Has no reply: the connection ends with the server. An engine without a host has nothing to end.
pub fn shutdown(call: &mut Call<'_>, args: Shutdown) -> Result<impl Reply + use<>> {
    if args.abort && call.server.ending {
        call.server.ending = false;
        return Ok(Either::A(Okay));
    }
    if args.abort {
        return Err(ReplyError::err("No shutdown in progress."));
    }
    if call.server.host.is_none() {
        return Err(ReplyError::err("Errors trying to SHUTDOWN. Check logs."));
    }
    call.server.events.push_back(Event::Shutdown);
    Ok(Either::B(With(|_: &mut Writer<'_>| {})))
}

/// `[VERSION version] [argument ...]`.
pub struct Lolwut;

impl<'a> Parse<'a> for Lolwut {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::Integer).named("version").with_token("VERSION").optional()];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        match args.take_rest() {
            [first, version, ..] if is_token(first, "VERSION") => {
                number::parse_i64(version).map(|_| Self).ok_or(ReplyError::NOT_INTEGER)
            }
            _ => Ok(Self),
        }
    }
}

/// A meadow, another one each time. Under one of its tufts lies a key.
pub fn lolwut(call: &mut Call<'_>, _: Lolwut) -> Result<impl Reply + use<>> {
    let picture = meadow(&mut call.server.rng);
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(picture.as_bytes())))
}

fn meadow(rng: &mut Rng) -> String {
    const WIDTH: u64 = 48;
    const HEIGHT: u64 = 9;
    let (key_row, key_column) = (rng.below(HEIGHT), rng.below(WIDTH));
    let mut picture = String::new();
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            // The nearer to us, the taller the grass.
            let near = rng.below(HEIGHT.saturating_mul(2)) < row;
            picture.push(match (rng.below(6), near) {
                _ if (row, column) == (key_row, key_column) => '¶',
                (0, true) => 'w',
                (0 | 1, false) => '.',
                (1, true) => '"',
                (2, true) => 'v',
                (2, false) => ',',
                _ => ' ',
            });
        }
        picture.push('\n');
    }
    picture.push_str("\nSomewhere in this meadow a key is hidden. cachette ");
    picture.push_str(env!("CARGO_PKG_VERSION"));
    picture.push_str(", as good as Redis ver. ");
    picture.push_str(REDIS_VERSION);
    picture.push('\n');
    picture
}
