//! The parameters of a server process: sockets, files, logs, replication, clustering, TLS. Only a build with the feature `server` has them; a cache in a
//! page knows no ports.
//!
//! A parameter that nothing here acts on yet is kept and reported, so that a configuration file written for Redis loads and `CONFIG SET` answers as
//! there.

use super::kind::Kind::*;
use super::kind::{Refusal, digits, one_of};
use super::table::*;
use crate::number;
use alloc::string::ToString;
use alloc::vec::Vec;

const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force"];

/// Names that old configuration files still carry: read at the start, and without effect.
pub const FORGOTTEN: [&str; 3] = ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

#[rustfmt::skip]
pub static PARAMS: &[Param] = &[
    p("active-defrag-cycle-max", Int(1, 99), "25", 0),
    p("active-defrag-cycle-min", Int(1, 99), "1", 0),
    p("active-defrag-ignore-bytes", Memory(1, LONG_MAX), "104857600", 0),
    p("active-defrag-max-scan-fields", Int(1, i64::MAX), "1000", 0),
    p("active-defrag-threshold-lower", Int(0, 1000), "10", 0),
    p("active-defrag-threshold-upper", Int(0, 1000), "100", 0),
    p("activerehashing", Bool, "yes", 0),
    p("always-show-logo", Bool, "no", FIXED | SHELL),
    p("aof-disable-auto-gc", Bool, "no", 0),
    p("aof-load-truncated", Bool, "yes", 0),
    p("aof-rewrite-incremental-fsync", Bool, "yes", 0),
    p("aof-timestamp-enabled", Bool, "no", 0),
    p("aof-use-rdb-preamble", Bool, "yes", 0),
    p("aof_rewrite_cpulist", Text, "", FIXED),
    p("appenddirname", Text, "appendonlydir", FIXED),
    p("appendfilename", Text, "appendonly.aof", FIXED),
    p("appendfsync", Enum(&["everysec", "always", "no"]), "everysec", 0),
    p("auto-aof-rewrite-min-size", Memory(0, LONG_MAX), "67108864", 0),
    p("auto-aof-rewrite-percentage", Int(0, INT_MAX), "100", 0),
    p("bgsave_cpulist", Text, "", FIXED),
    p("bind", Own(joined), "127.0.0.1 -::1", SHELL | WORDS),
    p("bind-source-addr", Text, "", SHELL),
    p("bio_cpulist", Text, "", FIXED),
    p("busy-reply-threshold", Int(0, i64::MAX), "5000", 0).alias("lua-time-limit"),
    p("cluster-allow-pubsubshard-when-down", Bool, "yes", 0),
    p("cluster-allow-reads-when-down", Bool, "no", 0),
    p("cluster-allow-replica-migration", Bool, "yes", 0),
    p("cluster-announce-bus-port", Int(0, 65535), "0", 0),
    p("cluster-announce-hostname", Text, "", 0),
    p("cluster-announce-ip", Text, "", 0),
    p("cluster-announce-port", Int(0, 65535), "0", 0),
    p("cluster-announce-tls-port", Int(0, 65535), "0", 0),
    p("cluster-config-file", Text, "nodes.conf", FIXED),
    p("cluster-enabled", Bool, "no", FIXED | ONLY_DEFAULT),
    p("cluster-link-sendbuf-limit", Memory(0, u64::MAX), "0", 0),
    p("cluster-migration-barrier", Int(0, INT_MAX), "1", 0),
    p("cluster-node-timeout", Int(0, i64::MAX), "15000", 0),
    p("cluster-port", Int(0, 65535), "0", FIXED),
    p("cluster-preferred-endpoint-type", Enum(&["ip", "hostname", "unknown-endpoint"]), "ip", 0),
    p("cluster-replica-no-failover", Bool, "no", 0).alias("cluster-slave-no-failover"),
    p("cluster-replica-validity-factor", Int(0, INT_MAX), "10", 0).alias("cluster-slave-validity-factor"),
    p("cluster-require-full-coverage", Bool, "yes", 0),
    p("crash-log-enabled", Bool, "yes", SHELL),
    p("crash-memcheck-enabled", Bool, "yes", 0),
    p("daemonize", Bool, "no", FIXED | SHELL | ONLY_DEFAULT),
    p("dbfilename", Text, "dump.rdb", PROTECTED),
    p("dir", Text, "", SHELL | PROTECTED),
    p("disable-thp", Bool, "yes", FIXED),
    p("dynamic-hz", Bool, "yes", 0),
    p("enable-module-command", Enum(WHO), "no", FIXED),
    p("ignore-warnings", Text, "", 0),
    p("io-threads", Int(1, 128), "1", FIXED),
    p("io-threads-do-reads", Bool, "no", FIXED),
    p("jemalloc-bg-thread", Bool, "yes", 0),
    p("key-load-delay", Int(INT_MIN, INT_MAX), "0", HIDDEN),
    p("loading-process-events-interval-bytes", Int(1024, INT_MAX), "2097152", HIDDEN),
    p("logfile", Text, "", FIXED | SHELL),
    p("loglevel", Enum(&["debug", "verbose", "notice", "warning"]), "notice", SHELL),
    p("masterauth", Text, "", SECRET),
    p("masteruser", Text, "", SECRET),
    p("min-replicas-max-lag", Int(0, INT_MAX), "10", 0).alias("min-slaves-max-lag"),
    p("min-replicas-to-write", Int(0, INT_MAX), "0", 0).alias("min-slaves-to-write"),
    p("no-appendfsync-on-rewrite", Bool, "no", 0),
    p("oom-score-adj", Enum(&["no", "yes", "relative", "absolute"]), "no", SHELL),
    p("oom-score-adj-values", Own(oom_scores), "0 200 800", SHELL | WORDS),
    p("pidfile", Text, "", FIXED | SHELL),
    p("port", Int(0, 65535), "6379", SHELL),
    p("proc-title-template", Text, "{title} {listen-addr} {server-mode}", 0),
    p("propagation-error-behavior", Enum(&["ignore", "panic", "panic-on-replicas"]), "ignore", 0),
    p("protected-mode", Bool, "yes", SHELL),
    p("rdb-del-sync-files", Bool, "no", 0),
    p("rdb-key-save-delay", Int(INT_MIN, INT_MAX), "0", HIDDEN),
    p("rdb-save-incremental-fsync", Bool, "yes", 0),
    p("rdbchecksum", Bool, "yes", FIXED),
    p("rdbcompression", Bool, "yes", 0),
    p("repl-backlog-size", Memory(1, LONG_MAX), "1048576", 0),
    p("repl-backlog-ttl", Int(0, i64::MAX), "3600", 0),
    p("repl-disable-tcp-nodelay", Bool, "no", 0),
    p("repl-diskless-load", Enum(&["disabled", "on-empty-db", "swapdb"]), "disabled", 0),
    p("repl-diskless-sync", Bool, "yes", 0),
    p("repl-diskless-sync-delay", Int(0, INT_MAX), "5", 0),
    p("repl-diskless-sync-max-replicas", Int(0, INT_MAX), "0", 0),
    p("repl-ping-replica-period", Int(1, INT_MAX), "10", 0).alias("repl-ping-slave-period"),
    p("repl-timeout", Int(1, INT_MAX), "60", 0),
    p("replica-announce-ip", Text, "", 0).alias("slave-announce-ip"),
    p("replica-announce-port", Int(0, 65535), "0", 0).alias("slave-announce-port"),
    p("replica-announced", Bool, "yes", 0),
    p("replica-ignore-disk-write-errors", Bool, "no", 0),
    p("replica-ignore-maxmemory", Bool, "yes", 0).alias("slave-ignore-maxmemory"),
    p("replica-lazy-flush", Bool, "no", 0).alias("slave-lazy-flush"),
    p("replica-priority", Int(0, INT_MAX), "100", 0).alias("slave-priority"),
    p("replica-read-only", Bool, "yes", 0).alias("slave-read-only"),
    p("replica-serve-stale-data", Bool, "yes", 0).alias("slave-serve-stale-data"),
    p("replicaof", Own(master), "", FIXED | WORDS | ONLY_DEFAULT).alias("slaveof"),
    p("server_cpulist", Text, "", FIXED),
    p("set-proc-title", Bool, "yes", FIXED | SHELL),
    p("shutdown-on-sigint", Own(shutdown_flags), "default", SHELL | WORDS),
    p("shutdown-on-sigterm", Own(shutdown_flags), "default", SHELL | WORDS),
    p("shutdown-timeout", Int(0, INT_MAX), "10", 0),
    p("socket-mark-id", Int(0, UINT_MAX), "0", FIXED),
    p("stop-writes-on-bgsave-error", Bool, "yes", 0),
    p("supervised", Enum(&["upstart", "systemd", "auto", "no"]), "no", FIXED | SHELL),
    p("syslog-enabled", Bool, "no", FIXED | ONLY_DEFAULT),
    p("syslog-facility", Enum(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]), "local0", FIXED),
    p("syslog-ident", Text, "redis", FIXED),
    p("tcp-backlog", Int(0, INT_MAX), "511", FIXED | SHELL),
    p("tcp-keepalive", Int(0, INT_MAX), "300", SHELL),
    p("tls-auth-clients", Enum(&["no", "yes", "optional"]), "yes", 0),
    p("tls-ca-cert-dir", Text, "", 0),
    p("tls-ca-cert-file", Text, "", 0),
    p("tls-cert-file", Text, "", 0),
    p("tls-ciphers", Text, "", 0),
    p("tls-ciphersuites", Text, "", 0),
    p("tls-client-cert-file", Text, "", 0),
    p("tls-client-key-file", Text, "", 0),
    p("tls-client-key-file-pass", Text, "", 0),
    p("tls-cluster", Bool, "no", 0),
    p("tls-dh-params-file", Text, "", 0),
    p("tls-key-file", Text, "", 0),
    p("tls-key-file-pass", Text, "", 0),
    p("tls-port", Int(0, 65535), "0", ONLY_DEFAULT),
    p("tls-prefer-server-ciphers", Bool, "no", 0),
    p("tls-protocols", Text, "", 0),
    p("tls-replication", Bool, "no", 0),
    p("tls-session-cache-size", Int(0, INT_MAX), "20480", 0),
    p("tls-session-cache-timeout", Int(0, INT_MAX), "300", 0),
    p("tls-session-caching", Bool, "yes", 0),
    p("unixsocket", Text, "", FIXED | SHELL),
    p("unixsocketperm", Own(octal), "0", FIXED | SHELL),
    p("use-exit-on-panic", Bool, "no", HIDDEN),
    p("watchdog-period", Int(0, INT_MAX), "0", HIDDEN),
];

