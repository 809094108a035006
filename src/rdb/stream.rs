//! Streams: listpacks of entries, each with its first ID, then what the stream knows of its past, then the consumer groups.
//!
//! ```text
//!   a listpack: live, deleted, names, name …, 0                     what most of its entries have in common
//!               flags, ms, seq, value …,              elements      flags 2: names as above
//!               flags, ms, seq, fields, name, value …, elements      flags 1: deleted
//!
//!   a group:    name, last ID, entries read, { ID, delivered, deliveries }, { consumer: name, seen, { ID } }
//! ```

use super::Refusal;
use super::elements::{Elements, Form};
use super::listpack::Listpack;
use super::read::{Item, Reader};
use super::save::Out;
use crate::number::parse_i64;
use crate::value::stream::{Entry, Id, Pending, Stream};
use crate::value::{Collection, Env};
use alloc::vec::Vec;

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;

/// Since these types there is more to read.
const LISTPACKS_2: u8 = 19;
const LISTPACKS_3: u8 = 21;

/// What Redis writes where it does not know how many entries a group has read.
const UNKNOWN: u64 = u64::MAX;

// ---- saving -----------------------------------------------------------------------------------------------------------------------------

impl Out {
    fn id(&mut self, id: Id) {
        self.length(id.ms);
        self.length(id.seq);
    }

    fn raw_id(&mut self, id: Id) {
        self.put(&id.ms.to_be_bytes());
        self.put(&id.seq.to_be_bytes());
    }
}

pub(super) fn save(out: &mut Out, stream: &Stream) {
    out.length(stream.blocks() as u64);
    for block in 0..stream.blocks() {
        let entries = stream.entries_of(block);
        let Some(first) = entries.clone().next() else { continue };
        out.length(16);
        out.raw_id(first.id);
        out.blob(node(&first, entries));
    }
    out.length(stream.len() as u64);
    for id in [stream.last_id, stream.first_id(), stream.max_deleted_id] {
        out.id(id);
    }
    out.length(stream.entries_added);
    out.length(stream.groups().len() as u64);
    for group in stream.groups() {
        out.string(group.name());
        out.id(group.last);
        out.length(group.read.map_or(UNKNOWN, |read| read as u64));
        out.length(group.pending_count() as u64);
        for pending in group.pending_from(Id::MIN) {
            out.raw_id(pending.id);
            out.put(&pending.delivered.to_le_bytes());
            out.length(pending.deliveries);
        }
        out.length(group.consumer_count() as u64);
        for (id, consumer) in group.consumer_ids().zip(group.consumers()) {
            out.string(consumer.name());
            out.put(&consumer.seen.to_le_bytes());
            out.length(consumer.pending() as u64);
            for pending in group.pending_of(id, Id::MIN) {
                out.raw_id(pending.id);
            }
        }
    }
}

/// Entries as a listpack.
fn node<'s>(first: &Entry<'s>, entries: impl Iterator<Item = Entry<'s>> + Clone) -> Out {
    let mut packed = Listpack::new();
    let number = |packed: &mut Listpack, number: usize| packed.push_number(number as i64);
    number(&mut packed, entries.clone().count());
    number(&mut packed, 0);
    number(&mut packed, first.len());
    first.fields().for_each(|(name, _)| packed.push(&name));
    number(&mut packed, 0);
    for entry in entries {
        let same = entry.len() == first.len() && entry.fields().zip(first.fields()).all(|((a, _), (b, _))| *a == *b);
        packed.push_number(if same { SAME_NAMES } else { 0 });
        packed.push_number(entry.id.ms.wrapping_sub(first.id.ms) as i64);
        packed.push_number(entry.id.seq.wrapping_sub(first.id.seq) as i64);
        if !same {
            number(&mut packed, entry.len());
        }
        for (name, value) in entry.fields() {
            if !same {
                packed.push(&name);
            }
            packed.push(&value);
        }
        let elements = if same { entry.len().wrapping_add(3) } else { entry.len().wrapping_mul(2).wrapping_add(4) };
        number(&mut packed, elements);
    }
    packed.finish()
}

// ---- loading ----------------------------------------------------------------------------------------------------------------------------

impl Reader<'_> {
    fn id(&mut self) -> Id {
        Id { ms: self.length(), seq: self.length() }
    }

    fn raw_id(&mut self) -> Id {
        Id { ms: self.big(8), seq: self.big(8) }
    }

    /// Counts down, and stops when the reader fails.
    fn more(&self, left: &mut u64) -> bool {
        let more = *left > 0 && self.ok();
        *left = left.saturating_sub(1);
        more
    }
}

