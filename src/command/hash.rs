//! Hashes: fields with values under one key.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, SampleCount, Sampling, ScanStep, args, is_token};
use super::reply::{Either, Ok as Okay, Reply, With};
use super::rows;
use crate::call::Call;
use crate::effects;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, ValueRef};
use crate::number::{self, LongDouble};
use crate::resp::write::Writer;
use crate::value::Collection;
use crate::value::hash::Hash;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Hash = [
        { "hdel", hdel as HDel, since: "2.0.0", cost: "O(N), N fields named", flags: [WRITE, FAST], reply: Integer,
          "Removes fields; answers how many there were. Without fields the hash is gone." },
        { "hexists", hexists as HExists, since: "2.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Truth,
          "Whether a field exists." },
        { "hget", hget as HGet, since: "2.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Maybe(&Bulk),
          "The value of a field." },
        { "hgetall", hgetall as HashKey, since: "2.0.0", cost: "O(N), N fields of the hash", flags: [READONLY], reply: Map(&Bulk),
          "All fields with their values." },
        { "hincrby", hincrby as HIncrBy, since: "2.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds an integer to the number in a field; a missing field counts as 0." },
        { "hincrbyfloat", hincrbyfloat as HIncrByFloat, since: "2.6.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID], reply: Bulk,
          "Adds a decimal number to the number in a field; a missing field counts as 0." },
        { "hkeys", hkeys as HashKey, since: "2.0.0", cost: "O(N), N fields of the hash", flags: [READONLY], reply: Array(&Bulk),
          "The names of all fields." },
        { "hlen", hlen as HLen, since: "2.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "How many fields a hash has." },
        { "hmget", hmget as HMGet, since: "2.0.0", cost: "O(N), N fields named", flags: [READONLY, FAST], reply: Array(&Maybe(&Bulk)),
          "The values of several fields, null where one is missing." },
        { "hmset", hmset as HSet, since: "2.0.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST], reply: Ok,
          "Sets fields; HSET with another answer." },
        { "hrandfield", hrandfield as HRandField, since: "6.2.0", cost: "O(N), N fields answered", flags: [READONLY], reply: Any,
          "One field by chance, or several, with their values if asked." },
        { "hscan", hscan as ScanStep, since: "2.8.0", cost: "O(1) a call, O(N) a whole iteration", flags: [READONLY], reply: Scan(&Bulk),
          "One step of an iteration over fields and values." },
        { "hset", hset as HSet, since: "2.0.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Sets fields; answers how many are new." },
        { "hsetnx", hsetnx as HSetNx, since: "2.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Truth,
          "Sets a field unless it exists." },
        { "hstrlen", hstrlen as HStrLen, since: "3.2.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "Bytes in the value of a field, 0 where there is none." },
        { "hvals", hvals as HashKey, since: "2.0.0", cost: "O(N), N fields of the hash", flags: [READONLY], reply: Array(&Bulk),
          "The values of all fields." },
    ]
}

// ---- single fields ----------------------------------------------------------------------------------------------------------------------

args! { HGet<'a> { key: Key<'a, RO_ACCESS>, field: &'a [u8] } }

pub fn hget<'c>(call: &'c mut Call<'_>, args: HGet<'_>) -> Result<Option<&'c [u8]>> {
    let env = call.keys.env;
    Ok(call.keys.read::<Hash>(&args.key)?.and_then(|hash| hash.get(&env, args.field)))
}

