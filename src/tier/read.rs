//! Reads: what is given out at once, what waits for Redis, and what is made.
//!
//! | node | L1 has it, fresh | L1 has nothing | L1 has it, of an old epoch or no longer fresh |
//! |---|---|---|---|
//! | up, slow | given out | asked, kept with the deadline of the moment of asking | asked; after the soft timeout it is given out as stale, and the fetch goes on |
//! | recovering | own writes not yet replayed | asked | asked |
//! | down, probing | given out | made, or nothing | given out as stale |

use super::action::{Action, Answer, Durability, Failure, Meta, NodeId, RequestId, Source};
use super::envelope;
use super::flight::{Fetched, Flight, FlightId, Stage, Waiter};
use super::journal::Op;
use super::l1::{Header, LOCAL, NEGATIVE, NEVER};
use super::machine::{Call, Kind, Machine, Timer, error_in, words};
use super::options::Keep;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::vec;
use alloc::vec::Vec;

/// How long L1 entries are fresh where nobody tells what changes.
pub(super) const UNTRACKED: Millis = 5_000;

/// What L1 knows of a key.
struct Known {
    header: Header,
    value: Vec<u8>,
    /// May be given out as it is.
    good: bool,
    /// It is fresh no longer, but not past its end: made anew in the background.
    aging: bool,
}

impl Machine {
    /// The quick way: the value that L1 holds, if it may be given out without another look. `None` says nothing: ask [`Machine::get`].
    #[inline]
    pub fn hit(&mut self, now: Millis, key: &[u8]) -> Option<(&[u8], Meta)> {
        self.enter(now);
        if !self.journal.is_empty() {
            return None;
        }
        let epoch = self.nodes.get(usize::from(self.routes.node(key)))?.epoch;
        let (value, age) = self.l1.quick(key, epoch)?;
        self.counters.l1_hits = self.counters.l1_hits.wrapping_add(1);
        Some((value, Meta { source: Source::L1, stale: false, age, durability: Durability::L2 }))
    }

    /// Reads a key. With `keep`, the request has a factory, which is asked for by [`Action::Make`] if need be; the end of it is [`Action::Forget`].
    pub fn get(&mut self, now: Millis, request: RequestId, key: &[u8], keep: Option<Keep>) {
        self.enter(now);
        let node = self.route(key);
        if let Some(words) = self.refusal(node) {
            self.forget(request, keep.is_some());
            return self.fail_request(request, Failure::Configuration(words));
        }
        if let Some(pending) = self.journal.get(key) {
            let age = self.now.saturating_sub(pending.written);
            let meta = Meta { source: Source::L1, stale: false, age, durability: Durability::Journaled };
            match &pending.op {
                Op::Set { value, expires, fresh_until, .. } if *expires > self.now => {
                    let (value, aging) = (value.clone(), *fresh_until <= self.now && keep.is_some());
                    self.answer_value(request, Some(value), Meta { stale: aging, ..meta });
                    if aging {
                        self.refresh(node, request, key, keep)
                    } else {
                        self.forget(request, keep.is_some())
                    }
                    return;
                }
                _ if keep.is_some() => return self.make_now(node, request, key, keep),
                _ => return self.answer_value(request, None, meta),
            }
        }
        if self.is_clearing(key) {
            // What Redis has is on its way out.
            return match keep {
                Some(_) => self.make_now(node, request, key, keep),
                None => self.answer_value(request, None, Meta::of(Source::L1)),
            };
        }
        let known = self.known(node, key);
        if let Some(known) = &known
            && (known.good || (known.aging && keep.is_some()))
        {
            let meta = self.meta_of(&known.header, !known.good);
            let value = (known.header.flags & NEGATIVE == 0).then(|| known.value.clone());
            let early = !known.good || self.wants_refresh(&known.header);
            self.answer_value(request, value, meta);
            if early && keep.is_some() {
                self.refresh(node, request, key, keep)
            } else {
                self.forget(request, keep.is_some())
            }
            return;
        }
        if !self.state_of(node).is_online() {
            return self.get_offline(node, request, key, keep, known);
        }
        let waiter = Waiter { request, factory: keep.is_some() };
        match self.flights.joinable(key, None) {
            Some(flight) if keep.is_some() || self.is_asking(flight) => self.join(flight, waiter, keep),
            Some(making) => {
                // A factory takes its own time, which is not for those who brought none.
                self.ask(node, key, None, waiter, keep);
                self.flights.reopen(making);
            }
            None => self.ask(node, key, None, waiter, keep),
        }
    }

