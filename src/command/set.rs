//! Sets: distinct members under one key, and what several sets have in common or not.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, NumKeys, SampleCount, Sampling, ScanStep, args, choice};
use super::reply::{Either, Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Edit, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::value::set::Set;
use crate::value::{Collection, Env, OutOfMemory};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Set = [
        { "sadd", sadd as SAdd, since: "1.0.0", cost: "O(N), N members named", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds members; answers how many are new." },
        { "scard", scard as SCard, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "How many members a set has." },
        { "sdiff", sdiff as SetKeys, since: "1.0.0", cost: "O(N), N members of all sets", flags: [READONLY], reply: Set(&Bulk),
          "Members of the first set that are in none of the others." },
        { "sdiffstore", sdiffstore as StoreOver, since: "1.0.0", cost: "O(N), N members of all sets", flags: [WRITE, DENYOOM], reply: Integer,
          "Puts what SDIFF answers under a key." },
        { "sinter", sinter as SetKeys, since: "1.0.0", cost: "O(N*M), N members of the smallest of M sets", flags: [READONLY],
          reply: Set(&Bulk), "Members that all sets have." },
        { "sintercard", sintercard as SInterCard, since: "7.0.0", cost: "O(N*M), N members of the smallest of M sets",
          flags: [READONLY], reply: Integer, "How many members all sets have, counted up to a limit." },
        { "sinterstore", sinterstore as StoreInto, since: "1.0.0", cost: "O(N*M), N members of the smallest of M sets",
          flags: [WRITE, DENYOOM], reply: Integer, "Puts what SINTER answers under a key." },
        { "sismember", sismember as SIsMember, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Truth,
          "Whether something is a member." },
        { "smembers", smembers as SMembers, since: "1.0.0", cost: "O(N), N members of the set", flags: [READONLY], reply: Set(&Bulk),
          "All members." },
        { "smismember", smismember as SMIsMember, since: "6.2.0", cost: "O(N), N members named", flags: [READONLY, FAST],
          reply: Array(&Truth), "Which of several are members." },
        { "smove", smove as SMove, since: "1.0.0", cost: "O(1)", flags: [WRITE, FAST], reply: Truth,
          "Moves a member from one set to another." },
        { "spop", spop as SPop, since: "1.0.0", cost: "O(N), N members answered", flags: [WRITE, FAST, REPEATS_SAID], reply: Any,
          "Removes one member by chance, or several, and answers them." },
        { "srandmember", srandmember as SRandMember, since: "1.0.0", cost: "O(N), N members answered", flags: [READONLY], reply: Any,
          "One member by chance, or several." },
        { "srem", srem as SRem, since: "1.0.0", cost: "O(N), N members named", flags: [WRITE, FAST], reply: Integer,
          "Removes members; answers how many there were. Without members the set is gone." },
        { "sscan", sscan as ScanStep, since: "2.8.0", cost: "O(1) a call, O(N) a whole iteration", flags: [READONLY], reply: Scan(&Bulk),
          "One step of an iteration over members." },
        { "sunion", sunion as SetKeys, since: "1.0.0", cost: "O(N), N members of all sets", flags: [READONLY], reply: Set(&Bulk),
          "Members that any of the sets has." },
        { "sunionstore", sunionstore as StoreOver, since: "1.0.0", cost: "O(N), N members of all sets", flags: [WRITE, DENYOOM],
          reply: Integer, "Puts what SUNION answers under a key." },
    ]
}

// ---- members ----------------------------------------------------------------------------------------------------------------------------

args! { SAdd<'a> { key: Key<'a, RW_INSERT>, members: Many<'a, &'a [u8]> } }

/// How many members are new.
pub fn sadd(call: &mut Call<'_>, args: SAdd<'_>) -> Result<usize> {
    let mut set = call.keys.edit_or_create::<Set>(&args.key)?;
    let env = set.env;
    let mut added = 0usize;
    let mut result = Ok(());
    for member in args.members.words() {
        match set.add(&env, member) {
            Ok(new) => added = added.saturating_add(usize::from(new)),
            Err(refused) => {
                result = Err(refused.into());
                break;
            }
        }
    }
    if added > 0 {
        set.changed(Class::SET, "sadd");
    }
    result.map(|()| added)
}

