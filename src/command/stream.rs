//! Streams: adding, reading by range, deleting and trimming entries.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, Parse, WRONG_ARITY, args, is_token};
use super::reply::{Ok as Okay, Reply};
use super::rows;
use crate::call::Call;
use crate::effects;
use crate::error::{ReplyError, Result, c_string};
use crate::keyspace::Class;
use crate::number;
use crate::resp::write::Writer;
use crate::value::Collection;
use crate::value::stream::{self, Entry, Id, References, Stream, Threshold, Trim};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Stream = [
        { "xadd", xadd as XAdd, since: "5.0.0", cost: "O(1), and O(N) for N entries trimmed", flags: [WRITE, DENYOOM, FAST, REPEATS_SAID], reply: Maybe(&Bulk),
          "Adds an entry of fields and values to a stream; answers its ID. (KEEPREF, DELREF and ACKED are of Redis 8.2.)" },
        { "xdel", xdel as XDel, since: "5.0.0", cost: "O(log S) an ID", flags: [WRITE, FAST], reply: Integer,
          "Deletes entries; answers how many there were." },
        { "xdelex", xdelex as XDelEx, since: "8.2.0", cost: "O(log S) an ID and group", flags: [WRITE, FAST], reply: Array(&Integer),
          "Deletes entries with regard to consumer groups; answers for each ID 1 (deleted), 2 (still referenced) or -1 (no such entry)." },
        { "xlen", xlen as XLen, since: "5.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "How many entries a stream has." },
        { "xrange", xrange as XRange<'_, false>, since: "5.0.0", cost: "O(log S + N), N entries answered", flags: [READONLY], reply: Array(&Any),
          "Entries from one ID to another." },
        { "xrevrange", xrevrange as XRange<'_, true>, since: "5.0.0", cost: "O(log S + N), N entries answered", flags: [READONLY],
          reply: Array(&Any), "Entries from one ID back to another." },
        { "xsetid", xsetid as XSetId, since: "5.0.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST], reply: Ok,
          "Sets what a stream knows of its past: the greatest ID given, how many entries were added, the greatest ID deleted." },
        { "xtrim", xtrim as XTrim, since: "5.0.0", cost: "O(N), N entries removed", flags: [WRITE, REPEATS_SAID], reply: Integer,
          "Removes entries from the front, down to a length or up to an ID; answers how many. (KEEPREF, DELREF and ACKED are of Redis 8.2.)" },
    ]
}

// ---- IDs --------------------------------------------------------------------------------------------------------------------------------

/// A number as C's `strtoull` reads it where the strict form does not fit: leading zeros, spaces and a sign are allowed, and a minus wraps.
fn lax_u64(text: &[u8]) -> Option<u64> {
    if let Some(number) = number::parse_i64(text) {
        return u64::try_from(number).ok();
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    let (negative, digits) = match text.get(start..)? {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let number = digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    (!digits.is_empty()).then_some(if negative { number.wrapping_neg() } else { number })
}

/// An ID as clients write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// `ms-seq`, or `ms` alone.
    Whole(Id),
    /// `ms-*`: the number is to be chosen.
    Part(u64),
}

/// Reads `ms-seq`, `ms` (the number then is `missing`), and `ms-*`.
pub(super) fn written_id(word: &[u8], missing: u64) -> Result<Written> {
    let read = || {
        let text = (word.len() < 128).then(|| c_string(word))?;
        let mut parts = text.splitn(2, |&byte| byte == b'-');
        let ms = lax_u64(parts.next()?)?;
        match parts.next() {
            None => Some(Written::Whole(Id { ms, seq: missing })),
            Some(b"*") => Some(Written::Part(ms)),
            Some(seq) => Some(Written::Whole(Id { ms, seq: lax_u64(seq)? })),
        }
    };
    read().ok_or(ReplyError::STREAM_ID)
}

/// Reads a whole ID.
pub(super) fn strict_id(word: &[u8], missing: u64) -> Result<Id> {
    match written_id(word, missing)? {
        Written::Whole(id) => Ok(id),
        Written::Part(_) => Err(ReplyError::STREAM_ID),
    }
}

/// Reads a whole ID, or `-` and `+` for the least and the greatest.
pub(super) fn id_or_edge(word: &[u8], missing: u64) -> Result<Id> {
    match c_string(word) {
        _ if word.len() >= 128 => Err(ReplyError::STREAM_ID),
        b"-" => Ok(Id::MIN),
        b"+" => Ok(Id::MAX),
        _ => strict_id(word, missing),
    }
}

/// An ID of which it is certain that it is one.
#[derive(Clone, Copy, Debug)]
pub struct StreamId(pub Id);

impl<'a> Arg<'a> for StreamId {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::String);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        strict_id(args.word()?, 0).map(Self)
    }
}

