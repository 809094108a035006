//! Streams: consumer groups, and the entries that they were given and have not acknowledged.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Many, NoArgs, Parse, args, is_token};
use super::reply::{Help, Ok as Okay, Reply};
use super::rows;
use super::stream::{
    CountedIds, StreamId, all_ids, fate, id_text, integer, interval_end, interval_start, strict_id, write_entry, write_id,
};
use crate::call::Call;
use crate::effects::{self, Effects};
use crate::error::{ReplyError, Result, c_string};
use crate::keyspace::{Class, Edit, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::time::Millis;
use crate::value::stream::{Group, Id, Pending, References, Stream};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Stream = [
        { "xack", xack as XAck, since: "5.0.0", cost: "O(log P) an ID, P pending", flags: [WRITE, FAST], reply: Integer,
          "Ends a group's wait for the acknowledgement of entries; answers how many were pending." },
        { "xackdel", xackdel as XAckDel, since: "8.2.0", cost: "O(log S) an ID and group", flags: [WRITE, FAST], reply: Array(&Integer),
          "Acknowledges entries and deletes them; answers for each ID 1 (deleted), 2 (still referenced) or -1 (not pending)." },
        { "xautoclaim", xautoclaim as XAutoClaim, since: "6.2.0", cost: "O(N log P), N entries claimed", flags: [WRITE, FAST, REPEATS_SAID],
          reply: Any, "Gives entries that were pending for long to a consumer, as many as asked for; answers where to go on." },
        { "xclaim", xclaim as XClaim, since: "5.0.0", cost: "O(log P) an ID, P pending", flags: [WRITE, FAST, REPEATS_SAID], reply: Array(&Any),
          "Gives pending entries to a consumer, whoever had them." },
        { "xgroup", since: "5.0.0", cost: "Depends on the subcommand", "Makes and changes consumer groups.", [
            { "xgroup|create", xgroup_create as Create, since: "5.0.0", cost: "O(1)", flags: [WRITE, DENYOOM], reply: Ok,
              "Makes a consumer group that has read up to an ID." },
            { "xgroup|createconsumer", xgroup_create_consumer as OfConsumer<'_, RW_INSERT>, since: "6.2.0", cost: "O(1)", flags: [WRITE, DENYOOM],
              reply: Truth, "Makes a consumer of a group." },
            { "xgroup|delconsumer", xgroup_del_consumer as OfConsumer<'_, RW_DELETE>, since: "5.0.0", cost: "O(P log P), P pending",
              flags: [WRITE], reply: Integer, "Removes a consumer with its pending entries; answers how many those were." },
            { "xgroup|destroy", xgroup_destroy as Destroy, since: "5.0.0", cost: "O(P), P pending", flags: [WRITE], reply: Truth,
              "Removes a consumer group." },
            { "xgroup|help", xgroup_help as NoArgs, since: "5.0.0", cost: "O(1)", flags: [LOADING, STALE], reply: Array(&Bulk),
              "Lists the subcommands." },
            { "xgroup|setid", xgroup_set_id as SetId, since: "5.0.0", cost: "O(1)", flags: [WRITE], reply: Ok,
              "Sets up to which ID a group has read." },
        ] },
        { "xpending", xpending as XPending, since: "5.0.0", cost: "O(log P + N), N entries answered", flags: [READONLY], reply: Any,
          "What a group has not acknowledged: a summary, or entries one by one." },
    ]
}

/// The stream of a key that must exist with its group, to be changed. Counts as a read of the key.
fn edit_group<'k>(keys: &'k mut Keyspace, key: &[u8], group: &[u8]) -> Result<Option<Edit<'k, Stream>>> {
    match keys.read::<Stream>(key)?.and_then(|stream| stream.group(group)) {
        Some(_) => keys.edit::<Stream>(key),
        None => Ok(None),
    }
}

// ---- XGROUP -----------------------------------------------------------------------------------------------------------------------------

/// The words behind key, group and ID of XGROUP CREATE and SETID.
#[derive(Default)]
struct GroupOptions {
    make_stream: bool,
    read: Option<i64>,
}