args! { SRem<'a> { key: Key<'a, RW_DELETE>, members: Many<'a, &'a [u8]> } }

/// How many members there were.
pub fn srem(call: &mut Call<'_>, args: SRem<'_>) -> Result<usize> {
    let Some(mut set) = call.keys.edit::<Set>(&args.key)? else { return Ok(0) };
    let env = set.env;
    let removed = args.members.words().iter().filter(|member| set.remove(&env, member)).count();
    if removed > 0 {
        set.changed(Class::SET, "srem");
    }
    Ok(removed)
}

args! { SIsMember<'a> { key: Key<'a, RO>, member: &'a [u8] } }

pub fn sismember(call: &mut Call<'_>, args: SIsMember<'_>) -> Result<bool> {
    let env = call.keys.env;
    Ok(call.keys.read::<Set>(&args.key)?.is_some_and(|set| set.contains(&env, args.member)))
}

args! { SMIsMember<'a> { key: Key<'a, RO_ACCESS>, members: Many<'a, &'a [u8]> } }

pub fn smismember<'a>(call: &'a mut Call<'_>, args: SMIsMember<'a>) -> Result<impl Reply + use<'a>> {
    let env = call.keys.env;
    let set = call.keys.read::<Set>(&args.key)?;
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(args.members.len());
        for member in args.members.words() {
            set.is_some_and(|set| set.contains(&env, member)).write(writer);
        }
    }))
}

args! { SCard<'a> { key: Key<'a, RO> } }

pub fn scard(call: &mut Call<'_>, args: SCard<'_>) -> Result<usize> {
    Ok(call.keys.read::<Set>(&args.key)?.map_or(0, |set| set.len()))
}

args! { SMembers<'a> { key: Key<'a, RO_ACCESS> } }

pub fn smembers<'c>(call: &'c mut Call<'_>, args: SMembers<'_>) -> Result<impl Reply + use<'c>> {
    let set = call.keys.read::<Set>(&args.key)?;
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.set(set.map_or(0, |set| set.len()));
        set.into_iter().flat_map(Set::iter).for_each(|member| writer.bulk(&member));
    }))
}

args! { SMove<'a> { source: Key<'a, RW_ACCESS_DELETE>, destination: Key<'a, RW_INSERT>, member: &'a [u8] } }

/// Whether it was a member of the source.
pub fn smove(call: &mut Call<'_>, args: SMove<'_>) -> Result<bool> {
    let env = call.keys.env;
    let keys = &mut *call.keys;
    let Some(source) = keys.edit::<Set>(&args.source)? else { return Ok(false) };
    let moves = source.contains(&env, args.member);
    drop(source);
    // A destination of another type is an error even when there is nothing to move.
    drop(keys.edit::<Set>(&args.destination)?);
    if !moves || *args.source == *args.destination {
        return Ok(moves);
    }
    // Added before it is removed: should memory be refused, the member stays where it was.
    let added = keys.edit_or_create::<Set>(&args.destination)?.add(&env, args.member)?;
    if let Some(mut source) = keys.edit::<Set>(&args.source)? {
        source.remove(&env, args.member);
        source.changed(Class::SET, "srem");
    }
    if added {
        keys.changed(&args.destination, Class::SET, "sadd");
    }
    Ok(true)
}

/// The cursor to go on with, and members. One that is there from the first step to the last is told at least once.
pub fn sscan<'a>(call: &'a mut Call<'_>, args: ScanStep<'a>) -> Result<impl Reply + use<'a>> {
    let found = call.keys.read::<Set>(&args.key)?;
    let found = found.map(|set| args.options().map(|options| (set, options))).transpose()?;
    Ok(With(move |writer: &mut Writer<'_>| {
        let (at, mut told, mut cursor) = (writer.defer(), 0usize, 0);
        if let Some((set, (pattern, count))) = found {
            cursor = set.scan(args.cursor.0, count, &mut |member| {
                if pattern.is_none_or(|pattern| pattern.fits(member)) {
                    writer.bulk(member);
                    told = told.saturating_add(1);
                }
            });
        }
        writer.close_scan(at, cursor, told);
    }))
}

// ---- by chance --------------------------------------------------------------------------------------------------------------------------

/// How many to pop: not negative.
#[derive(Clone, Copy, Debug)]
pub struct PopCount(pub usize);

