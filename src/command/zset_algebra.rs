//! Unions, intersections and differences of sorted sets. Sets take part as well: their members have the score 1.

use super::args::count_from;
use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, KeyFlags, Opt, Parse, WithScores, is_token};
use super::reply::Reply;
use super::rows;
use super::zset::token;
use super::zset_range::write_members;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::value::set::{self, Set};
use crate::value::sort::sort;
use crate::value::zset::ZSet;
use crate::value::{Collection, Env};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::{ControlFlow, Deref};

rows! {
    pub(super) static ROWS: SortedSet = [
        { "zdiff", zdiff as Zdiff, since: "6.2.0", cost: "O(N K), N members in the first of K keys", flags: [READONLY], reply: Scored,
          "The members of the first sorted set that are in none of the others." },
        { "zdiffstore", zdiffstore as Zdiffstore, since: "6.2.0", cost: "O(N K + M log M), N members in the first of K keys, M stored",
          flags: [WRITE, DENYOOM], reply: Integer,
          "Stores the members of the first sorted set that are in none of the others; answers how many." },
        { "zinter", zinter as Zinter, since: "6.2.0", cost: "O(N K + M log M), N members in the smallest of K keys, M answered",
          flags: [READONLY], reply: Scored,
          "The members that all the sorted sets have, their scores combined." },
        { "zintercard", zintercard as Zintercard, since: "7.0.0", cost: "O(N K), N members in the smallest of K keys",
          flags: [READONLY], reply: Integer,
          "How many members all the sorted sets have in common; the count may stop at a limit." },
        { "zinterstore", zinterstore as Zinterstore, since: "2.0.0", cost: "O(N K + M log M), N members in the smallest of K keys, M stored",
          flags: [WRITE, DENYOOM], reply: Integer,
          "Stores the members that all the sorted sets have, their scores combined; answers how many." },
        { "zunion", zunion as Zunion, since: "6.2.0", cost: "O(N log N), N members in all", flags: [READONLY], reply: Scored,
          "The members of all the sorted sets, their scores combined." },
        { "zunionstore", zunionstore as Zunionstore, since: "2.0.0", cost: "O(N log N), N members in all", flags: [WRITE, DENYOOM],
          reply: Integer,
          "Stores the members of all the sorted sets, their scores combined; answers how many." },
    ]
}

// ---- grammar ----------------------------------------------------------------------------------------------------------------------------

/// How the scores of one member become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aggregate {
    #[default]
    Sum,
    Min,
    Max,
}

impl Aggregate {
    const SPEC: ArgSpec = {
        let mut spec = ArgSpec::choice(&[token("sum", "SUM"), token("min", "MIN"), token("max", "MAX")]);
        spec.token = "AGGREGATE";
        spec
    };

    fn combine(self, one: f64, other: f64) -> f64 {
        match self {
            // Infinities that cancel out make 0.
            Self::Sum => number_or_zero(one + other),
            Self::Min => {
                if other < one {
                    other
                } else {
                    one
                }
            }
            Self::Max => {
                if other > one {
                    other
                } else {
                    one
                }
            }
        }
    }
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What follows the keys.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Factors of the scores, one a key; empty = all 1.
    pub weights: Vec<f64>,
    pub aggregate: Aggregate,
    pub with_scores: bool,
    /// Where ZINTERCARD stops to count; 0 = nowhere.
    pub limit: usize,
}

/// Which options a command takes.
struct Takes {
    /// WEIGHTS and AGGREGATE.
    weights: bool,
    scores: bool,
    limit: bool,
}

