//! Hashes whose fields have deadlines of their own: HEXPIRE and its kin of Redis 7.4, HGETEX, HSETEX and HGETDEL of Redis 8.0.
//!
//! These look at their key before they read what is behind it, so they take their words as they come.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, KeyFlags, LateInt, Opt, Parse, WRONG_ARITY, count_from, is_token};
use super::hash::{FieldValue, say_fields};
use super::keys::When;
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Edit};
use crate::number;
use crate::time::Millis;
use crate::value::hash::Hash;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Hash = [
        { "hexpire", hexpire as Expire, since: "7.4.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID], reply: Array(&Integer),
          "Gives fields seconds to live. Answers for each 1 (set), 2 (removed, being past), 0 (condition not met), -2 (no such field)." },
        { "hexpireat", hexpireat as ExpireAt, since: "7.4.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID],
          reply: Array(&Integer), "As HEXPIRE, until a Unix time in seconds." },
        { "hexpiretime", hexpiretime as Fields, since: "7.4.0", cost: "O(N), N fields named", flags: [READONLY, FAST],
          reply: Array(&Integer), "When fields expire: Unix time in seconds, -1 without a deadline, -2 without the field." },
        { "hgetdel", hgetdel as FieldsToDelete, since: "8.0.0", cost: "O(N), N fields named", flags: [WRITE, FAST], reply: Array(&Maybe(&Bulk)),
          "The values of fields, which are removed." },
        { "hgetex", hgetex as GetEx, since: "8.0.0", cost: "O(N), N fields named", flags: [WRITE, FAST, REPEATS_SAID], reply: Array(&Maybe(&Bulk)),
          "The values of fields, which get another deadline, or none." },
        { "hpersist", hpersist as FieldsToUpdate, since: "7.4.0", cost: "O(N), N fields named", flags: [WRITE, FAST, REPEATS_SAID], reply: Array(&Integer),
          "Takes the deadlines of fields away. Answers for each 1, -1 (it has none), -2 (no such field)." },
        { "hpexpire", hpexpire as ExpireMs, since: "7.4.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID],
          reply: Array(&Integer), "As HEXPIRE, milliseconds." },
        { "hpexpireat", hpexpireat as ExpireAtMs, since: "7.4.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID],
          reply: Array(&Integer), "As HEXPIRE, until a Unix time in milliseconds." },
        { "hpexpiretime", hpexpiretime as Fields, since: "7.4.0", cost: "O(N), N fields named", flags: [READONLY, FAST],
          reply: Array(&Integer), "As HEXPIRETIME, milliseconds." },
        { "hpttl", hpttl as Fields, since: "7.4.0", cost: "O(N), N fields named", flags: [READONLY, FAST], reply: Array(&Integer),
          "As HTTL, milliseconds." },
        { "hsetex", hsetex as SetEx, since: "8.0.0", cost: "O(N), N fields named", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID], reply: Truth,
          "Sets fields with a deadline, if none of them (FNX) or all of them (FXX) exist." },
        { "httl", httl as Fields, since: "7.4.0", cost: "O(N), N fields named", flags: [READONLY, FAST], reply: Array(&Integer),
          "How many seconds fields have to live, -1 without a deadline, -2 without the field." },
    ]
}

// ---- grammar ----------------------------------------------------------------------------------------------------------------------------

/// Commands' words as they come, each with a grammar to be described by.
macro_rules! words {
    ($($name:ident: $($spec:expr),*;)*) => {$(
        pub struct $name<'a>(&'a [&'a [u8]]);
        impl<'a> Parse<'a> for $name<'a> {
            const SPECS: &'static [ArgSpec] = &[$($spec),*];
            fn parse(args: &mut Args<'a>) -> Result<Self> {
                Ok(Self(args.take_rest()))
            }
        }
    )*};
}

