//! The 80-bit extended double of x86-64, in software.
//!
//! Redis keeps the sums of INCRBYFLOAT and HINCRBYFLOAT in C's `long double`, which on x86-64 has 64 bits of precision; its users see
//! `3.0 + 1.1 = 4.1` and not `4.0999999999999996`. WebAssembly has no such type, and neither has ARM: so it is made of integers here,
//! the same everywhere.

use super::big::Big;
use super::decode::{EXTENDED, Number, decode, round};
use alloc::vec::Vec;

/// An extended double: finite or infinite. There is no NaN; [`LongDouble::checked_add`] says what it does instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    Infinite,
    /// `significand * 2^exponent`. The highest bit is set, or the exponent is the least one.
    Finite {
        significand: u64,
        exponent: i64,
    },
}

const ZERO: Magnitude = Magnitude::Finite { significand: 0, exponent: EXTENDED.min_exponent };

impl LongDouble {
    /// Reads a text as INCRBYFLOAT does: what [`super::parse_f64`] takes, with the larger range and precision. Infinity is read as such.
    /// `None` as well for texts of 5120 bytes and more. O(length^2), under a millisecond for the longest text.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= 5 * 1024 {
            return None;
        }
        let (negative, number) = decode(text, &EXTENDED)?;
        let magnitude = match number {
            Number::TooLarge | Number::TooSmall => return None,
            Number::Infinity => Magnitude::Infinite,
            Number::Finite { significand: 0, .. } => ZERO,
            Number::Finite { significand, exponent } => Magnitude::Finite { significand, exponent },
        };
        Some(Self { negative, magnitude })
    }

    /// A double is always exact as an extended one; `None` for NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        let bits = value.to_bits();
        let biased = (bits >> 52 & 0x7ff) as i64;
        let fraction = bits & ((1 << 52) - 1);
        let magnitude = match biased {
            0x7ff if fraction != 0 => return None,
            0x7ff => Magnitude::Infinite,
            0 => Magnitude::rounded(u128::from(fraction), -1074, false),
            _ => Magnitude::rounded(u128::from(fraction | 1 << 52), biased.wrapping_sub(1075), false),
        };
        Some(Self { negative: value.is_sign_negative(), magnitude })
    }

    pub fn from_i64(number: i64) -> Self {
        Self { negative: number < 0, magnitude: Magnitude::rounded(number.unsigned_abs().into(), 0, false) }
    }

    /// The greatest finite one.
    pub const MAX: Self = Self { negative: false, magnitude: Magnitude::Finite { significand: u64::MAX, exponent: 16383 - 63 } };

    pub fn negated(self) -> Self {
        Self { negative: !self.negative, ..self }
    }

    pub fn is_less(self, other: Self) -> bool {
        self.place() < other.place()
    }

    /// Its place among all: significands are as long as exponents allow, so that these decide. Zeros share one.
    fn place(self) -> i128 {
        let place = match self.magnitude {
            Magnitude::Infinite => i128::MAX,
            Magnitude::Finite { significand, exponent } => {
                i128::from(exponent.wrapping_sub(EXTENDED.min_exponent)).wrapping_shl(64) | i128::from(significand)
            }
        };
        if self.negative { place.wrapping_neg() } else { place }
    }

    pub fn is_infinite(self) -> bool {
        self.magnitude == Magnitude::Infinite
    }

    /// The sum, rounded to nearest, halves to even; `None` where it is NaN or infinite.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (Magnitude::Finite { significand: a, exponent: ea }, Magnitude::Finite { significand: b, exponent: eb }) =
            (self.magnitude, other.magnitude)
        else {
            return None;
        };
        // The one with the larger exponent first.
        let ((a, ea, negative), (b, eb, other_negative)) = if ea >= eb {
            ((a, ea, self.negative), (b, eb, other.negative))
        } else {
            ((b, eb, other.negative), (a, ea, self.negative))
        };
        // 63 bits of room below, one above for the carry. Of what the smaller one has further below, only the presence counts; it is
        // kept in the lowest bit, which is far behind the place of rounding: with such a distance at most one bit cancels out.
        let a = u128::from(a) << 63;
        let distance = ea.wrapping_sub(eb);
        let b_wide = u128::from(b) << 63;
        let shifted = u32::try_from(distance).ok().and_then(|d| b_wide.checked_shr(d)).unwrap_or(0);
        let lost = u32::try_from(distance).ok().and_then(|d| shifted.checked_shl(d)).unwrap_or(0) != b_wide;
        let b = shifted | u128::from(lost);
        let (sum, negative) = if negative == other_negative {
            (a.wrapping_add(b), negative)
        } else if a > b {
            (a.wrapping_sub(b), negative)
        } else {
            // An exact zero is positive, unless both are negative zeros.
            (b.wrapping_sub(a), a < b && other_negative)
        };
        let magnitude = Magnitude::rounded(sum, ea.wrapping_sub(63), false);
        (magnitude != Magnitude::Infinite).then_some(Self { negative, magnitude })
    }

    /// Appends the number in Redis's form for people: without exponent, with 17 decimal places, less the trailing zeros; no `-0`.
    /// At most 4934 bytes. Quick below 2^64; O(exponent^2) above, under a millisecond for the largest.
    pub fn write(self, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_fixed(17, out);
        if self.is_infinite() {
            return;
        }
        while out.last() == Some(&b'0') {
            out.pop();
        }
        out.pop_if(|last| *last == b'.');
        if out.get(start..) == Some(b"-0") {
            out.remove(start);
        }
    }

    /// Appends the number as C's `%.4f` does for 4 `places`, at most 17: that many decimal places, rounded to nearest, halves to even.
    pub fn write_fixed(self, places: u32, out: &mut Vec<u8>) {
        let unit = 10u64.wrapping_pow(places);
        if self.negative {
            out.push(b'-');
        }
        let behind = match self.magnitude {
            Magnitude::Infinite => return out.extend_from_slice(b"inf"),
            Magnitude::Finite { significand, exponent } if exponent >= 0 => {
                let mut whole = Big::new(significand);
                whole.shl(exponent.unsigned_abs());
                whole.write_decimal(out);
                0
            }
            Magnitude::Finite { significand, exponent } => {
                let (whole, behind) = split(significand, exponent.unsigned_abs(), unit);
                out.extend_from_slice(super::write_u64(whole, &mut [0; 20]));
                behind
            }
        };
        // A one in front keeps the leading zeros.
        let mut digits = [0; 20];
        let digits = super::write_u64(behind.wrapping_add(unit), &mut digits);
        out.push(b'.');
        out.extend_from_slice(digits.get(1..).unwrap_or_default());
    }
}

