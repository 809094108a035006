//! Bitmaps: strings as arrays of bits and of small integers.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, Parse, args, is_token};
use super::reply::{Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Marks, Ttl};
use crate::number;
use crate::resp::write::Writer;
use crate::value::bits;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Bitmap = [
        { "bitcount", bitcount as BitCount, since: "2.6.0", cost: "O(N)", flags: [READONLY], reply: Integer,
          "Counts the bits that are set, in a range of bytes or bits if asked." },
        { "bitfield", bitfield as BitField, since: "3.2.0", cost: "O(1) an operation", flags: [WRITE, DENYOOM], reply: Array(&Maybe(&Integer)),
          "Reads, sets and adds to integers of any width inside a string." },
        { "bitfield_ro", bitfield_ro as BitFieldRo, since: "6.0.0", cost: "O(1) an operation", flags: [READONLY, FAST],
          reply: Array(&Maybe(&Integer)), "Reads integers of any width inside a string." },
        { "bitop", bitop as BitOp, since: "2.6.0", cost: "O(N)", flags: [WRITE, DENYOOM], reply: Integer,
          "Combines strings bit by bit and stores the result; answers its length." },
        { "bitpos", bitpos as BitPos, since: "2.8.7", cost: "O(N)", flags: [READONLY], reply: Integer,
          "The position of the first bit that is set, or clear, in a range of bytes or bits if asked." },
        { "getbit", getbit as GetBit, since: "2.2.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "One bit; 0 behind the end." },
        { "setbit", setbit as SetBit, since: "2.2.0", cost: "O(1)", flags: [WRITE, DENYOOM], reply: Integer,
          "Sets or clears one bit, growing the string with zeros; answers what it was." },
    ]
}

// ---- one bit ----------------------------------------------------------------------------------------------------------------------------

/// The place of a bit, as text: how far it may be depends on `proto-max-bulk-len`.
fn bit_offset(call: &Call<'_>, word: &[u8], width: Option<u32>) -> Result<u64> {
    let (digits, step) = match (word, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, u64::from(width)),
        _ => (word, 1),
    };
    number::parse_i64(digits)
        .and_then(|offset| u64::try_from(offset).ok())
        .and_then(|offset| offset.checked_mul(step))
        .filter(|offset| offset / 8 < call.config().proto_max_bulk_len)
        .ok_or(ReplyError::BIT_OFFSET)
}

args! { GetBit<'a> { key: Key<'a, RO_ACCESS>, offset: &'a [u8] } }

pub fn getbit(call: &mut Call<'_>, args: GetBit<'_>) -> Result<bool> {
    let offset = bit_offset(call, args.offset, None)?;
    Ok(call.keys.read_string(&args.key)?.is_some_and(|bytes| bits::get(bytes, offset)))
}

args! { SetBit<'a> { key: Key<'a, RW_ACCESS_UPDATE>, offset: &'a [u8], value: &'a [u8] } }

pub fn setbit(call: &mut Call<'_>, args: SetBit<'_>) -> Result<bool> {
    let offset = bit_offset(call, args.offset, None)?;
    let on = match args.value {
        b"0" => false,
        b"1" => true,
        _ => return Err(ReplyError::BIT_VALUE),
    };
    let (bytes, grown) = grow(call, &args.key, offset)?;
    let old = bits::get(bytes, offset);
    bits::set(bytes, offset, on);
    if grown || old != on {
        call.keys.changed(&args.key, Class::STRING, "setbit");
    }
    Ok(old)
}

/// The string with room for the bit at `last`, and whether it had to be made or grown.
fn grow<'c>(call: &'c mut Call<'_>, key: &[u8], last: u64) -> Result<(&'c mut [u8], bool)> {
    let needed = usize::try_from(last / 8).ok().and_then(|byte| byte.checked_add(1)).ok_or(ReplyError::BIT_OFFSET)?;
    let old = call.keys.read_string(key)?.map(<[u8]>::len);
    let bytes = call.keys.resize_string(key, needed.max(old.unwrap_or(0)))?;
    Ok((bytes, old.is_none_or(|old| old < needed)))
}

// ---- ranges -----------------------------------------------------------------------------------------------------------------------------

/// Words of a range, judged only once the key was looked at.
pub struct BitCount<'a> {
    pub key: &'a [u8],
    range: &'a [&'a [u8]],
}

const UNIT: ArgSpec = ArgSpec::choice(&[
    ArgSpec::new(ArgKind::PureToken).named("byte").with_token("BYTE"),
    ArgSpec::new(ArgKind::PureToken).named("bit").with_token("BIT"),
])
.named("unit");

