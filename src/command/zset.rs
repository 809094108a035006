//! Sorted sets: members with scores, by rank, by score, by name. Unions and intersections are in `zset_algebra`.

use super::args::key_flags::*;
use super::args::{
    Arg, ArgKind, ArgSpec, Args, AtMost, Key, Limit, Many, Opt, Parse, SampleCount, Sampling, ScanStep, Sources, WithScores,
};
use super::args::{args, count_from, flag, is_token};
use super::reply::{Either, MaybeArray, Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Edit, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::rng::Rng;
use crate::value::Collection;
use crate::value::sample;
use crate::value::zset::{Change, Iter, MemberBound, ScoreRange, ZSet};
use alloc::vec::Vec;
use core::iter;
use core::ops::Range;

rows! {
    pub(super) static ROWS: SortedSet = [
        { "zadd", zadd as Zadd, since: "1.2.0", cost: "O(log N) a member, N members in the set", flags: [WRITE, DENYOOM, FAST], reply: Any,
          "Gives members their scores, adding those that are new; answers how many were added, or the new score with INCR." },
        { "zcard", zcard as Zcard, since: "1.2.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "How many members a sorted set has." },
        { "zcount", zcount as Zcount, since: "2.0.0", cost: "O(log N)", flags: [READONLY, FAST], reply: Integer,
          "How many members have scores in a range." },
        { "zincrby", zincrby as Zincrby, since: "1.2.0", cost: "O(log N)", flags: [WRITE, DENYOOM, FAST], reply: Double,
          "Adds to the score of a member, which is 0 for a new one; answers the new score." },
        { "zlexcount", zlexcount as Zlexcount, since: "2.8.9", cost: "O(log N)", flags: [READONLY, FAST], reply: Integer,
          "How many members lie in a range of names, where all scores are equal." },
        { "zmpop", zmpop as Zmpop, since: "7.0.0", cost: "O(K + M log N), K keys and M members popped", flags: [WRITE], reply: Any,
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
        { "zrange", zrange as Zrange, since: "1.2.0", cost: "O(log N + M), M members answered", flags: [READONLY], reply: Scored,
          "The members in a range of ranks, of scores or of names." },
        { "zrangebylex", zrangebylex as Zrangebylex, since: "2.8.9", cost: "O(log N + M), M members answered", flags: [READONLY],
          reply: Array(&Bulk),
          "The members in a range of names, where all scores are equal." },
        { "zrangebyscore", zrangebyscore as Zrangebyscore, since: "1.0.5", cost: "O(log N + M), M members answered", flags: [READONLY],
          reply: Scored,
          "The members in a range of scores." },
        { "zrangestore", zrangestore as Zrangestore, since: "6.2.0", cost: "O(log N + M log M), M members stored", flags: [WRITE, DENYOOM],
          reply: Integer,
          "Stores the members in a range as a sorted set of their own; answers how many." },
        { "zrank", zrank as Zrank, since: "2.0.0", cost: "O(log N)", flags: [READONLY, FAST], reply: Maybe(&Integer),
          "The place of a member, counted from 0 at the lowest score." },
        { "zrem", zrem as Zrem, since: "1.2.0", cost: "O(M log N), M members given", flags: [WRITE, FAST], reply: Integer,
          "Removes members; answers how many there were." },
        { "zremrangebylex", zremrangebylex as Zremrangebylex, since: "2.8.9", cost: "O(log N + M), M members removed", flags: [WRITE],
          reply: Integer,
          "Removes the members in a range of names, where all scores are equal; answers how many." },
        { "zremrangebyrank", zremrangebyrank as Zremrangebyrank, since: "2.0.0", cost: "O(log N + M), M members removed", flags: [WRITE],
          reply: Integer,
          "Removes the members in a range of ranks; answers how many." },
        { "zremrangebyscore", zremrangebyscore as Zremrangebyscore, since: "1.2.0", cost: "O(log N + M), M members removed", flags: [WRITE],
          reply: Integer,
          "Removes the members in a range of scores; answers how many." },
        { "zrevrange", zrevrange as Zrevrange, since: "1.2.0", cost: "O(log N + M), M members answered", flags: [READONLY], reply: Scored,
          "The members in a range of ranks counted from the highest score." },
        { "zrevrangebylex", zrevrangebylex as Zrevrangebylex, since: "2.8.9", cost: "O(log N + M), M members answered", flags: [READONLY],
          reply: Array(&Bulk),
          "The members in a range of names, last one first, where all scores are equal." },
        { "zrevrangebyscore", zrevrangebyscore as Zrevrangebyscore, since: "2.2.0", cost: "O(log N + M), M members answered",
          flags: [READONLY], reply: Scored,
          "The members in a range of scores, highest first." },
        { "zrevrank", zrevrank as Zrank, since: "2.0.0", cost: "O(log N)", flags: [READONLY, FAST], reply: Maybe(&Integer),
          "The place of a member, counted from 0 at the highest score." },
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
    fn opt(&mut self, word: &'a [u8], _: &mut Args<'a>) -> Result<bool> {
        let (nx, xx) = (is_token(word, "NX"), is_token(word, "XX"));
        self.nx |= nx;
        self.xx |= xx;
        Ok(nx || xx)
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
    fn opt(&mut self, word: &'a [u8], _: &mut Args<'a>) -> Result<bool> {
        let (gt, lt) = (is_token(word, "GT"), is_token(word, "LT"));
        self.gt |= gt;
        self.lt |= lt;
        Ok(gt || lt)
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
    let done = add(call, &args.key, rule, &mut iter::once(Ok(first)).chain(members.iter().skip(1)))?;
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
    Zrank<'a> { key: Key<'a, RO_ACCESS>, member: &'a [u8] }
}

pub fn zrank(call: &mut Call<'_>, args: Zrank<'_>) -> Result<Option<usize>> {
    let env = call.keys.env;
    let Some(zset) = call.keys.read::<ZSet>(&args.key)? else { return Ok(None) };
    Ok(zset.rank(&env, args.member).map(|(rank, _)| rank))
}

pub fn zrevrank(call: &mut Call<'_>, args: Zrank<'_>) -> Result<Option<usize>> {
    let env = call.keys.env;
    let Some(zset) = call.keys.read::<ZSet>(&args.key)? else { return Ok(None) };
    Ok(zset.rank(&env, args.member).map(|(rank, _)| zset.len().saturating_sub(rank).saturating_sub(1)))
}

// ---- ranges -----------------------------------------------------------------------------------------------------------------------------

/// One end of a range of scores: a number, with `(` before it if it is left out itself.
#[derive(Clone, Copy, Debug)]
pub struct ScoreBound {
    pub score: f64,
    pub open: bool,
}

impl ScoreBound {
    fn parse(word: &[u8]) -> Result<Self> {
        let (open, number) = match word {
            [b'(', number @ ..] => (true, number),
            number => (false, number),
        };
        let score = number::parse_bound(number).filter(|score| !score.is_nan()).ok_or(ReplyError::SCORE_BOUND)?;
        Ok(Self { score, open })
    }
}

impl<'a> Arg<'a> for ScoreBound {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Double);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Self::parse(args.word()?)
    }
}

/// One end of a range of names: `[name`, `(name` if it is left out itself, `-` and `+` for the ends of all names.
fn member_bound(word: &[u8]) -> Result<MemberBound<'_>> {
    match word {
        [b'[', member @ ..] => Ok(MemberBound::Closed(member)),
        [b'(', member @ ..] => Ok(MemberBound::Open(member)),
        // As in Redis, what follows a zero byte does not count.
        [b'-'] | [b'-', 0, ..] => Ok(MemberBound::Least),
        [b'+'] | [b'+', 0, ..] => Ok(MemberBound::Most),
        _ => Err(ReplyError::MEMBER_BOUND),
    }
}

impl<'a> Arg<'a> for MemberBound<'a> {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::String);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        member_bound(args.word()?)
    }
}

/// A range of a sorted set, not yet looked up.
#[derive(Clone, Copy, Debug)]
pub enum Span<'a> {
    /// First and last rank; negative ones count from the end.
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    Members(MemberBound<'a>, MemberBound<'a>),
}

