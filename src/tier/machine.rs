//! The machine: events in, actions out.
//!
//! It owns L1, the journal, and what is on its way. Whoever drives it (a shell with sockets, a simulation) calls one of its methods when something
//! happened, with the time; then takes actions until there are none. It never waits, and knows no clock but the moments that it is told: milliseconds
//! that never go backwards, counted from the Unix epoch at its start.

use super::action::{Action, Answer, CallId, Failure, Meta, NodeId, Notice, RequestId, State, Words};
use super::clear::{ClearId, ClearJob, Tags};
use super::flight::{FlightId, Flights};
use super::journal::Journal;
use super::l1::{Header, L1};
use super::lease::Lease;
use super::options::Options;
use super::route::Routes;
use super::state::Node;
use super::write::Writing;
use crate::resp::read::Value;
use crate::rng::Rng;
use crate::time::Millis;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// What happens at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A connection is sought once more.
    Reconnect(NodeId),
    ConnectTimeout(NodeId),
    /// The breaker lets a probe pass.
    Probe(NodeId),
    Ping(NodeId),
    /// Journaled writes are sent.
    Replay(NodeId),
    /// No answer came to a call.
    Call(CallId),
    Soft(FlightId),
    Hard(FlightId),
    FactorySoft(FlightId),
    FactoryHard(FlightId),
    /// Whoever waits for another process's lease asks again.
    Lease(FlightId),
}

pub(super) type TimerKey = (Millis, u64);

/// Commands on their way.
#[derive(Debug)]
pub(super) struct Call {
    pub node: NodeId,
    pub sent_at: Millis,
    /// False while it waits for a connection.
    pub sent: bool,
    pub timer: Option<TimerKey>,
    pub kind: Kind,
}

impl Call {
    /// A write whose outcome is unknown, which is sent once more.
    pub fn is_retry(&self) -> bool {
        matches!(&self.kind, Kind::Write(writing) if writing.unknown)
    }

    /// The same where the key was written meanwhile.
    pub fn is_overtaken_retry(&self) -> bool {
        matches!(&self.kind, Kind::Write(writing) if writing.unknown && writing.changed)
    }
}

/// What a call is for.
#[derive(Debug)]
pub(super) enum Kind {
    Arm,
    Probe,
    Ping,
    Read(FlightId),
    Marks(FlightId, Vec<Vec<u8>>),
    Write(Writing),
    Replay {
        key: Vec<u8>,
        place: u64,
    },
    Lease {
        flight: FlightId,
        request: RequestId,
        lease: Lease,
    },
    Scan(ClearId),
    /// Some of the keys that a round of scanning found.
    Unlink(ClearId, u64, Vec<Vec<u8>>),
    /// Nobody waits for it any more.
    Late,
}

/// Counters, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub l1_hits: u64,
    pub l2_reads: u64,
    pub stale: u64,
    pub fallbacks: u64,
    pub factories: u64,
    pub journaled: u64,
    pub replayed: u64,
    pub dropped: u64,
    pub unknown: u64,
}

/// See the module.
pub struct Machine {
    pub(super) options: Options,
    pub(super) now: Millis,
    /// The wall clock less `now`.
    pub(super) wall: i64,
    pub(super) rng: Rng,
    pub(super) l1: L1,
    pub(super) nodes: Vec<Node>,
    pub(super) routes: Routes,
    pub(super) epochs: u32,
    /// Tells this tier's messages from those of others.
    pub(super) name: u64,
    pub(super) calls: BTreeMap<CallId, Call>,
    next_number: u64,
    pub(super) flights: Flights,
    /// Leases of factories that run, by the request that brought the factory.
    pub(super) leases: BTreeMap<RequestId, Lease>,
    /// How long factories take, of late.
    pub(super) making_time: Millis,
    /// Own writes on their way, by key.
    pub(super) writing: BTreeMap<Vec<u8>, Vec<CallId>>,
    pub(super) journal: Journal,
    pub(super) tags: Tags,
    pub(super) clears: BTreeMap<ClearId, ClearJob>,
    pub(super) next_clear: ClearId,
    timers: BTreeMap<TimerKey, Timer>,
    timer_order: u64,
    actions: VecDeque<Action>,
    pub counters: Counters,
    /// A rule that is broken, so that tests can see that they see it.
    #[cfg(feature = "tier-faults")]
    #[doc(hidden)]
    pub broken: Option<super::Fault>,
}

