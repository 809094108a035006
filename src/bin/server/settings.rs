//! The parameters that the shell itself acts on, as typed values. They live as text in the engine's configuration table; this is a copy
//! that is made anew when the table has changed.

use crate::stand_in::Config;

/// When a client that does not read its replies is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// At once, above so many bytes; 0: never.
    pub hard: u64,
    /// After `soft_seconds` above so many bytes; 0: never.
    pub soft: u64,
    pub soft_seconds: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub maxclients: usize,
    pub protected_mode: bool,
    pub has_password: bool,
    /// Seconds; 0: clients may be idle for ever.
    pub timeout: u64,
    /// Seconds; 0: no keepalive probes.
    pub tcp_keepalive: u64,
    pub query_buffer_limit: usize,
    pub bulk_limit: u64,
    pub normal_output: OutputLimit,
    pub pubsub_output: OutputLimit,
}

impl Settings {
    pub fn read(config: &Config) -> Settings {
        let number = |name: &str| config.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let size = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
        let yes = |name: &str| config.get(name).as_deref() == Some("yes");
        let limits = config.get("client-output-buffer-limit").unwrap_or_default();
        Settings {
            maxclients: size("maxclients"),
            protected_mode: yes("protected-mode"),
            has_password: config.get("requirepass").is_some_and(|password| !password.is_empty()),
            timeout: number("timeout"),
            tcp_keepalive: number("tcp-keepalive"),
            query_buffer_limit: size("client-query-buffer-limit"),
            bulk_limit: number("proto-max-bulk-len"),
            normal_output: output_limit(&limits, "normal"),
            pubsub_output: output_limit(&limits, "pubsub"),
        }
    }
}

/// Reads one class out of `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
fn output_limit(text: &str, class: &str) -> OutputLimit {
    let mut words = text.split_ascii_whitespace().skip_while(|&word| word != class).skip(1);
    let mut next = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    OutputLimit { hard: next(), soft: next(), soft_seconds: next() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_limits_are_read_by_class() {
        let text = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(output_limit(text, "normal"), OutputLimit::default());
        assert_eq!(output_limit(text, "pubsub"), OutputLimit { hard: 33_554_432, soft: 8_388_608, soft_seconds: 60 });
        assert_eq!(output_limit("", "pubsub"), OutputLimit::default());
    }
}