impl Span<'_> {
    /// The ranks in the order of scores. `reverse`: ranks are counted from the highest score.
    fn ranks(&self, zset: &ZSet, reverse: bool) -> Range<usize> {
        match *self {
            Self::Ranks(first, last) => {
                let ranks = clamp(first, last, zset.len());
                if reverse { zset.len().saturating_sub(ranks.end)..zset.len().saturating_sub(ranks.start) } else { ranks }
            }
            Self::Scores(min, max) => {
                zset.ranks_of_scores(&ScoreRange { min: min.score, max: max.score, min_open: min.open, max_open: max.open })
            }
            Self::Members(min, max) => zset.ranks_of_members(min, max, reverse),
        }
    }
}

/// First and last index, negative ones counted from the end, as a range within `len`.
fn clamp(first: i64, last: i64, len: usize) -> Range<usize> {
    // `None` for what lies before the first. Where a word has 32 bits, an index may be too large as well as negative.
    let from_start = |index: i64| {
        let size = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
        if index < 0 { len.checked_sub(size) } else { Some(size) }
    };
    let start = from_start(first).unwrap_or(0).min(len);
    let end = from_start(last).map_or(0, |last| last.saturating_add(1)).min(len);
    start..end.max(start)
}

/// What is left of a range of ranks after `LIMIT offset count`.
fn limit(ranks: Range<usize>, reverse: bool, Limit::Limit(offset, count): Limit) -> Range<usize> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(ranks.len());
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(ranks.len().saturating_sub(offset));
    if reverse {
        let end = ranks.end.saturating_sub(offset);
        end.saturating_sub(count)..end
    } else {
        let start = ranks.start.saturating_add(offset);
        start..start.saturating_add(count)
    }
}

