//! The parameters: one row each, with redis.conf's names, ranges and defaults as redis-server 7.0 has them.
//!
//! A parameter that nothing here acts on yet (replication, snapshots, clustering) is kept and reported, so that a configuration file written
//! for Redis loads and `CONFIG SET` answers as there. Where only the default would be the truth, the row says [`ONLY_DEFAULT`].

use super::kind::Kind::{self, *};
use alloc::string::String;

/// One parameter.
pub struct Param {
    pub name: &'static str,
    /// An older name that means the same; empty if there is none.
    pub alias: &'static str,
    pub kind: Kind,
    pub default: &'static str,
    pub flags: u8,
}

/// Cannot be changed while running.
pub const FIXED: u8 = 1 << 0;
/// Found by its exact name only, never by a pattern.
pub const HIDDEN: u8 = 1 << 1;
/// Takes several words; a single one is split at spaces.
pub const WORDS: u8 = 1 << 2;
/// Cannot be changed over the network unless `enable-protected-configs` allows it.
pub const PROTECTED: u8 = 1 << 3;
/// Never to be logged.
pub const SECRET: u8 = 1 << 4;
/// The shell acts on it and may refuse it.
pub const SHELL: u8 = 1 << 5;
/// Another value would promise what is not built.
pub const ONLY_DEFAULT: u8 = 1 << 6;

impl Param {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Why a value other than the default is refused.
    pub fn refusal(&self) -> String {
        let sentence = match self.name {
            "activedefrag" => {
                "Active defragmentation cannot be enabled: this server's memory is not kept by a defragmenting allocator"
            }
            "appendonly" => "Unable to turn on AOF. Check server logs.",
            "tls-port" => "Unable to update TLS configuration. Check server logs.",
            _ => return [self.name, " is not supported here: only '", self.default, "' is"].concat(),
        };
        String::from(sentence)
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = alias;
        self
    }
}

const fn p(name: &'static str, kind: Kind, default: &'static str, flags: u8) -> Param {
    Param { name, alias: "", kind, default, flags }
}

const INT_MIN: i64 = i32::MIN as i64;
const INT_MAX: i64 = i32::MAX as i64;
const UINT_MAX: i64 = u32::MAX as i64;
const LONG_MAX: u64 = i64::MAX as u64;
const MIB: u64 = 1024 * 1024;
const WHO: &[&str] = &["no", "yes", "local"];
const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force"];

/// Names that old configuration files still carry: read at the start, and without effect.
pub const FORGOTTEN: [&str; 3] = ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