impl GroupOptions {
    fn parse(args: &mut Args<'_>, create: bool, complaint: &ReplyError) -> Result<Self> {
        let mut this = Self::default();
        while let Ok(word) = args.word() {
            if create && is_token(word, "MKSTREAM") {
                this.make_stream = true;
            } else if is_token(word, "ENTRIESREAD") && args.remaining() > 0 {
                this.read = match integer(args)? {
                    -1 => None,
                    read @ 0.. => Some(read),
                    _ => return Err(ReplyError::err("value for ENTRIESREAD must be positive or -1")),
                };
            } else {
                return Err(complaint.clone());
            }
        }
        Ok(this)
    }
}

fn syntax(subcommand: &str) -> ReplyError {
    ReplyError::subcommand_syntax(subcommand, "XGROUP")
}

fn key_must_exist() -> ReplyError {
    ReplyError::err(
        "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an \
         empty stream automatically.",
    )
}

const ENTRIES_READ: ArgSpec = ArgSpec::new(ArgKind::Integer).named("entries-read").with_token("ENTRIESREAD").optional();
const WORD: ArgSpec = ArgSpec::new(ArgKind::String);

pub struct Create<'a> {
    pub key: Key<'a, RW_INSERT>,
    pub group: &'a [u8],
    /// An ID, or `$`.
    pub id: &'a [u8],
    pub make_stream: bool,
    pub read: Option<i64>,
    too_long: bool,
}

impl<'a> Parse<'a> for Create<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RW_INSERT> as Arg<'a>>::SPEC.named("key"),
        WORD.named("group"),
        WORD.named("id"),
        ArgSpec::new(ArgKind::PureToken).named("mkstream").with_token("MKSTREAM").optional(),
        ENTRIES_READ,
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let too_long = args.remaining() > 6;
        let (key, group, id) = (Key::arg(args)?, args.word()?, args.word()?);
        let options = GroupOptions::parse(args, true, &syntax("CREATE"))?;
        Ok(Self { key, group, id, make_stream: options.make_stream, read: options.read, too_long })
    }
}

pub fn xgroup_create(call: &mut Call<'_>, args: Create<'_>) -> Result<Okay> {
    let last = call.keys.edit::<Stream>(&args.key)?.map(|stream| stream.last_id);
    if last.is_none() && !args.make_stream {
        return Err(key_must_exist());
    }
    if args.too_long {
        return Err(syntax("CREATE"));
    }
    let id = if c_string(args.id) == b"$" { last.unwrap_or_default() } else { strict_id(args.id, 0)? };
    let mut stream = call.keys.edit_or_create::<Stream>(&args.key)?;
    if last.is_none() {
        stream.touch();
    }
    if !stream.create_group(args.group, id, args.read) {
        return Err(ReplyError::text(&["BUSYGROUP Consumer Group name already exists"]));
    }
    stream.noted(Class::STREAM, "xgroup-create");
    Ok(Okay)
}

pub struct SetId<'a> {
    pub key: Key<'a, RW_UPDATE>,
    pub group: &'a [u8],
    /// An ID, or `$`, `-`, `+`.
    pub id: &'a [u8],
    pub read: Option<i64>,
    too_long: bool,
}

impl<'a> Parse<'a> for SetId<'a> {
    const SPECS: &'static [ArgSpec] =
        &[<Key<'a, RW_UPDATE> as Arg<'a>>::SPEC.named("key"), WORD.named("group"), WORD.named("id"), ENTRIES_READ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let too_long = args.remaining() > 5;
        let (key, group, id) = (Key::arg(args)?, args.word()?, args.word()?);
        let options = GroupOptions::parse(args, false, &syntax("SETID"))?;
        Ok(Self { key, group, id, read: options.read, too_long })
    }
}

pub fn xgroup_set_id(call: &mut Call<'_>, args: SetId<'_>) -> Result<Okay> {
    let mut stream = must_have_group(call, &args.key, args.group)?;
    if args.too_long {
        return Err(syntax("SETID"));
    }
    let id = if c_string(args.id) == b"$" { stream.last_id } else { super::stream::id_or_edge(args.id, 0)? };
    if let Some(mut group) = stream.group_mut(args.group) {
        (group.last, group.read) = (id, args.read);
    }
    stream.noted(Class::STREAM, "xgroup-setid");
    Ok(Okay)
}

