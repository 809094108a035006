//! Strings: GET, SET, counters and byte ranges.

use super::args::key_flags::*;
use super::args::{
    Arg, ArgKind, ArgSpec, Args, Key, KeyFlags, LateInt, Many, Opt, Parse, WRONG_ARITY, args, choice, count_from, flag,
};
use super::reply::{Either, Ok as Okay, Reply};
use super::rows;
use super::string_compare::Comparison;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Ttl, ValueRef};
use crate::number::{self, LongDouble};
use crate::resp::write::Writer;
use crate::time::Millis;
use crate::value::string::{self as bytes, Stretch};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: String = [
        { "append", append as Append, since: "2.0.0", cost: "O(1) amortized", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds bytes to the end of a string, which is created if missing." },
        { "decr", decr as Count, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Takes one from the number that a string spells; a missing key counts as 0." },
        { "decrby", decr_by as DecrBy, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Takes an integer from the number that a string spells; a missing key counts as 0." },
        { "get", get as Get, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Maybe(&Bulk),
          "The string under a key." },
        { "getdel", get_del as GetDel, since: "6.2.0", cost: "O(1)", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Maybe(&Bulk),
          "The string under a key, which is removed." },
        { "getex", get_ex as GetEx, since: "6.2.0", cost: "O(1)", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Maybe(&Bulk),
          "The string under a key, whose deadline is set or taken away." },
        { "getrange", get_range as GetRange, since: "2.4.0", cost: "O(N), N bytes answered", flags: [READONLY], reply: Bulk,
          "The bytes of a string between two positions." },
        { "getset", get_set as GetSet, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST, REPEATS_STRING], reply: Maybe(&Bulk),
          "The string under a key, which is set to another." },
        { "incr", incr as Count, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds one to the number that a string spells; a missing key counts as 0." },
        { "incrby", incr_by as IncrBy, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds an integer to the number that a string spells; a missing key counts as 0." },
        { "incrbyfloat", incr_by_float as IncrByFloat, since: "2.6.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST, REPEATS_STRING], reply: Bulk,
          "Adds a decimal number to the one that a string spells; a missing key counts as 0." },
        { "lcs", lcs as Lcs, since: "7.0.0", cost: "O(N*M), N and M the lengths of the strings", flags: [READONLY], reply: Any,
          "The longest sequence of bytes that two strings have in common, its length, or where it lies." },
        { "mget", mget as Mget, since: "1.0.0", cost: "O(N), N keys", flags: [READONLY, FAST], reply: Array(&Maybe(&Bulk)),
          "The strings under several keys, null where a key is missing or holds something else." },
        { "mset", mset as Mset, since: "1.0.1", cost: "O(N), N keys", flags: [WRITE, DENYOOM], reply: Ok,
          "Sets several keys to strings." },
        { "msetex", mset_ex as MsetEx, since: "8.4.0", cost: "O(N), N keys", flags: [WRITE, DENYOOM, REPEATS_STRING], reply: Truth,
          "Sets several keys to strings with one deadline, if all of them exist or none does." },
        { "msetnx", mset_nx as MsetNx, since: "1.0.1", cost: "O(N), N keys", flags: [WRITE, DENYOOM], reply: Truth,
          "Sets several keys to strings, if none of them exists." },
        { "psetex", pset_ex as PsetEx, since: "2.6.0", cost: "O(1)", flags: [WRITE, DENYOOM, REPEATS_STRING], reply: Ok,
          "Sets a key to a string with a deadline so many milliseconds from now." },
        { "set", set as Set, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, REPEATS_STRING], reply: Any,
          "Sets a key to a string, under a condition if asked, with a deadline if asked." },
        { "setex", set_ex as SetEx, since: "2.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, REPEATS_STRING], reply: Ok,
          "Sets a key to a string with a deadline so many seconds from now." },
        { "setnx", set_nx as SetNx, since: "1.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Truth,
          "Sets a key to a string, if the key does not exist." },
        { "setrange", set_range as SetRange, since: "2.2.0", cost: "O(N), N bytes written", flags: [WRITE, DENYOOM], reply: Integer,
          "Overwrites bytes of a string from a position on; zeros fill a gap before it." },
        { "strlen", strlen as StrLen, since: "2.2.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "The length of a string in bytes." },
        { "substr", get_range as GetRange, since: "1.0.0", cost: "O(N), N bytes answered", flags: [READONLY], reply: Bulk,
          "The bytes of a string between two positions: GETRANGE by its old name." },
    ]
}

// ---- reading --------------------------------------------------------------------------------------------------------------------------------

args! { Get<'a> { key: Key<'a, RO_ACCESS> } }

pub fn get<'c>(call: &'c mut Call<'_>, args: Get<'_>) -> Result<Option<&'c [u8]>> {
    call.keys.read_string(&args.key)
}

