//! A block: some hundred entries of a stream, one behind another in one allocation.
//!
//! ```text
//!   names of the first entry      entry   entry   entry …
//!   ┌─────────┬──────┬──────┐   ┌──────┬──────────┬──────────┬─────────────────┬──────┐
//!   │ how many│ name │ name │   │ head │ ms delta │ sequence │ (names) values  │ back │
//!   └─────────┴──────┴──────┘   └──────┴──────────┴──────────┴─────────────────┴──────┘
//!   head   body bytes · 4 + (2: names as the first entry's, left out) + (1: deleted)
//!   back   bytes of head and body, to be read from its end
//! ```
//!
//! An ID is kept as the difference to the block's first: milliseconds, and the sequence (its difference where the milliseconds are equal).
//! Deleting an entry sets one bit; when half of a block is deleted its bytes are put together.
//!
//! How many entries a block takes is decided by what Redis's listpack of the same entries would take ([`Block::full`]), although these
//! bytes are fewer: approximate trimming removes whole blocks, and is to remove what Redis removes.

use alloc::vec::Vec;

use super::super::{Limits, OutOfMemory};
use super::Id;
use super::word::{self, Word, put_varint, take_varint, varint_len};

/// The longest node that Redis makes, whatever its limits say; also the most bytes of names and values in one entry.
pub(super) const NODE_MAX: usize = 1 << 30;

const DELETED: u64 = 1;
const SAME_NAMES: u64 = 2;

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The ID of the first entry ever put in.
    pub first: Id,
    bytes: Vec<u8>,
    /// Where the first live entry begins.
    start: u32,
    /// Bytes of deleted entries.
    dead: u32,
    pub live: u32,
    /// Entries ever put in, deleted ones included.
    total: u32,
    /// Bytes of Redis's listpack of the same entries, without its two counts.
    listpack: u32,
}

/// An entry: its ID, and fields with their values.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub id: Id,
    /// Field names that lie elsewhere: those of the block's first entry.
    names: Option<&'a [u8]>,
    body: &'a [u8],
    fields: usize,
}

impl<'a> Entry<'a> {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.fields
    }

    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// Names and values in the order in which they were given.
    pub fn fields(&self) -> impl Iterator<Item = (Word<'a>, Word<'a>)> + use<'a> {
        let (mut names, mut body) = (self.names, self.body);
        (0..self.fields).map(move |_| {
            let name = word::take(names.as_mut().unwrap_or(&mut body));
            (name, word::take(&mut body))
        })
    }
}

/// What an entry's head says, and where its parts are.
struct Span {
    flags: u64,
    body: usize,
    /// Where its back length begins.
    back: usize,
    /// Where the next entry begins.
    end: usize,
}

impl Block {
    /// A block with one entry.
    pub fn new(id: Id, words: &[&[u8]]) -> Result<Self, OutOfMemory> {
        let names = words.iter().step_by(2);
        let head = varint_len((words.len() / 2) as u64) + names.clone().map(|name| word::cost(name)).sum::<usize>();
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(head)?;
        put_varint(&mut bytes, (words.len() / 2) as u64);
        names.clone().for_each(|name| word::put(&mut bytes, name));
        let listpack =
            7 + listpack::integer((words.len() / 2) as i64) + names.map(|name| listpack::word(name)).sum::<usize>() + 2;
        let start = u32::try_from(head).map_err(|_| OutOfMemory)?;
        let mut block = Self { first: id, bytes, start, dead: 0, live: 0, total: 0, listpack: saturated(listpack) };
        block.push(id, words)?;
        Ok(block)
    }

    /// Heap bytes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether Redis would begin a new node for an entry with these words.
    pub fn full(&self, limits: &Limits, words: &[&[u8]]) -> bool {
        let most = match usize::try_from(limits.stream_node_max_bytes) {
            Ok(most @ 1..=NODE_MAX) => most,
            _ => NODE_MAX,
        };
        let counts = listpack::integer(self.live.into()) + listpack::integer((self.total - self.live).into());
        let added: usize = words.iter().map(|word| word.len()).sum();
        (self.listpack as usize).saturating_add(counts).saturating_add(added) >= most
            || (limits.stream_node_max_entries != 0 && u64::from(self.total) >= limits.stream_node_max_entries)
    }