impl Machine {
    /// A machine with one node, number 0, that is not asked for yet: see [`Machine::start`].
    pub fn new(options: Options, seed: u64, now: Millis) -> Self {
        let mut rng = Rng::new(seed);
        let l1 = L1::new(&options, rng.draw());
        let (name, log) = (rng.draw(), options.new_log());
        let mut machine = Self {
            l1,
            rng,
            options,
            now,
            wall: 0,
            nodes: Vec::new(),
            routes: Routes::default(),
            epochs: super::l1::NEVER,
            name,
            calls: BTreeMap::new(),
            next_number: 0,
            flights: Flights::default(),
            leases: BTreeMap::new(),
            making_time: 0,
            writing: BTreeMap::new(),
            journal: Journal::new(log),
            tags: Tags::default(),
            clears: BTreeMap::new(),
            next_clear: 0,
            timers: BTreeMap::new(),
            timer_order: 0,
            actions: VecDeque::new(),
            counters: Counters::default(),
            #[cfg(feature = "tier-faults")]
            broken: None,
        };
        machine.add_node();
        machine
    }

    /// Tells the wall clock, in Unix milliseconds: times to live are counted on the other clock, moments that Redis is told on this one.
    pub fn set_wall(&mut self, now: Millis, wall: Millis) {
        self.enter(now);
        self.wall = (wall as i64).wrapping_sub(self.now as i64);
        if let Some(log) = &mut self.journal.log {
            log.wall = self.wall;
        }
    }

    /// A moment of this clock on the wall's.
    pub(super) fn on_wall(&self, moment: Millis) -> Millis {
        if moment == u64::MAX { moment } else { moment.saturating_add_signed(self.wall) }
    }

    /// A moment of the wall clock on this one.
    pub(super) fn off_wall(&self, moment: Millis) -> Millis {
        if moment == u64::MAX { moment } else { moment.saturating_add_signed(self.wall.saturating_neg()) }
    }

    pub(super) fn enter(&mut self, now: Millis) {
        self.now = self.now.max(now);
        self.l1.set_now(self.now);
    }

    /// The next thing to do.
    pub fn take_action(&mut self) -> Option<Action> {
        self.actions.pop_front().or_else(|| self.journal.take_log())
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn tell(&mut self, notice: Notice) {
        self.act(Action::Tell(notice));
    }

    pub(super) fn answer(&mut self, request: RequestId, answer: Answer) {
        if let Answer::Value { meta, .. } | Answer::Reply { meta, .. } = &answer {
            let counter = match meta.source {
                super::Source::L1 => &mut self.counters.l1_hits,
                super::Source::L2 => &mut self.counters.l2_reads,
                super::Source::Factory => &mut self.counters.factories,
                super::Source::Fallback => &mut self.counters.fallbacks,
            };
            *counter = counter.wrapping_add(1);
            self.counters.stale = self.counters.stale.wrapping_add(u64::from(meta.stale));
        }
        self.act(Action::Answer { request, answer });
    }

    pub(super) fn fail_request(&mut self, request: RequestId, failure: Failure) {
        self.answer(request, Answer::Failed(failure));
    }

    pub(super) fn answer_value(&mut self, request: RequestId, value: Option<Vec<u8>>, meta: Meta) {
        self.answer(request, Answer::Value { value, meta });
    }

    // ---- what can be seen -------------------------------------------------------------------------------------------------------

    /// Each node with its state, and whether it tells what changes.
    pub fn health(&self) -> Vec<(NodeId, State, bool)> {
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| !node.retired);
        nodes.map(|(at, node)| (at as NodeId, node.state, self.is_tracking(at as NodeId))).collect()
    }

    /// What L1 keeps, for tests.
    #[doc(hidden)]
    pub fn l1_entries(&mut self) -> Vec<(Vec<u8>, bool, Vec<u8>)> {
        let entries = self.l1.entries();
        let current = |machine: &Self, key: &[u8], header: &Header| {
            header.epoch == machine.epoch_of(machine.route(key))
                && header.fresh_until > machine.now
                && header.expires > machine.now
        };
        entries.into_iter().map(|(key, header, value)| (key.clone(), current(self, &key, &header), value)).collect()
    }

    /// Writes that Redis has not seen, and their bytes.
    pub fn journaled(&self) -> (usize, usize) {
        (self.journal.len(), self.journal.bytes())
    }

    /// What waits in the journal for a key, oldest first; `None` where it is to be removed. For tests.
    #[doc(hidden)]
    pub fn journal_writes(&self, key: &[u8]) -> Vec<Option<Vec<u8>>> {
        let of_key = self.journal.entries().filter(|(other, _)| *other == key);
        of_key.map(|(_, pending)| pending.op.value().map(<[u8]>::to_vec)).collect()
    }

    /// Bytes of L1 by its ledger, and entries.
    pub fn l1_size(&mut self) -> (u64, usize) {
        (self.l1.bytes(), self.l1.len())
    }

    // ---- time -------------------------------------------------------------------------------------------------------------------

