//! Sorting without a copy of the sorting code for each type.
//!
//! Natively this is the standard library's sort. In WebAssembly, where size counts and what is sorted is mostly short, it is one heap
//! sort that compares and exchanges through a function: some hundred bytes a type instead of some thousand.

use core::cmp::Ordering;

/// Sorts by a total order; what the order calls equal comes in any order. O(n log n), no allocation.
pub fn sort<T>(items: &mut [T], order: fn(&T, &T) -> Ordering) {
    #[cfg(not(target_arch = "wasm32"))]
    items.sort_unstable_by(order);
    #[cfg(target_arch = "wasm32")]
    small_sort(items, order);
}

#[cfg(any(test, target_arch = "wasm32"))]
fn small_sort<T>(items: &mut [T], order: fn(&T, &T) -> Ordering) {
    heap_sort(items.len(), &mut |action, one, other| match action {
        Action::Less => order(&items[one], &items[other]) == Ordering::Less,
        Action::Swap => {
            items.swap(one, other);
            false
        }
    });
}

/// What the sort wants of two items.
#[cfg(any(test, target_arch = "wasm32"))]
enum Action {
    /// Is the first less than the second?
    Less,
    Swap,
}

#[cfg(any(test, target_arch = "wasm32"))]
fn heap_sort(len: usize, act: &mut dyn FnMut(Action, usize, usize) -> bool) {
    // First make a heap of all, with the greatest in front; then bring that one to the end, again and again.
    for root in (0..len / 2).rev() {
        sift(root, len, act);
    }
    for end in (1..len).rev() {
        act(Action::Swap, 0, end);
        sift(0, end, act);
    }
}

/// Lets the item at `root` sink below greater ones, in a heap of `end` items.
#[cfg(any(test, target_arch = "wasm32"))]
fn sift(mut root: usize, end: usize, act: &mut dyn FnMut(Action, usize, usize) -> bool) {
    loop {
        let mut child = 2 * root + 1;
        if child >= end {
            return;
        }
        if child + 1 < end && act(Action::Less, child, child + 1) {
            child += 1;
        }
        if !act(Action::Less, root, child) {
            return;
        }
        act(Action::Swap, root, child);
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..Default::default() })]

        #[test]
        fn both_ways_sort(items in prop::collection::vec(0..50u32, 0..60)) {
            let mut expected = items.clone();
            expected.sort_by(|one, other| other.cmp(one));
            let (mut small, mut own): (Vec<u32>, Vec<u32>) = (items.clone(), items);
            small_sort(&mut small, |one, other| other.cmp(one));
            sort(&mut own, |one, other| other.cmp(one));
            prop_assert_eq!(&small, &expected);
            prop_assert_eq!(&own, &expected);
        }
    }
}