words! {
    Fields: key(RO_ACCESS), FIELDS;
    FieldsToUpdate: key(RW_UPDATE), FIELDS;
    FieldsToDelete: key(RW_ACCESS_DELETE), FIELDS;
    Expire: key(RW_UPDATE), LateInt::SPEC.named("seconds"), When::SPEC.named("condition"), FIELDS;
    ExpireMs: key(RW_UPDATE), LateInt::SPEC.named("milliseconds"), When::SPEC.named("condition"), FIELDS;
    ExpireAt: key(RW_UPDATE), LateInt::SPEC.named("unix-time-seconds"), When::SPEC.named("condition"), FIELDS;
    ExpireAtMs: key(RW_UPDATE), LateInt::SPEC.named("unix-time-milliseconds"), When::SPEC.named("condition"), FIELDS;
    GetEx: key(RW_ACCESS_UPDATE), ArgSpec::choice(&[EXPIRY[0], EXPIRY[1], EXPIRY[2], EXPIRY[3], token("PERSIST")]).named("expiration"), FIELDS;
    SetEx: key(RW_UPDATE), ArgSpec::choice(&[token("FNX"), token("FXX")]).named("condition"),
        ArgSpec::choice(&[EXPIRY[0], EXPIRY[1], EXPIRY[2], EXPIRY[3], token("KEEPTTL")]).named("expiration"), FIELD_VALUES;
}

const fn key(flags: KeyFlags) -> ArgSpec {
    ArgSpec::new(ArgKind::Key(flags)).named("key")
}

const fn token(word: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(word).with_token(word)
}

const fn moment(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::Integer).named(name).with_token(token)
}

const EXPIRY: [ArgSpec; 4] = [
    moment("seconds", "EX"),
    moment("milliseconds", "PX"),
    moment("unix-time-seconds", "EXAT"),
    moment("unix-time-milliseconds", "PXAT"),
];

const FIELDS: ArgSpec = ArgSpec::of(
    ArgKind::Block,
    &[ArgSpec::new(ArgKind::Integer).named("numfields"), ArgSpec::new(ArgKind::String).named("field").multiple()],
)
.named("fields")
.with_token("FIELDS");

const FIELD_VALUES: ArgSpec =
    ArgSpec::of(ArgKind::Block, &[ArgSpec::new(ArgKind::Integer).named("numfields"), FieldValue::SPEC.named("data").multiple()])
        .named("fields")
        .with_token("FIELDS");

/// The key, and the words behind it.
fn split<'a>(words: &'a [&'a [u8]]) -> Result<(&'a [u8], &'a [&'a [u8]])> {
    words.split_first().map(|(key, rest)| (*key, rest)).ok_or(WRONG_ARITY)
}

/// # Errors
/// `WRONGTYPE` where the key holds no hash: Redis says so before it reads on.
fn check_type(call: &mut Call<'_>, key: &[u8]) -> Result<()> {
    call.keys.edit::<Hash>(key).map(drop)
}

const POSITIVE: &str = "Number of fields must be a positive integer";

