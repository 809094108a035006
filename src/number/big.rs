//! Just enough arithmetic on integers of any size to turn decimal digits into binary ones and back, exactly.
//!
//! Limbs are 32 bits wide, lowest first, without zeros at the top: 64-bit products and quotients are cheap on every target. Sizes are
//! bounded by the callers (some 40,000 bits for the widest exponents), so plain schoolbook methods do.

use alloc::vec::Vec;

/// 5^13, the largest power of five in 32 bits.
const FIVE_13: u32 = 1_220_703_125;

#[derive(Clone, Debug, Default)]
pub(super) struct Big {
    limbs: Vec<u32>,
}

impl Big {
    pub(super) fn new(n: u64) -> Self {
        let mut big = Self { limbs: Vec::from([n as u32, (n >> 32) as u32]) };
        big.trim();
        big
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// Number of bits up to the highest set one.
    pub(super) fn bits(&self) -> u64 {
        let top = self.limbs.last().map_or(0, |limb| limb.leading_zeros());
        (self.limbs.len() as u64).wrapping_mul(32).wrapping_sub(u64::from(top))
    }

    /// `self * factor + addend`.
    pub(super) fn mul_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.limbs {
            carry = u64::from(*limb).wrapping_mul(u64::from(factor)).wrapping_add(carry);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry != 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// `self * 5^n`.
    pub(super) fn mul_pow5(&mut self, mut n: u64) {
        while n >= 13 {
            self.mul_add(FIVE_13, 0);
            n = n.wrapping_sub(13);
        }
        self.mul_add(5u32.wrapping_pow(n as u32), 0);
    }

    /// `self * 2^n`.
    pub(super) fn shl(&mut self, n: u64) {
        self.mul_add(1u32.wrapping_shl((n % 32) as u32), 0);
        if !self.is_zero() {
            self.limbs.splice(0..0, core::iter::repeat_n(0, (n / 32) as usize));
        }
    }

    /// Divides by `divisor` in place; gives the remainder.
    pub(super) fn div_small(&mut self, divisor: u32) -> u32 {
        let mut rest = 0u64;
        for limb in self.limbs.iter_mut().rev() {
            let n = rest << 32 | u64::from(*limb);
            *limb = n.checked_div(u64::from(divisor)).unwrap_or(0) as u32;
            rest = n.checked_rem(u64::from(divisor)).unwrap_or(0);
        }
        self.trim();
        rest as u32
    }

    /// The 128 highest bits as `(n, exponent, more)`: the value is `n * 2^exponent`, and a bit more than that if `more`.
    pub(super) fn top(&self) -> (u128, i64, bool) {
        let below = self.limbs.len().saturating_sub(4);
        let (low, high) = self.limbs.split_at_checked(below).unwrap_or_default();
        let n = high.iter().rev().fold(0u128, |n, limb| n << 32 | u128::from(*limb));
        (n, (below as i64).wrapping_mul(32), low.iter().any(|limb| *limb != 0))
    }

    /// `self / 2^n`, of which the caller knows that it fits 64 bits, and whether something was cut off.
    pub(super) fn shr_to_u64(&self, n: u64) -> (u64, bool) {
        let limb = |i: usize| u128::from(self.limbs.get(i).copied().unwrap_or(0));
        let first = (n / 32) as usize;
        let bit = (n % 32) as u32;
        let window = limb(first) | limb(first.saturating_add(1)) << 32 | limb(first.saturating_add(2)) << 64;
        let below = self.limbs.iter().take(first).any(|limb| *limb != 0);
        let quotient = window.wrapping_shr(bit);
        (quotient as u64, below || quotient.wrapping_shl(bit) != window)
    }

    /// `self / divisor`, of which the caller knows that it fits 128 bits, and whether there is a remainder. The divisor is not 0.
    ///
    /// Long division in base 2^32. The divisor is first shifted until its top bit is at the top of a limb: then a digit guessed from
    /// the top limbs is at most two too high.
    pub(super) fn div(mut self, mut divisor: Big) -> (u128, bool) {
        let shift = u64::from(divisor.limbs.last().map_or(0, |limb| limb.leading_zeros()));
        divisor.shl(shift);
        self.shl(shift);
        let top = u64::from(divisor.limbs.last().copied().unwrap_or(u32::MAX));
        self.limbs.push(0);
        let mut quotient = 0u128;
        let places = self.limbs.len().saturating_sub(divisor.limbs.len());
        for place in (0..places).rev() {
            let Some(window) = self.limbs.get_mut(place..) else { break };
            let window = window.get_mut(..=divisor.limbs.len()).unwrap_or_default();
            let [.., second, first] = window else { break };
            let guess = (u64::from(*first) << 32 | u64::from(*second)).checked_div(top).unwrap_or(0);
            let mut digit = guess.min(u64::from(u32::MAX));
            let mut below_zero = subtract(window, &divisor.limbs, digit);
            while below_zero {
                digit = digit.wrapping_sub(1);
                below_zero = !add(window, &divisor.limbs);
            }
            quotient = quotient << 32 | u128::from(digit);
        }
        (quotient, self.limbs.iter().any(|limb| *limb != 0))
    }

    /// Appends the decimal digits. O(bits^2).
    pub(super) fn write_decimal(mut self, out: &mut Vec<u8>) {
        // Nine digits at a time, lowest first, then turned round.
        let start = out.len();
        loop {
            let mut chunk = self.div_small(1_000_000_000);
            let last = self.is_zero();
            for _ in 0..9 {
                out.push(b'0'.wrapping_add((chunk % 10) as u8));
                chunk /= 10;
                if last && chunk == 0 {
                    break;
                }
            }
            if last {
                break;
            }
        }
        out.get_mut(start..).unwrap_or_default().reverse();
    }
}

/// `window -= divisor * digit`, wrapping; tells whether the result went below zero. `window` is one limb longer than `divisor`.
fn subtract(window: &mut [u32], divisor: &[u32], digit: u64) -> bool {
    let mut borrow = 0u64;
    for (limb, part) in window.iter_mut().zip(divisor.iter().chain([&0])) {
        let product = u64::from(*part).wrapping_mul(digit).wrapping_add(borrow);
        let (rest, under) = limb.overflowing_sub(product as u32);
        *limb = rest;
        borrow = (product >> 32).wrapping_add(u64::from(under));
    }
    borrow != 0
}

/// `window += divisor`, wrapping; tells whether it wrapped.
fn add(window: &mut [u32], divisor: &[u32]) -> bool {
    let mut carry = 0u64;
    for (limb, part) in window.iter_mut().zip(divisor.iter().chain([&0])) {
        carry = carry.wrapping_add(u64::from(*limb)).wrapping_add(u64::from(*part));
        *limb = carry as u32;
        carry >>= 32;
    }
    carry != 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn big(n: u128) -> Big {
        let mut big = Big { limbs: [n as u32, (n >> 32) as u32, (n >> 64) as u32, (n >> 96) as u32].to_vec() };
        big.trim();
        big
    }

    #[test]
    fn powers_of_ten_print_as_a_one_and_zeros() {
        for n in [0, 1, 8, 9, 10, 300, 1000] {
            let mut ten = Big::new(1);
            ten.mul_pow5(n);
            ten.shl(n);
            let mut text = Vec::new();
            ten.write_decimal(&mut text);
            assert_eq!(text[0], b'1');
            assert_eq!(text[1..], alloc::vec![b'0'; n as usize]);
        }
    }

    proptest! {
        #[test]
        fn division_agrees_with_128_bits(a: u128, b: u128, cut_a in 0u32..128, cut_b in 0u32..128, ones: bool) {
            // Limbs of all ones or zeros provoke the wrong guesses.
            let a = if ones { u128::MAX << (cut_a / 2) } else { a >> cut_a };
            let b = (if ones { b | b << 32 | b << 64 } else { b } >> cut_b).max(1);
            prop_assert_eq!(big(a).div(big(b)), (a / b, a % b != 0));
        }

        #[test]
        fn a_product_divided_by_a_factor_is_the_other(a: u128, low in prop::collection::vec(prop::sample::select(alloc::vec![0, 1, u32::MAX, u32::MAX - 1, 1 << 31, 77]), 1..9), remainder: bool) {
            let mut divisor = Big { limbs: low };
            divisor.limbs.push(1 << 30 | 5);
            let mut product = Big { limbs: alloc::vec![0; divisor.limbs.len() + 4] };
            for place in 0..4 {
                let mut row = divisor.clone();
                row.mul_add((a >> (32 * place)) as u32, 0);
                add(&mut product.limbs[place..], &row.limbs);
            }
            if remainder {
                // The largest one: the divisor less one.
                add(&mut product.limbs, &divisor.limbs);
                let mut one = alloc::vec![0; product.limbs.len() - 1];
                one[0] = 1;
                subtract(&mut product.limbs, &one, 1);
            }
            product.trim();
            prop_assert_eq!(product.div(divisor), (a, remainder));
        }

        #[test]
        fn shifts_and_digits_agree_with_128_bits(a: u128, n in 0u64..100, cut in 64u32..128) {
            let mut text = Vec::new();
            big(a).write_decimal(&mut text);
            prop_assert_eq!(text, a.to_string().into_bytes());
            prop_assert_eq!(big(a).bits(), u64::from(128 - a.leading_zeros()));
            let a = a >> cut;
            let mut shifted = big(a);
            shifted.shl(n);
            prop_assert_eq!(shifted.shr_to_u64(n), (a as u64, false));
            let (top, exponent, more) = shifted.top();
            prop_assert!(!more);
            if exponent == 0 { prop_assert_eq!(top, a << n) } else { prop_assert_eq!(u64::from(top.trailing_zeros()) + exponent as u64, u64::from(a.trailing_zeros()) + n) }
            prop_assert_eq!(big(a).shr_to_u64(5), ((a >> 5) as u64, a % 32 != 0));
        }
    }
}
