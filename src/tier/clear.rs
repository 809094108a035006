//! Many keys at once: namespaces, and tags.
//!
//! A **namespace** is a prefix. Clearing it removes its keys from Redis (SCAN, UNLINK, on every node), and with them the old copies in L1 and
//! the journaled writes that came before.
//!
//! A **tag** is invalidated by noting when: a value with tags (in an envelope, which says when it was written) counts only if no tag of it was
//! invalidated since. The moments stand in Redis under keys of their own, which are read and watched like any other.

use super::action::{Answer, Durability, Failure, NodeId, RequestId};
use super::journal::{Clear, Op};
use super::machine::{Kind, Machine, error_in, words};
use super::options::OnDown;
use super::tracking::Change;
use super::write::What;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

pub(super) type ClearId = u64;
pub(super) const TAG_PREFIX: &[u8] = b"cachette:tag:";
/// How long the mark of a tag stays in Redis: no value with that tag that was written before may outlive it.
const MARK_TTL: Millis = 30 * 24 * 3600 * 1000;
/// Keys that one SCAN looks at.
const SCAN: &[u8] = b"512";

/// A namespace that is being emptied.
#[derive(Debug)]
pub(super) struct ClearJob {
    request: Option<RequestId>,
    prefix: Vec<u8>,
    pub issued: u64,
    /// Nodes that are not done.
    nodes: Vec<NodeId>,
    cursor: Vec<u8>,
    count: u64,
    /// Counts scans; and calls of this one that are on their way.
    round: u64,
    removing: usize,
    /// What is not done now waits in the journal.
    journaled: bool,
    /// It comes out of the journal, for this node.
    replayed: Option<NodeId>,
}

/// When tags were invalidated, as far as is known.
#[derive(Default)]
pub(super) struct Tags {
    /// In Unix milliseconds; and until when that is known to be all, since Redis tells when it changes.
    marks: BTreeMap<Vec<u8>, (Millis, Millis)>,
}

impl Tags {
    pub fn unknown(&self, tag: &[u8], now: Millis) -> bool {
        self.marks.get(tag).is_none_or(|(_, until)| *until <= now)
    }

    fn learn(&mut self, tag: &[u8], moment: Millis, until: Millis) {
        let mark = self.marks.entry(tag.to_vec()).or_default();
        *mark = (mark.0.max(moment), until);
    }

    /// The key may be that of a mark which changed.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some(mark) = key.strip_prefix(TAG_PREFIX).and_then(|tag| self.marks.get_mut(tag)) {
            mark.1 = 0;
        }
    }

    pub fn forget_all(&mut self) {
        self.marks.values_mut().for_each(|mark| mark.1 = 0);
    }
}

pub(super) fn tag_key(tag: &[u8]) -> Vec<u8> {
    [TAG_PREFIX, tag].concat()
}

impl Machine {
    /// Whether tags let a value of that time of writing (Unix milliseconds) count. `None`: that is not known yet, where `strict` asks for it.
    pub(super) fn tags_allow(&self, tags: &[Vec<u8>], written: Millis, strict: bool) -> Option<bool> {
        let mark = |tag: &Vec<u8>| self.tags.marks.get(tag).map_or(0, |mark| mark.0);
        if tags.iter().any(|tag| mark(tag) >= written) {
            return Some(false);
        }
        if strict && tags.iter().any(|tag| self.tags.unknown(tag, self.now)) {
            return None;
        }
        Some(true)
    }

    pub(super) fn learn_mark(&mut self, tag: &[u8], moment: Millis) {
        let tracked = self.tells(&tag_key(tag));
        let until = if tracked { u64::MAX } else { self.now.saturating_add(super::read::UNTRACKED) };
        self.tags.learn(tag, moment, until);
    }

    /// Invalidates all values with a tag.
    pub fn invalidate_tag(&mut self, now: Millis, request: RequestId, tag: &[u8]) {
        self.enter(now);
        let (key, moment) = (tag_key(tag), self.on_wall(self.now));
        let node = self.route(&key);
        self.learn_mark(tag, moment);
        // What is being read or made has that tag, for all we know.
        self.spoil_where(|_| true);
        if !self.state_of(node).is_online() {
            self.journal_mark(&key);
            return self.answer(request, Answer::Written { durability: Durability::Journaled, count: 1 });
        }
        let (moment, ttl) = (format!("{moment}").into_bytes(), format!("{MARK_TTL}").into_bytes());
        let set = words(&[b"SET", &key, &moment, b"PX", &ttl]);
        // Read back, so that Redis tells when another process does the same.
        let commands = if self.tells(&key) && self.tells_readers() {
            vec![words(&[b"MULTI"]), set, words(&[b"GET", &key]), words(&[b"EXEC"])]
        } else {
            vec![set]
        };
        self.send_write(Some(request), node, vec![key], What::Mark, commands);
    }