impl<'a> Arg<'a> for PopCount {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        // Too many words are noticed before a bad count.
        if args.remaining() > 1 {
            return Err(ReplyError::SYNTAX);
        }
        let count = number::parse_i64(args.word()?).filter(|&count| count >= 0).ok_or(ReplyError::NOT_POSITIVE)?;
        Ok(Self(usize::try_from(count).unwrap_or(usize::MAX)))
    }
}

args! { SPop<'a> { key: Key<'a, RW_ACCESS_DELETE>, count: Option<PopCount>; } }

/// Popping so many times more than stays: Redis then moves what stays to a new set, which may be one of integers again.
const AFRESH: usize = 5;

/// Lets a set choose its form anew, by what is in it now. Where memory is short it stays as it is.
fn start_afresh(set: &mut Edit<'_, Set>) {
    let env = set.env;
    let mut fresh = Set::new();
    if set.iter().all(|member| fresh.add(&env, &member).is_ok()) {
        **set = fresh;
    }
}

/// A member, or null where there is no set; with a count an array of that many, or of all.
pub fn spop(call: &mut Call<'_>, args: SPop<'_>) -> Result<impl Reply + use<>> {
    let (rng, effects) = (&mut call.server.rng, &mut call.server.effects);
    let set = call.keys.edit::<Set>(&args.key)?;
    let Some(PopCount(count)) = args.count else {
        let Some(mut set) = set else { return Ok(Either::A(None)) };
        let popped = set.pop(rng.draw())?;
        set.changed(Class::SET, "spop");
        effects.say_all(&[b"SREM", &args.key], popped.as_deref());
        return Ok(Either::A(popped));
    };
    let (mut all, mut some) = (Set::new(), Vec::new());
    if let Some(mut set) = set.filter(|_| count > 0) {
        if count >= set.len() {
            all = core::mem::take(&mut *set);
            set.changed(Class::SET, "spop");
            effects.say(&[b"DEL", &args.key]);
        } else {
            some.try_reserve_exact(count).map_err(OutOfMemory::from)?;
            while some.len() < count {
                match set.pop(rng.draw()) {
                    Ok(Some(member)) => some.push(member),
                    Ok(None) => break,
                    Err(refused) => {
                        // What was taken out goes back: nobody would hear of it. There was room for it before.
                        let env = set.env;
                        for member in &some {
                            set.add(&env, member)?;
                        }
                        return Err(refused.into());
                    }
                }
            }
            if set.len().saturating_mul(AFRESH) <= count {
                start_afresh(&mut set);
            }
            set.changed(Class::SET, "spop");
            effects.say_all(&[b"SREM", &args.key], some.iter().map(Vec::as_slice));
        }
    }
    Ok(Either::B(With(move |writer: &mut Writer<'_>| {
        writer.set(all.len().saturating_add(some.len()));
        all.iter().for_each(|member| writer.bulk(&member));
        some.iter().for_each(|member| writer.bulk(member));
    })))
}

args! { SRandMember<'a> { key: Key<'a, RO_ACCESS>, count: Option<SampleCount>; } }

/// A member, or null where there is no set; with a count an array, without repetition where the count is positive.
pub fn srandmember<'c>(call: &'c mut Call<'_>, args: SRandMember<'_>) -> Result<impl Reply + use<'c>> {
    let bounded = call.is_bounded();
    let rng = &mut call.server.rng;
    let set = call.keys.read::<Set>(&args.key)?;
    let Some(SampleCount(count)) = args.count else {
        let member = set.and_then(|set| set.random(rng.draw()));
        return Ok(Either::A(With(move |writer: &mut Writer<'_>| member.as_deref().write(writer))));
    };
    let sampling = Sampling::of(count, bounded)?;
    let chosen = match (set, sampling) {
        (Some(set), Sampling::Distinct(count)) => set.choose(count, &mut || rng.draw())?,
        _ => Vec::new(),
    };
    Ok(Either::B(With(move |writer: &mut Writer<'_>| match (set, sampling) {
        (None, _) => writer.array(0),
        (Some(set), Sampling::Distinct(_)) => {
            writer.array(chosen.len());
            set.visit(&chosen, &mut |member| writer.bulk(member));
        }
        (Some(set), Sampling::Repeated(count)) => {
            writer.array(count);
            for member in (0..count).map_while(|_| set.random(rng.draw())) {
                writer.bulk(&member);
                if writer.overflowed() {
                    break;
                }
            }
        }
    })))
}

// ---- several sets -----------------------------------------------------------------------------------------------------------------------

/// Up to so many sets, a union or a difference asks each set about each member; beyond, it builds the result, lest the work grow with the
/// product of the sets and their sizes.
const FEW_SETS: usize = 8;

args! { SetKeys<'a> { keys: Many<'a, Key<'a, RO_ACCESS>> } }
args! { StoreOver<'a> { destination: Key<'a, OW_UPDATE>, keys: Many<'a, Key<'a, RO_ACCESS>> } }
args! { StoreInto<'a> { destination: Key<'a, RW_UPDATE>, keys: Many<'a, Key<'a, RO_ACCESS>> } }