args! { StrLen<'a> { key: Key<'a, RO> } }

pub fn strlen(call: &mut Call<'_>, args: StrLen<'_>) -> Result<usize> {
    Ok(call.keys.read_string(&args.key)?.map_or(0, <[u8]>::len))
}

args! { GetRange<'a> { key: Key<'a, RO_ACCESS>, start: i64, end: i64 } }

pub fn get_range<'c>(call: &'c mut Call<'_>, args: GetRange<'_>) -> Result<&'c [u8]> {
    let text = call.keys.read_string(&args.key)?.unwrap_or_default();
    Ok(text.get(bytes::range(text.len(), args.start, args.end)).unwrap_or_default())
}

args! { Mget<'a> { keys: Many<'a, Key<'a, RO_ACCESS>> } }

pub fn mget<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Mget<'a>) -> Result<Strings<'c, 'e, 'a>> {
    Ok(Strings { call, keys: args.keys.words() })
}

/// The strings under some keys, looked up one by one as they are written out.
pub struct Strings<'c, 'e, 'a> {
    call: &'c mut Call<'e>,
    keys: &'a [&'a [u8]],
}

impl Strings<'_, '_, '_> {
    /// Calls `each` with every string in turn, or `None` for a key that is missing or holds something else.
    pub fn for_each(self, mut each: impl FnMut(Option<&[u8]>)) {
        for key in self.keys {
            each(self.call.keys.read_string(key).unwrap_or(None));
        }
    }
}

impl Reply for Strings<'_, '_, '_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.keys.len());
        self.for_each(|text| text.write(writer));
    }
}

/// The string under `key` for a command that writes: not counted as a hit or a miss.
pub(super) fn current<'c>(call: &'c mut Call<'_>, key: &[u8]) -> Result<Option<&'c [u8]>> {
    match call.keys.peek(key) {
        None => Ok(None),
        Some(ValueRef::String(text)) => Ok(Some(text)),
        Some(_) => Err(ReplyError::WRONG_TYPE),
    }
}

/// The string under `key`, counted as a hit or a miss, in memory of its own; for commands that answer what they then overwrite.
fn old_value(call: &mut Call<'_>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    call.keys.read_string(key)?.map(copied).transpose()
}

fn copied(text: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(text.len()).map_err(|_| ReplyError::MEMORY)?;
    copy.extend_from_slice(text);
    Ok(copy)
}

// ---- setting --------------------------------------------------------------------------------------------------------------------------------

choice! {
    /// When SET may write.
    Condition { "NX" => Missing, "XX" => Present }
}

choice! {
    /// The deadline that SET gives.
    Expiry {
        "EX" => Seconds(seconds: LateInt),
        "PX" => Milliseconds(milliseconds: LateInt),
        "EXAT" => AtSeconds(unix_time_seconds: LateInt),
        "PXAT" => AtMilliseconds(unix_time_milliseconds: LateInt),
        "KEEPTTL" => Keep,
    }
}

flag! {
    /// SET answers the old value.
    WithOld = "GET";
}

