//! The breaker: when a node counts as down, and when it is tried again. It never rests in a state without a next attempt.

use super::Options;
use crate::rng::Rng;
use crate::time::Millis;

/// One node's outcomes of late.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaker {
    in_a_row: u32,
    /// Outcomes and failures since `since`.
    outcomes: u32,
    failures: u32,
    since: Millis,
    /// Probes that failed since it opened.
    attempts: u32,
}

impl Breaker {
    pub fn success(&mut self, now: Millis, options: &Options) {
        self.in_a_row = 0;
        self.count(now, options);
    }

    /// True where the breaker opens.
    pub fn failure(&mut self, now: Millis, options: &Options) -> bool {
        self.count(now, options);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.failures = self.failures.saturating_add(1);
        let many = self.outcomes >= options.failures_of && self.failures.saturating_mul(2) >= self.outcomes;
        self.in_a_row >= options.failures_in_a_row || many
    }

    fn count(&mut self, now: Millis, options: &Options) {
        if now.saturating_sub(self.since) >= options.failure_window {
            (self.outcomes, self.failures, self.since) = (0, 0, now);
        }
        self.outcomes = self.outcomes.saturating_add(1);
    }

    /// Milliseconds until the next probe, twice as many as before the one that failed; 20 % more or less, so that not all come at once.
    pub fn wait(&mut self, options: &Options, rng: &mut Rng) -> Millis {
        let wait = options.open.saturating_mul(1u64 << self.attempts.min(20)).min(options.open_most);
        self.attempts = self.attempts.saturating_add(1);
        let spread = wait / 5;
        wait.saturating_sub(spread).saturating_add(rng.below(spread.saturating_mul(2).saturating_add(1)))
    }

    /// The node is back.
    pub fn close(&mut self, now: Millis) {
        *self = Self { since: now, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_open_it() {
        let (options, mut breaker) = (Options::default(), Breaker::default());
        assert!(!(0..4).any(|_| breaker.failure(0, &options)));
        breaker.success(0, &options);
        assert!(!(0..4).any(|_| breaker.failure(0, &options)));
        assert!(breaker.failure(0, &options));
    }

    #[test]
    fn so_does_half_of_twenty() {
        let (options, mut breaker) = (Options::default(), Breaker::default());
        let opened = (0..20).map(|at| {
            if at % 2 == 0 {
                breaker.success(1, &options);
                false
            } else {
                breaker.failure(1, &options)
            }
        });
        assert_eq!(opened.filter(|opened| *opened).count(), 1);
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let (options, mut breaker, mut rng) = (Options::default(), Breaker::default(), Rng::new(1));
        let waits: alloc::vec::Vec<_> = (0..8).map(|_| breaker.wait(&options, &mut rng)).collect();
        assert!(waits[0] <= 300 && waits[0] >= 200, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= options.open_most * 6 / 5), "{waits:?}");
        assert!(waits[7] >= options.open_most * 4 / 5, "{waits:?}");
    }
}
