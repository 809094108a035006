//! Replay: what the journal holds goes to Redis once it is back, not faster than it may, oldest first.
//!
//! A write of an outage may be older than what others wrote to Redis since. In an envelope its time decides, in Redis, by [`envelope::SCRIPT`].
//! Without one, the key is removed from Redis ([`Conflict::Invalidate`]), so that no one reads a value that may be the older one; or the value is set,
//! if so wanted. Writes behind a node that was up all the time are set as they are.
//!
//! Where the order of writes is to be kept across keys ([`Options::ordered`](super::Options)), one is on its way at a time: what was sent after a write that
//! was not done would be before it.

use super::Words;
use super::action::{Dropped, NodeId, Notice};
use super::clear::TAG_PREFIX;
use super::envelope;
use super::journal::{Op, Pending};
use super::machine::{Kind, Machine, error_in, words};
use super::options::Conflict;
use super::tracking::Change;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// How often replay goes on.
const STEP: Millis = 10;
/// The same where the next write is another node's, which tells when it is done.
const BEHIND_ANOTHER: Millis = 100;
/// Seconds' worth of tokens that may be saved up, as a share: one tenth.
const BURST: u64 = 10;

impl Machine {
    pub(super) fn has_journal(&self, node: NodeId) -> bool {
        self.journal.clears.iter().any(|clear| clear.node == node) || self.journal.keys().any(|key| self.routes.node(key) == node)
    }

