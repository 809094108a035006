//! Lists: pushing and popping at both ends, reading and changing by index or by value.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, AtMost, Key, Late, Many, Opt, Sources, WRONG_ARITY, args, count_from, is_token};
use super::reply::{Either, Ok as Okay, Reply};
use super::rows;
use crate::call::Call;
use crate::effects;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Edit, Keyspace};
use crate::number;
use crate::resp::write::Writer;
use crate::value::Collection;
use crate::value::list::{End, Iter, List};
use alloc::vec::Vec;
use core::cmp::Ordering;

rows! {
    pub(super) static ROWS: List = [
        { "lindex", lindex as Lindex, since: "1.0.0", cost: "O(log N); O(1) near the ends",
          flags: [READONLY], reply: Maybe(&Bulk),
          "The element at an index; a negative index counts from the back." },
        { "linsert", linsert as Linsert, since: "2.2.0", cost: "O(N), N elements before the pivot",
          flags: [WRITE, DENYOOM], reply: Integer,
          "Inserts an element next to the first one that equals the pivot; answers the new length, -1 without a pivot, 0 without a list." },
        { "llen", llen as Llen, since: "1.0.0", cost: "O(1)", flags: [READONLY, FAST], reply: Integer,
          "How many elements a list has." },
        { "lmove", lmove as Lmove, since: "6.2.0", cost: "O(1)", flags: [WRITE, DENYOOM], reply: Maybe(&Bulk),
          "Takes an element from an end of one list to an end of another, or of the same, and answers it." },
        { "lmpop", lmpop as Lmpop, since: "7.0.0", cost: "O(N + M), N keys and M elements popped", flags: [WRITE, REPEATS_SAID], reply: Any,
          "Pops elements from the first list that has any; answers its key and the elements." },
        { "lpop", lpop as Pop, since: "1.0.0", cost: "O(N), N elements popped", flags: [WRITE, FAST], reply: Any,
          "Pops one element from the front, or as many as the count says in an array." },
        { "lpos", lpos as Lpos, since: "6.0.6", cost: "O(N), N elements looked at", flags: [READONLY], reply: Any,
          "The index of an element that equals the given one, or the indexes of several." },
        { "lpush", lpush as Push, since: "1.0.0", cost: "O(1) an element", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds elements at the front, one after another, so that the last one is first; answers the new length." },
        { "lpushx", lpushx as Push, since: "2.2.0", cost: "O(1) an element", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds elements at the front of a list that exists; answers the new length, or 0." },
        { "lrange", lrange as Lrange, since: "1.0.0", cost: "O(log S + N), S the start and N elements answered",
          flags: [READONLY], reply: Array(&Bulk),
          "The elements from one index to another, both included." },
        { "lrem", lrem as Lrem, since: "1.0.0", cost: "O(N)", flags: [WRITE], reply: Integer,
          "Removes elements that equal the given one: so many from the front, from the back if negative, all if 0." },
        { "lset", lset as Lset, since: "1.0.0", cost: "O(log N); O(1) near the ends", flags: [WRITE, DENYOOM], reply: Ok,
          "Replaces the element at an index." },
        { "ltrim", ltrim as Ltrim, since: "1.0.0", cost: "O(N), N elements removed", flags: [WRITE], reply: Ok,
          "Keeps the elements from one index to another, both included, and removes all others." },
        { "rpop", rpop as Pop, since: "1.0.0", cost: "O(N), N elements popped", flags: [WRITE, FAST], reply: Any,
          "Pops one element from the back, or as many as the count says in an array." },
        { "rpoplpush", rpoplpush as Rpoplpush, since: "1.2.0", cost: "O(1)", flags: [WRITE, DENYOOM], reply: Maybe(&Bulk),
          "Takes the last element of one list to the front of another, or of the same, and answers it." },
        { "rpush", rpush as Push, since: "1.0.0", cost: "O(1) an element", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds elements at the back; answers the new length." },
        { "rpushx", rpushx as Push, since: "2.2.0", cost: "O(1) an element", flags: [WRITE, DENYOOM, FAST], reply: Integer,
          "Adds elements at the back of a list that exists; answers the new length, or 0." },
    ]
}

// ---- grammar ------------------------------------------------------------------------------------------------------------------------

const fn token(name: &'static str, token: &'static str) -> ArgSpec {
    ArgSpec::new(ArgKind::PureToken).named(name).with_token(token)
}

/// `LEFT` or `RIGHT`.
impl<'a> Arg<'a> for End {
    const SPEC: ArgSpec = ArgSpec::of(ArgKind::OneOf, &[token("left", "LEFT"), token("right", "RIGHT")]);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        match args.word()? {
            word if is_token(word, "LEFT") => Ok(Self::Front),
            word if is_token(word, "RIGHT") => Ok(Self::Back),
            _ => Err(ReplyError::SYNTAX),
        }
    }
}

/// On which side of the pivot LINSERT inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Before,
    After,
}

impl<'a> Arg<'a> for Beside {
    const SPEC: ArgSpec = ArgSpec::of(ArgKind::OneOf, &[token("before", "BEFORE"), token("after", "AFTER")]);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        match args.word()? {
            word if is_token(word, "BEFORE") => Ok(Self::Before),
            word if is_token(word, "AFTER") => Ok(Self::After),
            _ => Err(ReplyError::SYNTAX),
        }
    }
}

