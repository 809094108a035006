//! Sorted sets: members with their scores, one by one. Ranges of them are in `zset_range`, unions and intersections in `zset_algebra`.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, AtMost, Key, Many, Opt, Parse, SampleCount, Sampling, ScanStep, Sources};
use super::args::{args, count_from, flag, is_token};
use super::reply::{Either, MaybeArray, Reply, With};
use super::rows;
use super::zset_range::{INDEX, WITH_SCORES, write_members};
use crate::call::Call;
use crate::effects;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Edit};
use crate::resp::write::Writer;
use crate::rng::Rng;
use crate::value::Collection;
use crate::value::sample;
use crate::value::zset::{Change, ZSet};
use alloc::vec::Vec;
use core::iter;

rows! {
    pub(super) static ROWS: SortedSet = [
        { "zadd", zadd as Zadd, since: "1.2.0", cost: "O(log N) a member, N members in the set", flags: [WRITE, DENYOOM, FAST], reply: Any,
          "Gives members their scores, adding those that are new; answers how many were added, or the new score with INCR." },
        { "zcard", zcard as Zcard, since: "1.2.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "How many members a sorted set has." },
        { "zincrby", zincrby as Zincrby, since: "1.2.0", cost: "O(log N)", flags: [WRITE, DENYOOM, FAST], reply: Double,
          "Adds to the score of a member, which is 0 for a new one; answers the new score." },
        { "zmpop", zmpop as Zmpop, since: "7.0.0", cost: "O(K + M log N), K keys and M members popped", flags: [WRITE, REPEATS_SAID], reply: Any,
          "Removes the members of lowest or highest score from the first of several keys that exists, and answers the key and them." },
        { "zmscore", zmscore as Zmscore, since: "6.2.0", cost: "O(N), N members asked for", flags: [READONLY, FAST],
          reply: Array(&Maybe(&Double)),
          "The scores of several members, null for what is none." },
        { "zpopmax", zpopmax as Zpop, since: "5.0.0", cost: "O(M log N), M members popped", flags: [WRITE, FAST], reply: Scored,
          "Removes the members of highest score and answers them." },
        { "zpopmin", zpopmin as Zpop, since: "5.0.0", cost: "O(M log N), M members popped", flags: [WRITE, FAST], reply: Scored,
          "Removes the members of lowest score and answers them." },
        { "zrandmember", zrandmember as Zrandmember, since: "6.2.0", cost: "O(M log N), M members answered", flags: [READONLY], reply: Any,
          "Members chosen at random: distinct ones, or with repetition for a negative count." },
        { "zrank", zrank as Zrank, since: "2.0.0", cost: "O(log N)", flags: [READONLY, FAST], reply: Any,
          "The place of a member, counted from 0 at the lowest score. (WITHSCORE is of Redis 7.2.)" },
        { "zrem", zrem as Zrem, since: "1.2.0", cost: "O(M log N), M members given", flags: [WRITE, FAST], reply: Integer,
          "Removes members; answers how many there were." },
        { "zrevrank", zrevrank as Zrank, since: "2.0.0", cost: "O(log N)", flags: [READONLY, FAST], reply: Any,
          "The place of a member, counted from 0 at the highest score. (WITHSCORE is of Redis 7.2.)" },
        { "zscan", zscan as ScanStep, since: "2.8.0", cost: "O(1) a call, O(N) a whole iteration", flags: [READONLY], reply: Scan(&Bulk),
          "One step of an iteration over members and scores." },
        { "zscore", zscore as Zscore, since: "1.2.0", cost: "O(1)", flags: [READONLY, FAST], reply: Maybe(&Double),
          "The score of a member." },
    ]
}

pub(super) const fn token(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(name).with_token(token)
}

// ---- adding -----------------------------------------------------------------------------------------------------------------------------

/// Whether ZADD adds new members (`NX`: only those) and changes old ones (`XX`: only those).
#[derive(Clone, Copy, Debug, Default)]
pub struct Existence {
    pub nx: bool,
    pub xx: bool,
}

impl<'a> Opt<'a> for Existence {
    const SPEC: ArgSpec = ArgSpec::choice(&[token("nx", "NX"), token("xx", "XX")]);
    fn opt(&mut self, word: &'a [u8], _: &mut Args<'a>) -> bool {
        let (nx, xx) = (is_token(word, "NX"), is_token(word, "XX"));
        self.nx |= nx;
        self.xx |= xx;
        nx || xx
    }
}

/// Whether ZADD changes old members only to greater (`GT`) or lesser (`LT`) scores.
#[derive(Clone, Copy, Debug, Default)]
pub struct Comparison {
    pub gt: bool,
    pub lt: bool,
}

impl<'a> Opt<'a> for Comparison {
    const SPEC: ArgSpec = ArgSpec::choice(&[token("gt", "GT"), token("lt", "LT")]);
    fn opt(&mut self, word: &'a [u8], _: &mut Args<'a>) -> bool {
        let (gt, lt) = (is_token(word, "GT"), is_token(word, "LT"));
        self.gt |= gt;
        self.lt |= lt;
        gt || lt
    }
}

flag! {
    /// ZADD answers how many members were added or changed, not only added.
    CountChanged = "CH";
    /// ZADD adds to the score.
    Increment = "INCR";
}

/// Scores, each with its member.
#[derive(Clone, Copy, Debug)]
pub struct ScoreMembers<'a>(pub Many<'a, (f64, &'a [u8])>);

impl<'a> Arg<'a> for ScoreMembers<'a> {
    const SPEC: ArgSpec = ArgSpec::of(
        ArgKind::Block,
        &[ArgSpec::new(ArgKind::Double).named("score"), ArgSpec::new(ArgKind::String).named("member")],
    )
    .multiple();
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        match args.take_rest() {
            words if words.is_empty() || !words.len().is_multiple_of(2) => Err(ReplyError::SYNTAX),
            words => Ok(Self(Many::new(words))),
        }
    }
}

