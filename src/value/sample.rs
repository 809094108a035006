//! Which elements a random sample takes. The randomness itself comes from the caller.

use alloc::vec::Vec;

use super::OutOfMemory;
use super::sort::sort;

/// A number below `bound` (0 when that is 0), uniform but for a bias below `bound` in 2^64.
pub fn below(random: u64, bound: usize) -> usize {
    ((random as u128 * bound as u128) >> 64) as usize
}

/// `count` distinct numbers below `len` (all of them when there are no more), ascending; every choice is as likely as any other.
/// O(count log count), or O(len) when much of it is taken.
pub fn distinct(len: usize, count: usize, random: &mut dyn FnMut() -> u64) -> Result<Vec<usize>, OutOfMemory> {
    let count = count.min(len);
    let mut taken = Vec::new();
    taken.try_reserve_exact(count)?;
    if count > len / 3 {
        // Each in turn, with the chance that is left for it.
        for index in 0..len {
            if below(random(), len - index) < count - taken.len() {
                taken.push(index);
            }
        }
        return Ok(taken);
    }
    while taken.len() < count {
        while taken.len() < count {
            taken.push(below(random(), len));
        }
        sort(&mut taken, usize::cmp);
        taken.dedup();
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_taken_equally_often_and_once_at_most() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            state ^ state >> 29
        };
        for (len, count) in [(10, 3), (10, 4), (10, 9), (30, 2)] {
            let mut counts = alloc::vec![0u32; len];
            let rounds = if cfg!(miri) { 20 } else { 20_000 };
            for _ in 0..rounds {
                let taken = distinct(len, count, &mut random).unwrap();
                assert_eq!(taken.len(), count);
                assert!(taken.windows(2).all(|pair| pair[0] < pair[1]));
                taken.iter().for_each(|&index| counts[index] += 1);
            }
            let expected = (rounds * count / len) as f64;
            if !cfg!(miri) {
                assert!(counts.iter().all(|&n| (n as f64 - expected).abs() < expected * 0.1), "{len} {count}: {counts:?}");
            }
        }
        assert_eq!(distinct(3, 10, &mut random).unwrap(), [0, 1, 2]);
        assert_eq!(distinct(0, 10, &mut random).unwrap(), []);
    }
}