impl<'a> Parse<'a> for BitCount<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::Key(RO_ACCESS)).named("key"),
        ArgSpec::of(
            ArgKind::Block,
            &[ArgSpec::new(ArgKind::Integer).named("start"), ArgSpec::new(ArgKind::Integer).named("end"), UNIT],
        )
        .named("range")
        .optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: args.word()?, range: args.take_rest() })
    }
}

/// First and last bit that a range means in a string of `len` bytes; `None` where it is empty.
fn bit_range(start: i64, end: i64, by_bit: bool, len: usize) -> Option<(u64, u64)> {
    let total = i64::try_from(len).ok()?.checked_mul(if by_bit { 8 } else { 1 })?;
    let place = |index: i64| if index < 0 { index.saturating_add(total).max(0) } else { index };
    let (start, end) = (place(start), place(end).min(total.checked_sub(1)?));
    if start > end {
        return None;
    }
    let (start, end) = (u64::try_from(start).ok()?, u64::try_from(end).ok()?);
    if by_bit { Some((start, end)) } else { Some((start.checked_mul(8)?, end.checked_mul(8)?.checked_add(7)?)) }
}

fn unit_is_bit(word: &[u8]) -> Result<bool> {
    match word {
        word if is_token(word, "BIT") => Ok(true),
        word if is_token(word, "BYTE") => Ok(false),
        _ => Err(ReplyError::SYNTAX),
    }
}

fn integer(word: &[u8]) -> Result<i64> {
    number::parse_i64(word).ok_or(ReplyError::NOT_INTEGER)
}

pub fn bitcount(call: &mut Call<'_>, args: BitCount<'_>) -> Result<u64> {
    let Some(bytes) = call.keys.read_string(args.key)? else { return Ok(0) };
    let (start, end, unit) = match args.range {
        [] => return Ok(bits::count(bytes)),
        [start, end] => (integer(start)?, integer(end)?, None),
        [start, end, unit] => (integer(start)?, integer(end)?, Some(unit)),
        _ => return Err(ReplyError::SYNTAX),
    };
    // Before the unit is looked at: ends before the first are moved to the first, unless they are in the wrong order: that BITCOUNT notices, and BITPOS does not.
    if start < 0 && end < 0 && start > end {
        return Ok(0);
    }
    let by_bit = unit.map_or(Ok(false), |unit| unit_is_bit(unit))?;
    let range = bit_range(start, end, by_bit, bytes.len());
    Ok(range.map_or(0, |(first, last)| bits::count_range(bytes, first, last)))
}

/// `BITPOS key bit [start [end [BYTE|BIT]]]`.
pub struct BitPos<'a> {
    pub key: &'a [u8],
    bit: bool,
    range: &'a [&'a [u8]],
}

impl<'a> Parse<'a> for BitPos<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::Key(RO_ACCESS)).named("key"),
        ArgSpec::new(ArgKind::Integer).named("bit"),
        ArgSpec::of(
            ArgKind::Block,
            &[
                ArgSpec::new(ArgKind::Integer).named("start"),
                ArgSpec::of(ArgKind::Block, &[ArgSpec::new(ArgKind::Integer).named("end"), UNIT])
                    .named("end-unit-block")
                    .optional(),
            ],
        )
        .named("range")
        .optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = args.word()?;
        let bit = match integer(args.word()?)? {
            0 => false,
            1 => true,
            _ => return Err(ReplyError::err("The bit argument must be 1 or 0.")),
        };
        Ok(Self { key, bit, range: args.take_rest() })
    }
}

pub fn bitpos(call: &mut Call<'_>, args: BitPos<'_>) -> Result<i64> {
    let Some(bytes) = call.keys.read_string(args.key)? else { return Ok(if args.bit { -1 } else { 0 }) };
    let range = match args.range {
        [] => bit_range(0, -1, false, bytes.len()),
        [start] => bit_range(integer(start)?, -1, false, bytes.len()),
        [start, end] => bit_range(integer(start)?, integer(end)?, false, bytes.len()),
        [start, end, unit] => {
            let start = integer(start)?;
            let by_bit = unit_is_bit(unit)?;
            bit_range(start, integer(end)?, by_bit, bytes.len())
        }
        _ => return Err(ReplyError::SYNTAX),
    };
    let Some((first, last)) = range else { return Ok(-1) };
    let found = bits::position(bytes, args.bit, first, last);
    // Without an end the string goes on in zeros.
    let behind = (!args.bit && args.range.len() < 2).then(|| last.saturating_add(1));
    Ok(found.or(behind).and_then(|bit| i64::try_from(bit).ok()).unwrap_or(-1))
}