args! {
    Zadd<'a> {
        key: Key<'a, RW_UPDATE>;
        condition: Existence, comparison: Comparison, change: CountChanged, increment: Increment;
        score_member: ScoreMembers<'a>
    }
}

/// When and how [`add`] sets a score.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    pub existence: Existence,
    pub comparison: Comparison,
    /// Add to the old score, 0 for a new member, instead of setting it.
    pub increment: bool,
}

impl Rule {
    /// # Errors
    /// Where conditions exclude each other.
    pub fn check(&self) -> Result<()> {
        let (Existence { nx, xx }, Comparison { gt, lt }) = (self.existence, self.comparison);
        if nx && xx {
            return Err(ReplyError::err("XX and NX options at the same time are not compatible"));
        }
        if (gt || lt) && nx || gt && lt {
            return Err(ReplyError::err("GT, LT, and/or NX options at the same time are not compatible"));
        }
        Ok(())
    }

    /// The score for a member whose old one is given: `None` leaves it alone.
    fn score(&self, old: Option<f64>, given: f64) -> Option<f64> {
        let Some(old) = old else { return (!self.existence.xx).then_some(given) };
        let new = if self.increment { old + given } else { given };
        let refused = self.existence.nx || self.comparison.gt && new <= old || self.comparison.lt && new >= old;
        (!refused).then_some(new)
    }
}

/// What [`add`] did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Added {
    pub added: usize,
    pub updated: usize,
    /// The score that the last member has by it; `None` where the rule left it alone.
    pub score: Option<f64>,
}

/// Gives members their scores.
///
/// # Errors
/// `WRONGTYPE`; `ERR resulting score is not a number (NaN)` where infinities cancel out.
pub fn add(
    call: &mut Call<'_>,
    key: &[u8],
    rule: Rule,
    members: &mut dyn Iterator<Item = Result<(f64, &[u8])>>,
) -> Result<Added> {
    let mut zset: Edit<'_, ZSet> = if rule.existence.xx {
        match call.keys.edit(key)? {
            Some(zset) => zset,
            None => return Ok(Added::default()),
        }
    } else {
        call.keys.edit_or_create(key)?
    };
    let mut done = Added::default();
    let result = add_all(&mut zset, rule, members, &mut done);
    if done.added > 0 || done.updated > 0 {
        zset.changed(Class::ZSET, if rule.increment { "zincr" } else { "zadd" });
    }
    result.map(|()| done)
}

