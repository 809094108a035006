//! HyperLogLog: how many different elements there were, within about a percent, in at most 12 KiB. In Redis's own bytes, so that GET, SET, COPY and
//! dumps carry a sketch as they carry any string.
//!
//! ```text
//! "HYLL" | encoding | 3 unused | 8: last estimate, little endian, highest bit = out of date | registers
//! ```
//!
//! An element's hash chooses one of 16,384 registers, and each register keeps the longest run of zero bits (plus one) that its elements' hashes
//! showed. Dense, a register takes 6 bits. Sparse, registers are told as runs:
//!
//! ```text
//! 00nnnnnn           ZERO:  n + 1 registers hold 0
//! 01nnnnnn nnnnnnnn  XZERO: n + 1 registers hold 0
//! 1vvvvvnn           VAL:   n + 1 registers hold v + 1
//! ```
//!
//! Anybody can SET a string that only looks like a sketch: nothing here trusts a run, and what does not add up to all registers is [`Corrupt`].
//! The estimator is Otmar Ertl's (arXiv:1702.01284), in doubles and in Redis's order of operations: its answers are Redis's answers.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use super::OutOfMemory;
use alloc::vec::Vec;

/// Bits of a hash that choose the register; the others are counted.
const CHOOSING: u32 = 14;
/// How many registers a sketch has.
pub const REGISTERS: usize = 1 << CHOOSING;
const COUNTED: u32 = 64 - CHOOSING;
const HEADER: usize = 16;
/// Bytes of a dense sketch.
pub const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const ENCODING_AT: usize = 4;
const CARD_AT: usize = 8;
/// Marks the kept estimate as out of date.
const STALE: u8 = 0x80;
/// The highest value and the longest run of one VAL.
const MOST_VALUE: u8 = 32;
const MOST_RUN: usize = 4;
const MOST_ZEROS: usize = 64;

/// No element, and the estimate of 0 up to date.
pub const EMPTY: [u8; 18] = *b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff";

/// The runs do not add up to the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Whether a string begins as a sketch does; its runs may still be corrupt.
pub fn is_sketch(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(b"HYLL")
        && match bytes.get(ENCODING_AT) {
            Some(&DENSE) => bytes.len() == DENSE_LEN,
            encoding => encoding == Some(&SPARSE),
        }
}

/// Whether a sketch has the encoding of fixed length.
pub fn is_dense(bytes: &[u8]) -> bool {
    bytes.get(ENCODING_AT) == Some(&DENSE)
}

// ---- the kept estimate ------------------------------------------------------------------------------------------------------------------

/// The estimate that the sketch keeps; `None` where it is out of date.
pub fn kept(bytes: &[u8]) -> Option<u64> {
    let card = bytes.get(CARD_AT..)?.first_chunk::<8>()?;
    (card.last()? & STALE == 0).then_some(u64::from_le_bytes(*card))
}

/// Keeps an estimate.
pub fn keep(bytes: &mut [u8], estimate: u64) {
    if let Some(card) = bytes.get_mut(CARD_AT..).and_then(<[u8]>::first_chunk_mut::<8>) {
        *card = estimate.to_le_bytes();
    }
}

/// Says that the kept estimate is out of date.
pub fn outdate(bytes: &mut [u8]) {
    if let Some(last) = bytes.get_mut(HEADER.wrapping_sub(1)) {
        *last |= STALE;
    }
}

// ---- hashing ----------------------------------------------------------------------------------------------------------------------------

/// MurmurHash64A with the seed that all of Redis's sketches share.
fn hash(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = 0xadc8_3b19 ^ (bytes.len() as u64).wrapping_mul(M);
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 47;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0u64, |last, byte| last << 8 | u64::from(*byte));
        hash = (hash ^ last).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

/// The register of an element, and the value that the element asks of it.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = hash(element);
    let counted = hash >> CHOOSING | 1 << COUNTED;
    (hash as usize & (REGISTERS - 1), (counted.trailing_zeros() as u8).wrapping_add(1))
}

// ---- dense ------------------------------------------------------------------------------------------------------------------------------

/// The byte in which a register begins, and its first bit there.
fn bit_of(register: usize) -> (usize, u32) {
    let bit = register.wrapping_mul(6);
    (HEADER.wrapping_add(bit / 8), (bit % 8) as u32)
}

