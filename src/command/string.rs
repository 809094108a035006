//! Strings: GET, SET, counters and byte ranges.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::args::key_flags::*;
use super::args::{Key, Many, args, choice, flag};
use super::reply::{Either, Ok as Okay, Reply};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Ttl};
use crate::number;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: String = [
        { "get", get as Get, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Maybe(&Bulk),
          "The string under a key." },
        { "set", set as Set, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM], reply: Any,
          "Sets a key to a string, under a condition if asked, with a deadline if asked." },
        { "incrby", incr_by as IncrBy, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds an integer to the number that a string spells; a missing key counts as 0." },
        { "mget", mget as Mget, since: "1.0.0", cost: "O(N), N keys", flags: [READONLY, FAST], reply: Array(&Maybe(&Bulk)),
          "The strings under several keys, null where a key is missing or holds something else." },
    ]
}

args! { Get<'a> { key: Key<'a, RO_ACCESS> } }

pub fn get<'c>(call: &'c mut Call<'_>, args: Get<'_>) -> Result<Option<&'c [u8]>> {
    call.keys.read_string(&args.key)
}

choice! {
    /// When SET may write.
    Condition { "NX" => Missing, "XX" => Present }
}

choice! {
    /// The deadline that SET and GETEX give.
    Expiry {
        "EX" => Seconds(seconds: i64),
        "PX" => Milliseconds(milliseconds: i64),
        "EXAT" => AtSeconds(unix_time_seconds: i64),
        "PXAT" => AtMilliseconds(unix_time_milliseconds: i64),
        "KEEPTTL" => Keep,
    }
}

flag! {
    /// SET answers the old value.
    WithOld = "GET";
}

args! { Set<'a> { key: Key<'a, RW_ACCESS_UPDATE>, value: &'a [u8]; condition: Option<Condition>, get: WithOld, expiration: Option<Expiry> } }

pub fn set<'c>(call: &'c mut Call<'_>, args: Set<'_>) -> Result<impl Reply + use<'c>> {
    let ttl = match args.expiration {
        Some(expiry) => expiry_to_ttl(expiry, call)?,
        None => Ttl::Clear,
    };
    let old = if args.get.0 { Some(call.keys.read_string(&args.key)?.map(<[u8]>::to_vec)) } else { None };
    let allowed = match args.condition {
        None => true,
        Some(Condition::Missing) => !call.keys.contains(&args.key),
        Some(Condition::Present) => call.keys.contains(&args.key),
    };
    if allowed {
        call.keys.set_string(&args.key, args.value, ttl)?;
        call.keys.changed(&args.key, Class::STRING, "set");
        if let Ttl::At(_) = ttl {
            call.keys.notify(Class::GENERIC, "expire", &args.key);
        }
    }
    Ok(match old {
        Some(old) => Either::A(old),
        None => Either::B(allowed.then_some(Okay)),
    })
}

/// The deadline that an option names.
fn expiry_to_ttl(expiry: Expiry, call: &Call<'_>) -> Result<Ttl> {
    let now = call.now();
    let invalid = || ReplyError::invalid_expire(call.name());
    let (count, unit, base) = match expiry {
        Expiry::Seconds(count) => (count, 1000, now),
        Expiry::Milliseconds(count) => (count, 1, now),
        Expiry::AtSeconds(count) => (count, 1000, 0),
        Expiry::AtMilliseconds(count) => (count, 1, 0),
        Expiry::Keep => return Ok(Ttl::Keep),
    };
    if count <= 0 {
        return Err(invalid());
    }
    let deadline = count.checked_mul(unit).and_then(|span| span.checked_add_unsigned(base)).ok_or_else(invalid)?;
    u64::try_from(deadline).map(Ttl::At).map_err(|_| invalid())
}

args! { IncrBy<'a> { key: Key<'a, RW_ACCESS_UPDATE>, increment: i64 } }

pub fn incr_by(call: &mut Call<'_>, args: IncrBy<'_>) -> Result<i64> {
    let old = match call.keys.read_string(&args.key)? {
        Some(text) => number::parse_i64(text).ok_or(ReplyError::NOT_INTEGER)?,
        None => 0,
    };
    let new = old.checked_add(args.increment).ok_or(ReplyError::OVERFLOW)?;
    let mut digits = [0; 20];
    call.keys.set_string(&args.key, number::write_i64(new, &mut digits), Ttl::Keep)?;
    call.keys.changed(&args.key, Class::STRING, "incrby");
    Ok(new)
}

args! { Mget<'a> { keys: Many<'a, Key<'a, RO_ACCESS>> } }

pub fn mget(call: &mut Call<'_>, args: Mget<'_>) -> Result<Vec<Option<Vec<u8>>>> {
    args.keys.iter().map(|key| Ok(call.keys.read_string(&key?).unwrap_or(None).map(<[u8]>::to_vec))).collect()
}
