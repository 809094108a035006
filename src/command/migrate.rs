//! MIGRATE: keys go to another server, which the shell connects to.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, LateInt, Parse, is_token};
use super::reply::Simple;
use super::rows;
use crate::call::Call;
use crate::effects::{decimal, request};
use crate::error::{ReplyError, Result};
use crate::host::Exchange;
use crate::rdb;
use crate::resp::read::{self, Value};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Generic = [
        { "migrate", migrate as Migrate, since: "2.6.0", cost: "O(N), N keys", flags: [WRITE, DANGEROUS, REPEATS_SAID], reply: Status,
          "Moves keys to another server, or copies them. Nobody else is served meanwhile." },
    ]
}

/// What MIGRATE is told.
pub struct Migrate<'a> {
    pub host: &'a [u8],
    pub port: &'a [u8],
    pub keys: &'a [&'a [u8]],
    /// Password, or user and password: not for MONITOR and SLOWLOG.
    pub secrets: &'a [&'a [u8]],
    pub destination_db: LateInt,
    pub timeout: LateInt,
    /// The keys stay here too.
    pub copy: bool,
    /// Keys of these names that are there are written over.
    pub replace: bool,
}

impl<'a> Parse<'a> for Migrate<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::String).named("host"),
        ArgSpec::new(ArgKind::String).named("port"),
        ArgSpec::new(ArgKind::Key(RW_ACCESS_DELETE)).named("key"),
        ArgSpec::new(ArgKind::Integer).named("destination-db"),
        ArgSpec::new(ArgKind::Integer).named("timeout"),
        ArgSpec::new(ArgKind::PureToken).named("copy").with_token("COPY").optional(),
        ArgSpec::new(ArgKind::PureToken).named("replace").with_token("REPLACE").optional(),
        ArgSpec::new(ArgKind::String).named("auth").with_token("AUTH").optional(),
        ArgSpec::of(
            ArgKind::Block,
            &[ArgSpec::new(ArgKind::String).named("username"), ArgSpec::new(ArgKind::String).named("password")],
        )
        .named("auth2")
        .with_token("AUTH2")
        .optional(),
        ArgSpec::new(ArgKind::Key(RW_ACCESS_DELETE | INCOMPLETE_BIT)).named("keys").with_token("KEYS").optional().multiple(),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (host, port) = (args.word()?, args.word()?);
        let mut keys = args.rest().get(..1).unwrap_or_default();
        let key = args.word()?;
        let (destination_db, timeout) = (LateInt::arg(args)?, LateInt::arg(args)?);
        let mut secrets: &[&[u8]] = &[];
        let (mut copy, mut replace) = (false, false);
        while let Ok(word) = args.word() {
            (copy, replace) = (copy | is_token(word, "COPY"), replace | is_token(word, "REPLACE"));
            let words = match () {
                () if is_token(word, "COPY") || is_token(word, "REPLACE") => 0,
                () if is_token(word, "AUTH") => 1,
                () if is_token(word, "AUTH2") => 2,
                () if is_token(word, "KEYS") && !key.is_empty() => {
                    return Err(ReplyError::err(
                        "When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                () if is_token(word, "KEYS") => {
                    keys = args.take_rest();
                    break;
                }
                () => return Err(ReplyError::SYNTAX),
            };
            if words > 0 {
                secrets = args.rest().get(..words).ok_or(ReplyError::SYNTAX)?;
            }
            args.skip(words);
        }
        Ok(Self { host, port, keys, secrets, destination_db, timeout, copy, replace })
    }
}

/// What a timeout of none means, milliseconds.
const USUAL_TIMEOUT_MS: u64 = 1000;

/// # Errors
/// `IOERR` where the other server is not reached or does not answer in time; what it refuses, in its words. Keys that it took are gone from here all
/// the same, unless they are to stay.
pub fn migrate(call: &mut Call<'_>, args: Migrate<'_>) -> Result<Simple> {
    args.secrets.iter().for_each(|word| call.redact(word));
    let timeout = u64::try_from(args.timeout.get()?).unwrap_or(0);
    let db = args.destination_db.get()?;
    let (keys, mut requests) = payloads(call, args.keys, args.replace)?;
    if keys.is_empty() {
        return Ok(Simple("NOKEY"));
    }
    // Only a server process has sockets.
    if !cfg!(feature = "server") {
        return Err(ReplyError::IO);
    }
    let mut opening = Vec::new();
    if !args.secrets.is_empty() {
        opening.extend(request(&[&[&b"AUTH"[..]], args.secrets].concat()));
    }
    opening.extend(request(&[b"SELECT", crate::number::write_i64(db, &mut [0; 20])]));
    let first = if args.secrets.is_empty() { 1 } else { 2usize };
    opening.append(&mut requests);
    let exchange = Exchange {
        host: args.host,
        port: args.port,
        timeout_ms: if timeout == 0 { USUAL_TIMEOUT_MS } else { timeout },
        requests: &opening,
        replies: first.saturating_add(keys.len()),
    };
    let host = call.server.host.as_mut().ok_or(ReplyError::IO)?;
    let (bytes, failure) = match host.exchange(&exchange) {
        Ok(bytes) => (bytes, None),
        Err(trouble) => (trouble.replies, Some(trouble.what)),
    };
    let replies = values(&bytes);
    let mut refusal = replies.iter().find_map(refused);
    for (key, reply) in keys.iter().zip(replies.iter().skip(first)) {
        if refused(reply).is_none() && !args.copy {
            call.keys.delete(key);
            call.server.effects.say(&[b"DEL", key]);
        }
    }
    if refusal.is_none() && failure.is_some() {
        refusal = failure;
    }
    match refusal {
        None => Ok(Simple("OK")),
        Some(error) => Err(error),
    }
}

/// The keys that exist, and the requests that make them elsewhere.
fn payloads<'a>(call: &mut Call<'_>, keys: &[&'a [u8]], replace: bool) -> Result<(Vec<&'a [u8]>, Vec<u8>)> {
    let (mut found, mut requests) = (Vec::new(), Vec::new());
    for key in keys {
        let Some(value) = call.keys.read_any(key) else { continue };
        let payload = rdb::dump(&value)?;
        let deadline = call.keys.deadline(key).flatten();
        let ttl = deadline.map_or(0, |deadline| deadline.saturating_sub(call.now()).max(1));
        let (ttl, words) = (decimal(ttl), if replace { 5 } else { 4 });
        let all: [&[u8]; 5] = [b"RESTORE", key, &ttl, &payload, b"REPLACE"];
        requests.extend(request(all.get(..words).unwrap_or(&all)));
        found.push(*key);
    }
    Ok((found, requests))
}

/// Replies one after another, as far as they are whole.
fn values(mut bytes: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    while let Some((value, rest)) = read::reply(bytes) {
        values.push(value);
        bytes = rest;
    }
    values
}

fn refused(reply: &Value) -> Option<ReplyError> {
    match reply {
        Value::Error(text) => Some(ReplyError::bytes(&[b"ERR Target instance replied with error: ", text.as_bytes()])),
        _ => None,
    }
}
