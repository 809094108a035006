//! The text of an error in one word.
//!
//! Every handler and every parser returns a `Result` with an error in it. With the text in one pointer instead of the three words of a `Cow`, that
//! result is a register instead of memory that each `?` copies: of the engine in WebAssembly, 8 KB of 166 after gzip.
//!
//! `unsafe`: a pointer that is either to a static or to a box, told apart by its lowest bit, has no safe form. All of it is in this file.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;

/// A text that is either known at compile time or made on the heap.
///
/// The pointer is to a `&'static str` in static memory, or, with its lowest bit set, to a boxed `Vec<u8>` that it owns. Both are aligned to
/// words, so that the bit is free.
pub struct Text(NonNull<u8>);

const MADE: usize = 1;

impl Text {
    pub const fn fixed(text: &'static &'static str) -> Self {
        Self(NonNull::from_ref(text).cast())
    }

    pub fn made(text: Vec<u8>) -> Self {
        let owned = NonNull::from(Box::leak(Box::new(text))).cast::<u8>();
        Self(owned.map_addr(|address| address | MADE))
    }

    /// The box, if it is one.
    fn owned(&self) -> Option<NonNull<Vec<u8>>> {
        let address = self.0.addr().get();
        if address & MADE == 0 {
            return None;
        }
        NonNull::new(self.0.as_ptr().map_addr(|address| address & !MADE).cast())
    }

    pub fn as_bytes(&self) -> &[u8] {
        match self.owned() {
            // SAFETY: made by `made`, owned by this word alone, and not freed before it drops.
            Some(text) => unsafe { text.as_ref() },
            // SAFETY: without the bit it is what `fixed` was given.
            None => unsafe { self.0.cast::<&'static str>().as_ref() }.as_bytes(),
        }
    }
}

// SAFETY: the static is shared anyway, and the box is owned by the word and never changed.
unsafe impl Send for Text {}
// SAFETY: as above.
unsafe impl Sync for Text {}

impl Drop for Text {
    fn drop(&mut self) {
        if let Some(text) = self.owned() {
            // SAFETY: made by `made` from a box, which nobody else holds.
            drop(unsafe { Box::from_raw(text.as_ptr()) });
        }
    }
}

impl Clone for Text {
    fn clone(&self) -> Self {
        match self.owned() {
            Some(_) => Self::made(self.as_bytes().to_vec()),
            None => Self(self.0),
        }
    }
}

impl core::fmt::Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_word_whether_known_or_made() {
        assert_eq!(size_of::<Option<Text>>(), size_of::<usize>());
        const KNOWN: Text = Text::fixed(&"known");
        let made = Text::made(b"made".to_vec());
        let copies = [KNOWN.clone(), made.clone()];
        drop(made);
        assert_eq!(copies.map(|text| text.as_bytes().to_vec()), [b"known".to_vec(), b"made".to_vec()]);
    }
}
