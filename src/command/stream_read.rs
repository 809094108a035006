//! Streams: reading what comes behind an ID, of several streams, waiting for it if need be; alone or for a consumer group.

use super::args::key_flags::*;
use super::args::{ArgKind, ArgSpec, Args, Parse, Timeout, is_token};
use super::reply::{Either, Reply};
use super::rows;
use super::stream::{Entries, count_of, id_text, integer, strict_id, write_entry, write_id};
use super::stream_group::{say_claimed, say_consumer, say_position};
use crate::blocking::{Otherwise, Park};
use crate::call::{Call, Parked};
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Keyspace, ValueRef, ValueType};
use crate::resp::write::Writer;
use crate::value::stream::{Id, Stream};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Stream = [
        { "xread", xread as XRead<'_, false>, since: "5.0.0", cost: "O(N log S), N streams; O(M) for M entries answered",
          flags: [READONLY, BLOCKING], reply: Maybe(&Map(&Array(&Any))),
          "Entries of streams behind the IDs given; waits for some if told to. (The ID `+`, the last entry, is of Redis 7.4.)" },
        { "xreadgroup", xreadgroup as XRead<'_, true>, since: "5.0.0", cost: "O(N log S), N streams; O(M log P) for M entries answered, P pending",
          flags: [WRITE, BLOCKING, REPEATS_SAID], reply: Maybe(&Map(&Array(&Any))),
          "New entries for a consumer of a group, which become pending, or the consumer's pending entries again." },
    ]
}

/// Entries that a session which waited gets at most, where it did not say how many.
const WAITED_COUNT: usize = 1000;

/// Arguments of XREAD, and of XREADGROUP (`GROUP`).
pub struct XRead<'a, const GROUP: bool> {
    /// At most so many entries a stream; 0 is all.
    pub count: usize,
    /// How long to wait.
    pub block: Option<Timeout>,
    /// The words behind GROUP: the group's and the consumer's names.
    pub group: (&'a [u8], &'a [u8]),
    /// Entries count as acknowledged at once.
    pub no_ack: bool,
    pub keys: &'a [&'a [u8]],
    /// As many as keys.
    pub ids: &'a [&'a [u8]],
}

const fn option(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::Integer).named(name).with_token(token).optional()
}

const STREAMS: [ArgSpec; 2] = [
    ArgSpec::new(ArgKind::Key(RO_ACCESS)).named("key").with_token("STREAMS").multiple(),
    ArgSpec::new(ArgKind::String).named("id").multiple(),
];
const GROUP_SPEC: ArgSpec =
    ArgSpec::of(ArgKind::Block, &[ArgSpec::new(ArgKind::String).named("group"), ArgSpec::new(ArgKind::String).named("consumer")])
        .named("group")
        .with_token("GROUP");
const NO_ACK: ArgSpec = ArgSpec::new(ArgKind::PureToken).named("noack").with_token("NOACK").optional();
const READ: &[ArgSpec] = &[option("count", "COUNT"), option("milliseconds", "BLOCK"), STREAMS[0], STREAMS[1]];
const READ_GROUP: &[ArgSpec] =
    &[GROUP_SPEC, option("count", "COUNT"), option("milliseconds", "BLOCK"), NO_ACK, STREAMS[0], STREAMS[1]];

impl<'a, const GROUP: bool> Parse<'a> for XRead<'a, GROUP> {
    const SPECS: &'static [ArgSpec] = if GROUP { READ_GROUP } else { READ };
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let only_group = |option| {
            Err(ReplyError::text(&["ERR The ", option, " option is only supported by XREADGROUP. You called XREAD instead."]))
        };
        let (mut count, mut block, mut group, mut no_ack) = (0, None, None, false);
        while let Ok(word) = args.word() {
            let more = args.remaining();
            if is_token(word, "BLOCK") && more > 0 {
                block = Some(milliseconds(args)?);
            } else if is_token(word, "COUNT") && more > 0 {
                count = count_of(args)?;
            } else if is_token(word, "STREAMS") && more > 0 {
                let words = args.take_rest();
                let (keys, ids) = words.split_at_checked(words.len() / 2).unwrap_or((&[], &[]));
                if keys.len() != ids.len() {
                    let complaint = "Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.";
                    return Err(ReplyError::err(complaint));
                }
                let group = match group {
                    Some(group) => group,
                    None if GROUP => return Err(ReplyError::err("Missing GROUP option for XREADGROUP")),
                    None => (&b""[..], &b""[..]),
                };
                return Ok(Self { count, block, group, no_ack, keys, ids });
            } else if is_token(word, "GROUP") && more >= 2 {
                if !GROUP {
                    return only_group("GROUP");
                }
                group = Some((args.word()?, args.word()?));
            } else if is_token(word, "NOACK") {
                if !GROUP {
                    return only_group("NOACK");
                }
                no_ack = true;
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Err(ReplyError::SYNTAX)
    }
}

