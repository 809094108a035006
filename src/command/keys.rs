//! Keys of any type: DEL, EXPIRE, RENAME, SCAN and their kin.

use super::args::key_flags::*;
use super::args::{ArgKind, ArgSpec, Args, Count, Cursor, DbIndex, Key, LateInt, Many, Match, NoArgs, Opt, Pattern};
use super::args::{args, choice, flag, is_token};
use super::reply::{Help, Ok as Okay, Reply, Simple, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Keyspace, Ttl};
use crate::resp::write::Writer;
use crate::time::Millis;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Generic = [
        { "copy", copy as Copy, since: "6.2.0", cost: "O(N), N elements of a collection", flags: [WRITE, DENYOOM], reply: Truth,
          "Copies a value with its deadline to another key, in another database if asked." },
        { "del", del as Del, since: "1.0.0", cost: "O(N), N keys", flags: [WRITE], reply: Integer,
          "Removes keys; answers how many there were." },
        { "exists", exists as Exists, since: "1.0.0", cost: "O(N), N keys", flags: [READONLY, FAST], reply: Integer,
          "Counts how many of the keys exist; a key named twice counts twice." },
        { "expire", expire as Expire, since: "1.0.0", cost: "O(1)", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Truth,
          "Lets a key live for so many seconds from now." },
        { "expireat", expire_at as ExpireAt, since: "1.2.0", cost: "O(1)", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Truth,
          "Lets a key live until a Unix time in seconds." },
        { "expiretime", expire_time as ReadKey, since: "7.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "The Unix time in seconds at which a key expires; -1 without a deadline, -2 without a key." },
        { "keys", keys as Keys, since: "1.0.0", cost: "O(N), N keys in the database", flags: [READONLY, DANGEROUS], reply: Array(&Bulk),
          "All keys whose names match a pattern." },
        { "move", move_key as Move, since: "1.0.0", cost: "O(1)", flags: [WRITE, FAST], reply: Truth,
          "Moves a key to another database, unless one of that name is there." },
        { "object", since: "2.2.3", cost: "Depends on the subcommand", "Looks at how a value is kept.", [
            { "object|encoding", object_encoding as ObjectKey, since: "2.2.3", cost: "O(1)", flags: [READONLY], reply: Maybe(&Bulk),
              "The name of the structure that holds the value." },
            { "object|freq", object_freq as ObjectKey, since: "4.0.0", cost: "O(1)", flags: [READONLY], reply: Integer,
              "How often the key is used, as the LFU policy counts it." },
            { "object|idletime", object_idle_time as ObjectKey, since: "2.2.3", cost: "O(1)", flags: [READONLY], reply: Maybe(&Integer),
              "Seconds since the key was last used." },
            { "object|refcount", object_ref_count as ObjectKey, since: "2.2.3", cost: "O(1)", flags: [READONLY], reply: Maybe(&Integer),
              "How many hold the value; always 1 here." },
            { "object|help", object_help as NoArgs, since: "6.2.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
        { "persist", persist as Persist, since: "2.2.0", cost: "O(1)", flags: [WRITE, FAST], reply: Truth,
          "Takes the deadline away from a key." },
        { "pexpire", expire_ms as ExpireMs, since: "2.6.0", cost: "O(1)", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Truth,
          "Lets a key live for so many milliseconds from now." },
        { "pexpireat", expire_at_ms as ExpireAtMs, since: "2.6.0", cost: "O(1)", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Truth,
          "Lets a key live until a Unix time in milliseconds." },
        { "pexpiretime", expire_time_ms as ReadKey, since: "7.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "The Unix time in milliseconds at which a key expires; -1 without a deadline, -2 without a key." },
        { "pttl", ttl_ms as ReadKey, since: "2.6.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "Milliseconds that a key has left; -1 without a deadline, -2 without a key." },
        { "randomkey", random_key as NoArgs, since: "1.0.0", cost: "O(1)", flags: [READONLY], reply: Maybe(&Bulk),
          "A key chosen at random." },
        { "rename", rename as Rename, since: "1.0.0", cost: "O(1), and freeing what the new name held", flags: [WRITE], reply: Ok,
          "Gives a key another name, whatever that name held." },
        { "renamenx", rename_nx as RenameNx, since: "1.0.0", cost: "O(1)", flags: [WRITE, FAST], reply: Truth,
          "Gives a key another name unless that name is taken." },
        { "scan", scan as Scan, since: "2.8.0", cost: "O(1) a call, O(N) a whole iteration", flags: [READONLY], reply: Scan(&Bulk),
          "One step of an iteration over the keys of the database." },
        { "touch", touch as Touch, since: "3.2.1", cost: "O(N), N keys", flags: [READONLY, FAST], reply: Integer,
          "Marks keys as just used; answers how many exist." },
        { "ttl", ttl as ReadKey, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "Seconds that a key has left; -1 without a deadline, -2 without a key." },
        { "type", type_of as TypeOf, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Status,
          "The type of the value under a key, or none." },
        { "unlink", del as Del, since: "4.0.0", cost: "O(N), N keys", flags: [WRITE, FAST], reply: Integer,
          "Removes keys like DEL." },
    ]
}

// ---- existence --------------------------------------------------------------------------------------------------------------------------

args! { Del<'a> { keys: Many<'a, Key<'a, RM_DELETE>> } }

/// Removes keys; how many there were. Frees at once: large values are freed in time linear in their size.
pub fn del(call: &mut Call<'_>, args: Del<'_>) -> Result<usize> {
    Ok(args.keys.words().iter().filter(|key| call.keys.delete(key)).count())
}

args! { Exists<'a> { keys: Many<'a, Key<'a, RO>> } }

pub fn exists(call: &mut Call<'_>, args: Exists<'_>) -> Result<usize> {
    Ok(args.keys.words().iter().filter(|key| call.keys.exists(key)).count())
}

args! { Touch<'a> { keys: Many<'a, Key<'a, RO>> } }

pub fn touch(call: &mut Call<'_>, args: Touch<'_>) -> Result<usize> {
    // This is what it is for, whatever CLIENT NO-TOUCH said.
    call.keys.no_touch = false;
    Ok(args.keys.words().iter().filter(|key| call.keys.read_any(key).is_some()).count())
}

args! { TypeOf<'a> { key: Key<'a, RO> } }

pub fn type_of(call: &mut Call<'_>, args: TypeOf<'_>) -> Result<Simple> {
    let name = call.keys.peek(&args.key).map(|value| value.value_type().name());
    call.keys.count_look(&args.key, name.is_some());
    Ok(Simple(name.unwrap_or("none")))
}

// ---- deadlines --------------------------------------------------------------------------------------------------------------------------

/// Under which condition an EXPIRE command acts.
#[derive(Clone, Copy, Debug, Default)]
pub struct When {
    /// Only without a deadline.
    pub nx: bool,
    /// Only with a deadline.
    pub xx: bool,
    /// Only to a later one; no deadline is the latest.
    pub gt: bool,
    /// Only to an earlier one.
    pub lt: bool,
}

impl<'a> Opt<'a> for When {
    const SPEC: ArgSpec = ArgSpec::choice(&[
        ArgSpec::new(ArgKind::PureToken).named("nx").with_token("NX"),
        ArgSpec::new(ArgKind::PureToken).named("xx").with_token("XX"),
        ArgSpec::new(ArgKind::PureToken).named("gt").with_token("GT"),
        ArgSpec::new(ArgKind::PureToken).named("lt").with_token("LT"),
    ]);

    fn opt(&mut self, word: &'a [u8], args: &mut Args<'a>) -> bool {
        let flag = match word {
            word if is_token(word, "NX") => &mut self.nx,
            word if is_token(word, "XX") => &mut self.xx,
            word if is_token(word, "GT") => &mut self.gt,
            word if is_token(word, "LT") => &mut self.lt,
            // Shown as C shows it: up to a zero byte.
            word => {
                let shown = word.split(|byte| *byte == 0).next().unwrap_or_default();
                args.note(ReplyError::bytes(&[b"ERR Unsupported option ", shown]));
                return true;
            }
        };
        *flag = true;
        true
    }
}

impl When {
    fn check(&self) -> Result<()> {
        if self.nx && (self.xx || self.gt || self.lt) {
            return Err(ReplyError::err("NX and XX, GT or LT options at the same time are not compatible"));
        }
        if self.gt && self.lt {
            return Err(ReplyError::err("GT and LT options at the same time are not compatible"));
        }
        Ok(())
    }

    pub fn allows(&self, old: Option<Millis>, new: i64) -> bool {
        let old = old.map(|deadline| i64::try_from(deadline).unwrap_or(i64::MAX));
        !(self.nx && old.is_some()
            || self.xx && old.is_none()
            || self.gt && old.is_none_or(|old| new <= old)
            || self.lt && old.is_some_and(|old| new >= old))
    }
}

args! { Expire<'a> { key: Key<'a, RW_UPDATE>, seconds: LateInt; condition: When } }
args! { ExpireMs<'a> { key: Key<'a, RW_UPDATE>, milliseconds: LateInt; condition: When } }
args! { ExpireAt<'a> { key: Key<'a, RW_UPDATE>, unix_time_seconds: LateInt; condition: When } }
args! { ExpireAtMs<'a> { key: Key<'a, RW_UPDATE>, unix_time_milliseconds: LateInt; condition: When } }

pub fn expire(call: &mut Call<'_>, args: Expire<'_>) -> Result<bool> {
    let now = call.now();
    set_deadline(call, &args.key, args.seconds, 1000, now, args.condition)
}

pub fn expire_ms(call: &mut Call<'_>, args: ExpireMs<'_>) -> Result<bool> {
    let now = call.now();
    set_deadline(call, &args.key, args.milliseconds, 1, now, args.condition)
}

pub fn expire_at(call: &mut Call<'_>, args: ExpireAt<'_>) -> Result<bool> {
    set_deadline(call, &args.key, args.unix_time_seconds, 1000, 0, args.condition)
}

pub fn expire_at_ms(call: &mut Call<'_>, args: ExpireAtMs<'_>) -> Result<bool> {
    set_deadline(call, &args.key, args.unix_time_milliseconds, 1, 0, args.condition)
}

/// What all EXPIRE commands do: `count` units of `unit` ms after `base`.
fn set_deadline(call: &mut Call<'_>, key: &[u8], count: LateInt, unit: i64, base: Millis, when: When) -> Result<bool> {
    when.check()?;
    let deadline = count
        .get()?
        .checked_mul(unit)
        .and_then(|span| span.checked_add_unsigned(base))
        .ok_or_else(|| ReplyError::invalid_expire(call.name()))?;
    let Some(old) = call.keys.deadline(key) else { return Ok(false) };
    call.keys.touch(key);
    if !when.allows(old, deadline) {
        return Ok(false);
    }
    match u64::try_from(deadline) {
        Ok(deadline) if deadline > call.now() => {
            call.keys.set_deadline(key, Some(deadline))?;
            call.keys.changed(key, Class::GENERIC, "expire");
        }
        // A deadline that has passed removes the key at once.
        _ => {
            call.keys.delete(key);
        }
    }
    Ok(true)
}

args! { Persist<'a> { key: Key<'a, RW_UPDATE> } }

pub fn persist(call: &mut Call<'_>, args: Persist<'_>) -> Result<bool> {
    call.keys.touch(&args.key);
    let has_deadline = matches!(call.keys.deadline(&args.key), Some(Some(_)));
    if has_deadline {
        call.keys.set_deadline(&args.key, None)?;
        call.keys.changed(&args.key, Class::GENERIC, "persist");
    }
    Ok(has_deadline)
}

args! { ReadKey<'a> { key: Key<'a, RO_ACCESS> } }

pub fn ttl(call: &mut Call<'_>, args: ReadKey<'_>) -> Result<i64> {
    Ok(left(call, &args.key, call_now, 1000))
}

pub fn ttl_ms(call: &mut Call<'_>, args: ReadKey<'_>) -> Result<i64> {
    Ok(left(call, &args.key, call_now, 1))
}

pub fn expire_time(call: &mut Call<'_>, args: ReadKey<'_>) -> Result<i64> {
    Ok(left(call, &args.key, |_| 0, 1000))
}

pub fn expire_time_ms(call: &mut Call<'_>, args: ReadKey<'_>) -> Result<i64> {
    Ok(left(call, &args.key, |_| 0, 1))
}

fn call_now(call: &Call<'_>) -> Millis {
    call.now()
}

/// The span from `since` to the key's deadline in units of `unit` ms, rounded to the nearest; -1 without a deadline, -2 without a key.
fn left(call: &mut Call<'_>, key: &[u8], since: fn(&Call<'_>) -> Millis, unit: u64) -> i64 {
    let deadline = call.keys.deadline(key);
    call.keys.count_look(key, deadline.is_some());
    match deadline {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => {
            let span = deadline.saturating_sub(since(call)).saturating_add(unit.wrapping_div(2));
            i64::try_from(span.checked_div(unit).unwrap_or(0)).unwrap_or(i64::MAX)
        }
    }
}

