//! The log: lines as people who run Redis know them, `pid:M 23 Nov 2026 02:55:57.401 * Ready to accept connections`, to standard output or
//! to `logfile`. Dates are UTC.
//!
//! redis-server's four levels are those of `tracing`, one for one: debug `.` is TRACE, verbose `-` is DEBUG, notice `*` is INFO, warning `#` is WARN
//! (and ERROR).

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// The least level that is written, as [`rank`]; changed while running by CONFIG SET loglevel.
static THRESHOLD: AtomicU8 = AtomicU8::new(1);

fn rank(level: &Level) -> u8 {
    match *level {
        Level::TRACE => 3,
        Level::DEBUG => 2,
        Level::INFO => 1,
        _ => 0,
    }
}

/// Takes `debug`, `verbose`, `notice` or `warning`; anything else leaves the level as it is.
pub fn set_level(name: &str) {
    let rank = match name {
        "debug" => 3,
        "verbose" => 2,
        "notice" => 1,
        "warning" => 0,
        _ => return,
    };
    THRESHOLD.store(rank, Ordering::Relaxed);
}

/// Starts logging, to `file` when there is one.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn start(file: Option<PathBuf>) -> io::Result<()> {
    let target = Target { file, pid: std::process::id() };
    drop(target.open()?);
    let layer = tracing_subscriber::fmt::layer().event_format(Line { pid: target.pid }).with_writer(target);
    let wanted = filter_fn(|metadata: &Metadata<'_>| rank(metadata.level()) <= THRESHOLD.load(Ordering::Relaxed));
    let subscriber = tracing_subscriber::registry().with(wanted).with(layer);
    // Fails only when a log was started before, in which case that one goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// The file is opened for every line, so that it can be moved away while the server runs, as log rotation does.
struct Target {
    file: Option<PathBuf>,
    pid: u32,
}

impl Target {
    fn open(&self) -> io::Result<Box<dyn Write>> {
        match &self.file {
            None => Ok(Box::new(io::stdout())),
            Some(path) => Ok(Box::new(OpenOptions::new().create(true).append(true).open(path)?)),
        }
    }
}

impl<'a> MakeWriter<'a> for Target {
    type Writer = Box<dyn Write>;

    fn make_writer(&'a self) -> Self::Writer {
        // A log that cannot be written must not stop the server.
        self.open().unwrap_or_else(|_| Box::new(io::sink()))
    }
}

struct Line {
    pid: u32,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mark = match rank(event.metadata().level()) {
            3 => '.',
            2 => '-',
            1 => '*',
            _ => '#',
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(writer, "{}:M {} {mark} ", self.pid, Moment { seconds: now.as_secs(), millis: now.subsec_millis() })?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// A moment in UTC, written as `23 Nov 2026 02:55:57.401`.
struct Moment {
    seconds: u64,
    millis: u32,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let (year, month, day) = date(days);
        let month = MONTHS.get(month).copied().unwrap_or("???");
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{day:02} {month} {year} {hour:02}:{minute:02}:{second:02}.{:03}", self.millis)
    }
}

/// The date, `days` days after 1 January 1970: (year, month from 0, day from 1). Counts in eras of 400 years that begin on 1 March, so that
/// the leap day is the last of its year.
fn date(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let day = day - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    let year = era * 400 + year + u64::from(march_month >= 10);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        let show = |seconds| Moment { seconds, millis: 7 }.to_string();
        assert_eq!(show(0), "01 Jan 1970 00:00:00.007");
        assert_eq!(show(951_782_399), "28 Feb 2000 23:59:59.007");
        assert_eq!(show(951_782_400), "29 Feb 2000 00:00:00.007");
        assert_eq!(show(951_868_800), "01 Mar 2000 00:00:00.007");
        assert_eq!(show(1_795_402_557), "23 Nov 2026 02:55:57.007");
        assert_eq!(show(4_107_542_400), "01 Mar 2100 00:00:00.007");
    }
}