    /// When the machine wants to be called next; at the latest.
    pub fn next_due(&self) -> Option<Millis> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Millis) {
        self.enter(now);
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let timer = entry.remove();
            self.fire(timer);
        }
        self.l1.tick();
    }

    pub(super) fn after(&mut self, wait: Millis, timer: Timer) -> TimerKey {
        self.timer_order = self.timer_order.wrapping_add(1);
        let key = (self.now.saturating_add(wait), self.timer_order);
        self.timers.insert(key, timer);
        key
    }

    pub(super) fn cancel_timer(&mut self, key: Option<TimerKey>) {
        if let Some(key) = key {
            self.timers.remove(&key);
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Reconnect(node) => self.connect(node),
            Timer::ConnectTimeout(node) => self.connect_timed_out(node),
            Timer::Probe(node) => self.probe(node),
            Timer::Ping(node) => self.ping(node),
            Timer::Replay(node) => self.replay(node),
            Timer::Call(call) => self.call_timed_out(call),
            Timer::Soft(flight) => self.read_is_slow(flight),
            Timer::Hard(flight) => self.read_timed_out(flight),
            Timer::FactorySoft(flight) => self.factory_is_slow(flight),
            Timer::FactoryHard(flight) => self.factory_timed_out(flight),
            Timer::Lease(flight) => self.poll_lease(flight),
        }
    }

    // ---- calls ------------------------------------------------------------------------------------------------------------------

    /// A number greater than all before: names a call, and tells what was asked for later.
    pub(super) fn number(&mut self) -> u64 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    /// Sends commands, at once or as soon as there is a connection. With a timeout, `call_timed_out` follows.
    pub(super) fn send(&mut self, node: NodeId, commands: Vec<Words>, kind: Kind, timeout: Option<Millis>) -> CallId {
        let call = self.number();
        let timer = timeout.map(|wait| self.after(wait, Timer::Call(call)));
        let urgent = matches!(kind, Kind::Arm | Kind::Probe | Kind::Ping);
        let now = self.now;
        let sent = match self.nodes.get_mut(usize::from(node)) {
            Some(state) if state.link.is_open() || urgent => true,
            Some(state) => {
                state.waiting.push_back((call, commands.clone()));
                false
            }
            None => false,
        };
        self.calls.insert(call, Call { node, sent_at: now, sent, timer, kind });
        if sent {
            self.act(Action::Send { node, call, commands });
        }
        call
    }

    pub(super) fn take_call(&mut self, id: CallId) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        self.cancel_timer(call.timer);
        if !call.sent
            && let Some(node) = self.nodes.get_mut(usize::from(call.node))
        {
            node.waiting.retain(|(waiting, _)| *waiting != id);
        }
        Some(call)
    }

    /// Nobody waits for a call any more; if it is on its way its reply is still a sign of life.
    pub(super) fn abandon(&mut self, id: CallId) {
        let sent = self.calls.get(&id).is_some_and(|call| call.sent);
        if sent {
            if let Some(call) = self.calls.get_mut(&id) {
                call.kind = Kind::Late;
            }
        } else {
            self.take_call(id);
        }
    }

    /// The replies to a call, one a command.
    pub fn replied(&mut self, now: Millis, id: CallId, replies: Vec<Value>) {
        self.enter(now);
        let Some(call) = self.take_call(id) else { return };
        self.heard(call.node);
        match self.judge(&call, &replies) {
            Verdict::Fine => self.node_succeeded(call.node),
            Verdict::Unable => {
                let node = call.node;
                self.call_failed(call, &replies);
                self.node_failed(node);
                return;
            }
            Verdict::Refused(words) => self.refused(call.node, words),
        }
        self.deliver(call, &replies);
    }

    /// A node says of a call that it is another's (`MOVED`, `ASK`): whether it is to be sent there. Not if nobody waits for it any more, nor a write whose key this
    /// process has written since, over there, where it would come after that. What it brings is told to those who wait, and not kept: its key is another node's
    /// to tell of, which the routes do not know yet, or will not (a slot that is being moved).
    pub fn redirected(&mut self, now: Millis, id: CallId) -> bool {
        self.enter(now);
        match self.calls.get_mut(&id).map(|call| &mut call.kind) {
            Some(Kind::Write(writing)) => writing.spoilt = true,
            Some(Kind::Read(flight) | Kind::Marks(flight, _)) => {
                if let Some(flight) = self.flights.get_mut(*flight) {
                    flight.spoilt = true;
                }
            }
            // Whoever says so lives.
            Some(Kind::Probe) => {
                self.replied(now, id, Vec::new());
                return false;
            }
            Some(Kind::Replay { place, .. }) if self.journal.at(*place).is_some() => {}
            Some(Kind::Late | Kind::Replay { .. }) | None => {
                self.take_call(id);
                return false;
            }
            _ => {}
        }
        !self.is_outrun(id)
    }

    /// One call failed, its connection did not (a request of its own, as REST clients make them).
    pub fn lost(&mut self, now: Millis, id: CallId) {
        self.enter(now);
        let Some(call) = self.take_call(id) else { return };
        let node = call.node;
        self.call_failed(call, &[]);
        self.node_failed(node);
    }

    fn deliver(&mut self, call: Call, replies: &[Value]) {
        match call.kind {
            Kind::Arm => self.armed(call.node, replies),
            Kind::Probe => self.probed(call.node),
            Kind::Read(flight) => self.read_replied(flight, call.sent_at, replies),
            Kind::Marks(flight, tags) => self.marks_replied(flight, &tags, replies),
            Kind::Write(writing) => self.write_replied(writing, call.sent_at, replies),
            Kind::Replay { key, place } => self.replayed(&key, place, replies),
            Kind::Lease { flight, request, lease } => self.lease_replied(flight, request, lease, replies),
            Kind::Scan(clear) => self.scanned(clear, replies),
            Kind::Unlink(clear, round, keys) => self.unlinked(clear, round, &keys, replies),
            Kind::Ping | Kind::Late => {}
        }
    }

    /// No usable answer came to a call that was taken out already. `replies` are those that say so, if any came.
    pub(super) fn call_failed(&mut self, call: Call, replies: &[Value]) {
        let answered = !replies.is_empty();
        match call.kind {
            Kind::Ping | Kind::Late => {}
            Kind::Arm => self.arm_failed(call.node),
            Kind::Probe => self.probe_failed(call.node),
            Kind::Read(flight) | Kind::Marks(flight, _) => self.read_failed(flight, answered),
            Kind::Write(writing) => self.write_failed(writing, call.sent, answered),
            // Without one, then.
            Kind::Lease { flight, request, .. } => self.run_factory(flight, request),
            Kind::Replay { place, .. } => {
                if let Some(pending) = self.journal.at_mut(place) {
                    pending.call = None;
                }
            }
            Kind::Scan(clear) => self.clear_failed(clear, call.node),
            Kind::Unlink(clear, round, _) => self.unlink_failed(clear, round, call.node),
        }
    }

    fn call_timed_out(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let (node, sent) = (call.node, call.sent);
        if !sent {
            if let Some(call) = self.take_call(id) {
                self.call_failed(call, &[]);
            }
            return;
        }
        let late = Call { node, sent_at: call.sent_at, sent, timer: None, kind: Kind::Late };
        if let Some(call) = self.calls.insert(id, late) {
            self.call_failed(call, &[]);
        }
        self.node_failed(node);
    }
}

