//! Sorted sets of a [`Cache`].
//!
//! ```
//! use cachette::Cache;
//!
//! let mut cache = Cache::new();
//! cache.zadd(b"scores", &[(250.0, b"ada"), (310.0, b"grace"), (180.0, b"edsger")])?;
//! assert_eq!(cache.zincr_by(b"scores", b"edsger", 150.0)?, 330.0);
//!
//! let podium: Vec<(&[u8], f64)> = cache.zrevrange(b"scores", 0, 1)?.collect();
//! assert_eq!(podium, [(&b"edsger"[..], 330.0), (b"grace", 310.0)]);
//!
//! let above: Vec<&[u8]> = cache.zrange_by_score(b"scores", 300.0..)?.map(|(member, _)| member).collect();
//! assert_eq!(above, [&b"grace"[..], b"edsger"]);
//! assert_eq!(cache.zrank(b"scores", b"ada")?, Some(0));
//! # Ok::<(), cachette::ReplyError>(())
//! ```

use super::Cache;
use crate::command::args::{Key, Many};
use crate::command::zset::{self, Added, End, Entries, Rule};
use crate::command::zset_range::{self, ScoreBound, Span};
use crate::error::Result;
use crate::value::zset::ZSet;
use core::ops::{Bound, RangeBounds};

impl Cache {
    /// Gives members their scores; how many are new. O(log N) a member.
    ///
    /// # Errors
    /// `WRONGTYPE`; `ERR` for a score that is not a number; `OOM`.
    pub fn zadd(&mut self, key: &[u8], members: &[(f64, &[u8])]) -> Result<usize> {
        self.zadd_with(key, Rule::default(), members).map(|done| done.added)
    }

    /// As [`Cache::zadd`] under conditions: only new members, only to greater scores …; says what was done.
    ///
    /// # Errors
    /// `WRONGTYPE`; `ERR` for conditions that exclude each other, or a score that is not a number; `OOM`.
    pub fn zadd_with(&mut self, key: &[u8], rule: Rule, members: &[(f64, &[u8])]) -> Result<Added> {
        rule.check()?;
        self.growing_call(|call| zset::add(call, key, rule, &mut members.iter().map(|member| Ok(*member))))
    }

    /// Adds to the score of a member, 0 for a new one; the sum.
    ///
    /// # Errors
    /// `WRONGTYPE`; `ERR` where infinities cancel out; `OOM`.
    pub fn zincr_by(&mut self, key: &[u8], member: &[u8], increment: f64) -> Result<f64> {
        let args = zset::Zincrby { key: Key(key), increment, member };
        self.growing_call(|call| zset::zincrby(call, args)).map(Option::unwrap_or_default)
    }

    /// The score of a member. O(1).
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zscore(&mut self, key: &[u8], member: &[u8]) -> Result<Option<f64>> {
        self.call(|call| zset::zscore(call, zset::Zscore { key: Key(key), member }))
    }

    /// How many members come before this one in the order of scores. O(log N).
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zrank(&mut self, key: &[u8], member: &[u8]) -> Result<Option<usize>> {
        let args = zset::Zrank { key: Key(key), member, with_score: zset::WithScore(false) };
        let ranked = self.call(|call| zset::zrank(call, args))?;
        Ok(ranked.found.map(|(rank, _)| rank))
    }

    /// How many members come behind this one in the order of scores. O(log N).
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zrevrank(&mut self, key: &[u8], member: &[u8]) -> Result<Option<usize>> {
        let args = zset::Zrank { key: Key(key), member, with_score: zset::WithScore(false) };
        let ranked = self.call(|call| zset::zrevrank(call, args))?;
        Ok(ranked.found.map(|(rank, _)| rank))
    }

    /// How many members; 0 for a missing key.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zcard(&mut self, key: &[u8]) -> Result<usize> {
        self.call(|call| zset::zcard(call, zset::Zcard { key: Key(key) }))
    }

    /// Members and scores of a range of ranks, lowest score first; negative ranks count from the end. Borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zrange(&mut self, key: &[u8], start: i64, stop: i64) -> Result<impl ExactSizeIterator<Item = (&[u8], f64)>> {
        Ok(zset_range::members_of(self.keys(), key, Span::Ranks(start, stop), false, None)?.iter())
    }

    /// As [`Cache::zrange`], highest score first.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zrevrange(&mut self, key: &[u8], start: i64, stop: i64) -> Result<impl ExactSizeIterator<Item = (&[u8], f64)>> {
        Ok(zset_range::members_of(self.keys(), key, Span::Ranks(start, stop), true, None)?.iter())
    }

    /// Members with scores in a range, lowest first. O(log N), then O(1) a member. Borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zrange_by_score(
        &mut self,
        key: &[u8],
        scores: impl RangeBounds<f64>,
    ) -> Result<impl ExactSizeIterator<Item = (&[u8], f64)>> {
        let span =
            Span::Scores(score_bound(scores.start_bound(), f64::NEG_INFINITY), score_bound(scores.end_bound(), f64::INFINITY));
        Ok(zset_range::members_of(self.keys(), key, span, false, None)?.iter())
    }

    /// Removes members; how many there were.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zrem(&mut self, key: &[u8], members: &[&[u8]]) -> Result<usize> {
        self.call(|call| zset::zrem(call, zset::Zrem { key: Key(key), members: Many::new(members) }))
    }

    /// Removes up to `count` members, lowest scores first.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zpop_min(&mut self, key: &[u8], count: usize) -> Result<Entries> {
        self.call(|call| zset::pop(call, key, End::Min, count)).map(Option::unwrap_or_default)
    }

    /// Removes up to `count` members, highest scores first.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zpop_max(&mut self, key: &[u8], count: usize) -> Result<Entries> {
        self.call(|call| zset::pop(call, key, End::Max, count)).map(Option::unwrap_or_default)
    }

    /// The sorted set under a key, to be read: `iter`, `len`, `at`, borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn zset_of(&mut self, key: &[u8]) -> Result<Option<&ZSet>> {
        self.keys().read(key)
    }
}

/// A bound that is not a number shuts everything out.
fn score_bound(bound: Bound<&f64>, endless: f64) -> ScoreBound {
    match bound {
        Bound::Included(score) | Bound::Excluded(score) if score.is_nan() => ScoreBound { score: -endless, open: true },
        Bound::Included(score) => ScoreBound { score: *score, open: false },
        Bound::Excluded(score) => ScoreBound { score: *score, open: true },
        Bound::Unbounded => ScoreBound { score: endless, open: false },
    }
}