impl Options {
    fn parse(args: &mut Args<'_>, keys: usize, takes: Takes) -> Result<Self> {
        let mut options = Self::default();
        while let Ok(word) = args.word() {
            if takes.weights && args.remaining() >= keys && is_token(word, "WEIGHTS") {
                let weight = |args: &mut Args<'_>| {
                    number::parse_f64(args.word()?).ok_or_else(|| ReplyError::err("weight value is not a float"))
                };
                options.weights = (0..keys).map(|_| weight(args)).collect::<Result<_>>()?;
            } else if takes.weights && args.remaining() > 0 && is_token(word, "AGGREGATE") {
                options.aggregate = match args.word()? {
                    word if is_token(word, "SUM") => Aggregate::Sum,
                    word if is_token(word, "MIN") => Aggregate::Min,
                    word if is_token(word, "MAX") => Aggregate::Max,
                    _ => return Err(ReplyError::SYNTAX),
                };
            } else if takes.scores && is_token(word, "WITHSCORES") {
                options.with_scores = true;
            } else if takes.limit && args.remaining() > 0 && is_token(word, "LIMIT") {
                options.limit = count_from(0, args.word()?).ok_or_else(|| ReplyError::err("LIMIT can't be negative"))?;
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(options)
    }

    fn weight(&self, key: usize) -> f64 {
        self.weights.get(key).copied().unwrap_or(1.0)
    }
}

/// The count of the keys, then the keys. None at all for a count below 1: the handler words that, as it knows the command's name.
fn sources<'a>(args: &mut Args<'a>) -> Result<&'a [&'a [u8]]> {
    let count = i64::arg(args)?;
    if count < 1 {
        args.take_rest();
        return Ok(&[]);
    }
    let keys = usize::try_from(count).ok().and_then(|count| args.rest().get(..count)).ok_or(ReplyError::SYNTAX)?;
    args.skip(keys.len());
    Ok(keys)
}

const KEYS: ArgSpec = ArgSpec::new(ArgKind::NumKeys(RO_ACCESS)).named("keys");
const WEIGHTS: ArgSpec = ArgSpec::new(ArgKind::Double).named("weights").with_token("WEIGHTS").optional().multiple();
const AGGREGATE: ArgSpec = Aggregate::SPEC.named("aggregate");
const WITH_SCORES: ArgSpec = <WithScores as Opt<'_>>::SPEC.named("withscores");
const LIMIT: ArgSpec = ArgSpec::new(ArgKind::Integer).named("limit").with_token("LIMIT").optional();

/// Declares the arguments of a command with counted keys; `to` where it stores its result. The options are judged after the types of the
/// keys, hence a result.
macro_rules! algebra_args {
    ($($name:ident { $($to:ident)? } [$($spec:expr),*] $takes:expr;)*) => {$(
        pub struct $name<'a> { $(pub $to: Key<'a, OW_UPDATE>,)? pub keys: &'a [&'a [u8]], pub options: Result<Options> }
        impl<'a> Parse<'a> for $name<'a> {
            const SPECS: &'static [ArgSpec] = &[$(destination(stringify!($to)),)? KEYS, $($spec),*];
            fn parse(args: &mut Args<'a>) -> Result<Self> {
                $(let $to = Arg::arg(args)?;)?
                let keys = sources(args)?;
                Ok(Self { $($to,)? keys, options: Options::parse(args, keys.len(), $takes) })
            }
        }
    )*};
}

const fn destination(name: &'static str) -> ArgSpec {
    const FLAGS: KeyFlags = OW_UPDATE;
    ArgSpec::new(ArgKind::Key(FLAGS)).named(name)
}

algebra_args! {
    Zunion {} [WEIGHTS, AGGREGATE, WITH_SCORES] Takes { weights: true, scores: true, limit: false };
    Zinter {} [WEIGHTS, AGGREGATE, WITH_SCORES] Takes { weights: true, scores: true, limit: false };
    Zdiff {} [WITH_SCORES] Takes { weights: false, scores: true, limit: false };
    Zintercard {} [LIMIT] Takes { weights: false, scores: false, limit: true };
    Zunionstore { destination } [WEIGHTS, AGGREGATE] Takes { weights: true, scores: false, limit: false };
    Zinterstore { destination } [WEIGHTS, AGGREGATE] Takes { weights: true, scores: false, limit: false };
    Zdiffstore { destination } [] Takes { weights: false, scores: false, limit: false };
}

// ---- sources ----------------------------------------------------------------------------------------------------------------------------

/// What one of the keys holds, and the factor of its scores.
struct Source<'c> {
    held: Held<'c>,
    weight: f64,
    /// Its place among the keys.
    at: usize,
}

/// From the smallest to the largest, in the order of the keys where sizes are equal.
fn by_size(one: &Source<'_>, other: &Source<'_>) -> Ordering {
    one.held.len().cmp(&other.held.len()).then(one.at.cmp(&other.at))
}

#[derive(Clone, Copy)]
enum Held<'c> {
    Nothing,
    Set(&'c Set),
    ZSet(&'c ZSet),
}

/// A member, of whichever kind of set.
enum Member<'c> {
    OfSet(set::Member<'c>),
    OfZSet(&'c [u8]),
}

impl Deref for Member<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::OfSet(member) => member,
            Self::OfZSet(member) => member,
        }
    }
}