/// How many elements LPOP and RPOP pop.
#[derive(Clone, Copy, Debug)]
pub struct PopCount(pub usize);

impl<'a> Arg<'a> for PopCount {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        // The last argument there is: too many are noticed before a bad one.
        if args.remaining() > 1 {
            return Err(WRONG_ARITY);
        }
        count_from(0, args.word()?).map(Self).ok_or(ReplyError::NOT_POSITIVE)
    }
}

/// Declares an option of one number: `numbers! { Rank<i64> = "RANK", parse; }`, where `parse` reads the word that follows.
macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident<$number:ty> = $token:literal, $parse:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name(pub Option<$number>);
        impl<'a> Opt<'a> for $name {
            const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer).with_token($token).optional();
            fn opt(&mut self, word: &'a [u8], args: &mut Args<'a>) -> bool {
                let mine = is_token(word, $token);
                if mine {
                    let parse: fn(&[u8]) -> Result<$number> = $parse;
                    match parse(args.needed()) {
                        Ok(number) => self.0 = Some(number),
                        Err(mistake) => args.note(mistake),
                    }
                }
                mine
            }
        }
    )*};
}

numbers! {
    /// Which of the matches LPOS begins with: 1 is the first, -1 the last and searches backward. Never 0.
    Rank<i64> = "RANK", |word| match number::parse_i64(word) {
        None => Err(ReplyError::NOT_INTEGER),
        Some(0) => Err(ReplyError::RANK_ZERO),
        Some(rank) => Ok(rank),
    };
    /// How many matches LPOS answers, in an array; 0 is all.
    Matches<usize> = "COUNT", |word| count_from(0, word).ok_or_else(|| ReplyError::err("COUNT can't be negative"));
    /// How many elements LPOS looks at; 0 is all.
    MaxLen<usize> = "MAXLEN", |word| count_from(0, word).ok_or_else(|| ReplyError::err("MAXLEN can't be negative"));
}

// ---- pushing ------------------------------------------------------------------------------------------------------------------------

args! {
    /// Arguments of LPUSH, LPUSHX, RPUSH and RPUSHX.
    Push<'a> { key: Key<'a, RW_INSERT>, elements: Many<'a, &'a [u8]> }
}

pub fn lpush(call: &mut Call<'_>, args: Push<'_>) -> Result<usize> {
    let list = call.keys.edit_or_create::<List>(&args.key)?;
    push_all(list, End::Front, args.elements.words())
}

pub fn rpush(call: &mut Call<'_>, args: Push<'_>) -> Result<usize> {
    let list = call.keys.edit_or_create::<List>(&args.key)?;
    push_all(list, End::Back, args.elements.words())
}

pub fn lpushx(call: &mut Call<'_>, args: Push<'_>) -> Result<usize> {
    match call.keys.edit::<List>(&args.key)? {
        Some(list) => push_all(list, End::Front, args.elements.words()),
        None => Ok(0),
    }
}

