//! INCREX: a counter with bounds and a deadline, in one step: what a rate limit needs. (Redis 8.8.)

use super::args::key_flags::*;
use super::args::{Key, LateInt, args, choice, flag};
use super::reply::Reply;
use super::rows;
use super::string::{NewExpiry, current};
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Ttl};
use crate::number::{LongDouble, parse_i64};
use crate::resp::write::Writer;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: String = [
        { "increx", increx as IncrEx, since: "8.8.0", cost: "O(1)", flags: [WRITE, DENYOOM, FAST, REPEATS_STRING], reply: Array(&Any),
          "Adds to a number within bounds, with a deadline if asked; answers the number, and what was really added." },
    ]
}

choice! {
    /// What is added; 1 where nothing is said.
    Amount { "BYFLOAT" => Float(float: LongDouble), "BYINT" => Integer(integer: LateInt) }
}

choice! {
    LowerBound<'a> { "LBOUND" => Lower(lowerbound: &'a [u8]) }
}

choice! {
    UpperBound<'a> { "UBOUND" => Upper(upperbound: &'a [u8]) }
}

flag! {
    /// What is beyond a bound becomes the bound.
    Saturate = "SATURATE";
    /// The deadline is given to keys that have none.
    OnlyWithout = "ENX";
}

args! { IncrEx<'a> {
    key: Key<'a, RW_ACCESS_UPDATE>;
    increment: Option<Amount>, lowerbound: Option<LowerBound<'a>>, upperbound: Option<UpperBound<'a>>, saturate: Saturate,
    expiration: Option<NewExpiry>, enx: OnlyWithout
} }

/// The number and what was added to it, in digits.
pub struct Counted {
    float: bool,
    numbers: [Vec<u8>; 2],
}

impl Reply for Counted {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(2);
        for number in self.numbers {
            if self.float {
                writer.decimal(&number);
            } else {
                writer.int(parse_i64(&number).unwrap_or_default());
            }
        }
    }
}

/// 64-bit integers and their sums are exact as extended doubles: both kinds of counters are counted with those.
pub fn increx(call: &mut Call<'_>, args: IncrEx<'_>) -> Result<Counted> {
    let (float, increment) = match args.increment {
        None => (false, LongDouble::from_i64(1)),
        Some(Amount::Integer(integer)) => (false, LongDouble::from_i64(integer.get()?)),
        Some(Amount::Float(float)) => (true, float),
    };
    let number = |text: &[u8]| match parse_i64(text) {
        Some(number) => Ok(LongDouble::from_i64(number)),
        None if float => LongDouble::parse(text).ok_or(ReplyError::NOT_FLOAT),
        None => Err(ReplyError::NOT_INTEGER),
    };
    let (mut least, mut most) = (LongDouble::from_i64(i64::MIN), LongDouble::from_i64(i64::MAX));
    if float {
        (least, most) = (LongDouble::MAX.negated(), LongDouble::MAX);
    }
    if let Some(LowerBound::Lower(bound)) = args.lowerbound {
        least = number(bound)?;
    }
    if let Some(UpperBound::Upper(bound)) = args.upperbound {
        most = number(bound)?;
    }
    if most.is_less(least) {
        return Err(ReplyError::err("LBOUND can't be greater than UBOUND"));
    }
    let mut ttl = match args.expiration {
        None if args.enx.0 => return Err(ReplyError::err("ENX flag requires an expiration")),
        Some(NewExpiry::Persist) if args.enx.0 => return Err(ReplyError::SYNTAX),
        None => Ttl::Keep,
        Some(expiry) => expiry.moment(call)?.map_or(Ttl::Clear, Ttl::At),
    };
    let key: &[u8] = &args.key;
    let old = number(current(call, key)?.unwrap_or(b"0"))?;
    if increment.is_infinite() {
        return Err(ReplyError::NAN_OR_INFINITY);
    }
    let sum = old.checked_add(increment);
    let bound = match sum {
        None if increment.is_less(LongDouble::from_i64(0)) => Some(least),
        None => Some(most),
        Some(sum) if sum.is_less(least) => Some(least),
        Some(sum) if most.is_less(sum) => Some(most),
        Some(_) => None,
    };
    let digits = |number: LongDouble| {
        let mut text = Vec::new();
        number.write(&mut text);
        text
    };
    if bound.is_some() && !args.saturate.0 {
        return Ok(Counted { float, numbers: [digits(old), b"0".to_vec()] });
    }
    let new = bound.or(sum).unwrap_or(old);
    let added = match bound {
        None => increment,
        Some(bound) => bound.checked_add(old.negated()).ok_or(ReplyError::NAN_OR_INFINITY)?,
    };
    let numbers = [digits(new), digits(added)];
    let [text, added] = &numbers;
    if !float && parse_i64(added).is_none() {
        return Err(ReplyError::OVERFLOW);
    }
    if args.enx.0 && matches!(call.keys.deadline(key), Some(Some(_))) {
        ttl = Ttl::Keep;
    }
    call.keys.set_string(key, text, ttl)?;
    if float && !text.contains(&b'.') {
        call.keys.mark_plain(key);
    }
    call.keys.changed(key, Class::STRING, if float { "incrbyfloat" } else { "incrby" });
    if let Ttl::At(_) = ttl {
        call.keys.notify(Class::GENERIC, "expire", key);
    }
    Ok(Counted { float, numbers })
}