/// Where an interval begins: an ID, `-`, or `(` and an ID that does not belong to it.
pub(super) fn interval_start(word: &[u8]) -> Result<Id> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => strict_id(id, 0)?.next().ok_or(ReplyError::INTERVAL_START),
        _ => id_or_edge(word, 0),
    }
}

/// Where an interval ends.
pub(super) fn interval_end(word: &[u8]) -> Result<Id> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => strict_id(id, u64::MAX)?.prev().ok_or(ReplyError::INTERVAL_END),
        _ => id_or_edge(word, u64::MAX),
    }
}

pub(super) fn integer(args: &mut Args<'_>) -> Result<i64> {
    i64::arg(args)
}

/// All IDs of a request, before anything is done.
pub(super) fn all_ids(ids: &Many<'_, StreamId>) -> Result<Vec<Id>> {
    ids.iter().map(|id| id.map(|id| id.0)).collect()
}

impl Reply for Id {
    fn write(self, writer: &mut Writer<'_>) {
        write_id(writer, self);
    }
}

/// An ID in digits.
pub fn id_text(id: Id) -> Vec<u8> {
    let mut digits = [0; 20];
    let mut text = number::write_u64(id.ms, &mut digits).to_vec();
    text.push(b'-');
    text.extend_from_slice(number::write_u64(id.seq, &mut digits));
    text
}

pub(super) fn write_id(writer: &mut Writer<'_>, id: Id) {
    let (mut text, mut digits) = ([0u8; 41], [0; 20]);
    let mut rest = &mut text[..];
    let mut len = 0usize;
    let mut put = |bytes: &[u8]| {
        let (to, behind) = core::mem::take(&mut rest).split_at_mut(bytes.len());
        to.copy_from_slice(bytes);
        rest = behind;
        len = len.saturating_add(bytes.len());
    };
    put(number::write_u64(id.ms, &mut digits));
    put(b"-");
    put(number::write_u64(id.seq, &mut digits));
    writer.bulk(text.get(..len).unwrap_or(&[]));
}

// ---- entries ----------------------------------------------------------------------------------------------------------------------------

/// `[id, [field, value, …]]`.
pub(super) fn write_entry(writer: &mut Writer<'_>, entry: &Entry<'_>) {
    writer.array(2);
    write_id(writer, entry.id);
    writer.array(entry.len().saturating_mul(2));
    for (field, value) in entry.fields() {
        writer.bulk(&field);
        writer.bulk(&value);
    }
}

/// Some entries of a stream in order.
#[derive(Clone)]
pub struct Entries<'c> {
    range: Option<stream::Range<'c>>,
    left: usize,
}

impl<'c> Entries<'c> {
    /// The entries of a range, at most `count` (0: all).
    pub(super) fn new(range: stream::Range<'c>, count: usize) -> Self {
        Self { range: Some(range), left: if count == 0 { usize::MAX } else { count } }
    }
}

impl<'c> Iterator for Entries<'c> {
    type Item = Entry<'c>;

    fn next(&mut self) -> Option<Entry<'c>> {
        self.left = self.left.checked_sub(1)?;
        self.range.as_mut()?.next()
    }
}

impl Reply for Entries<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        let at = writer.defer();
        let mut count = 0usize;
        for entry in self {
            write_entry(writer, &entry);
            count = count.saturating_add(1);
            if writer.overflowed() {
                return;
            }
        }
        writer.close_array(at, count);
    }
}

/// How many entries a word of a request asks for; less than none is none.
pub(super) fn count_of(args: &mut Args<'_>) -> Result<usize> {
    Ok(usize::try_from(integer(args)?.max(0).unsigned_abs()).unwrap_or(usize::MAX))
}

// ---- adding and trimming ----------------------------------------------------------------------------------------------------------------

const fn token(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(name).with_token(token)
}

const REFERENCES: ArgSpec =
    ArgSpec::choice(&[token("keepref", "KEEPREF"), token("delref", "DELREF"), token("acked", "ACKED")]).named("condition");