/// Members of a sorted set, with their scores if those were asked for.
pub struct Members<'c> {
    zset: Option<&'c ZSet>,
    ranks: Range<usize>,
    reverse: bool,
    with_scores: bool,
}

impl<'c> Members<'c> {
    /// Members and scores in the order of `reverse`.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'c [u8], f64)> + use<'c> {
        let forward = self.zset.map(|zset| zset.iter(self.ranks.clone()));
        Ordered { entries: forward, reverse: self.reverse }
    }
}

struct Ordered<'c> {
    entries: Option<Iter<'c>>,
    reverse: bool,
}

impl<'c> Iterator for Ordered<'c> {
    type Item = (&'c [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let entries = self.entries.as_mut()?;
        if self.reverse { entries.next_back() } else { entries.next() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.entries.as_ref().map_or(0, ExactSizeIterator::len);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Ordered<'_> {}

impl Reply for Members<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        write_members(writer, self.with_scores, self.iter());
    }
}

/// Writes members, with their scores if asked.
pub(super) fn write_members<M: AsRef<[u8]>>(
    writer: &mut Writer<'_>,
    with_scores: bool,
    members: impl ExactSizeIterator<Item = (M, f64)>,
) {
    if !with_scores {
        writer.array(members.len());
        members.for_each(|(member, _)| writer.bulk(member.as_ref()));
        return;
    }
    writer.pairs(members.len());
    for (member, score) in members {
        writer.pair();
        writer.bulk(member.as_ref());
        writer.double(score);
    }
}

/// By what a range is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    #[default]
    Rank,
    Score,
    Lex,
}

/// The options that follow a range.
#[derive(Clone, Copy, Debug, Default)]
pub struct RangeOptions {
    pub by: By,
    pub reverse: bool,
    pub limit: Option<Limit>,
    pub with_scores: bool,
}

/// Which of the options a command takes beside LIMIT.
struct Takes {
    /// BYSCORE, BYLEX, REV.
    kind: bool,
    scores: bool,
}

