//! Lists: the commands that wait for an element.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, AtMost, Key, Late, Parse, Sources, Timeout, args};
use super::list::{PoppedFrom, move_element, pop_first, say_pop};
use super::reply::{Either, Reply};
use super::{own, rows};
use crate::blocking::{Otherwise, Park};
use crate::call::{Call, Parked};
use crate::error::{ReplyError, Result};
use crate::keyspace::ValueType;
use crate::value::list::End;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: List = [
        { "blmove", blmove as Blmove, since: "6.2.0", cost: "O(1)", flags: [WRITE, DENYOOM, NOSCRIPT, BLOCKING, REPEATS_SAID], reply: Maybe(&Bulk),
          "As LMOVE, but waits for an element." },
        { "blmpop", blmpop as Blmpop, since: "7.0.0", cost: "O(N + M), N keys and M elements popped", flags: [WRITE, BLOCKING, REPEATS_SAID], reply: Any,
          "As LMPOP, but waits for an element." },
        { "blpop", blpop as BlockingPop, since: "2.0.0", cost: "O(N), N keys", flags: [WRITE, NOSCRIPT, BLOCKING, REPEATS_SAID], reply: Maybe(&Array(&Bulk)),
          "Pops from the front of the first list that has an element; waits for one. Answers key and element." },
        { "brpop", brpop as BlockingPop, since: "2.0.0", cost: "O(N), N keys", flags: [WRITE, NOSCRIPT, BLOCKING, REPEATS_SAID], reply: Maybe(&Array(&Bulk)),
          "Pops from the back of the first list that has an element; waits for one. Answers key and element." },
        { "brpoplpush", brpoplpush as Brpoplpush, since: "2.2.0", cost: "O(1)", flags: [WRITE, DENYOOM, NOSCRIPT, BLOCKING, REPEATS_SAID],
          reply: Maybe(&Bulk), "As RPOPLPUSH, but waits for an element." },
    ]
}

/// Keys, then how long to wait.
pub struct BlockingPop<'a> {
    pub keys: &'a [&'a [u8]],
    pub timeout: Timeout,
}

impl<'a> Parse<'a> for BlockingPop<'a> {
    const SPECS: &'static [ArgSpec] =
        &[ArgSpec::new(ArgKind::Key(RW_ACCESS_DELETE)).named("key").multiple(), ArgSpec::new(ArgKind::Double).named("timeout")];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let words = args.take_rest();
        let (last, keys) = words.split_last().ok_or(ReplyError::SYNTAX)?;
        let timeout = Timeout::arg(&mut Args::new(core::slice::from_ref(last)))?;
        Ok(Self { keys, timeout })
    }
}

/// Waits until one of the keys holds a value of the type: what a command does that found nothing.
pub(super) fn wait_for(call: &mut Call<'_>, wants: ValueType, keys: &[&[u8]], timeout: Timeout, otherwise: Otherwise) -> Parked {
    let deadline = timeout.deadline(call.now());
    call.park(Park { keys: own(keys), wants: Some(wants), deadline, otherwise })
}

pub fn blpop<'c, 'a>(call: &'c mut Call<'_>, args: BlockingPop<'a>) -> Result<Either<PoppedFrom<'c, 'a>, Parked>> {
    pop_or_wait(call, args.keys, End::Front, None, args.timeout)
}

pub fn brpop<'c, 'a>(call: &'c mut Call<'_>, args: BlockingPop<'a>) -> Result<Either<PoppedFrom<'c, 'a>, Parked>> {
    pop_or_wait(call, args.keys, End::Back, None, args.timeout)
}

fn pop_or_wait<'c, 'a>(
    call: &'c mut Call<'_>,
    keys: &[&'a [u8]],
    end: End,
    count: Option<usize>,
    timeout: Timeout,
) -> Result<Either<PoppedFrom<'c, 'a>, Parked>> {
    if first_exists(call, keys)? {
        say_pop(call, keys, end, count)?;
        return match pop_first(call, keys, end, count)? {
            Some(popped) => Ok(Either::A(popped)),
            None => Err(ReplyError::MEMORY),
        };
    }
    Ok(Either::B(wait_for(call, ValueType::List, keys, timeout, Otherwise::NullArray)))
}

/// Whether one of the keys holds a list; the first that holds something else is an error.
fn first_exists(call: &mut Call<'_>, keys: &[&[u8]]) -> Result<bool> {
    Ok(pop_first(call, keys, End::Front, None)?.is_some())
}

args! { Blmpop<'a> { timeout: Late<Timeout>, keys: Sources<'a>, side: End; count: AtMost } }

pub fn blmpop<'c, 'a>(call: &'c mut Call<'_>, args: Blmpop<'a>) -> Result<Either<PoppedFrom<'c, 'a>, Parked>> {
    let timeout = args.timeout.0?;
    pop_or_wait(call, args.keys.0, args.side, Some(args.count.0.unwrap_or(1)), timeout)
}

args! {
    Blmove<'a> { source: Key<'a, RW_ACCESS_DELETE>, destination: Key<'a, RW_INSERT>, wherefrom: End, whereto: End, timeout: Timeout }
}

pub fn blmove(call: &mut Call<'_>, args: Blmove<'_>) -> Result<impl Reply + use<>> {
    move_or_wait(call, args.source.0, args.destination.0, (args.wherefrom, args.whereto), args.timeout)
}

args! { Brpoplpush<'a> { source: Key<'a, RW_ACCESS_DELETE>, destination: Key<'a, RW_INSERT>, timeout: Timeout } }

pub fn brpoplpush(call: &mut Call<'_>, args: Brpoplpush<'_>) -> Result<impl Reply + use<>> {
    move_or_wait(call, args.source.0, args.destination.0, (End::Back, End::Front), args.timeout)
}

fn side(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LEFT",
        End::Back => b"RIGHT",
    }
}

fn move_or_wait(
    call: &mut Call<'_>,
    source: &[u8],
    destination: &[u8],
    (from, to): (End, End),
    timeout: Timeout,
) -> Result<Either<Option<Vec<u8>>, Parked>> {
    call.server.effects.say(&[b"LMOVE", source, destination, side(from), side(to)]);
    Ok(match move_element(call, source, destination, from, to)? {
        Some(element) => Either::A(Some(element)),
        // Where nothing may wait the answer is that of LMOVE; a wait in vain is answered like that of BLPOP.
        None if !call.may_wait() => Either::A(None),
        None => Either::B(wait_for(call, ValueType::List, &[source], timeout, Otherwise::NullArray)),
    })
}