fn add_all(
    zset: &mut Edit<'_, ZSet>,
    rule: Rule,
    members: &mut dyn Iterator<Item = Result<(f64, &[u8])>>,
    done: &mut Added,
) -> Result<()> {
    let env = zset.env;
    for member in members {
        let (given, member) = member?;
        let mut chosen = None;
        let change = zset.update(&env, member, &mut |old| {
            chosen = rule.score(old, given);
            chosen.filter(|score| !score.is_nan())
        })?;
        if chosen.is_some_and(f64::is_nan) {
            return Err(ReplyError::SCORE_NAN);
        }
        match change {
            Change::Added => done.added = done.added.saturating_add(1),
            Change::Updated => done.updated = done.updated.saturating_add(1),
            Change::Same => {}
        }
        done.score = chosen;
    }
    Ok(())
}

/// How many members were added (with CH: or changed); with INCR the new score, or null where the condition did not hold.
pub fn zadd(call: &mut Call<'_>, args: Zadd<'_>) -> Result<Either<Option<f64>, usize>> {
    let rule = Rule { existence: args.condition, comparison: args.comparison, increment: args.increment.0 };
    rule.check()?;
    let members = args.score_member.0;
    if rule.increment && members.len() > 1 {
        return Err(ReplyError::err("INCR option supports a single increment-element pair"));
    }
    // All scores are looked at before the key is, and nothing is done where one is wrong.
    let mut checked = members.iter();
    let first = checked.next().unwrap_or(Err(ReplyError::SYNTAX))?;
    checked.try_for_each(|member| member.map(|_| ()))?;
    let done = match members.len() {
        1 => add(call, &args.key, rule, &mut iter::once(Ok(first)))?,
        _ => add(call, &args.key, rule, &mut members.iter())?,
    };
    Ok(match (rule.increment, args.change.0) {
        (true, _) => Either::A(done.score),
        (false, true) => Either::B(done.added.saturating_add(done.updated)),
        (false, false) => Either::B(done.added),
    })
}

args! { Zincrby<'a> { key: Key<'a, RW_ACCESS_UPDATE>, increment: f64, member: &'a [u8] } }

/// The new score.
pub fn zincrby(call: &mut Call<'_>, args: Zincrby<'_>) -> Result<Option<f64>> {
    let rule = Rule { increment: true, ..Rule::default() };
    Ok(add(call, &args.key, rule, &mut iter::once(Ok((args.increment, args.member))))?.score)
}

// ---- looking at members -----------------------------------------------------------------------------------------------------------------

args! { Zcard<'a> { key: Key<'a, RO> } }

pub fn zcard(call: &mut Call<'_>, args: Zcard<'_>) -> Result<usize> {
    Ok(call.keys.read::<ZSet>(&args.key)?.map_or(0, ZSet::len))
}

args! { Zscore<'a> { key: Key<'a, RO_ACCESS>, member: &'a [u8] } }

pub fn zscore(call: &mut Call<'_>, args: Zscore<'_>) -> Result<Option<f64>> {
    let env = call.keys.env;
    Ok(call.keys.read::<ZSet>(&args.key)?.and_then(|zset| zset.score(&env, args.member)))
}

args! { Zmscore<'a> { key: Key<'a, RO_ACCESS>, members: Many<'a, &'a [u8]> } }

pub fn zmscore(call: &mut Call<'_>, args: Zmscore<'_>) -> Result<Vec<Option<f64>>> {
    let env = call.keys.env;
    let zset = call.keys.read::<ZSet>(&args.key)?;
    Ok(args.members.words().iter().map(|member| zset?.score(&env, member)).collect())
}

