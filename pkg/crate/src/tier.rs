//! The tier's machine for JavaScript: words in, actions out, and one hot lane.
//!
//! A call is one RESP request whose first word says what happened (see [`tell`]); what is to be done is taken as RESP3 by `actions`. A hit in L1 passes
//! through the area, as the engine's own GET does.

use crate::area;
use alloc::vec::Vec;
use cachette::resp::parse::{self, Limits};
use cachette::resp::write::Writer;
use cachette::resp::{Protocol, read};
use cachette::tier::{
    Action, Answer, Conflict, Durability, Facts, Failure, Keep, Machine, Made, Meta, NodeId, Notice, OnDown, Options, Overflow,
    Rule, Source,
};
use core::cell::UnsafeCell;

#[derive(Default)]
struct Tier {
    machine: Option<Machine>,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Shared(UnsafeCell<Tier>);

// SAFETY: the module has one thread.
unsafe impl Sync for Shared {}

static TIER: Shared = Shared(UnsafeCell::new(Tier { machine: None, input: Vec::new(), output: Vec::new() }));

/// For as long as one export runs.
fn tier() -> &'static mut Tier {
    // SAFETY: one thread; each export calls this once, and no export calls JavaScript.
    unsafe { &mut *TIER.0.get() }
}

/// Address of the [`Area`](area::Area).
#[unsafe(no_mangle)]
pub extern "C" fn area() -> *mut area::Area {
    area::address()
}

/// Address of room for a request of so many bytes, 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: u32) -> *mut u8 {
    let input = &mut tier().input;
    input.clear();
    if input.try_reserve(bytes as usize).is_err() {
        return core::ptr::null_mut();
    }
    input.resize(bytes as usize, 0);
    input.as_mut_ptr()
}

/// GET of the key in the area, if L1 may answer it: the value's address, with the header describing it and its age in `low`; 0 if not.
#[unsafe(no_mangle)]
pub extern "C" fn hit(key: u32, now: f64) -> u32 {
    let Some(machine) = &mut tier().machine else { return 0 };
    let area = area::area();
    let Some((value, meta)) = machine.hit(now as u64, area.key.get(..key as usize).unwrap_or(&[])) else { return 0 };
    area.header.low = meta.age as u32;
    area.header.show(value)
}

/// Tells the machine what happened: the request in the input, of so many bytes. 0 if it was understood (and, of a redirection, is to be
/// followed).
#[unsafe(no_mangle)]
pub extern "C" fn tell(bytes: u32, now: f64) -> u32 {
    let tier = tier();
    let input = core::mem::take(&mut tier.input);
    let mut words = Vec::new();
    let limits = Limits { bulk: u64::MAX >> 1, authenticated: true };
    let read = parse::request(input.get(..bytes as usize).unwrap_or(&[]), limits, &mut words).is_ok();
    let understood = read && told(tier, &words, now as u64).is_some();
    tier.input = input;
    u32::from(!understood)
}

/// When the machine wants `tick` at the latest; -1 if it does not.
#[unsafe(no_mangle)]
pub extern "C" fn due() -> f64 {
    tier().machine.as_ref().and_then(Machine::next_due).map_or(-1.0, |due| due as f64)
}

/// What is to be done, as RESP3: its address, its length in the header. Taken once.
#[unsafe(no_mangle)]
pub extern "C" fn actions() -> *const u8 {
    let tier = tier();
    tier.output.clear();
    if let Some(machine) = &mut tier.machine {
        while let Some(action) = machine.take_action() {
            write(&mut Writer::new(&mut tier.output, Protocol::Resp3), &action);
        }
    }
    area::area().header.length = tier.output.len() as u32;
    tier.output.as_ptr()
}

/// All that waits in the journal, to be kept in place of what was kept before: its address, its length in the header.
#[unsafe(no_mangle)]
pub extern "C" fn journal() -> *const u8 {
    let tier = tier();
    tier.output = tier.machine.as_mut().map(Machine::log).unwrap_or_default();
    area::area().header.length = tier.output.len() as u32;
    tier.output.as_ptr()
}

