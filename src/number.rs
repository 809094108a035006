//! Reading and printing numbers the way Redis 7.0 does.
//!
//! * Integers: [`parse_i64`] is strict, as every integer argument and every stored counter is; [`parse_cursor`] is as lax as SCAN.
//! * Doubles, for scores, weights and coordinates: [`parse_f64`], [`parse_bound`] for the ends of a score range, [`write_f64`].
//! * Extended doubles, for INCRBYFLOAT and HINCRBYFLOAT: [`LongDouble`].
//! * Sizes such as `64mb`: [`parse_memory`].
//! * Sines and arcsines, for distances on the globe: [`trig`].
//! * Quotients of 128 bits, for shares and averages: `quotient`.
//!
//! All of it gives the same bytes on every target. Nothing is left to the host's long double, and only what IEEE 754 pins to the last bit
//! (sums, products, quotients and roots of doubles) is left to its floating point. The digits of a double come from
//! 128-bit integers, or from the small big-integer in `big`, and not from the tables of core's own routines, which are larger in
//! WebAssembly than all of this.

mod big;
mod decode;
mod double;
mod long_double;
pub mod trig;

pub use double::{F64_LEN, parse_bound, parse_f64, write_f64};
pub use long_double::LongDouble;

/// Reads a 64-bit integer in the one way that [`write_i64`] prints it: no sign but `-`, no leading zero, no `-0`, no spaces, nothing
/// behind. Anything else is `None`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        _ => (false, text),
    };
    let magnitude = parse_u64(digits)?;
    if negative {
        if magnitude == 0 {
            return None;
        }
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The same for numbers without a sign, up to `u64::MAX`.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    match text {
        [] => None,
        [b'0'] => Some(0),
        [b'0', ..] => None,
        _ => parse_digits(text),
    }
}

/// Reads decimal digits, leading zeros allowed; `None` if there is another byte among them or the value does not fit.
fn parse_digits(text: &[u8]) -> Option<u64> {
    let mut n = 0u64;
    // 19 digits always fit.
    if text.len() <= 19 {
        for byte in text {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            n = n.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        return Some(n);
    }
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n = n.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(n)
}

/// Reads a cursor of the SCAN family, which Redis takes more freely than other integers: leading zeros, a sign (a negative cursor
/// counts down from 2^64) and no digits at all (cursor 0) are fine; a leading space, an overflow and trailing bytes are not.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let n = parse_digits(digits)?;
    Some(if negative { n.wrapping_neg() } else { n })
}

/// All pairs of digits, `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0u8;
    while n < 100 {
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
        {
            pairs[n as usize] = [b'0' + n / 10, b'0' + n % 10];
            n += 1;
        }
    }
    pairs
};

/// Prints a 64-bit integer to the end of `buf` and gives the digits. About 5 ns.
#[inline]
pub fn write_i64(n: i64, buf: &mut [u8; 20]) -> &[u8] {
    let start = digits_to_end(n.unsigned_abs(), buf);
    let start = if n < 0 { put_before(buf, start, b'-') } else { start };
    buf.get(start..).unwrap_or_default()
}

/// The same without a sign.
#[inline]
pub fn write_u64(n: u64, buf: &mut [u8; 20]) -> &[u8] {
    let start = digits_to_end(n, buf);
    buf.get(start..).unwrap_or_default()
}

/// Writes the digits of `n` against the end of `buf`; gives the index of the first.
#[inline]
fn digits_to_end(mut n: u64, buf: &mut [u8; 20]) -> usize {
    let mut start = buf.len();
    while n >= 100 {
        let pair = PAIRS.get((n % 100) as usize).copied().unwrap_or_default();
        n /= 100;
        start = start.wrapping_sub(2);
        if let Some(two) = buf.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *two = pair;
        }
    }
    if n >= 10 {
        start = put_before(buf, start, b'0'.wrapping_add((n % 10) as u8));
        n /= 10;
    }
    put_before(buf, start, b'0'.wrapping_add(n as u8))
}

#[inline]
fn put_before(buf: &mut [u8; 20], at: usize, byte: u8) -> usize {
    let at = at.wrapping_sub(1);
    if let Some(slot) = buf.get_mut(at) {
        *slot = byte;
    }
    at
}

