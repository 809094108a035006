//! Bytes to values.

use super::elements::{Elements, Form};
use super::read::Reader;
use super::{Refusal, stream};
use crate::keyspace::{Stored, Value, ValueType};
use crate::value::blob::LATEST;
use crate::value::hash::Hash;
use crate::value::list::End;
use crate::value::zset::{self, Change};
use crate::value::{Collection, Env, OutOfMemory};
use alloc::boxed::Box;

/// The type of a value, and the value; what is given means nothing if the reader failed.
pub fn load(reader: &mut Reader<'_>, env: &Env) -> Option<Value> {
    use ValueType as T;
    let kind = reader.byte();
    let (value_type, form) = match kind {
        0 => {
            let text = reader.string();
            return copied(reader, &text);
        }
        1 => (T::List, Form::Plain),
        2 => (T::Set, Form::Plain),
        3 => (T::ZSet, Form::OldScores),
        4 => (T::Hash, Form::Plain),
        5 => (T::ZSet, Form::Scores),
        9 => (T::Hash, Form::Zipmap),
        10 | 14 => (T::List, Form::Ziplist),
        11 => (T::Set, Form::Intset),
        12 => (T::ZSet, Form::Ziplist),
        13 => (T::Hash, Form::Ziplist),
        16 => (T::Hash, Form::Listpack),
        17 => (T::ZSet, Form::Listpack),
        18 => (T::List, Form::Listpack),
        20 => (T::Set, Form::Listpack),
        24 | 25 => return with_deadlines(reader, env, kind == 25),
        15 | 19 | 21 => return stream::load(reader, env, kind).map(|stream| Stored::wrap(Box::new(stream))),
        _ => return None,
    };
    let mut env = *env;
    if let Form::Listpack | Form::Ziplist = form {
        // What was kept so stays small however long its strings are, as in Redis: the limit may have been another.
        env.limits.hash_max_listpack_value = usize::MAX;
        env.limits.zset_max_listpack_value = usize::MAX;
    }
    let plain = matches!(form, Form::Plain | Form::Scores | Form::OldScores);
    let count = if plain || matches!(kind, 14 | 18) { reader.length() } else { 1 };
    let mut target = empty(value_type);
    if form == Form::Scores {
        let members = usize::try_from(count).unwrap_or(usize::MAX);
        target = Value::ZSet(Box::new(zset::ZSet::for_members(&env, members, 0)));
    }
    let mut any = false;
    if plain {
        let elements = if value_type == T::Hash { count.saturating_mul(2) } else { count };
        any = fill(&mut target, &env, &mut Elements::plain(form, reader, elements));
    } else {
        // Every round takes a byte at least, or fails.
        for _ in 0..count {
            let single = kind == 18 && {
                let container = reader.length();
                reader.demand(matches!(container, 1 | 2));
                container == 1
            };
            if single {
                any |= fill(&mut target, &env, &mut Elements::plain(Form::Plain, reader, 1));
                continue;
            }
            let blob = reader.string();
            let mut inner = Reader::new(&blob, 0);
            any |= fill(&mut target, &env, &mut Elements::packed(form, &mut inner));
            if let Some(why) = inner.fault {
                reader.fail(why);
            }
            if !reader.ok() {
                break;
            }
        }
    }
    any.then_some(target)
}

/// A hash whose fields have deadlines: each in front of its field, counted from one in front of all, or behind its value in a listpack.
fn with_deadlines(reader: &mut Reader<'_>, env: &Env, packed: bool) -> Option<Value> {
    let mut hash = Hash::new();
    let least = reader.little(8);
    if packed {
        let blob = reader.string();
        let mut inner = Reader::new(&blob, 0);
        let mut elements = Elements::packed(Form::Listpack, &mut inner);
        while let Some(field) = elements.next() {
            let (value, deadline) = (elements.expect(), elements.number());
            set(elements.reader, &mut hash, env, &field, &value, deadline as u64);
        }
        if let Some(why) = inner.fault {
            reader.fail(why);
        }
    } else {
        let mut count = reader.length();
        while count > 0 && reader.ok() {
            let (after, field, value) = (reader.length(), reader.string(), reader.string());
            let deadline = if after == 0 { 0 } else { least.saturating_add(after).saturating_sub(1) };
            set(reader, &mut hash, env, &field, &value, deadline);
            count = count.wrapping_sub(1);
        }
    }
    (!hash.is_empty()).then(|| Value::Hash(Box::new(hash)))
}

/// Sets a new field; deadline 0 is none.
fn set(reader: &mut Reader<'_>, hash: &mut Hash, env: &Env, field: &[u8], value: &[u8], deadline: u64) {
    reader.demand(deadline <= LATEST);
    if !reader.ok() {
        return;
    }
    let set = hash.set_if_absent(env, field, value).and_then(|new| {
        if new && deadline > 0 {
            hash.set_deadline(env, field, Some(deadline))?;
        }
        Ok(new)
    });
    match set {
        Ok(new) => reader.demand(new),
        Err(OutOfMemory) => reader.fail(Refusal::Memory),
    }
}

fn empty(value_type: ValueType) -> Value {
    match value_type {
        ValueType::List => Value::List(Box::default()),
        ValueType::Set => Value::Set(Box::default()),
        ValueType::Hash => Value::Hash(Box::default()),
        _ => Value::ZSet(Box::default()),
    }
}

fn copied(reader: &mut Reader<'_>, text: &[u8]) -> Option<Value> {
    let mut bytes = alloc::vec::Vec::new();
    if bytes.try_reserve_exact(text.len()).is_err() {
        reader.fail(Refusal::Memory);
        return None;
    }
    bytes.extend_from_slice(text);
    Some(Value::String(bytes))
}

/// Takes all elements over, each with what belongs to it; whether there were any. One that is there already is refused.
fn fill(target: &mut Value, env: &Env, source: &mut Elements<'_, '_>) -> bool {
    let mut any = false;
    while let Some(item) = source.next() {
        any = true;
        let new = match target {
            Value::List(list) => Ok(list.push(env, End::Back, &item)),
            Value::Set(set) => set.add(env, &item),
            Value::Hash(hash) => {
                let value = source.expect();
                hash.set_if_absent(env, &item, &value)
            }
            Value::ZSet(zset) => {
                let score = source.score();
                if !source.reader.ok() {
                    break;
                }
                zset.insert(env, &item, score).map(|change| change == Change::Added)
            }
            _ => Ok(false),
        };
        match new {
            Ok(new) => source.reader.demand(new),
            Err(OutOfMemory) => source.reader.fail(Refusal::Memory),
        }
    }
    any
}
