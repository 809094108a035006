//! DEBUG: what test suites use to look inside. Redis's own internals (its allocator, its hash tables, its crashes) are not here.

use super::args::{ArgKind, ArgSpec, Args, Parse, is_token};
use super::reply::{Reply, With};
use super::rows;
use crate::call::Call;
use crate::config::kind::parse_memory;
use crate::error::{ReplyError, Result};
use crate::event::Event;
use crate::keyspace::{Class, Ttl, ValueRef};
use crate::number;
use crate::rdb;
use crate::resp::Protocol;
use crate::resp::write::Writer;
use crate::value::Collection;
use crate::value::digest::hexadecimal;
use crate::value::seed::Seed;
use crate::value::stream::Id;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Server = [
        { "debug", debug as Debug, since: "1.0.0", cost: "Depends on the subcommand",
          flags: [ADMIN, NOSCRIPT, LOADING, STALE, DEBUG], reply: Any, arity: -2, "For test suites: looks inside and makes things happen." },
    ]
}

/// A subcommand and its words.
pub struct Debug<'a> {
    pub subcommand: &'a [u8],
    pub words: &'a [&'a [u8]],
}

impl<'a> Parse<'a> for Debug<'a> {
    const SPECS: &'static [ArgSpec] = &[
        ArgSpec::new(ArgKind::String).named("subcommand"),
        ArgSpec::new(ArgKind::String).named("argument").optional().multiple(),
    ];

    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { subcommand: args.word()?, words: args.take_rest() })
    }
}

pub fn debug<'c, 'e, 'a>(call: &'c mut Call<'e>, args: Debug<'a>) -> Result<impl Reply + use<'c, 'e, 'a>> {
    let name = Name::ALL.iter().find(|(token, _)| is_token(args.subcommand, token)).map(|(_, name)| *name);
    let answer = act(call, name, args.words)?;
    let answer = answer.ok_or_else(|| unknown(args.subcommand))?;
    Ok(With(move |writer: &mut Writer<'_>| write(answer, writer)))
}

fn unknown(subcommand: &[u8]) -> ReplyError {
    let shown: Vec<u8> = subcommand.iter().take(128).copied().collect();
    ReplyError::bytes(&[b"ERR unknown subcommand or wrong number of arguments for '", &shown, b"'. Try DEBUG HELP."])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// Taken for the suites' sake: what it would switch does not exist here.
    Nothing,
    PauseCron,
    ConfigRewrite,
    Digest,
    DigestValue,
    Error,
    Object,
    Populate,
    Protocol,
    SetActiveExpire,
    Sleep,
    QuicklistPackedThreshold,
    Reload,
    StringMatch,
    Help,
}

impl Name {
    const ALL: &'static [(&'static str, Self)] = &[
        ("CHANGE-REPL-ID", Self::Nothing),
        ("CONFIG-REWRITE-FORCE-ALL", Self::ConfigRewrite),
        ("DIGEST", Self::Digest),
        ("DIGEST-VALUE", Self::DigestValue),
        ("ERROR", Self::Error),
        ("HELP", Self::Help),
        ("LOG", Self::Nothing),
        ("OBJECT", Self::Object),
        ("PAUSE-CRON", Self::PauseCron),
        ("POPULATE", Self::Populate),
        ("PROTOCOL", Self::Protocol),
        ("QUICKLIST-PACKED-THRESHOLD", Self::QuicklistPackedThreshold),
        ("RELOAD", Self::Reload),
        ("REPLYBUFFER", Self::Nothing),
        ("SET-ACTIVE-EXPIRE", Self::SetActiveExpire),
        ("SET-SKIP-CHECKSUM-VALIDATION", Self::Nothing),
        ("SLEEP", Self::Sleep),
        ("STRINGMATCH-TEST", Self::StringMatch),
    ];
}

enum Answer<'a> {
    Ok,
    Status(alloc::string::String),
    Digests(Vec<[u64; 3]>),
    One([u64; 3]),
    Protocol(&'a [u8]),
    Help,
}