// ---- names ------------------------------------------------------------------------------------------------------------------------------

args! { Rename<'a> { key: Key<'a, RW_ACCESS_DELETE>, newkey: Key<'a, OW_UPDATE> } }
args! { RenameNx<'a> { key: Key<'a, RW_ACCESS_DELETE>, newkey: Key<'a, OW_INSERT> } }

pub fn rename(call: &mut Call<'_>, args: Rename<'_>) -> Result<Okay> {
    rename_key(call.keys, &args.key, &args.newkey, true)?;
    Ok(Okay)
}

pub fn rename_nx(call: &mut Call<'_>, args: RenameNx<'_>) -> Result<bool> {
    rename_key(call.keys, &args.key, &args.newkey, false)
}

fn rename_key(keys: &mut Keyspace, from: &[u8], to: &[u8], overwrite: bool) -> Result<bool> {
    if !keys.touch(from) {
        return Err(ReplyError::NO_SUCH_KEY);
    }
    if from == to {
        return Ok(overwrite);
    }
    if !overwrite && keys.touch(to) {
        return Ok(false);
    }
    let marks = keys.marks(from);
    let Some((value, deadline)) = keys.take(from) else { return Err(ReplyError::NO_SUCH_KEY) };
    keys.discard(to);
    keys.put(to, value, deadline.map_or(Ttl::Clear, Ttl::At))?;
    keys.set_marks(to, marks);
    keys.changed(from, Class::GENERIC, "rename_from");
    keys.changed(to, Class::GENERIC, "rename_to");
    Ok(true)
}

args! { Move<'a> { key: Key<'a, RW_ACCESS_UPDATE>, db: DbIndex } }

pub fn move_key(call: &mut Call<'_>, args: Move<'_>) -> Result<bool> {
    let target = existing_db(call, args.db)?;
    let source = call.keys.selected();
    if target == source {
        return Err(ReplyError::SAME_OBJECT);
    }
    if !call.keys.contains(&args.key) || call.keys.within(target, |keys| keys.contains(&args.key)) {
        return Ok(false);
    }
    let marks = call.keys.marks(&args.key);
    let Some((value, deadline)) = call.keys.take(&args.key) else { return Ok(false) };
    call.keys.changed(&args.key, Class::GENERIC, "move_from");
    call.keys.within(target, |keys| {
        keys.put(&args.key, value, deadline.map_or(Ttl::Clear, Ttl::At))?;
        keys.set_marks(&args.key, marks);
        keys.changed(&args.key, Class::GENERIC, "move_to");
        Ok(true)
    })
}

fn existing_db(call: &Call<'_>, db: DbIndex) -> Result<usize> {
    usize::try_from(db.0).ok().filter(|&index| index < call.keys.databases()).ok_or(ReplyError::DB_INDEX)
}

choice! {
    /// The database that COPY writes to.
    Destination { "DB" => Db(destination_db: DbIndex) }
}

flag! {
    /// COPY overwrites.
    Replace = "REPLACE";
}

args! { Copy<'a> { source: Key<'a, RO_ACCESS>, destination: Key<'a, OW_UPDATE>; destination_db: Option<Destination>, replace: Replace } }

pub fn copy(call: &mut Call<'_>, args: Copy<'_>) -> Result<bool> {
    let source_db = call.keys.selected();
    let target_db = match args.destination_db {
        Some(Destination::Db(db)) => existing_db(call, db)?,
        None => source_db,
    };
    if source_db == target_db && args.source.0 == args.destination.0 {
        return Err(ReplyError::SAME_OBJECT);
    }
    let bytes = call.keys.memory_of(&args.source).unwrap_or(0);
    call.keys.reserve(bytes)?;
    let Some(value) = call.keys.read_any(&args.source).map(|value| value.try_to_value()).transpose()? else { return Ok(false) };
    let deadline = call.keys.deadline(&args.source).flatten();
    let marks = call.keys.marks(&args.source);
    call.keys.within(target_db, |keys| {
        if keys.contains(&args.destination) {
            if !args.replace.0 {
                return Ok(false);
            }
            keys.delete(&args.destination);
        }
        keys.put(&args.destination, value, deadline.map_or(Ttl::Clear, Ttl::At))?;
        keys.set_marks(&args.destination, marks);
        keys.changed(&args.destination, Class::GENERIC, "copy_to");
        Ok(true)
    })
}

// ---- walking ----------------------------------------------------------------------------------------------------------------------------

args! { Keys<'a> { pattern: Pattern<'a> } }

pub fn keys<'c, 'a, 'e>(call: &'c mut Call<'e>, args: Keys<'a>) -> Result<impl Reply + use<'c, 'a, 'e>> {
    Ok(With(move |writer: &mut Writer<'_>| {
        let list = writer.defer();
        let mut found = 0usize;
        for key in call.keys.keys().filter(|key| args.pattern.fits(key)) {
            writer.bulk(key);
            found = found.saturating_add(1);
        }
        writer.close_array(list, found);
    }))
}