args! { HExists<'a> { key: Key<'a, RO>, field: &'a [u8] } }

pub fn hexists(call: &mut Call<'_>, args: HExists<'_>) -> Result<bool> {
    let env = call.keys.env;
    Ok(call.keys.read::<Hash>(&args.key)?.is_some_and(|hash| hash.contains(&env, args.field)))
}

args! { HStrLen<'a> { key: Key<'a, RO>, field: &'a [u8] } }

pub fn hstrlen(call: &mut Call<'_>, args: HStrLen<'_>) -> Result<usize> {
    let env = call.keys.env;
    Ok(call.keys.read::<Hash>(&args.key)?.and_then(|hash| hash.value_len(&env, args.field)).unwrap_or(0))
}

args! { HSetNx<'a> { key: Key<'a, RW_INSERT>, field: &'a [u8], value: &'a [u8] } }

pub fn hsetnx(call: &mut Call<'_>, args: HSetNx<'_>) -> Result<bool> {
    let mut hash = call.keys.edit_or_create::<Hash>(&args.key)?;
    let env = hash.env;
    let set = hash.set_if_absent(&env, args.field, args.value)?;
    if set {
        hash.changed(Class::HASH, "hset");
    }
    Ok(set)
}

args! { HIncrBy<'a> { key: Key<'a, RW_ACCESS_UPDATE>, field: &'a [u8], increment: i64 } }

/// The sum.
pub fn hincrby(call: &mut Call<'_>, args: HIncrBy<'_>) -> Result<i64> {
    let mut hash = call.keys.edit_or_create::<Hash>(&args.key)?;
    let env = hash.env;
    let old = match hash.get(&env, args.field) {
        Some(text) => number::parse_i64(text).ok_or_else(|| ReplyError::err("hash value is not an integer"))?,
        None => 0,
    };
    let sum = old.checked_add(args.increment).ok_or(ReplyError::OVERFLOW)?;
    let mut digits = [0; 20];
    hash.set_keeping(&env, args.field, number::write_i64(sum, &mut digits))?;
    hash.changed(Class::HASH, "hincrby");
    Ok(sum)
}

/// A decimal number to add: of extended precision, and not infinite.
#[derive(Clone, Copy)]
pub struct Increment(pub LongDouble);

impl<'a> Arg<'a> for Increment {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Double);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let number = LongDouble::parse(args.word()?).ok_or(ReplyError::NOT_FLOAT)?;
        if number.is_infinite() { Err(ReplyError::err("value is NaN or Infinity")) } else { Ok(Self(number)) }
    }
}

args! { HIncrByFloat<'a> { key: Key<'a, RW_ACCESS_UPDATE>, field: &'a [u8], increment: Increment } }

/// The sum as text, with up to 17 digits behind the point.
pub fn hincrbyfloat(call: &mut Call<'_>, args: HIncrByFloat<'_>) -> Result<Vec<u8>> {
    let mut hash = call.keys.edit_or_create::<Hash>(&args.key)?;
    let env = hash.env;
    let mut text = Vec::new();
    match hash.get(&env, args.field) {
        Some(old) => {
            let old = LongDouble::parse(old).ok_or_else(|| ReplyError::err("hash value is not a float"))?;
            let sum = old.checked_add(args.increment.0).filter(|sum| !sum.is_infinite());
            sum.ok_or(ReplyError::NAN_OR_INFINITY)?.write(&mut text);
        }
        None => args.increment.0.write(&mut text),
    }
    hash.set_keeping(&env, args.field, &text)?;
    hash.changed(Class::HASH, "hincrbyfloat");
    drop(hash);
    say_fields(call, &args.key, &[args.field]);
    Ok(text)
}

/// Says what fields hold now, and until when.
pub(super) fn say_fields(call: &mut Call<'_>, key: &[u8], fields: &[&[u8]]) {
    let effects = &mut call.server.effects;
    if !effects.are_read() {
        return;
    }
    let hash = match call.keys.state(key) {
        Some((ValueRef::Hash(hash), _)) => hash,
        _ => return effects.say(&[b"DEL", key]),
    };
    let env = &call.keys.env;
    for field in fields {
        let Some(value) = hash.get(env, field) else {
            effects.say(&[b"HDEL", key, field]);
            continue;
        };
        effects.say(&[b"HSET", key, field, value]);
        if let Some(deadline) = hash.deadline(env, field).flatten() {
            effects.say(&[b"HPEXPIREAT", key, &effects::decimal(deadline), b"FIELDS", b"1", field]);
        }
    }
}

// ---- several fields ---------------------------------------------------------------------------------------------------------------------

/// A field and its value.
pub struct FieldValue<'a> {
    pub field: &'a [u8],
    pub value: &'a [u8],
}

