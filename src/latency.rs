//! LATENCY: how long commands take (histograms) and when something took too long (events). All from the host's clock; without one there is nothing.

use crate::time::Millis;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Samples that an event keeps.
const SAMPLES: usize = 160;

/// Something that took longer than `latency-monitor-threshold`, at several times.
#[derive(Debug)]
pub struct Event {
    pub name: &'static str,
    /// Unix seconds and milliseconds taken, the oldest first; of one second the longest.
    pub samples: VecDeque<(u64, u64)>,
    /// Milliseconds, over all times.
    pub longest: u64,
}

/// All events, in the order of their first time.
#[derive(Debug, Default)]
pub struct Events(pub Vec<Event>);

impl Events {
    pub fn find(&self, name: &[u8]) -> Option<&Event> {
        self.0.iter().find(|event| event.name.as_bytes() == name)
    }

    pub(crate) fn add(&mut self, name: &'static str, now: Millis, ms: u64) {
        let place = self.0.iter().position(|event| event.name == name).unwrap_or_else(|| {
            self.0.push(Event { name, samples: VecDeque::new(), longest: 0 });
            self.0.len().saturating_sub(1)
        });
        let Some(event) = self.0.get_mut(place) else { return };
        event.longest = event.longest.max(ms);
        let second = now.wrapping_div(1000);
        match event.samples.back_mut() {
            Some((at, taken)) if *at == second => *taken = ms.max(*taken),
            _ => event.samples.push_back((second, ms)),
        }
        if event.samples.len() > SAMPLES {
            event.samples.pop_front();
        }
    }
}

/// How often a command took how long: eight steps between a power of two and the next, single microseconds below eight.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Vec<u64>);

/// What takes longer than this many microseconds counts as that.
const LONGEST: u64 = (1 << 30) - 1;

impl Histogram {
    fn place(us: u64) -> usize {
        let us = us.min(LONGEST);
        let Some(power) = us.checked_ilog2().and_then(|power| power.checked_sub(3)) else { return us as usize };
        (power as usize).saturating_mul(8).saturating_add((us >> power) as usize)
    }

    /// The least that falls into a step.
    fn least(place: usize) -> u64 {
        match (place / 8).checked_sub(1) {
            None => place as u64,
            Some(power) => ((place % 8).saturating_add(8) as u64) << power,
        }
    }

    /// Counts `weight` times that something took so long.
    pub(crate) fn add(&mut self, us: u64, weight: u64) {
        let place = Self::place(us);
        if self.0.len() <= place {
            self.0.resize(place.saturating_add(1), 0);
        }
        if let Some(count) = self.0.get_mut(place) {
            *count = count.saturating_add(weight);
        }
    }

    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many took at most so many microseconds, to a step.
    pub fn up_to(&self, us: u64) -> u64 {
        let steps = self.0.iter().enumerate().take_while(|(place, _)| Self::least(*place) <= us);
        steps.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Microseconds within which so many of a hundred were done.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = percent / 100.0 * self.total() as f64;
        let mut sum = 0u64;
        for (place, count) in self.0.iter().enumerate() {
            sum = sum.saturating_add(*count);
            if *count > 0 && sum as f64 >= wanted {
                return Self::least(place.saturating_add(1)).saturating_sub(1);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_without_gaps() {
        for place in 0..200 {
            let least = Histogram::least(place);
            assert_eq!(Histogram::place(least), place);
            assert_eq!(Histogram::place(Histogram::least(place + 1) - 1), place);
        }
        assert_eq!(Histogram::place(u64::MAX), Histogram::place(LONGEST));
    }

    #[test]
    fn percentiles_of_a_hundred_numbers() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|us| histogram.add(us, 1));
        assert_eq!((histogram.total(), histogram.up_to(7), histogram.up_to(u64::MAX)), (100, 7, 100));
        assert_eq!(histogram.percentile(50.0), 51);
        assert_eq!(histogram.percentile(100.0), 103);
        assert_eq!(Histogram::default().percentile(50.0), 0);
    }

    #[test]
    fn a_second_has_one_sample_and_old_ones_go() {
        let mut events = Events::default();
        for (now, ms) in [(1000, 5), (1500, 9), (1900, 7), (2000, 1)] {
            events.add("command", now, ms);
        }
        assert_eq!(events.find(b"command").unwrap().samples, [(1, 9), (2, 1)]);
        (3..500).for_each(|second| events.add("command", second * 1000, second));
        let event = events.find(b"command").unwrap();
        assert_eq!((event.samples.len(), event.longest, event.samples.back()), (160, 499, Some(&(499, 499))));
    }
}
