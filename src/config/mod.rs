//! Parameters, with redis.conf's names: read from files and flags, asked and changed by `CONFIG`.
//!
//! [`table`] and [`process`] declare them, [`kind`] says what values each takes. A value is kept as the text that `CONFIG GET` prints; those that the engine
//! needs at every command stand beside it as typed fields.

pub mod kind;
#[cfg(feature = "server")]
mod process;
pub mod table;

use crate::glob;
use crate::host::Host;
use crate::keyspace::{Class, Lfu, Policy};
use crate::number;
use crate::resp::parse::split_quoted;
use crate::value::Limits;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use table::{FIXED, HIDDEN, ONLY_DEFAULT, PROTECTED, Param, SECRET, SHELL, WORDS};

/// When a parameter is set: before the engine runs, or by `CONFIG SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Startup,
    Runtime,
}

/// Why a parameter was not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// There is no such parameter.
    Unknown,
    /// The value is refused; Redis's sentence.
    Refused(Cow<'static, str>),
}

impl ConfigError {
    /// The sentence that redis-server ends with when a line of its configuration file is wrong.
    pub fn text(&self) -> &str {
        match self {
            Self::Unknown => "Bad directive or wrong number of arguments",
            Self::Refused(text) => text,
        }
    }
}

impl core::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for ConfigError {}

impl<T: Into<Cow<'static, str>>> From<T> for ConfigError {
    fn from(text: T) -> Self {
        Self::Refused(text.into())
    }
}

/// Why `CONFIG SET` of several parameters changed nothing.
pub struct SetError {
    /// Which of the names given.
    pub name: Vec<u8>,
    pub error: ConfigError,
}

/// What a class of clients may leave unread in its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferLimit {
    /// Bytes at which the client is closed at once; 0 = never.
    pub hard: u64,
    /// Bytes at which it is closed after `soft_seconds`; 0 = never.
    pub soft: u64,
    pub soft_seconds: u64,
}

/// What `CONFIG` reads and writes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Values that are not the default, by their place in the table.
    values: Vec<(u8, Box<[u8]>)>,
    generation: u64,
    pub databases: usize,
    /// Bytes; 0 = no limit.
    pub maxmemory: u64,
    /// `maxmemory-clients` in bytes: what all clients together may take; 0 = no limit.
    pub client_memory: u64,
    pub requirepass: Vec<u8>,
    pub proto_max_bulk_len: u64,
    /// `min-replicas-to-write`, where `min-replicas-max-lag` does not switch it off: with fewer nothing is written.
    pub wanted_replicas: u64,
    pub notify_keyspace_events: Class,
    /// 0 = no limit.
    pub tracking_table_max_keys: usize,
    /// The hard limits of `client-output-buffer-limit`, for normal clients, replicas and subscribers: bytes, no limit is the largest number.
    pub output_limits: [usize; 3],
    /// `slowlog-log-slower-than`: microseconds; `None`: nothing is logged.
    pub slow_us: Option<u64>,
    /// `slowlog-max-len`.
    pub slow_entries: usize,
    /// `latency-monitor-threshold`: milliseconds; 0: nobody watches.
    pub latency_ms: u64,
    /// `latency-tracking`.
    pub latency_tracking: bool,
    /// Sizes at which collections leave their packed form.
    pub limits: Limits,
    /// `maxmemory-policy`.
    pub policy: Policy,
    /// How uses of keys are counted where it is one of the LFU ones.
    pub lfu: Lfu,
    /// `maxmemory-samples`.
    pub samples: usize,
}

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            values: Vec::new(),
            generation: 0,
            databases: 0,
            maxmemory: 0,
            client_memory: 0,
            requirepass: Vec::new(),
            proto_max_bulk_len: 0,
            wanted_replicas: 0,
            notify_keyspace_events: Class::NONE,
            tracking_table_max_keys: 0,
            output_limits: [usize::MAX; 3],
            slow_us: None,
            slow_entries: 0,
            latency_ms: 0,
            latency_tracking: true,
            limits: Limits::default(),
            policy: Policy::default(),
            lfu: Lfu { log_factor: 0, decay_minutes: 0 },
            samples: 0,
        };
        config.refresh();
        config
    }
}

/// The place of a parameter in the table, by name or alias, whatever the letter case.
fn find(name: &[u8]) -> Option<(u8, &'static Param)> {
    let is = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    if name.is_empty() {
        return None;
    }
    (0u8..).zip(table::all()).find(|(_, param)| is(param.name) || is(param.alias))
}