pub fn rpushx(call: &mut Call<'_>, args: Push<'_>) -> Result<usize> {
    match call.keys.edit::<List>(&args.key)? {
        Some(list) => push_all(list, End::Back, args.elements.words()),
        None => Ok(0),
    }
}

fn push_all(mut list: Edit<'_, List>, end: End, elements: &[&[u8]]) -> Result<usize> {
    if !elements.iter().all(|element| List::can_hold(element)) {
        return Err(ReplyError::MEMORY);
    }
    let env = list.env;
    for element in elements {
        list.push(&env, end, element);
    }
    list.changed(Class::LIST, push_event(end));
    Ok(list.len())
}

fn push_event(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

args! { Linsert<'a> { key: Key<'a, RW_INSERT>, side: Beside, pivot: &'a [u8], element: &'a [u8] } }

/// The new length; -1 where no element equals the pivot, 0 where there is no list.
pub fn linsert(call: &mut Call<'_>, args: Linsert<'_>) -> Result<i64> {
    let Some(mut list) = call.keys.edit::<List>(&args.key)? else { return Ok(0) };
    let Some(pivot) = list.position(args.pivot) else { return Ok(-1) };
    let index = match args.side {
        Beside::Before => pivot,
        Beside::After => pivot.saturating_add(1),
    };
    let env = list.env;
    if !list.insert(&env, index, args.element) {
        return Err(ReplyError::MEMORY);
    }
    list.changed(Class::LIST, "linsert");
    Ok(signed(list.len()))
}

// ---- popping ------------------------------------------------------------------------------------------------------------------------

args! {
    /// Arguments of LPOP and RPOP.
    Pop<'a> { key: Key<'a, RW_ACCESS_DELETE>, count: Option<PopCount> }
}

pub fn lpop<'c>(call: &'c mut Call<'_>, args: Pop<'_>) -> Result<Either<Popped<'c>, NothingPopped>> {
    pop(call, args, End::Front)
}

pub fn rpop<'c>(call: &'c mut Call<'_>, args: Pop<'_>) -> Result<Either<Popped<'c>, NothingPopped>> {
    pop(call, args, End::Back)
}

fn pop<'c>(call: &'c mut Call<'_>, args: Pop<'_>, end: End) -> Result<Either<Popped<'c>, NothingPopped>> {
    let count = args.count.map(|count| count.0);
    Ok(match call.keys.edit::<List>(&args.key)? {
        Some(list) => Either::A(Popped { list, end, count }),
        None if count.is_some() => Either::B(NothingPopped::Elements),
        None => Either::B(NothingPopped::Element),
    })
}

/// What is about to be popped. It is popped when it is written or taken: an element leaves its list only once it is safe elsewhere.
#[must_use = "nothing is popped before the reply is taken or written"]
pub struct Popped<'c> {
    list: Edit<'c, List>,
    end: End,
    /// `None` is one element that is not in an array.
    count: Option<usize>,
}

impl Popped<'_> {
    /// Pops the elements, the one nearest to the end first.
    pub fn take(self) -> Vec<Vec<u8>> {
        let elements = self.elements().map(<[u8]>::to_vec).collect();
        self.remove();
        elements
    }

    fn amount(&self) -> usize {
        self.count.unwrap_or(1).min(self.list.len())
    }

    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        let all = match self.end {
            End::Front => self.list.iter(),
            End::Back => self.list.iter_back_from(self.list.len().saturating_sub(1)),
        };
        all.take(self.amount())
    }

    fn remove(mut self) {
        let (env, amount) = (self.list.env, self.amount());
        if amount == 0 {
            return;
        }
        let from = match self.end {
            End::Front => 0,
            End::Back => self.list.len().saturating_sub(amount),
        };
        self.list.remove_range(&env, from, amount);
        self.list.changed(Class::LIST, pop_event(self.end));
    }
}

impl Reply for Popped<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        if self.count.is_some() {
            writer.array(self.amount());
        }
        for element in self.elements() {
            writer.bulk(element);
        }
        // A reply that there is no memory for becomes an error: then nothing may be lost.
        if !writer.overflowed() {
            self.remove();
        }
    }
}