    pub(super) fn is_asking(&self, id: FlightId) -> bool {
        self.flights.get(id).is_some_and(|flight| matches!(flight.stage, Stage::Asking(_)))
    }

    /// A request is not waited for any more. A factory that runs goes on.
    pub fn cancel(&mut self, request: RequestId) {
        let Some(id) = self.flights.of_request(request) else { return };
        let Some(flight) = self.flights.get_mut(id) else { return };
        if flight.stage == Stage::Making(request) {
            return;
        }
        let at = flight.waiters.iter().position(|waiter| waiter.request == request);
        let waiter = at.map(|at| flight.waiters.remove(at));
        self.forget(request, waiter.is_some_and(|waiter| waiter.factory));
    }

    pub(super) fn refusal(&self, node: NodeId) -> Option<Vec<u8>> {
        let state = self.nodes.get(usize::from(node))?;
        if state.state.is_online() { None } else { state.refusal.clone() }
    }

    pub(super) fn forget(&mut self, request: RequestId, has_factory: bool) {
        if has_factory {
            self.act(Action::Forget { request });
        }
    }

    fn meta_of(&self, header: &Header, stale: bool) -> Meta {
        let local = header.flags & LOCAL != 0;
        let durability = if local { Durability::Local } else { Durability::L2 };
        Meta { source: Source::L1, stale, age: self.now.saturating_sub(header.written), durability }
    }

    fn known(&mut self, node: NodeId, key: &[u8]) -> Option<Known> {
        let epoch = self.epoch_of(node);
        let online = self.state_of(node).is_online();
        let entry = self.l1.look(key)?;
        let (header, value) = (entry.header, entry.value.to_vec());
        let tags: Vec<Vec<u8>> = entry.tags.iter().map(|tag| tag.to_vec()).collect();
        let current = header.epoch == epoch || (header.flags & LOCAL != 0 && !online);
        let alive = header.expires > self.now;
        let tagged = self.tags_allow(&tags, self.on_wall(header.written), current && online);
        if tagged == Some(false) {
            self.l1.remove(key);
            return None;
        }
        let good = current && alive && header.fresh_until > self.now && tagged == Some(true);
        // Only what was to be fresh for less than it lives: otherwise its freshness is that of L1, and Redis is asked.
        let aging = current && alive && tagged == Some(true) && header.fresh_until <= self.now && self.is_swr(&header);
        Some(Known { header, value, good, aging })
    }

    /// Whether the entry's freshness ends by its writer's word rather than by `l1_max_ttl`.
    pub(super) fn is_swr(&self, header: &Header) -> bool {
        header.flags & super::l1::SERVES_AGING != 0
    }

    /// The value that is given out where Redis does not answer: as old as it may be.
    pub(super) fn stale(&mut self, key: &[u8]) -> Option<(Vec<u8>, Meta)> {
        let node = self.route(key);
        let grace = self.options.grace;
        let known = self.known(node, key)?;
        let usable = known.header.flags & NEGATIVE == 0 && known.header.expires.saturating_add(grace) > self.now;
        usable.then(|| {
            let fine = known.header.flags & LOCAL != 0 && known.header.fresh_until > self.now;
            (known.value, self.meta_of(&known.header, !fine))
        })
    }

    fn get_offline(&mut self, node: NodeId, request: RequestId, key: &[u8], keep: Option<Keep>, known: Option<Known>) {
        // Within its grace it is given out only where nothing better can be made.
        let alive = known.is_some_and(|known| known.header.expires > self.now);
        if let Some((value, meta)) = self.stale(key)
            && (alive || keep.is_none())
        {
            self.forget(request, keep.is_some());
            return self.answer_value(request, Some(value), meta);
        }
        match keep {
            Some(_) => self.make_now(node, request, key, keep),
            None => self.answer_value(request, None, Meta::of(Source::Fallback)),
        }
    }