fn must_have_group<'c>(call: &'c mut Call<'_>, key: &[u8], group: &[u8]) -> Result<Edit<'c, Stream>> {
    let stream = call.keys.edit::<Stream>(key)?.ok_or_else(key_must_exist)?;
    if stream.group(group).is_none() {
        return Err(ReplyError::no_group_in_key(key, group));
    }
    Ok(stream)
}

args! { Destroy<'a> { key: Key<'a, RW_DELETE>, group: &'a [u8] } }

pub fn xgroup_destroy(call: &mut Call<'_>, args: Destroy<'_>) -> Result<bool> {
    let mut stream = call.keys.edit::<Stream>(&args.key)?.ok_or_else(key_must_exist)?;
    let removed = stream.remove_group(args.group);
    if removed {
        stream.noted(Class::STREAM, "xgroup-destroy");
        stream.wake();
    }
    Ok(removed)
}

/// Arguments of XGROUP CREATECONSUMER and DELCONSUMER.
pub struct OfConsumer<'a, const FLAGS: u16> {
    pub key: Key<'a, FLAGS>,
    pub group: &'a [u8],
    pub consumer: &'a [u8],
}

impl<'a, const FLAGS: u16> Parse<'a> for OfConsumer<'a, FLAGS> {
    const SPECS: &'static [ArgSpec] =
        &[<Key<'a, FLAGS> as Arg<'a>>::SPEC.named("key"), WORD.named("group"), WORD.named("consumer")];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, group: args.word()?, consumer: args.word()? })
    }
}

pub fn xgroup_create_consumer(call: &mut Call<'_>, args: OfConsumer<'_, RW_INSERT>) -> Result<bool> {
    let now = call.now();
    let mut stream = must_have_group(call, &args.key, args.group)?;
    let new = stream.group_mut(args.group).is_some_and(|mut group| group.find_or_create(args.consumer, now).1);
    if new {
        stream.noted(Class::STREAM, "xgroup-createconsumer");
    }
    Ok(new)
}

/// How many entries were pending for the consumer.
pub fn xgroup_del_consumer(call: &mut Call<'_>, args: OfConsumer<'_, RW_DELETE>) -> Result<usize> {
    let mut stream = must_have_group(call, &args.key, args.group)?;
    let removed = stream.group_mut(args.group).and_then(|mut group| group.remove_consumer(args.consumer));
    if removed.is_some() {
        stream.noted(Class::STREAM, "xgroup-delconsumer");
    }
    Ok(removed.unwrap_or(0))
}

pub fn xgroup_help(_: &mut Call<'_>, _: NoArgs) -> Result<Help> {
    Ok(Help(&[
        "XGROUP subcommand [argument ...]. Subcommands:",
        "CREATE key group id|$ [MKSTREAM] [ENTRIESREAD entries-read]",
        "    Make a consumer group that has read up to an ID; with MKSTREAM an empty stream too, if need be.",
        "CREATECONSUMER key group consumer",
        "    Make a consumer of a group.",
        "DELCONSUMER key group consumer",
        "    Remove a consumer with its pending entries.",
        "DESTROY key group",
        "    Remove a group.",
        "SETID key group id|$ [ENTRIESREAD entries-read]",
        "    Set up to which ID a group has read.",
        "HELP",
        "    Print this text.",
    ]))
}

// ---- acknowledging ----------------------------------------------------------------------------------------------------------------------

args! { XAck<'a> { key: Key<'a, RW_UPDATE>, group: &'a [u8], id: Many<'a, StreamId> } }

/// How many of the entries were pending.
pub fn xack(call: &mut Call<'_>, args: XAck<'_>) -> Result<usize> {
    let Some(mut stream) = edit_group(call.keys, &args.key, args.group)? else { return Ok(0) };
    let ids = all_ids(&args.id)?;
    let Some(mut group) = stream.group_mut(args.group) else { return Ok(0) };
    let acknowledged = ids.into_iter().filter(|id| group.acknowledge(*id)).count();
    drop(group);
    if acknowledged > 0 {
        stream.noted(Class::NONE, "");
    }
    Ok(acknowledged)
}