impl RangeOptions {
    /// `self` holds what the command's name says already.
    fn parse(mut self, args: &mut Args<'_>, takes: Takes) -> Result<Self> {
        let (mut kind, mut turn) = (takes.kind, takes.kind);
        while let Ok(word) = args.word() {
            if takes.scores && is_token(word, "WITHSCORES") {
                self.with_scores = true;
            } else if args.remaining() >= 2 && is_token(word, "LIMIT") {
                self.limit = Some(Limit::Limit(i64::arg(args)?, i64::arg(args)?));
            } else if turn && is_token(word, "REV") {
                (self.reverse, turn) = (true, false);
            } else if kind && is_token(word, "BYSCORE") {
                (self.by, kind) = (By::Score, false);
            } else if kind && is_token(word, "BYLEX") {
                (self.by, kind) = (By::Lex, false);
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        // A count of -1 is as good as no LIMIT.
        if self.by == By::Rank && self.limit.is_some_and(|Limit::Limit(_, count)| count != -1) {
            return Err(ReplyError::err("syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"));
        }
        if self.by == By::Lex && self.with_scores {
            return Err(ReplyError::err("syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        Ok(self)
    }

    /// The range from `first` to `last` as the client wrote them; backwards, the higher end comes first.
    fn span<'a>(&self, first: &'a [u8], last: &'a [u8]) -> Result<Span<'a>> {
        let (min, max) = if self.reverse { (last, first) } else { (first, last) };
        match self.by {
            By::Rank => {
                let index = |word| number::parse_i64(word).ok_or(ReplyError::NOT_INTEGER);
                Ok(Span::Ranks(index(first)?, index(last)?))
            }
            By::Score => Ok(Span::Scores(ScoreBound::parse(min)?, ScoreBound::parse(max)?)),
            By::Lex => Ok(Span::Members(member_bound(min)?, member_bound(max)?)),
        }
    }

    fn ranks(&self, zset: &ZSet, span: Span<'_>) -> Range<usize> {
        let ranks = span.ranks(zset, self.reverse);
        match self.limit.filter(|_| self.by != By::Rank) {
            Some(given) => limit(ranks, self.reverse, given),
            None => ranks,
        }
    }
}

const SORT_BY: ArgSpec = ArgSpec::choice(&[token("byscore", "BYSCORE"), token("bylex", "BYLEX")]).named("sortby");
const REV: ArgSpec = token("rev", "REV").optional();
const LIMIT: ArgSpec = <Option<Limit> as Opt<'_>>::SPEC.named("limit");
const WITH_SCORES: ArgSpec = <WithScores as Opt<'_>>::SPEC.named("withscores");
const SCORE: ArgSpec = ArgSpec::new(ArgKind::Double);
const NAME: ArgSpec = ArgSpec::new(ArgKind::String);
const INDEX: ArgSpec = ArgSpec::new(ArgKind::Integer);

/// Declares the arguments of a range command: the names and kinds of the two ends, the options, and what the command's name says of them.
macro_rules! range_args {
    ($($(#[$meta:meta])* $name:ident { $first:ident, $last:ident: $kind:expr; $($option:expr),*; $options:expr, $takes:expr })*) => {$(
        $(#[$meta])*
        pub struct $name<'a> { pub key: Key<'a, RO_ACCESS>, pub $first: &'a [u8], pub $last: &'a [u8], pub options: RangeOptions }
        impl<'a> Parse<'a> for $name<'a> {
            const SPECS: &'static [ArgSpec] = &[
                <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key"),
                $kind.named(stringify!($first)),
                $kind.named(stringify!($last)),
                $($option),*
            ];
            fn parse(args: &mut Args<'a>) -> Result<Self> {
                let (key, $first, $last) = (Arg::arg(args)?, args.word()?, args.word()?);
                Ok(Self { key, $first, $last, options: $options.parse(args, $takes)? })
            }
        }
    )*};
}

const BY_SCORE: RangeOptions = RangeOptions { by: By::Score, reverse: false, limit: None, with_scores: false };
const BY_LEX: RangeOptions = RangeOptions { by: By::Lex, ..BY_SCORE };
const BY_RANK: RangeOptions = RangeOptions { by: By::Rank, ..BY_SCORE };
const SCORES_ONLY: Takes = Takes { kind: false, scores: true };

range_args! {
    Zrange { start, stop: NAME; SORT_BY, REV, LIMIT, WITH_SCORES; BY_RANK, Takes { kind: true, scores: true } }
    Zrevrange { start, stop: INDEX; WITH_SCORES; RangeOptions { reverse: true, ..BY_RANK }, SCORES_ONLY }
    Zrangebyscore { min, max: SCORE; WITH_SCORES, LIMIT; BY_SCORE, SCORES_ONLY }
    Zrevrangebyscore { max, min: SCORE; WITH_SCORES, LIMIT; RangeOptions { reverse: true, ..BY_SCORE }, SCORES_ONLY }
    // WITHSCORES is known to these two, and refused by a wording of its own.
    Zrangebylex { min, max: NAME; LIMIT; BY_LEX, SCORES_ONLY }
    Zrevrangebylex { max, min: NAME; LIMIT; RangeOptions { reverse: true, ..BY_LEX }, SCORES_ONLY }
}

fn range<'c>(call: &'c mut Call<'_>, key: &[u8], first: &[u8], last: &[u8], options: RangeOptions) -> Result<Members<'c>> {
    let span = options.span(first, last)?;
    let zset = call.keys.read::<ZSet>(key)?;
    let ranks = zset.map_or(0..0, |zset| options.ranks(zset, span));
    Ok(Members { zset, ranks, reverse: options.reverse, with_scores: options.with_scores })
}

pub fn zrange<'c>(call: &'c mut Call<'_>, args: Zrange<'_>) -> Result<Members<'c>> {
    range(call, &args.key, args.start, args.stop, args.options)
}

pub fn zrevrange<'c>(call: &'c mut Call<'_>, args: Zrevrange<'_>) -> Result<Members<'c>> {
    range(call, &args.key, args.start, args.stop, args.options)
}

