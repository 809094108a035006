//! A small configuration table, until the engine's own lands. To be deleted then.

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Config {
    table: BTreeMap<String, String>,
}

const DEFAULTS: &[(&str, &str)] = &[
    ("port", "6379"),
    ("bind", "127.0.0.1 -::1"),
    ("unixsocket", ""),
    ("unixsocketperm", "0"),
    ("tcp-backlog", "511"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
    ("maxclients", "10000"),
    ("protected-mode", "yes"),
    ("requirepass", ""),
    ("client-query-buffer-limit", "1073741824"),
    ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
    ("proto-max-bulk-len", "536870912"),
    ("loglevel", "notice"),
    ("logfile", ""),
    ("dir", ""),
    ("pidfile", ""),
    ("save", ""),
    ("appendonly", "no"),
    ("always-show-logo", "no"),
    ("daemonize", "no"),
    ("databases", "16"),
    ("hz", "10"),
    ("enable-debug-command", "no"),
    ("maxmemory", "0"),
];

impl Config {
    pub fn get(&self, name: &str) -> Option<String> {
        let default = || DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        self.table.get(name).cloned().or_else(default)
    }

    pub fn set(&mut self, name: &str, values: &[Vec<u8>]) -> Result<(), String> {
        let old = self.get(name).ok_or("Bad directive or wrong number of arguments")?;
        let multi = ["bind", "save", "client-output-buffer-limit"].contains(&name);
        if !multi && values.len() != 1 {
            return Err("wrong number of arguments".to_owned());
        }
        let text = values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>().join(" ");
        if old.parse::<u64>().is_ok() && text.parse::<u64>().is_err() && name != "maxmemory" {
            return Err("argument couldn't be parsed into an integer".to_owned());
        }
        self.table.insert(name.to_owned(), text);
        Ok(())
    }
}

/// Hands the engine's few parameters over.
pub fn engine_config(config: &Config) -> cachette::config::Config {
    let mut engine = cachette::config::Config::default();
    for name in ["databases", "maxmemory", "requirepass", "proto-max-bulk-len"] {
        let value = config.get(name).unwrap_or_default();
        let _ = engine.set(name.as_bytes(), &[value.as_bytes()], cachette::config::Phase::Startup);
    }
    engine
}