/// What a register of a dense sketch holds.
pub fn get(bytes: &[u8], register: usize) -> u8 {
    let (at, shift) = bit_of(register);
    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(0));
    ((byte(at) | byte(at.wrapping_add(1)) << 8).wrapping_shr(shift) & 63) as u8
}

/// Raises a register of a dense sketch; false if it was as high before.
pub fn raise(bytes: &mut [u8], register: usize, value: u8) -> bool {
    if get(bytes, register) >= value {
        return false;
    }
    let (at, shift) = bit_of(register);
    let (clear, set) = (!63u16.wrapping_shl(shift), u16::from(value & 63).wrapping_shl(shift));
    let bytes = bytes.iter_mut().skip(at);
    for ((byte, clear), set) in bytes.zip(clear.to_le_bytes()).zip(set.to_le_bytes()) {
        *byte = *byte & clear | set;
    }
    true
}

/// Adds an element to a dense sketch; whether a register changed.
pub fn add_to_dense(bytes: &mut [u8], element: &[u8]) -> bool {
    let (register, value) = place(element);
    raise(bytes, register, value)
}

// ---- sparse -----------------------------------------------------------------------------------------------------------------------------

/// One run of equal registers as a sparse sketch writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What the registers hold.
    pub value: u8,
    /// How many registers.
    pub len: usize,
    /// How many bytes it takes: 2 for XZERO.
    pub bytes: usize,
}

fn run_at(bytes: &[u8], at: usize) -> Option<Run> {
    let first = *bytes.get(at)?;
    let low = usize::from(first & 0x3f);
    Some(match first >> 6 {
        0 => Run { value: 0, len: low.wrapping_add(1), bytes: 1 },
        1 => {
            // As in Redis, the second byte may be the zero that ends every string.
            let second = usize::from(bytes.get(at.wrapping_add(1)).copied().unwrap_or(0));
            Run { value: 0, len: (low << 8 | second).wrapping_add(1), bytes: 2 }
        }
        _ => Run { value: (first >> 2 & 0x1f).wrapping_add(1), len: usize::from(first & 3).wrapping_add(1), bytes: 1 },
    })
}

/// The runs of a sparse sketch.
pub fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = HEADER;
    core::iter::from_fn(move || {
        let run = run_at(bytes, at)?;
        at = at.wrapping_add(run.bytes);
        Some(run)
    })
}

fn val(value: u8, len: usize) -> u8 {
    0x80 | value.wrapping_sub(1) << 2 | (len.wrapping_sub(1) & 3) as u8
}

/// At most five bytes of runs.
#[derive(Default)]
struct Words {
    bytes: [u8; 5],
    len: usize,
}

impl Words {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.wrapping_add(1);
        }
    }

    /// A run of registers, if it is one at all.
    fn run(&mut self, value: u8, len: usize) {
        let less = len.wrapping_sub(1);
        match (value, len) {
            (_, 0) => {}
            (0, ..=MOST_ZEROS) => self.push(less as u8),
            (0, _) => {
                self.push(0x40 | (less >> 8) as u8);
                self.push(less as u8);
            }
            _ => self.push(val(value, len)),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Raises a register of a sparse sketch, splitting the run that it is in; whether it changed. The sketch becomes dense where the value is too
/// high for a run, or the runs would take more than `limit` bytes (header included).
///
/// # Errors
/// [`Corrupt`] where the runs do not reach the register, or cannot become dense.
fn raise_sparse(bytes: &mut Vec<u8>, register: usize, value: u8, limit: u64) -> Result<bool, Corrupt> {
    if value > MOST_VALUE {
        return raise_as_dense(bytes, register, value);
    }
    let (mut at, mut first, mut before) = (HEADER, 0usize, HEADER);
    let run = loop {
        let run = run_at(bytes, at).ok_or(Corrupt)?;
        if register < first.wrapping_add(run.len) {
            break run;
        }
        before = at;
        at = at.wrapping_add(run.bytes);
        first = first.wrapping_add(run.len);
    };
    if run.value >= value {
        return Ok(false);
    }
    let mut words = Words::default();
    let left = register.wrapping_sub(first);
    words.run(run.value, left);
    words.run(value, 1);
    words.run(run.value, run.len.wrapping_sub(left).wrapping_sub(1));
    let len = bytes.len().wrapping_add(words.len).wrapping_sub(run.bytes);
    if words.len > run.bytes && len as u64 > limit {
        return raise_as_dense(bytes, register, value);
    }
    for (place, (offset, byte)) in (at..).zip(words.as_bytes().iter().enumerate()) {
        match bytes.get_mut(place).filter(|_| offset < run.bytes) {
            Some(slot) => *slot = *byte,
            None => bytes.insert(place, *byte),
        }
    }
    let behind = at.wrapping_add(words.len);
    if words.len < run.bytes && behind < bytes.len() {
        bytes.remove(behind);
    }
    // Shorter than that only where the string ended in the middle of an XZERO.
    bytes.truncate(len);
    join(bytes, before);
    outdate(bytes);
    Ok(true)
}

/// Joins neighbours of the same value from `at` on, as far as one change can have made some.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..5 {
        let Some(run) = run_at(bytes, at) else { return };
        let next = run_at(bytes, at.wrapping_add(run.bytes));
        if let Some(next) = next.filter(|next| run.value != 0 && next.value == run.value)
            && run.len.wrapping_add(next.len) <= MOST_RUN
        {
            bytes.remove(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = val(run.value, run.len.wrapping_add(next.len));
            }
        } else {
            at = at.wrapping_add(run.bytes);
        }
    }
}