pub fn zrangebyscore<'c>(call: &'c mut Call<'_>, args: Zrangebyscore<'_>) -> Result<Members<'c>> {
    range(call, &args.key, args.min, args.max, args.options)
}

pub fn zrevrangebyscore<'c>(call: &'c mut Call<'_>, args: Zrevrangebyscore<'_>) -> Result<Members<'c>> {
    range(call, &args.key, args.max, args.min, args.options)
}

pub fn zrangebylex<'c>(call: &'c mut Call<'_>, args: Zrangebylex<'_>) -> Result<Members<'c>> {
    range(call, &args.key, args.min, args.max, args.options)
}

pub fn zrevrangebylex<'c>(call: &'c mut Call<'_>, args: Zrevrangebylex<'_>) -> Result<Members<'c>> {
    range(call, &args.key, args.max, args.min, args.options)
}

/// A range as a typed caller gives it, the lower end first even if `reverse`. The members are lent.
///
/// # Errors
/// `WRONGTYPE`.
pub fn members_of<'c>(
    keys: &'c mut Keyspace,
    key: &[u8],
    span: Span<'_>,
    reverse: bool,
    limited: Option<Limit>,
) -> Result<Members<'c>> {
    let zset = keys.read::<ZSet>(key)?;
    let mut ranks = zset.map_or(0..0, |zset| span.ranks(zset, reverse));
    if let Some(limited) = limited {
        ranks = limit(ranks, reverse, limited);
    }
    Ok(Members { zset, ranks, reverse, with_scores: true })
}

/// Arguments of ZRANGESTORE.
pub struct Zrangestore<'a> {
    pub dst: Key<'a, OW_UPDATE>,
    pub src: Key<'a, RO_ACCESS>,
    pub min: &'a [u8],
    pub max: &'a [u8],
    pub options: RangeOptions,
}

impl<'a> Parse<'a> for Zrangestore<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, OW_UPDATE> as Arg<'a>>::SPEC.named("dst"),
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("src"),
        NAME.named("min"),
        NAME.named("max"),
        SORT_BY,
        REV,
        LIMIT,
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (dst, src, min, max) = (Arg::arg(args)?, Arg::arg(args)?, args.word()?, args.word()?);
        Ok(Self { dst, src, min, max, options: BY_RANK.parse(args, Takes { kind: true, scores: false })? })
    }
}

/// How many members were stored.
pub fn zrangestore(call: &mut Call<'_>, args: Zrangestore<'_>) -> Result<usize> {
    let span = args.options.span(args.min, args.max)?;
    let env = call.keys.env;
    let source = call.keys.read::<ZSet>(&args.src)?;
    let ranks = source.map_or(0..0, |zset| args.options.ranks(zset, span));
    let each = source.and_then(|zset| (zset.memory() as u64).checked_div(zset.len() as u64)).unwrap_or(0);
    call.keys.reserve(each.saturating_mul(ranks.len() as u64))?;
    // Redis knows how many there will be only where ranks are asked for.
    let known = if args.options.by == By::Rank { ranks.len() } else { 0 };
    let mut stored = ZSet::for_members(&env, known, 0);
    if let Some(ValueRef::ZSet(zset)) = call.keys.view(&args.src) {
        // In the order of scores, in which insertion is cheapest.
        for (member, score) in zset.iter(ranks) {
            stored.insert(&env, member, score)?;
        }
    }
    call.keys.store(&args.dst, stored, Class::ZSET, "zrangestore")
}