/// The fields of `FIELDS numfields field …`.
fn fields_of<'a>(words: &'a [&'a [u8]], not_positive: &str) -> Result<&'a [&'a [u8]]> {
    match words {
        [word, count, fields @ ..] if is_token(word, "FIELDS") => match count_from(1, count) {
            None => Err(ReplyError::err(not_positive)),
            Some(count) if count != fields.len() => {
                Err(ReplyError::err("The `numfields` parameter must match the number of arguments"))
            }
            Some(_) => Ok(fields),
        },
        _ => Err(ReplyError::err("Mandatory argument FIELDS is missing or not at the right position")),
    }
}

/// The latest deadline that Redis takes for a field, ms.
const LATEST: Millis = (1 << 46) - 1;

/// Milliseconds, and whether they are counted from now.
type Unit = (u64, bool);

/// `count` units.
fn deadline_of(call: &Call<'_>, count: &[u8], (unit, relative): Unit) -> Result<Millis> {
    let count = number::parse_i64(count).ok_or(ReplyError::NOT_INTEGER)?;
    let count = u64::try_from(count).map_err(|_| ReplyError::err("invalid expire time, must be >= 0"))?;
    let base = if relative { call.now() } else { 0 };
    // Neither wraps: units are small, and what is too large is refused.
    let deadline = count.min(LATEST).wrapping_mul(unit).wrapping_add(base);
    if count > LATEST || deadline > LATEST { Err(ReplyError::invalid_expire(call.name())) } else { Ok(deadline) }
}

/// What `EX`, `PX`, `EXAT` and `PXAT` count.
fn expiry_unit(word: &[u8]) -> Option<Unit> {
    const UNITS: [(&str, Unit); 4] = [("EX", (1000, true)), ("PX", (1, true)), ("EXAT", (1000, false)), ("PXAT", (1, false))];
    UNITS.iter().find(|(token, _)| is_token(word, token)).map(|(_, unit)| *unit)
}

// ---- one way for all of them ------------------------------------------------------------------------------------------------------------

/// What becomes of fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stay,
    /// It stays, and its deadline is told, in units of so many ms behind a moment.
    Told(u64, Millis),
    Go,
    /// Another deadline, or none.
    Until(Option<Millis>),
}

/// What happened, for the events.
#[derive(Default)]
struct Done {
    updated: bool,
    deleted: bool,
}

impl Done {
    /// Lets an existing field meet its fate, unless `when` is against it; what HEXPIRE and HPERSIST answer for it.
    fn meet(&mut self, hash: &mut Edit<'_, Hash>, field: &[u8], fate: Fate, when: &When, now: Millis) -> Result<i64> {
        let env = hash.env;
        let Some(old) = hash.deadline(&env, field) else { return Ok(-2) };
        let goes = match fate {
            Fate::Stay => return Ok(1),
            Fate::Told(unit, base) => return Ok(old.map_or(-1, |deadline| deadline.saturating_sub(base).div_ceil(unit) as i64)),
            Fate::Go => true,
            Fate::Until(None) if old.is_none() => return Ok(-1),
            Fate::Until(None) => false,
            Fate::Until(Some(deadline)) if !when.allows(old, deadline as i64) => return Ok(0),
            // One that is not in the future.
            Fate::Until(Some(deadline)) => deadline <= now,
        };
        if goes {
            hash.remove(&env, field);
            self.deleted = true;
            return Ok(2);
        }
        if let Fate::Until(deadline) = fate {
            hash.set_deadline(&env, field, deadline)?;
        }
        self.updated = true;
        Ok(1)
    }

    fn tell(&self, hash: &mut Edit<'_, Hash>, fate: Fate) {
        if self.deleted {
            hash.changed(Class::HASH, "hdel");
        } else if self.updated {
            hash.changed(Class::HASH, if fate == Fate::Until(None) { "hpersist" } else { "hexpire" });
        }
    }
}

/// Lets fields meet their fate and answers for each: its value before (if asked for), and what [`Done::meet`] says.
fn each(
    call: &mut Call<'_>,
    key: &[u8],
    fields: &[&[u8]],
    (fate, when): (Fate, When),
    with_value: bool,
    answer: &mut dyn FnMut(Option<&[u8]>, i64),
) -> Result<()> {
    let now = call.now();
    let Some(mut hash) = call.keys.edit::<Hash>(key)? else {
        fields.iter().for_each(|_| answer(None, -2));
        return Ok(());
    };
    let env = hash.env;
    let mut done = Done::default();
    let mut result = Ok(());
    for field in fields {
        let value = if with_value { hash.get(&env, field).map(<[u8]>::to_vec) } else { None };
        match done.meet(&mut hash, field, fate, &when, now) {
            Ok(code) => answer(value.as_deref(), code),
            Err(refused) => {
                result = Err(refused);
                break;
            }
        }
    }
    done.tell(&mut hash, fate);
    drop(hash);
    say_fields(call, key, fields);
    result
}