/// Any words.
fn joined(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    Ok(words.join(&b' '))
}

/// A host and a port; nothing stands for no master.
fn master(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    match words {
        [] | [b""] => Ok(Vec::new()),
        [_, port] if number::parse_i64(port).is_none_or(|port| !(0..=65535).contains(&port)) => Err("Invalid master port".into()),
        [_, _] => joined(words),
        _ => Err("wrong number of arguments".into()),
    }
}

/// A file mode.
fn octal(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    let word = words.first().copied().unwrap_or_default();
    let mode = core::str::from_utf8(word).ok().and_then(|word| u32::from_str_radix(word, 8).ok());
    match mode {
        None => Err("argument couldn't be parsed as an octal number".into()),
        Some(0o1000..) => Err("argument must be between 0 and 777 inclusive".into()),
        Some(_) => {
            let rest = word.iter().position(|byte| !matches!(byte, b'0' | b'+')).and_then(|start| word.get(start..));
            Ok(rest.unwrap_or(b"0").to_vec())
        }
    }
}

/// Any of the shutdown options together; the first stands for none of the others.
fn shutdown_flags(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    let given = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let known = |word: &&[u8]| SHUTDOWN.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(word));
    if words.is_empty() || !words.iter().all(known) {
        return Err(one_of(SHUTDOWN));
    }
    if given("save") && given("nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    let chosen: Vec<&str> = SHUTDOWN.iter().skip(1).copied().filter(|name| given(name)).collect();
    let text = if chosen.is_empty() { SHUTDOWN.first().copied().unwrap_or_default().to_string() } else { chosen.join(" ") };
    Ok(text.into_bytes())
}

fn oom_scores(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let mut text = Vec::new();
    for word in words {
        let score = number::parse_i64(word).filter(|score| (-2000..=2000).contains(score));
        text.push(digits(score.ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?));
    }
    Ok(text.join(&b' '))
}
