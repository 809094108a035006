//! HyperLogLogs: strings that tell how many different elements were added, within about a percent.

use super::args::key_flags::*;
use super::args::{Key, Many, NoArgs, args, is_token};
use super::reply::{self, Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result, c_string};
use crate::keyspace::{Class, Keyspace, ValueRef};
use crate::number;
use crate::resp::write::Writer;
use crate::value::OutOfMemory;
use crate::value::hyperloglog::{self as hll, Corrupt};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: HyperLogLog = [
        { "pfadd", pfadd as Pfadd, since: "2.8.9", cost: "O(1) an element", flags: [WRITE, DENYOOM, FAST], reply: Truth,
          "Adds elements; answers whether the estimate may have changed." },
        { "pfcount", pfcount as Pfcount, since: "2.8.9", cost: "O(1) a key", flags: [READONLY, MAY_REPLICATE], reply: Integer,
          "How many different elements were added, to one key or to any of several." },
        { "pfdebug", pfdebug as Pfdebug, since: "2.8.9", cost: "O(1)", flags: [WRITE, DENYOOM, ADMIN], reply: Any,
          "Looks into a sketch: GETREG, DECODE, ENCODING, TODENSE." },
        { "pfmerge", pfmerge as Pfmerge, since: "2.8.9", cost: "O(1) a key", flags: [WRITE, DENYOOM], reply: Ok,
          "Adds what was added to any of several keys." },
        { "pfselftest", pfselftest as NoArgs, since: "2.8.9", cost: "O(1)", flags: [ADMIN], reply: Ok,
          "Adds many elements to sketches of both encodings and looks at the estimates." },
    ]
}

impl From<Corrupt> for ReplyError {
    fn from(_: Corrupt) -> Self {
        Self::CORRUPT_HYPERLOGLOG
    }
}

/// The bytes if they begin as a sketch.
fn sketch(bytes: &[u8]) -> Result<&[u8]> {
    if hll::is_sketch(bytes) { Ok(bytes) } else { Err(ReplyError::NOT_HYPERLOGLOG) }
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    // A few bytes more: adding an element splits a run.
    copy.try_reserve_exact(bytes.len().saturating_add(64)).map_err(OutOfMemory::from)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// The sketch under a key that is about to be changed, if any; counted neither as hit nor as miss.
fn peek<'c>(keys: &'c mut Keyspace, key: &[u8]) -> Result<Option<&'c [u8]>> {
    match keys.peek(key) {
        None => Ok(None),
        Some(ValueRef::String(bytes)) => sketch(bytes).map(Some),
        Some(_) => Err(ReplyError::WRONG_TYPE),
    }
}

/// Puts a sketch in the place of the string under a key. Tells nobody.
fn write_back(keys: &mut Keyspace, key: &[u8], bytes: &[u8]) -> Result<()> {
    keys.resize_string(key, bytes.len())?.copy_from_slice(bytes);
    Ok(())
}

args! { Pfadd<'a> { key: Key<'a, RW_INSERT>, elements: Option<Many<'a, &'a [u8]>> } }

/// Whether a register changed, or the key was made.
pub fn pfadd(call: &mut Call<'_>, args: Pfadd<'_>) -> Result<bool> {
    let elements = args.elements.map_or(&[][..], |elements| elements.words());
    let limit = call.keys.env.limits.hll_sparse_max_bytes;
    let found = peek(call.keys, &args.key)?;
    let mut updated = found.is_none();
    if found.is_some_and(hll::is_dense) {
        let bytes = call.keys.resize_string(&args.key, hll::DENSE_LEN)?;
        for element in elements {
            updated |= hll::add_to_dense(bytes, element);
        }
        if updated {
            hll::outdate(bytes);
        }
    } else {
        let mut bytes = copy(found.unwrap_or(&hll::EMPTY))?;
        let added = elements.iter().try_for_each(|element| {
            updated |= hll::add(&mut bytes, element, limit)?;
            Ok::<_, Corrupt>(())
        });
        if updated && added.is_ok() {
            hll::outdate(&mut bytes);
        }
        // What came before an element that met a corrupt run stays, as in Redis.
        write_back(call.keys, &args.key, &bytes)?;
        added?;
    }
    if updated {
        call.keys.changed(&args.key, Class::STRING, "pfadd");
    }
    Ok(updated)
}

args! { Pfcount<'a> { keys: Many<'a, Key<'a, RW_ACCESS>> } }

pub fn pfcount(call: &mut Call<'_>, args: Pfcount<'_>) -> Result<u64> {
    if let [key] = args.keys.words() {
        return count_one(call, key);
    }
    let mut registers = hll::no_registers()?;
    merge_all(call, args.keys.words(), &mut registers)?;
    Ok(hll::count_registers(&registers))
}

/// The estimate of one sketch, which is kept in it: a change that is no event.
fn count_one(call: &mut Call<'_>, key: &[u8]) -> Result<u64> {
    let Some(bytes) = call.keys.read_string(key)? else { return Ok(0) };
    let len = sketch(bytes)?.len();
    let bytes = call.keys.resize_string(key, len)?;
    if let Some(estimate) = hll::kept(bytes) {
        return Ok(estimate);
    }
    let estimate = hll::count(bytes)?;
    hll::keep(bytes, estimate);
    call.keys.touch_watchers(key);
    call.keys.dirty = call.keys.dirty.wrapping_add(1);
    Ok(estimate)
}

/// Merges the sketches that exist; whether one is dense.
fn merge_all(call: &mut Call<'_>, keys: &[&[u8]], registers: &mut [u8]) -> Result<bool> {
    let mut dense = false;
    for key in keys {
        if let Some(bytes) = call.keys.read_string(key)? {
            dense |= hll::is_dense(sketch(bytes)?);
            hll::merge(registers, bytes)?;
        }
    }
    Ok(dense)
}

args! { Pfmerge<'a> { destkey: Key<'a, RW_ACCESS_INSERT>, sourcekeys: Option<Many<'a, Key<'a, RO_ACCESS>>> } }

