//! Early: values that are made anew before their end, so that nobody waits for it.
//!
//! At a share of their time, or by chance (XFetch): each process draws a moment for each value that it keeps, as long before the end as factories take, times
//! an exponentially distributed number. From that moment on the first reader with a factory is given the value, and has it made anew.

use super::l1::Header;
use super::machine::Machine;
use crate::time::Millis;

impl Machine {
    /// The moment from which a reader with a factory has it made anew. `cost`: how long it took to make, where that is known.
    pub(super) fn early(&mut self, header: &Header, sent_at: Millis, cost: Option<Millis>) -> Millis {
        let end = if self.is_swr(header) { header.fresh_until } else { header.expires };
        let (share, beta) = (self.options.early_refresh.min(100), self.options.early_beta);
        let mut early = header.fresh_until;
        if share > 0 && end != u64::MAX {
            let time = end.saturating_sub(sent_at);
            early = early.min(sent_at.saturating_add(time.saturating_mul(share) / 100));
        }
        if beta > 0 && end != u64::MAX {
            let cost = cost.unwrap_or(self.making_time).max(1);
            let ahead = cost.saturating_mul(beta).saturating_mul(exponential(self.rng.draw())) / (100 * UNIT);
            early = early.min(end.saturating_sub(ahead));
        }
        early
    }

    /// The moment from which an entry is made anew early has passed.
    pub(super) fn wants_refresh(&self, header: &Header) -> bool {
        header.quick_until <= self.now
    }
}

/// What is one in [`exponential`].
const UNIT: u64 = 1024;

/// From random bits a number that is exponentially distributed with mean 1, in units of 1/1024: `-ln u`, of which leading zeros count the halvings and what
/// follows them is interpolated (less than 0.06 off). Without a logarithm, which would be the only one here.
fn exponential(bits: u64) -> u64 {
    const LN_2: u64 = 710;
    let halvings = u64::from(bits.leading_zeros()).saturating_add(1);
    let rest = bits.checked_shl(bits.leading_zeros().saturating_add(1)).unwrap_or(0) >> 54;
    halvings.saturating_mul(UNIT).saturating_sub(rest).saturating_mul(LN_2) / UNIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::vec::Vec;

    #[test]
    fn chance_is_exponential_with_mean_one() {
        let mut rng = Rng::new(5);
        let drawn: Vec<u64> = (0..100_000).map(|_| exponential(rng.draw())).collect();
        let mean = drawn.iter().sum::<u64>() / drawn.len() as u64;
        assert!((UNIT * 97 / 100..UNIT * 106 / 100).contains(&mean), "{mean}");
        // One in e is beyond the mean, one in e^3 beyond three times the mean.
        let beyond = |times: u64| drawn.iter().filter(|drawn| **drawn > times * UNIT).count();
        assert!((35_000..39_500).contains(&beyond(1)), "{}", beyond(1));
        assert!((4_500..5_600).contains(&beyond(3)), "{}", beyond(3));
        assert_eq!((exponential(u64::MAX), exponential(0)), (0, 65 * 710));
    }
}