/// What replies say of the node.
enum Verdict {
    Fine,
    /// It is not able to serve.
    Unable,
    /// It does not let us.
    Refused(Vec<u8>),
}

impl Machine {
    fn judge(&self, call: &Call, replies: &[Value]) -> Verdict {
        for reply in replies.iter().flat_map(flat) {
            let Value::Error(error) = reply else { continue };
            let words = error.as_bytes();
            match words.split(|byte| *byte == b' ').next().unwrap_or_default() {
                b"LOADING" | b"CLUSTERDOWN" | b"MASTERDOWN" | b"READONLY" | b"TRYAGAIN" => return Verdict::Unable,
                // A command of one's own may be forbidden to its user, as it would be without a tier.
                b"NOPERM" if self.is_command(call) => {}
                b"NOAUTH" | b"WRONGPASS" | b"NOPERM" => return Verdict::Refused(words.to_vec()),
                _ => {}
            }
        }
        Verdict::Fine
    }

    fn is_command(&self, call: &Call) -> bool {
        match &call.kind {
            Kind::Read(flight) => self.flights.get(*flight).is_some_and(|flight| flight.command.is_some()),
            Kind::Write(writing) => writing.is_command(),
            _ => false,
        }
    }
}

/// A reply and what it holds: the errors of a transaction are inside.
fn flat(reply: &Value) -> impl Iterator<Item = &Value> {
    let inside: &[Value] = match reply {
        Value::Array(inside) => inside,
        _ => &[],
    };
    core::iter::once(reply).chain(inside)
}

/// The first error among replies.
pub(super) fn error_in(replies: &[Value]) -> Option<&[u8]> {
    replies.iter().flat_map(flat).find_map(|reply| match reply {
        // What EXEC says of it comes after what was wrong.
        Value::Error(error) => Some(error.as_bytes()),
        _ => None,
    })
}

/// Words of a command.
pub(super) fn words(words: &[&[u8]]) -> Words {
    words.iter().map(|word| word.to_vec()).collect()
}