// ---- BITOP ------------------------------------------------------------------------------------------------------------------------------

/// How BITOP combines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// Bits of the first that none of the others has (8.2).
    Diff,
    /// Bits of the others that the first has not (8.2).
    Diff1,
    /// Bits of the first that any of the others has (8.2).
    AndOr,
    /// Bits that exactly one has (8.2).
    One,
}

const OPERATIONS: [(&str, Operation); 8] = [
    ("AND", Operation::And),
    ("OR", Operation::Or),
    ("XOR", Operation::Xor),
    ("NOT", Operation::Not),
    ("DIFF", Operation::Diff),
    ("DIFF1", Operation::Diff1),
    ("ANDOR", Operation::AndOr),
    ("ONE", Operation::One),
];

const fn operation(token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(token).with_token(token)
}

impl<'a> Arg<'a> for Operation {
    const SPEC: ArgSpec = ArgSpec::of(
        ArgKind::OneOf,
        &[
            operation("AND"),
            operation("OR"),
            operation("XOR"),
            operation("NOT"),
            operation("DIFF"),
            operation("DIFF1"),
            operation("ANDOR"),
            operation("ONE"),
        ],
    );
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let word = args.word()?;
        OPERATIONS.iter().find(|(name, _)| is_token(word, name)).map(|(_, operation)| *operation).ok_or(ReplyError::SYNTAX)
    }
}

args! { BitOp<'a> { operation: Operation, destkey: Key<'a, OW_UPDATE>, keys: Many<'a, Key<'a, RO_ACCESS>> } }

pub fn bitop(call: &mut Call<'_>, args: BitOp<'_>) -> Result<usize> {
    let sources = args.keys.words();
    match args.operation {
        Operation::Not if sources.len() != 1 => {
            return Err(ReplyError::err("BITOP NOT must be called with a single source key."));
        }
        Operation::Diff | Operation::Diff1 | Operation::AndOr if sources.len() < 2 => {
            return Err(ReplyError::err("BITOP DIFF, DIFF1 and ANDOR must be called with at least two source keys."));
        }
        _ => {}
    }
    let mut longest = 0usize;
    for key in sources {
        longest = longest.max(call.keys.read_string(key)?.map_or(0, <[u8]>::len));
    }
    if longest == 0 {
        call.keys.delete(&args.destkey);
        return Ok(0);
    }
    // The result, what a second pass needs, and the copy in the keyspace.
    call.keys.reserve((longest as u64).saturating_mul(3))?;
    let result = combine(call, args.operation, sources, longest)?;
    call.keys.set_string(&args.destkey, &result, Ttl::Clear)?;
    call.keys.set_marks(&args.destkey, Marks::EDITED);
    call.keys.changed(&args.destkey, Class::STRING, "set");
    Ok(longest)
}

fn zeros(len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| ReplyError::MEMORY)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// The combination of all sources, each as if it went on in zeros to `len` bytes.
fn combine(call: &mut Call<'_>, operation: Operation, sources: &[&[u8]], len: usize) -> Result<Vec<u8>> {
    let mut result = zeros(len)?;
    // For ONE: bits that more than one has.
    let mut twice = if operation == Operation::One { zeros(len)? } else { Vec::new() };
    for (index, key) in sources.iter().enumerate() {
        let source = call.keys.read_string(key)?.unwrap_or(&[]);
        let source = source.iter().copied().chain(core::iter::repeat(0));
        for (at, (byte, other)) in result.iter_mut().zip(source).enumerate() {
            *byte = match (operation, index) {
                (Operation::Not, _) => !other,
                // These compare the first with what the others have together; `finish` does it.
                (Operation::Diff | Operation::Diff1 | Operation::AndOr, 0) => 0,
                (Operation::Diff | Operation::Diff1 | Operation::AndOr, _) => *byte | other,
                (_, 0) => other,
                (Operation::And, _) => *byte & other,
                (Operation::Or, _) => *byte | other,
                (Operation::Xor, _) => *byte ^ other,
                (Operation::One, _) => {
                    if let Some(twice) = twice.get_mut(at) {
                        *twice |= *byte & other;
                    }
                    *byte | other
                }
            };
        }
    }
    finish(call, operation, sources, &mut result, &twice)?;
    Ok(result)
}

