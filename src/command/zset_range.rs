//! Sorted sets: ranges of members, by rank, by score, by name.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Limit, Opt, Parse, WithScores};
use super::args::{args, is_token};
use super::reply::Reply;
use super::rows;
use super::zset::token;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::value::Collection;
use crate::value::zset::{Iter, MemberBound, ScoreRange, ZSet};
use core::ops::Range;

rows! {
    pub(super) static ROWS: SortedSet = [
        { "zcount", zcount as Zcount, since: "2.0.0", cost: "O(log N)", flags: [READONLY, FAST], reply: Integer,
          "How many members have scores in a range." },
        { "zlexcount", zlexcount as Zlexcount, since: "2.8.9", cost: "O(log N)", flags: [READONLY, FAST], reply: Integer,
          "How many members lie in a range of names, where all scores are equal." },
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
    ]
}

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
pub(super) const WITH_SCORES: ArgSpec = <WithScores as Opt<'_>>::SPEC.named("withscores");
const SCORE: ArgSpec = ArgSpec::new(ArgKind::Double);
const NAME: ArgSpec = ArgSpec::new(ArgKind::String);
pub(super) const INDEX: ArgSpec = ArgSpec::new(ArgKind::Integer);

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

// ---- removing -------------------------------------------------------------------------------------------------------------------------

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