impl<'a> Arg<'a> for FieldValue<'a> {
    const SPEC: ArgSpec = ArgSpec::of(ArgKind::Block, &[<&[u8]>::SPEC.named("field"), <&[u8]>::SPEC.named("value")]);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { field: args.word()?, value: args.word()? })
    }
}

args! { HSet<'a> { key: Key<'a, RW_UPDATE>, fields: Many<'a, FieldValue<'a>> } }

/// How many fields are new.
pub fn hset(call: &mut Call<'_>, args: HSet<'_>) -> Result<usize> {
    let mut hash = call.keys.edit_or_create::<Hash>(&args.key)?;
    let env = hash.env;
    let mut created = 0usize;
    let mut result = Ok(());
    for pair in args.fields.iter() {
        let FieldValue { field, value } = pair?;
        match hash.set(&env, field, value) {
            Ok(new) => created = created.saturating_add(usize::from(new)),
            Err(refused) => {
                result = Err(refused.into());
                break;
            }
        }
    }
    hash.changed(Class::HASH, "hset");
    result.map(|()| created)
}

pub fn hmset(call: &mut Call<'_>, args: HSet<'_>) -> Result<Okay> {
    hset(call, args).map(|_| Okay)
}

args! { HMGet<'a> { key: Key<'a, RO_ACCESS>, fields: Many<'a, &'a [u8]> } }

pub fn hmget<'a>(call: &'a mut Call<'_>, args: HMGet<'a>) -> Result<impl Reply + use<'a>> {
    let env = call.keys.env;
    let hash = call.keys.read::<Hash>(&args.key)?;
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(args.fields.len());
        for field in args.fields.words() {
            hash.and_then(|hash| hash.get(&env, field)).write(writer);
        }
    }))
}

args! { HDel<'a> { key: Key<'a, RW_DELETE>, fields: Many<'a, &'a [u8]> } }

/// How many fields there were.
pub fn hdel(call: &mut Call<'_>, args: HDel<'_>) -> Result<usize> {
    let Some(mut hash) = call.keys.edit::<Hash>(&args.key)? else { return Ok(0) };
    let env = hash.env;
    let removed = args.fields.words().iter().filter(|field| hash.remove(&env, field)).count();
    if removed > 0 {
        hash.changed(Class::HASH, "hdel");
    }
    Ok(removed)
}

// ---- the whole hash ---------------------------------------------------------------------------------------------------------------------

args! { HLen<'a> { key: Key<'a, RO> } }

pub fn hlen(call: &mut Call<'_>, args: HLen<'_>) -> Result<usize> {
    Ok(call.keys.read::<Hash>(&args.key)?.map_or(0, |hash| hash.len()))
}

args! { HashKey<'a> { key: Key<'a, RO_ACCESS> } }

pub fn hgetall<'c>(call: &'c mut Call<'_>, args: HashKey<'_>) -> Result<impl Reply + use<'c>> {
    let hash = call.keys.read::<Hash>(&args.key)?;
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.map(hash.map_or(0, |hash| hash.len()));
        for (field, value) in hash.into_iter().flat_map(Hash::iter) {
            writer.bulk(field);
            writer.bulk(value);
        }
    }))
}

pub fn hkeys<'c>(call: &'c mut Call<'_>, args: HashKey<'_>) -> Result<impl Reply + use<'c>> {
    one_side(call, args, |(field, _)| field)
}

pub fn hvals<'c>(call: &'c mut Call<'_>, args: HashKey<'_>) -> Result<impl Reply + use<'c>> {
    one_side(call, args, |(_, value)| value)
}

type Side<'c> = fn((&'c [u8], &'c [u8])) -> &'c [u8];

fn one_side<'c>(call: &'c mut Call<'_>, args: HashKey<'_>, side: Side<'c>) -> Result<impl Reply + use<'c>> {
    let hash = call.keys.read::<Hash>(&args.key)?;
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(hash.map_or(0, |hash| hash.len()));
        for pair in hash.into_iter().flat_map(Hash::iter) {
            writer.bulk(side(pair));
        }
    }))
}