args! {
    /// Arguments of ZRANK and ZREVRANK.
    Zrank<'a> { key: Key<'a, RO_ACCESS>, member: &'a [u8]; with_score: WithScore }
}

flag! {
    /// The score is told too. (Redis 7.2.)
    WithScore = "WITHSCORE";
}

/// A rank, with its score if asked for.
pub struct Ranked {
    pub found: Option<(usize, f64)>,
    with_score: bool,
}

impl Reply for Ranked {
    fn write(self, writer: &mut Writer<'_>) {
        match self.found {
            None if self.with_score => writer.null_array(),
            None => writer.null(),
            Some((rank, score)) => {
                if self.with_score {
                    writer.array(2);
                }
                rank.write(writer);
                if self.with_score {
                    writer.double(score);
                }
            }
        }
    }
}

pub fn zrank(call: &mut Call<'_>, args: Zrank<'_>) -> Result<Ranked> {
    ranked(call, args, false)
}

pub fn zrevrank(call: &mut Call<'_>, args: Zrank<'_>) -> Result<Ranked> {
    ranked(call, args, true)
}

fn ranked(call: &mut Call<'_>, args: Zrank<'_>, reverse: bool) -> Result<Ranked> {
    let env = call.keys.env;
    let found = call.keys.read::<ZSet>(&args.key)?.and_then(|zset| {
        let (rank, score) = zset.rank(&env, args.member)?;
        Some((if reverse { zset.len().saturating_sub(rank).saturating_sub(1) } else { rank }, score))
    });
    Ok(Ranked { found, with_score: args.with_score.0 })
}

// ---- removing ---------------------------------------------------------------------------------------------------------------------------

args! { Zrem<'a> { key: Key<'a, RW_DELETE>, members: Many<'a, &'a [u8]> } }

pub fn zrem(call: &mut Call<'_>, args: Zrem<'_>) -> Result<usize> {
    let Some(mut zset) = call.keys.edit::<ZSet>(&args.key)? else { return Ok(0) };
    let env = zset.env;
    let removed = args.members.words().iter().filter(|member| zset.remove(&env, member).is_some()).count();
    if removed > 0 {
        zset.changed(Class::ZSET, "zrem");
    }
    Ok(removed)
}

/// Members with their scores, taken out of a sorted set.
pub type Entries = Vec<(Vec<u8>, f64)>;

/// Which end of a sorted set members are popped from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Min,
    Max,
}

impl<'a> Arg<'a> for End {
    const SPEC: ArgSpec = ArgSpec::of(ArgKind::OneOf, &[token("min", "MIN"), token("max", "MAX")]);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        match args.word()? {
            word if is_token(word, "MIN") => Ok(Self::Min),
            word if is_token(word, "MAX") => Ok(Self::Max),
            _ => Err(ReplyError::SYNTAX),
        }
    }
}

/// Removes up to `count` members from an end, the outermost first; `None` where there is no key.
///
/// # Errors
/// `WRONGTYPE`.
pub fn pop(call: &mut Call<'_>, key: &[u8], end: End, count: usize) -> Result<Option<Entries>> {
    let Some(mut zset) = call.keys.edit::<ZSet>(key)? else { return Ok(None) };
    let (env, len) = (zset.env, zset.len());
    let count = count.min(len);
    let ranks = match end {
        End::Min => 0..count,
        End::Max => len.saturating_sub(count)..len,
    };
    let mut entries = Entries::new();
    entries.try_reserve_exact(count).map_err(|_| ReplyError::MEMORY)?;
    entries.extend(zset.iter(ranks.clone()).map(|(member, score)| (member.to_vec(), score)));
    if end == End::Max {
        entries.reverse();
    }
    if zset.remove_ranks(&env, ranks) > 0 {
        zset.changed(Class::ZSET, pop_event(end));
    }
    Ok(Some(entries))
}

fn pop_event(end: End) -> &'static str {
    match end {
        End::Min => "zpopmin",
        End::Max => "zpopmax",
    }
}

/// The count of ZPOPMIN and ZPOPMAX: the last argument there is.
#[derive(Clone, Copy, Debug)]
pub struct PopCount(pub usize);

