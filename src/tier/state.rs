//! A node's states: its connection, its breaker, its tracking, its epoch.
//!
//! ```text
//!              soft timeouts            breaker opens, or silence
//!        UP ◄──────────────► SLOW ─────────────────────┐
//!        ▲                                             ▼
//!        │ journal is empty               ┌────────► DOWN
//!   RECOVERING ◄── three good probes ── PROBING ◄──────┘ after a while
//! ```
//!
//! The **epoch** of a node is raised when its connection is lost, because nobody tells then what changed. Entries of L1 carry the epoch in which they
//! were read, and are of an old one from then on: readable while the node is down, read anew before they are given out once it is back.

use super::action::{Action, CallId, NodeId, Notice, State, Words};
use super::breaker::Breaker;
use super::machine::{Call, Kind, Machine, Timer, TimerKey, words};
use super::options::Options;
use crate::time::Millis;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

/// The connection to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Closed,
    Opening { timer: TimerKey },
    Open,
}

impl Link {
    pub fn is_open(self) -> bool {
        self == Self::Open
    }
}

/// Whether the node tells what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tracking {
    No,
    Armed,
}

pub(super) struct Node {
    pub state: State,
    pub link: Link,
    pub epoch: u32,
    pub tracking: Tracking,
    /// Commands were run in this process in its place.
    pub ran_here: bool,
    pub breaker: Breaker,
    /// Calls for which there is no connection yet.
    pub waiting: VecDeque<(CallId, Vec<Words>)>,
    /// What the node said when it let nobody in.
    pub refusal: Option<Vec<u8>>,
    /// The refusal that was told last.
    told: Option<Vec<u8>>,
    heard: Millis,
    good_probes: u32,
    /// Attempts to connect since the last connection.
    attempts: u32,
    slow: u32,
    /// The node left the cluster.
    pub retired: bool,
    replay_timer: bool,
    /// Tokens of replay, and when they were counted.
    pub tokens: u64,
    pub counted: Millis,
}

const GOOD_PROBES: u32 = 3;
/// Soft timeouts that make a node SLOW, and quick answers that end it.
const SLOW_AFTER: u32 = 3;

impl Machine {
    /// One more node; its number.
    pub fn add_node(&mut self) -> NodeId {
        let epoch = self.new_epoch();
        self.nodes.push(Node {
            state: State::Up,
            link: Link::Closed,
            epoch,
            tracking: Tracking::No,
            ran_here: false,
            breaker: Breaker::default(),
            waiting: VecDeque::new(),
            refusal: None,
            told: None,
            heard: 0,
            good_probes: 0,
            attempts: 0,
            slow: 0,
            retired: false,
            replay_timer: false,
            tokens: 0,
            counted: 0,
        });
        let node = (self.nodes.len() as NodeId).wrapping_sub(1);
        self.clear_restored(node);
        node
    }

    /// Gives a range of hash slots to a node: what keys of it hold in L1 is of an old epoch, since it was read elsewhere.
    pub fn assign_slots(&mut self, first: u16, last: u16, node: NodeId) {
        self.routes.assign(first, last, node);
    }

    /// The node left: it is not connected to any more.
    pub fn retire_node(&mut self, now: Millis, node: NodeId) {
        self.enter(now);
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if !core::mem::replace(&mut state.retired, true) {
            self.go_down(node);
        }
    }