const TRIM: ArgSpec = ArgSpec::of(
    ArgKind::Block,
    &[
        ArgSpec::of(ArgKind::OneOf, &[token("maxlen", "MAXLEN"), token("minid", "MINID")]).named("strategy"),
        ArgSpec::choice(&[token("equal", "="), token("approximately", "~")]).named("operator"),
        ArgSpec::new(ArgKind::String).named("threshold"),
        ArgSpec::new(ArgKind::Integer).named("count").with_token("LIMIT").optional(),
    ],
)
.named("trim");

/// The word of a [`References`], if it is one.
pub(super) fn references(word: &[u8]) -> Option<References> {
    let words = [("KEEPREF", References::Keep), ("DELREF", References::Remove), ("ACKED", References::Acknowledged)];
    words.into_iter().find(|(token, _)| is_token(word, token)).map(|(_, references)| references)
}

/// What XADD and XTRIM are told about trimming.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trimming {
    to: Option<Threshold>,
    approximate: bool,
    limit: Option<u64>,
    references: References,
}

impl Trimming {
    /// Takes `word` and what belongs to it; false if it is something else.
    fn option(&mut self, word: &[u8], args: &mut Args<'_>) -> Result<bool> {
        if let Some(references) = references(word) {
            self.references = references;
            return Ok(true);
        }
        let by_length = is_token(word, "MAXLEN");
        if args.remaining() == 0 {
            return Ok(false);
        }
        if by_length || is_token(word, "MINID") {
            if self.to.is_some() {
                return Err(ReplyError::err("syntax error, MAXLEN and MINID options at the same time are not compatible"));
            }
            let sign = args.peek().filter(|_| args.remaining() >= 2).map_or(&b""[..], c_string);
            self.approximate = sign == b"~";
            args.skip(usize::from(matches!(sign, b"~" | b"=")));
            self.to = Some(if by_length {
                let length = u64::try_from(integer(args)?).map_err(|_| ReplyError::err("The MAXLEN argument must be >= 0."))?;
                Threshold::Length(length)
            } else {
                Threshold::Id(strict_id(args.word()?, 0)?)
            });
            return Ok(true);
        }
        if is_token(word, "LIMIT") {
            let limit = u64::try_from(integer(args)?).map_err(|_| ReplyError::err("The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether the options go together.
    fn check(&self, required: bool) -> Result<()> {
        let complaint = match (self.to, self.limit) {
            (None, Some(1..)) => "syntax error, LIMIT cannot be used without specifying a trimming strategy",
            (None, _) if required => "syntax error, XTRIM must be called with a trimming strategy",
            (_, Some(_)) if !self.approximate => "syntax error, LIMIT cannot be used without the special ~ option",
            _ => return Ok(()),
        };
        Err(ReplyError::err(complaint))
    }

    fn complete(&self, call: &Call<'_>) -> Option<Trim> {
        let usual = match call.keys.env.limits.stream_node_max_entries.wrapping_mul(100) as i64 {
            ..=0 => 10_000,
            entries => entries.unsigned_abs().min(1_000_000),
        };
        let most = if self.approximate { self.limit.unwrap_or(usual) } else { 0 };
        Some(Trim { to: self.to?, approximate: self.approximate, most, references: self.references })
    }
}

/// The ID that an entry is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the time, and the next number.
    Auto,
    /// `ms-*`: this time, and the next number.
    At(u64),
    Exactly(Id),
}

impl NewId {
    /// The ID, if it can be given to an entry of `stream` (or of a new one) at `now`.
    fn choose(self, last: Id, now: u64) -> Result<Id> {
        let chosen = match self {
            Self::Auto if now > last.ms => Some(Id { ms: now, seq: 0 }),
            Self::Auto => last.next(),
            Self::At(ms) if ms == last.ms => last.seq.checked_add(1).map(|seq| Id { ms, seq }),
            Self::At(ms) => Some(Id { ms, seq: 0 }),
            Self::Exactly(id) => Some(id),
        };
        let chosen = chosen.filter(|id| *id > last);
        chosen.ok_or_else(|| ReplyError::err("The ID specified in XADD is equal or smaller than the target stream top item"))
    }
}

pub struct XAdd<'a> {
    pub key: Key<'a, RW_UPDATE>,
    pub make_stream: bool,
    pub trimming: Trimming,
    pub id: NewId,
    /// Fields and values in turn.
    pub fields: &'a [&'a [u8]],
}

impl<'a> Parse<'a> for XAdd<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RW_UPDATE> as Arg<'a>>::SPEC.named("key"),
        token("nomkstream", "NOMKSTREAM").optional(),
        REFERENCES,
        TRIM.optional(),
        ArgSpec::new(ArgKind::String).named("id"),
        <Many<'a, (&'a [u8], &'a [u8])> as Arg<'a>>::SPEC.named("field"),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = Key::arg(args)?;
        let (mut make_stream, mut trimming, mut id) = (true, Trimming::default(), NewId::Auto);
        while let Ok(word) = args.word() {
            if c_string(word) == b"*" {
                break;
            }
            if trimming.option(word, args)? {
                continue;
            }
            if is_token(word, "NOMKSTREAM") {
                make_stream = false;
                continue;
            }
            id = match written_id(word, 0)? {
                Written::Whole(id) => NewId::Exactly(id),
                Written::Part(ms) => NewId::At(ms),
            };
            break;
        }
        trimming.check(false)?;
        let fields = args.take_rest();
        if fields.is_empty() || !fields.len().is_multiple_of(2) {
            return Err(WRONG_ARITY);
        }
        Ok(Self { key, make_stream, trimming, id, fields })
    }
}

