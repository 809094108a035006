//! Making: factories, which callers bring and the shell runs.
//!
//! A key has one running factory at a time. Who comes for a key that is being made waits for it, unless what is being made is spoilt: then he waits for that
//! one to end and for one more, which all share who came since.

use super::action::{Action, Failure, Meta, NodeId, RequestId, Source};
use super::flight::{Flight, FlightId, Waiter};
use super::l1::{Header, NEGATIVE, NEVER};
use super::machine::{Machine, Timer};
use super::options::Keep;
use crate::time::Millis;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

/// What a factory made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A value, kept as the request said unless the factory says otherwise.
    Value {
        value: Vec<u8>,
        keep: Option<Keep>,
    },
    /// There is nothing.
    Nothing,
    Failed(Vec<u8>),
}

impl Machine {
    /// Has a value made without asking Redis.
    pub(super) fn make_now(&mut self, node: NodeId, request: RequestId, key: &[u8], keep: Option<Keep>) {
        let waiter = Waiter { request, factory: true };
        match self.flights.joinable(key, None) {
            Some(flight) if !self.is_asking(flight) => self.join(flight, waiter, keep),
            _ => {
                let id = self.new_flight(node, key, None, vec![waiter], keep);
                self.start_making(id, request);
            }
        }
    }

    /// Has a value made anew for which nobody waits.
    pub(super) fn refresh(&mut self, node: NodeId, request: RequestId, key: &[u8], keep: Option<Keep>) {
        if self.flights.joinable(key, None).is_some() || self.flights.is_making(key) {
            return self.forget(request, true);
        }
        let id = self.new_flight(node, key, None, Vec::new(), keep);
        self.start_making(id, request);
    }

    /// Has a value made for those of a landed flight who brought factories.
    pub(super) fn make_for(&mut self, flight: Flight, makers: Vec<Waiter>) {
        let Some(request) = makers.first().map(|waiter| waiter.request) else { return };
        // Not one that still asks: all this waited for Redis already.
        if let Some(id) = self.flights.joinable(&flight.key, None).filter(|id| !self.is_asking(*id)) {
            for waiter in makers {
                self.join(id, waiter, flight.keep.clone());
            }
            return;
        }
        let id = self.new_flight(flight.node, &flight.key, None, makers, flight.keep);
        if let Some(making) = self.flights.get_mut(id) {
            (making.lease_until, making.rechecked) = (flight.lease_until, flight.rechecked);
        }
        self.start_making(id, request);
    }

    fn start_making(&mut self, id: FlightId, request: RequestId) {
        let epoch = self.flights.get(id).map_or(NEVER, |flight| self.epoch_of(flight.node));
        if let Some(flight) = self.flights.get_mut(id) {
            flight.epoch = epoch;
        }
        if !self.flights.begin_making(id, request) {
            return;
        }
        if self.wants_lease(id) { self.ask_lease(id, request) } else { self.run_factory(id, request) }
    }

    pub(super) fn run_factory(&mut self, id: FlightId, request: RequestId) {
        self.act(Action::Make { request });
        let now = self.now;
        let (soft, hard) = (self.options.factory_soft, self.options.factory_hard);
        let soft = (soft > 0).then(|| self.after(soft, Timer::FactorySoft(id)));
        let hard = (hard > 0).then(|| self.after(hard, Timer::FactoryHard(id)));
        if let Some(flight) = self.flights.get_mut(id) {
            (flight.soft, flight.hard, flight.begun) = (soft, hard, now);
        }
    }

    pub(super) fn factory_is_slow(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get_mut(id) else { return };
        let (key, waiters) = (flight.key.clone(), core::mem::take(&mut flight.waiters));
        let left = self.give_stale(&key, None, waiters);
        if let Some(flight) = self.flights.get_mut(id) {
            flight.waiters = left;
        }
    }

    pub(super) fn factory_timed_out(&mut self, id: FlightId) {
        let waiters = self.flights.get_mut(id).map(|flight| core::mem::take(&mut flight.waiters)).unwrap_or_default();
        let Some(key) = self.flights.get(id).map(|flight| flight.key.clone()) else { return };
        for waiter in self.give_stale(&key, None, waiters) {
            self.not_made(&waiter, Failure::FactoryTimeout);
        }
    }

    /// Tells a waiter that there is nothing: a failure to whom brought a factory.
    fn not_made(&mut self, waiter: &Waiter, failure: Failure) {
        self.forget(waiter.request, waiter.factory);
        if waiter.factory {
            self.fail_request(waiter.request, failure);
        } else {
            self.answer_value(waiter.request, None, Meta::of(Source::Fallback));
        }
    }

    /// A factory is done.
    pub fn made(&mut self, now: Millis, request: RequestId, made: Made) {
        self.enter(now);
        let lease = self.leases.remove(&request);
        let Some((id, after)) = self.flights.end_making(request) else { return };
        let Some(flight) = self.land(id) else { return };
        self.finish_making(flight, made);
        self.release_lease(lease);
        self.make_behind(after);
    }

    fn finish_making(&mut self, flight: Flight, made: Made) {
        let meta = Meta::of(Source::Factory);
        match made {
            Made::Value { value, keep } => {
                let keep = keep.or(flight.keep.clone()).unwrap_or_default();
                for waiter in &flight.waiters {
                    self.answer_value(waiter.request, Some(value.clone()), meta);
                }
                // Nobody wrote the key while it was made, and nobody can have without our knowing.
                if self.may_fill(flight.spoilt, flight.epoch == self.epoch_of(flight.node)) {
                    let cost = self.now.saturating_sub(flight.begun);
                    self.making_time = self.making_time.saturating_mul(7).saturating_add(cost).div_ceil(8);
                    self.keep_made(&flight.key, value, &keep, cost);
                }
            }
            Made::Nothing => {
                for waiter in &flight.waiters {
                    self.answer_value(waiter.request, None, meta);
                }
                let negative = self.options.negative_ttl;
                if negative > 0 && self.may_fill(flight.spoilt, flight.epoch == self.epoch_of(flight.node)) {
                    let end = self.now.saturating_add(negative);
                    let epoch = self.epoch_of(flight.node);
                    let header =
                        Header { epoch, flags: NEGATIVE, quick_until: end, fresh_until: end, expires: end, written: self.now };
                    self.l1.put(&flight.key, &header, &[], &[]);
                }
            }
            Made::Failed(words) => {
                for waiter in self.give_stale(&flight.key, None, flight.waiters.clone()) {
                    self.not_made(&waiter, Failure::Factory(words.clone()));
                }
                return;
            }
        }
        for waiter in flight.waiters {
            self.forget(waiter.request, waiter.factory);
        }
    }

    /// Flights that waited for the factory of another. None of theirs has begun, so one is enough for all: that of the newest, which nothing spoilt yet that
    /// spoilt the others. Whoever waits, waits for the factory that ran when he came and for one more.
    pub(super) fn make_behind(&mut self, mut after: VecDeque<FlightId>) {
        let Some(newest) = after.pop_back() else { return };
        self.take_waiters(newest, after);
        let first = self.flights.get(newest).and_then(|flight| flight.waiters.first().map(|waiter| waiter.request));
        match first {
            Some(request) => self.start_making(newest, request),
            None => {
                self.land(newest);
            }
        }
    }

    /// Whoever waits in other flights waits in this one.
    pub(super) fn take_waiters(&mut self, id: FlightId, others: VecDeque<FlightId>) {
        for other in others {
            let Some(flight) = self.land(other) else { continue };
            for waiter in flight.waiters {
                self.join(id, waiter, flight.keep.clone());
            }
        }
    }
}
