//! Streams: XINFO, what is known of a stream, its groups and their consumers.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, NoArgs, Parse, args, is_token};
use super::reply::{Help, Reply};
use super::rows;
use super::stream::{Entries, integer, write_entry, write_id};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::resp::write::Writer;
use crate::time::Millis;
use crate::value::Collection;
use crate::value::stream::{Entry, Group, Id, Pending, Stream};

rows! {
    pub(super) static ROWS: Stream = [
        { "xinfo", since: "5.0.0", cost: "Depends on the subcommand", "Tells about streams and consumer groups.", [
            { "xinfo|consumers", xinfo_consumers as XInfoConsumers, since: "5.0.0", cost: "O(N), N consumers", flags: [READONLY],
              reply: Array(&Map(&Any)), "The consumers of a group." },
            { "xinfo|groups", xinfo_groups as XInfoGroups, since: "5.0.0", cost: "O(N), N groups", flags: [READONLY], reply: Array(&Map(&Any)),
              "The consumer groups of a stream." },
            { "xinfo|help", xinfo_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
            { "xinfo|stream", xinfo_stream as XInfoStream, since: "5.0.0", cost: "O(N), N entries answered and blocks of the stream",
              flags: [READONLY], reply: Map(&Any), "What is known of a stream; with FULL its entries and pending entries too." },
        ] },
    ]
}

fn text(writer: &mut Writer<'_>, name: &str) {
    writer.bulk(name.as_bytes());
}

fn number(writer: &mut Writer<'_>, name: &str, value: impl Reply) {
    text(writer, name);
    value.write(writer);
}

fn id(writer: &mut Writer<'_>, name: &str, value: Id) {
    text(writer, name);
    write_id(writer, value);
}

// ---- consumers --------------------------------------------------------------------------------------------------------------------------

args! { XInfoConsumers<'a> { key: Key<'a, RO_ACCESS>, group: &'a [u8] } }

/// The consumers of a group.
pub struct Consumers<'c> {
    pub group: &'c Group,
    now: Millis,
}

pub fn xinfo_consumers<'c>(call: &'c mut Call<'_>, args: XInfoConsumers<'_>) -> Result<Consumers<'c>> {
    let now = call.now();
    let stream = call.keys.read::<Stream>(&args.key)?.ok_or(ReplyError::NO_SUCH_KEY)?;
    let group = stream.group(args.group).ok_or_else(|| ReplyError::no_group_in_key(&args.key, args.group))?;
    Ok(Consumers { group, now })
}

impl Reply for Consumers<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.group.consumer_count());
        for consumer in self.group.consumers() {
            writer.map(3);
            text(writer, "name");
            writer.bulk(consumer.name());
            number(writer, "pending", consumer.pending());
            number(writer, "idle", self.now.saturating_sub(consumer.seen));
        }
    }
}

// ---- groups -----------------------------------------------------------------------------------------------------------------------------

args! { XInfoGroups<'a> { key: Key<'a, RO_ACCESS> } }

/// The groups of a stream.
pub struct Groups<'c>(pub &'c Stream);

pub fn xinfo_groups<'c>(call: &'c mut Call<'_>, args: XInfoGroups<'_>) -> Result<Groups<'c>> {
    call.keys.read::<Stream>(&args.key)?.map(Groups).ok_or(ReplyError::NO_SUCH_KEY)
}

impl Reply for Groups<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.0.groups().len());
        for group in self.0.groups() {
            writer.map(6);
            text(writer, "name");
            writer.bulk(group.name());
            number(writer, "consumers", group.consumer_count());
            number(writer, "pending", group.pending_count());
            write_progress(writer, self.0, group);
        }
    }
}

/// How far a group has read.
fn write_progress(writer: &mut Writer<'_>, stream: &Stream, group: &Group) {
    id(writer, "last-delivered-id", group.last);
    number(writer, "entries-read", group.read);
    number(writer, "lag", stream.lag(group));
}

// ---- streams ----------------------------------------------------------------------------------------------------------------------------

pub struct XInfoStream<'a> {
    pub key: Key<'a, RO_ACCESS>,
    options: &'a [&'a [u8]],
}