    /// Whether the node left.
    pub fn is_retired(&self, node: NodeId) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(|node| node.retired)
    }

    /// Seeks a connection to a node.
    pub fn start(&mut self, now: Millis, node: NodeId) {
        self.enter(now);
        let every = self.options.ping_every;
        self.after(every, Timer::Ping(node));
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.retired = false;
        }
        if self.state_of(node) == State::Down {
            self.probe(node);
        }
        self.connect(node);
    }

    /// A node's master is another one now (Sentinel, a failover): what L1 holds of it may be lacking there.
    pub fn master_switched(&mut self, now: Millis, node: NodeId) {
        self.enter(now);
        self.drop_link(node);
        self.act(Action::Disconnect { node });
        match self.state_of(node) {
            // It is another server than the one that did not answer.
            State::Down | State::Probing => {
                self.set_state(node, State::Down);
                self.probe(node);
            }
            _ => self.connect(node),
        }
    }

    fn new_epoch(&mut self) -> u32 {
        self.epochs = self.epochs.wrapping_add(1).max(1);
        self.epochs
    }

    fn next_epoch(&mut self, node: NodeId) -> u32 {
        #[cfg(feature = "tier-faults")]
        if self.broken == Some(super::Fault::KeepsEpoch) {
            return self.epoch_of(node);
        }
        let _ = node;
        self.new_epoch()
    }

    pub fn state_of(&self, node: NodeId) -> State {
        self.nodes.get(usize::from(node)).map_or(State::Down, |node| node.state)
    }

    pub(super) fn epoch_of(&self, node: NodeId) -> u32 {
        self.nodes.get(usize::from(node)).map_or(super::l1::NEVER, |node| node.epoch)
    }

    pub fn route(&self, key: &[u8]) -> NodeId {
        self.routes.node(key)
    }

    fn set_state(&mut self, node: NodeId, to: State) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        let from = core::mem::replace(&mut state.state, to);
        if from != to {
            self.tell(Notice::State { node, from, to });
        }
    }

    // ---- connections ------------------------------------------------------------------------------------------------------------

    pub(super) fn connect(&mut self, node: NodeId) {
        let wait = self.options.connect_timeout;
        let Some(state) = self.nodes.get(usize::from(node)) else { return };
        if state.link != Link::Closed || state.state == State::Down || state.retired {
            return;
        }
        let timer = self.after(wait, Timer::ConnectTimeout(node));
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.link = Link::Opening { timer };
        }
        self.act(Action::Connect { node });
    }

    /// A connection is open, authenticated, and speaks RESP3 if it can.
    pub fn connected(&mut self, now: Millis, node: NodeId) {
        self.enter(now);
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        let Link::Opening { timer } = state.link else { return };
        (state.link, state.heard, state.attempts, state.refusal) = (Link::Open, now, 0, None);
        self.cancel_timer(Some(timer));
        if self.state_of(node) == State::Probing {
            self.send_probe(node);
        } else {
            self.arm(node);
            self.send_waiting(node);
        }
    }

    /// No connection came about; with the words of a server that refuses this client, if that is why.
    pub fn connect_failed(&mut self, now: Millis, node: NodeId, refusal: Option<&[u8]>) {
        self.enter(now);
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        let Link::Opening { timer } = state.link else { return };
        (state.link, state.refusal) = (Link::Closed, None);
        self.cancel_timer(Some(timer));
        if let Some(words) = refusal {
            self.refused(node, words.to_vec());
            if let Some(state) = self.nodes.get_mut(usize::from(node)) {
                state.refusal = Some(words.to_vec());
            }
            self.go_down(node);
            return;
        }
        self.not_connected(node);
    }

    pub(super) fn connect_timed_out(&mut self, node: NodeId) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if !matches!(state.link, Link::Opening { .. }) {
            return;
        }
        state.link = Link::Closed;
        self.act(Action::Disconnect { node });
        self.not_connected(node);
    }

    /// Tries again, soon at first, until the breaker opens.
    fn not_connected(&mut self, node: NodeId) {
        if self.state_of(node) == State::Probing {
            self.go_down(node);
            return;
        }
        self.node_failed(node);
        if self.state_of(node).is_online() {
            let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
            let wait = 10u64 << state.attempts.min(6);
            state.attempts = state.attempts.saturating_add(1);
            self.after(wait, Timer::Reconnect(node));
        }
    }

    /// The connection was lost.
    pub fn disconnected(&mut self, now: Millis, node: NodeId) {
        self.enter(now);
        let open = self.nodes.get(usize::from(node)).is_some_and(|state| state.link.is_open());
        if !open {
            return;
        }
        self.drop_link(node);
        match self.state_of(node) {
            State::Probing => self.go_down(node),
            State::Down => {}
            _ => {
                self.node_failed(node);
                if self.state_of(node).is_online() {
                    self.connect(node);
                }
            }
        }
    }

    /// The connection is gone: a new epoch begins, and all calls that were on their way fail.
    pub(super) fn drop_link(&mut self, node: NodeId) {
        let epoch = self.next_epoch(node);
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if let Link::Opening { timer } = state.link {
            self.cancel_timer(Some(timer));
        }
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        let tracked = core::mem::replace(&mut state.tracking, Tracking::No) == Tracking::Armed;
        (state.link, state.epoch) = (Link::Closed, epoch);
        self.tags.forget_all();
        if tracked {
            self.tell(Notice::TrackingLost { node });
        }
        let routes = self.routes.clone();
        self.journal.distrust(|key| routes.node(key) == node);
        let calls: Vec<CallId> =
            self.calls.iter().filter(|(_, call)| call.node == node && call.sent).map(|(id, _)| *id).collect();
        calls.into_iter().for_each(|id| self.give_up(id));
    }

    /// What waited for the connection goes now.
    fn send_waiting(&mut self, node: NodeId) {
        let now = self.now;
        let waiting = self.nodes.get_mut(usize::from(node)).map(|state| core::mem::take(&mut state.waiting));
        for (call, mut commands) in waiting.into_iter().flatten() {
            if self.calls.get(&call).is_some_and(Call::is_overtaken_retry) {
                self.give_up(call);
            } else if let Some(known) = self.calls.get_mut(&call) {
                if matches!(&known.kind, Kind::Write(writing) if !writing.is_command()) {
                    super::write::shorten(&mut commands, now.saturating_sub(known.sent_at));
                }
                (known.sent, known.sent_at) = (true, now);
                self.act(Action::Send { node, call, commands });
            }
        }
    }

    fn give_up(&mut self, id: CallId) {
        if let Some(call) = self.take_call(id) {
            self.call_failed(call, &[]);
        }
    }

    // ---- the way back up --------------------------------------------------------------------------------------------------------

    /// The connection serves: the journal goes out.
    pub(super) fn settled(&mut self, node: NodeId) {
        if self.has_journal(node) {
            self.start_replay(node);
        } else {
            self.recovered(node);
        }
    }

    pub(super) fn recovered(&mut self, node: NodeId) {
        if self.state_of(node) == State::Recovering {
            self.set_state(node, State::Up);
        }
    }

    // ---- life and death ---------------------------------------------------------------------------------------------------------

    pub(super) fn heard(&mut self, node: NodeId) {
        let now = self.now;
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.heard = now;
        }
    }

    pub(super) fn ping(&mut self, node: NodeId) {
        let Options { ping_every, silent_after, .. } = self.options;
        let Some(state) = self.nodes.get(usize::from(node)) else { return };
        if state.retired {
            return;
        }
        let mut next = ping_every;
        if state.link.is_open() && state.state != State::Down {
            let silent = self.now.saturating_sub(state.heard);
            if silent >= silent_after {
                self.go_down(node);
            } else {
                next = next.min(silent_after.saturating_sub(silent)).max(1);
                self.send(node, vec![words(&[b"PING"])], Kind::Ping, None);
            }
        }
        self.after(next, Timer::Ping(node));
    }

    pub(super) fn node_succeeded(&mut self, node: NodeId) {
        let now = self.now;
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        state.breaker.success(now, &self.options);
        if state.slow > 0 {
            state.slow = state.slow.saturating_sub(1);
            if state.slow == 0 && state.state == State::Slow {
                self.set_state(node, State::Up);
            }
        }
    }

    /// An answer took longer than readers with older values wait for.
    pub(super) fn node_is_slow(&mut self, node: NodeId) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        state.slow = state.slow.saturating_add(1).min(SLOW_AFTER.saturating_mul(3));
        if state.slow >= SLOW_AFTER && state.state == State::Up {
            self.set_state(node, State::Slow);
        }
    }

    pub(super) fn node_failed(&mut self, node: NodeId) {
        let now = self.now;
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if state.breaker.failure(now, &self.options) && state.state.is_online() {
            self.go_down(node);
        }
    }

    /// The server does not let us in, or not do it. Said once a cause.
    pub(super) fn refused(&mut self, node: NodeId, words: Vec<u8>) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if state.told.as_ref() != Some(&words) {
            state.told = Some(words.clone());
            self.tell(Notice::Configuration { node, words });
        }
    }

    /// Opens the breaker: the connection goes, whoever waits is served as well as it can be, and a probe comes later.
    pub(super) fn go_down(&mut self, node: NodeId) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if state.state == State::Down && !state.retired {
            return;
        }
        let wait = state.breaker.wait(&self.options, &mut self.rng);
        let retired = state.retired;
        self.set_state(node, State::Down);
        self.act(Action::Disconnect { node });
        self.drop_link(node);
        // What is to be sent again waits for as long as its caller does.
        let waiting = self.calls.iter().filter(|(_, call)| call.node == node && !call.is_retry());
        let waiting: Vec<CallId> = waiting.map(|(id, _)| *id).collect();
        waiting.into_iter().for_each(|id| self.give_up(id));
        if !retired {
            self.after(wait, Timer::Probe(node));
        }
    }

    pub(super) fn probe(&mut self, node: NodeId) {
        if self.state_of(node) != State::Down {
            return;
        }
        self.set_state(node, State::Probing);
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.good_probes = 0;
        }
        self.connect(node);
    }

    fn send_probe(&mut self, node: NodeId) {
        let commands = vec![words(&[b"PING"]), words(&[b"GET", b"cachette:probe"])];
        self.send(node, commands, Kind::Probe, Some(self.options.read_hard));
    }

    pub(super) fn probed(&mut self, node: NodeId) {
        let now = self.now;
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if state.state != State::Probing {
            return;
        }
        state.good_probes = state.good_probes.saturating_add(1);
        if state.good_probes < GOOD_PROBES {
            self.send_probe(node);
            return;
        }
        state.breaker.close(now);
        state.slow = 0;
        self.forget_here(node);
        self.set_state(node, State::Recovering);
        self.arm(node);
        self.send_waiting(node);
    }

    pub(super) fn probe_failed(&mut self, node: NodeId) {
        if self.state_of(node) == State::Probing {
            self.go_down(node);
        }
    }

    pub(super) fn start_replay(&mut self, node: NodeId) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if !core::mem::replace(&mut state.replay_timer, true) {
            self.after(0, Timer::Replay(node));
        }
    }

    /// The timer of replay fired; whether the node can be written to.
    pub(super) fn may_replay(&mut self, node: NodeId) -> bool {
        if let Some(state) = self.nodes.get_mut(usize::from(node)) {
            state.replay_timer = false;
        }
        self.serves(node)
    }

    /// Whether what is sent to a node leaves at once.
    pub(super) fn serves(&self, node: NodeId) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(|state| state.state.is_online() && state.link.is_open())
    }

    pub(super) fn replay_again(&mut self, node: NodeId, wait: Millis) {
        let Some(state) = self.nodes.get_mut(usize::from(node)) else { return };
        if !core::mem::replace(&mut state.replay_timer, true) {
            self.after(wait, Timer::Replay(node));
        }
    }

    /// Whether a call waits or is on its way.
    pub fn is_idle(&self) -> bool {
        self.calls.values().all(|call: &Call| matches!(call.kind, Kind::Ping | Kind::Late))
    }
}
