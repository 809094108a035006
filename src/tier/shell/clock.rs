//! The tier's clock: it begins at the wall's time, and goes on steadily.

extern crate std;

use crate::time::Millis;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(super) struct Clock {
    /// The wall's time when it began.
    pub(super) began_at: Millis,
    began: Instant,
    /// What the kernel's steady clock said then.
    #[cfg(target_os = "linux")]
    steady: Millis,
}

/// The wall's time.
pub(super) fn wall() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(target_os = "linux")]
#[inline]
fn steady(clock: rustix::time::ClockId) -> Millis {
    let time = rustix::time::clock_gettime(clock);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            began_at: wall(),
            #[cfg(target_os = "linux")]
            steady: steady(rustix::time::ClockId::Monotonic),
            began: Instant::now(),
        }
    }

    #[inline]
    pub(super) fn now(&self) -> Millis {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.began_at.saturating_add(since)
    }

    /// As [`Clock::now`], or what that was up to ten milliseconds ago: on Linux, the kernel's last tick. The exact time takes longer than a hit does.
    #[inline]
    pub(super) fn lately(&self) -> Millis {
        #[cfg(target_os = "linux")]
        return self.began_at.saturating_add(steady(rustix::time::ClockId::MonotonicCoarse).saturating_sub(self.steady));
        #[cfg(not(target_os = "linux"))]
        self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lately_is_never_ahead_and_not_far_behind() {
        let clock = Clock::start();
        let until = Instant::now() + std::time::Duration::from_millis(60);
        while Instant::now() < until {
            let (lately, now) = (clock.lately(), clock.now());
            assert!(lately <= now.saturating_add(1), "ahead: {lately} > {now}");
        }
        // A tick, and what a busy machine keeps a thread waiting between the two.
        let behind = (0..50).map(|_| clock.now().saturating_sub(clock.lately())).min();
        assert!(behind <= Some(20), "{behind:?} ms behind");
    }
}
