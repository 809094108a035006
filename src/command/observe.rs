//! Watching what is done: MONITOR, SLOWLOG, LATENCY, and the look at each command that feeds them.

use super::args::{ArgKind, ArgSpec, Args, NoArgs, Parse, args};
use super::reply::{Help, Ok as Okay, Reply, With};
use super::{ADMIN, Flags, Row, every, rows};
use crate::call::Call;
use crate::engine::Server;
use crate::error::{ReplyError, Result};
use crate::latency::{Event, Histogram};
use crate::number;
use crate::resp::write::Writer;
use crate::session::SessionId;
use crate::slowlog::{self, Slow};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Server = [
        { "latency", since: "2.8.13", cost: "Depends on the subcommand", "How long commands take.", [
            { "latency|doctor", latency_doctor as NoArgs, since: "2.8.13", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Bulk, "Says in words what took too long." },
            { "latency|graph", latency_graph as EventName, since: "2.8.13", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Bulk, "Draws how long an event took." },
            { "latency|histogram", latency_histogram as Names, since: "7.0.0", cost: "O(N), N commands", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Map(&Any), "How many calls of commands took at most how long." },
            { "latency|history", latency_history as EventName, since: "2.8.13", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Array(&Any), "When an event took too long, and how long." },
            { "latency|latest", latency_latest as NoArgs, since: "2.8.13", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Array(&Any), "Each event's latest and longest time." },
            { "latency|reset", latency_reset as Names, since: "2.8.13", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE],
              reply: Integer, "Forgets events, or all of them; answers how many." },
            { "latency|help", latency_help as NoArgs, since: "2.8.13", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
        { "monitor", monitor as NoArgs, since: "1.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE], reply: Ok,
          "Tells this connection of every command that runs." },
        { "slowlog", since: "2.2.12", cost: "Depends on the subcommand", "The latest slow commands.", [
            { "slowlog|get", slowlog_get as SlowCount, since: "2.2.12", cost: "O(N), N entries", flags: [ADMIN, LOADING, STALE],
              reply: Array(&Any), "The latest slow commands: number, time, microseconds, words, address, name." },
            { "slowlog|len", slowlog_len as NoArgs, since: "2.2.12", cost: "O(1)", flags: [ADMIN, LOADING, STALE], reply: Integer,
              "How many slow commands are kept." },
            { "slowlog|reset", slowlog_reset as NoArgs, since: "2.2.12", cost: "O(N), N entries", flags: [ADMIN, LOADING, STALE], reply: Ok,
              "Forgets the slow commands." },
            { "slowlog|help", slowlog_help as NoArgs, since: "6.2.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
        ] },
    ]
}

// ---- the look at each command -----------------------------------------------------------------------------------------------------------

/// What was noted when a command began.
#[derive(Default)]
pub(super) struct Watch {
    began: Option<u64>,
    weight: u64,
    memory: u64,
}

/// Words and bytes of a word from which on even a short command is timed, and bytes of a reply, or of memory freed, by which one turns out to be long.
const MANY_WORDS: usize = 64;
const BIG_WORD: usize = 1 << 16;
const BIG: u64 = 1 << 20;

/// Before a command: reads the clock, unless that would take as long as the command, and nobody wants to know.
#[inline]
pub(super) fn begin(call: &Call<'_>, row: &'static Row, argv: &[&[u8]]) -> Watch {
    let Some(host) = &call.server.host else { return Watch::default() };
    let config = &call.server.config;
    let short = row.short && !config.times_all();
    let weight = if short { call.server.stats.weight(row) } else { 1 };
    let timed = weight > 0 || argv.len() > MANY_WORDS || argv.iter().take(4).any(|word| word.len() > BIG_WORD);
    Watch { began: timed.then(|| host.clock_us()).flatten(), weight, memory: call.keys.used_memory() }
}

/// After a command: counts it, unless it waits and will run again, and tells those who watch.
#[inline]
pub(super) fn end(call: &mut Call<'_>, row: &'static Row, argv: &[&[u8]], watch: Watch, reply: usize) {
    let mut took = None;
    if let Some(host) = &call.server.host {
        let freed = watch.memory.saturating_sub(call.keys.used_memory());
        // One that was thought to be short is not: it began after the batch did.
        let began = watch.began.or(if freed > BIG || reply as u64 > BIG { call.server.batch_us } else { None });
        took = began.and_then(|began| host.clock_us()?.checked_sub(began));
        took = took.map(|us| us.saturating_add(core::mem::take(&mut call.server.slept_us)));
    }
    if call.session.park.is_none() {
        call.server.stats.ran(row, took, watch.weight, call.server.config.latency_tracking);
        if let Some(us) = took
            && ADMIN
            && call.server.config.is_slow(us)
        {
            slow(call, row, argv, us);
        }
    }
    if ADMIN && !call.server.monitors.is_empty() {
        feed_monitors(call, row, argv);
    }
    if !call.server.secrets.is_empty() {
        call.server.secrets.clear();
    }
}

/// The words of a request, secrets hidden.
fn shown<'a>(server: &Server, argv: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let hidden = |word: &[u8]| server.secrets.contains(&word.as_ptr().addr());
    argv.iter().map(|word| if hidden(word) { &b"(redacted)"[..] } else { *word }).collect()
}

/// Tells those who monitor what has run. Commands for administrators are nobody's business.
#[cold]
fn feed_monitors(call: &mut Call<'_>, row: &Row, argv: &[&[u8]]) {
    // A command that waits was told when it began to.
    if row.flags.has(Flags::ADMIN) || row.flags.has(Flags::SKIP_MONITOR) || call.serving().is_some() {
        return;
    }
    let now = call.now();
    let peer = &call.session.peer.addr;
    let address = match peer.strip_suffix(":0").filter(|path| path.starts_with('/')) {
        Some(path) => ["unix:", path].concat(),
        None => peer.clone(),
    };
    let fraction = now.wrapping_rem(1000).wrapping_add(1000).to_string();
    let seconds = now.wrapping_div(1000).to_string();
    let db = call.session.db.to_string();
    let mut line = [&seconds, ".", fraction.get(1..).unwrap_or_default(), "000 [", &db, " ", &address, "]"].concat();
    for word in shown(call.server, argv) {
        line.push_str(" \"");
        quote(word, &mut line);
        line.push('"');
    }
    for id in call.server.monitors.clone() {
        call.push_to(id, |writer| writer.simple(&line));
    }
}

fn quote(word: &[u8], line: &mut String) {
    for byte in word {
        match byte {
            b'\\' | b'"' => line.extend(['\\', char::from(*byte)]),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            7 => line.push_str("\\a"),
            8 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(*byte)),
            _ => {
                let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
                line.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

/// Logs a command that took long, and the time as an event.
#[cold]
fn slow(call: &mut Call<'_>, row: &Row, argv: &[&[u8]], microseconds: u64) {
    let (now, config) = (call.now(), &call.server.config);
    let ms = microseconds.wrapping_div(1000);
    if config.latency_ms != 0 && ms >= config.latency_ms {
        let event = if row.flags.has(Flags::FAST) { "fast-command" } else { "command" };
        call.server.latency.add(event, now, ms);
    }
    if call.server.config.slow_us.is_some_and(|least| microseconds >= least) && !row.flags.has(Flags::SKIP_SLOWLOG) {
        let argv = slowlog::cut(&shown(call.server, argv));
        let session = &call.session;
        let (address, name) = (session.peer.addr.clone(), session.name.clone());
        let most = call.server.config.slow_entries;
        call.server.slow_log.add(Slow { id: 0, at: now, microseconds, argv, address, name }, most);
    }
}

// ---- MONITOR ----------------------------------------------------------------------------------------------------------------------------

/// Asked again it has no reply, as there.
pub fn monitor(call: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    if !call.may_wait() {
        return Err(ReplyError::err("MONITOR isn't allowed for DENY BLOCKING client"));
    }
    let new = !call.session.monitors;
    if new {
        call.session.monitors = true;
        call.server.monitors.push(call.session.id);
    }
    Ok(With(move |writer: &mut Writer<'_>| {
        if new {
            writer.ok();
        }
    }))
}

impl Server {
    pub(crate) fn end_monitoring(&mut self, id: SessionId) {
        self.monitors.retain(|known| *known != id);
    }
}

// ---- SLOWLOG ----------------------------------------------------------------------------------------------------------------------------

/// `[count]`: -1 for all, 10 if not said.
pub struct SlowCount(usize);

impl<'a> Parse<'a> for SlowCount {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::Integer).named("count").optional()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        match *args.take_rest() {
            [] => Ok(Self(10)),
            [count] => match number::parse_i64(count) {
                Some(count @ -1..) => Ok(Self(usize::try_from(count).unwrap_or(usize::MAX))),
                _ => Err(ReplyError::err("count should be greater than or equal to -1")),
            },
            _ => Err(ReplyError::subcommand_syntax("GET", "SLOWLOG")),
        }
    }
}

pub fn slowlog_get<'c, 'e>(call: &'c mut Call<'e>, args: SlowCount) -> Result<impl Reply + use<'c, 'e>> {
    Ok(With(move |writer: &mut Writer<'_>| {
        let entries = &call.server.slow_log.entries;
        writer.array(entries.len().min(args.0));
        for entry in entries.iter().take(args.0) {
            writer.array(6);
            entry.id.write(writer);
            entry.at.wrapping_div(1000).write(writer);
            entry.microseconds.write(writer);
            writer.array(entry.argv.len());
            entry.argv.iter().for_each(|word| writer.bulk(word));
            writer.bulk(entry.address.as_bytes());
            writer.bulk(&entry.name);
        }
    }))
}