/// Writes figures to the area's value, as doubles: L1 hits, L2 reads, stale, fallbacks, factories, journaled, replayed, dropped, unknown, L1's bytes and
/// entries, the journal's entries and bytes; then of each node its number, its state, and whether it tells what changes. How many figures there are.
#[unsafe(no_mangle)]
pub extern "C" fn stats() -> u32 {
    let Some(machine) = &mut tier().machine else { return 0 };
    let counters = machine.counters;
    let ((bytes, entries), (writes, journal)) = (machine.l1_size(), machine.journaled());
    let nodes = machine.health().into_iter().flat_map(|(node, state, tracking)| [node.into(), state as u64, tracking.into()]);
    let figures = [
        counters.l1_hits,
        counters.l2_reads,
        counters.stale,
        counters.fallbacks,
        counters.factories,
        counters.journaled,
        counters.replayed,
        counters.dropped,
        counters.unknown,
        bytes,
        entries as u64,
        writes as u64,
        journal as u64,
    ];
    let room = area::area().value.chunks_exact_mut(8);
    room.zip(figures.into_iter().chain(nodes)).fold(0, |count, (to, figure)| {
        to.copy_from_slice(&(figure as f64).to_le_bytes());
        count + 1
    })
}

fn number(word: &[u8]) -> Option<u64> {
    core::str::from_utf8(word).ok()?.parse().ok()
}

fn node(word: &[u8]) -> Option<NodeId> {
    number(word).and_then(|number| NodeId::try_from(number).ok())
}

/// `ttl fresh tag…`; nothing where a word is empty.
fn keep(words: &[&[u8]]) -> Option<Keep> {
    let [ttl, fresh, tags @ ..] = words else { return None };
    let optional = |word: &[u8]| if word.is_empty() { Some(None) } else { number(word).map(Some) };
    Some(Keep { ttl: optional(ttl)?, fresh: optional(fresh)?, tags: tags.iter().map(|tag| tag.to_vec()).collect() })
}

fn told(tier: &mut Tier, words: &[&[u8]], now: u64) -> Option<()> {
    let (verb, rest) = words.split_first()?;
    if *verb == b"open" {
        let (seed, pairs) = rest.split_first()?;
        tier.machine = Some(Machine::new(options(pairs)?, number(seed)?, now));
        return Some(());
    }
    let machine = tier.machine.as_mut()?;
    match (*verb, rest) {
        (b"tick", []) => machine.tick(now),
        (b"wall", [wall]) => machine.set_wall(now, number(wall)?),
        (b"node", []) => {
            machine.add_node();
        }
        (b"slots", [to, ranges @ ..]) => {
            let to = node(to)?;
            for range in ranges.chunks_exact(2) {
                let [first, last] = range else { return None };
                machine.assign_slots(number(first)? as u16, number(last)? as u16, to);
            }
        }
        (b"retire", [of]) => machine.retire_node(now, node(of)?),
        (b"start", [of]) => machine.start(now, node(of)?),
        (b"connected", [of]) => machine.connected(now, node(of)?),
        (b"refused", [of, words @ ..]) => machine.connect_failed(now, node(of)?, words.first().copied()),
        (b"disconnected", [of]) => machine.disconnected(now, node(of)?),
        // Not understood: it is not to be sent on.
        (b"redirected", [call]) => return machine.redirected(now, number(call)?).then_some(()),
        (b"lost", [call]) => machine.lost(now, number(call)?),
        (b"replied", [call, replies]) => {
            let (mut values, mut rest) = (Vec::new(), *replies);
            while let Some((value, tail)) = read::reply(rest) {
                values.push(value);
                rest = tail;
            }
            machine.replied(now, number(call)?, values);
        }
        (b"invalidated", [of, keys @ ..]) => {
            let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
            machine.invalidated(now, node(of)?, (!keys.is_empty()).then_some(&keys[..]));
        }
        (b"message", [of, message]) => machine.told(now, node(of)?, message),
        (b"ran", [request, reply]) => machine.ran(now, number(request)?, &read::reply(reply)?.0),
        (b"restore", [log]) => {
            machine.restore(log);
        }
        (b"get", [request, key]) => machine.get(now, number(request)?, key, None),
        (b"make", [request, key, how @ ..]) => machine.get(now, number(request)?, key, Some(keep(how)?)),
        (b"set", [request, key, value, how @ ..]) => machine.set(now, number(request)?, key, value.to_vec(), keep(how)?),
        (b"delete", [request, key]) => machine.delete(now, number(request)?, key),
        (b"touch", [request, key, ttl]) => machine.touch(now, number(request)?, key, number(ttl)?),
        (b"tag", [request, tag]) => machine.invalidate_tag(now, number(request)?, tag),
        (b"clear", [request, prefix]) => machine.clear(now, number(request)?, prefix),
        (b"made", [request, value]) => machine.made(now, number(request)?, Made::Value { value: value.to_vec(), keep: None }),
        (b"nothing", [request]) => machine.made(now, number(request)?, Made::Nothing),
        (b"failed", [request, why]) => machine.made(now, number(request)?, Made::Failed(why.to_vec())),
        (b"command", [request, kind, count, rest @ ..]) => {
            let (keys, words) = rest.split_at_checked(number(count)? as usize)?;
            let own = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
            let facts = Facts { readonly: *kind == b"r", write: *kind == b"w", keys: own(keys) };
            machine.command(now, number(request)?, own(words), facts);
        }
        _ => return None,
    }
    Some(())
}

