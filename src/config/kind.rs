//! What values a parameter takes: words to the canonical text that `CONFIG GET` prints.

use crate::keyspace::Class;
use crate::number;
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a parameter's value is.
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// An integer in a range, ends included.
    Int(i64, i64),
    /// Bytes, with a unit if wanted (`64mb`), in a range.
    Memory(u64, u64),
    /// Bytes, or a share of `maxmemory` as `5%`.
    MemoryOrPercent,
    Text,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// `class hard soft seconds`, repeated.
    BufferLimits,
    /// `seconds changes`, repeated.
    SavePoints,
    Percentiles,
    /// Letters of keyspace events.
    Events,
    /// What a reader of its own makes of the words.
    Own(Reader),
}

/// From words to the canonical text.
pub type Reader = fn(&[&[u8]]) -> Result<Vec<u8>, Refusal>;

/// Why a value is refused.
pub type Refusal = Cow<'static, str>;

/// The classes of clients that have output limits, as they are printed.
pub const CLIENT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

impl Kind {
    /// The canonical text of a value given as words; `old` is the present one, for kinds that change in part.
    ///
    /// # Errors
    /// What Redis says about the value.
    pub fn read(&self, words: &[&[u8]], old: &[u8]) -> Result<Vec<u8>, Refusal> {
        let word = words.first().copied().unwrap_or(&[]);
        match *self {
            Self::Bool if word.eq_ignore_ascii_case(b"yes") => Ok(b"yes".to_vec()),
            Self::Bool if word.eq_ignore_ascii_case(b"no") => Ok(b"no".to_vec()),
            Self::Bool => Err("argument must be 'yes' or 'no'".into()),
            Self::Int(low, high) => {
                let value = number::parse_i64(word).ok_or("argument couldn't be parsed into an integer")?;
                within(value, low, high)?;
                Ok(digits(value))
            }
            Self::Memory(low, high) => {
                let value = parse_memory(word).ok_or("argument must be a memory value")?;
                within(value, low, high)?;
                Ok(value.to_string().into_bytes())
            }
            Self::MemoryOrPercent => memory_or_percent(word),
            Self::Text => Ok(word.to_vec()),
            Self::Enum(names) => match names.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(word)) {
                Some(name) => Ok(name.as_bytes().to_vec()),
                None => Err(one_of(names)),
            },
            Self::BufferLimits => buffer_limits(words, old),
            Self::SavePoints => save_points(words),
            Self::Percentiles => percentiles(words),
            Self::Own(read) => read(words),
            Self::Events => match Class::parse(word) {
                Some(classes) => Ok(classes.letters()),
                None => Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            },
        }
    }
}

pub(super) fn digits(value: i64) -> Vec<u8> {
    number::write_i64(value, &mut [0; 20]).to_vec()
}

fn within<T: PartialOrd + ToString>(value: T, low: T, high: T) -> Result<(), Refusal> {
    if value >= low && value <= high {
        return Ok(());
    }
    Err(["argument must be between ", &low.to_string(), " and ", &high.to_string(), " inclusive"].concat().into())
}

pub(super) fn one_of(names: &[&str]) -> Refusal {
    ["argument(s) must be one of the following: ", &names.join(", ")].concat().into()
}

/// Reads bytes with an optional unit: `b`; `k m g` by thousands; `kb mb gb` by 1024. What is too large becomes the largest.
pub fn parse_memory(word: &[u8]) -> Option<u64> {
    let end = word.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let count = digits.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0'))));
    Some(count.saturating_mul(factor))
}

fn memory_or_percent(word: &[u8]) -> Result<Vec<u8>, Refusal> {
    const WORDING: &str = "argument must be a memory or percent value";
    let Some(share) = word.strip_suffix(b"%") else {
        return Ok(parse_memory(word).ok_or(WORDING)?.to_string().into_bytes());
    };
    let share = number::parse_i64(share).filter(|share| *share >= 0).ok_or(WORDING)?;
    if share > 100 {
        return Err("percentage argument must be less or equal to 100".into());
    }
    let mut text = digits(share);
    text.push(b'%');
    Ok(text)
}

fn buffer_limits(words: &[&[u8]], old: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut parts: Vec<String> = old.split(|byte| *byte == b' ').map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let mut groups = words.chunks_exact(4);
    if !groups.remainder().is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in &mut groups {
        let [class, hard, soft, seconds] = group else { continue };
        let class = if class.eq_ignore_ascii_case(b"replica") { b"slave" } else { *class };
        let at = CLIENT_CLASSES.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(class));
        let at = at.ok_or("Invalid client class specified in buffer limit configuration.")?;
        let seconds = number::parse_i64(seconds).filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds));
        let (Some(hard), Some(soft), Some(seconds)) = (parse_memory(hard), parse_memory(soft), seconds) else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        let values = [hard.to_string(), soft.to_string(), seconds.to_string()];
        for (part, value) in parts.iter_mut().skip(at.saturating_mul(4).saturating_add(1)).zip(values) {
            *part = value;
        }
    }
    Ok(parts.join(" ").into_bytes())
}

fn save_points(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    const WORDING: &str = "Invalid save parameters";
    if let [b""] = words {
        return Ok(Vec::new());
    }
    let mut text = Vec::new();
    let (pairs, []) = words.as_chunks::<2>() else { return Err(WORDING.into()) };
    for [seconds, changes] in pairs {
        let seconds = number::parse_i64(seconds).filter(|seconds| *seconds >= 1).ok_or(WORDING)?;
        let changes = number::parse_i64(changes).filter(|changes| *changes >= 0).ok_or(WORDING)?;
        text.push(digits(seconds));
        text.push(digits(changes));
    }
    Ok(text.join(&b' '))
}

fn percentiles(words: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    if let [b""] = words {
        return Ok(Vec::new());
    }
    for word in words {
        let share = number::parse_f64(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&share) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        text.push(plain_decimal(word));
    }
    Ok(text.join(&b' '))
}

/// A decimal as it was written, but for zeros behind the point that say nothing.
fn plain_decimal(word: &[u8]) -> &[u8] {
    let mut word = word;
    if word.contains(&b'.') {
        while let Some(shorter) = word.strip_suffix(b"0") {
            word = shorter;
        }
    }
    word.strip_suffix(b".").unwrap_or(word)
}