/// The sets under some keys, `None` where one is missing.
type Sets<'c> = Vec<Option<&'c Set>>;

/// # Errors
/// `WRONGTYPE` where any of the keys holds something else.
fn sets<'c>(keys: &'c mut Keyspace, names: &[&[u8]]) -> Result<Sets<'c>> {
    for name in names {
        keys.read::<Set>(name)?;
    }
    let keys = &*keys;
    let mut sets = Vec::new();
    sets.try_reserve_exact(names.len()).map_err(OutOfMemory::from)?;
    sets.extend(names.iter().map(|name| match keys.view(name) {
        Some(ValueRef::Set(set)) => Some(set),
        _ => None,
    }));
    Ok(sets)
}

/// Visits the members that all sets have, until `visit` answers false.
fn intersect(env: &Env, sets: &Sets<'_>, visit: &mut dyn FnMut(&[u8]) -> bool) {
    let Some(smallest) = sets.iter().flatten().min_by_key(|set| set.len()) else { return };
    if sets.iter().any(Option::is_none) {
        return;
    }
    for member in smallest.iter() {
        let everywhere = sets.iter().flatten().all(|set| core::ptr::eq(*set, *smallest) || set.contains(env, &member));
        if everywhere && !visit(&member) {
            return;
        }
    }
}

/// Visits the members that any set has, each once.
fn unite(env: &Env, sets: &Sets<'_>, visit: &mut dyn FnMut(&[u8])) {
    for (index, set) in sets.iter().enumerate() {
        for member in set.iter().flat_map(|set| set.iter()) {
            if !sets.iter().take(index).flatten().any(|earlier| earlier.contains(env, &member)) {
                visit(&member);
            }
        }
    }
}

fn united(env: &Env, sets: &Sets<'_>) -> Result<Set> {
    let mut union = Set::new();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        union.add(env, &member)?;
    }
    Ok(union)
}

/// Visits the members of the first set that no other has.
fn subtract(env: &Env, sets: &Sets<'_>, visit: &mut dyn FnMut(&[u8])) {
    let Some((Some(first), others)) = sets.split_first() else { return };
    for member in first.iter() {
        if !others.iter().flatten().any(|other| other.contains(env, &member)) {
            visit(&member);
        }
    }
}

fn difference(env: &Env, sets: &Sets<'_>) -> Result<Set> {
    let Some((Some(first), others)) = sets.split_first() else { return Ok(Set::new()) };
    let mut rest = Set::new();
    // Asking every set about each member of the first, or building and taking away: Redis weighs it so, and the encoding of what is stored
    // shows which way it went (a member that is taken away again leaves no set of integers behind).
    let asking = first.len().saturating_mul(sets.iter().flatten().count()) / 2;
    let building = sets.iter().flatten().fold(0usize, |sum, set| sum.saturating_add(set.len()));
    if asking <= building {
        for member in first.iter() {
            if !others.iter().flatten().any(|other| other.contains(env, &member)) {
                rest.add(env, &member)?;
            }
        }
        return Ok(rest);
    }
    for member in first.iter() {
        rest.add(env, &member)?;
    }
    for member in others.iter().flatten().flat_map(|other| other.iter()) {
        rest.remove(env, &member);
    }
    Ok(rest)
}

/// A set as a reply whose length is known at its end.
fn deferred(writer: &mut Writer<'_>, visit: impl FnOnce(&mut dyn FnMut(&[u8]))) {
    let (at, mut told) = (writer.defer(), 0usize);
    visit(&mut |member| {
        writer.bulk(member);
        told = told.saturating_add(1);
    });
    writer.close_set(at, told);
}