/// `name value …`.
fn options(pairs: &[&[u8]]) -> Option<Options> {
    let mut options = Options::default();
    for pair in pairs.chunks_exact(2) {
        let [name, value] = pair else { return None };
        let yes = *value == b"1";
        let on_down = |word: &[u8]| match word {
            b"journal" => Some(OnDown::Journal),
            b"local" => Some(OnDown::Local),
            b"fail" => Some(OnDown::Fail),
            _ => None,
        };
        match *name {
            b"tracking" => options.tracking = yes,
            b"broadcast" => options.broadcast.push(value.to_vec()),
            b"backplane" => options.backplane = Some(value.to_vec()),
            b"journalLog" => options.journal_log = yes,
            b"exclusive" => options.exclusive = yes,
            b"l1Bytes" => options.l1_bytes = number(value)?,
            b"l1ValueBytes" => options.l1_value_bytes = number(value)? as usize,
            b"l1MaxTtl" => options.l1_max_ttl = Some(number(value)?),
            b"connectTimeout" => options.connect_timeout = number(value)?,
            b"readSoft" => options.read_soft = number(value)?,
            b"readHard" => options.read_hard = number(value)?,
            b"writeHard" => options.write_hard = number(value)?,
            b"openMost" => options.open_most = number(value)?,
            b"pingEvery" => options.ping_every = number(value)?,
            b"silentAfter" => options.silent_after = number(value)?,
            b"onDown" => options.on_down = on_down(value)?,
            b"behind" => options.behind = yes,
            b"nilOnDown" => options.nil_on_down = yes,
            b"journalEntries" => options.journal_entries = number(value)? as usize,
            b"journalBytes" => options.journal_bytes = number(value)? as usize,
            b"overflow" => options.overflow = if *value == b"dropOldest" { Overflow::DropOldest } else { Overflow::Reject },
            b"ordered" => options.ordered = yes,
            b"retryUnknown" => options.retry_unknown = yes,
            b"conflict" => options.conflict = if *value == b"overwrite" { Conflict::Overwrite } else { Conflict::Invalidate },
            b"replayPerSecond" => options.replay_per_second = number(value)?,
            b"envelope" => options.envelope = yes,
            b"grace" => options.grace = number(value)?,
            b"earlyRefresh" => options.early_refresh = number(value)?,
            b"earlyBeta" => options.early_beta = number(value)?,
            b"lease" => options.lease = number(value)?,
            b"negativeTtl" => options.negative_ttl = number(value)?,
            b"ttlJitter" => options.ttl_jitter = number(value)?,
            b"factorySoft" => options.factory_soft = number(value)?,
            b"factoryHard" => options.factory_hard = number(value)?,
            // `rule:journal` and so on, with the prefix as its value; `+behind` for write-behind.
            rule => {
                let (policy, behind) = match rule.strip_prefix(b"rule:")? {
                    policy if policy.ends_with(b"+behind") => (policy.strip_suffix(b"+behind")?, true),
                    policy => (policy, false),
                };
                options.rules.push(Rule { prefix: value.to_vec(), on_down: on_down(policy)?, behind });
            }
        }
    }
    Some(options)
}

fn source(meta: &Meta) -> &'static [u8] {
    match meta.source {
        Source::L1 => b"l1",
        Source::L2 => b"l2",
        Source::Factory => b"factory",
        Source::Fallback => b"fallback",
    }
}

fn durability(durability: Durability) -> &'static [u8] {
    match durability {
        Durability::L2 => b"l2",
        Durability::Journaled => b"journaled",
        Durability::Local => b"local",
    }
}

fn write_meta(writer: &mut Writer<'_>, meta: &Meta) {
    writer.bulk(source(meta));
    writer.int(meta.stale.into());
    writer.int(meta.age as i64);
    writer.bulk(durability(meta.durability));
}