/// `None` where the subcommand is not known or has another number of words.
fn act<'a>(call: &mut Call<'_>, name: Option<Name>, words: &'a [&'a [u8]]) -> Result<Option<Answer<'a>>> {
    Ok(Some(match (name, words) {
        (Some(Name::Nothing), _) => Answer::Ok,
        (Some(Name::Sleep), [seconds]) => {
            // What is no number counts as 0, as there.
            let milliseconds = number::parse_f64(seconds).unwrap_or(0.0).max(0.0) * 1000.0;
            if milliseconds >= 1.0 {
                call.server.events.push_back(Event::Sleep(milliseconds as u64));
                call.server.slept_us = (milliseconds * 1000.0) as u64;
            }
            Answer::Ok
        }
        (Some(Name::SetActiveExpire), [on]) => {
            call.keys.active_expire = number::parse_i64(on).unwrap_or(0) != 0;
            Answer::Ok
        }
        (Some(Name::ConfigRewrite), []) => {
            super::server::rewrite(call, true)?;
            Answer::Ok
        }
        (Some(Name::PauseCron), [on]) => {
            call.server.cron_paused = number::parse_i64(on).unwrap_or(0) != 0;
            Answer::Ok
        }
        (Some(Name::QuicklistPackedThreshold), [size]) => match parse_memory(size) {
            Some(size) if size <= u64::from(u32::MAX) => Answer::Ok,
            _ => return Err(ReplyError::err("argument must be a memory value bigger than 1 and smaller than 4gb")),
        },
        (Some(Name::Reload), []) => {
            reload(call)?;
            Answer::Ok
        }
        (Some(Name::StringMatch), []) => Answer::Status("nothing to be afraid of".into()),
        (Some(Name::Error), [text]) => return Err(ReplyError::bytes(&[text])),
        (Some(Name::Object), [key]) => Answer::Status(describe_object(call, key)?),
        (Some(Name::Populate), [count, rest @ ..]) if rest.len() <= 2 => {
            populate(call, count, rest)?;
            Answer::Ok
        }
        (Some(Name::Digest), []) => Answer::One(digest_all(call)),
        (Some(Name::DigestValue), keys) => Answer::Digests(keys.iter().map(|key| digest_key(call, key)).collect()),
        (Some(Name::Protocol), [kind]) => {
            check_protocol(kind, call.session.protocol)?;
            Answer::Protocol(kind)
        }
        (Some(Name::Help), []) => Answer::Help,
        _ => return Ok(None),
    }))
}

fn write(answer: Answer<'_>, writer: &mut Writer<'_>) {
    match answer {
        Answer::Ok => writer.ok(),
        Answer::Status(text) => writer.simple(&text),
        Answer::One(digest) => writer.simple(&hex(digest)),
        Answer::Digests(digests) => {
            writer.array(digests.len());
            for digest in digests {
                writer.simple(&hex(digest));
            }
        }
        Answer::Protocol(kind) => sample(kind, writer),
        Answer::Help => {
            writer.array(Name::ALL.len().saturating_add(1));
            writer.simple("DEBUG subcommand [argument ...]. For test suites. Subcommands:");
            for (token, _) in Name::ALL {
                writer.simple(token);
            }
        }
    }
}

// ---- OBJECT, POPULATE -------------------------------------------------------------------------------------------------------------------

/// The line that Redis prints; the address is none, and the length is that of the value in memory.
fn describe_object(call: &mut Call<'_>, key: &[u8]) -> Result<String> {
    let (Some(encoding), Some(bytes), Some(idle)) =
        (call.keys.encoding(key), call.keys.memory_of(key), call.keys.idle_seconds(key))
    else {
        return Err(ReplyError::NO_SUCH_KEY);
    };
    let clock = call.now().wrapping_div(1000).saturating_sub(idle) & 0x00ff_ffff;
    let [bytes, clock, idle] = [bytes, clock, idle].map(|number| number.to_string());
    let parts = [
        "Value at:0x0 refcount:1 encoding:",
        encoding,
        " serializedlength:",
        &bytes,
        " lru:",
        &clock,
        " lru_seconds_idle:",
        &idle,
    ];
    Ok(parts.concat())
}