/// The ID of the new entry; `None` where there is no stream and none was to be made.
pub fn xadd(call: &mut Call<'_>, args: XAdd<'_>) -> Result<Option<Id>> {
    if args.id == NewId::Exactly(Id::MIN) {
        return Err(ReplyError::err("The ID specified in XADD must be greater than 0-0"));
    }
    let (now, trim) = (call.now(), args.trimming.complete(call));
    let last = match call.keys.edit::<Stream>(&args.key)? {
        Some(stream) => Some(stream.last_id),
        None if !args.make_stream => return Ok(None),
        None => None,
    };
    if last == Some(Id::MAX) {
        return Err(ReplyError::err("The stream has exhausted the last possible ID, unable to add more items"));
    }
    let id = args.id.choose(last.unwrap_or_default(), now)?;
    if !Stream::can_hold(args.fields) {
        return Err(ReplyError::err("Elements are too large to be stored"));
    }
    let mut stream = call.keys.edit_or_create::<Stream>(&args.key)?;
    let env = stream.env;
    if stream.append(&env, id, args.fields).is_err() {
        drop(stream);
        if last.is_none() {
            call.keys.discard(&args.key);
        }
        return Err(ReplyError::MEMORY);
    }
    stream.changed(Class::STREAM, "xadd");
    if let Some(trim) = trim
        && stream.trim(&trim) > 0
    {
        stream.noted(Class::STREAM, "xtrim");
    }
    if call.server.effects.are_read() {
        let (length, id) = (effects::decimal(stream.len() as u64), id_text(id));
        let words: [&[u8]; 6] = [b"XADD", &args.key, b"MAXLEN", b"=", &length, &id];
        call.server.effects.say_all(&words, args.fields.iter().copied());
    }
    Ok(Some(id))
}

pub struct XTrim<'a> {
    pub key: Key<'a, RW_DELETE>,
    pub trimming: Trimming,
}

impl<'a> Parse<'a> for XTrim<'a> {
    const SPECS: &'static [ArgSpec] = &[<Key<'a, RW_DELETE> as Arg<'a>>::SPEC.named("key"), TRIM, REFERENCES];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (key, mut trimming) = (Key::arg(args)?, Trimming::default());
        while let Ok(word) = args.word() {
            if !trimming.option(word, args)? {
                return Err(ReplyError::SYNTAX);
            }
        }
        trimming.check(true)?;
        Ok(Self { key, trimming })
    }
}

/// How many entries were removed.
pub fn xtrim(call: &mut Call<'_>, args: XTrim<'_>) -> Result<usize> {
    let trim = args.trimming.complete(call);
    let (Some(mut stream), Some(trim)) = (call.keys.edit::<Stream>(&args.key)?, trim) else { return Ok(0) };
    let removed = stream.trim(&trim);
    if removed > 0 {
        stream.touched(Class::STREAM, "xtrim");
    }
    if call.server.effects.are_read() {
        let length = effects::decimal(stream.len() as u64);
        call.server.effects.say(&[b"XTRIM", &args.key, b"MAXLEN", b"=", &length]);
    }
    Ok(removed)
}

