//! A sorted array of integers, all as wide as the widest of them needs: how a set of numbers is kept while it is small.
//!
//! 2, 4 or 8 bytes a member. A wider newcomer widens all of them, and they stay wide.

use alloc::vec::Vec;

use super::OutOfMemory;

/// Distinct integers in ascending order.
#[derive(Clone)]
pub(super) struct IntSet {
    /// Little-endian numbers of `width` bytes; a multiple of it long.
    bytes: Vec<u8>,
    width: u8,
}

fn width_of(number: i64) -> u8 {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

impl IntSet {
    /// Allocates nothing.
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), width: 2 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.width as usize
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The number at an index, in ascending order.
    pub(super) fn get(&self, index: usize) -> Option<i64> {
        let width = self.width as usize;
        let bytes = self.bytes.get(index.checked_mul(width)?..)?.get(..width)?;
        Some(match *bytes {
            [a, b] => i16::from_le_bytes([a, b]).into(),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
            [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => return None,
        })
    }

    /// Where a number stands, or where it would.
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.get(middle) {
                Some(found) if found < number => low = middle + 1,
                Some(found) if found == number => return Ok(middle),
                _ => high = middle,
            }
        }
        Err(low)
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// Adds a number: true when it is new. O(n).
    pub(super) fn insert(&mut self, number: i64) -> Result<bool, OutOfMemory> {
        let Err(index) = self.search(number) else { return Ok(false) };
        self.widen(width_of(number))?;
        let (at, width) = (index * self.width as usize, self.width as usize);
        if self.bytes.capacity() - self.bytes.len() < width {
            // A bit of slack, an eighth at most: bytes matter here more than the copy of a few kilobytes.
            self.bytes.try_reserve_exact((self.bytes.len() / 8).max(1).next_multiple_of(width))?;
        }
        let bytes = number.to_le_bytes();
        self.bytes.extend_from_slice(bytes.get(..width).unwrap_or_default());
        if let Some(tail) = self.bytes.get_mut(at..) {
            tail.rotate_right(width);
        }
        Ok(true)
    }

    fn widen(&mut self, width: u8) -> Result<(), OutOfMemory> {
        if width <= self.width {
            return Ok(());
        }
        let mut wide = Self { bytes: Vec::new(), width };
        // Sized for the newcomer too.
        wide.bytes.try_reserve_exact((self.len() + 1) * width as usize)?;
        for number in self.iter() {
            wide.bytes.extend_from_slice(number.to_le_bytes().get(..width as usize).unwrap_or_default());
        }
        *self = wide;
        Ok(())
    }

    /// Removes a number: whether it was there. O(n).
    pub(super) fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.search(number) else { return false };
        self.remove_at(index);
        true
    }

    pub(super) fn remove_at(&mut self, index: usize) {
        let width = self.width as usize;
        let at = index * width;
        if at + width <= self.bytes.len() {
            self.bytes.drain(at..at + width);
        }
        if self.bytes.is_empty() {
            *self = Self::new();
        } else if self.bytes.capacity() > self.bytes.len() / 4 * 5 + 64 {
            self.bytes.shrink_to(self.bytes.len());
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// Asserts what must always hold.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn check(&self) {
        assert_eq!(self.bytes.len() % self.width as usize, 0);
        assert!(self.iter().zip(self.iter().skip(1)).all(|(a, b)| a < b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![-20..20i64, -40_000..40_000i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(-32768), Just(32768)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 200 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn behaves_like_an_ordered_set(ops in proptest::collection::vec((number(), any::<bool>()), 1..200)) {
            let mut set = IntSet::new();
            let mut model = BTreeSet::new();
            for (number, adds) in ops {
                if adds {
                    assert_eq!(set.insert(number).unwrap(), model.insert(number));
                } else {
                    assert_eq!(set.remove(number), model.remove(&number));
                }
                assert_eq!(set.contains(number), model.contains(&number));
                set.check();
                assert!(set.iter().eq(model.iter().copied()));
                assert!(set.memory() <= set.bytes.len() / 4 * 5 + 64);
            }
        }
    }

    #[test]
    fn widens_for_the_widest_only() {
        let mut set = IntSet::new();
        for (number, width) in [(1, 2), (-32768, 2), (32768, 4), (2, 4), (1 << 40, 8)] {
            set.insert(number).unwrap();
            assert_eq!(set.width, width);
        }
        assert!(set.iter().eq([-32768, 1, 2, 32768, 1 << 40]));
    }
}