/// Pops one element: for the typed face alone.
#[cfg(feature = "std")]
pub(crate) fn pop_one(call: &mut Call<'_>, key: &[u8], end: End) -> Result<Option<Vec<u8>>> {
    let list = call.keys.edit::<List>(key)?;
    Ok(list.and_then(|list| Popped { list, end, count: None }.take().pop()))
}

fn pop_event(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// There is no list: a null, in the shape that RESP2 expects in the place of one element or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingPopped {
    Element,
    Elements,
}

impl Reply for NothingPopped {
    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::Element => writer.null(),
            Self::Elements => writer.null_array(),
        }
    }
}

args! { Lmpop<'a> { keys: Sources<'a>, side: End; count: AtMost } }

pub fn lmpop<'c, 'a>(call: &'c mut Call<'_>, args: Lmpop<'a>) -> Result<Either<PoppedFrom<'c, 'a>, NothingPopped>> {
    let count = Some(args.count.0.unwrap_or(1));
    say_pop(call, args.keys.0, args.side, count)?;
    let popped = pop_first(call, args.keys.0, args.side, count)?;
    Ok(popped.map_or(Either::B(NothingPopped::Elements), Either::A))
}

/// What is to be popped from the first of the keys that exists; `count` as in [`Popped`].
pub(super) fn pop_first<'c, 'a>(
    call: &'c mut Call<'_>,
    keys: &[&'a [u8]],
    end: End,
    count: Option<usize>,
) -> Result<Option<PoppedFrom<'c, 'a>>> {
    let Some(key) = first_list(call, keys)? else { return Ok(None) };
    let Some(list) = call.keys.edit::<List>(key)? else { return Ok(None) };
    Ok(Some(PoppedFrom { key, popped: Popped { list, end, count } }))
}

/// Says which pop of one key [`pop_first`] comes to.
pub(super) fn say_pop(call: &mut Call<'_>, keys: &[&[u8]], end: End, count: Option<usize>) -> Result<()> {
    if !call.server.effects.are_read() {
        return Ok(());
    }
    let Some(PoppedFrom { key, popped }) = pop_first(call, keys, end, count)? else { return Ok(()) };
    let amount = effects::decimal(popped.amount() as u64);
    drop(popped);
    let words: &[&[u8]] = &[pop_event(end).as_bytes(), key, &amount];
    call.server.effects.say(words.get(..if count.is_some() { 3 } else { 2 }).unwrap_or(words));
    Ok(())
}

/// The first of the keys that exists. It must be a list then.
fn first_list<'a>(call: &mut Call<'_>, keys: &[&'a [u8]]) -> Result<Option<&'a [u8]>> {
    for key in keys {
        if call.keys.edit::<List>(key)?.is_some() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// A key and what is about to be popped from its list.
pub struct PoppedFrom<'c, 'a> {
    pub key: &'a [u8],
    pub popped: Popped<'c>,
}

impl Reply for PoppedFrom<'_, '_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(2);
        writer.bulk(self.key);
        self.popped.write(writer);
    }
}

args! {
    Lmove<'a> { source: Key<'a, RW_ACCESS_DELETE>, destination: Key<'a, RW_INSERT>, wherefrom: End, whereto: End }
}

/// The element that went over; `None` where there is no source.
pub fn lmove(call: &mut Call<'_>, args: Lmove<'_>) -> Result<Option<Vec<u8>>> {
    move_element(call, args.source.0, args.destination.0, args.wherefrom, args.whereto)
}

args! { Rpoplpush<'a> { source: Key<'a, RW_ACCESS_DELETE>, destination: Key<'a, RW_INSERT> } }

/// The element that went over; `None` where there is no source.
pub fn rpoplpush(call: &mut Call<'_>, args: Rpoplpush<'_>) -> Result<Option<Vec<u8>>> {
    move_element(call, args.source.0, args.destination.0, End::Back, End::Front)
}

/// Pushes before it pops, so that watchers and listeners meet the events in Redis's order.
pub(super) fn move_element(
    call: &mut Call<'_>,
    source: &[u8],
    destination: &[u8],
    from: End,
    to: End,
) -> Result<Option<Vec<u8>>> {
    let Some(mut list) = call.keys.edit::<List>(source)? else { return Ok(None) };
    let env = list.env;
    let element = if source == destination {
        let Some(element) = list.pop(&env, from) else { return Ok(None) };
        list.push(&env, to, &element);
        list.changed(Class::LIST, push_event(to));
        list.changed(Class::LIST, pop_event(from));
        element
    } else {
        let Some(element) = list.end(from).map(<[u8]>::to_vec) else { return Ok(None) };
        drop(list);
        push_all(call.keys.edit_or_create::<List>(destination)?, to, &[&element])?;
        if let Some(list) = call.keys.edit::<List>(source)? {
            Popped { list, end: from, count: None }.remove();
        }
        element
    };
    Ok(Some(element))
}

// ---- reading ------------------------------------------------------------------------------------------------------------------------

args! { Llen<'a> { key: Key<'a, RO> } }

pub fn llen(call: &mut Call<'_>, args: Llen<'_>) -> Result<usize> {
    Ok(call.keys.read::<List>(&args.key)?.map_or(0, |list| list.len()))
}

args! { Lindex<'a> { key: Key<'a, RO_ACCESS>, index: Late<i64> } }

pub fn lindex<'c>(call: &'c mut Call<'_>, args: Lindex<'_>) -> Result<Option<&'c [u8]>> {
    let Some(list) = call.keys.read::<List>(&args.key)? else { return Ok(None) };
    let index = args.index.0?;
    Ok(place(list, index).and_then(|index| list.get(index)))
}

