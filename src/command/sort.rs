//! SORT and SORT_RO: the elements of a list, set or sorted set in an order that may come from other keys.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, Parse, is_token};
use super::reply::{Either, Reply};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Keyspace, ValueRef};
use crate::number;
use crate::value::hash::Hash;
use crate::value::list::{End, List};
use crate::value::{Collection, OutOfMemory};
use alloc::vec::Vec;
use core::cmp::Ordering;

rows! {
    pub(super) static ROWS: Generic = [
        { "sort", sort as Sort, since: "1.0.0", cost: "O(N+M*log(M)), N elements, M of them answered",
          flags: [WRITE, DENYOOM, DANGEROUS, NOT_IN_CATEGORY, COLLECTIONS], reply: Any,
          "The elements of a list, set or sorted set in order; or stores them as a list and answers how many there are." },
        { "sort_ro", sort_ro as SortRo, since: "7.0.0", cost: "O(N+M*log(M)), N elements, M of them answered",
          flags: [READONLY, DANGEROUS, NOT_IN_CATEGORY, COLLECTIONS], reply: Array(&Maybe(&Bulk)),
          "The elements of a list, set or sorted set in order; never stores." },
    ]
}

/// How to sort, and what to answer in place of the elements.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// Where the weight of an element is kept: its name with the element in the place of the `*`, and with `->field` a field of a hash there.
    /// Without a `*` the elements stay in the order in which they lie.
    pub by: Option<&'a [u8]>,
    pub limit: Option<(i64, i64)>,
    /// What to answer for an element: patterns as in `by`, `#` for the element itself.
    pub get: Vec<&'a [u8]>,
    pub descending: bool,
    /// Compare bytes, not numbers.
    pub alpha: bool,
}

pub struct Sort<'a> {
    pub key: &'a [u8],
    pub options: Options<'a>,
    /// The list to write.
    pub destination: Option<&'a [u8]>,
}

pub struct SortRo<'a> {
    pub key: &'a [u8],
    pub options: Options<'a>,
}

const BY: ArgSpec = ArgSpec::new(ArgKind::Pattern).named("by").with_token("BY").optional();
const LIMIT: ArgSpec =
    ArgSpec::of(ArgKind::Block, &[ArgSpec::new(ArgKind::Integer).named("offset"), ArgSpec::new(ArgKind::Integer).named("count")])
        .named("limit")
        .with_token("LIMIT")
        .optional();
const GET: ArgSpec = ArgSpec::new(ArgKind::Pattern).named("get").with_token("GET").optional().multiple();
const ORDER: ArgSpec = ArgSpec::choice(&[
    ArgSpec::new(ArgKind::PureToken).named("asc").with_token("ASC"),
    ArgSpec::new(ArgKind::PureToken).named("desc").with_token("DESC"),
])
.named("order");
const ALPHA: ArgSpec = ArgSpec::new(ArgKind::PureToken).named("sorting").with_token("ALPHA").optional();
const STORE: ArgSpec = ArgSpec::new(ArgKind::Key(OW_UPDATE)).named("destination").with_token("STORE").optional();

impl<'a> Parse<'a> for Sort<'a> {
    const SPECS: &'static [ArgSpec] = &[<Key<'a, RO_ACCESS> as Arg<'a>>::SPEC.named("key"), BY, LIMIT, GET, ORDER, ALPHA, STORE];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key = args.word()?;
        let mut destination = None;
        let options = options(args, Some(&mut destination))?;
        Ok(Self { key, options, destination })
    }
}

impl<'a> Parse<'a> for SortRo<'a> {
    const SPECS: &'static [ArgSpec] =
        &[<Key<'a, { RO_ACCESS | INCOMPLETE_BIT }> as Arg<'a>>::SPEC.named("key"), BY, LIMIT, GET, ORDER, ALPHA];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: args.word()?, options: options(args, None)? })
    }
}

