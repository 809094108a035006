//! Counters that `INFO` shows, beside those that the keyspace keeps.

use crate::command::Row;
use crate::error::ReplyError;
use crate::latency::Histogram;
use crate::number::quotient;
use crate::time::Millis;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Different error codes that are counted apart; what comes later counts in the sum only, so that made-up codes cannot fill memory.
const ERROR_CODES_MAX: usize = 128;

/// Counts since the start or the last CONFIG RESETSTAT. What only a shell can know, the shell adds up here.
#[derive(Clone, Default)]
pub struct Stats {
    pub connections: u64,
    /// Shell: refused because of `maxclients`.
    pub rejected_connections: u64,
    /// Commands run, those in transactions included.
    pub commands: u64,
    pub error_replies: u64,
    /// Shell.
    pub input_bytes: u64,
    /// Shell.
    pub output_bytes: u64,
    /// Shell: reads from sockets.
    pub reads: u64,
    /// Shell: writes to sockets.
    pub writes: u64,
    /// Shell: closed because of `client-query-buffer-limit`.
    pub query_buffer_disconnections: u64,
    /// Closed because of `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Closed because of `client-output-buffer-limit`, by the engine or by the shell.
    pub output_buffer_disconnections: u64,
    /// In the order of the rows' addresses.
    rows: Vec<RowStats>,
    /// The place of the row that was counted last: as likely as not it is the next one, too.
    latest: usize,
    errors: Vec<(Box<[u8]>, u64)>,
    rate: Rate,
}

/// What happened to one command.
#[derive(Clone)]
pub struct RowStats {
    row: &'static Row,
    pub calls: u64,
    /// Of these, those for which a measured one stands, and how long they took together.
    timed: u64,
    microseconds: u64,
    /// How many of them took how long.
    pub times: Histogram,
    /// Refused before they ran.
    pub rejected: u64,
    /// Answered with an error.
    pub failed: u64,
}

/// The first calls of a short command are all timed, later ones now and then: reading a clock twice takes as long as such a command.
const TIMED_AT_FIRST: u64 = 64;
const TIMED_LATER: u64 = 16;

impl RowStats {
    /// Time of all calls; told from those whose time was taken. 0 where the engine has no clock.
    pub fn microseconds(&self) -> u64 {
        let scaled = u128::from(self.microseconds).wrapping_mul(u128::from(self.calls));
        quotient(scaled, self.timed).and_then(|sum| u64::try_from(sum).ok()).unwrap_or(0)
    }
}

/// Work a second, measured between looks at least a second apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    since: Millis,
    from: [u64; 3],
    /// Commands, bytes in, bytes out: a second.
    pub per_second: [u64; 3],
}

impl Stats {
    fn place(&self, row: &'static Row) -> core::result::Result<usize, usize> {
        if self.rows.get(self.latest).is_some_and(|known| core::ptr::eq(known.row, row)) {
            return Ok(self.latest);
        }
        // Rows never move: their address is their number.
        self.rows.binary_search_by_key(&core::ptr::from_ref(row).addr(), |known| core::ptr::from_ref(known.row).addr())
    }

    fn of(&mut self, row: &'static Row) -> Option<&mut RowStats> {
        let place = match self.place(row) {
            Ok(place) => place,
            Err(place) => {
                self.rows.insert(
                    place,
                    RowStats { row, calls: 0, timed: 0, microseconds: 0, times: Histogram::default(), rejected: 0, failed: 0 },
                );
                place
            }
        };
        self.latest = place;
        self.rows.get_mut(place)
    }

    /// For how many calls of a short command the next one stands if it is timed; 0: it need not be.
    #[inline]
    pub(crate) fn weight(&self, row: &'static Row) -> u64 {
        match self.row(row).map_or(0, |known| known.calls) {
            0..TIMED_AT_FIRST => 1,
            calls if calls.wrapping_rem(TIMED_LATER) == 0 => TIMED_LATER,
            _ => 0,
        }
    }

    /// Counts a command that ran, and the microseconds that it and `weight` calls in all are taken to have needed.
    #[inline]
    pub(crate) fn ran(&mut self, row: &'static Row, took: Option<u64>, weight: u64, kept: bool) {
        self.commands = self.commands.wrapping_add(1);
        let Some(stats) = self.of(row) else { return };
        stats.calls = stats.calls.wrapping_add(1);
        if let Some(microseconds) = took.filter(|_| weight > 0) {
            stats.timed = stats.timed.wrapping_add(weight);
            stats.microseconds = stats.microseconds.wrapping_add(microseconds.wrapping_mul(weight));
            if kept {
                stats.times.add(microseconds, weight);
            }
        }
    }

    /// Counts the error that a command which ran has answered.
    pub(crate) fn failed(&mut self, row: &'static Row, error: &ReplyError) {
        if let Some(stats) = self.of(row) {
            stats.failed = stats.failed.wrapping_add(1);
        }
        self.error(error);
    }

    /// Counts a request that was refused before it ran; `row` is what it asked for, if that exists.
    pub(crate) fn refused(&mut self, row: Option<&'static Row>, error: &ReplyError) {
        if let Some(stats) = row.and_then(|row| self.of(row)) {
            stats.rejected = stats.rejected.wrapping_add(1);
        }
        self.error(error);
    }

    fn error(&mut self, error: &ReplyError) {
        self.error_replies = self.error_replies.wrapping_add(1);
        let code = error.code();
        if let Some((_, count)) = self.errors.iter_mut().find(|(known, _)| &**known == code) {
            *count = count.wrapping_add(1);
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.push((code.into(), 1));
        }
    }

    /// What happened to a command; `None` where it was never asked for.
    pub fn row(&self, row: &'static Row) -> Option<&RowStats> {
        self.rows.get(self.place(row).ok()?)
    }

    /// Each error code with how often it was answered.
    pub fn errors(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.errors.iter().map(|(code, count)| (&**code, *count))
    }

    /// Work a second up to now; measured anew where the last look is a second ago.
    pub(crate) fn rate(&mut self, now: Millis, started: Millis) -> Rate {
        let since = self.rate.since.max(started);
        let elapsed = now.saturating_sub(since);
        if elapsed >= 1000 {
            let totals = [self.commands, self.input_bytes, self.output_bytes];
            for ((rate, total), from) in self.rate.per_second.iter_mut().zip(totals).zip(self.rate.from) {
                let work = total.saturating_sub(from).saturating_mul(1000);
                *rate = work.checked_div(elapsed).unwrap_or(0);
            }
            self.rate.from = totals;
            self.rate.since = now;
        }
        self.rate
    }
}

impl core::fmt::Debug for Stats {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stats")
            .field("commands", &self.commands)
            .field("error_replies", &self.error_replies)
            .finish_non_exhaustive()
    }
}