impl<'a> Arg<'a> for PopCount {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        // Too many words are noticed before a bad one.
        if args.remaining() > 1 {
            return Err(ReplyError::SYNTAX);
        }
        count_from(0, args.word()?).map(Self).ok_or(ReplyError::NOT_POSITIVE)
    }
}

args! {
    /// Arguments of ZPOPMIN and ZPOPMAX.
    Zpop<'a> { key: Key<'a, RW_ACCESS_DELETE>, count: Option<PopCount> }
}

/// What ZPOPMIN and ZPOPMAX answer: without a count one flat pair.
pub struct Popped {
    pub entries: Entries,
    pub counted: bool,
}

impl Reply for Popped {
    fn write(self, writer: &mut Writer<'_>) {
        match self.entries.first() {
            Some((member, score)) if !self.counted => {
                writer.array(2);
                writer.bulk(member);
                writer.double(*score);
            }
            _ => write_members(writer, true, self.entries.into_iter()),
        }
    }
}

fn pop_end(call: &mut Call<'_>, args: Zpop<'_>, end: End) -> Result<Popped> {
    let count = args.count.map_or(1, |PopCount(count)| count);
    let entries = pop(call, &args.key, end, count)?.unwrap_or_default();
    Ok(Popped { entries, counted: args.count.is_some() })
}

pub fn zpopmin(call: &mut Call<'_>, args: Zpop<'_>) -> Result<Popped> {
    pop_end(call, args, End::Min)
}

pub fn zpopmax(call: &mut Call<'_>, args: Zpop<'_>) -> Result<Popped> {
    pop_end(call, args, End::Max)
}

args! { Zmpop<'a> { keys: Sources<'a>, end: End; count: AtMost } }

/// A key and what was popped from it.
pub struct PoppedFrom<'a> {
    pub key: &'a [u8],
    pub entries: Entries,
}

impl Reply for PoppedFrom<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(2);
        writer.bulk(self.key);
        writer.array(self.entries.len());
        for (member, score) in self.entries {
            writer.array(2);
            writer.bulk(&member);
            writer.double(score);
        }
    }
}

pub fn zmpop<'a>(call: &mut Call<'_>, args: Zmpop<'a>) -> Result<MaybeArray<PoppedFrom<'a>>> {
    pop_first(call, args.keys.0, args.end, args.count.0.unwrap_or(1)).map(MaybeArray)
}

/// Pops from the first of the keys that exists.
pub(super) fn pop_first<'a>(call: &mut Call<'_>, keys: &[&'a [u8]], end: End, count: usize) -> Result<Option<PoppedFrom<'a>>> {
    for key in keys {
        if let Some(entries) = pop(call, key, end, count)? {
            if call.server.effects.are_read() {
                let count = effects::decimal(entries.len() as u64);
                call.server.effects.say(&[pop_event(end).as_bytes(), key, &count]);
            }
            return Ok(Some(PoppedFrom { key, entries }));
        }
    }
    Ok(None)
}

// ---- chance and iteration ---------------------------------------------------------------------------------------------------------------

/// Arguments of ZRANDMEMBER.
pub struct Zrandmember<'a> {
    pub key: Key<'a, RO_ACCESS>,
    /// Negative: so many, with repetition.
    pub count: Option<i64>,
    pub with_scores: bool,
}

impl<'a> Parse<'a> for Zrandmember<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key"),
        ArgSpec::of(ArgKind::Block, &[INDEX.named("count"), WITH_SCORES]).named("options").optional(),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = Arg::arg(args)?;
        if args.remaining() == 0 {
            return Ok(Self { key, count: None, with_scores: false });
        }
        let SampleCount(count) = SampleCount::arg(args)?;
        let with_scores = match args.take_rest() {
            [] => false,
            [word] if is_token(word, "WITHSCORES") => true,
            _ => return Err(ReplyError::SYNTAX),
        };
        if with_scores && count.unsigned_abs() > (i64::MAX as u64) / 2 {
            return Err(ReplyError::OUT_OF_RANGE);
        }
        Ok(Self { key, count: Some(count), with_scores })
    }
}