pub struct XAckDel<'a> {
    pub key: Key<'a, RW_DELETE>,
    pub group: &'a [u8],
    pub entries: CountedIds,
}

impl<'a> Parse<'a> for XAckDel<'a> {
    const SPECS: &'static [ArgSpec] =
        &[<Key<'a, RW_DELETE> as Arg<'a>>::SPEC.named("key"), WORD.named("group"), CountedIds::SPECS[0], CountedIds::SPECS[1]];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, group: args.word()?, entries: CountedIds::parse(args)? })
    }
}

/// For each ID: 1 deleted, 2 acknowledged but still referenced, -1 not pending in the group.
pub fn xackdel(call: &mut Call<'_>, args: XAckDel<'_>) -> Result<Vec<i64>> {
    let nothing = || args.entries.ids.iter().map(|_| -1).collect();
    let Some(mut stream) = edit_group(call.keys, &args.key, args.group)? else { return Ok(nothing()) };
    let references = args.entries.references;
    let mut fates = Vec::with_capacity(args.entries.ids.len());
    for id in &args.entries.ids {
        let pending = stream.group_mut(args.group).is_some_and(|mut group| group.acknowledge(*id));
        fates.push(if !pending {
            -1
        } else if references == References::Acknowledged && stream.is_referenced(*id) {
            2
        } else {
            if references == References::Remove {
                stream.forget(*id);
            }
            // One that is gone from the stream already counts as deleted.
            fate(Some(stream.delete_referenced(*id, References::Keep).unwrap_or(true)))
        });
    }
    if fates.contains(&1) {
        stream.touched(Class::STREAM, "xdel");
    } else if fates.contains(&2) {
        stream.noted(Class::NONE, "");
    }
    Ok(fates)
}

// ---- claiming ---------------------------------------------------------------------------------------------------------------------------

/// Claimed entries of a stream, or their IDs alone.
pub struct Claimed<'c, 'a> {
    keys: &'c Keyspace,
    key: &'a [u8],
    ids: Vec<Id>,
    just_ids: bool,
}

impl Claimed<'_, '_> {
    /// The IDs of the entries.
    pub fn ids(&self) -> &[Id] {
        &self.ids
    }
}

impl Reply for Claimed<'_, '_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.ids.len());
        let stream = match self.keys.view(self.key) {
            Some(ValueRef::Stream(stream)) if !self.just_ids => Some(stream),
            _ => None,
        };
        for id in self.ids {
            match stream.and_then(|stream| stream.get(id)) {
                Some(entry) => write_entry(writer, &entry),
                None => write_id(writer, id),
            }
        }
    }
}

pub struct XClaim<'a> {
    pub key: Key<'a, RW_UPDATE>,
    pub group: &'a [u8],
    pub consumer: &'a [u8],
    pub min_idle: &'a [u8],
    /// IDs and options: key and group are looked at before they are read.
    pub words: &'a [&'a [u8]],
}

const fn number(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::Integer).named(name).with_token(token).optional()
}

const fn flag(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(name).with_token(token).optional()
}

impl<'a> Parse<'a> for XClaim<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RW_UPDATE> as Arg<'a>>::SPEC.named("key"),
        WORD.named("group"),
        WORD.named("consumer"),
        WORD.named("min-idle-time"),
        WORD.named("id").multiple(),
        number("ms", "IDLE"),
        number("unix-time-milliseconds", "TIME"),
        number("count", "RETRYCOUNT"),
        flag("force", "FORCE"),
        flag("justid", "JUSTID"),
        ArgSpec::new(ArgKind::String).named("lastid").with_token("LASTID").optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (key, group) = (Key::arg(args)?, args.word()?);
        Ok(Self { key, group, consumer: args.word()?, min_idle: args.word()?, words: args.take_rest() })
    }
}

/// The options of XCLAIM.
struct ClaimOptions {
    /// When the entries count as delivered.
    delivered: Option<i64>,
    deliveries: Option<u64>,
    force: bool,
    just_ids: bool,
    last: Id,
}