/// The destination takes part as a source; it becomes dense where one of them is.
pub fn pfmerge(call: &mut Call<'_>, args: Pfmerge<'_>) -> Result<reply::Ok> {
    let mut registers = hll::no_registers()?;
    let dense = merge_all(call, &[&args.destkey], &mut registers)?
        | merge_all(call, args.sourcekeys.map_or(&[][..], |keys| keys.words()), &mut registers)?;
    let mut bytes = copy(peek(call.keys, &args.destkey)?.unwrap_or(&hll::EMPTY))?;
    if dense && !hll::is_dense(&bytes) {
        bytes = hll::to_dense(&bytes)?;
    }
    hll::put_all(&mut bytes, &registers, call.keys.env.limits.hll_sparse_max_bytes);
    hll::outdate(&mut bytes);
    write_back(call.keys, &args.destkey, &bytes)?;
    call.keys.changed(&args.destkey, Class::STRING, "pfadd");
    Ok(reply::Ok)
}

// ---- looking into it --------------------------------------------------------------------------------------------------------------------

args! { Pfdebug<'a> { subcommand: &'a [u8], key: Key<'a, RW_ACCESS> } }

pub fn pfdebug<'c>(call: &'c mut Call<'_>, args: Pfdebug<'c>) -> Result<impl Reply + use<'c>> {
    let found = peek(call.keys, &args.key)?.ok_or_else(|| ReplyError::err("The specified key does not exist"))?;
    let (mut len, sparse) = (found.len(), !hll::is_dense(found));
    let word = c_string(args.subcommand);
    let (registers, decode, encoding) = (is_token(word, "GETREG"), is_token(word, "DECODE"), is_token(word, "ENCODING"));
    // Whatever is asked, the string is `raw` from then on.
    let bytes = call.keys.resize_string(&args.key, len)?;
    if registers || is_token(word, "TODENSE") {
        if sparse {
            let dense = hll::to_dense(bytes)?;
            len = dense.len();
            write_back(call.keys, &args.key, &dense)?;
            call.keys.dirty = call.keys.dirty.wrapping_add(1);
        }
    } else if !decode && !encoding {
        return Err(ReplyError::bytes(&[b"ERR Unknown PFDEBUG subcommand '", word, b"'"]));
    } else if decode && !sparse {
        return Err(ReplyError::err("HLL encoding is not sparse"));
    }
    let bytes = &*call.keys.resize_string(&args.key, len)?;
    Ok(With(move |writer: &mut Writer<'_>| match (registers, decode, encoding) {
        (true, ..) => write_registers(writer, bytes),
        (_, true, _) => writer.bulk(&decoded(bytes)),
        (.., true) => writer.simple(if sparse { "sparse" } else { "dense" }),
        _ => writer.int(i64::from(sparse)),
    }))
}

fn write_registers(writer: &mut Writer<'_>, dense: &[u8]) {
    writer.array(hll::REGISTERS);
    for register in 0..hll::REGISTERS {
        writer.int(i64::from(hll::get(dense, register)));
    }
}

/// The runs of a sparse sketch as text: `z:` and `Z:` for zeros, `v:` for a value.
fn decoded(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for run in hll::runs(bytes) {
        if !text.is_empty() {
            text.push(b' ');
        }
        let number = |text: &mut Vec<u8>, n: usize| text.extend_from_slice(number::write_u64(n as u64, &mut [0; 20]));
        text.extend_from_slice(if run.value > 0 {
            b"v:"
        } else if run.bytes == 2 {
            b"Z:"
        } else {
            b"z:"
        });
        if run.value > 0 {
            number(&mut text, usize::from(run.value));
            text.push(b',');
        }
        number(&mut text, run.len);
    }
    text
}

/// Both encodings must hold the same registers and tell the number of elements within five standard errors.
pub fn pfselftest(_: &mut Call<'_>, _: NoArgs) -> Result<reply::Ok> {
    const STEPS: u64 = 6;
    let (mut sparse, mut dense) = (hll::EMPTY.to_vec(), hll::to_dense(&hll::EMPTY)?);
    hll::outdate(&mut dense);
    let mut added = 0u64;
    for step in 1..=STEPS {
        let until = 1u64.wrapping_shl(2u32.wrapping_mul(step as u32));
        for number in added..until {
            hll::add(&mut sparse, &number.to_le_bytes(), u64::MAX)?;
            hll::add_to_dense(&mut dense, &number.to_le_bytes());
        }
        added = until;
        let (estimate, other) = (hll::count(&sparse)?, hll::count(&dense)?);
        // 1.04 / sqrt(16384) is the standard error.
        let error = until.abs_diff(estimate);
        if estimate != other || hll::to_dense(&sparse)? != dense || error > (until / 25).saturating_add(1) {
            return Err(ReplyError::text(&["TESTFAILED HyperLogLog estimates are wrong"]));
        }
    }
    Ok(reply::Ok)
}
