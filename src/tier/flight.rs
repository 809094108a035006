//! Single flight: however many ask for a key at once, one asks Redis and one factory runs.
//!
//! A flight is **spoilt** when the key changes while it is on its way: those who wait get what it brings, nothing of it is kept, and who comes
//! later starts another. The next factory of the key waits even then until the running one is done.

use super::action::{CallId, NodeId, RequestId, Words};
use super::l1::Header;
use super::machine::TimerKey;
use super::options::Keep;
use crate::time::Millis;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

pub(super) type FlightId = u64;

/// Where a flight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Asking(CallId),
    /// The factory of this request runs.
    Making(RequestId),
    /// Another flight's factory for the key runs.
    Behind,
    /// Another process has the key's lease.
    Waiting,
}

/// A value from Redis that waits for word of its tags.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub header: Header,
    pub tags: Vec<Vec<u8>>,
    pub value: Vec<u8>,
    /// Past its time to live, within its grace.
    pub past: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Waiter {
    pub request: RequestId,
    /// It brought a factory.
    pub factory: bool,
}

#[derive(Debug)]
pub(super) struct Flight {
    pub key: Vec<u8>,
    pub node: NodeId,
    /// The node's epoch when it began.
    pub epoch: u32,
    pub spoilt: bool,
    pub stage: Stage,
    pub waiters: Vec<Waiter>,
    /// How what a factory makes is kept: as the first who brought one says.
    pub keep: Option<Keep>,
    /// The command that is asked, in place of the key's value.
    pub command: Option<Words>,
    pub fetched: Option<Fetched>,
    pub soft: Option<TimerKey>,
    pub hard: Option<TimerKey>,
    /// The soft timeout has passed.
    pub late: bool,
    /// The connection broke once, and it was asked again.
    pub again: bool,
    /// When its factory began to run.
    pub begun: Millis,
    /// Until when another process's lease is respected; from the first time that there was one.
    pub lease_until: Option<Millis>,
    /// A value that was there when the lease was had was looked at.
    pub rechecked: bool,
}

/// All flights.
#[derive(Default)]
pub(super) struct Flights {
    flights: BTreeMap<FlightId, Flight>,
    /// Those that may be joined, by key (and command).
    open: BTreeMap<(Vec<u8>, Option<Words>), FlightId>,
    /// Flights whose factory runs, by key, and those that come after.
    making: BTreeMap<Vec<u8>, (FlightId, VecDeque<FlightId>)>,
    /// Flights by the request whose factory runs.
    makers: BTreeMap<RequestId, FlightId>,
    next: FlightId,
}

impl Flights {
    pub fn get(&self, id: FlightId) -> Option<&Flight> {
        self.flights.get(&id)
    }

    pub fn get_mut(&mut self, id: FlightId) -> Option<&mut Flight> {
        self.flights.get_mut(&id)
    }

    /// The number that the next flight will have.
    pub fn reserve(&mut self) -> FlightId {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub fn add(&mut self, id: FlightId, flight: Flight) {
        self.open.insert((flight.key.clone(), flight.command.clone()), id);
        self.flights.insert(id, flight);
    }

    /// Whoever comes for the key joins this flight again, and not one that was added since.
    pub fn reopen(&mut self, id: FlightId) {
        if let Some(flight) = self.flights.get(&id) {
            self.open.insert((flight.key.clone(), flight.command.clone()), id);
        }
    }

    pub fn joinable(&self, key: &[u8], command: Option<&Words>) -> Option<FlightId> {
        if self.open.is_empty() {
            return None;
        }
        self.open.get(&(key.to_vec(), command.cloned())).copied()
    }

    pub fn remove(&mut self, id: FlightId) -> Option<Flight> {
        let flight = self.flights.remove(&id)?;
        self.close(id, &flight.key, flight.command.as_ref());
        Some(flight)
    }

    fn close(&mut self, id: FlightId, key: &[u8], command: Option<&Words>) {
        let name = (key.to_vec(), command.cloned());
        if self.open.get(&name) == Some(&id) {
            self.open.remove(&name);
        }
    }

    /// Nothing that was asked of the keys before is to be kept, nor joined.
    pub fn spoil(&mut self, of: impl Fn(&[u8]) -> bool) {
        if self.flights.is_empty() {
            return;
        }
        for flight in self.flights.values_mut().filter(|flight| of(&flight.key)) {
            flight.spoilt = true;
        }
        self.open.retain(|(key, _), _| !of(key));
    }

    /// Spoils the flights of one key.
    pub fn spoil_key(&mut self, key: &[u8]) {
        if self.flights.is_empty() {
            return;
        }
        let first = (key.to_vec(), None);
        let open: Vec<_> =
            self.open.range(first..).take_while(|((other, _), _)| other == key).map(|(name, _)| name.clone()).collect();
        for name in &open {
            self.open.remove(name);
        }
        // Closed ones may be about.
        for flight in self.flights.values_mut().filter(|flight| flight.key == key) {
            flight.spoilt = true;
        }
    }

    /// Whether a flight's factory may start; it comes after the one that runs if not.
    pub fn begin_making(&mut self, id: FlightId, request: RequestId) -> bool {
        let Some(flight) = self.flights.get_mut(&id) else { return false };
        if let Some((_, after)) = self.making.get_mut(&flight.key) {
            after.push_back(id);
            flight.stage = Stage::Behind;
            return false;
        }
        self.making.insert(flight.key.clone(), (id, VecDeque::new()));
        self.makers.insert(request, id);
        flight.stage = Stage::Making(request);
        true
    }

    pub fn is_making(&self, key: &[u8]) -> bool {
        self.making.contains_key(key)
    }

    /// The factory of a request is done: its flight, and those that waited for it.
    pub fn end_making(&mut self, request: RequestId) -> Option<(FlightId, VecDeque<FlightId>)> {
        let id = self.makers.remove(&request)?;
        let making = self.flights.get(&id).and_then(|flight| self.making.remove(&flight.key));
        Some((id, making.map(|(_, after)| after).unwrap_or_default()))
    }

    /// The flight that a request waits in.
    pub fn of_request(&self, request: RequestId) -> Option<FlightId> {
        let found = self.flights.iter().find(|(_, flight)| flight.waiters.iter().any(|waiter| waiter.request == request));
        found.map(|(id, _)| *id)
    }
}