impl<'c> Held<'c> {
    fn len(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Set(set) => set.len(),
            Self::ZSet(zset) => zset.len(),
        }
    }

    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Set(one), Self::Set(other)) => core::ptr::eq(one, other),
            (Self::ZSet(one), Self::ZSet(other)) => core::ptr::eq(one, other),
            _ => false,
        }
    }

    fn score(self, env: &Env, member: &[u8]) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Set(set) => set.contains(env, member).then_some(1.0),
            Self::ZSet(zset) => zset.score(env, member),
        }
    }

    /// Visits all members until told to stop.
    fn each(self, visit: &mut dyn FnMut(Member<'c>, f64) -> ControlFlow<()>) {
        let _ = match self {
            Self::Nothing => ControlFlow::Continue(()),
            Self::Set(set) => set.iter().try_for_each(|member| visit(Member::OfSet(member), 1.0)),
            Self::ZSet(zset) => zset.iter(0..zset.len()).try_for_each(|(member, score)| visit(Member::OfZSet(member), score)),
        };
    }
}

/// Sees that there are keys, and that they hold sets or sorted sets or nothing.
fn check_types(call: &mut Call<'_>, keys: &[&[u8]]) -> Result<()> {
    if keys.is_empty() {
        return Err(ReplyError::text(&["ERR at least 1 input key is needed for '", call.name(), "' command"]));
    }
    for key in keys {
        match call.keys.read_any(key) {
            None | Some(ValueRef::Set(_) | ValueRef::ZSet(_)) => {}
            Some(_) => return Err(ReplyError::WRONG_TYPE),
        }
    }
    Ok(())
}

fn held<'c>(keys: &'c Keyspace, names: &[&[u8]], options: &Options) -> Vec<Source<'c>> {
    let hold = |name: &&[u8]| match keys.view(name) {
        Some(ValueRef::Set(set)) => Held::Set(set),
        Some(ValueRef::ZSet(zset)) => Held::ZSet(zset),
        _ => Held::Nothing,
    };
    names.iter().enumerate().map(|(at, name)| Source { held: hold(name), weight: options.weight(at), at }).collect()
}

// ---- combining --------------------------------------------------------------------------------------------------------------------------

/// What is done with the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// A member of the result.
struct Entry<'c> {
    member: Member<'c>,
    score: f64,
    /// Which source it comes from, in the order in which scores are combined.
    source: usize,
}

fn by_member(one: &Entry<'_>, other: &Entry<'_>) -> Ordering {
    one.member.cmp(&other.member).then(one.source.cmp(&other.source))
}

fn by_score(one: &Entry<'_>, other: &Entry<'_>) -> Ordering {
    let scores = one.score.partial_cmp(&other.score).unwrap_or(Ordering::Equal);
    scores.then_with(|| one.member.cmp(&other.member))
}

/// The members of the result in the order of a sorted set.
fn combine<'c>(keys: &'c Keyspace, names: &[&[u8]], options: &Options, operation: Operation) -> Result<Vec<Entry<'c>>> {
    let mut sources = held(keys, names, options);
    if operation != Operation::Difference {
        // Scores are added up from the smallest set to the largest: the order shows in the last digits of a sum.
        sort(&mut sources, by_size);
    }
    let mut entries = Vec::new();
    if operation == Operation::Union {
        let total = sources.iter().fold(0usize, |total, source| total.saturating_add(source.held.len()));
        entries.try_reserve_exact(total).map_err(|_| ReplyError::MEMORY)?;
        for (at, source) in sources.iter().enumerate() {
            source.held.each(&mut |member, score| {
                entries.push(Entry { member, score: number_or_zero(source.weight * score), source: at });
                ControlFlow::Continue(())
            });
        }
        if sources.len() > 1 {
            sort(&mut entries, by_member);
            entries.dedup_by(|next, kept| {
                let same = *next.member == *kept.member;
                if same {
                    kept.score = options.aggregate.combine(kept.score, next.score);
                }
                same
            });
        }
    } else {
        let mut full = false;
        each_common(&keys.env, &sources, options.aggregate, operation, &mut |member, score| {
            full = entries.try_reserve(1).is_err();
            if full {
                return ControlFlow::Break(());
            }
            entries.push(Entry { member, score, source: 0 });
            ControlFlow::Continue(())
        });
        if full {
            return Err(ReplyError::MEMORY);
        }
    }
    sort(&mut entries, by_score);
    Ok(entries)
}