args! { Zcount<'a> { key: Key<'a, RO_ACCESS>, min: ScoreBound, max: ScoreBound } }

pub fn zcount(call: &mut Call<'_>, args: Zcount<'_>) -> Result<usize> {
    let span = Span::Scores(args.min, args.max);
    Ok(call.keys.read::<ZSet>(&args.key)?.map_or(0, |zset| span.ranks(zset, false).len()))
}

args! { Zlexcount<'a> { key: Key<'a, RO_ACCESS>, min: MemberBound<'a>, max: MemberBound<'a> } }

pub fn zlexcount(call: &mut Call<'_>, args: Zlexcount<'_>) -> Result<usize> {
    let span = Span::Members(args.min, args.max);
    Ok(call.keys.read::<ZSet>(&args.key)?.map_or(0, |zset| span.ranks(zset, false).len()))
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

/// Removes a range; how many there were.
fn remove_span(call: &mut Call<'_>, key: &[u8], span: Span<'_>, event: &'static str) -> Result<usize> {
    let Some(mut zset) = call.keys.edit::<ZSet>(key)? else { return Ok(0) };
    let env = zset.env;
    let ranks = span.ranks(&zset, false);
    let removed = zset.remove_ranks(&env, ranks);
    if removed > 0 {
        zset.changed(Class::ZSET, event);
    }
    Ok(removed)
}

args! { Zremrangebyrank<'a> { key: Key<'a, RW_DELETE>, start: i64, stop: i64 } }

pub fn zremrangebyrank(call: &mut Call<'_>, args: Zremrangebyrank<'_>) -> Result<usize> {
    remove_span(call, &args.key, Span::Ranks(args.start, args.stop), "zremrangebyrank")
}

args! { Zremrangebyscore<'a> { key: Key<'a, RW_DELETE>, min: ScoreBound, max: ScoreBound } }

pub fn zremrangebyscore(call: &mut Call<'_>, args: Zremrangebyscore<'_>) -> Result<usize> {
    remove_span(call, &args.key, Span::Scores(args.min, args.max), "zremrangebyscore")
}

args! { Zremrangebylex<'a> { key: Key<'a, RW_DELETE>, min: MemberBound<'a>, max: MemberBound<'a> } }

pub fn zremrangebylex(call: &mut Call<'_>, args: Zremrangebylex<'_>) -> Result<usize> {
    remove_span(call, &args.key, Span::Members(args.min, args.max), "zremrangebylex")
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
    let (ranks, event) = match end {
        End::Min => (0..count, "zpopmin"),
        End::Max => (len.saturating_sub(count)..len, "zpopmax"),
    };
    let mut entries = Entries::new();
    entries.try_reserve_exact(count).map_err(|_| ReplyError::MEMORY)?;
    let members = Members { zset: Some(&zset), ranks: ranks.clone(), reverse: end == End::Max, with_scores: true };
    entries.extend(members.iter().map(|(member, score)| (member.to_vec(), score)));
    if zset.remove_ranks(&env, ranks) > 0 {
        zset.changed(Class::ZSET, event);
    }
    Ok(Some(entries))
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
    for key in args.keys.0 {
        if let Some(entries) = pop(call, key, args.end, args.count.0.unwrap_or(1))? {
            return Ok(MaybeArray(Some(PoppedFrom { key, entries })));
        }
    }
    Ok(MaybeArray(None))
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
    let mut rng = Rng::new(call.server.rng.draw());
    let Some(zset) = call.keys.read::<ZSet>(&args.key)? else {
        return Ok(if args.count.is_some() { Sampled::Nothing } else { Sampled::One(None) });
    };
    let Some(count) = args.count else {
        return Ok(Sampled::One(zset.at(sample::below(rng.draw(), zset.len())).map(|(member, _)| member)));
    };
    let with_scores = args.with_scores;
    Ok(match Sampling::of(count)? {
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