/// `significand / 2^down` as a whole number and what is behind it, counted in parts of which `unit` (10^17 at most) make one; rounded to
/// nearest, halves to even. `down` is not 0.
fn split(significand: u64, down: u64, unit: u64) -> (u64, u64) {
    // Below 2^-64 of an extended double nothing of 17 places is left.
    let Ok(down @ 0..128) = u32::try_from(down) else { return (0, 0) };
    let whole = significand.checked_shr(down).unwrap_or(0);
    let fraction = significand.wrapping_sub(whole.checked_shl(down).unwrap_or(0));
    // Less than 2^64 * 10^17 < 2^121.
    let product = u128::from(fraction).wrapping_mul(u128::from(unit));
    let parts = product.wrapping_shr(down);
    let rest = product.wrapping_sub(parts.wrapping_shl(down));
    let half = 1u128.wrapping_shl(down.wrapping_sub(1));
    let up = rest > half || rest == half && parts & 1 == 1;
    match (parts as u64).wrapping_add(u64::from(up)) {
        parts if parts == unit => (whole.wrapping_add(1), 0),
        parts => (whole, parts),
    }
}

impl Magnitude {
    fn rounded(n: u128, exponent: i64, more: bool) -> Self {
        if n == 0 {
            return ZERO;
        }
        match round(n, exponent, more, &EXTENDED) {
            Number::Finite { significand, exponent } => Self::Finite { significand, exponent },
            Number::TooSmall => ZERO,
            _ => Self::Infinite,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn read(text: &str) -> LongDouble {
        LongDouble::parse(text.as_bytes()).unwrap()
    }

    fn printed(value: LongDouble) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn sum(a: &str, b: &str) -> String {
        printed(read(a).checked_add(read(b)).unwrap())
    }

    #[test]
    fn sums_as_people_expect_them() {
        assert_eq!(sum("3.0", "1.1"), "4.1");
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("0.1", "-0.1"), "0");
        assert_eq!(sum("-0", "-0"), "0");
        assert_eq!(sum("-1e-30", "0"), "0");
        assert_eq!(sum("1e20", "4.1"), "100000000000000000008");
        assert_eq!(sum("18446744073709551615", "1"), "18446744073709551616");
        assert_eq!(sum("18446744073709551616", "1"), "18446744073709551616");
        assert_eq!(sum("18446744073709551616", "3"), "18446744073709551620");
        assert_eq!(sum("0.99999999999999999999", "0"), "1");
        assert_eq!(sum("9223372036854775807", "-1"), "9223372036854775806");
    }

    #[test]
    fn a_fixed_number_of_places() {
        let fixed = |value: f64, places| {
            let mut out = Vec::new();
            LongDouble::from_f64(value).unwrap().write_fixed(places, &mut out);
            String::from_utf8(out).unwrap()
        };
        for (value, text) in [
            (0.0, "0.0000"),
            (-0.0, "-0.0000"),
            (166_274.151_561_369_6, "166274.1516"),
            (0.00005, "0.0001"),
            (0.000_049, "0.0000"),
            (0.5 / 16.0, "0.0312"),
            (1.5 / 16.0, "0.0938"),
            (9.99996, "10.0000"),
            (1e16, "10000000000000000.0000"),
            (-1.25, "-1.2500"),
            (5e-324, "0.0000"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(fixed(value, 4), text);
        }
        assert_eq!(fixed(1e22, 6), "10000000000000000000000.000000");
    }

    #[test]
    fn nothing_that_is_not_finite_comes_out() {
        assert_eq!(read("inf").checked_add(read("-inf")), None);
        assert_eq!(read("inf").checked_add(read("1")), None);
        assert_eq!(read("1e4932").checked_add(read("1e4932")), None);
        assert_eq!(read("-1.18e4932").checked_add(read("-1e4931")), None);
        assert!(read("Infinity").is_infinite() && !read("1e4932").is_infinite());
        for text in ["nan", "1e4933", "1e-5000", "", " 1", "1 ", "1e5x"] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_widest_texts_are_read() {
        assert_eq!(printed(read("1e4932")).len(), 4933);
        assert_eq!(printed(read(&"9".repeat(4932))).len(), 4933);
        assert_eq!(LongDouble::parse("9".repeat(5119).as_bytes()), None);
        assert_eq!(printed(read(&alloc::format!("0.{}1e5000", "0".repeat(4999)))), "1");
        assert_eq!(printed(read(&alloc::format!("1.{}1", "0".repeat(5000)))), "1");
        assert_eq!(LongDouble::parse("1".repeat(5120).as_bytes()), None);
        assert_eq!(printed(read("4e-4951")), "0");
        assert_eq!(read("4e-4951").checked_add(read("-4e-4951")), Some(read("0")));
    }

    #[test]
    fn doubles_are_exact() {
        assert_eq!(LongDouble::from_f64(0.5), Some(read("0.5")));
        assert_eq!(LongDouble::from_f64(-5e-324), Some(read("-4.940656458412465441765687928682213723651e-324")));
        assert_eq!(LongDouble::from_f64(f64::NAN), None);
        assert_eq!(printed(LongDouble::from_f64(13.361_389_338_970_184).unwrap()), "13.36138933897018433");
    }

    proptest! {
        #[test]
        fn integers_of_64_bits_are_exact(a: i64, b: i64, cut in 0u32..63) {
            let (a, b) = (a >> cut, b >> (cut / 2));
            let text = |n: i128| alloc::format!("{n}");
            let exact = i128::from(a) + i128::from(b);
            prop_assert_eq!(sum(&text(a.into()), &text(b.into())), text(exact));
        }

        #[test]
        fn a_sum_does_not_depend_on_the_order(a in "-?[0-9]{1,20}\\.[0-9]{1,20}(e-?[0-9]{1,3})?", b in "-?[0-9]{1,20}\\.[0-9]{1,20}(e-?[0-9]{1,2})?") {
            prop_assert_eq!(read(&a).checked_add(read(&b)), read(&b).checked_add(read(&a)));
            prop_assert_eq!(read(&a).checked_add(read("0")).unwrap().magnitude, read(&a).magnitude);
        }
    }
}
