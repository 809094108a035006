//! One key and what it holds, in one allocation.
//!
//! ```text
//!   0        1           4          8                14               22
//!   +--------+-----------+----------+----------------+----------------+------+-----------+------------------+
//!   | repr,  | access    | length   | deadline, ms   | body pointer   | key  | key bytes | bytes of the     |
//!   | flags  | mark      | of bytes | if HAS_DEADLINE| unless inline  | len  |           | string if inline |
//!   | 1      | 3         | 4        | 0, 6 or 8      | 0 or 8         | 1, 5 |           |                  |
//!   +--------+-----------+----------+----------------+----------------+------+-----------+------------------+
//! ```
//!
//! A string that was set lives inline: an 18-byte key with a 16-byte value takes 43 bytes without and 49 with a deadline. A string that
//! was edited in place and is long moves to a growing buffer; collections are boxed. Keys of 255 bytes and more spend four more bytes on
//! their length, deadlines beyond the year 10889 two more.
//!
//! `unsafe`: one allocation of mixed content is what makes an entry small, and no safe type has that shape. All raw reads and writes of the
//! keyspace are in this file.

use super::blocks::Blocks;
use crate::time::Millis;
use crate::value::{Collection, OutOfMemory, hash::Hash, list::List, set::Set, stream::Stream, zset::ZSet};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;

/// The type of a value, as `TYPE` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    String,
    List,
    Hash,
    Set,
    ZSet,
    Stream,
}

impl ValueType {
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
            Self::ZSet => "zset",
            Self::Stream => "stream",
        }
    }
}

/// A collection that a key can hold.
pub trait Stored: Collection + Default + Clone {
    const TYPE: ValueType;
    #[doc(hidden)]
    fn wrap(this: Box<Self>) -> Value;
}

macro_rules! stored {
    ($($type:ident)*) => {$(
        impl Stored for $type {
            const TYPE: ValueType = ValueType::$type;
            fn wrap(this: Box<Self>) -> Value {
                Value::$type(this)
            }
        }
    )*};
}

stored! { List Hash Set ZSet Stream }

/// A value out of its entry: on its way between keys, or from a decoder.
#[derive(Clone)]
pub enum Value {
    String(Vec<u8>),
    List(Box<List>),
    Hash(Box<Hash>),
    Set(Box<Set>),
    ZSet(Box<ZSet>),
    Stream(Box<Stream>),
}

impl Value {
    /// Heap bytes, the box of a collection included.
    pub(super) fn memory(&self) -> u64 {
        let boxed = match self {
            Self::String(bytes) => return bytes.capacity() as u64,
            Self::List(_) => size_of::<List>(),
            Self::Hash(_) => size_of::<Hash>(),
            Self::Set(_) => size_of::<Set>(),
            Self::ZSet(_) => size_of::<ZSet>(),
            Self::Stream(_) => size_of::<Stream>(),
        };
        boxed.saturating_add(self.as_ref().memory()) as u64
    }

    /// The value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::String(bytes) => ValueRef::String(bytes),
            Self::List(list) => ValueRef::List(list),
            Self::Hash(hash) => ValueRef::Hash(hash),
            Self::Set(set) => ValueRef::Set(set),
            Self::ZSet(zset) => ValueRef::ZSet(zset),
            Self::Stream(stream) => ValueRef::Stream(stream),
        }
    }
}