args! { Set<'a> {
    key: Key<'a, RW_ACCESS_UPDATE_VARIABLE>, value: &'a [u8];
    condition: Option<Condition>, comparison: Option<Comparison<'a>>, get: WithOld, expiration: Option<Expiry>
} }

impl Expiry {
    /// What becomes of the deadline.
    fn ttl(this: Option<Self>, call: &Call<'_>) -> Result<Ttl> {
        let (count, unit, relative) = match this {
            None => return Ok(Ttl::Clear),
            Some(Self::Keep) => return Ok(Ttl::Keep),
            Some(Self::Seconds(count)) => (count, SECOND, true),
            Some(Self::Milliseconds(count)) => (count, MILLISECOND, true),
            Some(Self::AtSeconds(count)) => (count, SECOND, false),
            Some(Self::AtMilliseconds(count)) => (count, MILLISECOND, false),
        };
        moment(call, count, unit, relative).map(Ttl::At)
    }
}

pub fn set<'c>(call: &'c mut Call<'_>, args: Set<'_>) -> Result<impl Reply + use<'c>> {
    if args.condition.is_some() && args.comparison.is_some() {
        return Err(ReplyError::SYNTAX);
    }
    let ttl = Expiry::ttl(args.expiration, call)?;
    let old = if args.get.0 { Some(old_value(call, &args.key)?) } else { None };
    let allowed = match args.condition {
        None => args.comparison.map_or(Ok(true), |comparison| comparison.holds(call, &args.key))?,
        Some(Condition::Missing) => !call.keys.touch(&args.key),
        Some(Condition::Present) => call.keys.touch(&args.key),
    };
    if allowed {
        store(call, &args.key, args.value, ttl)?;
    }
    Ok(match old {
        Some(old) => Either::A(old),
        None => Either::B(allowed.then_some(Okay)),
    })
}

/// Sets a key and says so.
fn store(call: &mut Call<'_>, key: &[u8], value: &[u8], ttl: Ttl) -> Result<()> {
    call.keys.set_string(key, value, ttl)?;
    call.keys.changed(key, Class::STRING, "set");
    if let Ttl::At(_) = ttl {
        call.keys.notify(Class::GENERIC, "expire", key);
    }
    Ok(())
}

/// Milliseconds in the units of deadlines.
const MILLISECOND: i64 = 1;
const SECOND: i64 = 1000;

/// The deadline `count` units after now, or after 1970 unless `relative`. It may have passed already.
fn moment(call: &Call<'_>, count: LateInt, unit: i64, relative: bool) -> Result<Millis> {
    let count = count.get()?;
    let base = if relative { call.now() } else { 0 };
    let deadline = count.checked_mul(unit).and_then(|span| span.checked_add_unsigned(base));
    match deadline.map(u64::try_from) {
        Some(Ok(deadline)) if count > 0 => Ok(deadline),
        _ => Err(ReplyError::invalid_expire(call.name())),
    }
}