// ---- reading ----------------------------------------------------------------------------------------------------------------------------

args! { XLen<'a> { key: Key<'a, RO> } }

pub fn xlen(call: &mut Call<'_>, args: XLen<'_>) -> Result<usize> {
    Ok(call.keys.read::<Stream>(&args.key)?.map_or(0, |stream| stream.len()))
}

/// Arguments of XRANGE, and of XREVRANGE (`BACK`), which names the end first.
pub struct XRange<'a, const BACK: bool> {
    pub key: Key<'a, RO_ACCESS>,
    pub start: Id,
    pub end: Id,
    pub count: Option<usize>,
}

impl<'a, const BACK: bool> Parse<'a> for XRange<'a, BACK> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key"),
        ArgSpec::new(ArgKind::String).named(if BACK { "end" } else { "start" }),
        ArgSpec::new(ArgKind::String).named(if BACK { "start" } else { "end" }),
        ArgSpec::new(ArgKind::Integer).named("count").with_token("COUNT").optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = Key::arg(args)?;
        let (first, second) = (args.word()?, args.word()?);
        let (start, end) = if BACK { (second, first) } else { (first, second) };
        let (start, end, mut count) = (interval_start(start)?, interval_end(end)?, None);
        while let Ok(word) = args.word() {
            if !is_token(word, "COUNT") {
                return Err(ReplyError::SYNTAX);
            }
            count = Some(count_of(args)?);
        }
        Ok(Self { key, start, end, count })
    }
}

/// Entries of a range: nothing at all where so many as none were asked for.
pub struct Ranged<'c>(Option<Entries<'c>>);

impl Reply for Ranged<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        match self.0 {
            Some(entries) => entries.write(writer),
            None => writer.null_array(),
        }
    }
}

impl<'c> Ranged<'c> {
    /// The entries in order.
    pub fn entries(self) -> impl Iterator<Item = Entry<'c>> {
        self.0.into_iter().flatten()
    }
}

pub fn xrange<'c>(call: &'c mut Call<'_>, args: XRange<'_, false>) -> Result<Ranged<'c>> {
    range(call, args)
}

pub fn xrevrange<'c>(call: &'c mut Call<'_>, args: XRange<'_, true>) -> Result<Ranged<'c>> {
    range(call, args)
}

fn range<'c, const BACK: bool>(call: &'c mut Call<'_>, args: XRange<'_, BACK>) -> Result<Ranged<'c>> {
    let Some(stream) = call.keys.read::<Stream>(&args.key)? else { return Ok(Ranged(Some(Entries { range: None, left: 0 }))) };
    let range = if BACK { stream.range_back(args.start, args.end) } else { stream.range(args.start, args.end) };
    Ok(Ranged(match args.count {
        Some(0) => None,
        count => Some(Entries::new(range, count.unwrap_or(0))),
    }))
}

// ---- deleting ---------------------------------------------------------------------------------------------------------------------------

args! { XDel<'a> { key: Key<'a, RW_DELETE>, id: Many<'a, StreamId> } }

/// How many entries were deleted.
pub fn xdel(call: &mut Call<'_>, args: XDel<'_>) -> Result<usize> {
    let Some(mut stream) = call.keys.edit::<Stream>(&args.key)? else { return Ok(0) };
    let mut deleted = 0usize;
    for id in all_ids(&args.id)? {
        deleted = deleted.saturating_add(usize::from(stream.delete(id)));
    }
    if deleted > 0 {
        stream.touched(Class::STREAM, "xdel");
    }
    Ok(deleted)
}

/// `[KEEPREF | DELREF | ACKED] IDS numids id …`.
pub struct CountedIds {
    pub references: References,
    pub ids: Vec<Id>,
}

impl CountedIds {
    pub(super) const SPECS: [ArgSpec; 2] = [
        REFERENCES,
        ArgSpec::of(
            ArgKind::Block,
            &[ArgSpec::new(ArgKind::Integer).named("numids"), ArgSpec::new(ArgKind::String).named("id").multiple()],
        )
        .named("ids")
        .with_token("IDS"),
    ];

    pub(super) fn parse(args: &mut Args<'_>) -> Result<Self> {
        let mut found = None;
        let (mut references, mut ids) = (References::Keep, None);
        while let Ok(word) = args.word() {
            if let (Some(chosen), None) = (self::references(word), found) {
                references = chosen;
                found = Some(());
            } else if is_token(word, "IDS") && ids.is_none() {
                let count = integer(args).ok().and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
                let count = count.ok_or_else(|| ReplyError::err("Number of IDs must be a positive integer"))?;
                let mismatch = || ReplyError::err("The `numids` parameter must match the number of arguments");
                let words = args.rest().get(..count).ok_or_else(mismatch)?;
                args.skip(count);
                ids = Some(words.iter().map(|word| strict_id(word, 0)).collect::<Result<Vec<Id>>>()?);
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(Self { references, ids: ids.ok_or(ReplyError::SYNTAX)? })
    }
}

pub struct XDelEx<'a> {
    pub key: Key<'a, RW_DELETE>,
    pub entries: CountedIds,
}

impl<'a> Parse<'a> for XDelEx<'a> {
    const SPECS: &'static [ArgSpec] =
        &[<Key<'a, RW_DELETE> as Arg<'a>>::SPEC.named("key"), CountedIds::SPECS[0], CountedIds::SPECS[1]];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, entries: CountedIds::parse(args)? })
    }
}

