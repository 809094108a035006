//! From the text of a floating-point number to its nearest binary value, for any format of up to 64 bits of precision.
//!
//! The grammar is C's `strtod` in the C locale: a sign, then `inf` or `infinity` in any case, decimal digits with at most one
//! point and an optional exponent, or `0x` with hexadecimal digits and an optional binary exponent. The result is rounded to nearest,
//! halves to even, from the exact value of the text, however long it is.

use super::big::Big;
use super::quotient;

/// A binary floating-point format.
pub(super) struct Format {
    /// Bits of the significand, the leading one included.
    pub(super) precision: u32,
    /// Exponents of the significand's last bit: of subnormal numbers, and of the largest ones.
    pub(super) min_exponent: i64,
    pub(super) max_exponent: i64,
    /// A decimal of more digits than this is told from its neighbours by these and the presence of more.
    max_digits: usize,
    /// Values from 10^this up are infinite, values below 10^-this are zero.
    decimal_range: i64,
}

pub(super) const DOUBLE: Format =
    Format { precision: 53, min_exponent: -1074, max_exponent: 971, max_digits: 800, decimal_range: 330 };
pub(super) const EXTENDED: Format =
    Format { precision: 64, min_exponent: -16445, max_exponent: 16320, max_digits: 12_000, decimal_range: 4960 };

/// A number as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Infinity,
    /// `significand * 2^exponent`; normal significands have their highest bit set, zero and subnormal ones have the least exponent.
    Finite {
        significand: u64,
        exponent: i64,
    },
    /// Finite, but too large for the format.
    TooLarge,
    /// Not zero, but nearest to zero.
    TooSmall,
}

impl Number {
    const ZERO: Self = Self::Finite { significand: 0, exponent: 0 };
}

/// Reads all of `text`: whether there is a minus, and the number without it. `None` if it is not a number to the last byte.
pub(super) fn decode(text: &[u8], format: &Format) -> Option<(bool, Number)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let number = match text {
        [b'0', b'x' | b'X', rest @ ..] => hexadecimal(rest, format)?,
        [b'0'..=b'9' | b'.', ..] => Decimal::read(text)?.nearest(format),
        _ => word(text)?,
    };
    Some((negative, number))
}

/// NaN is a number to nobody here.
fn word(text: &[u8]) -> Option<Number> {
    let infinite = text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity");
    infinite.then_some(Number::Infinity)
}

/// Splits digits, an optional point and more digits from what follows them. `None` if there is no digit.
fn digits_and_rest(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<(&[u8], &[u8], &[u8])> {
    let run = |text: &[u8]| text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len());
    let (whole, rest) = text.split_at_checked(run(text))?;
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at_checked(run(rest))?,
        _ => (&[][..], rest),
    };
    (!whole.is_empty() || !fraction.is_empty()).then_some((whole, fraction, rest))
}

/// Reads the number behind an `e` or `p`, which must be all of `text`; absurd ones are cut to a value that is absurd as well.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n = super::parse_digits(digits).unwrap_or(u64::MAX).min(1 << 60) as i64;
    Some(if negative { n.wrapping_neg() } else { n })
}

/// `0.DIGITS * 10^point`, where DIGITS are those of `whole` and then of `fraction`, without zeros at either end.
#[derive(Debug)]
pub(super) struct Decimal<'a> {
    whole: &'a [u8],
    fraction: &'a [u8],
    point: i64,
}