/// Whether old configuration files carry a parameter of this name.
fn is_forgotten(name: &[u8]) -> bool {
    #[cfg(feature = "server")]
    return process::FORGOTTEN.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    #[cfg(not(feature = "server"))]
    {
        let _ = name;
        false
    }
}

impl Config {
    /// Sets one parameter from the words that follow its name in a file, on the command line or in CONFIG SET.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing has changed then.
    pub fn set(&mut self, name: &[u8], values: &[&[u8]], phase: Phase) -> Result<(), ConfigError> {
        let Some((index, param)) = find(name) else {
            let ignored = phase == Phase::Startup && is_forgotten(name) && values.len() == 1;
            return if ignored { Ok(()) } else { Err(ConfigError::Unknown) };
        };
        if phase == Phase::Runtime && param.has(FIXED) {
            return Err("can't set immutable config".into());
        }
        let old = self.value(index, param).to_vec();
        let new = read(param, values, &old, phase)?;
        if param.has(ONLY_DEFAULT) && new != param.default.as_bytes() {
            return Err(param.refusal().into());
        }
        self.store(index, param, new);
        self.refresh();
        self.generation = self.generation.wrapping_add(1);
        Ok(())
    }

    /// Sets several parameters together, or none of them: what `CONFIG SET` does. The host is asked about those it acts on.
    ///
    /// # Errors
    /// [`SetError`] names the parameter that was refused; nothing has changed then.
    pub fn set_all(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        trusted: bool,
        host: Option<&mut (dyn Host + '_)>,
    ) -> Result<(), SetError> {
        let refused = |name: &[u8], error: ConfigError| SetError { name: name.to_vec(), error };
        for (at, (name, _)) in pairs.iter().enumerate() {
            let (_, param) = find(name).ok_or_else(|| refused(name, ConfigError::Unknown))?;
            if param.has(FIXED) {
                return Err(refused(name, "can't set immutable config".into()));
            }
            if param.has(PROTECTED) && !trusted {
                return Err(refused(name, "can't set protected config".into()));
            }
            // An alias and its parameter may stand side by side, as in Redis; the last one wins.
            if pairs.iter().take(at).any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)) {
                return Err(refused(name, "duplicate parameter".into()));
            }
        }
        let before = self.clone();
        for (name, value) in pairs {
            if let Err(error) = self.set(name, &[value], Phase::Runtime) {
                *self = before;
                return Err(refused(name, error));
            }
        }
        let Some(host) = host else { return Ok(()) };
        for (at, (name, _)) in pairs.iter().enumerate() {
            if let Err(text) = tell(host, &before, self, name) {
                for (name, _) in pairs.iter().take(at) {
                    // What the host held before it can hold again; a second refusal has nobody to go to.
                    let _ = tell(host, self, &before, name);
                }
                *self = before;
                return Err(refused(name, text.into()));
            }
        }
        Ok(())
    }

    /// Sets a parameter that takes a number of bytes or things, as at the start. A number out of its range is ignored.
    pub fn set_number(&mut self, name: &str, value: u64) {
        let digits = alloc::string::ToString::to_string(&value);
        let _ = self.set(name.as_bytes(), &[digits.as_bytes()], Phase::Startup);
    }

    /// The value of a parameter as `CONFIG GET` prints it; `None` where there is no such parameter.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        find(name).map(|(index, param)| self.value(index, param))
    }

    /// The value of a numeric parameter; 0 where there is none.
    pub fn number(&self, name: &str) -> u64 {
        self.get(name.as_bytes()).and_then(kind::parse_memory).unwrap_or(0)
    }

    /// The value of a parameter that may be negative; 0 where there is none.
    pub fn signed(&self, name: &str) -> i64 {
        self.get(name.as_bytes()).and_then(number::parse_i64).unwrap_or(0)
    }

    /// Whether a parameter's value is never to be shown.
    pub fn is_secret(&self, name: &[u8]) -> bool {
        find(name).is_some_and(|(_, param)| param.has(SECRET))
    }

    /// Whether a command that takes `us` microseconds is of interest to SLOWLOG or LATENCY.
    #[inline]
    pub(crate) fn is_slow(&self, us: u64) -> bool {
        self.slow_us.is_some_and(|least| us >= least) || (self.latency_ms != 0 && us.wrapping_div(1000) >= self.latency_ms)
    }

    /// Whether even quick commands may be of that interest.
    #[inline]
    pub(crate) fn times_all(&self) -> bool {
        self.slow_us.is_some_and(|least| least < 1000)
    }

    /// Whether a parameter is `yes`.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name.as_bytes()) == Some(b"yes")
    }

    /// `enable-debug-command` and its like: whether a client may, who is local or not.
    pub fn allows(&self, name: &str, local: bool) -> bool {
        match self.get(name.as_bytes()) {
            Some(b"yes") => true,
            Some(b"local") => local,
            _ => false,
        }
    }

    /// `client-output-buffer-limit`: of normal clients, replicas and subscribers.
    pub fn buffer_limits(&self) -> [BufferLimit; 3] {
        let text = self.get(b"client-output-buffer-limit").unwrap_or_default();
        let mut words = text.split(|byte| *byte == b' ');
        let mut limits = [BufferLimit::default(); 3];
        for limit in &mut limits {
            words.next();
            let mut next = || words.next().and_then(kind::parse_memory).unwrap_or(0);
            *limit = BufferLimit { hard: next(), soft: next(), soft_seconds: next() };
        }
        limits
    }

    /// `maxmemory-clients`, which may be a share of `maxmemory`.
    fn most_client_memory(&self) -> u64 {
        let value = self.get(b"maxmemory-clients").unwrap_or_default();
        match value.strip_suffix(b"%").and_then(number::parse_i64) {
            Some(percent) => self.maxmemory.wrapping_div(100).saturating_mul(percent.unsigned_abs()),
            None => kind::parse_memory(value).unwrap_or(0),
        }
    }

    /// Grows with every parameter that is set, so that a shell knows when to look again.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Shows each parameter that `pattern` fits, with its value. An older name counts as one of its own.
    pub fn matching(&self, pattern: &[u8], mut show: impl FnMut(&[u8], &[u8])) {
        if !pattern.iter().any(|byte| matches!(byte, b'[' | b'*' | b'?')) {
            if let Some((index, param)) = find(pattern) {
                show(pattern, self.value(index, param));
            }
            return;
        }
        for (index, param) in (0u8..).zip(table::all()).filter(|(_, param)| !param.has(HIDDEN)) {
            for name in [param.name, param.alias] {
                if !name.is_empty() && glob::matches(pattern, name.as_bytes(), true) {
                    show(name.as_bytes(), self.value(index, param));
                }
            }
        }
    }

    fn value(&self, index: u8, param: &'static Param) -> &[u8] {
        let changed = self.values.iter().find(|(at, _)| *at == index);
        changed.map_or(param.default.as_bytes(), |(_, value)| value)
    }

    fn store(&mut self, index: u8, param: &Param, value: Vec<u8>) {
        self.values.retain(|(at, _)| *at != index);
        if value != param.default.as_bytes() {
            self.values.push((index, value.into()));
        }
    }

    /// Brings the typed fields up to date.
    fn refresh(&mut self) {
        let this = &*self;
        let size = |name: &str| usize::try_from(this.number(name)).unwrap_or(usize::MAX);
        let databases = size("databases");
        let limits = Limits {
            list_max_listpack_size: i32::try_from(this.signed("list-max-listpack-size")).unwrap_or(i32::MAX),
            hash_max_listpack_entries: size("hash-max-listpack-entries"),
            hash_max_listpack_value: size("hash-max-listpack-value"),
            set_max_intset_entries: size("set-max-intset-entries"),
            zset_max_listpack_entries: size("zset-max-listpack-entries"),
            zset_max_listpack_value: size("zset-max-listpack-value"),
            hll_sparse_max_bytes: this.number("hll-sparse-max-bytes"),
            stream_node_max_bytes: this.number("stream-node-max-bytes"),
            stream_node_max_entries: this.number("stream-node-max-entries"),
        };
        (self.databases, self.limits) = (databases, limits);
        self.policy = Policy::named(self.get(b"maxmemory-policy").unwrap_or_default());
        self.lfu = Lfu { log_factor: self.number("lfu-log-factor"), decay_minutes: self.number("lfu-decay-time") };
        self.samples = usize::try_from(self.number("maxmemory-samples")).unwrap_or(usize::MAX);
        let size = |name: &str| usize::try_from(self.number(name)).unwrap_or(usize::MAX);
        let (tracked, slow_entries) = (size("tracking-table-max-keys"), size("slowlog-max-len"));
        (self.tracking_table_max_keys, self.slow_entries) = (tracked, slow_entries);
        self.output_limits = self.buffer_limits().map(|limit| match limit.hard {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        });
        self.slow_us = u64::try_from(self.signed("slowlog-log-slower-than")).ok();
        self.latency_ms = self.number("latency-monitor-threshold");
        self.latency_tracking = self.flag("latency-tracking");
        self.maxmemory = self.number("maxmemory");
        self.client_memory = self.most_client_memory();
        self.proto_max_bulk_len = self.number("proto-max-bulk-len");
        // Parameters of cachette-server.
        let watched = cfg!(feature = "server") && self.number("min-replicas-max-lag") > 0;
        self.wanted_replicas = if watched { self.number("min-replicas-to-write") } else { 0 };
        self.requirepass = self.get(b"requirepass").unwrap_or_default().to_vec();
        self.notify_keyspace_events =
            Class::parse(self.get(b"notify-keyspace-events").unwrap_or_default()).unwrap_or(Class::NONE);
    }
}

