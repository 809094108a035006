//! What a single node in a process does not have: clustering, a master, modules, scripts, snapshots on disk. Each command answers what redis-server answers
//! with that switched off, or refuses in words of its own. They share their handlers, so that a row costs few bytes.

use super::args::key_flags::*;
use super::args::{ArgKind, ArgSpec, Args, NoArgs, Parse, is_token};
use super::reply::{Help, Ok as Okay, Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::number;
use crate::resp::write::Writer;
use alloc::vec::Vec;

rows! {
    pub(super) static CLUSTER: Cluster = [
        { "asking", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [FAST, LISTED_CONNECTION, ABSENT], reply: Ok, arity: 1,
          "Belongs to clustering." },
        { "cluster", since: "3.0.0", cost: "O(1)", "Belongs to clustering.", [
            { "cluster|addslots", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -3,
              "Belongs to clustering." },
            { "cluster|addslotsrange", no_cluster as Anything, since: "7.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -4,
              "Belongs to clustering." },
            { "cluster|bumpepoch", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|count-failure-reports", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|countkeysinslot", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|delslots", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -3,
              "Belongs to clustering." },
            { "cluster|delslotsrange", no_cluster as Anything, since: "7.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -4,
              "Belongs to clustering." },
            { "cluster|failover", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -2,
              "Belongs to clustering." },
            { "cluster|flushslots", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|forget", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|getkeysinslot", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 4,
              "Belongs to clustering." },
            { "cluster|help", no_cluster as Anything, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|info", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|keyslot", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|links", no_cluster as Anything, since: "7.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|meet", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -4,
              "Belongs to clustering." },
            { "cluster|myid", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|nodes", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|replicas", no_cluster as Anything, since: "5.0.0", cost: "O(1)", flags: [ADMIN, STALE, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|replicate", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|reset", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, STALE, ABSENT], reply: Any, arity: -2,
              "Belongs to clustering." },
            { "cluster|saveconfig", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|set-config-epoch", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|setslot", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, STALE, NO_ASYNC_LOADING, ABSENT], reply: Any, arity: -4,
              "Belongs to clustering." },
            { "cluster|shards", no_cluster as Anything, since: "7.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
            { "cluster|slaves", no_cluster as Anything, since: "5.0.0", cost: "O(1)", flags: [ADMIN, STALE, ABSENT], reply: Any, arity: 3,
              "Belongs to clustering." },
            { "cluster|slots", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [STALE, ABSENT], reply: Any, arity: 2,
              "Belongs to clustering." },
        ] },
        { "readonly", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [LOADING, STALE, FAST, LISTED_CONNECTION, ABSENT],
          reply: Ok, arity: 1, "Belongs to clustering." },
        { "readwrite", no_cluster as Anything, since: "3.0.0", cost: "O(1)", flags: [LOADING, STALE, FAST, LISTED_CONNECTION, ABSENT],
          reply: Ok, arity: 1, "Belongs to clustering." },
    ]
}

rows! {
    pub(super) static SCRIPTING: Scripting = [
        { "eval", no_eval as ScriptToWrite, since: "2.6.0", cost: "That of the script",
          flags: [NOSCRIPT, STALE, SKIP_MONITOR, MAY_REPLICATE, NO_MANDATORY_KEYS, ABSENT], reply: Any, arity: -3, "Runs a script." },
        { "eval_ro", no_eval_ro as ScriptToRead, since: "7.0.0", cost: "That of the script",
          flags: [READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, ABSENT], reply: Any, arity: -3, "Runs a script that changes nothing." },
        { "evalsha", no_script as ScriptToWrite, since: "2.6.0", cost: "That of the script",
          flags: [NOSCRIPT, STALE, SKIP_MONITOR, MAY_REPLICATE, NO_MANDATORY_KEYS, ABSENT], reply: Any, arity: -3, "Runs a known script." },
        { "evalsha_ro", no_script_ro as ScriptToRead, since: "7.0.0", cost: "That of the script",
          flags: [READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, ABSENT], reply: Any, arity: -3, "Runs a known script that changes nothing." },
        { "fcall", no_function as ScriptToWrite, since: "7.0.0", cost: "That of the function",
          flags: [NOSCRIPT, STALE, SKIP_MONITOR, MAY_REPLICATE, NO_MANDATORY_KEYS, ABSENT], reply: Any, arity: -3, "Calls a function." },
        { "fcall_ro", no_function_ro as ScriptToRead, since: "7.0.0", cost: "That of the function",
          flags: [READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, ABSENT], reply: Any, arity: -3, "Calls a function that changes nothing." },
        { "function", since: "7.0.0", cost: "O(1)", "Functions in Lua, of which there are none.", [
            { "function|delete", no_library as Anything, since: "7.0.0", cost: "O(1)", flags: [WRITE, NOSCRIPT, ABSENT], reply: Ok, arity: 3,
              "Removes a library." },
            { "function|dump", function_dump as NoArgs, since: "7.0.0", cost: "O(1)", flags: [NOSCRIPT, ABSENT], reply: Bulk,
              "All libraries in a form that FUNCTION RESTORE takes." },
            { "function|flush", function_flush as Anything, since: "7.0.0", cost: "O(1)", flags: [WRITE, NOSCRIPT, ABSENT], reply: Ok,
              arity: -2, "Removes all libraries." },
            { "function|help", function_help as NoArgs, since: "7.0.0", cost: "O(1)", flags: [LOADING, STALE, ABSENT], reply: Array(&Bulk),
              "Lists the subcommands." },
            { "function|kill", not_busy as NoArgs, since: "7.0.0", cost: "O(1)", flags: [NOSCRIPT, ALLOW_BUSY, ABSENT], reply: Ok,
              "Ends the running function." },
            { "function|list", function_list as Anything, since: "7.0.0", cost: "O(1)", flags: [NOSCRIPT, ABSENT], reply: Array(&Any), arity: -2,
              "Tells about libraries." },
            { "function|load", no_scripts as Anything, since: "7.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, NOSCRIPT, ABSENT], reply: Any,
              arity: -3, "Makes a library." },
            { "function|restore", function_restore as Anything, since: "7.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, NOSCRIPT, ABSENT],
              reply: Ok, arity: -3, "Makes libraries from a dump." },
            { "function|stats", function_stats as NoArgs, since: "7.0.0", cost: "O(1)", flags: [NOSCRIPT, ALLOW_BUSY, ABSENT], reply: Map(&Any),
              "What runs, and how many functions there are." },
        ] },
        { "script", since: "2.6.0", cost: "O(1)", "Scripts in Lua, of which there are none.", [
            { "script|debug", no_scripts as Anything, since: "3.2.0", cost: "O(1)", flags: [NOSCRIPT, ABSENT], reply: Ok, arity: 3,
              "Chooses how scripts are debugged." },
            { "script|exists", script_exists as Anything, since: "2.6.0", cost: "O(N), N scripts", flags: [NOSCRIPT, ABSENT],
              reply: Array(&Integer), arity: -3, "Which scripts are known." },
            { "script|flush", script_flush as Anything, since: "2.6.0", cost: "O(1)", flags: [NOSCRIPT, ABSENT], reply: Ok, arity: -2,
              "Forgets all scripts." },
            { "script|help", script_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE, ABSENT], reply: Array(&Bulk),
              "Lists the subcommands." },
            { "script|kill", not_busy as NoArgs, since: "2.6.0", cost: "O(1)", flags: [NOSCRIPT, ALLOW_BUSY, ABSENT], reply: Ok,
              "Ends the running script." },
            { "script|load", no_scripts as Anything, since: "2.6.0", cost: "O(1)", flags: [NOSCRIPT, STALE, ABSENT], reply: Bulk, arity: 3,
              "Makes a script known." },
        ] },
    ]
}