impl ClaimOptions {
    fn parse(args: &mut Args<'_>, now: Millis) -> Result<Self> {
        let mut this = Self { delivered: None, deliveries: None, force: false, just_ids: false, last: Id::MIN };
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        while let Ok(word) = args.word() {
            let more = args.remaining() > 0;
            let mut value = |name| {
                let complaint = || ReplyError::text(&["ERR Invalid ", name, " option argument for XCLAIM"]);
                number::parse_i64(args.word()?).ok_or_else(complaint)
            };
            if is_token(word, "FORCE") {
                this.force = true;
            } else if is_token(word, "JUSTID") {
                this.just_ids = true;
            } else if is_token(word, "IDLE") && more {
                this.delivered = Some(now.wrapping_sub(value("IDLE")?));
            } else if is_token(word, "TIME") && more {
                this.delivered = Some(value("TIME")?);
            } else if is_token(word, "RETRYCOUNT") && more {
                this.deliveries = u64::try_from(value("RETRYCOUNT")?).ok();
            } else if is_token(word, "LASTID") && more {
                this.last = strict_id(args.word()?, 0)?;
            } else {
                return Err(ReplyError::bytes(&[b"ERR Unrecognized XCLAIM option '", c_string(word), b"'"]));
            }
        }
        Ok(this)
    }

    /// When the entries count as delivered: now, where what was given makes no sense.
    fn delivered(&self, now: Millis) -> Millis {
        self.delivered.and_then(|moment| u64::try_from(moment).ok()).map_or(now, |moment| moment.min(now))
    }
}

fn min_idle(word: &[u8], command: &str) -> Result<u64> {
    let complaint = || ReplyError::text(&["ERR Invalid min-idle-time argument for ", command]);
    Ok(number::parse_i64(word).ok_or_else(complaint)?.max(0).unsigned_abs())
}

/// The entries that were claimed.
pub fn xclaim<'c, 'a>(call: &'c mut Call<'_>, args: XClaim<'a>) -> Result<Claimed<'c, 'a>> {
    let now = call.now();
    let missing = || ReplyError::no_such_group(&args.key, args.group, "");
    let mut stream = edit_group(call.keys, &args.key, args.group)?.ok_or_else(missing)?;
    let min_idle = min_idle(args.min_idle, "XCLAIM")?;
    let ids: Vec<Id> = args.words.iter().map_while(|word| strict_id(word, 0).ok()).collect();
    let options = ClaimOptions::parse(&mut Args::new(args.words.get(ids.len()..).unwrap_or(&[])), now)?;
    if let Some(mut group) = stream.group_mut(args.group) {
        group.last = group.last.max(options.last);
    }
    let claim = Claim {
        group: args.group,
        consumer: args.consumer,
        min_idle,
        now,
        delivered: options.delivered(now),
        just_ids: options.just_ids,
    };
    let mut claimed = Vec::new();
    for id in ids {
        if !stream.contains(id) {
            if stream.group_mut(args.group).is_some_and(|mut group| group.acknowledge(id)) {
                stream.noted(Class::NONE, "");
                say_forgotten(&mut call.server.effects, &args.key, args.group, id);
            }
        } else if claim.take(&mut stream, id, options.force, options.deliveries) {
            claimed.push(id);
        }
    }
    drop(stream);
    say_claimed(call, &args.key, args.group, &claimed);
    Ok(Claimed { keys: call.keys, key: args.key.0, ids: claimed, just_ids: options.just_ids })
}

/// Who claims, and what.
struct Claim<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
    /// Entries that were delivered less long ago stay where they are.
    min_idle: u64,
    now: Millis,
    delivered: Millis,
    just_ids: bool,
}