fn finish(call: &mut Call<'_>, operation: Operation, sources: &[&[u8]], others: &mut [u8], twice: &[u8]) -> Result<()> {
    if operation == Operation::One {
        others.iter_mut().zip(twice).for_each(|(byte, twice)| *byte &= !twice);
        return Ok(());
    }
    let first = match sources.first() {
        Some(key) => call.keys.read_string(key)?.unwrap_or(&[]),
        None => &[],
    };
    for (byte, first) in others.iter_mut().zip(first.iter().copied().chain(core::iter::repeat(0))) {
        *byte = match operation {
            Operation::Diff => first & !*byte,
            Operation::Diff1 => *byte & !first,
            Operation::AndOr => first & *byte,
            _ => *byte,
        };
    }
    Ok(())
}

// ---- BITFIELD ---------------------------------------------------------------------------------------------------------------------------

/// What INCRBY and SET do with a number that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Overflow {
    #[default]
    Wrap,
    Saturate,
    Fail,
}

/// `u8`, `i64` …
#[derive(Clone, Copy, Debug)]
struct Encoding {
    signed: bool,
    width: u32,
}

impl Encoding {
    fn parse(word: &[u8]) -> Result<Self> {
        let parsed = word.split_first().and_then(|(sign, digits)| {
            let width = u32::try_from(number::parse_i64(digits)?).ok()?;
            match sign {
                b'i' if (1..=64).contains(&width) => Some(Self { signed: true, width }),
                b'u' if (1..=63).contains(&width) => Some(Self { signed: false, width }),
                _ => None,
            }
        });
        parsed.ok_or_else(|| {
            ReplyError::err("Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
        })
    }

    fn bounds(self) -> (i128, i128) {
        let power = 1i128.wrapping_shl(if self.signed { self.width.wrapping_sub(1) } else { self.width });
        (if self.signed { power.wrapping_neg() } else { 0 }, power.wrapping_sub(1))
    }

    /// The number that bits spell.
    fn decode(self, bits: u64) -> i64 {
        let shift = 64u32.wrapping_sub(self.width);
        let high = bits.wrapping_shl(shift);
        if self.signed { high.cast_signed().wrapping_shr(shift) } else { high.wrapping_shr(shift).cast_signed() }
    }

    /// A number made to fit; `None` where it fails.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (least, most) = self.bounds();
        if (least..=most).contains(&number) {
            return i64::try_from(number).ok();
        }
        match overflow {
            Overflow::Wrap => Some(self.decode(number as u64)),
            Overflow::Saturate => i64::try_from(number.clamp(least, most)).ok(),
            Overflow::Fail => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Get,
    Set(i64),
    Add(i64),
}

#[derive(Clone, Copy, Debug)]
struct Step {
    encoding: Encoding,
    change: Change,
    overflow: Overflow,
}

const GET: ArgSpec = ArgSpec::of(
    ArgKind::Block,
    &[ArgSpec::new(ArgKind::String).named("encoding"), ArgSpec::new(ArgKind::Integer).named("offset")],
)
.named("get")
.with_token("GET")
.optional()
.multiple();

const fn writing(token: &'static str, number: &'static [ArgSpec]) -> ArgSpec {
    ArgSpec::of(ArgKind::Block, number).named(token).with_token(token).optional().multiple()
}

/// `BITFIELD key [GET encoding offset | [OVERFLOW …] SET encoding offset value | INCRBY encoding offset increment …]`.
pub struct BitField<'a> {
    pub key: &'a [u8],
    words: &'a [&'a [u8]],
}

impl<'a> Parse<'a> for BitField<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::Key(RW_ACCESS_UPDATE | VARIABLE_BIT)).named("key"),
        GET,
        ArgSpec::choice(&[operation("WRAP"), operation("SAT"), operation("FAIL")]).named("overflow").with_token("OVERFLOW"),
        writing(
            "SET",
            &[
                ArgSpec::new(ArgKind::String).named("encoding"),
                ArgSpec::new(ArgKind::Integer).named("offset"),
                ArgSpec::new(ArgKind::Integer).named("value"),
            ],
        ),
        writing(
            "INCRBY",
            &[
                ArgSpec::new(ArgKind::String).named("encoding"),
                ArgSpec::new(ArgKind::Integer).named("offset"),
                ArgSpec::new(ArgKind::Integer).named("increment"),
            ],
        ),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: args.word()?, words: args.take_rest() })
    }
}

/// `BITFIELD_RO key [GET encoding offset …]`.
pub struct BitFieldRo<'a>(BitField<'a>);

impl<'a> Parse<'a> for BitFieldRo<'a> {
    const SPECS: &'static [ArgSpec] = &[ArgSpec::new(ArgKind::Key(RO_ACCESS)).named("key"), GET];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        BitField::parse(args).map(Self)
    }
}