fn whole(writer: &mut Writer<'_>, set: &Set) {
    writer.set(set.len());
    set.iter().for_each(|member| writer.bulk(&member));
}

pub fn sinter<'c>(call: &'c mut Call<'_>, args: SetKeys<'_>) -> Result<impl Reply + use<'c>> {
    let env = call.keys.env;
    let sets = sets(call.keys, args.keys.words())?;
    Ok(With(move |writer: &mut Writer<'_>| {
        deferred(writer, |tell| {
            intersect(&env, &sets, &mut |member| {
                tell(member);
                true
            });
        });
    }))
}

pub fn sunion<'c>(call: &'c mut Call<'_>, args: SetKeys<'_>) -> Result<impl Reply + use<'c>> {
    let env = call.keys.env;
    let sets = sets(call.keys, args.keys.words())?;
    let union = if sets.len() > FEW_SETS { Some(united(&env, &sets)?) } else { None };
    Ok(With(move |writer: &mut Writer<'_>| match union {
        Some(union) => whole(writer, &union),
        None => deferred(writer, |tell| unite(&env, &sets, tell)),
    }))
}

pub fn sdiff<'c>(call: &'c mut Call<'_>, args: SetKeys<'_>) -> Result<impl Reply + use<'c>> {
    let env = call.keys.env;
    let sets = sets(call.keys, args.keys.words())?;
    let rest = if sets.len() > FEW_SETS { Some(difference(&env, &sets)?) } else { None };
    Ok(With(move |writer: &mut Writer<'_>| match rest {
        Some(rest) => whole(writer, &rest),
        None => deferred(writer, |tell| subtract(&env, &sets, tell)),
    }))
}

/// How many members the new set has; without any the key is gone.
pub fn sinterstore(call: &mut Call<'_>, args: StoreInto<'_>) -> Result<usize> {
    let env = call.keys.env;
    let sets = sets(call.keys, args.keys.words())?;
    let mut common = Set::new();
    let mut result = Ok(false);
    intersect(&env, &sets, &mut |member| {
        result = common.add(&env, member);
        result.is_ok()
    });
    result?;
    call.keys.store(&args.destination, common, Class::SET, "sinterstore")
}

/// How many members the new set has; without any the key is gone.
pub fn sunionstore(call: &mut Call<'_>, args: StoreOver<'_>) -> Result<usize> {
    let env = call.keys.env;
    let union = united(&env, &sets(call.keys, args.keys.words())?)?;
    call.keys.store(&args.destination, union, Class::SET, "sunionstore")
}

/// How many members the new set has; without any the key is gone.
pub fn sdiffstore(call: &mut Call<'_>, args: StoreOver<'_>) -> Result<usize> {
    let env = call.keys.env;
    let rest = difference(&env, &sets(call.keys, args.keys.words())?)?;
    call.keys.store(&args.destination, rest, Class::SET, "sdiffstore")
}

/// Where counting stops: not negative, 0 = nowhere.
#[derive(Clone, Copy, Debug)]
pub struct CountLimit(pub usize);

impl<'a> Arg<'a> for CountLimit {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let limit = number::parse_i64(args.word()?).filter(|&limit| limit >= 0);
        let limit = limit.ok_or_else(|| ReplyError::err("LIMIT can't be negative"))?;
        Ok(Self(usize::try_from(limit).unwrap_or(usize::MAX)))
    }
}

choice! {
    /// `LIMIT limit`.
    UpTo { "LIMIT" => Limit(limit: CountLimit) }
}

args! { SInterCard<'a> { keys: NumKeys<'a, RO_ACCESS>; limit: Option<UpTo> } }

/// How many members all sets have, or the limit if they have more.
pub fn sintercard(call: &mut Call<'_>, args: SInterCard<'_>) -> Result<usize> {
    let env = call.keys.env;
    let limit = match args.limit {
        Some(UpTo::Limit(CountLimit(limit @ 1..))) => limit,
        _ => usize::MAX,
    };
    let sets = sets(call.keys, args.keys.0)?;
    let mut count = 0usize;
    intersect(&env, &sets, &mut |_| {
        count = count.saturating_add(1);
        count < limit
    });
    Ok(count)
}