/// What an entry holds, borrowed.
pub enum ValueRef<'a> {
    String(&'a [u8]),
    List(&'a List),
    Hash(&'a Hash),
    Set(&'a Set),
    ZSet(&'a ZSet),
    Stream(&'a Stream),
}

impl<'a> ValueRef<'a> {
    #[inline]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::List(_) => ValueType::List,
            Self::Hash(_) => ValueType::Hash,
            Self::Set(_) => ValueType::Set,
            Self::ZSet(_) => ValueType::ZSet,
            Self::Stream(_) => ValueType::Stream,
        }
    }

    /// A deep copy, or nothing where there is no memory for it. A copy is made of many small blocks, which are not refused one by one: so all of
    /// them are asked for together first.
    pub fn try_to_value(&self) -> Result<Value, OutOfMemory> {
        Vec::<u8>::new().try_reserve_exact(self.memory())?;
        Ok(match self {
            Self::String(bytes) => Value::String(bytes.to_vec()),
            Self::List(list) => Value::List(Box::new((*list).clone())),
            Self::Hash(hash) => Value::Hash(Box::new(hash.try_clone()?)),
            Self::Set(set) => Value::Set(Box::new(set.try_clone()?)),
            Self::ZSet(zset) => Value::ZSet(Box::new(zset.try_clone()?)),
            Self::Stream(stream) => Value::Stream(Box::new((*stream).clone())),
        })
    }

    /// Heap bytes of the value itself.
    pub fn memory(&self) -> usize {
        match self {
            Self::String(bytes) => bytes.len(),
            Self::List(list) => list.memory(),
            Self::Hash(hash) => hash.memory(),
            Self::Set(set) => set.memory(),
            Self::ZSet(zset) => zset.memory(),
            Self::Stream(stream) => stream.memory(),
        }
    }
}

const INLINE: u8 = 0;
const BUFFER: u8 = 1;
const LIST: u8 = 2;
const HASH: u8 = 3;
const SET: u8 = 4;
const ZSET: u8 = 5;
const STREAM: u8 = 6;
const REPR_MASK: u8 = 0x07;
const HAS_DEADLINE: u8 = 0x08;
/// The string was edited in place: `OBJECT ENCODING` says `raw` however short it is.
const RAW: u8 = 0x10;
/// The string came out of a float counter: text to Redis, even where it spells an integer.
const PLAIN: u8 = 0x20;
/// Fields of the hash have deadlines, or had some a while ago.
const FIELDS_DUE: u8 = 0x40;
/// There is no string: in place of its length stands the number of a slot, and inline a size, see [`reference`](super::reference).
const REFERENCE: u8 = 0x80;
const REFERENCE_BYTES: usize = 4;

/// How a string came about, as far as `OBJECT ENCODING` shows it. It travels with the value (RENAME, MOVE, COPY).
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks(u8);

impl Marks {
    /// Made or changed in place: `raw` however short it is.
    pub const EDITED: Self = Self(RAW);
}

const HEADER: usize = 8;
const WORD: usize = 8;
/// Bytes of a deadline that 48 bits can tell, and how many more another one takes.
const DEADLINE: usize = 6;
const DEADLINE_REST: usize = 2;
const FIRST_FAR: Millis = 1 << 48;
/// The bit beside the length that says that the deadline is one of those.
const IS_FAR: u32 = 1 << 31;
const LONG_KEY: usize = 255;
/// Bytes in front of a key that is not that long and of a string: header, deadline, the key's length.
pub(super) const MOST_HEAD: usize = HEADER + DEADLINE + 1;

/// Strings edited in place keep inline up to this many bytes: one reallocation an edit costs less there than a second allocation.
const INLINE_EDIT_MAX: usize = 512;

/// A key of a length that most have, 8 to 32 bytes: it is compared without a loop or a call.
#[derive(Clone, Copy)]
pub(super) struct Short<'a>(&'a [u8]);

impl<'a> Short<'a> {
    #[inline(always)]
    pub(super) fn new(key: &'a [u8]) -> Option<Self> {
        (8..=32).contains(&key.len()).then_some(Self(key))
    }

    /// Whether the same bytes lie there.
    ///
    /// # Safety
    /// As many bytes do.
    #[inline(always)]
    unsafe fn is(self, other: *const u8) -> bool {
        // SAFETY: both have at least eight bytes, or sixteen. What is read from either end may overlap.
        unsafe {
            let (own, len) = (self.0.as_ptr(), self.0.len());
            let differ = |at: usize| own.add(at).cast::<u64>().read_unaligned() ^ other.add(at).cast::<u64>().read_unaligned();
            let ends = differ(0) | differ(len.wrapping_sub(8));
            if len <= 16 { ends == 0 } else { ends | differ(8) | differ(len.wrapping_sub(16)) == 0 }
        }
    }
}

/// A handle to an entry; whoever holds one must know that the entry has not been freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry(NonNull<u8>);

#[inline]
fn repr_of(value_type: ValueType) -> u8 {
    match value_type {
        ValueType::String => BUFFER,
        ValueType::List => LIST,
        ValueType::Hash => HASH,
        ValueType::Set => SET,
        ValueType::ZSet => ZSET,
        ValueType::Stream => STREAM,
    }
}

#[inline]
fn is_far(deadline: Option<Millis>) -> bool {
    deadline.is_some_and(|deadline| deadline >= FIRST_FAR)
}

/// Where what follows the deadline begins.
#[inline]
fn behind_deadline(flags: u8, is_far: bool) -> usize {
    let deadline = if flags & HAS_DEADLINE != 0 { DEADLINE } else { 0 };
    HEADER.wrapping_add(deadline).wrapping_add(if is_far { DEADLINE_REST } else { 0 })
}

#[inline]
fn layout(flags: u8, is_far: bool, key_len: usize, inline_len: usize) -> Option<Layout> {
    let body = if flags & REPR_MASK != INLINE { WORD } else { 0 };
    let key_head = if key_len < LONG_KEY { 1 } else { 5 };
    let head = behind_deadline(flags, is_far).checked_add(body)?;
    let size = head.checked_add(key_head)?.checked_add(key_len)?.checked_add(inline_len)?;
    Layout::from_size_align(size, WORD).ok()
}

impl Entry {
    /// # Safety
    /// `handle` came from [`Entry::handle`] and was not freed.
    #[inline]
    pub(super) unsafe fn from_handle(handle: NonNull<u8>) -> Self {
        Self(handle)
    }

    #[inline]
    pub(super) fn handle(self) -> NonNull<u8> {
        self.0
    }

    /// A string, inline.
    #[inline]
    pub(super) fn new_string(
        blocks: &mut Blocks,
        key: &[u8],
        value: &[u8],
        deadline: Option<Millis>,
    ) -> Result<Self, OutOfMemory> {
        let entry = Self::allocate(blocks, INLINE, key, value.len(), value.len(), deadline)?;
        // SAFETY: `allocate` sized the block for `value.len()` bytes behind the key.
        unsafe { core::ptr::copy_nonoverlapping(value.as_ptr(), entry.inline_start(), value.len()) };
        Ok(entry)
    }

    /// A slot and a size in place of a value.
    #[inline]
    pub(super) fn new_reference(
        blocks: &mut Blocks,
        key: &[u8],
        slot: u32,
        size: u32,
        deadline: Option<Millis>,
    ) -> Result<Self, OutOfMemory> {
        let entry = Self::allocate(blocks, INLINE | REFERENCE, key, slot as usize, REFERENCE_BYTES, deadline)?;
        entry.set_size(size);
        Ok(entry)
    }

    /// The slot, if the entry holds one. It lies in front of the key, so that a look-up has it with the first line of the entry.
    #[inline]
    pub(super) fn slot(self) -> Option<u32> {
        if self.flags() & REFERENCE == 0 { None } else { Some(self.length_word() & !IS_FAR) }
    }

    /// Slot and size, if the entry holds those.
    #[inline]
    pub(super) fn reference(self) -> Option<(u32, u32)> {
        let slot = self.slot()?;
        // SAFETY: an entry with a slot has four bytes behind its key.
        Some((slot, unsafe { self.inline_start().cast::<u32>().read_unaligned() }))
    }

    /// Only for an entry that holds a slot.
    #[inline]
    pub(super) fn set_size(self, size: u32) {
        debug_assert!(self.flags() & REFERENCE != 0);
        // SAFETY: by the caller's promise four bytes are there.
        unsafe { self.inline_start().cast::<u32>().write_unaligned(size) };
    }

    pub(super) fn new_value(
        blocks: &mut Blocks,
        key: &[u8],
        value: Value,
        deadline: Option<Millis>,
    ) -> Result<Self, OutOfMemory> {
        match value {
            Value::String(bytes) => Self::new_string(blocks, key, &bytes, deadline),
            Value::List(body) => Self::new_boxed(blocks, LIST, key, body, deadline),
            Value::Hash(body) => Self::new_boxed(blocks, HASH, key, body, deadline),
            Value::Set(body) => Self::new_boxed(blocks, SET, key, body, deadline),
            Value::ZSet(body) => Self::new_boxed(blocks, ZSET, key, body, deadline),
            Value::Stream(body) => Self::new_boxed(blocks, STREAM, key, body, deadline),
        }
    }

    fn new_boxed<T>(
        blocks: &mut Blocks,
        repr: u8,
        key: &[u8],
        body: Box<T>,
        deadline: Option<Millis>,
    ) -> Result<Self, OutOfMemory> {
        let entry = Self::allocate(blocks, repr, key, 0, 0, deadline)?;
        // SAFETY: `repr` is not INLINE, so the block has a body word.
        unsafe { entry.write_body(Box::into_raw(body).cast()) };
        Ok(entry)
    }

    /// A block with a key, and room for `inline_len` bytes behind it.
    #[inline]
    fn allocate(
        blocks: &mut Blocks,
        flags: u8,
        key: &[u8],
        length: usize,
        inline_len: usize,
        deadline: Option<Millis>,
    ) -> Result<Self, OutOfMemory> {
        let flags = flags | if deadline.is_some() { HAS_DEADLINE } else { 0 };
        let is_far = is_far(deadline);
        let length = u32::try_from(length).ok().filter(|length| length & IS_FAR == 0).ok_or(OutOfMemory)?;
        let key_len = u32::try_from(key.len()).map_err(|_| OutOfMemory)?;
        let layout = layout(flags, is_far, key.len(), inline_len).ok_or(OutOfMemory)?;
        // SAFETY: the layout is at least HEADER + 1 bytes; every write below stays within the parts that `layout` counted.
        unsafe {
            let base = blocks.allocate(layout).ok_or(OutOfMemory)?;
            let at = base.as_ptr();
            at.cast::<u32>().write(u32::from(flags));
            at.add(4).cast::<u32>().write(length | if is_far { IS_FAR } else { 0 });
            let entry = Self(base);
            if let Some(deadline) = deadline {
                entry.write_deadline(deadline);
            }
            let mut to = at.add(entry.key_head());
            if key.len() < LONG_KEY {
                to.write(key.len() as u8);
                to = to.add(1);
            } else {
                to.write(LONG_KEY as u8);
                to.add(1).cast::<u32>().write_unaligned(key_len);
                to = to.add(5);
            }
            core::ptr::copy_nonoverlapping(key.as_ptr(), to, key.len());
            Ok(entry)
        }
    }

    #[inline(always)]
    fn flags(self) -> u8 {
        // SAFETY: byte 0 of a live entry.
        unsafe { *self.0.as_ptr() }
    }

    #[inline(always)]
    fn repr(self) -> u8 {
        self.flags() & REPR_MASK
    }

    /// Whether all of it lies in its block.
    #[inline]
    pub(super) fn is_inline(self) -> bool {
        self.repr() == INLINE
    }

    #[inline(always)]
    fn length_word(self) -> u32 {
        // SAFETY: bytes 4..8 of a live entry.
        unsafe { self.0.as_ptr().add(4).cast::<u32>().read() }
    }

    #[inline(always)]
    fn is_far(self) -> bool {
        self.length_word() & IS_FAR != 0
    }

    /// Bytes of an inline string.
    #[inline(always)]
    fn string_len(self) -> usize {
        (self.length_word() & !IS_FAR) as usize
    }

    /// Bytes behind the key.
    #[inline]
    fn inline_len(self) -> usize {
        match self.flags() & (REPR_MASK | REFERENCE) {
            INLINE => self.string_len(),
            REFERENCE => REFERENCE_BYTES,
            _ => 0,
        }
    }

    #[inline]
    fn body_offset(self) -> usize {
        behind_deadline(self.flags(), self.is_far())
    }

    #[inline]
    fn key_head(self) -> usize {
        self.body_offset().wrapping_add(if self.repr() == INLINE { 0 } else { WORD })
    }

    /// # Safety
    /// The entry is not inline and `body` is a box of the type that its repr names.
    unsafe fn write_body(self, body: *mut u8) {
        // SAFETY: by the caller's promise the block has a body word.
        unsafe { self.0.as_ptr().add(self.body_offset()).cast::<*mut u8>().write_unaligned(body) };
    }

    #[inline]
    fn body(self) -> *mut u8 {
        debug_assert!(self.repr() != INLINE);
        // SAFETY: callers have looked at the repr.
        unsafe { self.0.as_ptr().add(self.body_offset()).cast::<*mut u8>().read_unaligned() }
    }

    /// Where the bytes of the key begin, and how many there are.
    #[inline]
    fn key_span(self) -> (usize, usize) {
        let head = self.key_head();
        // SAFETY: written so by `allocate`.
        unsafe {
            let len = self.0.as_ptr().add(head);
            if usize::from(*len) < LONG_KEY {
                (head.wrapping_add(1), usize::from(*len))
            } else {
                (head.wrapping_add(5), len.add(1).cast::<u32>().read_unaligned() as usize)
            }
        }
    }

    /// # Safety
    /// The slice must not outlive the entry.
    #[inline]
    pub(super) unsafe fn key<'a>(self) -> &'a [u8] {
        let (start, len) = self.key_span();
        // SAFETY: so many bytes are there.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().add(start), len) }
    }

    /// Where what follows the key begins.
    #[inline]
    fn inline_offset(self) -> usize {
        let (start, len) = self.key_span();
        start.wrapping_add(len)
    }

    #[inline]
    fn inline_start(self) -> *mut u8 {
        // SAFETY: what follows the key belongs to the same block.
        unsafe { self.0.as_ptr().add(self.inline_offset()) }
    }

    #[inline]
    pub(super) fn value_type(self) -> ValueType {
        match self.repr() {
            LIST => ValueType::List,
            HASH => ValueType::Hash,
            SET => ValueType::Set,
            ZSET => ValueType::ZSet,
            STREAM => ValueType::Stream,
            _ => ValueType::String,
        }
    }

    pub(super) fn is_raw(self) -> bool {
        self.flags() & RAW != 0
    }

    /// What the entry knows of its string's history.
    pub(super) fn marks(self) -> Marks {
        Marks(self.flags() & (RAW | PLAIN))
    }

    pub(super) fn set_marks(self, marks: Marks) {
        // SAFETY: byte 0 of a live entry.
        unsafe { self.0.as_ptr().write(self.flags() & !(RAW | PLAIN) | marks.0) };
    }

    pub(super) fn is_plain(self) -> bool {
        self.flags() & PLAIN != 0
    }

    pub(super) fn set_plain(self) {
        // SAFETY: byte 0 of a live entry.
        unsafe { self.0.as_ptr().write(self.flags() | PLAIN) };
    }

    #[inline]
    pub(super) fn has_deadline(self) -> bool {
        self.flags() & HAS_DEADLINE != 0
    }

    #[inline]
    pub(super) fn deadline(self) -> Option<Millis> {
        if !self.has_deadline() {
            return None;
        }
        // SAFETY: the flags say how many bytes are there.
        unsafe {
            if self.is_far() {
                return Some(self.0.as_ptr().add(HEADER).cast::<u64>().read_unaligned());
            }
            Some(self.near_deadline())
        }
    }

    /// # Safety
    /// The entry has a deadline, and not a far one.
    #[inline(always)]
    unsafe fn near_deadline(self) -> Millis {
        // SAFETY: by the caller's promise so many bytes are there.
        unsafe {
            let at = self.0.as_ptr().add(HEADER);
            u64::from(at.cast::<u32>().read()) | u64::from(at.add(4).cast::<u16>().read()) << 32
        }
    }

    /// # Safety
    /// The entry has a deadline, of the length of this one.
    #[inline]
    unsafe fn write_deadline(self, deadline: Millis) {
        // SAFETY: by the caller's promise so many bytes are there.
        unsafe {
            let at = self.0.as_ptr().add(HEADER);
            if deadline >= FIRST_FAR {
                return at.cast::<u64>().write_unaligned(deadline);
            }
            at.cast::<u32>().write(deadline as u32);
            at.add(4).cast::<u16>().write((deadline >> 32) as u16);
        }
    }

    /// Whether a deadline takes the place of the one that the entry has, or none that of none.
    #[inline]
    fn has_place_for(self, deadline: Option<Millis>) -> bool {
        self.has_deadline() == deadline.is_some() && self.is_far() == is_far(deadline)
    }

    /// Gives the entry another deadline where it lies; false, and nothing changed, where that has no place.
    #[inline]
    pub(super) fn renew(self, deadline: Option<Millis>) -> bool {
        let has_place = self.has_place_for(deadline);
        if let Some(deadline) = deadline.filter(|_| has_place) {
            // SAFETY: it has its place.
            unsafe { self.write_deadline(deadline) };
        }
        has_place
    }

    pub(super) fn has_fields_due(self) -> bool {
        self.flags() & FIELDS_DUE != 0
    }

    pub(super) fn set_fields_due(self, due: bool) {
        // SAFETY: byte 0 of a live entry.
        unsafe { self.0.as_ptr().write(self.flags() & !FIELDS_DUE | if due { FIELDS_DUE } else { 0 }) };
    }

    /// The 24-bit mark that uses leave: see [`access`](super::access).
    #[inline(always)]
    pub(super) fn access(self) -> u32 {
        // SAFETY: bytes 0..4 of a live entry.
        unsafe { self.0.as_ptr().cast::<u32>().read() >> 8 }
    }

    #[inline(always)]
    pub(super) fn set_access(self, mark: u32) {
        // SAFETY: bytes 0..4 of a live entry; a store only where something changes keeps shared cache lines clean.
        unsafe {
            let word = self.0.as_ptr().cast::<u32>();
            let new = (mark << 8) | (word.read() & 0xff);
            if word.read() != new {
                word.write(new);
            }
        }
    }

    /// # Safety
    /// The slice must not outlive the entry or its next change.
    #[inline]
    pub(super) unsafe fn string<'a>(self) -> Option<&'a [u8]> {
        // SAFETY: an inline value lies behind the key, a buffer is a boxed Vec.
        unsafe {
            match self.repr() {
                INLINE => Some(core::slice::from_raw_parts(self.inline_start(), self.inline_len())),
                BUFFER => Some((*self.body().cast::<Vec<u8>>()).as_slice()),
                _ => None,
            }
        }
    }

    /// The string, where that is told by little: it lies inline, its key is this one, short, and it is not past its end. `None` means that whoever
    /// asks has to look closely.
    ///
    /// # Safety
    /// As [`Entry::string`].
    #[inline(always)]
    pub(super) unsafe fn string_of<'a>(self, key: Short<'_>, now: Millis) -> Option<&'a [u8]> {
        // SAFETY: so many bytes lie behind the key of an inline string.
        unsafe {
            let (length, start) = self.plain_of(key, now, Some(INLINE))?;
            Some(core::slice::from_raw_parts(start, length as usize))
        }
    }

    /// Whether that tells as quickly that it is a slot with this key.
    #[inline(always)]
    pub(super) fn is_reference_of(self, key: Short<'_>, now: Millis) -> bool {
        self.plain_of(key, now, Some(REFERENCE)).is_some()
    }

    /// Whether that tells as quickly that it is an inline string, or a slot, with this key.
    #[inline(always)]
    pub(super) fn is_plain_of(self, key: Short<'_>, now: Millis) -> bool {
        self.plain_of(key, now, None).is_some()
    }

    /// Gives an entry with a slot another deadline in the place of the one that it has, or none where it has none, if few instructions tell that it is
    /// of this key and size: whether the deadline came nearer by that.
    #[inline(always)]
    pub(super) fn renew_reference(self, key: Short<'_>, now: Millis, size: u32, deadline: Option<Millis>) -> Option<bool> {
        // SAFETY: an entry with a slot has four bytes behind its key.
        self.renew_plain(key, now, REFERENCE, None, deadline, |behind| unsafe { behind.cast::<u32>().read_unaligned() == size })
    }

    /// The same of an inline string that has the length of this value, which takes the place of what it holds. The encoding is told anew, as of any
    /// string that is set.
    ///
    /// # Safety
    /// Nothing else may look at the entry meanwhile.
    #[inline(always)]
    pub(super) unsafe fn overwrite_plain(
        self,
        key: Short<'_>,
        now: Millis,
        value: &[u8],
        deadline: Option<Millis>,
    ) -> Option<bool> {
        let length = u32::try_from(value.len()).ok()?;
        self.renew_plain(key, now, INLINE, Some(length), deadline, |behind| {
            // SAFETY: an inline string lies behind its key, and has this length.
            unsafe { core::ptr::copy_nonoverlapping(value.as_ptr(), behind, value.len()) };
            true
        })
    }

    /// Gives an inline entry of this kind (and length, where one is given) another deadline, if `accept` agrees: the last to be asked, it is given what
    /// lies behind the key, and may change that.
    #[inline(always)]
    fn renew_plain(
        self,
        key: Short<'_>,
        now: Millis,
        kind: u8,
        length: Option<u32>,
        deadline: Option<Millis>,
        accept: impl FnOnce(*mut u8) -> bool,
    ) -> Option<bool> {
        let special = REPR_MASK | HAS_DEADLINE | RAW | PLAIN | FIELDS_DUE | REFERENCE;
        let mask = u64::from(special) | u64::from(length.map_or(IS_FAR, |_| u32::MAX)) << 32;
        let (flags, at) = if deadline.is_some() { (kind | HAS_DEADLINE, HEADER + DEADLINE) } else { (kind, HEADER) };
        let wanted = u64::from(flags) | u64::from(length.unwrap_or(0)) << 32;
        // SAFETY: the first eight bytes are those of every entry, and those behind them as the flags say.
        unsafe {
            let (head, at) = (self.0.as_ptr().cast::<u64>().read_unaligned(), self.0.as_ptr().add(at));
            if head & mask != wanted || usize::from(*at) != key.0.len() || !key.is(at.add(1)) {
                return None;
            }
            let behind = at.add(1).add(key.0.len());
            let Some(deadline) = deadline else { return accept(behind).then_some(false) };
            let before = self.near_deadline();
            if before < now || is_far(Some(deadline)) || !accept(behind) {
                return None;
            }
            self.write_deadline(deadline);
            Some(deadline < before)
        }
    }

    /// What stands where the length does, and where the value begins, of an inline entry of this kind (or of either) with this key that is not past
    /// its end.
    #[inline(always)]
    fn plain_of(self, key: Short<'_>, now: Millis, kind: Option<u8>) -> Option<(u32, *const u8)> {
        let kinds = if kind.is_some() { REFERENCE } else { 0 };
        let special = u64::from(REPR_MASK | FIELDS_DUE | kinds) | u64::from(IS_FAR) << 32;
        // SAFETY: the first eight bytes are those of every entry, and those behind them as the flags say.
        unsafe {
            let head = self.0.as_ptr().cast::<u64>().read_unaligned();
            let at = self.0.as_ptr().add(if head & u64::from(HAS_DEADLINE) == 0 { HEADER } else { HEADER + DEADLINE });
            if head & special != u64::from(kind.unwrap_or(INLINE)) || usize::from(*at) != key.0.len() || !key.is(at.add(1)) {
                return None;
            }
            if head & u64::from(HAS_DEADLINE) != 0 && self.near_deadline() < now {
                return None;
            }
            Some(((head >> 32) as u32, at.add(1).add(key.0.len())))
        }
    }

    /// # Safety
    /// As [`Entry::string`], and nothing else may look at the value meanwhile.
    pub(super) unsafe fn string_mut<'a>(self) -> Option<&'a mut [u8]> {
        // SAFETY: as above.
        unsafe {
            match self.repr() {
                INLINE => Some(core::slice::from_raw_parts_mut(self.inline_start(), self.inline_len())),
                BUFFER => Some((*self.body().cast::<Vec<u8>>()).as_mut_slice()),
                _ => None,
            }
        }
    }

    /// The boxed collection, if the entry holds one of this type.
    #[inline]
    pub(super) fn collection<T: Stored>(self) -> Option<NonNull<T>> {
        if self.repr() == repr_of(T::TYPE) { NonNull::new(self.body().cast()) } else { None }
    }

    /// # Safety
    /// The reference must not outlive the entry or its next change.
    pub(super) unsafe fn value<'a>(self) -> ValueRef<'a> {
        // SAFETY: a body is a box of the type that the repr names.
        unsafe {
            match self.repr() {
                LIST => ValueRef::List(&*self.body().cast()),
                HASH => ValueRef::Hash(&*self.body().cast()),
                SET => ValueRef::Set(&*self.body().cast()),
                ZSET => ValueRef::ZSet(&*self.body().cast()),
                STREAM => ValueRef::Stream(&*self.body().cast()),
                _ => ValueRef::String(self.string().unwrap_or(&[])),
            }
        }
    }

    /// Overwrites a string where it lies. False where that cannot be: another type, length, or presence of a deadline.
    ///
    /// # Safety
    /// Nothing else may look at the entry meanwhile.
    #[inline]
    pub(super) unsafe fn overwrite(self, value: &[u8], deadline: Option<Millis>) -> bool {
        let is_string = self.flags() & (REPR_MASK | REFERENCE) == INLINE;
        if !is_string || self.string_len() != value.len() || !self.has_place_for(deadline) {
            return false;
        }
        // SAFETY: same length as what lies there; the deadline has a place if it is written.
        unsafe {
            core::ptr::copy_nonoverlapping(value.as_ptr(), self.inline_start(), value.len());
            if let Some(deadline) = deadline {
                self.write_deadline(deadline);
            }
            self.0.as_ptr().write(self.flags() & !(RAW | PLAIN));
        }
        true
    }

    /// The entry with another deadline: the same block where it has the room, else a new one (the old is freed).
    ///
    /// # Safety
    /// The entry is live; afterwards only the returned handle is.
    pub(super) unsafe fn with_deadline(self, blocks: &mut Blocks, deadline: Option<Millis>) -> Result<Self, OutOfMemory> {
        // SAFETY: all within the live old block and the new one, sized for the same key and value.
        unsafe {
            if self.renew(deadline) {
                return Ok(self);
            }
            let inline_len = self.inline_len();
            let moved =
                Self::allocate(blocks, self.flags() & !HAS_DEADLINE, self.key(), self.string_len(), inline_len, deadline)?;
            moved.set_access(self.access());
            if self.repr() == INLINE {
                core::ptr::copy_nonoverlapping(self.inline_start(), moved.inline_start(), inline_len);
            } else {
                moved.write_body(self.body());
            }
            self.free_block();
            Ok(moved)
        }
    }

    /// The string entry grown (zero-filled) or cut to `len` bytes, marked raw. Long ones move to a buffer that grows by doubling.
    ///
    /// # Safety
    /// The entry is live and a string; afterwards only the returned handle is.
    pub(super) unsafe fn resized(self, blocks: &mut Blocks, len: usize) -> Result<Self, OutOfMemory> {
        // SAFETY: string entries only, by the caller's promise; blocks are sized by `allocate`.
        unsafe {
            if self.repr() == BUFFER {
                let buffer = &mut *self.body().cast::<Vec<u8>>();
                buffer.try_reserve(len.saturating_sub(buffer.len())).map_err(|_| OutOfMemory)?;
                buffer.resize(len, 0);
                return Ok(self);
            }
            let old = self.string().unwrap_or(&[]);
            let kept = old.len().min(len);
            let moved = if len <= INLINE_EDIT_MAX {
                let moved = Self::allocate(blocks, RAW, self.key(), len, len, self.deadline())?;
                let to = moved.inline_start();
                core::ptr::copy_nonoverlapping(old.as_ptr(), to, kept);
                core::ptr::write_bytes(to.add(kept), 0, len.saturating_sub(kept));
                moved
            } else {
                let mut buffer = Vec::new();
                buffer.try_reserve(len).map_err(|_| OutOfMemory)?;
                buffer.extend_from_slice(old.get(..kept).unwrap_or(old));
                buffer.resize(len, 0);
                let moved = Self::allocate(blocks, BUFFER | RAW, self.key(), 0, 0, self.deadline())?;
                moved.write_body(Box::into_raw(Box::new(buffer)).cast());
                moved
            };
            moved.set_access(self.access());
            self.free_block();
            Ok(moved)
        }
    }

    /// Bytes of the block itself, the body not counted.
    #[inline]
    pub(super) fn block_bytes(self) -> u64 {
        // What `layout` counted when the block was made, without its doubts.
        self.inline_offset().wrapping_add(self.inline_len()) as u64
    }

    /// How many elements its collection has; 0 of a string.
    pub(super) fn elements(self) -> usize {
        match self.repr() {
            INLINE | BUFFER => 0,
            // SAFETY: the entry is live, and its value only looked at.
            _ => match unsafe { self.value() } {
                ValueRef::String(_) => 0,
                ValueRef::List(list) => list.len(),
                ValueRef::Hash(hash) => hash.len(),
                ValueRef::Set(set) => set.len(),
                ValueRef::ZSet(zset) => zset.len(),
                ValueRef::Stream(stream) => stream.len(),
            },
        }
    }

    /// Bytes of everything behind this entry.
    #[inline]
    pub(super) fn memory(self) -> u64 {
        self.memory_with(self.block_bytes())
    }

    /// As `memory`, where those of the block are known.
    #[inline]
    pub(super) fn memory_with(self, block: u64) -> u64 {
        if !self.is_inline() {
            return block.saturating_add(self.body_bytes());
        }
        // SAFETY: the size that goes with a slot is what an entry ends in.
        let size =
            || unsafe { self.0.as_ptr().add((block as usize).wrapping_sub(REFERENCE_BYTES)).cast::<u32>().read_unaligned() };
        if self.flags() & REFERENCE == 0 { block } else { block.saturating_add(size().into()) }
    }

    #[inline(never)]
    fn body_bytes(self) -> u64 {
        fn boxed<T: Collection>(body: &T) -> usize {
            size_of::<T>().saturating_add(body.memory())
        }
        // SAFETY: a body is a box of the type that the repr names.
        let body = unsafe {
            match self.repr() {
                BUFFER => size_of::<Vec<u8>>().saturating_add((*self.body().cast::<Vec<u8>>()).capacity()),
                LIST => boxed(&*self.body().cast::<List>()),
                HASH => boxed(&*self.body().cast::<Hash>()),
                SET => boxed(&*self.body().cast::<Set>()),
                ZSET => boxed(&*self.body().cast::<ZSet>()),
                STREAM => boxed(&*self.body().cast::<Stream>()),
                _ => 0,
            }
        };
        body as u64
    }

    /// Frees the block and gives back the value.
    ///
    /// # Safety
    /// The entry is live; afterwards it is not.
    pub(super) unsafe fn take(self) -> Value {
        // SAFETY: bodies are boxes made by `new_boxed` or `resized`; each is taken once because the block goes with it.
        unsafe {
            let value = match self.repr() {
                BUFFER => Value::String(*Box::from_raw(self.body().cast::<Vec<u8>>())),
                LIST => Value::List(Box::from_raw(self.body().cast())),
                HASH => Value::Hash(Box::from_raw(self.body().cast())),
                SET => Value::Set(Box::from_raw(self.body().cast())),
                ZSET => Value::ZSet(Box::from_raw(self.body().cast())),
                STREAM => Value::Stream(Box::from_raw(self.body().cast())),
                _ => Value::String(self.string().unwrap_or(&[]).to_vec()),
            };
            self.free_block();
            value
        }
    }

    /// Frees the entry and its value.
    ///
    /// # Safety
    /// The entry is live; afterwards it is not.
    #[inline]
    pub(super) unsafe fn free(self) {
        // SAFETY: as the caller promises; an inline string is not copied out first.
        unsafe {
            if self.is_inline() {
                self.free_block();
            } else {
                self.free_with_body();
            }
        }
    }

    /// # Safety
    /// As [`Entry::free`].
    #[inline(never)]
    unsafe fn free_with_body(self) {
        // SAFETY: as the caller promises.
        drop(unsafe { self.take() });
    }

    /// # Safety
    /// The entry is live, and its body (if any) belongs to somebody else by now.
    #[inline]
    unsafe fn free_block(self) {
        // SAFETY: the same layout as in `allocate`: flags, key and length are those it was made with, and it was one then.
        unsafe {
            Blocks::free(self.0, Layout::from_size_align_unchecked(self.block_bytes() as usize, WORD));
        }
    }
}
