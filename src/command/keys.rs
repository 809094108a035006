//! Keys of any type: DEL, EXPIRE, RENAME, SCAN and their kin.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::args::key_flags::*;
use super::args::{Key, Many, args};
use super::rows;
use crate::call::Call;
use crate::error::Result;

rows! {
    pub(super) static ROWS: Generic = [
        { "del", del as Del, since: "1.0.0", cost: "O(N), N keys", flags: [WRITE], reply: Integer,
          "Removes keys; answers how many there were." },
    ]
}

args! { Del<'a> { keys: Many<'a, Key<'a, RM_DELETE>> } }

pub fn del(call: &mut Call<'_>, args: Del<'_>) -> Result<usize> {
    let mut removed = 0usize;
    for key in args.keys.iter() {
        removed = removed.saturating_add(usize::from(call.keys.delete(&key?)));
    }
    Ok(removed)
}
