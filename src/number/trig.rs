//! Sine, cosine and arcsine, rounded correctly but for one argument in some thousands.
//!
//! Redis takes them from C's library, glibc's being within 0.55 units in the last place. The usual small libraries are within 0.8, and of the
//! distances made of them one in thirty ends in another digit; made of these, one in four hundred (glibc's own deviations). They are also smaller: angles on a
//! globe are half a turn at most and need no table of 2/pi to 1,200 bits.
//!
//! A *twin* is the unrounded sum of two doubles, the second at most half a unit of the first: about 106 bits. The first terms of a series are
//! twins, the small rest is doubles. Nothing here needs a fused multiplication, so that it is the same on every target.

#[derive(Clone, Copy)]
struct Twin {
    high: f64,
    low: f64,
}

/// Exact.
fn sum(a: f64, b: f64) -> Twin {
    let high = a + b;
    let part = high - a;
    Twin { high, low: (a - (high - part)) + (b - part) }
}

/// Exact where `a` is not smaller than `b`.
fn quick_sum(a: f64, b: f64) -> Twin {
    let high = a + b;
    Twin { high, low: b - (high - a) }
}

/// The upper and the lower 26 bits.
fn halves(a: f64) -> (f64, f64) {
    let scaled = a * 134_217_729.0;
    let upper = scaled - (scaled - a);
    (upper, a - upper)
}

/// Exact.
fn product(a: f64, b: f64) -> Twin {
    let high = a * b;
    let ((a, a_low), (b, b_low)) = (halves(a), halves(b));
    Twin { high, low: ((a * b - high) + a * b_low + a_low * b) + a_low * b_low }
}

impl Twin {
    const fn of(high: f64) -> Self {
        Self { high, low: 0.0 }
    }

    fn times(self, other: Self) -> Self {
        let exact = product(self.high, other.high);
        quick_sum(exact.high, exact.low + (self.high * other.low + self.low * other.high))
    }

    fn plus(self, other: Self) -> Self {
        let exact = sum(self.high, other.high);
        quick_sum(exact.high, exact.low + (self.low + other.low))
    }