pub fn slowlog_len(call: &mut Call<'_>, _: NoArgs) -> Result<usize> {
    Ok(call.server.slow_log.entries.len())
}

pub fn slowlog_reset(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    call.server.slow_log.entries.clear();
    Ok(Okay)
}

pub fn slowlog_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "SLOWLOG subcommand [argument ...]. Subcommands:",
        "GET [count]",
        "    Tell the latest slow commands, 10 of them, or all (-1).",
        "LEN",
        "    Tell how many there are.",
        "RESET",
        "    Forget them.",
        "HELP",
        "    Print this.",
    ]))
}

// ---- LATENCY ----------------------------------------------------------------------------------------------------------------------------

args! { EventName<'a> { event: &'a [u8] } }

/// Names, or none.
pub struct Names<'a>(&'a [&'a [u8]]);

impl<'a> Parse<'a> for Names<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::String).named("name").optional().multiple()];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.take_rest()))
    }
}

pub fn latency_latest<'c, 'e>(call: &'c mut Call<'e>, _: NoArgs) -> Result<impl Reply + use<'c, 'e>> {
    Ok(With(move |writer: &mut Writer<'_>| {
        let events = &call.server.latency.0;
        writer.array(events.len());
        for event in events {
            let (at, ms) = event.samples.back().copied().unwrap_or_default();
            writer.array(4);
            writer.bulk(event.name.as_bytes());
            [at, ms, event.longest].into_iter().for_each(|number| number.write(writer));
        }
    }))
}

