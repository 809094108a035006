//! Bytes to values.

use super::elements::{Elements, Form};
use super::read::{Item, Reader};
use super::{Refusal, Result, stream};
use crate::keyspace::{Stored, Value, ValueType};
use crate::number;
use crate::value::Env;
use crate::value::hash::Hash;
use crate::value::list::{End, List};
use crate::value::set::Set;
use crate::value::zset::{Change, ZSet};
use alloc::boxed::Box;

/// How a collection lies in its payload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// A count, then strings.
    Plain,
    /// The same for a sorted set, with scores in digits.
    OldScores,
    /// The same for a sorted set, with scores as they are in memory.
    Scores,
    /// One string.
    Packed(Form),
    /// A count, then such strings.
    Nodes,
    /// A count, then for each whether it is an element or a listpack, and the string.
    Nodes2,
}

/// The type of a value, and the value.
///
/// # Errors
/// Every [`Refusal`] but that of the checksum.
pub fn load(reader: &mut Reader<'_>, env: &Env) -> Result<Value> {
    let kind = reader.byte()?;
    let (value_type, layout) = match kind {
        0 => return whole_string(reader),
        1 => (ValueType::List, Layout::Plain),
        2 => (ValueType::Set, Layout::Plain),
        3 => (ValueType::ZSet, Layout::OldScores),
        4 => (ValueType::Hash, Layout::Plain),
        5 => (ValueType::ZSet, Layout::Scores),
        9 => (ValueType::Hash, Layout::Packed(Form::Zipmap)),
        10 => (ValueType::List, Layout::Packed(Form::Ziplist)),
        11 => (ValueType::Set, Layout::Packed(Form::Intset)),
        12 => (ValueType::ZSet, Layout::Packed(Form::Ziplist)),
        13 => (ValueType::Hash, Layout::Packed(Form::Ziplist)),
        14 => (ValueType::List, Layout::Nodes),
        16 => (ValueType::Hash, Layout::Packed(Form::Listpack)),
        17 => (ValueType::ZSet, Layout::Packed(Form::Listpack)),
        18 => (ValueType::List, Layout::Nodes2),
        20 => (ValueType::Set, Layout::Packed(Form::Listpack)),
        15 | 19 | 21 => return stream::load(reader, env, kind).map(|stream| Stored::wrap(Box::new(stream))),
        _ => return Err(Refusal::Damaged),
    };
    let mut env = *env;
    if matches!(layout, Layout::Packed(Form::Listpack | Form::Ziplist)) {
        // What was kept so stays small however long its strings are, as in Redis: the limit may have been another.
        env.limits.hash_max_listpack_value = usize::MAX;
        env.limits.zset_max_listpack_value = usize::MAX;
    }
    collection(reader, &env, value_type, layout)
}

fn whole_string(reader: &mut Reader<'_>) -> Result<Value> {
    let text = match reader.string()? {
        Item::Made(bytes) => bytes,
        other => {
            let mut bytes = alloc::vec::Vec::new();
            bytes.try_reserve_exact(other.len()).map_err(|_| Refusal::Memory)?;
            bytes.extend_from_slice(&other);
            bytes
        }
    };
    Ok(Value::String(text))
}

fn collection(reader: &mut Reader<'_>, env: &Env, value_type: ValueType, layout: Layout) -> Result<Value> {
    let count = if let Layout::Packed(_) = layout { 1 } else { reader.length()? };
    let mut target = match value_type {
        ValueType::List => Target::List(List::new()),
        ValueType::Set => Target::Set(Set::new()),
        ValueType::Hash => Target::Hash(Hash::new()),
        _ if layout == Layout::Scores => Target::ZSet(ZSet::for_members(env, usize::try_from(count).unwrap_or(usize::MAX), 0)),
        _ => Target::ZSet(ZSet::new()),
    };
    // Every round takes a byte at least, or fails.
    for _ in 0..count {
        let (form, single) = match layout {
            Layout::Plain | Layout::OldScores | Layout::Scores => {
                target.take(&mut Source::Plain(reader, layout), env)?;
                continue;
            }
            Layout::Packed(form) => (form, false),
            Layout::Nodes => (Form::Ziplist, false),
            Layout::Nodes2 => match reader.length()? {
                1 => (Form::Listpack, true),
                2 => (Form::Listpack, false),
                _ => return Err(Refusal::Damaged),
            },
        };
        if single {
            target.take(&mut Source::Plain(reader, layout), env)?;
            continue;
        }
        let blob = reader.string()?;
        let mut source = Source::Packed(Elements::open(form, &blob)?);
        while target.take(&mut source, env)? {}
    }
    target.finish()
}

/// Where elements come from.
enum Source<'r, 'a> {
    Plain(&'r mut Reader<'a>, Layout),
    Packed(Elements<'a>),
}

impl<'a> Source<'_, 'a> {
    fn next(&mut self) -> Result<Option<Item<'a>>> {
        match self {
            Self::Plain(reader, _) => reader.string().map(Some),
            Self::Packed(elements) => elements.next(),
        }
    }

    fn expect(&mut self) -> Result<Item<'a>> {
        self.next()?.ok_or(Refusal::Damaged)
    }

    fn score(&mut self) -> Result<f64> {
        let score = match self {
            Self::Plain(reader, Layout::Scores) => f64::from_bits(reader.little(8)?),
            Self::Plain(reader, _) => match reader.byte()? {
                253 => f64::NAN,
                254 => f64::INFINITY,
                255 => f64::NEG_INFINITY,
                len => number::parse_f64(reader.take(len.into())?).ok_or(Refusal::Damaged)?,
            },
            Self::Packed(elements) => number::parse_f64(&elements.expect()?).ok_or(Refusal::Damaged)?,
        };
        if score.is_nan() { Err(Refusal::Damaged) } else { Ok(score) }
    }
}

/// A collection on its way.
enum Target {
    List(List),
    Set(Set),
    Hash(Hash),
    ZSet(ZSet),
}

impl Target {
    /// Takes one element, with what belongs to it; false where there is none any more. One that is there already is refused.
    fn take(&mut self, source: &mut Source<'_, '_>, env: &Env) -> Result<bool> {
        let Some(item) = source.next()? else { return Ok(false) };
        let new = match self {
            Self::List(list) => list.push(env, End::Back, &item),
            Self::Set(set) => set.add(env, &item)?,
            Self::Hash(hash) => hash.set_if_absent(env, &item, &source.expect()?)?,
            Self::ZSet(zset) => zset.insert(env, &item, source.score()?)? == Change::Added,
        };
        if new { Ok(true) } else { Err(Refusal::Damaged) }
    }

    /// The value, which is not empty.
    fn finish(self) -> Result<Value> {
        fn full<T: Stored>(collection: T) -> Result<Value> {
            if collection.is_empty() { Err(Refusal::Damaged) } else { Ok(T::wrap(Box::new(collection))) }
        }
        match self {
            Self::List(list) => full(list),
            Self::Set(set) => full(set),
            Self::Hash(hash) => full(hash),
            Self::ZSet(zset) => full(zset),
        }
    }
}
