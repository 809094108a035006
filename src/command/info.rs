//! The text of INFO: sections of `name:value` lines, true ones only. What the engine cannot know (process, processor, resident memory) the
//! host adds to its section.

use super::connection::REDIS_VERSION;
use crate::call::Call;
use crate::number::{self, quotient};
use crate::pubsub::Kind;
use crate::session::Buffers;
use alloc::string::ToString;
use alloc::vec::Vec;

/// When a section is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    ByDefault,
    WithAll,
}

struct Section {
    /// As its heading is written; asked for in any letter case.
    name: &'static str,
    shown: Shown,
    write: fn(&mut Call<'_>, &mut Lines),
}

const fn section(name: &'static str, shown: Shown, write: fn(&mut Call<'_>, &mut Lines)) -> Section {
    Section { name, shown, write }
}

static SECTIONS: &[Section] = &[
    section("Server", Shown::ByDefault, server),
    section("Clients", Shown::ByDefault, clients),
    section("Memory", Shown::ByDefault, memory),
    section("Persistence", Shown::ByDefault, persistence),
    section("Stats", Shown::ByDefault, stats),
    section("Replication", Shown::ByDefault, replication),
    section("CPU", Shown::ByDefault, |_, _| {}),
    section("Modules", Shown::ByDefault, |_, _| {}),
    section("Commandstats", Shown::WithAll, command_stats),
    section("Errorstats", Shown::ByDefault, error_stats),
    section("Latencystats", Shown::WithAll, latency_stats),
    section("Cluster", Shown::ByDefault, |_, lines| lines.number("cluster_enabled", 0)),
    section("Keyspace", Shown::ByDefault, keyspace),
];

/// The sections asked for, in INFO's own order; the default ones if none is named.
pub(super) fn text(call: &mut Call<'_>, asked: &[&[u8]]) -> Vec<u8> {
    let named = |name: &str| asked.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let all = named("all") || named("everything");
    let default = asked.is_empty() || named("default");
    let mut lines = Lines(Vec::new());
    for section in SECTIONS {
        let wanted = all || (default && section.shown == Shown::ByDefault);
        if !(wanted || named(section.name) || (section.name == "Modules" && named("module_list"))) {
            continue;
        }
        if !lines.0.is_empty() {
            lines.end();
        }
        lines.put("# ");
        lines.put(section.name);
        lines.end();
        (section.write)(call, &mut lines);
        if let Some(host) = &call.server.host {
            host.info(&section.name.to_ascii_lowercase(), &mut lines.0);
        }
    }
    lines.0
}

/// Lines `name:value`.
struct Lines(Vec<u8>);

impl Lines {
    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn end(&mut self) {
        self.put("\r\n");
    }

    fn digits(&mut self, value: u64) {
        self.put(&value.to_string());
    }

    fn text(&mut self, name: &str, value: &str) {
        self.put(name);
        self.put(":");
        self.put(value);
        self.end();
    }

    fn number(&mut self, name: &str, value: u64) {
        self.text(name, &value.to_string());
    }

    fn numbers(&mut self, pairs: &[(&str, u64)]) {
        for (name, value) in pairs {
            self.number(name, *value);
        }
    }

    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.number(name, 0);
        }
    }

    /// A value given in hundredths, with two digits behind the point.
    fn hundredths(&mut self, value: u64) {
        self.digits(value.wrapping_div(100));
        self.put(if value.wrapping_rem(100) < 10 { ".0" } else { "." });
        self.digits(value.wrapping_rem(100));
    }

    fn ratio(&mut self, name: &str, part: u64, whole: u64, scale: u64, unit: &str) {
        self.put(name);
        self.put(":");
        self.hundredths(hundredths(part, whole, scale));
        self.put(unit);
        self.end();
    }

    /// Bytes, and the same for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.number(name, bytes);
        self.put(name);
        self.put("_human:");
        let unit =
            [(1u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")].into_iter().find(|(size, _)| bytes >= *size);
        match unit {
            Some((size, letter)) => {
                self.hundredths(hundredths(bytes, size, 1));
                self.put(letter);
            }
            None => {
                self.digits(bytes);
                self.put("B");
            }
        }
        self.end();
    }
}

/// `part / whole * scale` in hundredths, rounded; 0 of nothing.
fn hundredths(part: u64, whole: u64, scale: u64) -> u64 {
    let scaled = u128::from(part).wrapping_mul(u128::from(scale.saturating_mul(100))).saturating_add(u128::from(whole / 2));
    quotient(scaled, whole).and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
}

fn server(call: &mut Call<'_>, lines: &mut Lines) {
    let now = call.now();
    let up = now.saturating_sub(call.server.started).wrapping_div(1000);
    lines.text("redis_version", REDIS_VERSION);
    lines.text("cachette_version", env!("CARGO_PKG_VERSION"));
    lines.text("redis_mode", "standalone");
    lines.number("arch_bits", u64::from(usize::BITS));
    lines.text("run_id", &call.server.run_id());
    lines.numbers(&[
        ("tcp_port", call.config().number("port")),
        ("server_time_usec", now.saturating_mul(1000)),
        ("uptime_in_seconds", up),
        ("uptime_in_days", up.wrapping_div(86400)),
        ("hz", call.config().number("hz")),
        ("configured_hz", call.config().number("hz")),
        ("lru_clock", now.wrapping_div(1000) & 0x00ff_ffff),
    ]);
}