args! { SetNx<'a> { key: Key<'a, OW_INSERT>, value: &'a [u8] } }

pub fn set_nx(call: &mut Call<'_>, args: SetNx<'_>) -> Result<bool> {
    let missing = !call.keys.touch(&args.key);
    if missing {
        store(call, &args.key, args.value, Ttl::Clear)?;
    }
    Ok(missing)
}

args! { SetEx<'a> { key: Key<'a, OW_UPDATE>, seconds: i64, value: &'a [u8] } }

pub fn set_ex(call: &mut Call<'_>, args: SetEx<'_>) -> Result<Okay> {
    let deadline = moment(call, LateInt(Some(args.seconds)), SECOND, true)?;
    store(call, &args.key, args.value, Ttl::At(deadline)).map(|()| Okay)
}

args! { PsetEx<'a> { key: Key<'a, OW_UPDATE>, milliseconds: i64, value: &'a [u8] } }

pub fn pset_ex(call: &mut Call<'_>, args: PsetEx<'_>) -> Result<Okay> {
    let deadline = moment(call, LateInt(Some(args.milliseconds)), MILLISECOND, true)?;
    store(call, &args.key, args.value, Ttl::At(deadline)).map(|()| Okay)
}

/// A key and its new value, among several.
pub struct KeyValue<'a, const FLAGS: KeyFlags> {
    pub key: Key<'a, FLAGS>,
    pub value: &'a [u8],
}

impl<'a, const FLAGS: KeyFlags> Arg<'a> for KeyValue<'a, FLAGS> {
    const SPEC: ArgSpec =
        ArgSpec::of(ArgKind::Block, &[<Key<'a, FLAGS> as Arg<'a>>::SPEC.named("key"), <&[u8] as Arg<'a>>::SPEC.named("value")]);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, value: args.word()? })
    }
}

args! { Mset<'a> { data: Many<'a, KeyValue<'a, OW_UPDATE>> } }

pub fn mset(call: &mut Call<'_>, args: Mset<'_>) -> Result<Okay> {
    store_all(call, args.data.words(), Ttl::Clear).map(|()| Okay)
}

args! { MsetNx<'a> { data: Many<'a, KeyValue<'a, OW_INSERT>> } }

pub fn mset_nx(call: &mut Call<'_>, args: MsetNx<'_>) -> Result<bool> {
    for pair in args.data.iter() {
        if call.keys.touch(&pair?.key) {
            return Ok(false);
        }
    }
    store_all(call, args.data.words(), Ttl::Clear).map(|()| true)
}

/// Pairs behind their number, then options.
pub struct Pairs<'a>(&'a [&'a [u8]]);

impl<'a> Arg<'a> for Pairs<'a> {
    const SPEC: ArgSpec = ArgSpec::of(
        ArgKind::NumKeys(OW_UPDATE),
        &[<Key<'a, OW_UPDATE> as Arg<'a>>::SPEC.named("key"), <&[u8] as Arg<'a>>::SPEC.named("value")],
    );
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let count = count_from(1, args.word()?).ok_or_else(|| ReplyError::err("invalid numkeys value"))?;
        let words = count.checked_mul(2).and_then(|words| args.rest().get(..words)).ok_or(WRONG_ARITY)?;
        args.skip(words.len());
        Ok(Self(words))
    }
}

args! { MsetEx<'a> { data: Pairs<'a>; condition: Option<Condition>, expiration: Option<Expiry> } }

pub fn mset_ex(call: &mut Call<'_>, args: MsetEx<'_>) -> Result<bool> {
    let ttl = Expiry::ttl(args.expiration, call)?;
    let data = Many::<KeyValue<'_, OW_UPDATE>>::new(args.data.0);
    if let Some(condition) = args.condition {
        let wanted = matches!(condition, Condition::Present);
        for pair in data.iter() {
            if call.keys.touch(&pair?.key) != wanted {
                return Ok(false);
            }
        }
    }
    store_all(call, data.words(), ttl).map(|()| true)
}

fn store_all(call: &mut Call<'_>, words: &[&[u8]], ttl: Ttl) -> Result<()> {
    // All or nothing, as far as the ledger can tell.
    let bytes = words.iter().fold(0u64, |bytes, word| bytes.saturating_add(word.len() as u64));
    call.keys.reserve(bytes)?;
    for pair in words.chunks_exact(2) {
        if let [key, value] = pair {
            store(call, key, value, ttl)?;
        }
    }
    Ok(())
}

// ---- reading and changing at once -----------------------------------------------------------------------------------------------------------

args! { GetSet<'a> { key: Key<'a, RW_ACCESS_UPDATE>, value: &'a [u8] } }

pub fn get_set(call: &mut Call<'_>, args: GetSet<'_>) -> Result<Option<Vec<u8>>> {
    let old = old_value(call, &args.key)?;
    store(call, &args.key, args.value, Ttl::Clear)?;
    Ok(old)
}

args! { GetDel<'a> { key: Key<'a, RW_ACCESS_DELETE> } }

pub fn get_del(call: &mut Call<'_>, args: GetDel<'_>) -> Result<Option<Vec<u8>>> {
    let old = old_value(call, &args.key)?;
    if old.is_some() {
        call.keys.delete(&args.key);
    }
    Ok(old)
}

choice! {
    /// What GETEX does to the deadline.
    NewExpiry {
        "EX" => Seconds(seconds: LateInt),
        "PX" => Milliseconds(milliseconds: LateInt),
        "EXAT" => AtSeconds(unix_time_seconds: LateInt),
        "PXAT" => AtMilliseconds(unix_time_milliseconds: LateInt),
        "PERSIST" => Persist,
    }
}

impl NewExpiry {
    /// The new deadline, if it is not taken away.
    pub(super) fn moment(self, call: &Call<'_>) -> Result<Option<Millis>> {
        let (count, unit, relative) = match self {
            Self::Persist => return Ok(None),
            Self::Seconds(count) => (count, SECOND, true),
            Self::Milliseconds(count) => (count, MILLISECOND, true),
            Self::AtSeconds(count) => (count, SECOND, false),
            Self::AtMilliseconds(count) => (count, MILLISECOND, false),
        };
        moment(call, count, unit, relative).map(Some)
    }
}

args! { GetEx<'a> { key: Key<'a, RW_ACCESS_UPDATE>; expiration: Option<NewExpiry> } }

pub fn get_ex<'c>(call: &'c mut Call<'_>, args: GetEx<'_>) -> Result<impl Reply + use<'c>> {
    let key: &[u8] = &args.key;
    if call.keys.read_string(key)?.is_none() {
        return Ok(Either::A(None));
    }
    let deadline = match args.expiration {
        None => None,
        Some(NewExpiry::Persist) => {
            if call.keys.deadline(key).flatten().is_some() {
                call.keys.set_deadline(key, None)?;
                call.keys.changed(key, Class::GENERIC, "persist");
            }
            None
        }
        Some(expiry) => expiry.moment(call)?,
    };
    if let Some(deadline) = deadline {
        // A deadline that has passed removes the key at once.
        if deadline <= call.now() {
            let old = current(call, key)?.map(copied).transpose()?;
            call.keys.delete(key);
            return Ok(Either::A(old));
        }
        call.keys.set_deadline(key, Some(deadline))?;
        call.keys.changed(key, Class::GENERIC, "expire");
    }
    current(call, key).map(Either::B)
}