/// Means nothing if the reader failed.
pub(super) fn load(reader: &mut Reader<'_>, env: &Env, kind: u8) -> Option<Stream> {
    let mut stream = Stream::new();
    let mut nodes = reader.length();
    while reader.more(&mut nodes) {
        let (first, blob) = (reader.string(), reader.string());
        let first = Reader::new(&first, 0).raw_id();
        let mut inner = Reader::new(&blob, 0);
        load_node(&mut stream, env, first, &mut Elements::packed(Form::Listpack, &mut inner));
        if let Some(why) = inner.fault {
            reader.fail(why);
        }
    }
    let (len, last) = (reader.length(), reader.id());
    reader.demand(len == stream.len() as u64 && last >= stream.last_id);
    stream.last_id = last;
    if kind >= LISTPACKS_2 {
        // The first ID is that of the first entry.
        reader.id();
        stream.max_deleted_id = reader.id();
        stream.entries_added = reader.length();
    }
    let mut groups = reader.length();
    while reader.more(&mut groups) {
        load_group(&mut stream, reader, kind);
    }
    Some(stream)
}

fn load_node(stream: &mut Stream, env: &Env, first: Id, elements: &mut Elements<'_, '_>) {
    let (mut live, mut deleted, mut count) = (elements.number(), elements.number(), elements.number());
    let mut names: Vec<Item<'_>> = Vec::new();
    while count > 0 && elements.reader.ok() {
        names.push(elements.expect());
        count = count.wrapping_sub(1);
    }
    let end = elements.number();
    elements.reader.demand(end == 0);
    // What was one node becomes one block: only its first entry begins one.
    let mut limits = *env;
    limits.limits.stream_node_max_entries = 1;
    let mut own: Vec<Item<'_>> = Vec::new();
    while let Some(flags) = elements.next() {
        let flags = parse_i64(&flags).unwrap_or_default();
        let ms = first.ms.wrapping_add(elements.number() as u64);
        let id = Id { ms, seq: first.seq.wrapping_add(elements.number() as u64) };
        let same = flags & SAME_NAMES != 0;
        let mut count = if same { names.len() as i64 } else { elements.number().saturating_mul(2) };
        own.clear();
        while count > 0 && elements.reader.ok() {
            own.push(elements.expect());
            count = count.wrapping_sub(1);
        }
        // How many elements that was.
        elements.number();
        if flags & DELETED != 0 {
            deleted = deleted.wrapping_sub(1);
            continue;
        }
        live = live.wrapping_sub(1);
        let mut words: Vec<&[u8]> = Vec::new();
        for (at, word) in own.iter().enumerate() {
            if same && let Some(name) = names.get(at) {
                words.push(name);
            }
            words.push(word);
        }
        elements.reader.demand(!words.is_empty() && id > stream.last_id && Stream::can_hold(&words));
        if elements.reader.ok() && stream.append(&limits, id, &words).is_err() {
            elements.reader.fail(Refusal::Memory);
        }
        limits = *env;
    }
    elements.reader.demand(live == 0 && deleted == 0);
}

fn load_group(stream: &mut Stream, reader: &mut Reader<'_>, kind: u8) {
    let (name, last) = (reader.string(), reader.id());
    let read = match kind {
        LISTPACKS_2.. => i64::try_from(reader.length()).ok(),
        _ => stream.entries_read_up_to(last),
    };
    // In the order of their names, in which Redis writes them; so no name comes twice.
    reader.demand(stream.groups().last().is_none_or(|before| *before.name() < *name));
    let mut waiting: Vec<(Id, u64, u64)> = Vec::new();
    let mut left = reader.length();
    while reader.more(&mut left) {
        let entry = (reader.raw_id(), reader.little(8), reader.length());
        reader.demand(waiting.last().is_none_or(|before| before.0 < entry.0));
        if waiting.try_reserve(1).is_err() {
            return reader.fail(Refusal::Memory);
        }
        waiting.push(entry);
    }
    if !reader.ok() || !stream.create_group(&name, last, read) {
        return;
    }
    let Some(mut group) = stream.group_mut(&name) else { return };
    let mut assigned = 0usize;
    let mut before: Option<Item<'_>> = None;
    let mut consumers = reader.length();
    while reader.more(&mut consumers) {
        let (name, seen) = (reader.string(), reader.little(8));
        let active = if kind >= LISTPACKS_3 { reader.signed(8) } else { seen as i64 };
        reader.demand(before.is_none_or(|before| *before < *name));
        if !reader.ok() {
            return;
        }
        let (consumer, _) = group.find_or_create(&name, seen);
        before = Some(name);
        if let Some(consumer) = group.consumer_mut(consumer) {
            consumer.active = u64::try_from(active).ok();
        }
        let mut left = reader.length();
        while reader.more(&mut left) {
            let id = reader.raw_id();
            let found = waiting.binary_search_by(|(waits, ..)| waits.cmp(&id)).ok().and_then(|at| waiting.get(at));
            match found {
                Some(&(id, delivered, deliveries)) => group.assign(Pending { id, delivered, deliveries, consumer }),
                None => reader.fail(Refusal::Damaged),
            }
            assigned = assigned.wrapping_add(1);
        }
    }
    // Each belongs to one consumer, and none to two.
    reader.demand(assigned == waiting.len() && group.pending_count() == assigned);
}
