//! Word of changes: how L1 learns that Redis holds something else by now.
//!
//! - **Tracking** (`CLIENT TRACKING`): the node remembers what was read on this connection and tells when it changes. Its pushes come in order with the
//!   replies, so a value is not in L1 before its change can be told.
//! - **By prefix** (`BCAST`, [`Options::broadcast`](super::Options)): the node remembers nothing and tells every change below the prefixes; other keys are
//!   fresh for `l1_max_ttl` only.
//! - **Backplane** ([`Options::backplane`](super::Options)), where the node knows no tracking: tiers tell each other over a channel which keys they wrote.
//!   Nobody else's writes are told, so `l1_max_ttl` bounds freshness as before. Messages name keys, never values.
//!
//! Bursts are not gathered, in neither direction. Word that comes in has its effect at once: a reply that was asked for before it must not be kept, and who
//! heard of it must not be given the older value; it is no event either, so there is nobody to spare. Word that goes out follows its write in the same pipeline,
//! where gathering would save bytes and cost every reader elsewhere the time of it; a namespace is one message as it is.

use super::action::{Action, NodeId, Notice, Words};
use super::clear::TAG_PREFIX;
use super::machine::{Kind, Machine, Timer, words};
use super::state::Tracking;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// What a message of the backplane is about.
#[derive(Clone, Copy)]
pub(super) enum Change<'a> {
    Key(&'a [u8]),
    Below(&'a [u8]),
    All,
}

impl Machine {
    /// Whether the node tells changes, of the keys that it is to tell them of.
    pub fn is_tracking(&self, node: NodeId) -> bool {
        self.options.exclusive || self.nodes.get(usize::from(node)).is_some_and(|node| node.tracking == Tracking::Armed)
    }

    /// Whether the change of a key is told, whoever makes it.
    pub(super) fn tells(&self, key: &[u8]) -> bool {
        let prefixes = &self.options.broadcast;
        let covered = prefixes.is_empty() || key.starts_with(TAG_PREFIX) || prefixes.iter().any(|prefix| key.starts_with(prefix));
        self.is_tracking(self.route(key)) && (covered || self.options.exclusive)
    }

    /// Whether the change of a key is told only to those who read it since its last change.
    pub(super) fn tells_readers(&self) -> bool {
        self.options.broadcast.is_empty() && !self.options.exclusive
    }

    fn arm_words(&self) -> Words {
        let mut command = words(&[b"CLIENT", b"TRACKING", b"ON", b"NOLOOP"]);
        if !self.options.broadcast.is_empty() {
            command.push(b"BCAST".to_vec());
            // Redis refuses those that overlap.
            let mut prefixes: Vec<&[u8]> = vec![TAG_PREFIX];
            for prefix in &self.options.broadcast {
                if !prefixes.iter().any(|wider| prefix.starts_with(wider)) {
                    prefixes.retain(|other| !other.starts_with(prefix));
                    prefixes.push(prefix);
                }
            }
            command.extend(prefixes.iter().flat_map(|prefix| [b"PREFIX".to_vec(), prefix.to_vec()]));
        }
        command
    }

    /// Before the first read: replies come in the order of requests, so nothing is kept that was read untracked.
    pub(super) fn arm(&mut self, node: NodeId) {
        if self.options.tracking && !self.options.exclusive {
            let command = self.arm_words();
            self.send(node, vec![command], Kind::Arm, Some(self.options.read_hard));
        } else {
            self.listen(node);
            self.settled(node);
        }
    }

    pub(super) fn armed(&mut self, node: NodeId, replies: &[Value]) {
        let works = matches!(replies, [reply] if reply.as_bytes() == Some(b"OK"));
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.tracking = if works { Tracking::Armed } else { Tracking::No };
        }
        if !works {
            self.listen(node);
        }
        self.tell(if works { Notice::TrackingRestored { node } } else { Notice::TrackingUnsupported { node } });
        self.settled(node);
    }

    /// The connection is of no use: another is sought.
    pub(super) fn arm_failed(&mut self, node: NodeId) {
        let open = self.nodes.get(usize::from(node)).is_some_and(|state| state.link.is_open());
        if open && self.state_of(node).is_online() {
            self.act(Action::Disconnect { node });
            self.drop_link(node);
            let wait = self.options.read_soft;
            self.after(wait, Timer::Reconnect(node));
        }
    }

    // ---- the backplane ----------------------------------------------------------------------------------------------------------

    /// Where changes are not told: listens to what other tiers say. Replies come in order, so before the first read as well.
    fn listen(&mut self, node: NodeId) {
        if let Some(channel) = self.options.backplane.clone() {
            self.send(node, vec![words(&[b"SUBSCRIBE", &channel])], Kind::Late, None);
        }
    }

    /// Tells other tiers of an own write, after it on the same connection.
    pub(super) fn announce(&mut self, node: NodeId, change: Change<'_>) {
        let Some(channel) = self.options.backplane.clone() else { return };
        if self.is_tracking(node) {
            return;
        }
        let (kind, what): (&[u8], &[u8]) = match change {
            Change::Key(key) => (b"k", key),
            Change::Below(prefix) => (b"p", prefix),
            Change::All => (b"a", b""),
        };
        let message = [format!("{:016x}", self.name).as_bytes(), kind, what].concat();
        self.send(node, vec![words(&[b"PUBLISH", &channel, &message])], Kind::Late, None);
    }

    /// A message of the backplane came.
    pub fn told(&mut self, now: Millis, node: NodeId, message: &[u8]) {
        self.enter(now);
        self.heard(node);
        let Some((sender, rest)) = message.split_first_chunk::<16>() else { return };
        // One's own come back too.
        if sender[..] == format!("{:016x}", self.name).into_bytes() {
            return;
        }
        match rest.split_first() {
            Some((b'k', key)) => self.invalidate(key),
            Some((b'p', prefix)) => {
                self.spoil_where(|key| key.starts_with(prefix));
                self.l1.remove_where(|key| key.starts_with(prefix));
            }
            Some((b'a', _)) => self.invalidate_all(node),
            _ => {}
        }
    }

    // ---- what changed -----------------------------------------------------------------------------------------------------------

    /// Somebody changed keys, or all keys where there is no list.
    pub fn invalidated(&mut self, now: Millis, node: NodeId, keys: Option<&[Vec<u8>]>) {
        self.enter(now);
        self.heard(node);
        match keys {
            Some(keys) => keys.iter().for_each(|key| self.invalidate(key)),
            None => self.invalidate_all(node),
        }
    }

    /// A key's value is not what it was: L1 forgets it, and nothing that was asked before is kept.
    fn invalidate(&mut self, key: &[u8]) {
        self.spoil(key);
        self.l1.remove(key);
        self.tags.forget(key);
    }

    fn invalidate_all(&mut self, node: NodeId) {
        let routes = self.routes.clone();
        self.spoil_where(|key| routes.node(key) == node);
        self.l1.remove_where(|key| routes.node(key) == node);
        self.tags.forget_all();
    }
}