rows! {
    pub(super) static SERVER: Server = [
        { "bgrewriteaof", no_snapshots as Anything, since: "1.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, ABSENT], reply: Status,
          arity: 1, "Writes the log of changes anew." },
        { "bgsave", no_snapshots as Anything, since: "1.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, ABSENT], reply: Status,
          arity: -1, "Writes a snapshot." },
        { "failover", failover as Anything, since: "6.2.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, STALE, ABSENT], reply: Ok, arity: -1,
          "Hands over to a replica." },
        { "lastsave", last_save as NoArgs, since: "1.0.0", cost: "O(1)", flags: [LOADING, STALE, FAST, LISTED_ADMIN], reply: Integer,
          "When the last snapshot was written, or the server began: Unix seconds." },
        { "module", since: "4.0.0", cost: "O(1)", "Modules, of which there are none.", [
            { "module|help", module_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE, ABSENT], reply: Array(&Bulk),
              "Lists the subcommands." },
            { "module|list", module_list as NoArgs, since: "4.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, ABSENT], reply: Array(&Any),
              "Names the modules." },
            { "module|load", no_modules as Anything, since: "4.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, ABSENT],
              reply: Ok, arity: -3, "Loads a module." },
            { "module|loadex", no_modules as Anything, since: "7.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, ABSENT],
              reply: Ok, arity: -3, "Loads a module." },
            { "module|unload", no_modules as Anything, since: "4.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, ABSENT],
              reply: Ok, arity: 3, "Removes a module." },
        ] },
        { "replicaof", replica_of as Anything, since: "5.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING, ABSENT],
          reply: Ok, arity: 3, "Belongs to replication: NO ONE is all that this server can follow." },
        { "save", no_snapshots as Anything, since: "1.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI, ABSENT], reply: Ok,
          arity: 1, "Writes a snapshot." },
        { "slaveof", replica_of as Anything, since: "1.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, STALE, NO_ASYNC_LOADING, ABSENT], reply: Ok,
          arity: 3, "Belongs to replication: NO ONE is all that this server can follow." },
    ]
}