impl<'a> Decimal<'a> {
    /// Reads an unsigned decimal number, which must be all of `text`.
    pub(super) fn read(text: &'a [u8]) -> Option<Self> {
        let (mut whole, mut fraction, rest) = digits_and_rest(text, u8::is_ascii_digit)?;
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        while let [b'0', rest @ ..] = whole {
            whole = rest;
        }
        let mut point = exponent.wrapping_add(whole.len() as i64);
        if whole.is_empty() {
            while let [b'0', rest @ ..] = fraction {
                fraction = rest;
                point = point.wrapping_sub(1);
            }
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        if fraction.is_empty() {
            while let [rest @ .., b'0'] = whole {
                whole = rest;
            }
        }
        Some(Self { whole, fraction, point })
    }

    fn digits(&self) -> impl Iterator<Item = u32> {
        self.whole.iter().chain(self.fraction).map(|byte| u32::from(byte.wrapping_sub(b'0')))
    }

    fn count(&self) -> usize {
        self.whole.len().saturating_add(self.fraction.len())
    }

    /// The number as `n * 10^exponent`, if it has at most 19 digits.
    pub(super) fn short(&self) -> Option<(u64, i64)> {
        if self.count() > 19 {
            return None;
        }
        let n = self.digits().fold(0u64, |n, digit| n.wrapping_mul(10).wrapping_add(u64::from(digit)));
        Some((n, self.point.wrapping_sub(self.count() as i64)))
    }

    pub(super) fn nearest(&self, format: &Format) -> Number {
        if self.count() == 0 {
            return Number::ZERO;
        }
        if self.point > format.decimal_range {
            return Number::TooLarge;
        }
        if self.point < format.decimal_range.wrapping_neg() {
            return Number::TooSmall;
        }
        if let Some((n, exponent, more)) = self.short().and_then(|(n, power)| in_128_bits(n, power)) {
            return round(n, exponent, more, format);
        }
        let mut n = Big::default();
        let (mut group, mut scale) = (0u32, 1u32);
        for digit in self.digits().take(format.max_digits) {
            group = group.wrapping_mul(10).wrapping_add(digit);
            scale = scale.wrapping_mul(10);
            if scale == 1_000_000_000 {
                n.mul_add(scale, group);
                (group, scale) = (0, 1);
            }
        }
        n.mul_add(scale, group);
        let mut used = self.count().min(format.max_digits) as i64;
        if self.count() > format.max_digits {
            // The last digit is not a zero, so there is more: any digit but 0 and 5 says so.
            n.mul_add(10, 1);
            used = used.wrapping_add(1);
        }
        let power = self.point.wrapping_sub(used);
        let (n, exponent, more) = if power >= 0 {
            n.mul_pow5(power.unsigned_abs());
            let (n, exponent, more) = n.top();
            (n, exponent.wrapping_add(power), more)
        } else {
            let mut divisor = Big::new(1);
            divisor.mul_pow5(power.unsigned_abs());
            // Two bits more than the widest significand: the quotient has 66 or 67 bits, or more where the text has.
            let shift = divisor.bits().saturating_add(66).saturating_sub(n.bits());
            n.shl(shift);
            let whole_bits = n.bits().saturating_sub(divisor.bits());
            if whole_bits > 120 {
                let spare = whole_bits.wrapping_sub(120);
                divisor.shl(spare);
                let (n, more) = n.div(divisor);
                (n, power.wrapping_add(spare as i64), more)
            } else {
                let (n, more) = n.div(divisor);
                (n, power.wrapping_sub(shift as i64), more)
            }
        };
        round(n, exponent, more, format)
    }
}

/// `n * 10^power` in binary, as [`round`] takes it, if it needs no big integers. `n` is not 0.
fn in_128_bits(n: u64, power: i64) -> Option<(u128, i64, bool)> {
    let fives = 5u64.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
    if power >= 0 {
        return Some((u128::from(n).wrapping_mul(u128::from(fives)), power, false));
    }
    // 5^26 has 61 bits, so that 66 at least are left of 127: two more than the widest significand.
    if power < -26 {
        return None;
    }
    let shift = u128::from(n).leading_zeros().wrapping_sub(1);
    let n = u128::from(n).wrapping_shl(shift);
    let whole = quotient(n, fives)?;
    Some((whole, power.wrapping_sub(i64::from(shift)), whole.wrapping_mul(u128::from(fives)) != n))
}

/// Reads what follows `0x`.
fn hexadecimal(text: &[u8], format: &Format) -> Option<Number> {
    let (whole, fraction, rest) = digits_and_rest(text, u8::is_ascii_hexdigit)?;
    let mut power = match rest {
        [] => 0,
        [b'p' | b'P', rest @ ..] => exponent(rest)?,
        _ => return None,
    };
    power = power.wrapping_sub((fraction.len() as i64).wrapping_mul(4));
    let (mut n, mut more) = (0u128, false);
    for byte in whole.iter().chain(fraction) {
        let digit = char::from(*byte).to_digit(16).unwrap_or(0);
        if n >> 124 == 0 {
            n = n << 4 | u128::from(digit);
        } else {
            more |= digit != 0;
            power = power.wrapping_add(4);
        }
    }
    Some(if n == 0 { Number::ZERO } else { round(n, power, more, format) })
}

/// The number of `format` nearest to `n * 2^exponent`, and a little more than that if `more`. `n` is not 0; if there is more, it has at
/// least two bits more than the format.
pub(super) fn round(n: u128, exponent: i64, more: bool, format: &Format) -> Number {
    let width = 128u32.wrapping_sub(n.leading_zeros());
    // Bits to drop below; to add, if negative.
    let by_width = i64::from(width).wrapping_sub(i64::from(format.precision));
    let drop = by_width.max(format.min_exponent.saturating_sub(exponent));
    let mut exponent = exponent.saturating_add(drop);
    let mut significand = if drop <= 0 {
        n.wrapping_shl(drop.unsigned_abs() as u32)
    } else if drop > 128 {
        0
    } else {
        let half = 1u128.wrapping_shl((drop as u32).wrapping_sub(1));
        let kept = n.checked_shr(drop as u32).unwrap_or(0);
        let dropped = n & (half | half.wrapping_sub(1));
        let up = dropped > half || dropped == half && (more || kept & 1 == 1);
        kept.wrapping_add(u128::from(up))
    };
    if significand >> format.precision != 0 {
        significand >>= 1;
        exponent = exponent.wrapping_add(1);
    }
    if significand == 0 {
        Number::TooSmall
    } else if exponent > format.max_exponent {
        Number::TooLarge
    } else {
        Number::Finite { significand: significand as u64, exponent }
    }
}