    // ---- asking -----------------------------------------------------------------------------------------------------------------

    pub(super) fn new_flight(
        &mut self,
        node: NodeId,
        key: &[u8],
        command: Option<super::Words>,
        waiters: Vec<Waiter>,
        keep: Option<Keep>,
    ) -> FlightId {
        let id = self.flights.reserve();
        let epoch = self.epoch_of(node);
        let stage = Stage::Behind;
        let flight = Flight {
            key: key.to_vec(),
            node,
            epoch,
            spoilt: false,
            stage,
            waiters,
            keep,
            command,
            fetched: None,
            soft: None,
            hard: None,
            late: false,
            again: false,
            begun: self.now,
            lease_until: None,
            rechecked: false,
        };
        self.flights.add(id, flight);
        id
    }

    pub(super) fn ask(&mut self, node: NodeId, key: &[u8], command: Option<super::Words>, waiter: Waiter, keep: Option<Keep>) {
        let id = self.new_flight(node, key, command, vec![waiter], keep);
        let soft = self.after(self.options.read_soft, Timer::Soft(id));
        let hard = self.after(self.options.read_hard, Timer::Hard(id));
        if let Some(flight) = self.flights.get_mut(id) {
            (flight.soft, flight.hard) = (Some(soft), Some(hard));
        }
        self.send_read(id);
    }

    pub(super) fn send_read(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get(id) else { return };
        let (node, key) = (flight.node, flight.key.clone());
        let first = flight.command.clone().unwrap_or_else(|| words(&[b"GET", &key]));
        let ttl = words(&[b"PTTL", &key]);
        // Where nobody tells of a change between the two, the time to live is asked for on both sides. (A transaction would see through two changes
        // as well, but not every server without tracking has one: a service behind HTTP.)
        let commands = if self.tells(&key) { vec![first, ttl] } else { vec![ttl.clone(), first, ttl] };
        let epoch = self.epoch_of(node);
        let call = self.send(node, commands, Kind::Read(id), None);
        if let Some(flight) = self.flights.get_mut(id) {
            (flight.stage, flight.epoch) = (Stage::Asking(call), epoch);
        }
    }

    pub(super) fn join(&mut self, id: FlightId, waiter: Waiter, keep: Option<Keep>) {
        let Some(flight) = self.flights.get_mut(id) else { return };
        flight.keep = flight.keep.take().or(keep);
        flight.waiters.push(waiter);
        if flight.late {
            self.read_is_slow(id);
        }
    }

    /// The soft timeout: whoever can be given an older value is.
    pub(super) fn read_is_slow(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get_mut(id) else { return };
        let first = !core::mem::replace(&mut flight.late, true);
        let (node, key, command) = (flight.node, flight.key.clone(), flight.command.clone());
        if first {
            self.node_is_slow(node);
        }
        let waiters = self.flights.get_mut(id).map(|flight| core::mem::take(&mut flight.waiters)).unwrap_or_default();
        let left = self.give_stale(&key, command.as_ref(), waiters);
        if let Some(flight) = self.flights.get_mut(id) {
            flight.waiters = left;
        }
    }

    /// Answers those that can be given an older value; the others are left.
    pub(super) fn give_stale(&mut self, key: &[u8], command: Option<&super::Words>, waiters: Vec<Waiter>) -> Vec<Waiter> {
        if waiters.is_empty() {
            return waiters;
        }
        if let Some(command) = command {
            let Some((reply, meta)) = self.stale_reply(key, command) else { return waiters };
            for waiter in waiters {
                self.answer(waiter.request, Answer::Reply { reply: reply.clone(), meta });
            }
            return Vec::new();
        }
        let Some((value, meta)) = self.stale(key) else { return waiters };
        for waiter in waiters {
            self.answer_value(waiter.request, Some(value.clone()), meta);
            self.forget(waiter.request, waiter.factory);
        }
        Vec::new()
    }

    pub(super) fn read_timed_out(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get(id) else { return };
        let (node, stage) = (flight.node, flight.stage);
        if let Stage::Asking(call) = stage {
            self.abandon(call);
            self.fall_back(id);
            self.node_failed(node);
        }
    }