/// The canonical value of a parameter from words.
fn read(param: &Param, values: &[&[u8]], old: &[u8], phase: Phase) -> Result<Vec<u8>, ConfigError> {
    if !param.has(WORDS) {
        let [_] = values else { return Err("wrong number of arguments".into()) };
        let mut new = param.kind.read(values, old)?;
        if param.name == "hz" {
            // Out of these bounds the value is taken but not used.
            let hz = number::parse_i64(&new).unwrap_or(0).clamp(1, 500);
            new = number::write_i64(hz, &mut [0; 20]).to_vec();
        }
        if param.name == "dbfilename" && new.contains(&b'/') {
            return Err("dbfilename can't be a path, just a filename".into());
        }
        return Ok(new);
    }
    match (phase, values) {
        (_, []) => {
            // A kind that cannot be of no words says what it can be.
            param.kind.read(&[], old)?;
            Err("wrong number of arguments".into())
        }
        (Phase::Runtime, [b""]) => Ok(param.kind.read(&[], old)?),
        (Phase::Runtime, [one]) => {
            let words: Vec<&[u8]> = one.split(|byte| *byte == b' ').collect();
            Ok(param.kind.read(&words, old)?)
        }
        (Phase::Startup, [one]) if !one.is_empty() => {
            let words = split_quoted(one).ok_or("Unbalanced quotes in configuration line")?;
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            accumulate(param, &words, old)
        }
        _ => accumulate(param, values, old),
    }
}