args! { Lrange<'a> { key: Key<'a, RO_ACCESS>, start: i64, stop: i64 } }

pub fn lrange<'c>(call: &'c mut Call<'_>, args: Lrange<'_>) -> Result<Range<'c>> {
    range(call.keys, &args.key, args.start, args.stop)
}

/// The elements from `start` to `stop`, both included; negative indexes count from the back.
pub(crate) fn range<'c>(keys: &'c mut Keyspace, key: &[u8], start: i64, stop: i64) -> Result<Range<'c>> {
    let Some(list) = keys.read::<List>(key)? else { return Ok(Range { elements: None, left: 0 }) };
    let (start, left) = window(list.len(), start, stop);
    Ok(Range { elements: Some(list.iter_from(start)), left })
}

/// Some elements of a list in order, borrowed from it.
pub struct Range<'c> {
    elements: Option<Iter<'c>>,
    left: usize,
}

impl<'c> Iterator for Range<'c> {
    type Item = &'c [u8];

    fn next(&mut self) -> Option<&'c [u8]> {
        self.left = self.left.checked_sub(1)?;
        self.elements.as_mut()?.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Range<'_> {}

impl Reply for Range<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.left);
        self.for_each(|element| writer.bulk(element));
    }
}

args! { Lpos<'a> { key: Key<'a, RO_ACCESS>, element: &'a [u8]; rank: Rank, count: Matches, maxlen: MaxLen } }

/// An index, or with a count all indexes that were asked for, in the order of the search.
pub fn lpos(call: &mut Call<'_>, args: Lpos<'_>) -> Result<Either<Option<i64>, Vec<i64>>> {
    let list = call.keys.read::<List>(&args.key)?;
    let search = Search::new(&args);
    Ok(match args.count.0 {
        None => Either::A(list.map_or(Ok(None), |list| search.run(list, 1))?.and_then(|found| found.first().copied())),
        Some(count) => Either::B(list.map_or(Ok(None), |list| search.run(list, count))?.unwrap_or_default()),
    })
}

/// What LPOS looks for.
struct Search<'a> {
    element: &'a [u8],
    backward: bool,
    /// Matches before the first one that counts.
    skip: u64,
    /// Elements to look at.
    reach: usize,
    /// Whether a count ends the search: the least rank there is has no positive counterpart, and Redis then answers all matches.
    counted: bool,
}