    /// No answer: asked once more if only the connection broke, and there is time left.
    pub(super) fn read_failed(&mut self, id: FlightId, answered: bool) {
        // What is to be cleared is not asked for again: the answer may still be the value that goes.
        let clearing = self.flights.get(id).is_some_and(|flight| self.is_clearing(&flight.key));
        let Some(flight) = self.flights.get_mut(id) else { return };
        let again = !answered && !flight.again && !clearing;
        flight.again = true;
        let node = flight.node;
        if again && self.state_of(node).is_online() {
            self.send_read(id);
        } else {
            self.fall_back(id);
        }
    }

    /// Redis does not answer: as if the node were down.
    pub(super) fn fall_back(&mut self, id: FlightId) {
        let Some(mut flight) = self.land(id) else { return };
        let waiters = core::mem::take(&mut flight.waiters);
        let command = flight.command.clone();
        let waiters = self.give_stale(&flight.key, command.as_ref(), waiters);
        if command.is_some() {
            for waiter in waiters {
                self.refuse_command(waiter.request, core::slice::from_ref(&flight.key), command.clone());
            }
            return;
        }
        let (makers, others): (Vec<_>, Vec<_>) = waiters.into_iter().partition(|waiter| waiter.factory);
        for waiter in others {
            self.answer_value(waiter.request, None, Meta::of(Source::Fallback));
        }
        self.make_for(flight, makers);
    }

    /// Takes a flight out, its timers with it.
    pub(super) fn land(&mut self, id: FlightId) -> Option<Flight> {
        let flight = self.flights.remove(id)?;
        self.cancel_timer(flight.soft);
        self.cancel_timer(flight.hard);
        Some(flight)
    }

    // ---- answers of Redis -------------------------------------------------------------------------------------------------------

    pub(super) fn read_replied(&mut self, id: FlightId, sent_at: Millis, replies: &[Value]) {
        let took = self.now.saturating_sub(sent_at);
        let Some(flight) = self.flights.get_mut(id) else { return };
        let (before, replies) = if replies.len() == 3 { replies.split_at(1) } else { (&[][..], replies) };
        flight.spoilt |= !is_one_life(before, replies, took);
        if flight.command.is_some() {
            return self.command_replied(id, sent_at, replies);
        }
        if let Some(error) = error_in(replies) {
            let failure = Failure::of_words(error);
            let Some(flight) = self.land(id) else { return };
            for waiter in flight.waiters {
                self.forget(waiter.request, waiter.factory);
                self.fail_request(waiter.request, failure.clone());
            }
            return;
        }
        let (Some(Value::Bytes(stored)), Some(ttl)) = (replies.first(), replies.get(1).and_then(Value::as_integer)) else {
            return self.read_nothing(id);
        };
        let Some(flight) = self.flights.get(id) else { return };
        let (key, keep) = (flight.key.clone(), flight.keep.clone());
        let fetched = self.fetched(&key, keep.as_ref(), stored, ttl, sent_at);
        match self.tags_allow(&fetched.tags, self.on_wall(fetched.header.written), true) {
            Some(true) => self.read_value(id, fetched),
            Some(false) => self.read_nothing(id),
            None => self.ask_marks(id, fetched),
        }
    }

    /// What the reply to GET and PTTL means.
    fn fetched(&mut self, key: &[u8], keep: Option<&Keep>, stored: &[u8], ttl: i64, sent_at: Millis) -> Fetched {
        // Gone by the second command: known now, kept by nobody.
        let end = match ttl {
            -1 => u64::MAX,
            ttl => sent_at.saturating_add(u64::try_from(ttl).unwrap_or(0)),
        };
        match envelope::open(stored) {
            None => {
                let header = self.header(key, end, sent_at, sent_at, keep);
                Fetched { header, tags: Vec::new(), value: stored.to_vec(), past: end <= self.now }
            }
            Some(opened) => {
                let expires = self.off_wall(opened.expires).min(end);
                let header = self.header(key, expires, sent_at, self.off_wall(opened.written), keep);
                let tags = opened.tags.iter().map(|tag| tag.to_vec()).collect();
                Fetched { header, tags, value: opened.value.to_vec(), past: expires <= self.now }
            }
        }
    }