/// The cursor to go on with, and fields with their values in turn. A field that is there from the first step to the last is told at least
/// once.
pub fn hscan<'a>(call: &'a mut Call<'_>, args: ScanStep<'a>) -> Result<impl Reply + use<'a>> {
    let found = call.keys.read::<Hash>(&args.key)?;
    let found = found.map(|hash| args.options().map(|options| (hash, options))).transpose()?;
    Ok(With(move |writer: &mut Writer<'_>| {
        let (at, mut words, mut cursor) = (writer.defer(), 0usize, 0);
        if let Some((hash, (pattern, count))) = found {
            cursor = hash.scan(args.cursor.0, count, &mut |field, value| {
                if pattern.is_none_or(|pattern| pattern.fits(field)) {
                    writer.bulk(field);
                    writer.bulk(value);
                    words = words.saturating_add(2);
                }
            });
        }
        writer.close_scan(at, cursor, words);
    }))
}

// ---- by chance --------------------------------------------------------------------------------------------------------------------------

/// `count [WITHVALUES]`.
pub struct RandomFields {
    pub count: i64,
    pub with_values: bool,
}

impl<'a> Arg<'a> for RandomFields {
    const SPEC: ArgSpec = ArgSpec::of(
        ArgKind::Block,
        &[
            SampleCount::SPEC.named("count"),
            ArgSpec::new(ArgKind::PureToken).named("withvalues").with_token("WITHVALUES").optional(),
        ],
    );
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let SampleCount(count) = SampleCount::arg(args)?;
        let with_values = match args.take_rest() {
            [] => false,
            [word] if is_token(word, "WITHVALUES") => true,
            _ => return Err(ReplyError::SYNTAX),
        };
        // Each field takes two words then.
        if with_values && count.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
            return Err(ReplyError::OUT_OF_RANGE);
        }
        Ok(Self { count, with_values })
    }
}

args! { HRandField<'a> { key: Key<'a, RO_ACCESS>, options: Option<RandomFields> } }

/// A field, or null where there is no hash; with a count an array, without repetition where the count is positive.
pub fn hrandfield<'c>(call: &'c mut Call<'_>, args: HRandField<'_>) -> Result<impl Reply + use<'c>> {
    let bounded = call.is_bounded();
    let rng = &mut call.server.rng;
    let hash = call.keys.read::<Hash>(&args.key)?;
    let Some(RandomFields { count, with_values }) = args.options else {
        return Ok(Either::A(hash.and_then(|hash| hash.random(rng.draw())).map(|(field, _)| field)));
    };
    let sampling = Sampling::of(count, bounded)?;
    let chosen = match (hash, sampling) {
        (Some(hash), Sampling::Distinct(count)) => hash.choose(count, &mut || rng.draw())?,
        _ => Vec::new(),
    };
    Ok(Either::B(With(move |writer: &mut Writer<'_>| {
        let count = match (hash, sampling) {
            (None, _) => 0,
            (Some(hash), Sampling::Distinct(count)) => count.min(hash.len()),
            (Some(_), Sampling::Repeated(count)) => count,
        };
        if with_values {
            writer.pairs(count);
        } else {
            writer.array(count);
        }
        let mut write = |field: &[u8], value: &[u8]| {
            if with_values {
                writer.pair();
            }
            writer.bulk(field);
            if with_values {
                writer.bulk(value);
            }
            !writer.overflowed()
        };
        match (hash, sampling) {
            (None, _) => {}
            (Some(hash), Sampling::Distinct(_)) => hash.visit(&chosen, &mut |field, value| {
                write(field, value);
            }),
            (Some(hash), Sampling::Repeated(count)) => {
                let mut chosen = (0..count).map_while(|_| hash.random(rng.draw()));
                while chosen.next().is_some_and(|(field, value)| write(field, value)) {}
            }
        }
    })))
}