pub fn latency_history<'c, 'e>(call: &'c mut Call<'e>, args: EventName<'_>) -> Result<impl Reply + use<'c, 'e>> {
    let event = call.server.latency.find(args.event);
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.array(event.map_or(0, |event| event.samples.len()));
        for (at, ms) in event.iter().flat_map(|event| &event.samples) {
            writer.array(2);
            at.write(writer);
            ms.write(writer);
        }
    }))
}

pub fn latency_reset(call: &mut Call<'_>, args: Names<'_>) -> Result<usize> {
    let events = &mut call.server.latency.0;
    let before = events.len();
    events.retain(|event| !(args.0.is_empty() || args.0.contains(&event.name.as_bytes())));
    Ok(before.saturating_sub(events.len()))
}

pub fn latency_graph(call: &mut Call<'_>, args: EventName<'_>) -> Result<impl Reply + use<>> {
    let now = call.now().wrapping_div(1000);
    let Some(event) = call.server.latency.find(args.event) else {
        return Err(ReplyError::bytes(&[b"ERR No samples available for event '", args.event, b"'"]));
    };
    let picture = graph(event, now);
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(picture.as_bytes())))
}

/// A column a sample, with its age below, written downwards.
fn graph(event: &Event, now: u64) -> String {
    const COLUMNS: usize = 80;
    const ROWS: u64 = 4;
    const TOPS: [char; 3] = ['_', 'o', '#'];
    let samples = || event.samples.iter().skip(event.samples.len().saturating_sub(COLUMNS));
    let low = samples().map(|(_, ms)| *ms).min().unwrap_or(0);
    let high = samples().map(|(_, ms)| *ms).max().unwrap_or(0);
    let [high_text, low_text, all] = [high, low, event.longest].map(|ms| ms.to_string());
    let mut text = [event.name, " - high ", &high_text, " ms, low ", &low_text, " ms (all time high ", &all, " ms)\n"].concat();
    text.push_str(&"-".repeat(COLUMNS));
    text.push('\n');
    let steps = ROWS.saturating_mul(3);
    for row in (0..ROWS).rev() {
        for (_, ms) in samples() {
            let height = ms.saturating_sub(low).saturating_mul(steps).checked_div(high.saturating_sub(low)).unwrap_or(0);
            let height = height.min(steps.saturating_sub(1));
            text.push(match height.checked_sub(row.saturating_mul(3)) {
                None => ' ',
                Some(top) => usize::try_from(top).ok().and_then(|top| TOPS.get(top)).copied().unwrap_or('|'),
            });
        }
        text.push('\n');
    }
    let ages: Vec<String> = samples().map(|(at, _)| age(now.saturating_sub(*at))).collect();
    let longest = ages.iter().map(String::len).max().unwrap_or(0);
    for row in 0..longest {
        text.push('\n');
        text.extend(ages.iter().map(|age| age.as_bytes().get(row).map_or(' ', |byte| char::from(*byte))));
    }
    text.push('\n');
    text
}