/// `count [prefix [size]]`: strings `prefix:0` to `prefix:count-1`, those left alone that exist.
fn populate(call: &mut Call<'_>, count: &[u8], rest: &[&[u8]]) -> Result<()> {
    let positive =
        |word: &[u8]| number::parse_i64(word).and_then(|value| u64::try_from(value).ok()).ok_or(ReplyError::NOT_POSITIVE);
    let count = positive(count)?;
    let prefix = rest.first().copied().unwrap_or(b"key");
    let size = rest.get(1).map(|size| positive(size)).transpose()?;
    call.keys.reserve(count.saturating_mul(size.unwrap_or(0)))?;
    for index in 0..count {
        let mut key = prefix.to_vec();
        let digits = index.to_string();
        key.extend([":", &digits].concat().bytes());
        if call.keys.contains(&key) {
            continue;
        }
        let mut value = ["value:", &digits].concat().into_bytes();
        if let Some(size) = size {
            let size = usize::try_from(size).map_err(|_| ReplyError::MEMORY)?;
            value.try_reserve(size).map_err(|_| ReplyError::MEMORY)?;
            value.resize(size, 0);
        }
        call.keys.set_string(&key, &value, Ttl::Clear)?;
        call.keys.changed(&key, Class::STRING, "set");
    }
    Ok(())
}

// ---- RELOAD -----------------------------------------------------------------------------------------------------------------------------

/// Every value becomes bytes as in a snapshot, and these become the value anew, kept as the limits of today say. Deadlines stay.
fn reload(call: &mut Call<'_>) -> Result<()> {
    let selected = call.keys.selected();
    let done = (0..call.keys.databases()).try_for_each(|index| {
        call.keys.select(index);
        let names: Vec<Vec<u8>> = call.keys.keys().map(<[u8]>::to_vec).collect();
        names.iter().try_for_each(|name| reload_key(call, name))
    });
    call.keys.select(selected);
    done
}

fn reload_key(call: &mut Call<'_>, key: &[u8]) -> Result<()> {
    let Some(value) = call.keys.peek(key) else { return Ok(()) };
    let payload = rdb::dump(&value)?;
    let value = rdb::restore(&payload, &call.keys.env, call.keys.spare())
        .map_err(|_| ReplyError::err("Error trying to load the RDB dump, check server logs."))?;
    call.keys.put(key, value, Ttl::Keep)
}

// ---- DIGEST -----------------------------------------------------------------------------------------------------------------------------

/// 160 bits over parts: equal for equal data, whatever the encoding or the order of what has none. Not Redis's digest.
type Digest = [u64; 3];

fn hex(digest: Digest) -> String {
    let [a, b, c] = digest.map(hexadecimal);
    a.iter().chain(&b).chain(c.iter().skip(8)).map(|&digit| char::from(digit)).collect()
}

fn hash(parts: &[&[u8]]) -> Digest {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_le_bytes());
        joined.extend_from_slice(part);
    }
    [1, 2, 3].map(|seed| Seed::new(seed).hash(&joined))
}

fn bytes(digest: Digest) -> [u8; 24] {
    let mut all = [0; 24];
    for (to, word) in all.chunks_exact_mut(8).zip(digest) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    all
}

/// Adds what has no order.
fn mix(into: &mut Digest, other: Digest) {
    for (sum, word) in into.iter_mut().zip(other) {
        *sum = sum.wrapping_add(word);
    }
}