impl<'a> Parse<'a> for XInfoStream<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key"),
        ArgSpec::of(
            ArgKind::Block,
            &[
                ArgSpec::new(ArgKind::PureToken).named("full").with_token("FULL"),
                ArgSpec::new(ArgKind::Integer).named("count").with_token("COUNT").optional(),
            ],
        )
        .named("full-block")
        .optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, options: args.take_rest() })
    }
}

/// What is known of a stream.
pub struct Info<'c> {
    pub stream: &'c Stream,
    /// With so many entries, and pending entries, one by one; 0 is all.
    full: Option<usize>,
}

pub fn xinfo_stream<'c>(call: &'c mut Call<'_>, args: XInfoStream<'_>) -> Result<Info<'c>> {
    let stream = call.keys.read::<Stream>(&args.key)?.ok_or(ReplyError::NO_SUCH_KEY)?;
    let full = match args.options {
        [] => None,
        [full] if is_token(full, "FULL") => Some(10),
        [full, count, most] if is_token(full, "FULL") && is_token(count, "COUNT") => {
            Some(usize::try_from(integer(&mut Args::new(&[most]))?).unwrap_or(10))
        }
        _ => return Err(ReplyError::subcommand_syntax("STREAM", "XINFO")),
    };
    Ok(Info { stream, full })
}

impl Reply for Info<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        let stream = self.stream;
        writer.map(if self.full.is_some() { 9 } else { 10 });
        number(writer, "length", stream.len());
        number(writer, "radix-tree-keys", stream.blocks());
        number(writer, "radix-tree-nodes", stream.tree_nodes());
        id(writer, "last-generated-id", stream.last_id);
        id(writer, "max-deleted-entry-id", stream.max_deleted_id);
        number(writer, "entries-added", stream.entries_added as i64);
        id(writer, "recorded-first-entry-id", stream.first_id());
        match self.full {
            None => {
                number(writer, "groups", stream.groups().len());
                entry(writer, "first-entry", stream.range(Id::MIN, Id::MAX).next());
                entry(writer, "last-entry", stream.range_back(Id::MIN, Id::MAX).next());
            }
            Some(count) => {
                text(writer, "entries");
                Entries::new(stream.range(Id::MIN, Id::MAX), count).write(writer);
                text(writer, "groups");
                writer.array(stream.groups().len());
                let most = if count == 0 { usize::MAX } else { count };
                stream.groups().iter().for_each(|group| write_group(writer, stream, group, most));
            }
        }
    }
}

fn entry(writer: &mut Writer<'_>, name: &str, entry: Option<Entry<'_>>) {
    text(writer, name);
    match entry {
        Some(entry) => write_entry(writer, &entry),
        None => writer.null(),
    }
}

fn write_group(writer: &mut Writer<'_>, stream: &Stream, group: &Group, most: usize) {
    writer.map(7);
    text(writer, "name");
    writer.bulk(group.name());
    write_progress(writer, stream, group);
    number(writer, "pel-count", group.pending_count());
    text(writer, "pending");
    writer.array(group.pending_count().min(most));
    for pending in group.pending_from(Id::MIN).take(most) {
        writer.array(4);
        write_id(writer, pending.id);
        writer.bulk(group.consumer(pending.consumer).map_or(&[], |consumer| consumer.name()));
        write_delivery(writer, pending);
    }
    text(writer, "consumers");
    writer.array(group.consumer_count());
    for (number_of, consumer) in group.consumer_ids().zip(group.consumers()) {
        writer.map(4);
        text(writer, "name");
        writer.bulk(consumer.name());
        number(writer, "seen-time", consumer.seen);
        number(writer, "pel-count", consumer.pending());
        text(writer, "pending");
        writer.array(consumer.pending().min(most));
        for pending in group.pending_of(number_of, Id::MIN).take(most) {
            writer.array(3);
            write_id(writer, pending.id);
            write_delivery(writer, pending);
        }
    }
}

fn write_delivery(writer: &mut Writer<'_>, pending: &Pending) {
    pending.delivered.write(writer);
    writer.int(pending.deliveries as i64);
}

pub fn xinfo_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "XINFO subcommand [argument ...]. Subcommands:",
        "CONSUMERS key group",
        "    Tell about the consumers of a group.",
        "GROUPS key",
        "    Tell about the consumer groups of a stream.",
        "STREAM key [FULL [COUNT count]]",
        "    Tell about a stream; with FULL its first entries, groups and pending entries too.",
        "HELP",
        "    Print this text.",
    ]))
}
