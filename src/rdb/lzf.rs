//! LZF: runs of bytes as they are, and copies of what came before.
//!
//! ```text
//!   000lllll  l+1 bytes               bytes as they are
//!   lllooooo  oooooooo                l+2 bytes from o+1 back; l = 7: a byte more to l comes in between
//! ```

use super::read::Reader;
use super::{Refusal, Result};
use alloc::vec::Vec;

/// Three bytes make so many at most, and none makes more of its own.
const MOST: usize = 264;

/// The `len` bytes that `packed` stands for.
pub(super) fn decompress(packed: &[u8], len: usize) -> Result<Vec<u8>> {
    if len > packed.len().saturating_mul(MOST / 3) {
        return Err(Refusal::Damaged);
    }
    let mut out = Vec::new();
    // One step may go beyond what was said, before that is noticed.
    out.try_reserve_exact(len.saturating_add(MOST)).map_err(|_| Refusal::Memory)?;
    let mut reader = Reader::new(packed, 0);
    while !reader.rest.is_empty() && out.len() <= len {
        let head = usize::from(reader.byte());
        let mut run = head >> 5;
        if run == 0 {
            out.extend_from_slice(reader.take((head as u64).wrapping_add(1)));
            continue;
        }
        if run == 7 {
            run = run.wrapping_add(reader.byte().into());
        }
        run = run.wrapping_add(2);
        let back = ((head & 31) << 8 | usize::from(reader.byte())).wrapping_add(1);
        let Some(from) = out.len().checked_sub(back).filter(|_| reader.ok()) else { return Err(Refusal::Damaged) };
        // What is copied may reach into what it makes: then it repeats.
        while run > 0 {
            let some = run.min(out.len().wrapping_sub(from));
            out.extend_from_within(from..from.wrapping_add(some));
            run = run.wrapping_sub(some);
        }
    }
    if reader.ok() && out.len() == len { Ok(out) } else { Err(Refusal::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_copies() {
        assert_eq!(decompress(&[2, b'a', b'b', b'c'], 3).unwrap(), b"abc");
        assert_eq!(decompress(&[0, b'a', 0xe0, 91, 0], 101).unwrap(), [b'a'; 101]);
        assert_eq!(decompress(&[1, b'a', b'b', 0x40, 1], 6).unwrap(), b"ababab");
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (packed, len) in [
            (&[2, b'a', b'b'][..], 3),   // too short a run
            (&[2, b'a', b'b', b'c'], 2), // more than was said
            (&[2, b'a', b'b', b'c'], 4), // less
            (&[0x20, 0], 3),             // back to before the start
            (&[0, b'a', 0xe0], 264),     // the rest is missing
            (&[0, b'a'], usize::MAX),    // no such bytes can come of it
        ] {
            assert_eq!(decompress(packed, len), Err(Refusal::Damaged), "{packed:?}");
        }
    }
}