#[rustfmt::skip]
pub static PARAMS: &[Param] = &[
    p("acl-pubsub-default", Enum(&["allchannels", "resetchannels"]), "resetchannels", 0),
    p("aclfile", Text, "", FIXED | SHELL | ONLY_DEFAULT),
    p("acllog-max-len", Int(0, i64::MAX), "128", 0),
    p("active-defrag-cycle-max", Int(1, 99), "25", 0),
    p("active-defrag-cycle-min", Int(1, 99), "1", 0),
    p("active-defrag-ignore-bytes", Memory(1, LONG_MAX), "104857600", 0),
    p("active-defrag-max-scan-fields", Int(1, i64::MAX), "1000", 0),
    p("active-defrag-threshold-lower", Int(0, 1000), "10", 0),
    p("active-defrag-threshold-upper", Int(0, 1000), "100", 0),
    p("active-expire-effort", Int(1, 10), "1", 0),
    p("activedefrag", Bool, "no", ONLY_DEFAULT),
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
    p("appendonly", Bool, "no", ONLY_DEFAULT),
    p("auto-aof-rewrite-min-size", Memory(0, LONG_MAX), "67108864", 0),
    p("auto-aof-rewrite-percentage", Int(0, INT_MAX), "100", 0),
    p("bgsave_cpulist", Text, "", FIXED),
    p("bind", List, "127.0.0.1 -::1", SHELL | WORDS),
    p("bind-source-addr", Text, "", SHELL),
    p("bio_cpulist", Text, "", FIXED),
    p("busy-reply-threshold", Int(0, i64::MAX), "5000", 0).alias("lua-time-limit"),
    p("client-output-buffer-limit", BufferLimits, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", SHELL | WORDS),
    p("client-query-buffer-limit", Memory(MIB, LONG_MAX), "1073741824", SHELL),
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
    p("databases", Int(1, INT_MAX), "16", FIXED),
    p("dbfilename", Text, "dump.rdb", PROTECTED),
    p("dir", Text, "", SHELL | PROTECTED),
    p("disable-thp", Bool, "yes", FIXED),
    p("dynamic-hz", Bool, "yes", 0),
    p("enable-debug-command", Enum(WHO), "no", FIXED),
    p("enable-module-command", Enum(WHO), "no", FIXED),
    p("enable-protected-configs", Enum(WHO), "no", FIXED),
    p("hash-max-listpack-entries", Int(0, i64::MAX), "512", 0).alias("hash-max-ziplist-entries"),
    p("hash-max-listpack-value", Memory(0, LONG_MAX), "64", 0).alias("hash-max-ziplist-value"),
    p("hll-sparse-max-bytes", Memory(0, LONG_MAX), "3000", 0),
    p("hz", Int(0, INT_MAX), "10", SHELL),
    p("ignore-warnings", Text, "", 0),
    p("io-threads", Int(1, 128), "1", FIXED),
    p("io-threads-do-reads", Bool, "no", FIXED),
    p("jemalloc-bg-thread", Bool, "yes", 0),
    p("key-load-delay", Int(INT_MIN, INT_MAX), "0", HIDDEN),
    p("latency-monitor-threshold", Int(0, i64::MAX), "0", 0),
    p("latency-tracking", Bool, "yes", 0),
    p("latency-tracking-info-percentiles", Percentiles, "50 99 99.9", WORDS),
    p("lazyfree-lazy-eviction", Bool, "no", 0),
    p("lazyfree-lazy-expire", Bool, "no", 0),
    p("lazyfree-lazy-server-del", Bool, "no", 0),
    p("lazyfree-lazy-user-del", Bool, "no", 0),
    p("lazyfree-lazy-user-flush", Bool, "no", 0),
    p("lfu-decay-time", Int(0, INT_MAX), "1", 0),
    p("lfu-log-factor", Int(0, INT_MAX), "10", 0),
    p("list-compress-depth", Int(0, INT_MAX), "0", 0),
    p("list-max-listpack-size", Int(INT_MIN, INT_MAX), "-2", 0).alias("list-max-ziplist-size"),
    p("loading-process-events-interval-bytes", Int(1024, INT_MAX), "2097152", HIDDEN),
    p("logfile", Text, "", FIXED | SHELL),
    p("loglevel", Enum(&["debug", "verbose", "notice", "warning"]), "notice", SHELL),
    p("masterauth", Text, "", SECRET),
    p("masteruser", Text, "", SECRET),
    p("maxclients", Int(1, UINT_MAX), "10000", SHELL),
    p("maxmemory", Memory(0, u64::MAX), "0", 0),
    p("maxmemory-clients", MemoryOrPercent, "0", 0),
    p("maxmemory-eviction-tenacity", Int(0, 100), "10", 0),
    p("maxmemory-policy", Enum(&["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"]), "noeviction", 0),
    p("maxmemory-samples", Int(1, INT_MAX), "5", 0),
    p("min-replicas-max-lag", Int(0, INT_MAX), "10", 0).alias("min-slaves-max-lag"),
    p("min-replicas-to-write", Int(0, INT_MAX), "0", 0).alias("min-slaves-to-write"),
    p("no-appendfsync-on-rewrite", Bool, "no", 0),
    p("notify-keyspace-events", Events, "", 0),
    p("oom-score-adj", Enum(&["no", "yes", "relative", "absolute"]), "no", 0),
    p("oom-score-adj-values", OomScores, "0 200 800", WORDS),
    p("pidfile", Text, "", FIXED | SHELL),
    p("port", Int(0, 65535), "6379", SHELL),
    p("proc-title-template", Text, "{title} {listen-addr} {server-mode}", 0),
    p("propagation-error-behavior", Enum(&["ignore", "panic", "panic-on-replicas"]), "ignore", 0),
    p("protected-mode", Bool, "yes", SHELL),
    p("proto-max-bulk-len", Memory(MIB, LONG_MAX), "536870912", SHELL),
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
    p("replicaof", List, "", FIXED | WORDS | ONLY_DEFAULT).alias("slaveof"),
    p("requirepass", Text, "", SECRET),
    p("sanitize-dump-payload", Enum(&["no", "yes", "clients"]), "no", 0),
    p("save", SavePoints, "", WORDS),
    p("server_cpulist", Text, "", FIXED),
    p("set-max-intset-entries", Int(0, i64::MAX), "512", 0),
    p("set-proc-title", Bool, "yes", FIXED | SHELL),
    p("shutdown-on-sigint", Flags(SHUTDOWN), "default", SHELL | WORDS),
    p("shutdown-on-sigterm", Flags(SHUTDOWN), "default", SHELL | WORDS),
    p("shutdown-timeout", Int(0, INT_MAX), "10", 0),
    p("slowlog-log-slower-than", Int(-1, i64::MAX), "10000", 0),
    p("slowlog-max-len", Int(0, i64::MAX), "128", 0),
    p("socket-mark-id", Int(0, UINT_MAX), "0", FIXED),
    p("stop-writes-on-bgsave-error", Bool, "yes", 0),
    p("stream-node-max-bytes", Memory(0, LONG_MAX), "4096", 0),
    p("stream-node-max-entries", Int(0, i64::MAX), "100", 0),
    p("supervised", Enum(&["upstart", "systemd", "auto", "no"]), "no", FIXED | SHELL),
    p("syslog-enabled", Bool, "no", FIXED | ONLY_DEFAULT),
    p("syslog-facility", Enum(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]), "local0", FIXED),
    p("syslog-ident", Text, "redis", FIXED),
    p("tcp-backlog", Int(0, INT_MAX), "511", FIXED | SHELL),
    p("tcp-keepalive", Int(0, INT_MAX), "300", SHELL),
    p("timeout", Int(0, INT_MAX), "0", SHELL),
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
    p("tracking-table-max-keys", Int(0, i64::MAX), "1000000", 0),
    p("unixsocket", Text, "", FIXED | SHELL),
    p("unixsocketperm", Octal, "0", FIXED | SHELL),
    p("use-exit-on-panic", Bool, "no", HIDDEN),
    p("watchdog-period", Int(0, INT_MAX), "0", HIDDEN),
    p("zset-max-listpack-entries", Int(0, i64::MAX), "128", 0).alias("zset-max-ziplist-entries"),
    p("zset-max-listpack-value", Memory(0, LONG_MAX), "64", 0).alias("zset-max-ziplist-value"),
];