/// Members by chance.
pub enum Sampled<'c> {
    One(Option<&'c [u8]>),
    /// The members of these ranks.
    Some {
        zset: &'c ZSet,
        ranks: Vec<usize>,
        with_scores: bool,
    },
    /// So many, each drawn from all.
    Repeated {
        zset: &'c ZSet,
        count: usize,
        rng: Rng,
        with_scores: bool,
    },
    Nothing,
}

impl Reply for Sampled<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::One(member) => member.write(writer),
            Self::Nothing => writer.array(0),
            Self::Some { zset, ranks, with_scores } => {
                open(writer, ranks.len(), with_scores);
                ranks.into_iter().for_each(|rank| write_at(writer, zset, rank, with_scores));
            }
            Self::Repeated { zset, count, mut rng, with_scores } => {
                open(writer, count, with_scores);
                for _ in 0..count {
                    if writer.overflowed() {
                        break;
                    }
                    write_at(writer, zset, sample::below(rng.draw(), zset.len()), with_scores);
                }
            }
        }
    }
}

fn write_at(writer: &mut Writer<'_>, zset: &ZSet, rank: usize, with_scores: bool) {
    let Some((member, score)) = zset.at(rank) else { return };
    if with_scores {
        writer.pair();
    }
    writer.bulk(member);
    if with_scores {
        writer.double(score);
    }
}

fn open(writer: &mut Writer<'_>, len: usize, with_scores: bool) {
    if with_scores { writer.pairs(len) } else { writer.array(len) }
}

pub fn zrandmember<'c>(call: &'c mut Call<'_>, args: Zrandmember<'_>) -> Result<Sampled<'c>> {
    let bounded = call.is_bounded();
    let mut rng = Rng::new(call.server.rng.draw());
    let Some(zset) = call.keys.read::<ZSet>(&args.key)? else {
        return Ok(if args.count.is_some() { Sampled::Nothing } else { Sampled::One(None) });
    };
    let Some(count) = args.count else {
        return Ok(Sampled::One(zset.at(sample::below(rng.draw(), zset.len())).map(|(member, _)| member)));
    };
    let with_scores = args.with_scores;
    Ok(match Sampling::of(count, bounded)? {
        Sampling::Distinct(count) => {
            let ranks = sample::distinct(zset.len(), count, &mut || rng.draw())?;
            Sampled::Some { zset, ranks, with_scores }
        }
        Sampling::Repeated(count) => Sampled::Repeated { zset, count, rng, with_scores },
    })
}

/// The integer that Redis's small form keeps in the place of a score, which ZSCAN shows without an exponent.
fn whole(score: f64) -> Option<i64> {
    const MOST: f64 = (1u64 << 62) as f64;
    let whole = score as i64;
    (score.abs() <= MOST && whole as f64 == score).then_some(whole)
}

/// The cursor to go on with, and members with scores. One that is there from the first step to the last is told at least once.
pub fn zscan<'c>(call: &'c mut Call<'_>, args: ScanStep<'c>) -> Result<impl Reply + use<'c>> {
    let found = call.keys.read::<ZSet>(&args.key)?;
    let found = found.map(|zset| args.options().map(|options| (zset, options))).transpose()?;
    Ok(With(move |writer: &mut Writer<'_>| {
        let (at, mut words, mut cursor) = (writer.defer(), 0usize, 0);
        if let Some((zset, (pattern, count))) = found {
            let small = zset.is_small();
            cursor = zset.scan(args.cursor.0, count, &mut |member, score| {
                if pattern.is_none_or(|pattern| pattern.fits(member)) {
                    writer.bulk(member);
                    match whole(score).filter(|_| small) {
                        Some(whole) => writer.bulk_int(whole),
                        None => writer.bulk_double(score),
                    }
                    words = words.saturating_add(2);
                }
            });
        }
        writer.close_scan(at, cursor, words);
    }))
}
