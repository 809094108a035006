//! The parameters that the loop itself acts on, as typed values. They live as text in the engine's configuration table; this is a copy
//! that is made anew when the table has changed.

use cachette::config::{BufferLimit, Config};

#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Of the table that this was read from.
    pub generation: u64,
    pub maxclients: usize,
    pub protected_mode: bool,
    pub has_password: bool,
    /// Milliseconds; 0: clients may be idle for ever.
    pub idle_ms: u64,
    /// Seconds; 0: no keepalive probes.
    pub tcp_keepalive: u64,
    pub query_buffer_limit: usize,
    pub bulk_limit: u64,
    /// What a client may leave unread.
    pub output_limit: BufferLimit,
}

impl Settings {
    pub fn read(config: &Config) -> Settings {
        let size = |name: &str| usize::try_from(config.number(name)).unwrap_or(usize::MAX);
        let [output_limit, ..] = config.buffer_limits();
        Settings {
            generation: config.generation(),
            maxclients: size("maxclients"),
            protected_mode: config.flag("protected-mode"),
            has_password: !config.requirepass.is_empty(),
            idle_ms: config.number("timeout").saturating_mul(1000),
            tcp_keepalive: config.number("tcp-keepalive"),
            query_buffer_limit: size("client-query-buffer-limit"),
            bulk_limit: config.proto_max_bulk_len,
            output_limit,
        }
    }
}