fn raise_as_dense(bytes: &mut Vec<u8>, register: usize, value: u8) -> Result<bool, Corrupt> {
    *bytes = to_dense(bytes)?;
    Ok(raise(bytes, register, value))
}

/// The same sketch, dense.
///
/// # Errors
/// [`Corrupt`].
pub fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut dense = bytes.get(..HEADER).unwrap_or_default().to_vec();
    dense.resize(DENSE_LEN, 0);
    if let Some(encoding) = dense.get_mut(ENCODING_AT) {
        *encoding = DENSE;
    }
    each(bytes, &mut |register, value| {
        raise(&mut dense, register, value);
    })?;
    Ok(dense)
}

// ---- both -------------------------------------------------------------------------------------------------------------------------------

/// Visits the registers with their values, but for some that hold 0.
///
/// # Errors
/// [`Corrupt`], after some of the registers.
fn each(bytes: &[u8], visit: &mut dyn FnMut(usize, u8)) -> Result<(), Corrupt> {
    if is_dense(bytes) {
        (0..REGISTERS).for_each(|register| visit(register, get(bytes, register)));
        return Ok(());
    }
    let mut first = 0usize;
    for run in runs(bytes) {
        let end = first.saturating_add(run.len);
        if end > REGISTERS {
            return Err(Corrupt);
        }
        if run.value != 0 {
            (first..end).for_each(|register| visit(register, run.value));
        }
        first = end;
    }
    if first == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// Adds an element, whatever the encoding; whether a register changed. `limit`: bytes at which a sparse sketch becomes dense.
///
/// # Errors
/// [`Corrupt`].
pub fn add(bytes: &mut Vec<u8>, element: &[u8], limit: u64) -> Result<bool, Corrupt> {
    let (register, value) = place(element);
    put(bytes, register, value, limit)
}

/// Raises a register, whatever the encoding.
fn put(bytes: &mut Vec<u8>, register: usize, value: u8, limit: u64) -> Result<bool, Corrupt> {
    if is_dense(bytes) { Ok(raise(bytes, register, value)) } else { raise_sparse(bytes, register, value, limit) }
}

/// Raises registers to those of a sketch.
///
/// # Errors
/// [`Corrupt`]; some registers are raised then.
pub fn merge(into: &mut [u8], bytes: &[u8]) -> Result<(), Corrupt> {
    each(bytes, &mut |register, value| {
        if let Some(slot) = into.get_mut(register) {
            *slot = value.max(*slot);
        }
    })
}

/// Raises a sketch's registers to these.
pub fn put_all(bytes: &mut Vec<u8>, registers: &[u8], limit: u64) {
    for (register, value) in registers.iter().enumerate().filter(|(_, value)| **value != 0) {
        // Redis does not look either: a corrupt sketch stays as it is.
        let _ = put(bytes, register, *value, limit);
    }
}

/// Registers that all hold 0.
///
/// # Errors
/// Where there is no memory.
pub fn no_registers() -> Result<Vec<u8>, OutOfMemory> {
    let mut registers = Vec::new();
    registers.try_reserve_exact(REGISTERS)?;
    registers.resize(REGISTERS, 0);
    Ok(registers)
}

/// The estimate of a sketch.
///
/// # Errors
/// [`Corrupt`].
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let mut held = [0u64; 64];
    let mut total = 0usize;
    let mut note = |value: u8, len: usize| {
        total = total.saturating_add(len);
        if let Some(slot) = held.get_mut(usize::from(value)) {
            *slot = slot.wrapping_add(len as u64);
        }
    };
    if is_dense(bytes) {
        (0..REGISTERS).for_each(|register| note(get(bytes, register), 1));
    } else {
        runs(bytes).for_each(|run| note(run.value, run.len));
    }
    if total == REGISTERS { Ok(estimate(&held)) } else { Err(Corrupt) }
}