impl Claim<'_> {
    /// Claims an entry that exists; false if it stays where it is. `force`: whether it was pending or not.
    fn take(&self, stream: &mut Edit<'_, Stream>, id: Id, force: bool, deliveries: Option<u64>) -> bool {
        let Some(mut group) = stream.group_mut(self.group) else { return false };
        let before = group.pending(id).copied();
        let count = match &before {
            None if !force => return false,
            Some(pending) if !idle_enough(pending, self.now, self.min_idle) => return false,
            // One that is made pending was delivered once.
            None => 1,
            Some(pending) => pending.deliveries,
        };
        let deliveries = deliveries.unwrap_or(if self.just_ids { count } else { count.wrapping_add(1) });
        let (consumer, new) = group.find_or_create(self.consumer, self.now);
        group.assign(Pending { id, delivered: self.delivered, deliveries, consumer });
        if let Some(consumer) = group.consumer_mut(consumer) {
            consumer.seen = self.now;
            consumer.active = Some(self.now);
        }
        drop(group);
        if new {
            stream.noted(Class::STREAM, "xgroup-createconsumer");
        }
        stream.noted(Class::NONE, "");
        true
    }
}

/// Says whose some pending entries of a group are, since when, and for how often.
pub(super) fn say_claimed(call: &mut Call<'_>, key: &[u8], group: &[u8], ids: &[Id]) {
    let effects = &mut call.server.effects;
    if !effects.are_read() {
        return;
    }
    let Some((ValueRef::Stream(stream), _)) = call.keys.state(key) else { return };
    let Some(found) = stream.group(group) else { return };
    let last = id_text(found.last);
    for pending in ids.iter().filter_map(|id| found.pending(*id)) {
        let Some(consumer) = found.consumer(pending.consumer) else { continue };
        let (delivered, deliveries) = (effects::decimal(pending.delivered), effects::decimal(pending.deliveries));
        let id = id_text(pending.id);
        let words: [&[u8]; 6] = [b"XCLAIM", key, group, consumer.name(), b"0", &id];
        let state: [&[u8]; 8] = [b"TIME", &delivered, b"RETRYCOUNT", &deliveries, b"FORCE", b"JUSTID", b"LASTID", &last];
        effects.say_all(&words, state);
    }
}

/// Says that an entry is pending no more.
fn say_forgotten(effects: &mut Effects, key: &[u8], group: &[u8], id: Id) {
    if effects.are_read() {
        effects.say(&[b"XACK", key, group, &id_text(id)]);
    }
}

/// Says that a group has a consumer, for whoever is told nothing else of it.
pub(super) fn say_consumer(call: &mut Call<'_>, key: &[u8], group: &[u8], consumer: &[u8]) {
    call.server.effects.say(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
}

/// Says up to where a group has read.
pub(super) fn say_position(call: &mut Call<'_>, key: &[u8], group: &[u8]) {
    if !call.server.effects.are_read() {
        return;
    }
    let Some((ValueRef::Stream(stream), _)) = call.keys.state(key) else { return };
    let Some(found) = stream.group(group) else { return };
    let read = found.read.and_then(|read| u64::try_from(read).ok()).map(effects::decimal);
    let last = id_text(found.last);
    let words: [&[u8]; 7] = [b"XGROUP", b"SETID", key, group, &last, b"ENTRIESREAD", read.as_deref().unwrap_or_default()];
    call.server.effects.say(words.get(..if read.is_some() { 7 } else { 5 }).unwrap_or_default());
}

fn idle_enough(pending: &Pending, now: Millis, min_idle: u64) -> bool {
    now.saturating_sub(pending.delivered) >= min_idle
}

pub struct XAutoClaim<'a> {
    pub key: Key<'a, RW_DELETE>,
    pub group: &'a [u8],
    pub consumer: &'a [u8],
    /// Redis looks the key up before it complains about these.
    pub options: Result<AutoClaim>,
}

/// What XAUTOCLAIM claims.
pub struct AutoClaim {
    pub min_idle: u64,
    pub start: Id,
    pub count: u64,
    pub just_ids: bool,
}

/// Pending entries that XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS: u64 = 10;

impl<'a> Parse<'a> for XAutoClaim<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RW_DELETE> as Arg<'a>>::SPEC.named("key"),
        WORD.named("group"),
        WORD.named("consumer"),
        WORD.named("min-idle-time"),
        WORD.named("start"),
        number("count", "COUNT"),
        flag("justid", "JUSTID"),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, group: args.word()?, consumer: args.word()?, options: AutoClaim::parse(args) })
    }
}