fn codes(call: &mut Call<'_>, key: &[u8], fields: &[&[u8]], fate: Fate, when: When) -> Result<Vec<i64>> {
    let mut codes = Vec::new();
    each(call, key, fields, (fate, when), false, &mut |_, code| codes.push(code))?;
    Ok(codes)
}

fn values(call: &mut Call<'_>, key: &[u8], fields: &[&[u8]], fate: Fate) -> Result<Vec<Option<Vec<u8>>>> {
    let mut values = Vec::new();
    each(call, key, fields, (fate, When::default()), true, &mut |value, _| values.push(value.map(<[u8]>::to_vec)))?;
    Ok(values)
}

// ---- deadlines --------------------------------------------------------------------------------------------------------------------------

pub fn hexpire(call: &mut Call<'_>, args: Expire<'_>) -> Result<Vec<i64>> {
    expire(call, args.0, (1000, true))
}

pub fn hpexpire(call: &mut Call<'_>, args: ExpireMs<'_>) -> Result<Vec<i64>> {
    expire(call, args.0, (1, true))
}

pub fn hexpireat(call: &mut Call<'_>, args: ExpireAt<'_>) -> Result<Vec<i64>> {
    expire(call, args.0, (1000, false))
}

pub fn hpexpireat(call: &mut Call<'_>, args: ExpireAtMs<'_>) -> Result<Vec<i64>> {
    expire(call, args.0, (1, false))
}

fn expire(call: &mut Call<'_>, words: &[&[u8]], unit: Unit) -> Result<Vec<i64>> {
    let (key, rest) = split(words)?;
    let (count, mut rest) = split(rest)?;
    check_type(call, key)?;
    let deadline = deadline_of(call, count, unit)?;
    let mut when = When::default();
    if let Some((word, tail)) = rest.split_first() {
        let is = |token| is_token(word, token);
        when = When { nx: is("NX"), xx: is("XX"), gt: is("GT"), lt: is("LT") };
        if when.nx || when.xx || when.gt || when.lt {
            rest = tail;
        }
    }
    let fields = fields_of(rest, "Parameter `numFields` should be greater than 0")?;
    codes(call, key, fields, Fate::Until(Some(deadline)), when)
}

pub fn hpersist(call: &mut Call<'_>, args: FieldsToUpdate<'_>) -> Result<Vec<i64>> {
    let (key, rest) = split(args.0)?;
    check_type(call, key)?;
    codes(call, key, fields_of(rest, POSITIVE)?, Fate::Until(None), When::default())
}

pub fn httl(call: &mut Call<'_>, args: Fields<'_>) -> Result<Vec<i64>> {
    deadlines(call, args.0, (1000, true))
}

pub fn hpttl(call: &mut Call<'_>, args: Fields<'_>) -> Result<Vec<i64>> {
    deadlines(call, args.0, (1, true))
}

pub fn hexpiretime(call: &mut Call<'_>, args: Fields<'_>) -> Result<Vec<i64>> {
    deadlines(call, args.0, (1000, false))
}

pub fn hpexpiretime(call: &mut Call<'_>, args: Fields<'_>) -> Result<Vec<i64>> {
    deadlines(call, args.0, (1, false))
}

/// Fields' deadlines, rounded up.
fn deadlines(call: &mut Call<'_>, words: &[&[u8]], (unit, relative): Unit) -> Result<Vec<i64>> {
    let (key, rest) = split(words)?;
    let base = if relative { call.now() } else { 0 };
    // Counts the look, beside checking the type.
    call.keys.read::<Hash>(key)?;
    codes(call, key, fields_of(rest, POSITIVE)?, Fate::Told(unit, base), When::default())
}

// ---- values with deadlines --------------------------------------------------------------------------------------------------------------