fn milliseconds(args: &mut Args<'_>) -> Result<Timeout> {
    let ms = integer(args).map_err(|_| ReplyError::TIMEOUT_NOT_INTEGER)?;
    u64::try_from(ms).map(Timeout::from_ms).map_err(|_| ReplyError::TIMEOUT_NEGATIVE)
}

/// What a stream has for the reader.
enum Part {
    /// So many entries from an ID on; 0 is all.
    Entries(Id, usize),
    /// Entries by ID; one that is gone leaves its ID.
    Pending(Vec<Id>),
}

/// Streams, and what they have for the reader.
pub struct Read<'c, 'a> {
    keys: &'c Keyspace,
    parts: Vec<(&'a [u8], Part)>,
}

impl Reply for Read<'_, '_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.named_parts(self.parts.len());
        for (key, part) in self.parts {
            writer.named(key);
            let Some(ValueRef::Stream(stream)) = self.keys.view(key) else {
                writer.array(0);
                continue;
            };
            match part {
                Part::Entries(from, count) => Entries::new(stream.range(from, Id::MAX), count).write(writer),
                Part::Pending(ids) => {
                    writer.array(ids.len());
                    for id in ids {
                        match stream.get(id) {
                            Some(entry) => write_entry(writer, &entry),
                            None => {
                                writer.array(2);
                                write_id(writer, id);
                                writer.null_array();
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Waits on all streams; the engine runs `words` again when one of them changes.
fn wait<'a, const GROUP: bool>(call: &mut Call<'_>, args: &XRead<'a, GROUP>, ids: &[Vec<u8>]) -> Parked {
    let Some(block) = args.block else { return Parked::over(Otherwise::NullArray) };
    // A group's stream may also go, or the group, which ends the wait too.
    let wants = (!GROUP).then_some(ValueType::Stream);
    let keys = args.keys.iter().map(|key| key.to_vec()).collect();
    let park = Park { keys, wants, deadline: block.deadline(call.now()), otherwise: Otherwise::NullArray };
    if GROUP {
        return call.park(park);
    }
    // The IDs are those of now: `$` is another one later.
    let count = args.count.to_string().into_bytes();
    let mut words = vec![b"XREAD".to_vec(), b"COUNT".to_vec(), count, b"BLOCK".to_vec(), b"0".to_vec(), b"STREAMS".to_vec()];
    words.extend(args.keys.iter().map(|key| key.to_vec()).chain(ids.iter().cloned()));
    call.park_as(park, words)
}

/// The key that is being served to a waiting session, and the place of its first mention.
fn served<'a>(call: &Call<'_>, keys: &[&'a [u8]]) -> Option<(usize, &'a [u8])> {
    let serving = call.serving()?;
    keys.iter().copied().enumerate().find(|(_, key)| *key == serving)
}

// ---- XREAD ------------------------------------------------------------------------------------------------------------------------------

/// The ID that is read from, which does not belong to what is read.
fn read_from(call: &mut Call<'_>, key: &[u8], id: &[u8]) -> Result<Id> {
    let stream = call.keys.read::<Stream>(key)?;
    match id {
        b"$" => Ok(stream.map_or(Id::MIN, |stream| stream.last_id)),
        // The last entry, or the first one to come.
        b"+" => Ok(stream.and_then(|stream| stream.top_id()?.prev()).unwrap_or_default()),
        b">" => Err(ReplyError::err(
            "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        id => strict_id(id, 0),
    }
}

/// Streams that have entries behind their IDs, with those entries.
pub fn xread<'c, 'a>(call: &'c mut Call<'_>, args: XRead<'a, false>) -> Result<Either<Read<'c, 'a>, Parked>> {
    if let Some((at, key)) = served(call, args.keys) {
        let after = strict_id(args.ids.get(at).copied().unwrap_or_default(), 0)?;
        let last = match call.keys.view(key) {
            Some(ValueRef::Stream(stream)) => stream.last_id,
            _ => Id::MIN,
        };
        return Ok(match after.next().filter(|from| *from <= last) {
            Some(from) => {
                let count = if args.count == 0 { WAITED_COUNT } else { args.count };
                Either::A(Read { keys: call.keys, parts: vec![(key, Part::Entries(from, count))] })
            }
            None => Either::B(wait(call, &args, &[])),
        });
    }
    let mut after = Vec::with_capacity(args.keys.len());
    for (key, id) in args.keys.iter().zip(args.ids) {
        after.push(read_from(call, key, id)?);
    }
    let mut parts = Vec::new();
    for (key, after) in args.keys.iter().zip(&after) {
        let Some(stream) = call.keys.read::<Stream>(key)? else { continue };
        if let Some(from) = after.next().filter(|from| stream.top_id().is_some_and(|top| top >= *from)) {
            parts.push((*key, Part::Entries(from, args.count)));
        }
    }
    if parts.is_empty() {
        let ids: Vec<Vec<u8>> = after.into_iter().map(id_text).collect();
        return Ok(Either::B(wait(call, &args, &ids)));
    }
    Ok(Either::A(Read { keys: call.keys, parts }))
}

// ---- XREADGROUP -------------------------------------------------------------------------------------------------------------------------

/// Checks key, group and ID; [`Id::MAX`] stands for `>`.
fn group_from(call: &mut Call<'_>, key: &[u8], group: &[u8], id: &[u8]) -> Result<Id> {
    if call.keys.read::<Stream>(key)?.and_then(|stream| stream.group(group)).is_none() {
        return Err(ReplyError::no_such_group(key, group, " in XREADGROUP with GROUP option"));
    }
    let meaningless = |id: &str, result: &str| {
        let why = " ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a \
                   proper ID, or use the > ID to get new messages. The ";
        ReplyError::text(&["ERR The ", id, why, id, " ID would just return an empty result set", result])
    };
    match id {
        b"$" => Err(meaningless("$", ".")),
        b">" => Ok(Id::MAX),
        id => strict_id(id, 0),
    }
}

/// New entries of streams for a consumer, or its pending ones behind an ID.
pub fn xreadgroup<'c, 'a>(call: &'c mut Call<'_>, args: XRead<'a, true>) -> Result<Either<Read<'c, 'a>, Parked>> {
    let (group, consumer) = args.group;
    if let Some((_, key)) = served(call, args.keys) {
        return serve_group(call, &args, key);
    }
    let mut after = Vec::with_capacity(args.keys.len());
    for (key, id) in args.keys.iter().zip(args.ids) {
        after.push(group_from(call, key, group, id)?);
    }
    let mut parts = Vec::new();
    for (key, after) in args.keys.iter().zip(after) {
        let Some(stream) = call.keys.read::<Stream>(key)? else { continue };
        let read = stream.group(group).map_or(Id::MAX, |group| group.last);
        if after != Id::MAX {
            parts.push((*key, Part::Pending(read_again(call, key, group, consumer, after, args.count)?)));
        } else if stream.top_id().is_some_and(|top| top > read) {
            parts.push((*key, deliver(call, key, &args, args.count)?));
        }
    }
    if parts.is_empty() {
        return Ok(Either::B(wait(call, &args, &[])));
    }
    Ok(Either::A(Read { keys: call.keys, parts }))
}

/// Serves a session that waits for a group's new entries.
fn serve_group<'c, 'a>(call: &'c mut Call<'_>, args: &XRead<'a, true>, key: &'a [u8]) -> Result<Either<Read<'c, 'a>, Parked>> {
    let news = match call.keys.view(key) {
        Some(ValueRef::Stream(stream)) => match stream.group(args.group.0) {
            Some(group) => stream.last_id > group.last,
            None => return Err(ReplyError::text(&["NOGROUP the consumer group this client was blocked on no longer exists"])),
        },
        _ => return Err(ReplyError::text(&["UNBLOCKED the stream key no longer exists"])),
    };
    if !news {
        return Ok(Either::B(wait(call, args, &[])));
    }
    let count = if args.count == 0 { WAITED_COUNT } else { args.count };
    let parts = vec![(key, deliver(call, key, args, count)?)];
    Ok(Either::A(Read { keys: call.keys, parts }))
}

/// Gives new entries to the consumer.
fn deliver(call: &mut Call<'_>, key: &[u8], args: &XRead<'_, true>, count: usize) -> Result<Part> {
    let now = call.now();
    let (name, consumer) = args.group;
    let effects_are_read = call.server.effects.are_read();
    let Some(mut stream) = call.keys.edit::<Stream>(key)? else { return Ok(Part::Pending(Vec::new())) };
    let Some(mut group) = stream.group_mut(name) else { return Ok(Part::Pending(Vec::new())) };
    let (id, new) = group.find_or_create(consumer, now);
    drop(group);
    if new {
        stream.noted(Class::STREAM, "xgroup-createconsumer");
    }
    let (from, delivered) = stream.deliver(name, id, count, args.no_ack, now);
    if let Some(consumer) = stream.group_mut(name).as_mut().and_then(|group| group.consumer_mut(id)) {
        consumer.seen = now;
        consumer.active = if delivered > 0 { Some(now) } else { consumer.active };
    }
    stream.noted(Class::NONE, "");
    if effects_are_read {
        let ids: Vec<Id> = stream.range(from, Id::MAX).take(delivered).map(|entry| entry.id).collect();
        drop(stream);
        say_delivered(call, key, args, new, &ids);
    }
    // A count of 0 would mean all.
    Ok(if delivered == 0 { Part::Pending(Vec::new()) } else { Part::Entries(from, delivered) })
}

/// Says what a delivery changed: with acknowledgement whose the entries are, else only how far the group has read.
fn say_delivered(call: &mut Call<'_>, key: &[u8], args: &XRead<'_, true>, new_consumer: bool, ids: &[Id]) {
    let (group, consumer) = args.group;
    if !args.no_ack {
        return say_claimed(call, key, group, ids);
    }
    if new_consumer {
        say_consumer(call, key, group, consumer);
    }
    say_position(call, key, group);
}

/// Gives the consumer's pending entries behind an ID to it again.
fn read_again(call: &mut Call<'_>, key: &[u8], group: &[u8], consumer: &[u8], after: Id, count: usize) -> Result<Vec<Id>> {
    let now = call.now();
    let Some(mut stream) = call.keys.edit::<Stream>(key)? else { return Ok(Vec::new()) };
    let Some(mut found) = stream.group_mut(group) else { return Ok(Vec::new()) };
    let (id, new) = found.find_or_create(consumer, now);
    if let Some(consumer) = found.consumer_mut(id) {
        consumer.seen = now;
    }
    let most = if count == 0 { usize::MAX } else { count };
    let ids: Vec<Id> = found.pending_of(id, after.next().unwrap_or(Id::MAX)).take(most).map(|pending| pending.id).collect();
    drop(found);
    if new {
        stream.noted(Class::STREAM, "xgroup-createconsumer");
    }
    for id in &ids {
        if stream.contains(*id)
            && let Some(mut group) = stream.group_mut(group)
        {
            group.redeliver(*id, |pending| {
                pending.delivered = now;
                pending.deliveries = pending.deliveries.wrapping_add(1);
            });
        }
    }
    stream.noted(Class::NONE, "");
    drop(stream);
    if new {
        say_consumer(call, key, group, consumer);
    }
    say_claimed(call, key, group, &ids);
    Ok(ids)
}