// ---- counters -------------------------------------------------------------------------------------------------------------------------------

args! { Count<'a> { key: Key<'a, RW_ACCESS_UPDATE> } }

pub fn incr(call: &mut Call<'_>, args: Count<'_>) -> Result<i64> {
    add(call, &args.key, 1)
}

pub fn decr(call: &mut Call<'_>, args: Count<'_>) -> Result<i64> {
    add(call, &args.key, -1)
}

args! { IncrBy<'a> { key: Key<'a, RW_ACCESS_UPDATE>, increment: i64 } }

pub fn incr_by(call: &mut Call<'_>, args: IncrBy<'_>) -> Result<i64> {
    add(call, &args.key, args.increment)
}

args! { DecrBy<'a> { key: Key<'a, RW_ACCESS_UPDATE>, decrement: i64 } }

pub fn decr_by(call: &mut Call<'_>, args: DecrBy<'_>) -> Result<i64> {
    let increment = args.decrement.checked_neg().ok_or_else(|| ReplyError::err("decrement would overflow"))?;
    add(call, &args.key, increment)
}

fn add(call: &mut Call<'_>, key: &[u8], increment: i64) -> Result<i64> {
    let old = match current(call, key)? {
        Some(text) => number::parse_i64(text).ok_or(ReplyError::NOT_INTEGER)?,
        None => 0,
    };
    let new = old.checked_add(increment).ok_or(ReplyError::OVERFLOW)?;
    call.keys.set_string(key, number::write_i64(new, &mut [0; 20]), Ttl::Keep)?;
    call.keys.changed(key, Class::STRING, "incrby");
    Ok(new)
}