/// The steps with the places they touch.
fn steps(call: &Call<'_>, words: &[&[u8]], read_only: bool) -> Result<Vec<(Step, u64)>> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::default();
    let mut rest = words;
    loop {
        rest = match rest {
            [] => break,
            [word, kind, tail @ ..] if is_token(word, "OVERFLOW") => {
                overflow = parse_overflow(kind)?;
                tail
            }
            [word, encoding, offset, tail @ ..] if is_token(word, "GET") => {
                steps.push(step(call, encoding, offset, Change::Get, overflow)?);
                tail
            }
            [word, encoding, offset, number, tail @ ..] if is_token(word, "SET") || is_token(word, "INCRBY") => {
                let mut placed = step(call, encoding, offset, Change::Get, overflow)?;
                if read_only {
                    return Err(ReplyError::err("BITFIELD_RO only supports the GET subcommand"));
                }
                let number = integer(number)?;
                placed.0.change = if is_token(word, "SET") { Change::Set(number) } else { Change::Add(number) };
                steps.push(placed);
                tail
            }
            _ => return Err(ReplyError::SYNTAX),
        };
    }
    Ok(steps)
}

fn parse_overflow(word: &[u8]) -> Result<Overflow> {
    match word {
        word if is_token(word, "WRAP") => Ok(Overflow::Wrap),
        word if is_token(word, "SAT") => Ok(Overflow::Saturate),
        word if is_token(word, "FAIL") => Ok(Overflow::Fail),
        _ => Err(ReplyError::err("Invalid OVERFLOW type specified")),
    }
}

fn step(call: &Call<'_>, encoding: &[u8], offset: &[u8], change: Change, overflow: Overflow) -> Result<(Step, u64)> {
    let encoding = Encoding::parse(encoding)?;
    let at = bit_offset(call, offset, Some(encoding.width))?;
    Ok((Step { encoding, change, overflow }, at))
}

pub fn bitfield(call: &mut Call<'_>, args: BitField<'_>) -> Result<impl Reply + use<>> {
    run(call, args, false)
}

pub fn bitfield_ro(call: &mut Call<'_>, args: BitFieldRo<'_>) -> Result<impl Reply + use<>> {
    run(call, args.0, true)
}

fn run(call: &mut Call<'_>, args: BitField<'_>, read_only: bool) -> Result<impl Reply + use<>> {
    let steps = steps(call, args.words, read_only)?;
    let last_written = steps
        .iter()
        .filter(|(step, _)| !matches!(step.change, Change::Get))
        .map(|(step, at)| at.saturating_add(u64::from(step.encoding.width)).saturating_sub(1))
        .max();
    let mut results: Vec<Option<i64>> = Vec::new();
    match last_written {
        None => {
            let bytes = call.keys.read_string(args.key)?.unwrap_or(&[]);
            results
                .extend(steps.iter().map(|(step, at)| Some(step.encoding.decode(bits::read(bytes, *at, step.encoding.width)))));
        }
        Some(last) => {
            let (bytes, grown) = grow(call, args.key, last)?;
            let mut wrote = false;
            for (step, at) in &steps {
                let (result, writes) = step.apply(bytes, *at);
                results.push(result);
                wrote |= writes.is_some_and(|changes| grown || changes);
            }
            if wrote {
                call.keys.changed(args.key, Class::STRING, "setbit");
            } else if grown {
                // Nobody is told of zeros alone, as in Redis, but they are there.
                call.keys.dirty = call.keys.dirty.wrapping_add(1);
            }
        }
    }
    Ok(With(move |writer: &mut Writer<'_>| results.write(writer)))
}

impl Step {
    /// What the step answers, and if it wrote, whether that changed anything.
    fn apply(&self, bytes: &mut [u8], at: u64) -> (Option<i64>, Option<bool>) {
        let Self { encoding, overflow, .. } = *self;
        let old = encoding.decode(bits::read(bytes, at, encoding.width));
        let (new, answer_old) = match self.change {
            Change::Get => return (Some(old), None),
            // Unsigned fields take the number's bits: what is negative is very large there.
            Change::Set(number) if !encoding.signed => (encoding.fit(i128::from(number.cast_unsigned()), overflow), true),
            Change::Set(number) => (encoding.fit(i128::from(number), overflow), true),
            Change::Add(increment) => (encoding.fit(i128::from(old).saturating_add(i128::from(increment)), overflow), false),
        };
        let Some(new) = new else { return (None, None) };
        bits::write(bytes, at, encoding.width, new.cast_unsigned());
        (Some(if answer_old { old } else { new }), Some(old != new))
    }
}
