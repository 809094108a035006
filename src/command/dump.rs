//! Values as bytes that another server takes: DUMP and RESTORE.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, LateInt, args, choice, flag};
use super::keys::Replace;
use super::reply::Ok as Okay;
use super::rows;
use crate::call::Call;
use crate::effects;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Ttl, Use};
use crate::rdb::{self, Refusal};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Generic = [
        { "dump", dump as Dump, since: "2.6.0", cost: "O(N), N bytes of the value", flags: [READONLY], reply: Maybe(&Bulk),
          "A value as bytes that RESTORE takes, here or on a Redis." },
        { "restore", restore as Restore, since: "2.6.0", cost: "O(N), N elements", flags: [WRITE, DENYOOM, DANGEROUS], reply: Ok,
          "Makes a key of bytes that DUMP gave." },
        { "restore-asking", restore as Restore, since: "3.0.0", cost: "O(N), N elements", flags: [WRITE, DENYOOM, ASKING, DANGEROUS],
          reply: Ok, "RESTORE as clusters say it." },
    ]
}

args! { Dump<'a> { key: Key<'a, RO_ACCESS> } }

pub fn dump(call: &mut Call<'_>, args: Dump<'_>) -> Result<Option<Vec<u8>>> {
    Ok(call.keys.read_any(&args.key).map(|value| rdb::dump(&value)).transpose()?)
}

/// Seconds since the last use.
#[derive(Clone, Copy, Debug)]
pub struct Idle(u64);

impl<'a> Arg<'a> for Idle {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        u64::try_from(i64::arg(args)?).map(Self).map_err(|_| ReplyError::err("Invalid IDLETIME value, must be >= 0"))
    }
}

/// How often it is used.
#[derive(Clone, Copy, Debug)]
pub struct Frequency(u8);

impl<'a> Arg<'a> for Frequency {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        u8::try_from(i64::arg(args)?).map(Self).map_err(|_| ReplyError::err("Invalid FREQ value, must be >= 0 and <= 255"))
    }
}

flag! {
    /// The time to live is a moment.
    AbsTtl = "ABSTTL";
}

choice! {
    /// How the key was used before it came here.
    Used { "IDLETIME" => Idle(seconds: Idle), "FREQ" => Frequency(frequency: Frequency) }
}

args! { Restore<'a> {
    key: Key<'a, OW_UPDATE>, ttl: LateInt, serialized_value: &'a [u8];
    replace: Replace, absttl: AbsTtl, used: Option<Used>
} }

pub fn restore(call: &mut Call<'_>, args: Restore<'_>) -> Result<Okay> {
    let key: &[u8] = &args.key;
    if !args.replace.0 && call.keys.contains(key) {
        return Err(ReplyError::BUSY_KEY);
    }
    let ttl = u64::try_from(args.ttl.get()?).map_err(|_| ReplyError::err("Invalid TTL value, must be >= 0"))?;
    let value = rdb::restore(args.serialized_value, &call.keys.env, call.keys.spare()).map_err(|refusal| match refusal {
        Refusal::Checksum => ReplyError::err("DUMP payload version or checksum are wrong"),
        Refusal::Damaged => ReplyError::err("Bad data format"),
        Refusal::Memory => ReplyError::MEMORY,
    })?;
    call.keys.reserve(value.as_ref().memory() as u64)?;
    let deadline = if args.absttl.0 || ttl == 0 { ttl } else { call.now().saturating_add(ttl) };
    // Redis's moment beyond all moments wraps round to one that is long past.
    if ttl != 0 && (deadline <= call.now() || i64::try_from(deadline).is_err()) {
        // Over before it began; what it was to replace goes all the same.
        call.keys.delete(key);
        call.server.effects.say(&[b"DEL", key]);
        return Ok(Okay);
    }
    call.keys.put(key, value, if ttl == 0 { Ttl::Clear } else { Ttl::At(deadline) })?;
    if let Some(used) = args.used {
        call.keys.set_use(
            key,
            match used {
                Used::Idle(Idle(seconds)) => Use::Idle(seconds),
                Used::Frequency(Frequency(counter)) => Use::Frequency(counter),
            },
        );
    }
    call.keys.changed(key, Class::GENERIC, "restore");
    if ttl != 0 && !args.absttl.0 && call.server.effects.are_read() {
        let deadline = effects::decimal(deadline);
        let words: [&[u8]; 4] = [b"RESTORE", key, &deadline, args.serialized_value];
        let options: [&[u8]; 2] = [b"REPLACE", b"ABSTTL"];
        call.server.effects.say_all(&words, options.into_iter().skip(usize::from(!args.replace.0)));
    }
    Ok(Okay)
}