/// The estimate of registers.
pub fn count_registers(registers: &[u8]) -> u64 {
    let mut held = [0u64; 64];
    for value in registers {
        if let Some(slot) = held.get_mut(usize::from(*value)) {
            *slot = slot.wrapping_add(1);
        }
    }
    estimate(&held)
}

/// The estimate, where so many registers hold each value.
fn estimate(held: &[u64; 64]) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    const M: f64 = REGISTERS as f64;
    let with = |value: u32| held.get(value as usize).copied().unwrap_or(0) as f64;
    let mut z = M * tau((M - with(COUNTED + 1)) / M);
    for value in (1..=COUNTED).rev() {
        z = (z + with(value)) * 0.5;
    }
    z += M * sigma(with(0) / M);
    let estimate = ALPHA * M * M / z;
    // Halves away from zero.
    let whole = estimate as u64;
    whole.saturating_add(u64::from(estimate - whole as f64 >= 0.5))
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = libm::sqrt(x);
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn registers(bytes: &[u8]) -> Vec<u8> {
        let mut registers = no_registers().unwrap();
        merge(&mut registers, bytes).unwrap();
        registers
    }

    #[test]
    fn an_empty_sketch_counts_nothing() {
        assert_eq!(kept(&EMPTY), Some(0));
        assert_eq!(count(&EMPTY), Ok(0));
        assert_eq!(count(&to_dense(&EMPTY).unwrap()), Ok(0));
    }

    #[test]
    fn estimates_are_within_three_standard_errors() {
        let mut sketch = EMPTY.to_vec();
        for n in 0u64..200_000 {
            add(&mut sketch, &n.to_le_bytes(), 3000).unwrap();
            if (n + 1).is_power_of_two() {
                let error = count(&sketch).unwrap().abs_diff(n + 1);
                assert!(error as f64 <= 0.0244 * (n + 1) as f64 + 1.0, "{n}: off by {error}");
            }
        }
        assert!(is_dense(&sketch) && sketch.len() == DENSE_LEN);
    }

    proptest! {
        #[test]
        fn both_encodings_hold_the_same(elements in prop::collection::vec(any::<u16>(), 0..400), limit in 18u64..3000) {
            let (mut sketch, mut dense) = (EMPTY.to_vec(), to_dense(&EMPTY).unwrap());
            for element in elements {
                let changed = add(&mut sketch, &element.to_le_bytes(), limit).unwrap();
                prop_assert_eq!(changed, add_to_dense(&mut dense, &element.to_le_bytes()));
                prop_assert!(is_sketch(&sketch));
                prop_assert!(is_dense(&sketch) || sketch.len() as u64 <= limit.max(18));
            }
            prop_assert_eq!(registers(&sketch), registers(&dense));
            prop_assert_eq!(count(&sketch), count(&dense));
            prop_assert_eq!(count(&sketch), Ok(count_registers(&registers(&dense))));
        }

        /// What anybody may SET: no panic, and what can be counted can be merged.
        #[test]
        fn hostile_runs_are_survived(runs in prop::collection::vec(any::<u8>(), 0..60), elements: [u16; 8], limit in 0u64..100) {
            let mut sketch = [&EMPTY[..HEADER], &runs].concat();
            if count(&sketch).is_ok() {
                prop_assert!(to_dense(&sketch).is_ok());
            }
            for element in elements {
                let _ = add(&mut sketch, &element.to_le_bytes(), limit);
            }
            put_all(&mut sketch, &[9; REGISTERS], limit);
            let _ = (count(&sketch), kept(&sketch));
        }
    }
}
