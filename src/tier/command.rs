//! The command API: Redis is the truth. Replies of commands that only read one key are kept in L1 until somebody changes the key.

use super::Words;
use super::action::{Answer, Failure, Meta, RequestId, Source};
use super::flight::{FlightId, Waiter};
use super::l1::Header;
use super::machine::{Machine, error_in};
use super::tracking::Change;
use super::write::What;
use crate::error::ReplyError;
use crate::resp::Protocol;
use crate::resp::read::Value;
use crate::resp::write::Writer;
use crate::time::Millis;
use alloc::vec;
use alloc::vec::Vec;

/// What is known of a command, from its declaration: the shell looks it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub readonly: bool,
    /// It changes keys; all keys, if it names none.
    pub write: bool,
    pub keys: Vec<Vec<u8>>,
}

/// Commands that mean something for their connection, or keep it waiting: the connection is shared here.
const NOT_SHARED: &[&str] = &[
    "ASKING",
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "WATCH",
];
/// Of CLIENT, what changes whether the connection is answered, or what it is told.
const NOT_SHARED_OF_CLIENT: &[&str] = &["CACHING", "REPLY", "TRACKING"];
/// Commands that read but answer by chance, by the clock, or do something else on the way: their replies are not kept.
const NOT_KEPT: &[&str] = &[
    "DEBUG",
    "EVALSHA_RO",
    "EVAL_RO",
    "FCALL_RO",
    "HPTTL",
    "HRANDFIELD",
    "HTTL",
    "MEMORY",
    "OBJECT",
    "PTTL",
    "SRANDMEMBER",
    "TOUCH",
    "TTL",
    "XINFO",
    "XPENDING",
    "XREAD",
    "ZRANDMEMBER",
];

fn is_of(list: &[&str], command: &[Vec<u8>]) -> bool {
    let Some(name) = command.first() else { return false };
    list.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

fn is_for_its_connection(command: &Words) -> bool {
    let blocks = command.iter().any(|word| word.eq_ignore_ascii_case(b"BLOCK")) && is_of(&["XREAD", "XREADGROUP"], command);
    let of_client = is_of(&["CLIENT"], command) && is_of(NOT_SHARED_OF_CLIENT, command.get(1..).unwrap_or_default());
    blocks || of_client || is_of(NOT_SHARED, command)
}

fn packed(command: &Words) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, word) in command.iter().enumerate() {
        bytes.extend((word.len() as u32).to_le_bytes());
        // `get` and `GET` are one.
        if at == 0 { bytes.extend(word.to_ascii_uppercase()) } else { bytes.extend_from_slice(word) }
    }
    bytes
}

/// A reply in RESP3.
pub fn encode(reply: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out, Protocol::Resp3), reply, 0);
    out
}

fn write(writer: &mut Writer<'_>, reply: &Value, depth: u8) {
    if depth > 30 {
        return writer.null();
    }
    let inside = depth.saturating_add(1);
    match reply {
        Value::Null => writer.null(),
        Value::Status(text) => writer.simple(core::str::from_utf8(text).unwrap_or_default()),
        Value::Integer(number) => writer.int(*number),
        Value::Double(number) => writer.double(*number),
        Value::Boolean(truth) => writer.boolean(*truth),
        Value::Bytes(bytes) => writer.bulk(bytes),
        Value::Error(error) => writer.error(error),
        Value::Array(values) | Value::Push(values) => {
            writer.array(values.len());
            values.iter().for_each(|value| write(writer, value, inside));
        }
        Value::Set(values) => {
            writer.set(values.len());
            values.iter().for_each(|value| write(writer, value, inside));
        }
        Value::Map(pairs) => {
            writer.map(pairs.len());
            for (key, value) in pairs {
                write(writer, key, inside);
                write(writer, value, inside);
            }
        }
    }
}

