//! The area: a fixed stretch of linear memory through which keys, fields, values and answers of the hot lanes pass.
//!
//! ```text
//! byte 0      64        2112        4160                          65536
//!      header | key     | field     | value                       |
//! ```
//!
//! Fixed places spare the glue all arithmetic and all asking for memory: it writes at constant addresses, through views made once. What
//! does not fit goes through the door.

use core::cell::UnsafeCell;

pub const PART: usize = 2048;
pub const VALUE: usize = 65536 - 64 - 2 * PART;

/// What an export says beside its returned number. The glue reads it as words in this order.
#[repr(C, align(16))]
pub struct Header {
    /// Bytes of the value at the returned pointer.
    pub length: u32,
    /// 1 if that value is ASCII and may be read one byte a character.
    pub ascii: u32,
    /// An integer answer.
    pub low: u32,
    pub high: u32,
    _room: [u32; 12],
}

#[repr(C, align(16))]
pub struct Area {
    pub header: Header,
    pub key: [u8; PART],
    pub field: [u8; PART],
    pub value: [u8; VALUE],
}

struct Shared(UnsafeCell<Area>);

// SAFETY: the module has one thread.
unsafe impl Sync for Shared {}

static AREA: Shared = Shared(UnsafeCell::new(Area {
    header: Header { length: 0, ascii: 0, low: 0, high: 0, _room: [0; 12] },
    key: [0; PART],
    field: [0; PART],
    value: [0; VALUE],
}));

/// Where the area lies.
pub fn address() -> *mut Area {
    AREA.0.get()
}

/// The area, for as long as one export runs.
pub fn area() -> &'static mut Area {
    // SAFETY: one thread; each export calls this once, and no export runs inside another.
    unsafe { &mut *AREA.0.get() }
}

impl Area {
    pub fn key(&self, length: u32) -> &[u8] {
        self.key.get(..length as usize).unwrap_or(&[])
    }

    pub fn field(&self, length: u32) -> &[u8] {
        self.field.get(..length as usize).unwrap_or(&[])
    }

    pub fn value(&self, length: u32) -> &[u8] {
        self.value.get(..length as usize).unwrap_or(&[])
    }
}

/// Whether all bytes are ASCII, by words: `<[u8]>::is_ascii` goes byte by byte when it is compiled for size.
pub fn is_ascii(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let all = words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
    rest.iter().fold(all, |all, byte| all | u64::from(*byte)) & 0x8080_8080_8080_8080 == 0
}

impl Header {
    /// Describes `value` and returns its address.
    pub fn show(&mut self, value: &[u8]) -> u32 {
        self.length = value.len() as u32;
        self.ascii = u32::from(is_ascii(value));
        value.as_ptr() as usize as u32
    }

    pub fn integer(&mut self, value: i64) {
        self.low = value as u32;
        self.high = (value >> 32) as u32;
    }
}
