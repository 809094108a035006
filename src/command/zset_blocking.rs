//! Sorted sets: the commands that wait for a member.

use super::args::{AtMost, Late, Sources, Timeout, args};
use super::list_blocking::{BlockingPop, wait_for};
use super::reply::{Either, Reply};
use super::rows;
use super::zset::{End, PoppedFrom, pop_first};
use crate::blocking::Otherwise;
use crate::call::{Call, Parked};
use crate::error::Result;
use crate::keyspace::ValueType;
use crate::resp::write::Writer;

rows! {
    pub(super) static ROWS: SortedSet = [
        { "bzmpop", bzmpop as Bzmpop, since: "7.0.0", cost: "O(K + M log N), K keys and M members popped", flags: [WRITE, BLOCKING, REPEATS_SAID], reply: Any,
          "As ZMPOP, but waits for a member." },
        { "bzpopmax", bzpopmax as BlockingPop, since: "5.0.0", cost: "O(log N)", flags: [WRITE, NOSCRIPT, FAST, BLOCKING, REPEATS_SAID], reply: Any,
          "Pops the member of highest score from the first sorted set that has one; waits for one. Answers key, member and score." },
        { "bzpopmin", bzpopmin as BlockingPop, since: "5.0.0", cost: "O(log N)", flags: [WRITE, NOSCRIPT, FAST, BLOCKING, REPEATS_SAID], reply: Any,
          "Pops the member of lowest score from the first sorted set that has one; waits for one. Answers key, member and score." },
    ]
}

/// Key, member and score in a row.
pub struct OneFrom<'a>(PoppedFrom<'a>);

impl Reply for OneFrom<'_> {
    fn write(self, writer: &mut Writer<'_>) {
        let PoppedFrom { key, entries } = self.0;
        for (member, score) in entries {
            writer.array(3);
            writer.bulk(key);
            writer.bulk(&member);
            writer.double(score);
        }
    }
}

fn pop_or_wait<'a>(
    call: &mut Call<'_>,
    keys: &[&'a [u8]],
    end: End,
    count: usize,
    timeout: Timeout,
) -> Result<Either<PoppedFrom<'a>, Parked>> {
    Ok(match pop_first(call, keys, end, count)? {
        Some(popped) => Either::A(popped),
        None => Either::B(wait_for(call, ValueType::ZSet, keys, timeout, Otherwise::NullArray)),
    })
}

fn pop_one<'a>(call: &mut Call<'_>, args: BlockingPop<'a>, end: End) -> Result<Either<OneFrom<'a>, Parked>> {
    Ok(match pop_or_wait(call, args.keys, end, 1, args.timeout)? {
        Either::A(popped) => Either::A(OneFrom(popped)),
        Either::B(parked) => Either::B(parked),
    })
}

pub fn bzpopmin<'a>(call: &mut Call<'_>, args: BlockingPop<'a>) -> Result<Either<OneFrom<'a>, Parked>> {
    pop_one(call, args, End::Min)
}

pub fn bzpopmax<'a>(call: &mut Call<'_>, args: BlockingPop<'a>) -> Result<Either<OneFrom<'a>, Parked>> {
    pop_one(call, args, End::Max)
}

args! { Bzmpop<'a> { timeout: Late<Timeout>, keys: Sources<'a>, end: End; count: AtMost } }

pub fn bzmpop<'a>(call: &mut Call<'_>, args: Bzmpop<'a>) -> Result<Either<PoppedFrom<'a>, Parked>> {
    pop_or_wait(call, args.keys.0, args.end, args.count.0.unwrap_or(1), args.timeout.0?)
}