/// Reads the options; STORE only where there is a place for its key.
fn options<'a>(args: &mut Args<'a>, mut store: Option<&mut Option<&'a [u8]>>) -> Result<Options<'a>> {
    let mut options = Options::default();
    while let Ok(word) = args.word() {
        let is = |token: &str| is_token(word, token);
        match (args.remaining(), &mut store) {
            _ if is("ASC") => options.descending = false,
            _ if is("DESC") => options.descending = true,
            _ if is("ALPHA") => options.alpha = true,
            (2.., _) if is("LIMIT") => options.limit = Some((i64::arg(args)?, i64::arg(args)?)),
            (1.., Some(store)) if is("STORE") => **store = Some(args.word()?),
            (1.., _) if is("BY") => options.by = Some(args.word()?),
            (1.., _) if is("GET") => options.get.push(args.word()?),
            _ => return Err(ReplyError::SYNTAX),
        }
    }
    Ok(options)
}

/// The elements, or what GET asks for in their place; how many there are where they are stored.
pub fn sort(call: &mut Call<'_>, args: Sort<'_>) -> Result<impl Reply + use<>> {
    check_permission(call, args.key, &args.options, args.destination)?;
    let answer = sorted(call.keys, args.key, &args.options, args.destination.is_some())?;
    let Some(destination) = args.destination else { return Ok(Either::A(answer)) };
    let bytes = answer.iter().flatten().fold(0u64, |sum, element| sum.saturating_add(element.len() as u64));
    call.keys.reserve(bytes)?;
    let (mut list, env) = (List::new(), call.keys.env);
    for element in &answer {
        if !list.push(&env, End::Back, element.as_deref().unwrap_or_default()) {
            return Err(ReplyError::MEMORY);
        }
    }
    call.keys.store(destination, list, Class::LIST, "sortstore").map(Either::B)
}

pub fn sort_ro(call: &mut Call<'_>, args: SortRo<'_>) -> Result<Vec<Option<Vec<u8>>>> {
    check_permission(call, args.key, &args.options, None)?;
    sorted(call.keys, args.key, &args.options, false)
}

/// BY and GET read keys that the request does not name: only those may use them who may read all keys.
fn check_permission(call: &Call<'_>, key: &[u8], options: &Options<'_>, destination: Option<&[u8]>) -> Result<()> {
    let option = match options.by {
        Some(pattern) if pattern.contains(&b'*') => "BY",
        _ if options.get.is_empty() => return Ok(()),
        _ => "GET",
    };
    let user = call.session.user.as_ref();
    if user.is_none_or(|user| user.may_read_all(&call.server.registry, call.row, key, destination)) {
        return Ok(());
    }
    Err(ReplyError::text(&["ERR ", option, " option of SORT denied due to insufficient ACL permissions."]))
}

/// An element with what it is compared by.
struct Weighed {
    element: Vec<u8>,
    number: f64,
    /// What BY found, for comparing bytes.
    text: Option<Vec<u8>>,
}

fn sorted(keys: &mut Keyspace, key: &[u8], options: &Options<'_>, stores: bool) -> Result<Vec<Option<Vec<u8>>>> {
    let mut by = options.by;
    let mut alpha = options.alpha;
    let mut as_it_lies = by.is_some_and(|pattern| !pattern.contains(&b'*'));
    let (elements, is_set) = elements(keys, key)?;
    // What is stored must not depend on how a hash table happens to lie.
    if as_it_lies && is_set && stores {
        (as_it_lies, alpha, by) = (false, true, None);
    }
    let mut weighed = Vec::new();
    weighed.try_reserve_exact(elements.len()).map_err(OutOfMemory::from)?;
    for element in elements {
        let (number, text) = if as_it_lies { (0.0, None) } else { weigh(keys, &element, by, alpha)? };
        weighed.push(Weighed { element, number, text });
    }
    if !as_it_lies {
        crate::value::sort::sort(&mut weighed, if alpha { compare_bytes } else { compare_numbers });
    }
    // What lies in a hash table has no order to be turned round.
    if options.descending && !(as_it_lies && is_set) {
        weighed.reverse();
    }
    let (skip, count) = part(options.limit, weighed.len());
    let mut answer = Vec::new();
    for Weighed { element, .. } in weighed.into_iter().skip(skip).take(count) {
        answer.try_reserve(options.get.len().max(1)).map_err(OutOfMemory::from)?;
        if options.get.is_empty() {
            answer.push(Some(element));
            continue;
        }
        for pattern in &options.get {
            answer.push(look_up(keys, pattern, &element));
        }
    }
    Ok(answer)
}