    /// Appends an entry. Its ID is greater than all others.
    pub fn push(&mut self, id: Id, words: &[&[u8]]) -> Result<(), OutOfMemory> {
        let (ms, seq) = self.delta(id);
        let same = self.has_names_of(words);
        let kept = || words.iter().enumerate().filter(|(index, _)| !same || index % 2 == 1).map(|(_, word)| *word);
        let own_count = if same { 0 } else { varint_len((words.len() / 2) as u64) };
        let body = varint_len(ms) + varint_len(seq) + own_count + kept().map(word::cost).sum::<usize>();
        let head = (body as u64) << 2 | if same { SAME_NAMES } else { 0 };
        let back = varint_len(head) + body;
        self.grow(back + varint_len(back as u64))?;
        let bytes = &mut self.bytes;
        put_varint(bytes, head);
        put_varint(bytes, ms);
        put_varint(bytes, seq);
        if !same {
            put_varint(bytes, (words.len() / 2) as u64);
        }
        kept().for_each(|word| word::put(bytes, word));
        put_back(bytes, back as u64);
        self.live += 1;
        self.total += 1;
        let parts = words.len() / if same { 2 } else { 1 } + 3 + usize::from(!same);
        let counts = listpack::integer(parts as i64) + if same { 0 } else { listpack::integer((words.len() / 2) as i64) };
        let delta = listpack::integer(id.ms.wrapping_sub(self.first.ms) as i64)
            + listpack::integer(id.seq.wrapping_sub(self.first.seq) as i64);
        let entry = 2 + delta + counts + kept().map(listpack::word).sum::<usize>();
        self.listpack = saturated((self.listpack as usize).saturating_add(entry));
        Ok(())
    }

    fn grow(&mut self, more: usize) -> Result<(), OutOfMemory> {
        let needed = self.bytes.len().checked_add(more).ok_or(OutOfMemory)?;
        u32::try_from(needed).map_err(|_| OutOfMemory)?;
        if needed > self.bytes.capacity() {
            let roomy = needed.max(self.bytes.len() + (self.bytes.len() / 2).min(1024));
            self.bytes.try_reserve_exact(roomy - self.bytes.len())?;
        }
        Ok(())
    }

    /// Gives back the room for further entries.
    pub fn finish(&mut self) {
        self.bytes.shrink_to_fit();
    }

    fn delta(&self, id: Id) -> (u64, u64) {
        let ms = id.ms.wrapping_sub(self.first.ms);
        (ms, if ms == 0 { id.seq.wrapping_sub(self.first.seq) } else { id.seq })
    }

    /// How many names the first entry had, and the bytes of those names (and of what follows them).
    fn names(&self) -> (usize, &[u8]) {
        let mut rest = &self.bytes[..];
        let count = take_varint(&mut rest) as usize;
        (count, rest)
    }

    fn has_names_of(&self, words: &[&[u8]]) -> bool {
        let (count, mut names) = self.names();
        count == words.len() / 2 && words.iter().step_by(2).all(|name| *word::take(&mut names) == **name)
    }

    fn span(&self, at: usize) -> Span {
        // Entries begin within the bytes; places come from walks over this block as it is.
        let mut rest = &self.bytes[at..];
        let head = take_varint(&mut rest);
        let body = self.bytes.len() - rest.len();
        let back = body + (head >> 2) as usize;
        Span { flags: head, body, back, end: back + varint_len((back - at) as u64) }
    }

    /// Where the first live entry begins. There is one.
    pub fn front(&self) -> usize {
        self.start as usize
    }

    /// Where the last live entry begins. There is one.
    pub fn back(&self) -> Option<usize> {
        self.prev(self.bytes.len())
    }

    /// The next live entry behind the one at `at`.
    pub fn next(&self, at: usize) -> Option<usize> {
        let mut at = self.span(at).end;
        while at < self.bytes.len() {
            let span = self.span(at);
            if span.flags & DELETED == 0 {
                return Some(at);
            }
            at = span.end;
        }
        None
    }

    /// The live entry before `at`.
    pub fn prev(&self, mut at: usize) -> Option<usize> {
        while at > self.front() {
            at = take_back(&self.bytes, at);
            if self.span(at).flags & DELETED == 0 {
                return Some(at);
            }
        }
        None
    }

    pub fn id(&self, at: usize) -> Id {
        let span = self.span(at);
        self.read_id(&mut &self.bytes[span.body..])
    }

    fn read_id(&self, rest: &mut &[u8]) -> Id {
        let (ms, seq) = (take_varint(rest), take_varint(rest));
        let seq = if ms == 0 { self.first.seq.wrapping_add(seq) } else { seq };
        Id { ms: self.first.ms.wrapping_add(ms), seq }
    }