/// What XDELEX and XACKDEL answer for an ID.
pub(super) const fn fate(deleted: Option<bool>) -> i64 {
    match deleted {
        None => -1,
        Some(true) => 1,
        Some(false) => 2,
    }
}

/// For each ID: 1 deleted, 2 still referenced, -1 no such entry.
pub fn xdelex(call: &mut Call<'_>, args: XDelEx<'_>) -> Result<Vec<i64>> {
    let Some(mut stream) = call.keys.edit::<Stream>(&args.key)? else { return Ok(args.entries.ids.iter().map(|_| -1).collect()) };
    let references = args.entries.references;
    let fates: Vec<i64> = args.entries.ids.iter().map(|id| fate(stream.delete_referenced(*id, references))).collect();
    if fates.contains(&1) {
        stream.touched(Class::STREAM, "xdel");
    }
    Ok(fates)
}

// ---- the past ---------------------------------------------------------------------------------------------------------------------------

pub struct XSetId<'a> {
    pub key: Key<'a, RW_UPDATE>,
    pub last: Id,
    pub added: Option<u64>,
    pub max_deleted: Id,
}

impl<'a> Parse<'a> for XSetId<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RW_UPDATE> as Arg<'a>>::SPEC.named("key"),
        ArgSpec::new(ArgKind::String).named("last-id"),
        ArgSpec::new(ArgKind::Integer).named("entries-added").with_token("ENTRIESADDED").optional(),
        ArgSpec::new(ArgKind::String).named("max-deleted-id").with_token("MAXDELETEDID").optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let mut this = Self { key: Key::arg(args)?, last: StreamId::arg(args)?.0, added: None, max_deleted: Id::MIN };
        while let Ok(word) = args.word() {
            if args.remaining() == 0 {
                return Err(ReplyError::SYNTAX);
            } else if is_token(word, "ENTRIESADDED") {
                let added = u64::try_from(integer(args)?).map_err(|_| ReplyError::err("entries_added must be positive"))?;
                this.added = Some(added);
            } else if is_token(word, "MAXDELETEDID") {
                this.max_deleted = strict_id(args.word()?, 0)?;
                if this.last < this.max_deleted {
                    return Err(ReplyError::err("The ID specified in XSETID is smaller than the provided max_deleted_entry_id"));
                }
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(this)
    }
}

pub fn xsetid(call: &mut Call<'_>, args: XSetId<'_>) -> Result<Okay> {
    let mut stream = call.keys.edit::<Stream>(&args.key)?.ok_or(ReplyError::NO_SUCH_KEY)?;
    if stream.top_id().is_some_and(|top| args.last < top) {
        return Err(ReplyError::err("The ID specified in XSETID is smaller than the target stream top item"));
    }
    if args.added.is_some_and(|added| stream.len() as u64 > added) {
        return Err(ReplyError::err("The entries_added specified in XSETID is smaller than the target stream length"));
    }
    stream.last_id = args.last;
    if let Some(added) = args.added {
        stream.entries_added = added;
    }
    if args.max_deleted != Id::MIN {
        stream.max_deleted_id = args.max_deleted;
    }
    stream.noted(Class::STREAM, "xsetid");
    Ok(Okay)
}