impl AutoClaim {
    fn parse(args: &mut Args<'_>) -> Result<Self> {
        let min_idle = min_idle(args.word()?, "XAUTOCLAIM")?;
        let start = interval_start(args.word()?)?;
        let mut this = Self { min_idle, start, count: 100, just_ids: false };
        while let Ok(word) = args.word() {
            if is_token(word, "COUNT") && args.remaining() > 0 {
                let most = i64::MAX.unsigned_abs() / 16;
                let count =
                    integer(args).ok().and_then(|count| u64::try_from(count).ok()).filter(|count| (1..=most).contains(count));
                this.count = count.ok_or_else(|| ReplyError::err("COUNT must be > 0"))?;
            } else if is_token(word, "JUSTID") {
                this.just_ids = true;
            } else {
                return Err(ReplyError::SYNTAX);
            }
        }
        Ok(this)
    }
}

/// What XAUTOCLAIM did.
pub struct AutoClaimed<'c, 'a> {
    /// Where to go on; 0-0 at the end.
    pub next: Id,
    pub claimed: Claimed<'c, 'a>,
    /// Entries that were pending, but are no more in the stream.
    pub deleted: Vec<Id>,
}

impl Reply for AutoClaimed<'_, '_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(3);
        write_id(writer, self.next);
        self.claimed.write(writer);
        writer.array(self.deleted.len());
        self.deleted.into_iter().for_each(|id| write_id(writer, id));
    }
}

pub fn xautoclaim<'c, 'a>(call: &'c mut Call<'_>, args: XAutoClaim<'a>) -> Result<AutoClaimed<'c, 'a>> {
    let now = call.now();
    call.keys.read_any(&args.key);
    let AutoClaim { min_idle, start, count, just_ids } = args.options?;
    let stream = call.keys.edit::<Stream>(&args.key)?.filter(|stream| stream.group(args.group).is_some());
    let mut stream = stream.ok_or_else(|| ReplyError::no_such_group(&args.key, args.group, ""))?;
    let claim = Claim { group: args.group, consumer: args.consumer, min_idle, now, delivered: now, just_ids };
    let (mut claimed, mut deleted) = (Vec::new(), Vec::new());
    let (mut left, mut attempts) = (count, count.saturating_mul(ATTEMPTS));
    let from =
        |stream: &Stream, id| stream.group(args.group).and_then(|group| group.pending_from(id).next()).map(|pending| pending.id);
    let mut next = from(&stream, start);
    while let Some(id) = next.filter(|_| left > 0 && attempts > 0) {
        attempts = attempts.saturating_sub(1);
        let gone = !stream.contains(id);
        if gone {
            if let Some(mut group) = stream.group_mut(args.group) {
                group.acknowledge(id);
            }
            stream.noted(Class::NONE, "");
            say_forgotten(&mut call.server.effects, &args.key, args.group, id);
            deleted.push(id);
        } else if claim.take(&mut stream, id, false, None) {
            claimed.push(id);
        }
        left = count.saturating_sub((claimed.len() as u64).saturating_add(deleted.len() as u64));
        next = id.next().and_then(|id| from(&stream, id));
    }
    drop(stream);
    say_claimed(call, &args.key, args.group, &claimed);
    let claimed = Claimed { keys: call.keys, key: args.key.0, ids: claimed, just_ids };
    Ok(AutoClaimed { next: next.unwrap_or_default(), claimed, deleted })
}

// ---- XPENDING ---------------------------------------------------------------------------------------------------------------------------

/// Which pending entries XPENDING tells one by one.
#[derive(Clone, Copy)]
pub struct PendingRange<'a> {
    pub min_idle: u64,
    pub start: Id,
    pub end: Id,
    pub count: usize,
    pub consumer: Option<&'a [u8]>,
}

pub struct XPending<'a> {
    pub key: Key<'a, RO_ACCESS>,
    pub group: &'a [u8],
    pub range: Option<PendingRange<'a>>,
}

