//! Values to bytes.

use super::listpack::Listpack;
use super::{kind, stream};
use crate::keyspace::ValueRef;
use crate::number::{self, parse_i64};
use crate::value::{Collection, OutOfMemory};
use alloc::vec::Vec;

/// Bytes being written. Growth that the allocator refuses does not abort: it is remembered, and what follows is dropped.
#[derive(Default)]
pub struct Out {
    bytes: Vec<u8>,
    refused: bool,
}

impl Out {
    pub fn put(&mut self, bytes: &[u8]) {
        if self.refused || self.bytes.try_reserve(bytes.len()).is_err() {
            self.refused = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes over what was written elsewhere, as a string.
    pub(super) fn blob(&mut self, other: Self) {
        self.refused |= other.refused;
        self.length(other.bytes.len() as u64);
        self.put(&other.bytes);
    }

    /// # Errors
    /// Where growth was refused.
    pub fn finish(self) -> Result<Vec<u8>, OutOfMemory> {
        if self.refused { Err(OutOfMemory) } else { Ok(self.bytes) }
    }

    /// A length, in as few bytes as it needs.
    pub fn length(&mut self, length: u64) {
        let bytes = length.to_be_bytes();
        let [.., high, low] = bytes;
        match length {
            0..64 => self.put(&[low]),
            64..16384 => self.put(&[0x40 | high, low]),
            _ => {
                let long = length > u64::from(u32::MAX);
                self.put(&[0x80 | u8::from(long)]);
                self.put(bytes.get(if long { 0 } else { 4 }..).unwrap_or_default());
            }
        }
    }

    /// A string: as a number of up to 32 bits where it spells one.
    pub fn string(&mut self, text: &[u8]) {
        if text.len() <= 11
            && let Some(number) = parse_i64(text)
            && i32::try_from(number).is_ok()
        {
            let (form, width) = match number {
                -0x80..=0x7f => (0xc0, 1),
                -0x8000..=0x7fff => (0xc1, 2),
                _ => (0xc2, 4),
            };
            self.put(&[form]);
            return self.put(number.to_le_bytes().get(..width).unwrap_or_default());
        }
        self.length(text.len() as u64);
        self.put(text);
    }

    /// Writes over what was put at `at`.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        let place = self.bytes.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len()));
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }
}

/// Appends a score: as a number where it is a whole one of up to 62 bits.
fn push_score(packed: &mut Listpack, score: f64) {
    const MOST: f64 = (1u64 << 62) as f64;
    let whole = score as i64;
    if score.abs() <= MOST && whole as f64 == score {
        packed.push_number(whole);
    } else {
        packed.push(number::write_f64(score, &mut [0; number::F64_LEN]));
    }
}

/// Appends the type of a value, and the value.
pub fn save(out: &mut Out, value: &ValueRef<'_>) {
    out.put(&[kind_of(value)]);
    body(out, value);
}

/// Appends the type of a value, its key, and the value, as snapshots have them. True where only the newest version can say it.
pub fn save_named(out: &mut Out, key: &[u8], value: &ValueRef<'_>) -> bool {
    let kind = kind_of(value);
    out.put(&[kind]);
    out.string(key);
    body(out, value);
    kind == kind::HASH_METADATA
}

fn kind_of(value: &ValueRef<'_>) -> u8 {
    match value {
        ValueRef::String(_) => kind::STRING,
        ValueRef::List(_) => kind::LIST,
        ValueRef::Set(_) => kind::SET,
        ValueRef::Hash(hash) if hash.encoding() == "listpack" => kind::HASH_LISTPACK,
        ValueRef::Hash(hash) if hash.next_due().is_some() => kind::HASH_METADATA,
        ValueRef::Hash(_) => kind::HASH,
        ValueRef::ZSet(zset) if zset.is_small() => kind::ZSET_LISTPACK,
        ValueRef::ZSet(_) => kind::ZSET_2,
        ValueRef::Stream(_) => kind::STREAM_LISTPACKS_2,
    }
}

/// The value without its type.
fn body(out: &mut Out, value: &ValueRef<'_>) {
    match value {
        ValueRef::String(text) => out.string(text),
        ValueRef::List(list) => {
            out.length(list.len() as u64);
            list.iter().for_each(|element| out.string(element));
        }
        ValueRef::Set(set) => {
            out.length(set.len() as u64);
            set.iter().for_each(|member| out.string(&member));
        }
        ValueRef::Hash(hash) if hash.encoding() == "listpack" => {
            let mut packed = Listpack::new();
            for (field, value) in hash.iter() {
                packed.push(field);
                packed.push(value);
            }
            out.blob(packed.finish());
        }
        ValueRef::Hash(hash) if let Some(least) = hash.next_due() => {
            out.put(&least.to_le_bytes());
            out.length(hash.len() as u64);
            hash.visit_all(&mut |field, value, deadline| {
                // 0 is none.
                out.length(deadline.map_or(0, |deadline| deadline.saturating_sub(least).saturating_add(1)));
                out.string(field);
                out.string(value);
            });
        }
        ValueRef::Hash(hash) => {
            out.length(hash.len() as u64);
            for (field, value) in hash.iter() {
                out.string(field);
                out.string(value);
            }
        }
        ValueRef::ZSet(zset) if zset.is_small() => {
            let mut packed = Listpack::new();
            for (member, score) in zset.iter(0..zset.len()) {
                packed.push(member);
                push_score(&mut packed, score);
            }
            out.blob(packed.finish());
        }
        ValueRef::ZSet(zset) => {
            out.length(zset.len() as u64);
            // From the greatest on, as Redis does: who puts each before all others is quickest.
            for (member, score) in zset.iter(0..zset.len()).rev() {
                out.string(member);
                out.put(&score.to_le_bytes());
            }
        }
        ValueRef::Stream(entries) => stream::save(out, entries),
    }
}