/// What INCRBYFLOAT adds; judged only after the key's type, as in Redis. `None` is no number.
#[derive(Clone, Copy, Debug)]
pub struct Increment(pub Option<LongDouble>);

impl<'a> Arg<'a> for Increment {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Double);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(LongDouble::parse(args.word()?)))
    }
}

args! { IncrByFloat<'a> { key: Key<'a, RW_ACCESS_UPDATE>, increment: Increment } }

pub fn incr_by_float(call: &mut Call<'_>, args: IncrByFloat<'_>) -> Result<Vec<u8>> {
    let old = LongDouble::parse(current(call, &args.key)?.unwrap_or(b"0")).ok_or(ReplyError::NOT_FLOAT)?;
    let increment = args.increment.0.ok_or(ReplyError::NOT_FLOAT)?;
    let new = old.checked_add(increment).ok_or(ReplyError::NAN_OR_INFINITY)?;
    let mut text = Vec::new();
    new.write(&mut text);
    call.keys.set_string(&args.key, &text, Ttl::Keep)?;
    if !text.contains(&b'.') {
        call.keys.mark_plain(&args.key);
    }
    call.keys.changed(&args.key, Class::STRING, "incrbyfloat");
    Ok(text)
}

// ---- changing bytes -------------------------------------------------------------------------------------------------------------------------

args! { Append<'a> { key: Key<'a, RW_INSERT>, value: &'a [u8] } }

pub fn append(call: &mut Call<'_>, args: Append<'_>) -> Result<usize> {
    let Some(old) = current(call, &args.key)?.map(<[u8]>::len) else {
        call.keys.set_string(&args.key, args.value, Ttl::Clear)?;
        call.keys.changed(&args.key, Class::STRING, "append");
        return Ok(args.value.len());
    };
    write_at(call, &args.key, old, old, args.value)?;
    call.keys.changed(&args.key, Class::STRING, "append");
    Ok(old.saturating_add(args.value.len()))
}

args! { SetRange<'a> { key: Key<'a, RW_UPDATE>, offset: i64, value: &'a [u8] } }

pub fn set_range(call: &mut Call<'_>, args: SetRange<'_>) -> Result<usize> {
    let offset = u64::try_from(args.offset).map_err(|_| ReplyError::OFFSET_OUT_OF_RANGE)?;
    let old = current(call, &args.key)?.map_or(0, <[u8]>::len);
    if args.value.is_empty() {
        return Ok(old);
    }
    let offset = usize::try_from(offset).map_err(|_| ReplyError::STRING_TOO_LONG)?;
    let len = write_at(call, &args.key, old, offset, args.value)?;
    call.keys.changed(&args.key, Class::STRING, "setrange");
    Ok(len)
}

/// Writes `value` over the bytes of a string (of `old` bytes; it may be missing) from `offset` on, growing it if need be. Gives its length.
fn write_at(call: &mut Call<'_>, key: &[u8], old: usize, offset: usize, value: &[u8]) -> Result<usize> {
    let end = offset.checked_add(value.len()).ok_or(ReplyError::STRING_TOO_LONG)?;
    if end as u64 > call.config().proto_max_bulk_len {
        return Err(ReplyError::STRING_TOO_LONG);
    }
    let len = end.max(old);
    call.keys.reserve(len.saturating_sub(old) as u64)?;
    let text = call.keys.resize_string(key, len)?;
    if let Some(place) = text.get_mut(offset..end) {
        place.copy_from_slice(value);
    }
    Ok(len)
}

// ---- comparing ------------------------------------------------------------------------------------------------------------------------------

flag! {
    /// LCS answers the length.
    Len = "LEN";
    /// LCS answers the places.
    Idx = "IDX";
    /// With the places, the length of each stretch.
    WithMatchLen = "WITHMATCHLEN";
}

choice! {
    /// The shortest stretch that LCS IDX lists.
    MinMatchLen { "MINMATCHLEN" => MinMatchLen(min_match_len: i64) }
}

args! { LcsOptions { ; len: Len, idx: Idx, min_match_len: Option<MinMatchLen>, with_match_len: WithMatchLen } }

/// The options are judged only after the types of the keys, as in Redis.
pub struct Lcs<'a> {
    pub key1: Key<'a, RO_ACCESS>,
    pub key2: Key<'a, RO_ACCESS>,
    pub options: Result<LcsOptions>,
}

impl<'a> Parse<'a> for Lcs<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key1"),
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key2"),
        <Len as Opt<'a>>::SPEC.named("len"),
        <Idx as Opt<'a>>::SPEC.named("idx"),
        <Option<MinMatchLen> as Opt<'a>>::SPEC.named("min-match-len"),
        <WithMatchLen as Opt<'a>>::SPEC.named("withmatchlen"),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key1: Key::arg(args)?, key2: Key::arg(args)?, options: LcsOptions::parse(args) })
    }
}

