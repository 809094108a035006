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

    /// A type, and how many elements follow.
    fn head(&mut self, kind: u8, count: usize) {
        self.put(&[kind]);
        self.length(count as u64);
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
    match value {
        ValueRef::String(text) => {
            out.put(&[kind::STRING]);
            out.string(text);
        }
        ValueRef::List(list) => {
            out.head(kind::LIST, list.len());
            list.iter().for_each(|element| out.string(element));
        }
        ValueRef::Set(set) => {
            out.head(kind::SET, set.len());
            set.iter().for_each(|member| out.string(&member));
        }
        ValueRef::Hash(hash) if hash.encoding() == "listpack" => {
            let mut packed = Listpack::new();
            for (field, value) in hash.iter() {
                packed.push(field);
                packed.push(value);
            }
            out.put(&[kind::HASH_LISTPACK]);
            out.blob(packed.finish());
        }
        ValueRef::Hash(hash) if let Some(least) = hash.next_due() => {
            out.put(&[kind::HASH_METADATA]);
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
            out.head(kind::HASH, hash.len());
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
            out.put(&[kind::ZSET_LISTPACK]);
            out.blob(packed.finish());
        }
        ValueRef::ZSet(zset) => {
            out.head(kind::ZSET_2, zset.len());
            // From the greatest on, as Redis does: who puts each before all others is quickest.
            for (member, score) in zset.iter(0..zset.len()).rev() {
                out.string(member);
                out.put(&score.to_le_bytes());
            }
        }
        ValueRef::Stream(entries) => {
            out.put(&[kind::STREAM_LISTPACKS_2]);
            stream::save(out, entries);
        }
    }
}