    fn negated(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    fn rounded(self) -> f64 {
        self.high + self.low
    }
}

const SIXTH: Twin = Twin { high: 1.0 / 6.0, low: 9.251_858_538_542_97e-18 };
const TWENTY_FOURTH: Twin = Twin { high: 1.0 / 24.0, low: 2.312_964_634_635_742_7e-18 };
/// A quarter of a turn in three parts.
const QUARTER: [f64; 3] = [core::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_183_3e-33];

/// `1 / n!`, every second one of the given sign.
const fn series<const N: usize>(first: usize, sign: f64) -> [f64; N] {
    let (mut terms, mut at, mut factorial, mut n, mut sign) = ([0.0; N], 0, 1.0, 1, sign);
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    while at < N {
        while n <= first + 2 * at {
            factorial *= n as f64;
            n += 1;
        }
        terms[at] = sign / factorial;
        sign = -sign;
        at += 1;
    }
    terms
}

/// Of the sine from the fifth power on, and of the cosine from the sixth.
const SINE: [f64; 9] = series(5, 1.0);
const COSINE: [f64; 8] = series(6, -1.0);

fn polynomial(x: f64, terms: &[f64]) -> f64 {
    terms.iter().rev().fold(0.0, |sum, term| sum * x + term)
}

/// For an eighth of a turn at most.
fn sine_of_small(x: Twin) -> Twin {
    let square = x.times(x);
    let rest = square.high * square.high * x.high * polynomial(square.high, &SINE);
    let cube = square.times(x).times(SIXTH);
    x.plus(Twin::of(rest).plus(cube.negated()))
}

/// For an eighth of a turn at most.
fn cosine_of_small(x: Twin) -> Twin {
    let square = x.times(x);
    let fourth = square.times(square);
    let rest = fourth.high * square.high * polynomial(square.high, &COSINE);
    let half = Twin { high: square.high * -0.5, low: square.low * -0.5 };
    Twin::of(1.0).plus(half).plus(fourth.times(TWENTY_FOURTH).plus(Twin::of(rest)))
}

/// The sine of an angle and of so many quarter turns.
fn sine(x: f64, quarters: i32) -> Twin {
    let turns = (x / QUARTER[0] + if x < 0.0 { -0.5 } else { 0.5 }) as i32;
    let part = f64::from(turns);
    let first = sum(x, part * -QUARTER[0]);
    let second = sum(first.high, part * -QUARTER[1]);
    let rest = quick_sum(second.high, second.low + first.low - part * QUARTER[2]);
    let turns = turns.wrapping_add(quarters);
    let found = if turns & 1 == 0 { sine_of_small(rest) } else { cosine_of_small(rest) };
    if turns & 2 == 0 { found } else { found.negated() }
}

/// Below this an angle and its sine are so near each other that plain doubles tell the difference well enough: most searches are of some
/// hundred kilometres, and this is what makes them quick.
const SMALL: f64 = 1.0 / 32.0;
/// Of the sine and the arcsine from the third power on.
const SMALL_SINE: [f64; 4] = series(3, -1.0);
const SMALL_ARCSINE: [f64; 6] = [1.0 / 6.0, 3.0 / 40.0, 15.0 / 336.0, 105.0 / 3456.0, 945.0 / 42240.0, 10395.0 / 599_040.0];

fn small(x: f64, terms: &[f64]) -> f64 {
    x + x * (x * x) * polynomial(x * x, terms)
}

/// The sine of an angle of at most half a turn; beyond, digits are lost.
pub fn sin(x: f64) -> f64 {
    if x.abs() < SMALL { small(x, &SMALL_SINE) } else { sine(x, 0).rounded() }
}

/// The cosine of an angle of at most half a turn; beyond, digits are lost.
pub fn cos(x: f64) -> f64 {
    sine(x, 1).rounded()
}

/// The angle whose sine is `x`, from 0 to 1; a quarter of a turn for more.
pub fn asin(x: f64) -> f64 {
    if x < SMALL {
        return small(x, &SMALL_ARCSINE);
    }
    if x >= 1.0 {
        return QUARTER[0];
    }
    // A step of Newton's from an angle that is nearly right, by its sine or, where that is flat, by its cosine.
    let near = libm::asin(x);
    let other = (1.0 - x) * (1.0 + x);
    if x < 0.75 {
        return near + Twin::of(x).plus(sine(near, 0).negated()).rounded() / libm::sqrt(other);
    }
    let above = sum(1.0, x);
    let exact = product(1.0 - x, above.high);
    let square = quick_sum(exact.high, exact.low + (1.0 - x) * above.low);
    let root = libm::sqrt(square.high);
    let back = product(root, root);
    let cosine = Twin { high: root, low: ((square.high - back.high) - back.low + square.low) / (2.0 * root) };
    near + sine(near, 1).plus(cosine.negated()).rounded() / x
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;

    /// Units in the last place between two doubles.
    fn apart(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn known_values() {
        assert_eq!((sin(0.0), cos(0.0), asin(0.0), asin(1.0)), (0.0, 1.0, 0.0, core::f64::consts::FRAC_PI_2));
        assert_eq!(sin(core::f64::consts::PI), 1.224_646_799_147_353_2e-16);
        assert_eq!(cos(core::f64::consts::FRAC_PI_2), 6.123_233_995_736_766e-17);
        assert_eq!(
            (sin(0.5), cos(0.5), asin(0.5)),
            (0.479_425_538_604_203, 0.877_582_561_890_372_8, core::f64::consts::FRAC_PI_6)
        );
        assert!(asin(1.000_000_1) == asin(1.0) && sin(1e-300) == 1e-300);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 4000 }))]

        #[test]
        fn within_one_unit_of_the_platform(x in -3.2f64..3.2, small in 0u32..30, s in 0.0f64..1.0) {
            let x = x / f64::from(1u32 << small);
            prop_assert!(apart(sin(x), x.sin()) <= 1 && apart(cos(x), x.cos()) <= 1);
            let s = s / f64::from(1u32 << small);
            prop_assert!(apart(asin(s), s.asin()) <= 1);
        }

        #[test]
        fn no_angle_is_refused(bits: u64) {
            let x = f64::from_bits(bits);
            let _ = (sin(x), cos(x), asin(x));
        }
    }
}