choice! {
    /// The type that SCAN looks for.
    OfType<'a> { "TYPE" => Type(name: &'a [u8]) }
}

args! { Scan<'a> { cursor: Cursor; pattern: Option<Match<'a>>, count: Option<Count>, of_type: Option<OfType<'a>> } }

/// The next cursor and the keys of one step. Every key that exists from the first step to the last is told at least once.
pub fn scan(call: &mut Call<'_>, args: Scan<'_>) -> Result<impl Reply + use<>> {
    let count = Count::of_scan(args.count)?;
    let mut found: Vec<Vec<u8>> = Vec::new();
    let cursor = call.keys.scan(args.cursor.0, count, |key, value_type| {
        let matches = args.pattern.is_none_or(|Match::Match(pattern)| pattern.fits(key));
        let of_type = args.of_type.is_none_or(|OfType::Type(name)| is_token(name, value_type.name()));
        if matches && of_type {
            found.push(key.to_vec());
        }
    });
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(2);
        writer.bulk_int(i64::try_from(cursor).unwrap_or(i64::MAX));
        found.write(writer);
    }))
}

pub fn random_key(call: &mut Call<'_>, _: NoArgs) -> Result<Option<Vec<u8>>> {
    Ok(call.keys.random_key(&mut call.server.rng))
}

