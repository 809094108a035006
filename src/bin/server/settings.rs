//! The parameters that the loop itself acts on, as typed values. They live as text in the engine's configuration table; this is a copy
//! that is made anew when the table has changed.

use cachette::config::{BufferLimit, Config};

#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Of the table that this was read from.
    pub generation: u64,
    pub maxclients: usize,
    pub protected_mode: bool,
    /// Milliseconds; 0: clients may be idle for ever.
    pub idle_ms: u64,
    /// Seconds; 0: no keepalive probes.
    pub tcp_keepalive: u64,
    pub query_buffer_limit: usize,
    pub bulk_limit: u64,
    /// What all clients together may take; 0: no limit.
    pub client_memory: u64,
    /// What a client may leave unread, what a replica may, and what one that subscribed to something may.
    pub normal_output: BufferLimit,
    pub replica_output: BufferLimit,
    pub pubsub_output: BufferLimit,
    /// The least of these limits: with less than this unread nobody's need be looked up.
    pub least_limit: u64,
}

impl Settings {
    pub fn read(config: &Config) -> Settings {
        let size = |name: &str| usize::try_from(config.number(name)).unwrap_or(usize::MAX);
        let [normal_output, replica_output, pubsub_output] = config.buffer_limits();
        let limits = [normal_output, replica_output, pubsub_output].map(|limit| [limit.hard, limit.soft]);
        Settings {
            generation: config.generation(),
            maxclients: size("maxclients"),
            protected_mode: config.flag("protected-mode"),
            idle_ms: config.number("timeout").saturating_mul(1000),
            tcp_keepalive: config.number("tcp-keepalive"),
            query_buffer_limit: size("client-query-buffer-limit"),
            bulk_limit: config.proto_max_bulk_len,
            client_memory: config.client_memory,
            normal_output,
            replica_output,
            pubsub_output,
            least_limit: limits.as_flattened().iter().copied().filter(|&limit| limit > 0).min().unwrap_or(u64::MAX),
        }
    }
}
