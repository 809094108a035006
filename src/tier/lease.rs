//! The lease: of many processes that miss a key at once, one makes its value.
//!
//! Whoever finds nothing in Redis sets a key beside the value's, if it is not there (`SET NX PX`), and runs its factory only then. The others ask
//! for the value again and again, each after a while of its own, until it is there, the lease is free, or they waited as long as a lease lasts: then they
//! make it themselves. A lease that is lost (its holder died, a failover) costs time or one factory more, never a value.

use super::action::{NodeId, RequestId, Words};
use super::flight::{FlightId, Stage};
use super::machine::{Kind, Machine, Timer, words};
use super::route;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

const PREFIX: &[u8] = b"cachette:lease:";
/// Gives back a lease that is still one's own. KEYS: the lease. ARGV: its token.
pub const RELEASE: &[u8] = b"if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end
return 0";
/// How long one who waits lets pass before asking again: at least, and at random as much more.
const POLL: Millis = 25;

/// A lease of this process.
#[derive(Debug)]
pub(super) struct Lease {
    node: NodeId,
    key: Vec<u8>,
    token: Vec<u8>,
}

/// The lease's key: in the slot of the value's, so that whoever is given it sees what its last holder wrote. (Of a key with a brace that closes and no hash tag
/// it cannot be; where that lies on another node there is no lease.)
fn lease_key(key: &[u8]) -> Vec<u8> {
    if route::hash_tag(key).is_some() { [PREFIX, key].concat() } else { [PREFIX, b"{", key, b"}"].concat() }
}

impl Machine {
    /// Whether a factory is to run only under a lease. Not where Redis is away, nor after all the time that a lease lasts.
    pub(super) fn wants_lease(&self, id: FlightId) -> bool {
        let Some(flight) = self.flights.get(id) else { return false };
        let (node, with) = (self.route(&lease_key(&flight.key)), self.route(&flight.key));
        let online = node == with && self.state_of(node).is_online();
        let patient = flight.lease_until.is_none_or(|until| until > self.now);
        self.options.lease > 0 && !self.options.exclusive && online && patient
    }

    /// Asks for the lease of a key whose factory is about to run.
    pub(super) fn ask_lease(&mut self, id: FlightId, request: RequestId) {
        let Some(flight) = self.flights.get(id) else { return };
        let (flight_key, key) = (flight.key.clone(), lease_key(&flight.key));
        let (node, token) = (self.route(&key), format!("{:016x}", self.rng.draw()).into_bytes());
        let ttl = format!("{}", self.options.lease).into_bytes();
        let set: Words = words(&[b"SET", &key, &token, b"NX", b"PX", &ttl]);
        let timeout = Some(self.options.read_hard);
        let lease = Lease { node, key, token };
        let get = words(&[b"GET", &flight_key]);
        self.send(node, vec![set, get], Kind::Lease { flight: id, request, lease }, timeout);
    }

    pub(super) fn lease_replied(&mut self, id: FlightId, request: RequestId, lease: Lease, replies: &[Value]) {
        match replies.first() {
            Some(Value::Null) => {
                let wait = POLL.saturating_add(self.rng.below(POLL));
                return self.wait_for_lease(id, request, wait);
            }
            Some(reply) if reply.as_bytes() == Some(b"OK") => {
                if matches!(replies.get(1), Some(Value::Bytes(_))) && self.rechecks(id) {
                    self.release_lease(Some(lease));
                    return self.wait_for_lease(id, request, 0);
                }
                self.leases.insert(request, lease);
            }
            // It cannot be had: as if there were none.
            _ => {}
        }
        self.run_factory(id, request);
    }

    /// Whether a value that came between the miss and the lease is looked at: once, since it may be one that does not count.
    fn rechecks(&mut self, id: FlightId) -> bool {
        let Some(flight) = self.flights.get_mut(id) else { return false };
        !flight.waiters.is_empty() && !core::mem::replace(&mut flight.rechecked, true)
    }

    /// Another process makes the value, or did: it is asked for again after a while.
    fn wait_for_lease(&mut self, id: FlightId, request: RequestId, wait: Millis) {
        let Some((_, after)) = self.flights.end_making(request) else { return };
        let until = self.now.saturating_add(self.options.lease);
        let Some(flight) = self.flights.get_mut(id) else { return };
        flight.stage = Stage::Waiting;
        flight.lease_until.get_or_insert(until);
        let (nobody, own) = (flight.waiters.is_empty(), flight.waiters.iter().any(|waiter| waiter.request == request));
        // Made anew early, for nobody in particular: let the other do it.
        self.forget(request, !own);
        if nobody {
            self.land(id);
            return self.make_behind(after);
        }
        self.take_waiters(id, after);
        self.after(wait, Timer::Lease(id));
    }

    /// Asks once more for the value that another process makes.
    pub(super) fn poll_lease(&mut self, id: FlightId) {
        let Some(flight) = self.flights.get(id).filter(|flight| flight.stage == Stage::Waiting) else { return };
        let (node, key) = (flight.node, flight.key.clone());
        if !self.state_of(node).is_online() || self.journal.get(&key).is_some() || self.is_clearing(&key) {
            return self.fall_back(id);
        }
        let hard = self.after(self.options.read_hard, Timer::Hard(id));
        if let Some(flight) = self.flights.get_mut(id) {
            // What happened before this request left does not spoil its reply.
            (flight.spoilt, flight.hard, flight.again) = (false, Some(hard), false);
        }
        self.flights.reopen(id);
        self.send_read(id);
    }

    /// Gives back the lease under which a factory ran.
    pub(super) fn release_lease(&mut self, lease: Option<Lease>) {
        let Some(Lease { node, key, token }) = lease else { return };
        // Where it cannot be given back it ends by itself.
        if self.state_of(node).is_online() {
            self.send(node, vec![words(&[b"EVAL", RELEASE, b"1", &key, &token])], Kind::Late, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lies_in_the_slot_of_its_key() {
        for key in [&b"user:1"[..], b"{user:1}:name", b"a{b"] {
            assert_eq!(route::slot(&lease_key(key)), route::slot(key));
        }
        assert_ne!(lease_key(b"a"), lease_key(b"b"));
    }
}