fn clients(call: &mut Call<'_>, lines: &mut Lines) {
    let sessions = || call.server.sessions.iter().chain([&*call.session]);
    let largest = |bytes: fn(&Buffers) -> usize| sessions().map(|session| bytes(&session.buffers) as u64).max().unwrap_or(0);
    lines.numbers(&[
        ("connected_clients", call.server.sessions.len() as u64),
        ("cluster_connections", 0),
        ("maxclients", call.config().number("maxclients")),
        ("client_recent_max_input_buffer", largest(|buffers| buffers.query)),
        ("client_recent_max_output_buffer", largest(|buffers| buffers.output)),
    ]);
    let blocked = call.server.sessions.iter().filter(|session| session.waiting.is_some()).count();
    lines.numbers(&[
        ("blocked_clients", blocked as u64),
        ("tracking_clients", call.server.tracking.sessions as u64),
        ("clients_in_timeout_table", call.server.waits_with_end() as u64),
    ]);
}

fn memory(call: &mut Call<'_>, lines: &mut Lines) {
    let used = call.server.used_memory(call.keys);
    let peak = call.keys.peak_memory().max(used);
    let overhead = used.saturating_sub(call.keys.used_memory()).saturating_add(call.keys.index_memory());
    let dataset = used.saturating_sub(overhead);
    let resident = match call.server.host.as_ref().map_or(0, |host| host.resident_bytes()) {
        0 => used,
        resident => resident,
    };
    let clients = call.client_memory();
    lines.bytes("used_memory", used);
    lines.bytes("used_memory_rss", resident);
    lines.bytes("used_memory_peak", peak);
    lines.ratio("used_memory_peak_perc", used, peak, 100, "%");
    lines.numbers(&[("used_memory_overhead", overhead), ("used_memory_startup", 0), ("used_memory_dataset", dataset)]);
    lines.ratio("used_memory_dataset_perc", dataset, used, 100, "%");
    lines.bytes("maxmemory", call.config().maxmemory);
    lines.text(
        "maxmemory_policy",
        core::str::from_utf8(call.config().get(b"maxmemory-policy").unwrap_or_default()).unwrap_or_default(),
    );
    lines.ratio("mem_fragmentation_ratio", resident, used, 1, "");
    lines.number("mem_fragmentation_bytes", resident.saturating_sub(used));
    lines.number("mem_clients_normal", clients);
    lines.zeros(&[
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_clients_slaves",
        "mem_cluster_links",
        "mem_aof_buffer",
        "used_memory_lua",
        "used_memory_scripts",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
        "active_defrag_running",
        "lazyfree_pending_objects",
        "lazyfreed_objects",
    ]);
}

