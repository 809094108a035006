//! Counters that `INFO` shows, beside those that the keyspace keeps.

/// Counts since the start or the last CONFIG RESETSTAT.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub connections: u64,
    pub rejected_connections: u64,
    pub commands: u64,
    pub error_replies: u64,
    pub input_bytes: u64,
    pub output_bytes: u64,
}
