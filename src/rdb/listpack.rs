//! Writing a listpack: see [`elements`](super::elements) for how it lies.

use crate::number::parse_i64;

const HEADER: usize = 6;

/// A listpack being written. Growth that is refused is remembered by whoever takes it over ([`Out`](super::Out)).
pub(super) struct Listpack {
    bytes: super::Out,
    count: usize,
}

/// Bytes of the length behind an element of `len` bytes.
pub(super) fn back_len(len: usize) -> u64 {
    match len {
        0..128 => 1,
        128..16383 => 2,
        16383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

impl Listpack {
    pub(super) fn new() -> Self {
        let mut bytes = super::Out::default();
        bytes.put(&[0; HEADER]);
        Self { bytes, count: 0 }
    }

    /// Appends a string: as a number where it spells one.
    pub(super) fn push(&mut self, text: &[u8]) {
        if (1..=20).contains(&text.len())
            && let Some(number) = parse_i64(text)
        {
            return self.push_number(number);
        }
        let len = text.len() as u32;
        let [low, high, ..] = len.to_le_bytes();
        let start = self.bytes.len();
        match len {
            0..64 => self.bytes.put(&[0x80 | low]),
            64..4096 => self.bytes.put(&[0xe0 | high, low]),
            _ => {
                self.bytes.put(&[0xf0]);
                self.bytes.put(&len.to_le_bytes());
            }
        }
        self.bytes.put(text);
        self.end(start);
    }

    pub(super) fn push_number(&mut self, number: i64) {
        let start = self.bytes.len();
        let bytes = number.to_le_bytes();
        let (head, width) = match number {
            0..=127 => (None, 1),
            -4096..=4095 => {
                let [low, high, ..] = bytes;
                self.bytes.put(&[0xc0 | high & 0x1f, low]);
                return self.end(start);
            }
            -0x8000..=0x7fff => (Some(0xf1), 2),
            -0x80_0000..=0x7f_ffff => (Some(0xf2), 3),
            -0x8000_0000..=0x7fff_ffff => (Some(0xf3), 4),
            _ => (Some(0xf4), 8),
        };
        if let Some(head) = head {
            self.bytes.put(&[head]);
        }
        self.bytes.put(bytes.get(..width).unwrap_or_default());
        self.end(start);
    }

    /// Writes the length behind the element that began at `start`.
    fn end(&mut self, start: usize) {
        let len = self.bytes.len().saturating_sub(start);
        let width = back_len(len) as u32;
        for group in (0..width).rev() {
            let bits = (len.wrapping_shr(group.wrapping_mul(7)) & 0x7f) as u8;
            self.bytes.put(&[if group.wrapping_add(1) == width { bits } else { bits | 0x80 }]);
        }
        self.count = self.count.saturating_add(1);
    }

    /// All of it, header and end.
    pub(super) fn finish(mut self) -> super::Out {
        self.bytes.put(&[0xff]);
        let len = self.bytes.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        if let Some((to_len, rest)) = self.bytes.bytes_mut().split_first_chunk_mut()
            && let Some(to_count) = rest.first_chunk_mut()
        {
            (*to_len, *to_count) = (len.to_le_bytes(), count.to_le_bytes());
        }
        self.bytes
    }
}
