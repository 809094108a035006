//! LZF: runs of bytes as they are, and copies of what came before.
//!
//! ```text
//!   000lllll  l+1 bytes               bytes as they are
//!   lllooooo  oooooooo                l+2 bytes from o+1 back; l = 7: a byte more to l comes in between
//! ```

use super::{Refusal, Result};
use alloc::vec::Vec;

/// Three bytes make 264 at most, and none makes more of its own.
const MOST: usize = 88;

/// The `len` bytes that `packed` stands for.
pub(super) fn decompress(packed: &[u8], len: usize) -> Result<Vec<u8>> {
    if len > packed.len().saturating_mul(MOST) {
        return Err(Refusal::Damaged);
    }
    let mut out = Vec::new();
    out.try_reserve_exact(len).map_err(|_| Refusal::Memory)?;
    unpack(packed, len, &mut out).filter(|()| out.len() == len).ok_or(Refusal::Damaged)?;
    Ok(out)
}

/// Stops where the bytes are wrong or more than `len` come out.
fn unpack(mut rest: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    while let Some((&head, behind)) = rest.split_first() {
        let (run, back) = (usize::from(head >> 5), usize::from(head & 31));
        rest = behind;
        if run == 0 {
            let (bytes, behind) = rest.split_at_checked(back.checked_add(1)?)?;
            rest = behind;
            fits(out, bytes.len(), len)?;
            out.extend_from_slice(bytes);
            continue;
        }
        let mut byte = || {
            let (&byte, behind) = rest.split_first()?;
            rest = behind;
            Some(usize::from(byte))
        };
        let mut run = if run == 7 { byte()?.checked_add(9)? } else { run.checked_add(2)? };
        let back = ((back << 8) | byte()?).checked_add(1)?;
        let from = out.len().checked_sub(back)?;
        fits(out, run, len)?;
        // What is copied may reach into what it makes: then it repeats.
        while run > 0 {
            let some = run.min(out.len().saturating_sub(from));
            out.extend_from_within(from..from.checked_add(some)?);
            run = run.saturating_sub(some);
        }
    }
    Some(())
}

fn fits(out: &[u8], more: usize, len: usize) -> Option<()> {
    (out.len().checked_add(more)? <= len).then_some(())
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