    fn tokens(&mut self, node: NodeId) -> u64 {
        let (rate, now) = (self.options.replay_per_second.max(1), self.now);
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return 0 };
        let more = now.saturating_sub(state.counted).saturating_mul(rate) / 1000;
        if more > 0 {
            state.tokens = state.tokens.saturating_add(more).min((rate / BURST).max(1));
            state.counted = now;
        }
        state.tokens
    }

    /// Sends what it may, and comes again while there is more.
    pub(super) fn replay(&mut self, node: NodeId) {
        if !self.may_replay(node) {
            return;
        }
        self.replay_clears(node);
        let wait = if self.options.ordered && !self.is_backwards() { self.replay_next(node) } else { self.replay_batch(node) };
        if self.has_journal(node) {
            self.replay_again(node, wait);
        } else {
            self.recovered(node);
        }
    }

    fn replay_batch(&mut self, node: NodeId) -> Millis {
        let tokens = usize::try_from(self.tokens(node)).unwrap_or(usize::MAX);
        let routes = self.routes.clone();
        // What is written below a prefix that is being cleared comes after that.
        let waiting = self.journal.waiting().filter(|(key, _)| routes.node(key) == node && !self.is_clearing(key)).take(tokens);
        let mut batch: Vec<(Vec<u8>, Pending)> = waiting.map(|(key, pending)| (key.to_vec(), pending.clone())).collect();
        if self.is_backwards() {
            batch.reverse();
        }
        for (key, pending) in batch {
            self.replay_one(node, key, &pending);
        }
        STEP
    }

    fn is_backwards(&self) -> bool {
        #[cfg(feature = "tier-faults")]
        return self.broken == Some(super::Fault::ReplaysBackwards);
        #[cfg(not(feature = "tier-faults"))]
        false
    }

    /// Sends the oldest write of all, if it is this node's, nothing is on its way, and nothing waits to be cleared.
    fn replay_next(&mut self, node: NodeId) -> Millis {
        while let Some((key, pending)) = self.journal.first() {
            if self.routes.node(key) != node {
                return BEHIND_ANOTHER;
            }
            let (key, pending) = (key.to_vec(), pending.clone());
            if pending.call.is_some() || !self.journal.clears.is_empty() || self.tokens(node) == 0 {
                break;
            }
            self.replay_one(node, key, &pending);
        }
        STEP
    }

    /// Whether what is written now comes after all that waits in the journal.
    pub(super) fn waits_in_order(&self) -> bool {
        self.options.ordered && !self.journal.is_empty()
    }

    /// Sends what waits for a key, so that what is sent next comes after it.
    pub(super) fn replay_now(&mut self, node: NodeId, key: &[u8]) {
        self.journal.remove_earlier(key);
        if let Some(pending) = self.journal.get(key).filter(|pending| pending.call.is_none()).cloned() {
            self.replay_one(node, key.to_vec(), &pending);
        }
    }

    fn replay_one(&mut self, node: NodeId, key: Vec<u8>, pending: &Pending) {
        if let Op::Set { expires, .. } = &pending.op
            && *expires <= self.now
        {
            self.journal.settle(pending.issued);
            return self.drop_journaled(key, Dropped::Expired);
        }
        let command = self.replay_command(&key, pending);
        let place = pending.issued;
        self.spoil(&key);
        let timeout = Some(self.options.write_hard);
        let call = self.send(node, vec![command], Kind::Replay { key: key.clone(), place }, timeout);
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.tokens = state.tokens.saturating_sub(1);
        }
        self.announce(node, Change::Key(&key));
        if let Some(pending) = self.journal.at_mut(place) {
            pending.call = Some(call);
        }
    }

    fn replay_command(&self, key: &[u8], pending: &Pending) -> Words {
        let sealed = |tags: &[Vec<u8>]| self.options.envelope || !tags.is_empty();
        let written = self.on_wall(pending.written);
        match &pending.op {
            Op::Set { value, expires, tags, .. } => {
                let end = self.on_wall(*expires);
                let stored = if sealed(tags) { envelope::seal(written, end, tags, value) } else { value.clone() };
                let grace = if sealed(tags) { self.options.grace } else { 0 };
                let end = end.saturating_add(grace);
                if self.sets_plainly(key, pending) {
                    let mut set = words(&[b"SET", key, &stored]);
                    if end != u64::MAX {
                        set.extend([b"PXAT".to_vec(), format!("{end}").into_bytes()]);
                    }
                    set
                } else if sealed(tags) {
                    let deadline = if end == u64::MAX { 0 } else { end };
                    let deadline = format!("{deadline}").into_bytes();
                    words(&[b"EVAL", envelope::SCRIPT, b"1", key, &stored, &deadline, &envelope::moment(written)])
                } else {
                    words(&[b"UNLINK", key])
                }
            }
            Op::Remove if self.options.envelope && !pending.plain => {
                words(&[b"EVAL", envelope::SCRIPT, b"1", key, b"", b"0", &envelope::moment(written)])
            }
            Op::Remove => words(&[b"UNLINK", key]),
        }
    }

    /// Whether a journaled value is set whatever Redis holds.
    fn sets_plainly(&self, key: &[u8], pending: &Pending) -> bool {
        let sealed = match &pending.op {
            Op::Set { tags, .. } => self.options.envelope || !tags.is_empty(),
            Op::Remove => self.options.envelope,
        };
        pending.plain || key.starts_with(TAG_PREFIX) || (!sealed && self.options.conflict == Conflict::Overwrite)
    }

    pub(super) fn replayed(&mut self, key: &[u8], place: u64, replies: &[Value]) {
        // Our own write: Redis forgot that we read the key.
        self.l1.remove(key);
        let Some((_, pending)) = self.journal.settle(place) else { return };
        let is_set = matches!(pending.op, Op::Set { .. });
        let conflict = match replies.first() {
            Some(Value::Integer(done)) if self.options.envelope || is_set => {
                is_set && !self.sets_plainly(key, &pending) && *done != 1
            }
            _ => false,
        };
        let invalidated = is_set && !self.sets_plainly(key, &pending) && !self.is_sealed_op(&pending.op);
        if error_in(replies).is_some() {
            self.drop_journaled(key.to_vec(), Dropped::Refused);
        } else if conflict || invalidated {
            self.drop_journaled(key.to_vec(), Dropped::Conflict);
        } else {
            self.counters.replayed = self.counters.replayed.wrapping_add(1);
            self.tell(Notice::Replayed { key: key.to_vec() });
        }
        self.replay_on();
    }

    /// One is done: the next goes at once, where one goes at a time.
    fn replay_on(&mut self) {
        let next = self.journal.first().map(|(key, _)| self.route(key));
        if let Some(node) = next.filter(|node| self.options.ordered && !self.is_backwards() && self.serves(*node)) {
            self.replay_next(node);
        }
    }

    fn is_sealed_op(&self, op: &Op) -> bool {
        self.options.envelope || matches!(op, Op::Set { tags, .. } if !tags.is_empty())
    }
}