    /// The header of a key's entry that ends at `expires`, was asked for at `sent_at`, and written then or before.
    pub(super) fn header(
        &mut self,
        key: &[u8],
        expires: Millis,
        sent_at: Millis,
        written: Millis,
        keep: Option<&Keep>,
    ) -> Header {
        let untracked = (!self.tells(key)).then_some(UNTRACKED);
        let bound = self.options.l1_max_ttl.or(untracked).map_or(u64::MAX, |most| {
            let spread = most / 20;
            let jitter = self.rng.below(spread.saturating_mul(2).saturating_add(1));
            sent_at.saturating_add(most.saturating_sub(spread)).saturating_add(jitter)
        });
        let mut flags = 0;
        let mut fresh_until = expires.min(bound);
        if let Some(Keep { ttl: Some(ttl), fresh: Some(fresh), .. }) = keep
            && expires != u64::MAX
        {
            let aging = expires.saturating_sub(ttl.saturating_sub(*fresh));
            if aging < fresh_until {
                (fresh_until, flags) = (aging, super::l1::SERVES_AGING);
            }
        }
        Header { epoch: NEVER, flags, quick_until: fresh_until, fresh_until, expires, written }
    }

    fn read_value(&mut self, id: FlightId, fetched: Fetched) {
        if fetched.past && self.flights.get(id).is_some_and(|flight| flight.waiters.iter().any(|waiter| waiter.factory)) {
            // Kept for its grace, in case the factory fails.
            self.keep_fetched(id, &fetched);
            return self.read_nothing_kept(id);
        }
        self.keep_fetched(id, &fetched);
        let Some(flight) = self.land(id) else { return };
        let age = self.now.saturating_sub(fetched.header.written);
        let gone = fetched.past && self.options.grace == 0;
        let meta = Meta { age, stale: fetched.past && !gone, ..Meta::of(Source::L2) };
        for waiter in flight.waiters {
            self.forget(waiter.request, waiter.factory);
            self.answer_value(waiter.request, (!gone).then(|| fetched.value.clone()), meta);
        }
    }

    /// The fill rule: only what nothing spoilt, in the epoch in which it was asked for.
    fn keep_fetched(&mut self, id: FlightId, fetched: &Fetched) {
        let Some(flight) = self.flights.get(id) else { return };
        let (key, node, sent_epoch, spoilt) = (flight.key.clone(), flight.node, flight.epoch, flight.spoilt);
        let epoch = self.epoch_of(node);
        if self.may_fill(spoilt, sent_epoch == epoch && self.route(&key) == node) {
            let mut header = Header { epoch, ..fetched.header };
            header.quick_until = self.early(&header, self.now, None);
            if fetched.value.len() <= self.options.l1_value_bytes {
                self.l1.put(&key, &header, &fetched.tags, &fetched.value);
            }
        }
    }

    fn read_nothing(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get(id) else { return };
        let (key, spoilt) = (flight.key.clone(), flight.spoilt);
        // What ended by itself stays for its grace; what was removed does not.
        let ended = self.l1.look(&key).is_some_and(|entry| entry.header.expires <= self.now);
        if !spoilt && !ended {
            self.l1.remove(&key);
        }
        self.read_nothing_kept(id);
    }

    fn read_nothing_kept(&mut self, id: FlightId) {
        let Some(mut flight) = self.land(id) else { return };
        let (makers, others): (Vec<_>, Vec<_>) =
            core::mem::take(&mut flight.waiters).into_iter().partition(|waiter| waiter.factory);
        for waiter in others {
            self.answer_value(waiter.request, None, Meta::of(Source::L2));
        }
        self.make_for(flight, makers);
    }