fn digest_key(call: &mut Call<'_>, key: &[u8]) -> Digest {
    let Some(value) = call.keys.peek(key) else { return [0; 3] };
    let mut all = match &value {
        ValueRef::String(text) => hash(&[b"string", text]),
        ValueRef::List(list) => list.iter().fold(hash(&[b"list"]), |sum, element| hash(&[&bytes(sum), element])),
        ValueRef::Set(set) => set.iter().fold(hash(&[b"set"]), |mut sum, member| {
            mix(&mut sum, hash(&[member.as_ref()]));
            sum
        }),
        ValueRef::Hash(fields) => fields.iter().fold(hash(&[b"hash"]), |mut sum, (field, value)| {
            mix(&mut sum, hash(&[field, value]));
            sum
        }),
        ValueRef::ZSet(zset) => zset.iter(0..zset.len()).fold(hash(&[b"zset"]), |mut sum, (member, score)| {
            mix(&mut sum, hash(&[member, &score.to_bits().to_le_bytes()]));
            sum
        }),
        ValueRef::Stream(stream) => stream.range(Id::MIN, Id::MAX).fold(hash(&[b"stream"]), |sum, entry| {
            let head = hash(&[&bytes(sum), &entry.id.ms.to_le_bytes(), &entry.id.seq.to_le_bytes()]);
            entry.fields().fold(head, |sum, (field, value)| hash(&[&bytes(sum), &field, &value]))
        }),
    };
    if let Some(Some(_)) = call.keys.deadline(key) {
        mix(&mut all, hash(&[b"expires"]));
    }
    all
}

fn digest_all(call: &mut Call<'_>) -> Digest {
    let mut all = [0; 3];
    let selected = call.keys.selected();
    for index in 0..call.keys.databases() {
        call.keys.select(index);
        let names: Vec<Vec<u8>> = call.keys.keys().map(<[u8]>::to_vec).collect();
        for name in names {
            let value = digest_key(call, &name);
            mix(&mut all, hash(&[&(index as u64).to_le_bytes(), &name, &bytes(value)]));
        }
    }
    call.keys.select(selected);
    all
}

// ---- PROTOCOL ---------------------------------------------------------------------------------------------------------------------------

const KINDS: [&str; 13] =
    ["string", "integer", "double", "bignum", "null", "array", "set", "map", "attrib", "push", "verbatim", "true", "false"];

fn check_protocol(kind: &[u8], protocol: Protocol) -> Result<()> {
    if !KINDS.iter().any(|known| is_token(kind, known)) {
        let kinds = KINDS.join("|");
        return Err(ReplyError::text(&["ERR Wrong protocol type name. Please use one of the following: ", &kinds]));
    }
    if is_token(kind, "push") && protocol == Protocol::Resp2 {
        return Err(ReplyError::err("RESP2 is not supported by this command"));
    }
    Ok(())
}

#[allow(clippy::approx_constant, reason = "it is meant to be 3.141")]
/// A reply of each kind, the same that Redis gives: clients' tests compare them.
fn sample(kind: &[u8], writer: &mut Writer<'_>) {
    let is = |name: &str| is_token(kind, name);
    match () {
        () if is("string") => writer.bulk(b"Hello World"),
        () if is("integer") => writer.int(12345),
        () if is("double") => writer.double(3.141),
        () if is("bignum") => writer.big_number("1234567999999999999999999999999999999"),
        () if is("null") => writer.null(),
        () if is("array") || is("set") => {
            if is("set") {
                writer.set(3);
            } else {
                writer.array(3);
            }
            for number in 0..3 {
                writer.int(number);
            }
        }
        () if is("map") => {
            writer.map(3);
            for number in 0..3i64 {
                writer.int(number);
                writer.boolean(number == 1);
            }
        }
        () if is("attrib") => {
            if writer.attribute(1) {
                writer.bulk(b"key-popularity");
                writer.array(2);
                writer.bulk(b"key:123");
                writer.int(90);
            }
            writer.bulk(b"Some real reply following the attribute");
        }
        () if is("push") => {
            writer.push(2);
            writer.bulk(b"server-cpu-usage");
            writer.int(42);
        }
        () if is("verbatim") => writer.verbatim(b"This is a verbatim\nstring"),
        () => writer.boolean(is("true")),
    }
}