// ---- OBJECT -----------------------------------------------------------------------------------------------------------------------------

args! { ObjectKey<'a> { key: Key<'a, RO> } }

pub fn object_encoding(call: &mut Call<'_>, args: ObjectKey<'_>) -> Result<Option<&'static [u8]>> {
    let encoding = call.keys.encoding(&args.key);
    call.keys.count_look(&args.key, encoding.is_some());
    Ok(encoding.map(str::as_bytes))
}

/// # Errors
/// While no LFU policy is chosen: nobody counts then.
pub fn object_freq(call: &mut Call<'_>, args: ObjectKey<'_>) -> Result<Option<u64>> {
    use_of(call, &args.key, true)
}

/// # Errors
/// While an LFU policy is chosen: nobody looks at the clock then.
pub fn object_idle_time(call: &mut Call<'_>, args: ObjectKey<'_>) -> Result<Option<u64>> {
    use_of(call, &args.key, false)
}

fn use_of(call: &mut Call<'_>, key: &[u8], counts: bool) -> Result<Option<u64>> {
    let found = call.keys.contains(key);
    call.keys.count_look(key, found);
    match (found, counts) {
        (false, _) => Ok(None),
        (true, true) => call.keys.frequency(key).map(Some).ok_or(ReplyError::NOT_LFU),
        (true, false) if call.keys.counts_uses() => Err(ReplyError::NOT_LRU),
        (true, false) => Ok(call.keys.idle_seconds(key)),
    }
}

pub fn object_ref_count(call: &mut Call<'_>, args: ObjectKey<'_>) -> Result<Option<i64>> {
    let found = call.keys.contains(&args.key);
    call.keys.count_look(&args.key, found);
    Ok(found.then_some(1))
}

pub fn object_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "OBJECT subcommand key. Subcommands:",
        "ENCODING key",
        "    Name the structure that holds the value of the key.",
        "FREQ key",
        "    Tell how often the key is used (LFU policies only).",
        "IDLETIME key",
        "    Tell for how many seconds the key was not used.",
        "REFCOUNT key",
        "    Tell how many hold the value; always 1 here.",
        "HELP",
        "    Print this.",
    ]))
}
