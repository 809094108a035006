//! Doubles: scores, weights, coordinates.

use super::big::Big;
use super::decode::{DOUBLE, Decimal, Number, decode};

/// Room for any double as [`write_f64`] prints it: `-1.2345678901234567e-308`.
pub const F64_LEN: usize = 24;

/// Reads a double as ZADD reads a score: decimal, hexadecimal (`0x1p3`) or infinite (`inf`, `-Infinity`), rounded to nearest.
///
/// `None` for an empty text, spaces or anything else before or behind, NaN, and numbers that a double cannot hold because they are too
/// large, or so small that they would become zero. O(length).
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if let Some(quick) = parse_short(text) {
        return Some(quick);
    }
    match decode(text, &DOUBLE)? {
        (_, Number::TooLarge | Number::TooSmall) => None,
        (negative, number) => Some(assemble(negative, number)),
    }
}

/// Reads a double as ZRANGEBYSCORE reads the end of a range, which is more lenient: leading white space and an empty text (0) are
/// taken, numbers out of range become infinite or zero, and a zero byte ends the text. The `(` of an exclusive range is the caller's.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    let (negative, number) = decode(text.get(start..)?, &DOUBLE)?;
    Some(assemble(negative, number))
}

/// The integer that up to 15 digits, and nothing else, spell: as a double it is exact.
#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| sum.wrapping_mul(10).wrapping_add(digit.into()))
    })
}

/// Numbers of few digits, by far the most: an integer below 2^53 and a power of ten up to 10^22 are exact as doubles, so that one
/// product or quotient of them is rounded once and hence correctly.
fn parse_short(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if !matches!(unsigned, [b'0'..=b'9' | b'.', ..]) {
        return None;
    }
    if let Some(n) = digits(unsigned) {
        return Some(if negative { -(n as f64) } else { n as f64 });
    }
    let (n, power) = Decimal::read(unsigned)?.short()?;
    if n >> 53 != 0 || (n == 0 && power != 0) {
        return None;
    }
    let mut scale = 1.0f64;
    for _ in 0..power.unsigned_abs().min(23) {
        scale *= 10.0;
    }
    let value = match power {
        0..=22 => n as f64 * scale,
        -22..0 => n as f64 / scale,
        _ => return None,
    };
    Some(if negative { -value } else { value })
}

fn assemble(negative: bool, number: Number) -> f64 {
    let magnitude = match number {
        Number::Infinity | Number::TooLarge => f64::INFINITY,
        Number::TooSmall => 0.0,
        Number::Finite { significand, exponent } => {
            // Subnormal numbers have a biased exponent of 0, and no leading one to leave out.
            let biased = if significand >> 52 == 0 { 0 } else { exponent.wrapping_add(1075) as u64 };
            f64::from_bits(biased << 52 | significand & ((1 << 52) - 1))
        }
    };
    if negative { -magnitude } else { magnitude }
}

/// Prints a double as Redis prints scores, in RESP2 and RESP3 alike: 17 significant digits, correctly rounded, without trailing zeros;
/// an exponent from 1e+17 up and below 1e-4; `inf`, `-inf`, `nan`. Integers below 10^17 take the integer path (5 ns).
pub fn write_f64(value: f64, buf: &mut [u8; F64_LEN]) -> &[u8] {
    let mut out = Writer { buf, len: 0 };
    if value.is_sign_negative() && !value.is_nan() {
        out.push(b'-');
    }
    let value = value.abs();
    if value.is_nan() {
        out.extend(b"nan");
    } else if value.is_infinite() {
        out.extend(b"inf");
    } else if value < 1e17 && value as u64 as f64 == value {
        out.extend(super::write_u64(value as u64, &mut [0; 20]));
    } else {
        let (digits, exponent) = seventeen_digits(value);
        out.number(digits, exponent);
    }
    let Writer { buf, len } = out;
    buf.get(..len).unwrap_or_default()
}

struct Writer<'a> {
    buf: &'a mut [u8; F64_LEN],
    len: usize,
}

impl Writer<'_> {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.buf.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.wrapping_add(1);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(*byte);
        }
    }

    /// `d.dddd * 10^exponent`, where the d are the 17 digits of `digits`.
    fn number(&mut self, digits: u64, exponent: i32) {
        let mut text = [0; 20];
        let mut text = super::write_u64(digits, &mut text);
        while let [rest @ .., b'0'] = text {
            text = rest;
        }
        let scientific = !(-4..17).contains(&exponent);
        if !scientific && exponent < 0 {
            self.extend(b"0.");
            for _ in exponent..-1 {
                self.push(b'0');
            }
            self.extend(text);
            return;
        }
        let whole = if scientific { 1 } else { (exponent as usize).saturating_add(1) };
        for place in 0..whole.max(text.len()) {
            if place == whole {
                self.push(b'.');
            }
            self.push(text.get(place).copied().unwrap_or(b'0'));
        }
        if scientific {
            self.extend(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.unsigned_abs() < 10 {
                self.push(b'0');
            }
            self.extend(super::write_u64(u64::from(exponent.unsigned_abs()), &mut [0; 20]));
        }
    }
}