impl Machine {
    /// Runs any command, in Redis.
    pub fn command(&mut self, now: Millis, request: RequestId, command: Words, facts: Facts) {
        self.enter(now);
        if is_for_its_connection(&command) {
            return self.fail_request(request, Failure::NotShared);
        }
        let node = facts.keys.first().map_or(0, |key| self.route(key));
        if let Some(words) = self.refusal(node) {
            return self.fail_request(request, Failure::Configuration(words));
        }
        let online = self.state_of(node).is_online();
        let here = self.runs_here(&facts.keys);
        if !online && here {
            return self.run_here(request, node, command);
        }
        if facts.readonly
            && let [key] = &facts.keys[..]
            && !is_of(NOT_KEPT, &command)
        {
            return self.read_command(request, key, command, online);
        }
        if !online {
            return self.refuse_command(request, &[], None);
        }
        if facts.write && facts.keys.is_empty() {
            // FLUSHALL and its kin: whatever it does, L1 begins anew.
            self.spoil_where(|_| true);
            self.l1.remove_where(|_| true);
            self.announce(node, Change::All);
        }
        let keys = if facts.write { facts.keys } else { Vec::new() };
        keys.iter().for_each(|key| self.l1.remove(key));
        for key in &keys {
            self.replay_now(node, key);
        }
        let words = here.then(|| command.clone());
        self.send_write(Some(request), node, keys, What::Command(words), vec![command]);
    }

    fn read_command(&mut self, request: RequestId, key: &[u8], command: Words, online: bool) {
        let node = self.route(key);
        if let Some((header, reply)) = self.l1.reply(key, &packed(&command)) {
            let fresh = header.epoch == self.epoch_of(node) && header.fresh_until > self.now;
            // Our own journaled write is not in Redis yet, so Redis is not asked in its place.
            if (fresh && self.journal.get(key).is_none()) || !online {
                let age = self.now.saturating_sub(header.written);
                let meta = Meta { age, stale: !fresh, ..Meta::of(Source::L1) };
                return self.answer(request, Answer::Reply { reply, meta });
            }
        }
        if !online {
            return self.refuse_command(request, &[], None);
        }
        let waiter = Waiter { request, factory: false };
        match self.flights.joinable(key, Some(&command)) {
            Some(flight) => self.join(flight, waiter, None),
            None => self.ask(node, key, Some(command), waiter, None),
        }
    }

    pub(super) fn stale_reply(&mut self, key: &[u8], command: &Words) -> Option<(Vec<u8>, Meta)> {
        let (header, reply) = self.l1.reply(key, &packed(command))?;
        let age = self.now.saturating_sub(header.written);
        (header.expires > self.now).then(|| (reply, Meta { age, stale: true, ..Meta::of(Source::L1) }))
    }

    /// Redis did not do it: run here, if `command` is given and the rule for its keys says so.
    pub(super) fn refuse_command(&mut self, request: RequestId, keys: &[Vec<u8>], command: Option<Words>) {
        let node = keys.first().map(|key| self.route(key)).filter(|node| !self.state_of(*node).is_online());
        if let (Some(node), Some(command)) = (node, command)
            && self.runs_here(keys)
        {
            self.run_here(request, node, command);
        } else if self.options.nil_on_down {
            let (reply, meta) = (encode(&Value::Null), Meta::of(Source::Fallback));
            self.answer(request, Answer::Reply { reply, meta });
        } else {
            self.fail_request(request, Failure::Down);
        }
    }

    pub(super) fn command_replied(&mut self, id: FlightId, sent_at: Millis, replies: &[Value]) {
        let Some(flight) = self.flights.remove(id) else { return };
        self.cancel_timer(flight.soft);
        self.cancel_timer(flight.hard);
        let Some(reply) = replies.first() else { return };
        let epoch = self.epoch_of(flight.node);
        let whole = error_in(replies).is_none();
        if let (Some(command), Some(Value::Integer(ttl))) = (&flight.command, replies.get(1))
            && whole
            && *ttl != 0
            && self.may_fill(flight.spoilt, flight.epoch == epoch && self.route(&flight.key) == flight.node)
        {
            // -1: for ever, -2: there is no such key, which is as good to know.
            let end = if *ttl < 0 { u64::MAX } else { sent_at.saturating_add(*ttl as u64) };
            let header = Header { epoch, ..self.header(&flight.key, end, sent_at, sent_at, None) };
            self.l1.put_reply(&flight.key, &header, &packed(command), &encode(reply));
        }
        for waiter in flight.waiters {
            self.answer_reply(waiter.request, reply);
        }
    }

    pub(super) fn answer_reply(&mut self, request: RequestId, reply: &Value) {
        match reply {
            Value::Error(error) => self.fail_request(request, Failure::Reply(ReplyError::as_bytes(error).to_vec())),
            reply => self.answer(request, Answer::Reply { reply: encode(reply), meta: Meta::of(Source::L2) }),
        }
    }
}
