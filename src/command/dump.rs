//! Values as bytes that another server takes: DUMP, RESTORE, and MIGRATE, which has nobody to send them to.

use super::args::key_flags::*;
use super::args::{Arg, ArgKind, ArgSpec, Args, Key, LateInt, Parse, args, choice, flag, is_token};
use super::keys::Replace;
use super::reply::{Ok as Okay, Simple};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::keyspace::{Class, Ttl, Use};
use crate::rdb::{self, Refusal};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Generic = [
        { "dump", dump as Dump, since: "2.6.0", cost: "O(N), N bytes of the value", flags: [READONLY], reply: Maybe(&Bulk),
          "A value as bytes that RESTORE takes, here or on a Redis." },
        { "migrate", migrate as Migrate, since: "2.6.0", cost: "O(N), N keys", flags: [WRITE, DANGEROUS], reply: Status,
          "Would move keys to another server; this one connects to none: NOKEY, or an error." },
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
    Ok(Okay)
}

/// The keys that MIGRATE would move. Host and port are not looked at.
pub struct Migrate<'a> {
    pub keys: &'a [&'a [u8]],
    /// User and password: not for MONITOR and SLOWLOG.
    pub secrets: &'a [&'a [u8]],
    pub destination_db: LateInt,
    pub timeout: LateInt,
}

impl<'a> Parse<'a> for Migrate<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::String).named("host"),
        ArgSpec::new(ArgKind::String).named("port"),
        ArgSpec::new(ArgKind::Key(RW_ACCESS_DELETE)).named("key"),
        ArgSpec::new(ArgKind::Integer).named("destination-db"),
        ArgSpec::new(ArgKind::Integer).named("timeout"),
        ArgSpec::new(ArgKind::PureToken).named("copy").with_token("COPY").optional(),
        ArgSpec::new(ArgKind::PureToken).named("replace").with_token("REPLACE").optional(),
        ArgSpec::new(ArgKind::String).named("auth").with_token("AUTH").optional(),
        ArgSpec::of(
            ArgKind::Block,
            &[ArgSpec::new(ArgKind::String).named("username"), ArgSpec::new(ArgKind::String).named("password")],
        )
        .named("auth2")
        .with_token("AUTH2")
        .optional(),
        ArgSpec::new(ArgKind::Key(RW_ACCESS_DELETE | INCOMPLETE_BIT)).named("keys").with_token("KEYS").optional().multiple(),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        args.skip(2);
        let mut keys = args.rest().get(..1).unwrap_or_default();
        let key = args.word()?;
        let (destination_db, timeout) = (LateInt::arg(args)?, LateInt::arg(args)?);
        let mut secrets: &[&[u8]] = &[];
        while let Ok(word) = args.word() {
            let words = match () {
                () if is_token(word, "COPY") || is_token(word, "REPLACE") => 0,
                () if is_token(word, "AUTH") => 1,
                () if is_token(word, "AUTH2") => 2,
                () if is_token(word, "KEYS") && !key.is_empty() => {
                    return Err(ReplyError::err(
                        "When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                () if is_token(word, "KEYS") => {
                    keys = args.take_rest();
                    break;
                }
                () => return Err(ReplyError::SYNTAX),
            };
            if words > 0 {
                secrets = args.rest().get(..words).ok_or(ReplyError::SYNTAX)?;
            }
            args.skip(words);
        }
        Ok(Self { keys, secrets, destination_db, timeout })
    }
}

/// # Errors
/// `IOERR` where there is something to move: the engine has no sockets, and no shell lends it one.
pub fn migrate(call: &mut Call<'_>, args: Migrate<'_>) -> Result<Simple> {
    args.secrets.iter().for_each(|word| call.redact(word));
    args.timeout.get()?;
    args.destination_db.get()?;
    if args.keys.iter().any(|key| call.keys.read_any(key).is_some()) {
        return Err(ReplyError::IO);
    }
    Ok(Simple("NOKEY"))
}