    /// The mark of a tag goes to Redis when it is back.
    pub(super) fn journal_mark(&mut self, key: &[u8]) {
        let Some(tag) = key.strip_prefix(TAG_PREFIX) else { return };
        let moment = self.tags.marks.get(tag).map_or(0, |mark| mark.0);
        let expires = self.now.saturating_add(MARK_TTL);
        let op = Op::Set { value: format!("{moment}").into_bytes(), expires, fresh_until: expires, tags: Vec::new() };
        let issued = self.number();
        self.journal_write(None, key, op, issued, false);
    }

    /// Removes all keys that begin with `prefix`.
    pub fn clear(&mut self, now: Millis, request: RequestId, prefix: &[u8]) {
        self.enter(now);
        self.spoil_where(|key| key.starts_with(prefix));
        self.l1.remove_where(|key| key.starts_with(prefix));
        let nodes: Vec<NodeId> = (0..self.nodes.len() as NodeId).filter(|node| self.routes.uses(*node)).collect();
        let (online, offline): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| self.state_of(*node).is_online());
        if !offline.is_empty() && self.options.rule(prefix).0 == OnDown::Fail {
            return self.fail_request(request, Failure::Down);
        }
        self.journal.remove_below(prefix);
        let issued = self.number();
        for node in &offline {
            self.journal_clear(*node, prefix, issued);
        }
        if online.is_empty() {
            return self.answer(request, Answer::Written { durability: Durability::Journaled, count: 0 });
        }
        let clear = self.start_clear(Some(request), prefix.to_vec(), issued, online);
        if let Some(job) = self.clears.get_mut(&clear) {
            job.journaled = !offline.is_empty();
        }
    }

    /// What an earlier process had still to clear is cleared on every node that comes to be known.
    pub(super) fn clear_restored(&mut self, node: NodeId) {
        for prefix in self.journal.restored_clears.clone() {
            let issued = self.number();
            self.journal_clear(node, &prefix, issued);
        }
    }

    fn online_node(&self) -> Option<NodeId> {
        (0..self.nodes.len() as NodeId).find(|node| self.routes.uses(*node) && self.state_of(*node).is_online())
    }

    fn journal_clear(&mut self, node: NodeId, prefix: &[u8], issued: u64) {
        self.end_journaled_clear(node, prefix);
        self.log_clear(prefix);
        self.journal.clears.push(Clear { node, prefix: prefix.to_vec(), issued, running: false });
    }

    fn end_journaled_clear(&mut self, node: NodeId, prefix: &[u8]) {
        self.journal.clears.retain(|clear| clear.node != node || clear.prefix != prefix);
    }

    /// What waits below the prefix came after the clear, whose record must not take it along.
    fn log_clear(&mut self, prefix: &[u8]) {
        let Some(mut log) = self.journal.log.take() else { return };
        log.cleared(prefix);
        let later = self.journal.entries().filter(|(key, _)| key.starts_with(prefix));
        later.for_each(|(key, pending)| log.wrote(key, pending));
        self.journal.log = Some(log);
    }

    /// Once a prefix is cleared on every node, no later process is to clear it.
    fn log_done(&mut self, prefix: &[u8]) {
        let waits = self.journal.clears.iter().any(|clear| clear.prefix == prefix);
        if let Some(log) = self.journal.log.as_mut().filter(|_| !waits) {
            log.clear_done(prefix);
        }
    }

    /// Whether what Redis has of a key is to be removed before anything else is done with it.
    pub(super) fn is_clearing(&self, key: &[u8]) -> bool {
        let node = self.route(key);
        self.journal.clears.iter().any(|clear| clear.node == node && key.starts_with(&clear.prefix))
    }

    /// Whether a key is being cleared, or is to be, by what was asked for after `issued`.
    pub(super) fn is_cleared_after(&self, key: &[u8], issued: u64) -> bool {
        let running = self.clears.values().map(|job| (job.issued, &job.prefix));
        let waiting = self.journal.clears.iter().map(|clear| (clear.issued, &clear.prefix));
        running.chain(waiting).any(|(later, prefix)| later > issued && key.starts_with(prefix))
    }

    fn start_clear(&mut self, request: Option<RequestId>, prefix: Vec<u8>, issued: u64, nodes: Vec<NodeId>) -> ClearId {
        self.next_clear = self.next_clear.wrapping_add(1);
        let id = self.next_clear;
        let cursor = b"0".to_vec();
        let (count, round, removing) = (0, 0, 0);
        let job = ClearJob { request, prefix, issued, nodes, cursor, count, round, removing, journaled: false, replayed: None };
        self.clears.insert(id, job);
        self.scan(id);
        id
    }

    /// Does what waits in the journal.
    pub(super) fn replay_clears(&mut self, node: NodeId) {
        let waiting = self.journal.clears.iter_mut().filter(|clear| clear.node == node && !clear.running);
        let begun: Vec<(Vec<u8>, u64)> = waiting
            .map(|clear| {
                clear.running = true;
                (clear.prefix.clone(), clear.issued)
            })
            .collect();
        for (prefix, issued) in begun {
            let id = self.start_clear(None, prefix, issued, vec![node]);
            if let Some(job) = self.clears.get_mut(&id) {
                job.replayed = Some(node);
            }
        }
    }

    fn scan(&mut self, id: ClearId) {
        let Some(job) = self.clears.get(&id) else { return };
        let Some(node) = job.nodes.first().copied() else { return self.cleared(id) };
        let pattern = [&escaped(&job.prefix)[..], b"*"].concat();
        let command = words(&[b"SCAN", &job.cursor, b"MATCH", &pattern, b"COUNT", SCAN]);
        let timeout = Some(self.options.write_hard);
        self.send(node, vec![command], Kind::Scan(id), timeout);
    }

    pub(super) fn scanned(&mut self, id: ClearId, replies: &[Value]) {
        if let Some(error) = error_in(replies) {
            let failure = Failure::of_words(error);
            if let Some(request) = self.clears.remove(&id).and_then(|job| job.request) {
                self.fail_request(request, failure);
            }
            return;
        }
        let Some(job) = self.clears.get_mut(&id) else { return };
        let Some(node) = job.nodes.first().copied() else { return };
        let (cursor, found) = match replies.first() {
            Some(Value::Array(parts)) => (parts.first().and_then(Value::as_bytes), parts.get(1)),
            _ => (None, None),
        };
        job.cursor = cursor.unwrap_or(b"0").to_vec();
        let keys: Vec<Vec<u8>> = match found {
            Some(Value::Array(keys)) => keys.iter().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec)).collect(),
            _ => Vec::new(),
        };
        job.round = job.round.wrapping_add(1);
        let (round, all) = (job.round, keys.len().max(1));
        // One call a key in a cluster: a key that moved is sent on without the others.
        let each = if self.routes.is_cluster() { 1 } else { all };
        job.removing = all.div_ceil(each);
        if keys.is_empty() {
            return self.unlinked(id, round, &[], &[]);
        }
        keys.iter().for_each(|key| self.spoil(key));
        let timeout = Some(self.options.write_hard);
        for keys in keys.chunks(each) {
            let commands = keys.iter().map(|key| words(&[b"UNLINK", key])).collect();
            self.send(node, commands, Kind::Unlink(id, round, keys.to_vec()), timeout);
        }
    }

    pub(super) fn unlinked(&mut self, id: ClearId, round: u64, keys: &[Vec<u8>], replies: &[Value]) {
        keys.iter().for_each(|key| self.l1.remove(key));
        let count = replies.iter().filter_map(Value::as_integer).fold(0u64, |sum, one| sum.saturating_add(one.max(0) as u64));
        let Some(job) = self.clears.get_mut(&id) else { return };
        job.count = job.count.saturating_add(count);
        job.removing = job.removing.saturating_sub(usize::from(job.round == round));
        if job.round != round || job.removing > 0 {
            return;
        }
        if job.cursor == b"0" && !job.nodes.is_empty() {
            job.nodes.remove(0);
        }
        self.scan(id);
    }

    /// The first call of a round that fails is the failure of all.
    pub(super) fn unlink_failed(&mut self, id: ClearId, round: u64, node: NodeId) {
        if self.clears.get(&id).is_some_and(|job| job.round == round) {
            self.clear_failed(id, node);
        }
    }

    /// A node was lost in the middle: the rest is done when it is back.
    pub(super) fn clear_failed(&mut self, id: ClearId, node: NodeId) {
        let Some(job) = self.clears.get_mut(&id) else { return };
        let (prefix, issued) = (job.prefix.clone(), job.issued);
        job.nodes.retain(|other| *other != node);
        job.round = job.round.wrapping_add(1);
        (job.cursor, job.journaled, job.replayed) = (b"0".to_vec(), true, None);
        self.journal_clear(node, &prefix, issued);
        if self.state_of(node).is_online() {
            self.start_replay(node);
        }
        self.scan(id);
    }

    fn cleared(&mut self, id: ClearId) {
        let Some(job) = self.clears.remove(&id) else { return };
        // Any node of a cluster tells all.
        if let Some(node) = self.online_node() {
            self.announce(node, Change::Below(&job.prefix));
        }
        if let Some(node) = job.replayed {
            self.end_journaled_clear(node, &job.prefix);
            self.log_done(&job.prefix);
        }
        // Read from a node that was not through yet.
        self.spoil_where(|key| key.starts_with(&job.prefix));
        self.l1.remove_where(|key| key.starts_with(&job.prefix));
        if let Some(request) = job.request {
            let durability = if job.journaled { Durability::Journaled } else { Durability::L2 };
            self.answer(request, Answer::Written { durability, count: job.count });
        }
    }
}

/// A prefix as a pattern that matches it alone.
fn escaped(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::new();
    for byte in prefix {
        if b"*?[]\\^-".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}