fn age(seconds: u64) -> String {
    let (unit, letter) = match seconds {
        0..60 => (1, "s"),
        60..3600 => (60, "m"),
        3600..86400 => (3600, "h"),
        _ => (86400, "d"),
    };
    [&seconds.checked_div(unit).unwrap_or(0).to_string(), letter].concat()
}

pub fn latency_doctor(call: &mut Call<'_>, _: NoArgs) -> Result<impl Reply + use<>> {
    let mut text = String::new();
    if call.config().latency_ms == 0 {
        text.push_str(
            "Nobody watches: set latency-monitor-threshold to the milliseconds from which on something takes too long.\n",
        );
    } else if call.server.latency.0.is_empty() {
        text.push_str("Nothing has taken too long.\n");
    }
    for event in &call.server.latency.0 {
        let count = event.samples.len() as u64;
        let sum = event.samples.iter().fold(0u64, |sum, (_, ms)| sum.saturating_add(*ms));
        let [count_text, average, longest] = [count, sum.checked_div(count).unwrap_or(0), event.longest].map(|n| n.to_string());
        let line = [
            event.name,
            ": too long in ",
            &count_text,
            " seconds, ",
            &average,
            " ms on the average, ",
            &longest,
            " ms at worst.\n",
        ];
        line.iter().for_each(|part| text.push_str(part));
    }
    if !call.server.latency.0.is_empty() {
        text.push_str("SLOWLOG GET names the commands; big values take long to read, and to remove.\n");
    }
    Ok(With(move |writer: &mut Writer<'_>| writer.verbatim(text.as_bytes())))
}

pub fn latency_histogram<'c, 'e>(call: &'c mut Call<'e>, args: Names<'_>) -> Result<impl Reply + use<'c, 'e>> {
    let server = &*call.server;
    let mut wanted: Vec<&'static Row> = Vec::new();
    for name in args.0 {
        if let Some(row) = server.registry.by_full_name(name) {
            wanted.push(row);
            wanted.extend(row.subcommands);
        }
    }
    if args.0.is_empty() {
        wanted.extend(every());
    }
    let counted =
        |row: &'static Row| server.stats.row(row).map(|stats| (row.name, &stats.times)).filter(|(_, times)| times.total() > 0);
    let histograms: Vec<(&str, &Histogram)> = wanted.into_iter().filter_map(counted).collect();
    Ok(With(move |writer: &mut Writer<'_>| {
        writer.map(histograms.len());
        for (name, times) in histograms {
            writer.bulk(name.as_bytes());
            writer.map(2);
            writer.bulk(b"calls");
            times.total().write(writer);
            writer.bulk(b"histogram_usec");
            let at = writer.defer();
            let (mut steps, mut before) = (0usize, 0);
            for power in 10u32..48 {
                // Redis counts nanoseconds with two digits, which shows in the microseconds.
                let unit = 1u64.wrapping_shl(power.saturating_sub(7));
                let us = unit.saturating_mul(129).wrapping_sub(1).wrapping_div(1000);
                let count = times.up_to(us);
                if count > before {
                    us.write(writer);
                    count.write(writer);
                    (steps, before) = (steps.saturating_add(1), count);
                }
            }
            writer.close_map(at, steps);
        }
    }))
}

pub fn latency_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "LATENCY subcommand [argument ...]. Subcommands:",
        "DOCTOR",
        "    Say in words what took too long.",
        "GRAPH event",
        "    Draw how long an event took.",
        "HISTOGRAM [command ...]",
        "    Tell how many calls took at most how long.",
        "HISTORY event",
        "    Tell when an event took too long.",
        "LATEST",
        "    Tell each event's latest time.",
        "RESET [event ...]",
        "    Forget events.",
        "HELP",
        "    Print this.",
    ]))
}