impl<'a> Parse<'a> for XPending<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key"),
        WORD.named("group"),
        ArgSpec::of(
            ArgKind::Block,
            &[
                number("min-idle-time", "IDLE"),
                WORD.named("start"),
                WORD.named("end"),
                ArgSpec::new(ArgKind::Integer).named("count"),
                WORD.named("consumer").optional(),
            ],
        )
        .named("filters")
        .optional(),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (key, group) = (Key::arg(args)?, args.word()?);
        let words = args.take_rest();
        let range = match words.len() {
            0 => None,
            3..=6 => Some(PendingRange::parse(words)?),
            _ => return Err(ReplyError::SYNTAX),
        };
        Ok(Self { key, group, range })
    }
}

impl<'a> PendingRange<'a> {
    fn parse(words: &'a [&'a [u8]]) -> Result<Self> {
        let integer = |word: &[u8]| number::parse_i64(word).ok_or(ReplyError::NOT_INTEGER);
        let (min_idle, rest) = match words {
            [idle, min_idle, rest @ ..] if is_token(idle, "IDLE") => (integer(min_idle)?, rest),
            _ => (0, words),
        };
        let [start, end, count, rest @ ..] = rest else { return Err(ReplyError::SYNTAX) };
        let count = usize::try_from(integer(count)?.max(0)).unwrap_or(usize::MAX);
        let (start, end) = (interval_start(start)?, interval_end(end)?);
        Ok(Self { min_idle: min_idle.max(0).unsigned_abs(), start, end, count, consumer: rest.first().copied() })
    }
}

/// A group's pending entries.
pub struct PendingReply<'c, 'a> {
    group: &'c Group,
    range: Option<PendingRange<'a>>,
    now: Millis,
}

pub fn xpending<'c, 'a>(call: &'c mut Call<'_>, args: XPending<'a>) -> Result<PendingReply<'c, 'a>> {
    let now = call.now();
    let group = call.keys.read::<Stream>(&args.key)?.and_then(|stream| stream.group(args.group));
    let group = group.ok_or_else(|| ReplyError::no_such_group(&args.key, args.group, ""))?;
    Ok(PendingReply { group, range: args.range, now })
}

impl Reply for PendingReply<'_, '_> {
    fn write(self, writer: &mut Writer<'_>) {
        match self.range {
            None => write_summary(self.group, writer),
            Some(range) => write_pending(self.group, &range, self.now, writer),
        }
    }
}

/// How many, the first and the last, and how many for each consumer.
fn write_summary(group: &Group, writer: &mut Writer<'_>) {
    writer.array(4);
    group.pending_count().write(writer);
    let (Some(first), Some(last)) = (group.first_pending(), group.last_pending()) else {
        writer.null();
        writer.null();
        return writer.null_array();
    };
    write_id(writer, first.id);
    write_id(writer, last.id);
    let busy = || group.consumers().filter(|consumer| consumer.pending() > 0);
    writer.array(busy().count());
    for consumer in busy() {
        writer.array(2);
        writer.bulk(consumer.name());
        writer.bulk_int(i64::try_from(consumer.pending()).unwrap_or(i64::MAX));
    }
}

/// ID, consumer, milliseconds since the delivery, and deliveries of each.
fn write_pending(group: &Group, range: &PendingRange<'_>, now: Millis, writer: &mut Writer<'_>) {
    let consumer = match range.consumer.map(|name| group.find(name)) {
        Some(None) => return writer.array(0),
        Some(Some(consumer)) => Some(consumer),
        None => None,
    };
    let at = writer.defer();
    let mut left = range.count;
    let mut tell = |pending: &Pending| {
        if left == 0 || pending.id > range.end {
            return false;
        }
        if idle_enough(pending, now, range.min_idle) {
            left = left.saturating_sub(1);
            writer.array(4);
            write_id(writer, pending.id);
            writer.bulk(group.consumer(pending.consumer).map_or(&[], |consumer| consumer.name()));
            now.saturating_sub(pending.delivered).write(writer);
            writer.int(pending.deliveries as i64);
        }
        true
    };
    // Both walks end where `tell` says so.
    _ = match consumer {
        Some(consumer) => group.pending_of(consumer, range.start).all(&mut tell),
        None => group.pending_from(range.start).all(&mut tell),
    };
    let told = range.count.saturating_sub(left);
    writer.close_array(at, told);
}
