//! A command's grammar as bytes: what its [`ArgSpec`]s say, in a third of their room.
//!
//! Every command carries its grammar, for COMMAND DOCS, to find keys, and for ACLs; as structs of pointers they were a tenth of the WebAssembly
//! module. So a row keeps them written down one after another, by the compiler, and they are read on their way:
//!
//! ```text
//! head    kind in four bits, then one bit each: optional, multiple, has parts
//! least   fewest words that the argument takes
//! flags   two bytes, only of keys
//! name    length, bytes
//! token   length (SAME: as the name), bytes
//! parts   length in two bytes and a grammar, only if there are any
//! ```

use super::args::{ArgKind, ArgSpec, KeyFlags};

const OPTIONAL: u8 = 1 << 4;
const MULTIPLE: u8 = 1 << 5;
const PARTS: u8 = 1 << 6;
/// In place of a token's length: it is spelled as the name.
const SAME: u8 = u8::MAX;

/// What arguments a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grammar(&'static [u8]);

/// One argument, read: see [`ArgSpec`].
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    pub name: &'static str,
    pub kind: ArgKind,
    /// The word that announces the argument; empty if there is none.
    pub token: &'static str,
    pub optional: bool,
    /// May be repeated; at least once unless optional.
    pub multiple: bool,
    /// Fewest words that the argument takes.
    pub least_words: usize,
    /// Parts of a `OneOf` or `Block`.
    pub parts: Grammar,
}

impl Grammar {
    pub const NONE: Self = Self(&[]);

    /// A grammar that [`written`] wrote.
    pub(super) const fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether more of them may follow, if the first argument is a key.
    #[inline]
    pub fn leading_key(self) -> Option<bool> {
        let head = *self.0.first()?;
        // The kind 0 is that of keys.
        (head & 15 == 0).then_some(head & MULTIPLE != 0)
    }

    /// Each argument in turn; none of the parts.
    pub fn arguments(self) -> Arguments {
        Arguments(self.0)
    }
}

/// The arguments of a [`Grammar`], in turn.
#[derive(Clone)]
pub struct Arguments(&'static [u8]);

impl Arguments {
    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    fn two(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn take(&mut self, len: usize) -> &'static [u8] {
        let (taken, rest) = self.0.split_at_checked(len).unwrap_or_default();
        self.0 = rest;
        taken
    }

    fn text(&mut self, len: u8) -> &'static str {
        str::from_utf8(self.take(usize::from(len))).unwrap_or_default()
    }
}

impl Iterator for Arguments {
    type Item = Argument;

    #[inline(never)]
    fn next(&mut self) -> Option<Argument> {
        if self.0.is_empty() {
            return None;
        }
        let (head, least_words) = (self.byte(), usize::from(self.byte()));
        let kind = match head & 15 {
            0 => ArgKind::Key(self.two()),
            1 => ArgKind::NumKeys(self.two()),
            2 => ArgKind::String,
            3 => ArgKind::Integer,
            4 => ArgKind::Double,
            5 => ArgKind::Pattern,
            6 => ArgKind::PureToken,
            7 => ArgKind::OneOf,
            _ => ArgKind::Block,
        };
        let len = self.byte();
        let name = self.text(len);
        let token = match self.byte() {
            SAME => name,
            len => self.text(len),
        };
        let parts = if head & PARTS != 0 { usize::from(self.two()) } else { 0 };
        let parts = Grammar(self.take(parts));
        Some(Argument { name, kind, token, optional: head & OPTIONAL != 0, multiple: head & MULTIPLE != 0, least_words, parts })
    }
}

/// Bytes that `specs` take when written.
pub(super) const fn len(specs: &[ArgSpec]) -> usize {
    write(&mut [], 0, specs)
}

/// `specs`, written; `N` is their [`len`].
pub(super) const fn written<const N: usize>(specs: &[ArgSpec]) -> [u8; N] {
    let mut bytes = [0; N];
    write(&mut bytes, 0, specs);
    bytes
}

/// Writes from `at` on as far as there is room; gives the end that there would be with enough of it.
const fn write(to: &mut [u8], mut at: usize, specs: &[ArgSpec]) -> usize {
    let mut rest = specs;
    while let [spec, tail @ ..] = rest {
        rest = tail;
        let (kind, flags) = kind_of(spec.kind);
        let optional = if spec.optional { OPTIONAL } else { 0 };
        let multiple = if spec.multiple { MULTIPLE } else { 0 };
        let parts = if spec.parts.is_empty() { 0 } else { PARTS };
        at = put(to, at, &[kind | optional | multiple | parts, spec.least_words() as u8]);
        if let Some(flags) = flags {
            at = put(to, at, &flags.to_le_bytes());
        }
        let (name, token) = (spec.name.as_bytes(), spec.token.as_bytes());
        at = put(to, at, &[name.len() as u8]);
        at = put(to, at, name);
        if equal(name, token) {
            at = put(to, at, &[SAME]);
        } else {
            at = put(to, at, &[token.len() as u8]);
            at = put(to, at, token);
        }
        if !spec.parts.is_empty() {
            at = put(to, at, &(len(spec.parts) as u16).to_le_bytes());
            at = write(to, at, spec.parts);
        }
    }
    at
}

const fn kind_of(kind: ArgKind) -> (u8, Option<KeyFlags>) {
    match kind {
        ArgKind::Key(flags) => (0, Some(flags)),
        ArgKind::NumKeys(flags) => (1, Some(flags)),
        ArgKind::String => (2, None),
        ArgKind::Integer => (3, None),
        ArgKind::Double => (4, None),
        ArgKind::Pattern => (5, None),
        ArgKind::PureToken => (6, None),
        ArgKind::OneOf => (7, None),
        ArgKind::Block => (8, None),
    }
}

const fn put(to: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let mut next = at;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        if let Some((_, [slot, ..])) = to.split_at_mut_checked(next) {
            *slot = *byte;
        }
        next = next.saturating_add(1);
        rest = tail;
    }
    next
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([x, a @ ..], [y, b @ ..]) => *x == *y && equal(a, b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::key_flags::RO;
    use alloc::vec::Vec;

    const SPECS: &[ArgSpec] = &[
        ArgSpec::new(ArgKind::Key(RO)).named("key").multiple(),
        ArgSpec::choice(&[
            ArgSpec::new(ArgKind::Integer).named("seconds").with_token("EX"),
            ArgSpec::new(ArgKind::PureToken).named("KEEPTTL").with_token("KEEPTTL"),
        ])
        .named("expiry"),
        ArgSpec::new(ArgKind::Double).named("timeout"),
    ];
    static BYTES: [u8; len(SPECS)] = written(SPECS);

    fn told(spec: &ArgSpec) -> alloc::string::String {
        let parts: Vec<_> = spec.parts.iter().map(told).collect();
        let ArgSpec { name, kind, token, optional, multiple, .. } = spec;
        alloc::format!("{name} {kind:?} {token} {optional} {multiple} {} {parts:?}", spec.least_words())
    }

    fn read(argument: Argument) -> alloc::string::String {
        let parts: Vec<_> = argument.parts.arguments().map(read).collect();
        let Argument { name, kind, token, optional, multiple, least_words, .. } = argument;
        alloc::format!("{name} {kind:?} {token} {optional} {multiple} {least_words} {parts:?}")
    }

    #[test]
    fn what_is_written_reads_as_it_was_declared() {
        let declared: Vec<_> = SPECS.iter().map(told).collect();
        let read: Vec<_> = Grammar::new(&BYTES).arguments().map(read).collect();
        assert_eq!(read, declared);
    }
}