/// What LCS answers.
pub enum LcsReply {
    Length(u32),
    Text(Vec<u8>),
    Places { stretches: Vec<Stretch>, with_length: bool, length: usize },
}

pub fn lcs(call: &mut Call<'_>, args: Lcs<'_>) -> Result<LcsReply> {
    let not_strings = |_| ReplyError::err("The specified keys must contain string values");
    // Counted and checked one by one; compared as they lie.
    call.keys.read_string(&args.key1).map_err(not_strings)?;
    call.keys.read_string(&args.key2).map_err(not_strings)?;
    let options = args.options?;
    if options.len.0 && options.idx.0 {
        return Err(ReplyError::err("If you want both the length and indexes, please just use IDX."));
    }
    let limit = call.config().proto_max_bulk_len;
    let [a, b] = [&args.key1, &args.key2].map(|key| match call.keys.view(key) {
        Some(ValueRef::String(text)) => text,
        _ => &[],
    });
    // The size of Redis's table is what bounds the time, here too.
    let table = (a.len() as u64).saturating_add(1).saturating_mul((b.len() as u64).saturating_add(1)).saturating_mul(4);
    if table > limit {
        return Err(ReplyError::err("Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"));
    }
    let no_memory = |_| ReplyError::err("Insufficient memory, failed allocating transient memory for LCS");
    if options.len.0 {
        return bytes::common_length(a, b).map(LcsReply::Length).map_err(no_memory);
    }
    let mut found = bytes::common(a, b).map_err(no_memory)?;
    if !options.idx.0 {
        return Ok(LcsReply::Text(found.text));
    }
    if let Some(MinMatchLen::MinMatchLen(least)) = options.min_match_len {
        let least = usize::try_from(least.max(0)).unwrap_or(usize::MAX);
        found.stretches.retain(|stretch| stretch.len() >= least);
    }
    Ok(LcsReply::Places { stretches: found.stretches, with_length: options.with_match_len.0, length: found.text.len() })
}

impl Reply for LcsReply {
    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::Length(length) => u64::from(length).write(writer),
            Self::Text(text) => text.write(writer),
            Self::Places { stretches, with_length, length } => {
                writer.map(2);
                writer.bulk(b"matches");
                writer.array(stretches.len());
                for stretch in stretches {
                    writer.array(if with_length { 3 } else { 2 });
                    for (first, last) in [stretch.a, stretch.b] {
                        writer.array(2);
                        first.write(writer);
                        last.write(writer);
                    }
                    if with_length {
                        stretch.len().write(writer);
                    }
                }
                writer.bulk(b"len");
                length.write(writer);
            }
        }
    }
}