/// Reads an amount of memory in bytes: digits, then nothing or one of `b`, `k` (1000), `kb` (1024), `m`, `mb`, `g`, `gb` in either
/// case. No digits count as 0, as in Redis. What exceeds 64 bits becomes `u64::MAX`.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let split = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(split)?;
    let factor: u64 = match unit {
        [] | [b'b' | b'B'] => 1,
        [b'k' | b'K'] => 1000,
        [b'm' | b'M'] => 1_000_000,
        [b'g' | b'G'] => 1_000_000_000,
        [b'k' | b'K', b'b' | b'B'] => 1 << 10,
        [b'm' | b'M', b'b' | b'B'] => 1 << 20,
        [b'g' | b'G', b'b' | b'B'] => 1 << 30,
        _ => return None,
    };
    // Redis has room for 127 digits.
    if digits.len() >= 128 {
        return None;
    }
    Some(parse_digits(digits).unwrap_or(u64::MAX).saturating_mul(factor))
}

/// `n / divisor`, rounded down; nothing by 0. Bit by bit, as what needs it is rare: the general division of 128 bits takes a kilobyte in WebAssembly.
pub(crate) fn quotient(n: u128, divisor: u64) -> Option<u128> {
    let (high, mut low) = ((n >> 64) as u64, n as u64);
    let (whole, mut rest) = (high.checked_div(divisor)?, high.checked_rem(divisor)?);
    for _ in 0..u64::BITS {
        // Of 65 bits, where it overflows.
        let overflows = rest >> 63 != 0;
        rest = rest << 1 | low >> 63;
        low <<= 1;
        if overflows || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            low |= 1;
        }
    }
    Some(u128::from(whole) << 64 | u128::from(low))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn integers_are_read_in_one_form_only() {
        for n in [0, 1, -1, 9, 10, 99, 100, 1234567890123456789, i64::MAX, i64::MIN, i64::MIN + 1] {
            assert_eq!(parse_i64(n.to_string().as_bytes()), Some(n));
        }
        for text in ["", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "9223372036854775808", "--1"] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_i64(b"-9223372036854775809"), None);
        assert_eq!(parse_i64(b"99999999999999999999999999"), None);
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"-1"), None);
    }

    #[test]
    fn cursors_are_read_freely() {
        for (text, cursor) in [("", 0), ("0", 0), ("007", 7), ("+5", 5), ("-1", u64::MAX), ("-0", 0)] {
            assert_eq!(parse_cursor(text.as_bytes()), Some(cursor), "{text}");
        }
        for text in [" 0", "0 ", "a", "-", "0x0", "18446744073709551616"] {
            assert_eq!(parse_cursor(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn sizes_take_units() {
        let sizes = [
            ("100", 100),
            ("100B", 100),
            ("1k", 1000),
            ("1KB", 1024),
            ("64mb", 64 << 20),
            ("3M", 3_000_000),
            ("1g", 1_000_000_000),
            ("1gB", 1 << 30),
            ("007", 7),
            ("", 0),
            ("gb", 0),
            ("99999999999999999999", u64::MAX),
            ("20000000000gb", u64::MAX),
        ];
        for (text, bytes) in sizes {
            assert_eq!(parse_memory(text.as_bytes()), Some(bytes), "{text}");
        }
        for text in ["-1", "+1", " 1", "1 ", "1.5gb", "1tb", "1bb", "0x10"] {
            assert_eq!(parse_memory(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_quotient_is_what_division_says(n: u128, cut in 0u32..128, divisor: u64, short in 0u32..64) {
            let (n, divisor) = (n >> cut, divisor >> short);
            prop_assert_eq!(quotient(n, divisor), n.checked_div(divisor.into()));
        }

        #[test]
        fn integers_are_printed_as_the_language_prints_them(n: i64, shift in 0u32..64) {
            let n = n >> shift;
            prop_assert_eq!(write_i64(n, &mut [0; 20]).to_vec(), n.to_string().into_bytes());
            prop_assert_eq!(write_u64(n as u64, &mut [0; 20]).to_vec(), (n as u64).to_string().into_bytes());
            prop_assert_eq!(parse_i64(n.to_string().as_bytes()), Some(n));
            prop_assert_eq!(parse_u64((n as u64).to_string().as_bytes()), Some(n as u64));
        }

        #[test]
        fn only_the_printed_form_is_read(text in "[-+0-9 ]{0,21}") {
            let canonical = text.parse::<i64>().ok().filter(|n| format!("{n}") == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), canonical);
        }
    }
}