pub fn hgetdel(call: &mut Call<'_>, args: FieldsToDelete<'_>) -> Result<Vec<Option<Vec<u8>>>> {
    let (key, rest) = split(args.0)?;
    check_type(call, key)?;
    values(call, key, fields_of(rest, POSITIVE)?, Fate::Go)
}

pub fn hgetex(call: &mut Call<'_>, args: GetEx<'_>) -> Result<Vec<Option<Vec<u8>>>> {
    let (key, mut rest) = split(args.0)?;
    check_type(call, key)?;
    let mut fate = Fate::Stay;
    if let [word, count, tail @ ..] = rest {
        if let Some(unit) = expiry_unit(word) {
            fate = Fate::Until(Some(deadline_of(call, count, unit)?));
            rest = tail;
        } else if is_token(word, "PERSIST") {
            fate = Fate::Until(None);
            (_, rest) = split(rest)?;
        }
    }
    values(call, key, fields_of(rest, POSITIVE)?, fate)
}

/// Whether the fields were set.
pub fn hsetex(call: &mut Call<'_>, args: SetEx<'_>) -> Result<bool> {
    let (key, mut rest) = split(args.0)?;
    // FXX: all must exist; FNX: none may.
    let (mut exist, mut fate) = (None, None);
    let pairs = loop {
        let (word, tail) = split(rest)?;
        rest = tail;
        if is_token(word, "FIELDS") {
            break pairs_of(rest)?;
        }
        let (all, unit) = (is_token(word, "FXX"), expiry_unit(word));
        if unit.is_some() || is_token(word, "KEEPTTL") {
            if fate.is_some() {
                return Err(ReplyError::err("Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"));
            }
            fate = Some(Fate::Stay);
            if let Some(unit) = unit {
                let (count, tail) = rest.split_first().ok_or_else(|| ReplyError::err("missing expire time"))?;
                fate = Some(Fate::Until(Some(deadline_of(call, count, unit)?)));
                rest = tail;
            }
        } else if all || is_token(word, "FNX") {
            if exist.is_some() {
                return Err(ReplyError::err("Only one of FXX or FNX arguments can be specified"));
            }
            exist = Some(all);
        } else {
            return Err(ReplyError::bytes(&[b"ERR unknown argument: ", word]));
        }
    };
    let now = call.now();
    let mut hash = call.keys.edit_or_create::<Hash>(key)?;
    let env = hash.env;
    if exist.is_some_and(|wanted| pairs.iter().any(|[field, _]| hash.contains(&env, field) != wanted)) {
        return Ok(false);
    }
    let mut done = Done::default();
    let mut result = Ok(());
    for [field, value] in pairs {
        result = match fate {
            None => hash.set(&env, field, value).map_err(ReplyError::from).map(drop),
            Some(fate) => match hash.set_keeping(&env, field, value) {
                Ok(_) => done.meet(&mut hash, field, fate, &When::default(), now).map(drop),
                Err(refused) => Err(refused.into()),
            },
        };
        if result.is_err() {
            break;
        }
    }
    hash.changed(Class::HASH, "hset");
    done.tell(&mut hash, Fate::Stay);
    drop(hash);
    let fields: Vec<&[u8]> = pairs.iter().map(|[field, _]| *field).collect();
    say_fields(call, key, &fields);
    result.map(|()| true)
}

/// The fields with their values of `numfields field value …`.
fn pairs_of<'a>(words: &'a [&'a [u8]]) -> Result<&'a [[&'a [u8]; 2]]> {
    let (count, words) = split(words)?;
    let (pairs, odd) = words.as_chunks::<2>();
    if words.is_empty() {
        return Err(WRONG_ARITY);
    }
    let count = count_from(1, count).ok_or_else(|| ReplyError::err("invalid number of fields"))?;
    if count == pairs.len() && odd.is_empty() { Ok(pairs) } else { Err(WRONG_ARITY) }
}