/// Any words.
pub struct Anything<'a>(pub &'a [&'a [u8]]);

impl<'a> Parse<'a> for Anything<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("argument").optional().multiple()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

/// A script, its digest, or a function; how many keys; the keys; what else it is given.
pub struct Script<'a, const READ_ONLY: bool>(&'a [&'a [u8]]);

type ScriptToRead<'a> = Script<'a, true>;
type ScriptToWrite<'a> = Script<'a, false>;

impl<'a, const READ_ONLY: bool> Parse<'a> for Script<'a, READ_ONLY> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::String).named("script"),
        ArgSpec::new(ArgKind::NumKeys(if READ_ONLY { RO_ACCESS } else { RW_ACCESS_UPDATE })).named("keys"),
        ArgSpec::new(ArgKind::String).named("arg").optional().multiple(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

fn refuse(sentence: &str) -> Result<Okay> {
    Err(ReplyError::err(sentence))
}

pub fn no_cluster(_: &mut Call<'_>, _: Anything<'_>) -> Result<Okay> {
    refuse("This instance has cluster support disabled")
}

pub fn no_replicas(_: &mut Call<'_>, _: Anything<'_>) -> Result<Okay> {
    refuse("Replication is not supported here")
}

pub fn no_snapshots(_: &mut Call<'_>, _: Anything<'_>) -> Result<Okay> {
    refuse("Snapshots and logs on disk are not supported here")
}

pub fn no_scripts(_: &mut Call<'_>, _: Anything<'_>) -> Result<Okay> {
    refuse("Scripts are not supported here")
}

pub fn no_library(_: &mut Call<'_>, _: Anything<'_>) -> Result<Okay> {
    refuse("Library not found")
}

pub fn no_modules(_: &mut Call<'_>, _: Anything<'_>) -> Result<Okay> {
    Err(ReplyError::MODULE_NOT_ALLOWED)
}

pub fn not_busy(_: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    Err(ReplyError::NOT_BUSY)
}

pub fn replica_of(call: &mut Call<'_>, args: Anything<'_>) -> Result<Okay> {
    match *args.0 {
        [no, one] if is_token(no, "NO") && is_token(one, "ONE") => Ok(Okay),
        [_, port] if number::parse_i64(port).is_none_or(|port| !(0..=65535).contains(&port)) => refuse("Invalid master port"),
        _ => no_replicas(call, args),
    }
}

pub fn failover(_: &mut Call<'_>, args: Anything<'_>) -> Result<Okay> {
    match args.0 {
        [word] if is_token(word, "ABORT") => refuse("No failover in progress."),
        [word, ..] if !["TO", "TIMEOUT", "FORCE"].iter().any(|known| is_token(word, known)) => Err(ReplyError::SYNTAX),
        _ => refuse("FAILOVER requires connected replicas."),
    }
}

pub fn last_save(call: &mut Call<'_>, _: NoArgs) -> Result<u64> {
    Ok(call.server.started.wrapping_div(1000))
}

pub fn module_list(_: &mut Call<'_>, _: NoArgs) -> Result<Vec<Vec<u8>>> {
    Ok(Vec::new())
}

// ---- scripts and functions --------------------------------------------------------------------------------------------------------------

fn is_how(words: &[&[u8]]) -> bool {
    matches!(words, []) || matches!(words, [how] if is_token(how, "SYNC") || is_token(how, "ASYNC"))
}

/// A script could run if there were a place for it: what is wrong with its keys is said first, as Redis does.
fn refuse_script(words: &[&[u8]]) -> Result<Okay> {
    let count = words.get(1).and_then(|word| number::parse_i64(word)).ok_or(ReplyError::NOT_INTEGER)?;
    match usize::try_from(count) {
        Err(_) => refuse("Number of keys can't be negative"),
        Ok(count) if count > words.len().saturating_sub(2) => refuse("Number of keys can't be greater than number of args"),
        Ok(_) => refuse("Scripts are not supported here"),
    }
}

pub fn no_eval(_: &mut Call<'_>, args: ScriptToWrite<'_>) -> Result<Okay> {
    refuse_script(args.0)
}

pub fn no_eval_ro(_: &mut Call<'_>, args: ScriptToRead<'_>) -> Result<Okay> {
    refuse_script(args.0)
}

pub fn no_script(_: &mut Call<'_>, _: ScriptToWrite<'_>) -> Result<Okay> {
    Err(ReplyError::NO_SCRIPT)
}

pub fn no_script_ro(_: &mut Call<'_>, _: ScriptToRead<'_>) -> Result<Okay> {
    Err(ReplyError::NO_SCRIPT)
}

pub fn no_function(_: &mut Call<'_>, _: ScriptToWrite<'_>) -> Result<Okay> {
    refuse("Function not found")
}

pub fn no_function_ro(_: &mut Call<'_>, _: ScriptToRead<'_>) -> Result<Okay> {
    refuse("Function not found")
}

pub fn script_flush(_: &mut Call<'_>, args: Anything<'_>) -> Result<Okay> {
    if is_how(args.0) { Ok(Okay) } else { refuse("SCRIPT FLUSH only support SYNC|ASYNC option") }
}

pub fn function_flush(_: &mut Call<'_>, args: Anything<'_>) -> Result<Okay> {
    match args.0 {
        how if is_how(how) => Ok(Okay),
        [_] => refuse("FUNCTION FLUSH only supports SYNC|ASYNC option"),
        _ => Err(ReplyError::subcommand_syntax("FLUSH", "FUNCTION")),
    }
}

pub fn script_exists(_: &mut Call<'_>, args: Anything<'_>) -> Result<Vec<i64>> {
    Ok(args.0.iter().map(|_| 0).collect())
}

/// `[LIBRARYNAME pattern] [WITHCODE]`.
pub fn function_list(_: &mut Call<'_>, args: Anything<'_>) -> Result<Vec<Vec<u8>>> {
    let mut words = args.0.iter();
    while let Some(word) = words.next() {
        if is_token(word, "LIBRARYNAME") {
            words.next().ok_or_else(|| ReplyError::err("library name argument was not given"))?;
        } else if !is_token(word, "WITHCODE") {
            return Err(ReplyError::bytes(&[b"ERR Unknown argument ", word]));
        }
    }
    Ok(Vec::new())
}

/// What FUNCTION DUMP gives where there are no functions: nothing, the version of the format, and the checksum of both.
const NO_FUNCTIONS: &[u8] = b"\x0a\x00]\x9b\\@\x0f\x7f\xa2\xda";

pub fn function_dump(_: &mut Call<'_>, _: NoArgs) -> Result<&'static [u8]> {
    Ok(NO_FUNCTIONS)
}

/// `payload [FLUSH | APPEND | REPLACE]`.
pub fn function_restore(_: &mut Call<'_>, args: Anything<'_>) -> Result<Okay> {
    match args.0 {
        [_, policy] if !["FLUSH", "APPEND", "REPLACE"].iter().any(|known| is_token(policy, known)) => {
            refuse("Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
        }
        [_, _, _, ..] => Err(ReplyError::subcommand_syntax("RESTORE", "FUNCTION")),
        [payload, ..] if *payload == NO_FUNCTIONS => Ok(Okay),
        _ => refuse("DUMP payload version or checksum are wrong"),
    }
}

pub fn function_stats(_: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    Ok(With(|writer: &mut Writer<'_>| {
        writer.map(2);
        writer.bulk(b"running_script");
        writer.null();
        writer.bulk(b"engines");
        writer.map(1);
        writer.bulk(b"LUA");
        writer.map(2);
        for name in ["libraries_count", "functions_count"] {
            writer.bulk(name.as_bytes());
            writer.int(0);
        }
    }))
}

pub fn function_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "FUNCTION subcommand [argument ...]. Scripts are not supported here. Subcommands:",
        "DELETE",
        "DUMP",
        "FLUSH",
        "KILL",
        "LIST",
        "LOAD",
        "RESTORE",
        "STATS",
        "HELP",
    ]))
}

pub fn script_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "SCRIPT subcommand [argument ...]. Scripts are not supported here. Subcommands:",
        "DEBUG",
        "EXISTS",
        "FLUSH",
        "KILL",
        "LOAD",
        "HELP",
    ]))
}

pub fn module_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "MODULE subcommand [argument ...]. Modules are not supported here. Subcommands:",
        "LIST",
        "LOAD",
        "LOADEX",
        "UNLOAD",
        "HELP",
    ]))
}