    pub fn entry(&self, at: usize) -> Entry<'_> {
        let span = self.span(at);
        let mut body = &self.bytes[span.body..span.back];
        let id = self.read_id(&mut body);
        if span.flags & SAME_NAMES != 0 {
            let (fields, names) = self.names();
            return Entry { id, names: Some(names), body, fields };
        }
        let fields = take_varint(&mut body) as usize;
        Entry { id, names: None, body, fields }
    }

    /// The first live entry with an ID from `id` on.
    pub fn seek(&self, id: Id) -> Option<usize> {
        let mut at = Some(self.front());
        while let Some(here) = at {
            if self.id(here) >= id {
                break;
            }
            at = self.next(here);
        }
        at
    }

    /// The last ID ever put in, whether it is still there or not.
    pub fn last_ever(&self) -> Id {
        self.id(take_back(&self.bytes, self.bytes.len()))
    }

    /// Marks the live entry at `at` as deleted. What is left of the block must be looked for anew.
    pub fn delete(&mut self, at: usize) {
        let span = self.span(at);
        self.bytes[at] |= DELETED as u8;
        self.live -= 1;
        self.dead += (span.end - at) as u32;
        if at == self.front()
            && let Some(next) = self.next(at)
        {
            self.start = next as u32;
        }
        if self.live > 0 && self.dead as usize > self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// Puts the live entries together. The last entry stays, deleted or not: Redis compares its ID when it trims.
    fn compact(&mut self) {
        let names = {
            let (count, mut rest) = self.names();
            (0..count).for_each(|_| _ = word::take(&mut rest));
            self.bytes.len() - rest.len()
        };
        let last = take_back(&self.bytes, self.bytes.len());
        let (mut to, mut from) = (names, names);
        let mut first_live = None;
        self.dead = 0;
        while from < self.bytes.len() {
            let span = self.span(from);
            let live = span.flags & DELETED == 0;
            if live || from == last {
                if live {
                    first_live.get_or_insert(to);
                } else {
                    self.dead += (span.end - from) as u32;
                }
                self.bytes.copy_within(from..span.end, to);
                to += span.end - from;
            }
            from = span.end;
        }
        self.bytes.truncate(to);
        self.start = first_live.unwrap_or(names) as u32;
        if self.bytes.capacity() > 2 * to {
            self.bytes.shrink_to_fit();
        }
    }

    #[cfg(any(test, debug_assertions))]
    pub fn check(&self) {
        assert!(self.live > 0 && self.live <= self.total);
        let (count, mut rest) = self.names();
        (0..count).for_each(|_| _ = word::take(&mut rest));
        let mut at = self.bytes.len() - rest.len();
        let (mut live, mut dead, mut first, mut last) = (0, 0, None, None::<Id>);
        while at < self.bytes.len() {
            let span = self.span(at);
            let id = self.id(at);
            assert!(last.is_none_or(|last| last < id) && id >= self.first);
            assert_eq!(take_back(&self.bytes, span.end), at);
            last = Some(id);
            if span.flags & DELETED == 0 {
                first.get_or_insert(at);
                live += 1;
                let fields = self.entry(at).fields().count();
                assert_eq!(fields, self.entry(at).len());
            } else {
                dead += span.end - at;
            }
            at = span.end;
        }
        assert_eq!((live, dead), (self.live, self.dead as usize));
        assert_eq!(first, Some(self.front()));
    }
}

fn saturated(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// A number to be read from its end: a varint, backwards.
fn put_back(bytes: &mut Vec<u8>, number: u64) {
    let from = bytes.len();
    put_varint(bytes, number);
    // Just written.
    bytes[from..].reverse();
}

/// Where the entry begins whose end is at `end`.
fn take_back(bytes: &[u8], end: usize) -> usize {
    let (mut number, mut shift, mut at) = (0u64, 0u32, end);
    loop {
        at -= 1;
        // Entries end in a back length, which begins within the bytes.
        let byte = bytes[at];
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return at - number as usize;
        }
    }
}

mod listpack {
    //! Bytes that elements take in a listpack of Redis, with the lengths behind them.

    use crate::number;

    pub fn integer(number: i64) -> usize {
        let encoded = match number {
            0..=127 => 1,
            -4096..=4095 => 2,
            -32768..=32767 => 3,
            -8_388_608..=8_388_607 => 4,
            -2_147_483_648..=2_147_483_647 => 5,
            _ => 9,
        };
        encoded + 1
    }

    pub fn word(bytes: &[u8]) -> usize {
        if (1..=20).contains(&bytes.len())
            && let Some(number) = number::parse_i64(bytes)
        {
            return integer(number);
        }
        let encoded = bytes.len().saturating_add(match bytes.len() {
            0..64 => 1,
            64..4096 => 2,
            _ => 5,
        });
        let behind = match encoded {
            0..128 => 1,
            128..16383 => 2,
            16383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        };
        encoded.saturating_add(behind)
    }
}