    fn ask_marks(&mut self, id: FlightId, fetched: Fetched) {
        let Some(flight) = self.flights.get_mut(id) else { return };
        let (node, tags) = (flight.node, fetched.tags.clone());
        flight.fetched = Some(fetched);
        // One call; in a cluster one after the other, each tag's own node, so that a mark that moved is sent on without the others.
        let most = if self.routes.is_cluster() { 1 } else { tags.len() };
        let here: Vec<Vec<u8>> = tags.into_iter().filter(|tag| self.tags.unknown(tag, self.now)).take(most).collect();
        let first = here.first().map_or(node, |tag| self.routes.node(&super::clear::tag_key(tag)));
        if here.is_empty() || !self.state_of(first).is_online() {
            return self.fall_back(id);
        }
        let commands = here.iter().map(|tag| words(&[b"GET", &super::clear::tag_key(tag)])).collect();
        let call = self.send(first, commands, Kind::Marks(id, here), None);
        if let Some(flight) = self.flights.get_mut(id) {
            flight.stage = Stage::Asking(call);
        }
    }

    pub(super) fn marks_replied(&mut self, id: FlightId, tags: &[Vec<u8>], replies: &[Value]) {
        for (tag, reply) in tags.iter().zip(replies) {
            let moment = reply.as_bytes().and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0);
            self.learn_mark(tag, moment);
        }
        let Some(fetched) = self.flights.get_mut(id).and_then(|flight| flight.fetched.take()) else { return };
        let unknown = fetched.tags.iter().find(|tag| self.tags.unknown(tag, self.now)).cloned();
        match (unknown, self.tags_allow(&fetched.tags, self.on_wall(fetched.header.written), true)) {
            (Some(_), _) => self.ask_marks(id, fetched),
            (None, Some(false)) => self.read_nothing(id),
            _ => self.read_value(id, fetched),
        }
    }

    // ---- what may be kept ---------------------------------------------------------------------------------------------------------

    /// The fill rule.
    pub(super) fn may_fill(&self, spoilt: bool, same_epoch: bool) -> bool {
        #[cfg(feature = "tier-faults")]
        if self.broken == Some(super::Fault::FillsSpoilt) {
            return same_epoch;
        }
        !spoilt && same_epoch
    }

    /// A key changes: nothing that was asked of it before is to be kept, or done again.
    pub(super) fn spoil(&mut self, key: &[u8]) {
        self.flights.spoil_key(key);
        self.spoil_writes(key, true);
    }

    /// What a key holds is not known: as [`Machine::spoil`], but what is being written may be written again.
    pub(super) fn spoil_fills(&mut self, key: &[u8]) {
        self.flights.spoil_key(key);
        self.spoil_writes(key, false);
    }

    fn spoil_writes(&mut self, key: &[u8], changed: bool) {
        for call in self.writing.get(key).into_iter().flatten() {
            if let Some(Call { kind: Kind::Write(writing), .. }) = self.calls.get_mut(call) {
                writing.spoilt = true;
                writing.changed |= changed;
            }
        }
    }

    pub(super) fn spoil_where(&mut self, of: impl Fn(&[u8]) -> bool) {
        self.flights.spoil(&of);
        for call in self.writing.iter().filter(|(key, _)| of(key)).flat_map(|(_, calls)| calls) {
            if let Some(Call { kind: Kind::Write(writing), .. }) = self.calls.get_mut(call) {
                (writing.spoilt, writing.changed) = (true, true);
            }
        }
    }
}

/// Whether what was read has the time to live that was asked for on both sides of it: unless the key was written between them, that shrinks by no more than
/// the time that all of it took.
fn is_one_life(before: &[Value], replies: &[Value], took: Millis) -> bool {
    let end = |reply: Option<&Value>| match reply.and_then(Value::as_integer) {
        Some(-1) | None => i64::MAX,
        Some(ttl) => ttl,
    };
    let shrunk = end(before.first()).saturating_sub(end(replies.get(1)));
    before.is_empty() || u64::try_from(shrunk).is_ok_and(|shrunk| shrunk <= took.saturating_add(1))
}

impl Failure {
    /// What an error of Redis is to a caller.
    pub(super) fn of_words(words: &[u8]) -> Self {
        match words.split(|byte| *byte == b' ').next().unwrap_or_default() {
            b"NOAUTH" | b"WRONGPASS" | b"NOPERM" => Self::Configuration(words.to_vec()),
            _ => Self::Reply(words.to_vec()),
        }
    }
}