/// Copies of all elements in the order in which they lie, and whether they are a set's.
fn elements(keys: &mut Keyspace, key: &[u8]) -> Result<(Vec<Vec<u8>>, bool)> {
    let mut copies: Vec<Vec<u8>> = Vec::new();
    let Some(value) = keys.read_any(key) else { return Ok((copies, false)) };
    let count = match &value {
        ValueRef::List(list) => list.len(),
        ValueRef::Set(set) => set.len(),
        ValueRef::ZSet(zset) => zset.len(),
        _ => return Err(ReplyError::WRONG_TYPE),
    };
    copies.try_reserve_exact(count).map_err(OutOfMemory::from)?;
    let mut copy = |element: &[u8]| -> Result<()> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(element.len()).map_err(OutOfMemory::from)?;
        bytes.extend_from_slice(element);
        copies.push(bytes);
        Ok(())
    };
    match &value {
        ValueRef::List(list) => list.iter().try_for_each(&mut copy)?,
        ValueRef::Set(set) => set.iter().try_for_each(|member| copy(&member))?,
        ValueRef::ZSet(zset) => zset.iter(0..count).try_for_each(|(member, _)| copy(member))?,
        _ => {}
    }
    Ok((copies, matches!(value, ValueRef::Set(_))))
}

/// What an element is compared by. One whose weight is missing weighs 0, or stands before all texts.
fn weigh(keys: &mut Keyspace, element: &[u8], by: Option<&[u8]>, alpha: bool) -> Result<(f64, Option<Vec<u8>>)> {
    let text = by.map(|pattern| look_up(keys, pattern, element));
    if alpha {
        return Ok((0.0, text.flatten()));
    }
    let number = match &text {
        None => number_of(element),
        Some(None) => Some(0.0),
        Some(Some(weight)) => number_of(weight),
    };
    number.map(|number| (number, None)).ok_or_else(|| ReplyError::err("One or more scores can't be converted into double"))
}

/// A number as C's `strtod` reads it: leading white space is passed over, nothing at all is 0, a zero byte ends the text.
fn number_of(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    number::parse_f64(text.get(start..)?).filter(|number| !number.is_nan())
}

fn compare_numbers(one: &Weighed, other: &Weighed) -> Ordering {
    let order = one.number.partial_cmp(&other.number).unwrap_or(Ordering::Equal);
    order.then_with(|| one.element.cmp(&other.element))
}

/// By the weights' bytes, a missing one first; without BY nobody has a weight, and the elements decide.
fn compare_bytes(one: &Weighed, other: &Weighed) -> Ordering {
    one.text.cmp(&other.text).then_with(|| one.element.cmp(&other.element))
}

/// How many elements to pass over, and how many to answer. A negative offset is 0, a negative count means all.
fn part(limit: Option<(i64, i64)>, len: usize) -> (usize, usize) {
    let Some((offset, count)) = limit else { return (0, len) };
    // Where a word has 32 bits, too large is not the same as negative.
    let size = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    (size(offset.max(0)), if count < 0 { len } else { size(count) })
}

/// What a pattern finds for an element: `#` the element; else the string, or with `->field` the field of the hash, under the pattern with the
/// element in the place of its first `*`. Nothing where there is no `*`, and where another type is found.
fn look_up(keys: &mut Keyspace, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (before, after) = (pattern.get(..star)?, pattern.get(star.saturating_add(1)..)?);
    let arrow = after.windows(2).position(|two| two == b"->");
    // An arrow at the very end belongs to the name.
    let arrow = arrow.filter(|at| at.saturating_add(2) < after.len());
    let (after, field) = match arrow {
        Some(at) => (after.get(..at)?, after.get(at.saturating_add(2)..)),
        None => (after, None),
    };
    let key = [before, element, after].concat();
    match field {
        None => keys.read_string(&key).ok().flatten().map(<[u8]>::to_vec),
        Some(field) => {
            let env = keys.env;
            keys.read::<Hash>(&key).ok().flatten().and_then(|hash| hash.get(&env, field)).map(<[u8]>::to_vec)
        }
    }
}
