//! The parameters of the engine: one row each, with redis.conf's names, ranges and defaults as redis-server 7.0 has them. Those of a server process are
//! in [`super::process`].
//!
//! Where only the default would be the truth, the row says [`ONLY_DEFAULT`].

use super::kind::Kind::{self, *};
use crate::keyspace::Policy;
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

    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = alias;
        self
    }
}

pub(super) const fn p(name: &'static str, kind: Kind, default: &'static str, flags: u8) -> Param {
    Param { name, alias: "", kind, default, flags }
}

pub(super) const INT_MIN: i64 = i32::MIN as i64;
pub(super) const INT_MAX: i64 = i32::MAX as i64;
pub(super) const UINT_MAX: i64 = u32::MAX as i64;
pub(super) const LONG_MAX: u64 = i64::MAX as u64;
pub(super) const MIB: u64 = 1024 * 1024;
pub(super) const WHO: &[&str] = &["no", "yes", "local"];

/// Every parameter of this build.
pub fn all() -> impl Iterator<Item = &'static Param> {
    #[cfg(feature = "server")]
    let process = super::process::PARAMS;
    #[cfg(not(feature = "server"))]
    let process: &[Param] = &[];
    PARAMS.iter().chain(process)
}

#[rustfmt::skip]
static PARAMS: &[Param] = &[
    p("acl-pubsub-default", Enum(&["allchannels", "resetchannels"]), "resetchannels", 0),
    p("aclfile", Text, "", FIXED),
    p("acllog-max-len", Int(0, i64::MAX), "128", 0),
    p("active-expire-effort", Int(1, 10), "1", 0),
    p("activedefrag", Bool, "no", ONLY_DEFAULT),
    p("appendonly", Bool, "no", ONLY_DEFAULT),
    p("client-output-buffer-limit", BufferLimits, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", SHELL | WORDS),
    p("client-query-buffer-limit", Memory(MIB, LONG_MAX), "1073741824", SHELL),
    p("databases", Int(1, INT_MAX), "16", FIXED),
    p("enable-debug-command", Enum(WHO), "no", FIXED),
    p("enable-protected-configs", Enum(WHO), "no", FIXED),
    p("hash-max-listpack-entries", Int(0, i64::MAX), "512", 0).alias("hash-max-ziplist-entries"),
    p("hash-max-listpack-value", Memory(0, LONG_MAX), "64", 0).alias("hash-max-ziplist-value"),
    p("hll-sparse-max-bytes", Memory(0, LONG_MAX), "3000", 0),
    p("hz", Int(0, INT_MAX), "10", SHELL),
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
    p("maxclients", Int(1, UINT_MAX), "10000", SHELL),
    p("maxmemory", Memory(0, u64::MAX), "0", 0),
    p("maxmemory-clients", MemoryOrPercent, "0", 0),
    p("maxmemory-eviction-tenacity", Int(0, 100), "10", 0),
    p("maxmemory-policy", Enum(Policy::NAMES), "noeviction", 0),
    p("maxmemory-samples", Int(1, INT_MAX), "5", 0),
    p("notify-keyspace-events", Events, "", 0),
    p("proto-max-bulk-len", Memory(MIB, LONG_MAX), "536870912", SHELL),
    p("requirepass", Text, "", SECRET),
    p("sanitize-dump-payload", Enum(&["no", "yes", "clients"]), "no", 0),
    p("save", SavePoints, "", WORDS),
    p("set-max-intset-entries", Int(0, i64::MAX), "512", 0),
    p("slowlog-log-slower-than", Int(-1, i64::MAX), "10000", 0),
    p("slowlog-max-len", Int(0, i64::MAX), "128", 0),
    p("stream-node-max-bytes", Memory(0, LONG_MAX), "4096", 0),
    p("stream-node-max-entries", Int(0, i64::MAX), "100", 0),
    p("timeout", Int(0, INT_MAX), "0", SHELL),
    p("tracking-table-max-keys", Int(0, i64::MAX), "1000000", 0),
    p("zset-max-listpack-entries", Int(0, i64::MAX), "128", 0).alias("zset-max-ziplist-entries"),
    p("zset-max-listpack-value", Memory(0, LONG_MAX), "64", 0).alias("zset-max-ziplist-value"),
];