/// Visits the members of the first source that all others have (an intersection), or that none of them has (a difference).
fn each_common<'c>(
    env: &Env,
    sources: &[Source<'c>],
    aggregate: Aggregate,
    operation: Operation,
    visit: &mut dyn FnMut(Member<'c>, f64) -> ControlFlow<()>,
) {
    let Some((first, others)) = sources.split_first() else { return };
    first.held.each(&mut |member, own| {
        let mut score = number_or_zero(first.weight * own);
        for other in others {
            let found = if other.held.is(first.held) { Some(own) } else { other.held.score(env, &member) };
            match (found, operation) {
                (Some(found), Operation::Intersection) => score = aggregate.combine(score, found * other.weight),
                (None, Operation::Difference) => {}
                _ => return ControlFlow::Continue(()),
            }
        }
        visit(member, score)
    });
}

/// The members that a combination has, lent by their sets.
pub struct Combined<'c> {
    entries: Vec<Entry<'c>>,
    with_scores: bool,
}

impl Combined<'_> {
    /// Members and scores in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> {
        self.entries.iter().map(|entry| (&*entry.member, entry.score))
    }
}

impl Reply for Combined<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        write_members(writer, self.with_scores, self.iter());
    }
}

fn answer<'c>(call: &'c mut Call<'_>, keys: &[&[u8]], options: Result<Options>, operation: Operation) -> Result<Combined<'c>> {
    check_types(call, keys)?;
    let options = options?;
    let entries = combine(&*call.keys, keys, &options, operation)?;
    Ok(Combined { entries, with_scores: options.with_scores })
}

fn store(
    call: &mut Call<'_>,
    destination: &[u8],
    keys: &[&[u8]],
    options: Result<Options>,
    operation: Operation,
) -> Result<usize> {
    check_types(call, keys)?;
    let entries = combine(&*call.keys, keys, &options?, operation)?;
    let bytes = entries.iter().map(|entry| ZSet::bytes_of_member(entry.member.len()) as u64).fold(0u64, u64::saturating_add);
    call.keys.reserve(bytes)?;
    let env = call.keys.env;
    let longest = entries.iter().map(|entry| entry.member.len()).max().unwrap_or(0);
    let mut stored = ZSet::for_members(&env, entries.len(), longest);
    for entry in &entries {
        stored.insert(&env, &entry.member, entry.score)?;
    }
    drop(entries);
    let event = match operation {
        Operation::Union => "zunionstore",
        Operation::Intersection => "zinterstore",
        Operation::Difference => "zdiffstore",
    };
    call.keys.store(destination, stored, Class::ZSET, event)
}

pub fn zunion<'c>(call: &'c mut Call<'_>, args: Zunion<'_>) -> Result<Combined<'c>> {
    answer(call, args.keys, args.options, Operation::Union)
}

pub fn zinter<'c>(call: &'c mut Call<'_>, args: Zinter<'_>) -> Result<Combined<'c>> {
    answer(call, args.keys, args.options, Operation::Intersection)
}

pub fn zdiff<'c>(call: &'c mut Call<'_>, args: Zdiff<'_>) -> Result<Combined<'c>> {
    answer(call, args.keys, args.options, Operation::Difference)
}

/// How many members were stored.
pub fn zunionstore(call: &mut Call<'_>, args: Zunionstore<'_>) -> Result<usize> {
    store(call, &args.destination, args.keys, args.options, Operation::Union)
}

/// How many members were stored.
pub fn zinterstore(call: &mut Call<'_>, args: Zinterstore<'_>) -> Result<usize> {
    store(call, &args.destination, args.keys, args.options, Operation::Intersection)
}

/// How many members were stored.
pub fn zdiffstore(call: &mut Call<'_>, args: Zdiffstore<'_>) -> Result<usize> {
    store(call, &args.destination, args.keys, args.options, Operation::Difference)
}

pub fn zintercard(call: &mut Call<'_>, args: Zintercard<'_>) -> Result<usize> {
    check_types(call, args.keys)?;
    let options = args.options?;
    let mut sources = held(call.keys, args.keys, &options);
    sort(&mut sources, by_size);
    let mut count = 0usize;
    each_common(&call.keys.env, &sources, Aggregate::Sum, Operation::Intersection, &mut |_, _| {
        count = count.saturating_add(1);
        if count == options.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    Ok(count)
}