impl<'a> Search<'a> {
    fn new(args: &Lpos<'a>) -> Self {
        let rank = args.rank.0.unwrap_or(1);
        let counted = rank != i64::MIN;
        Self {
            element: args.element,
            backward: rank < 0,
            skip: if counted { rank.unsigned_abs().saturating_sub(1) } else { 0 },
            reach: args.maxlen.0.filter(|&reach| reach > 0).unwrap_or(usize::MAX),
            counted,
        }
    }

    /// Indexes of at most `count` matches; 0 is all.
    fn run(&self, list: &List, count: usize) -> Result<Option<Vec<i64>>> {
        let last = list.len().saturating_sub(1);
        let elements = if self.backward { list.iter_back_from(last) } else { list.iter() };
        let mut found = Vec::new();
        let mut skip = self.skip;
        for (step, element) in elements.take(self.reach).enumerate() {
            if element != self.element {
                continue;
            }
            if skip > 0 {
                skip = skip.saturating_sub(1);
                continue;
            }
            found.try_reserve(1).map_err(|_| ReplyError::MEMORY)?;
            found.push(signed(if self.backward { last.saturating_sub(step) } else { step }));
            if self.counted && found.len() == count {
                break;
            }
        }
        Ok(Some(found))
    }
}

// ---- changing -----------------------------------------------------------------------------------------------------------------------

args! { Lset<'a> { key: Key<'a, RW_UPDATE>, index: Late<i64>, element: &'a [u8] } }

pub fn lset(call: &mut Call<'_>, args: Lset<'_>) -> Result<Okay> {
    let mut list = call.keys.edit::<List>(&args.key)?.ok_or(ReplyError::NO_SUCH_KEY)?;
    let index = place(&list, args.index.0?).ok_or(ReplyError::INDEX_OUT_OF_RANGE)?;
    let env = list.env;
    if !list.set(&env, index, args.element) {
        return Err(ReplyError::MEMORY);
    }
    list.changed(Class::LIST, "lset");
    Ok(Okay)
}

args! { Ltrim<'a> { key: Key<'a, RW_DELETE>, start: i64, stop: i64 } }

/// Counts as a change even where nothing is cut off.
pub fn ltrim(call: &mut Call<'_>, args: Ltrim<'_>) -> Result<Okay> {
    if let Some(mut list) = call.keys.edit::<List>(&args.key)? {
        let (start, count) = window(list.len(), args.start, args.stop);
        let env = list.env;
        list.trim(&env, start, count);
        list.changed(Class::LIST, "ltrim");
    }
    Ok(Okay)
}

args! { Lrem<'a> { key: Key<'a, RW_DELETE>, count: i64, element: &'a [u8] } }

pub fn lrem(call: &mut Call<'_>, args: Lrem<'_>) -> Result<usize> {
    let Some(mut list) = call.keys.edit::<List>(&args.key)? else { return Ok(0) };
    let most = usize::try_from(args.count.unsigned_abs()).unwrap_or(usize::MAX);
    let (end, most) = match args.count.cmp(&0) {
        Ordering::Less => (End::Back, most),
        Ordering::Equal => (End::Front, usize::MAX),
        Ordering::Greater => (End::Front, most),
    };
    let env = list.env;
    let removed = list.remove_equal(&env, args.element, end, most);
    if removed > 0 {
        list.changed(Class::LIST, "lrem");
    }
    Ok(removed)
}

// ---- indexes ------------------------------------------------------------------------------------------------------------------------

fn signed(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// An index as clients write it, negative from the back, as one from the front. It may lie past the end.
fn place(list: &List, index: i64) -> Option<usize> {
    let from_front = if index < 0 { index.saturating_add(signed(list.len())) } else { index };
    usize::try_from(from_front).ok().filter(|&index| index < list.len())
}

/// Start and count of the elements from `start` to `stop`, both included, of `len`; negative ones count from the back.
fn window(len: usize, start: i64, stop: i64) -> (usize, usize) {
    let len = signed(len);
    let from_front = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = from_front(start).max(0);
    let end = from_front(stop).min(len.saturating_sub(1)).saturating_add(1);
    let count = end.saturating_sub(start).max(0);
    let natural = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    (natural(start), natural(count))
}