fn write(writer: &mut Writer<'_>, action: &Action) {
    match action {
        Action::Connect { node } => write_number(writer, b"connect", u64::from(*node)),
        Action::Disconnect { node } => write_number(writer, b"disconnect", u64::from(*node)),
        Action::Send { node, call, commands } => {
            writer.array(4);
            writer.bulk(b"send");
            writer.int(i64::from(*node));
            writer.int(*call as i64);
            writer.array(commands.len());
            commands.iter().for_each(|command| write_all(writer, command));
        }
        Action::Make { request } => write_number(writer, b"make", *request),
        Action::Forget { request } => write_number(writer, b"forget", *request),
        Action::Answer { request, answer } => write_answer(writer, *request, answer),
        Action::Run { request, node, command } => {
            writer.array(4);
            writer.bulk(b"run");
            writer.int(*request as i64);
            writer.int(i64::from(*node));
            write_all(writer, command);
        }
        Action::ForgetRun { node } => write_number(writer, b"forgetRun", u64::from(*node)),
        Action::Log(records) => write_words(writer, &[b"log", records]),
        Action::EndLog => write_words(writer, &[b"endLog"]),
        Action::Tell(notice) => write_notice(writer, notice),
    }
}

fn write_all(writer: &mut Writer<'_>, words: &[Vec<u8>]) {
    writer.array(words.len());
    words.iter().for_each(|word| writer.bulk(word));
}

fn write_words(writer: &mut Writer<'_>, words: &[&[u8]]) {
    writer.array(words.len());
    words.iter().for_each(|word| writer.bulk(word));
}

fn write_number(writer: &mut Writer<'_>, name: &[u8], number: u64) {
    writer.array(2);
    writer.bulk(name);
    writer.int(number as i64);
}

fn write_answer(writer: &mut Writer<'_>, request: u64, answer: &Answer) {
    match answer {
        Answer::Value { value, meta } => {
            writer.array(7);
            writer.bulk(b"value");
            writer.int(request as i64);
            match value {
                Some(value) => writer.bulk(value),
                None => writer.null(),
            }
            write_meta(writer, meta);
        }
        Answer::Reply { reply, meta } => {
            writer.array(7);
            writer.bulk(b"reply");
            writer.int(request as i64);
            writer.bulk(reply);
            write_meta(writer, meta);
        }
        Answer::Written { durability: by, count } => {
            writer.array(4);
            writer.bulk(b"written");
            writer.int(request as i64);
            writer.bulk(durability(*by));
            writer.int(*count as i64);
        }
        Answer::Failed(failure) => {
            writer.array(4);
            writer.bulk(b"failure");
            writer.int(request as i64);
            let (code, words): (&[u8], &[u8]) = match failure {
                Failure::Down => (b"L2DOWN", b""),
                Failure::UnknownOutcome => (b"UNKNOWN_OUTCOME", b""),
                Failure::JournalFull => (b"JOURNAL_FULL", b""),
                Failure::Configuration(words) => (b"CONFIGURATION", words),
                Failure::Reply(words) => (b"REPLY", words),
                Failure::Factory(words) => (b"FACTORY", words),
                Failure::FactoryTimeout => (b"FACTORY_TIMEOUT", b""),
                Failure::NotShared => (b"NOT_SHARED", b""),
            };
            writer.bulk(code);
            writer.bulk(words);
        }
    }
}

fn write_notice(writer: &mut Writer<'_>, notice: &Notice) {
    match notice {
        Notice::State { node, from, to } => {
            write_of_node(writer, *node, &[b"state", from.name().as_bytes(), to.name().as_bytes()])
        }
        Notice::TrackingLost { node } => write_of_node(writer, *node, &[b"tracking", b"lost"]),
        Notice::TrackingRestored { node } => write_of_node(writer, *node, &[b"tracking", b"restored"]),
        Notice::TrackingUnsupported { node } => write_of_node(writer, *node, &[b"tracking", b"unsupported"]),
        Notice::Configuration { node, words } => write_of_node(writer, *node, &[b"configuration", words]),
        Notice::Replayed { key } => write_words(writer, &[b"tell", b"", b"journal", b"replayed", key]),
        Notice::JournalDropped { key, reason } => {
            write_words(writer, &[b"tell", b"", b"journal", b"dropped", key, reason.name().as_bytes()])
        }
    }
}

/// `tell NODE word…`
fn write_of_node(writer: &mut Writer<'_>, node: NodeId, words: &[&[u8]]) {
    writer.array(words.len() + 2);
    writer.bulk(b"tell");
    writer.int(i64::from(node));
    words.iter().for_each(|word| writer.bulk(word));
}