fn persistence(call: &mut Call<'_>, lines: &mut Lines) {
    lines.zeros(&["loading", "async_loading"]);
    lines.number("rdb_changes_since_last_save", call.keys.dirty);
    lines.zeros(&["rdb_bgsave_in_progress", "rdb_saves"]);
    lines.number("rdb_last_save_time", call.server.started.wrapping_div(1000));
    for name in ["rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status"] {
        lines.text(name, "ok");
    }
    lines.zeros(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled", "aof_rewrites"]);
    for name in
        ["rdb_last_bgsave_time_sec", "rdb_current_bgsave_time_sec", "aof_last_rewrite_time_sec", "aof_current_rewrite_time_sec"]
    {
        lines.text(name, "-1");
    }
}

fn stats(call: &mut Call<'_>, lines: &mut Lines) {
    let rate = call.server.stats.rate(call.keys.now(), call.server.started);
    let [commands, input, output] = rate.per_second;
    let stats = &call.server.stats;
    lines.numbers(&[
        ("total_connections_received", stats.connections),
        ("total_commands_processed", stats.commands),
        ("instantaneous_ops_per_sec", commands),
        ("total_net_input_bytes", stats.input_bytes),
        ("total_net_output_bytes", stats.output_bytes),
    ]);
    lines.ratio("instantaneous_input_kbps", input, 1024, 1, "");
    lines.ratio("instantaneous_output_kbps", output, 1024, 1, "");
    lines.number("rejected_connections", stats.rejected_connections);
    lines.zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    let keys = call.keys.stats;
    lines.numbers(&[
        ("expired_keys", keys.expired),
        ("evicted_keys", keys.evicted),
        ("evicted_clients", call.server.stats.evicted_clients),
    ]);
    let pubsub = &call.server.pubsub;
    lines.numbers(&[
        ("keyspace_hits", keys.hits),
        ("keyspace_misses", keys.misses),
        ("pubsub_channels", pubsub.channels(Kind::Channel) as u64),
        ("pubsub_patterns", pubsub.patterns() as u64),
        ("pubsubshard_channels", pubsub.channels(Kind::Shard) as u64),
    ]);
    lines.zeros(&["latest_fork_usec", "total_forks", "slave_expires_tracked_keys", "unexpected_error_replies"]);
    let tracking = &call.server.tracking;
    lines.numbers(&[
        ("tracking_total_keys", tracking.keys() as u64),
        ("tracking_total_items", tracking.items() as u64),
        ("tracking_total_prefixes", tracking.prefixes() as u64),
        ("total_error_replies", stats.error_replies),
        ("dump_payload_sanitizations", 0),
        ("total_reads_processed", stats.reads),
        ("total_writes_processed", stats.writes),
        ("client_query_buffer_limit_disconnections", stats.query_buffer_disconnections),
        ("client_output_buffer_limit_disconnections", stats.output_buffer_disconnections),
    ]);
}

fn replication(call: &mut Call<'_>, lines: &mut Lines) {
    lines.text("role", "master");
    let offset = call.server.effects.offset();
    let now = call.now();
    lines.number("connected_slaves", call.server.replicas().count() as u64);
    for (number, (session, replica)) in call.server.replicas().enumerate() {
        lines.put("slave");
        lines.digits(number as u64);
        lines.put(":ip=");
        lines.put(session.peer.ip());
        let figures = [(",port=", replica.port.into()), (",state=online,offset=", replica.acknowledged)];
        for (name, figure) in figures.into_iter().chain([(",lag=", replica.lag_seconds(now))]) {
            lines.put(name);
            lines.digits(figure);
        }
        lines.end();
    }
    lines.text("master_failover_state", "no-failover");
    lines.text("master_replid", &call.server.run_id());
    lines.text("master_replid2", "0000000000000000000000000000000000000000");
    lines.number("master_repl_offset", offset);
    lines.text("second_repl_offset", "-1");
    lines.number("repl_backlog_active", 0);
    lines.number("repl_backlog_size", call.config().number("repl-backlog-size"));
    lines.zeros(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

fn command_stats(call: &mut Call<'_>, lines: &mut Lines) {
    for row in super::every() {
        let Some(stats) = call.server.stats.row(row) else { continue };
        lines.put("cmdstat_");
        lines.put(row.name);
        for (name, value) in [(":calls=", stats.calls), (",usec=", stats.microseconds())] {
            lines.put(name);
            lines.digits(value);
        }
        lines.put(",usec_per_call=");
        lines.hundredths(hundredths(stats.microseconds(), stats.calls, 1));
        for (name, value) in [(",rejected_calls=", stats.rejected), (",failed_calls=", stats.failed)] {
            lines.put(name);
            lines.digits(value);
        }
        lines.end();
    }
}

fn latency_stats(call: &mut Call<'_>, lines: &mut Lines) {
    let percentiles = call.config().get(b"latency-tracking-info-percentiles").unwrap_or_default().to_vec();
    for row in super::every() {
        let Some(stats) = call.server.stats.row(row).filter(|stats| stats.times.total() > 0) else { continue };
        lines.put("latency_percentiles_usec_");
        lines.put(row.name);
        let mut before = ":p";
        for percent in percentiles.split(|byte| *byte == b' ') {
            lines.put(before);
            lines.0.extend_from_slice(percent);
            lines.put("=");
            // As Redis shows it, which counts nanoseconds with two digits.
            let us = stats.times.percentile(number::parse_f64(percent).unwrap_or(0.0));
            let nanoseconds = us.saturating_mul(1000);
            let power = nanoseconds.checked_ilog2().unwrap_or(0).saturating_sub(7);
            let nanoseconds = nanoseconds | (1u64 << power).wrapping_sub(1);
            lines.digits(nanoseconds.wrapping_div(1000));
            lines.put(".");
            let fraction = nanoseconds.wrapping_rem(1000).wrapping_add(1000).to_string();
            lines.put(fraction.get(1..).unwrap_or_default());
            before = ",p";
        }
        lines.end();
    }
}

fn error_stats(call: &mut Call<'_>, lines: &mut Lines) {
    for (code, count) in call.server.stats.errors() {
        lines.put("errorstat_");
        lines.0.extend_from_slice(code);
        lines.put(":count=");
        lines.digits(count);
        lines.end();
    }
}

fn keyspace(call: &mut Call<'_>, lines: &mut Lines) {
    for index in 0..call.keys.databases() {
        let (keys, expires, ttl) = call.keys.within(index, |keys| (keys.len(), keys.expires(), keys.average_ttl()));
        if keys == 0 {
            continue;
        }
        lines.put("db");
        lines.0.extend_from_slice(number::write_i64(i64::try_from(index).unwrap_or(i64::MAX), &mut [0; 20]));
        for (name, value) in [(":keys=", keys as u64), (",expires=", expires as u64), (",avg_ttl=", ttl)] {
            lines.put(name);
            lines.digits(value);
        }
        lines.end();
    }
}