/// 10^16 and 10^17: a significand of 17 digits lies between.
const LEAST: u64 = 10_000_000_000_000_000;
const BEYOND: u64 = 100_000_000_000_000_000;

/// The 17 most significant decimal digits of a positive double, rounded to nearest (halves to even), and the exponent of the first.
fn seventeen_digits(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let biased = (bits >> 52) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (significand, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased.wrapping_sub(1075)) };
    // The binary exponent times log10(2), rounded down: the decimal exponent, or one less.
    let top = 63i32.wrapping_sub(significand.leading_zeros() as i32).wrapping_add(exponent);
    let mut decimal = top.wrapping_mul(78913) >> 18;
    loop {
        // The value times 10^scale has 17 digits before the point, or 18 if the decimal exponent was one too low.
        let scale = 16i32.wrapping_sub(decimal);
        let (digits, half, more) = scaled(significand, exponent, scale);
        if digits >= BEYOND {
            decimal = decimal.wrapping_add(1);
            continue;
        }
        let up = half && (more || digits & 1 == 1);
        let digits = digits.wrapping_add(u64::from(up));
        return if digits == BEYOND { (LEAST, decimal.wrapping_add(1)) } else { (digits, decimal) };
    }
}

/// `significand * 2^exponent * 10^scale`, of which the caller knows that it has 17 or 18 digits before the point: those, whether the
/// rest is a half or more, and whether it is anything else than nothing or exactly a half.
fn scaled(significand: u64, exponent: i32, scale: i32) -> (u64, bool, bool) {
    // One bit is kept behind the point.
    let (twice, more) = if (0..=21).contains(&scale) && (-126..=0).contains(&exponent) {
        // 53 bits times 10^21 are less than 128 bits.
        let hundreds = if scale > 19 { significand.wrapping_mul(100) } else { significand };
        let scale = if scale > 19 { scale.wrapping_sub(2) } else { scale };
        let product = u128::from(hundreds).wrapping_mul(u128::from(10u64.wrapping_pow(scale as u32)));
        let twice = (product << 1).wrapping_shr(exponent.unsigned_abs());
        (twice as u64, twice.wrapping_shl(exponent.unsigned_abs()) != product << 1)
    } else if scale >= 0 {
        let mut n = Big::new(significand);
        n.mul_pow5(u64::from(scale.unsigned_abs()));
        let shift = exponent.wrapping_add(scale).wrapping_add(1);
        if shift > 0 {
            n.shl(u64::from(shift.unsigned_abs()));
            n.shr_to_u64(0)
        } else {
            n.shr_to_u64(u64::from(shift.unsigned_abs()))
        }
    } else {
        // 10^17 and more: the binary exponent exceeds the decimal one.
        let mut divisor = Big::new(1);
        divisor.mul_pow5(u64::from(scale.unsigned_abs()));
        let shift = exponent.wrapping_add(scale).wrapping_add(1);
        let mut n = Big::new(significand);
        if shift >= 0 {
            n.shl(u64::from(shift.unsigned_abs()));
        } else {
            divisor.shl(u64::from(shift.unsigned_abs()));
        }
        let (twice, more) = n.div(divisor);
        (twice as u64, more)
    };
    (twice >> 1, twice & 1 == 1, more)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    fn printed(value: f64) -> String {
        String::from_utf8(write_f64(value, &mut [0; F64_LEN]).to_vec()).unwrap()
    }

    /// The same from core's exact digits.
    fn model(value: f64) -> String {
        if !value.is_finite() {
            return if value.is_nan() {
                "nan"
            } else if value > 0.0 {
                "inf"
            } else {
                "-inf"
            }
            .into();
        }
        let text = format!("{value:.16e}");
        let (mantissa, exponent) = text.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        let trim = |s: &str| String::from(if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.') } else { s });
        if (-4..17).contains(&exponent) {
            trim(&format!("{value:.*}", (16 - exponent) as usize))
        } else {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
        }
    }

    #[test]
    fn printed_as_scores() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.24, "3.2400000000000002"),
            (0.1, "0.10000000000000001"),
            (-2.5, "-2.5"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (1e20, "1e+20"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (0.99999999999999999, "1"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(printed(value), text);
            assert_eq!(model(value), text);
        }
    }

    #[test]
    fn scores_are_read_to_the_last_byte() {
        let cases = [
            ("1", 1.0),
            ("+1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e5", -1e5),
            ("1E+5", 1e5),
            ("0x10", 16.0),
            ("0X1.8P3", 12.0),
            ("0x.8", 0.5),
            ("-iNf", f64::NEG_INFINITY),
            ("+infinity", f64::INFINITY),
            ("4.9e-324", 5e-324),
            ("0e999999999999999999999", 0.0),
            ("9007199254740993", 9007199254740992.0),
            ("9007199254740993.0000000000000000000000000000000000000000000001", 9007199254740994.0),
            ("179769313486231570e291", f64::MAX),
        ];
        for (text, value) in cases {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse_f64(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
        for text in [
            "",
            " 1",
            "1 ",
            "\t1",
            "nan",
            "-nan",
            "nan(1)",
            "infin",
            ".",
            "e5",
            "1e",
            "1e+",
            "0x",
            "0x.",
            "0x1p",
            "1_0",
            "1,5",
            "--1",
            "+-1",
            "1f",
            "0b1",
            "1e400",
            "2e-324",
            "1e-400",
            "1e99999999999999999999",
            "0x1p9999",
            "0x1p-9999",
            "1.2.3",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn bounds_are_read_leniently() {
        for (text, value) in
            [("", 0.0), (" 1", 1.0), ("\t-inf", f64::NEG_INFINITY), ("1e400", f64::INFINITY), ("2e-324", 0.0), ("1\0x", 1.0)]
        {
            assert_eq!(parse_bound(text.as_bytes()), Some(value), "{text}");
        }
        for text in [" ", "1 ", "nan", "(1", "x"] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn long_texts_are_bounded_work() {
        let nines = "9".repeat(300);
        assert_eq!(parse_f64(nines.as_bytes()), Some(1e300));
        let zeros = format!("0.{}1e1000001", "0".repeat(1_000_000));
        assert_eq!(parse_f64(zeros.as_bytes()), Some(1.0));
        let tie = format!("9007199254740993.{}1", "0".repeat(1_000_000));
        assert_eq!(parse_f64(tie.as_bytes()), Some(9007199254740994.0));
        assert_eq!(parse_f64("1".repeat(100_000).as_bytes()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 4000 }))]

        #[test]
        fn any_double_is_printed_exactly_and_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assert_eq!(printed(value), model(value));
            if value.is_finite() {
                prop_assert_eq!(parse_f64(printed(value).as_bytes()).map(f64::to_bits), Some(bits));
            }
        }

        #[test]
        fn everyday_doubles_too(n: i32, cents in 0i32..12, twos in 0i32..70) {
            for value in [f64::from(n) / 10f64.powi(cents), f64::from(n) / 2f64.powi(twos), f64::from(n) * 2f64.powi(twos)] {
                prop_assert_eq!(printed(value), model(value));
            }
        }

        #[test]
        fn decimals_are_rounded_as_the_language_rounds_them(text in "[0-9]{0,25}\\.[0-9]{1,30}(e-?[0-9]{1,3})?") {
            let expected: f64 = text.parse().unwrap();
            let zero = expected == 0.0 && text.split('e').next().is_some_and(|digits| digits.contains(|c| ('1'..='9').contains(&c)));
            let expected = (expected.is_finite() && !zero).then_some(expected);
            prop_assert_eq!(parse_f64(text.as_bytes()), expected);
        }

        #[test]
        fn halves_between_two_doubles_go_to_the_even_one(bits in 0u64..0x4330_0000_0000_0000) {
            let biased = (bits >> 52) as i64;
            let fraction = bits & ((1 << 52) - 1);
            let (significand, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
            // (2s + 1) * 2^-k, in decimal (2s + 1) * 5^k * 10^-k.
            let k = (1 - exponent) as u64;
            let mut middle = Big::new(significand * 2 + 1);
            middle.mul_pow5(k);
            let mut digits = alloc::vec::Vec::new();
            middle.write_decimal(&mut digits);
            let digits = String::from_utf8(digits).unwrap();
            let even = f64::from_bits(bits + (bits & 1));
            let read = |text: String| parse_bound(text.as_bytes()).unwrap();
            prop_assert_eq!(read(format!("{digits}e-{k}")), even);
            prop_assert_eq!(read(format!("{digits}.{}1e-{k}", "0".repeat(900))), f64::from_bits(bits + 1));
        }
    }
}