/// At the start, several `save` lines add up.
fn accumulate(param: &Param, words: &[&[u8]], old: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let new = param.kind.read(words, old)?;
    let adds_up = matches!(param.kind, kind::Kind::SavePoints) && !new.is_empty() && !old.is_empty();
    Ok(if adds_up { [old, &new].join(&b' ') } else { new })
}

/// Tells the host that a parameter went from its value in `from` to that in `to`, if it is the host's and differs.
fn tell(host: &mut dyn Host, from: &Config, to: &Config, name: &[u8]) -> Result<(), alloc::string::String> {
    let Some((index, param)) = find(name) else { return Ok(()) };
    let (old, new) = (from.value(index, param), to.value(index, param));
    if !param.has(SHELL) || old == new {
        return Ok(());
    }
    host.apply_config(param.name, new)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn text(config: &Config, name: &str) -> String {
        String::from_utf8_lossy(config.get(name.as_bytes()).unwrap()).into_owned()
    }

    fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
        let pairs = [(name.as_bytes(), value.as_bytes())];
        config.set_all(&pairs, false, None).map_err(|refused| String::from(refused.error.text()))
    }

    #[test]
    fn every_default_is_the_canonical_text_of_a_value() {
        for param in table::all() {
            let words: Vec<&[u8]> = param.default.split(' ').map(str::as_bytes).collect();
            let words = if param.has(WORDS) { &words[..] } else { &[param.default.as_bytes()][..] };
            let read = param.kind.read(words, param.default.as_bytes());
            assert_eq!(read.as_deref(), Ok(param.default.as_bytes()), "{}", param.name);
        }
        assert!(table::all().count() <= 256, "places in the table are kept in a byte");
    }

    #[test]
    fn a_parameter_is_found_by_either_name_in_any_case() {
        let mut config = Config::default();
        set(&mut config, "HASH-max-ziplist-ENTRIES", "7").unwrap();
        assert_eq!(text(&config, "hash-max-listpack-entries"), "7");
        assert_eq!(config.limits.hash_max_listpack_entries, 7);
        let mut shown = Vec::new();
        config.matching(b"hash-max-*-entries", |name, value| {
            shown.push(format!("{}={}", name.escape_ascii(), value.escape_ascii()))
        });
        assert_eq!(shown, ["hash-max-listpack-entries=7", "hash-max-ziplist-entries=7"]);
        config.matching(b"key-load*", |_, _| panic!("hidden"));
    }

    #[test]
    fn values_are_refused_with_the_reason() {
        let mut config = Config::default();
        let mut refusal = |name: &str, value: &str| set(&mut config, name, value).unwrap_err();
        assert_eq!(refusal("port", "99999"), "argument must be between 0 and 65535 inclusive");
        assert_eq!(refusal("maxmemory", "1x"), "argument must be a memory value");
        assert_eq!(refusal("databases", "5"), "can't set immutable config");
        assert_eq!(refusal("dir", "/tmp"), "can't set protected config");
        assert_eq!(refusal("save", "900"), "Invalid save parameters");
        assert_eq!(refusal("appendonly", "maybe"), "argument must be 'yes' or 'no'");
        assert_eq!(refusal("appendonly", "yes"), "Unable to turn on AOF. Check server logs.");
        assert_eq!(config.generation(), 0);
    }

    #[test]
    fn several_parameters_are_set_together_or_not_at_all() {
        struct Picky(Vec<String>);
        impl Host for Picky {
            fn apply_config(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
                self.0.push(format!("{name}={}", value.escape_ascii()));
                if name == "port" { Err(String::from("Unable to listen on this port")) } else { Ok(()) }
            }
        }
        let mut host = Picky(Vec::new());
        let mut config = Config::default();
        let pairs: [(&[u8], &[u8]); 3] = [(b"maxmemory", b"1mb"), (b"loglevel", b"DEBUG"), (b"port", b"1")];
        let refused = config.set_all(&pairs, false, Some(&mut host)).unwrap_err();
        assert_eq!((&refused.name[..], refused.error.text()), (&b"port"[..], "Unable to listen on this port"));
        assert_eq!(host.0, ["loglevel=debug", "port=1", "loglevel=notice"]);
        assert_eq!((config.maxmemory, text(&config, "loglevel")), (0, String::from("notice")));
    }

    #[test]
    fn lines_of_a_file_take_words_and_save_adds_up() {
        let mut config = Config::default();
        config.set(b"save", &[b"900", b"1"], Phase::Startup).unwrap();
        config.set(b"save", &[b"60 100"], Phase::Startup).unwrap();
        assert_eq!(text(&config, "save"), "900 1 60 100");
        config.set(b"save", &[b""], Phase::Startup).unwrap();
        assert_eq!(text(&config, "save"), "");
        config.set(b"client-output-buffer-limit", &[b"replica", b"1mb", b"2k", b"3"], Phase::Startup).unwrap();
        assert_eq!(config.buffer_limits()[1], BufferLimit { hard: 1 << 20, soft: 2000, soft_seconds: 3 });
        assert_eq!(config.set(b"lua-replicate-commands", &[b"yes"], Phase::Startup), Ok(()));
        assert_eq!(config.set(b"nothing", &[b"yes"], Phase::Startup), Err(ConfigError::Unknown));
        assert_eq!(config.set(b"bind", &[], Phase::Startup).unwrap_err().text(), "wrong number of arguments");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_is_taken_is_told_and_can_be_set_again(
            at in 0..table::all().count(),
            value in "(|yes|no|[a-z]{1,9}|-?[0-9]{1,20}(k|mb|GB|%)?|[0-9]{1,4}( [0-9.]{1,4}){1,5}|(normal|replica) [0-9]+ [0-9]+ [0-9]+|\\PC*)",
        ) {
            let param = table::all().nth(at).unwrap();
            let name = param.name;
            let mut config = Config::default();
            if config.set(name.as_bytes(), &[value.as_bytes()], Phase::Startup).is_ok() {
                let told = text(&config, name);
                if !param.has(FIXED | PROTECTED) {
                    proptest::prop_assert_eq!(set(&mut config, name, &told), Ok(()), "{} = {:?}", name, told);
                }
                proptest::prop_assert_eq!(text(&config, name), told);
            }
        }
    }
}
