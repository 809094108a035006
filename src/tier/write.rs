//! Writes: to Redis first, to the journal, or to L1 alone.
//!
//! | node | write-through | write-behind |
//! |---|---|---|
//! | up, slow, recovering | Redis first; on its OK L1 | L1's reader sees it in the journal at once; acknowledged, sent within 50 ms |
//! | no answer came | outcome unknown: L1 forgets the key, the caller is told; or sent again, see `retry` | stays in the journal |
//! | down, probing | journal, L1 alone, or refused, by the key's rule | journal |
//!
//! Redis forgets with every write of ours who reads the key (`NOLOOP`), so a value goes to L1 only if it was read back in the same transaction:
//! `MULTI, SET, PTTL, EXEC`.

use super::Words;
use super::action::{Answer, CallId, Dropped, Durability, Failure, NodeId, Notice, RequestId};
use super::envelope;
use super::journal::{Op, Pending};
use super::l1::{Header, LOCAL};
use super::machine::{Call, Kind, Machine, error_in, words};
use super::options::{Keep, OnDown};
use super::tracking::Change;
use crate::resp::read::Value;
use crate::time::Millis;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// How long write-behind waits for more.
const BEHIND: Millis = 25;

/// What waited for a connection has less time to live by now.
pub(super) fn shorten(commands: &mut [Words], waited: Millis) {
    for command in commands.iter_mut().filter(|command| command.first().is_some_and(|name| name == b"SET")) {
        let Some([word, ttl]) = command.get_mut(3..).and_then(<[Vec<u8>]>::first_chunk_mut::<2>) else { continue };
        let left = core::str::from_utf8(ttl).ok().and_then(|digits| digits.parse::<u64>().ok());
        if let (b"PX", Some(left)) = (&word[..], left) {
            *ttl = decimal(left.saturating_sub(waited).max(1));
        }
    }
}

/// A write on its way.
#[derive(Debug)]
pub(super) struct Writing {
    /// Nobody asked for the value of a factory to be written.
    pub request: Option<RequestId>,
    /// Tells what was asked for later.
    pub issued: u64,
    pub keys: Vec<Vec<u8>>,
    pub what: What,
    pub node: NodeId,
    pub epoch: u32,
    /// The key changed, or was written again, while it was on its way.
    pub spoilt: bool,
    /// It came in place of writes that were in the journal.
    pub overtook: bool,
    /// Somebody else wrote the key, or this process did again.
    pub changed: bool,
    /// How it is sent again where it is not known whether it was done.
    pub again: Option<Words>,
    /// It was sent before, and no answer came.
    pub unknown: bool,
    /// How long its caller waits.
    pub until: Millis,
    /// One that came later is done.
    pub outrun: bool,
}

#[derive(Debug)]
pub(super) enum What {
    Set {
        value: Vec<u8>,
        keep: Keep,
        written: Millis,
        /// Its next change will be told.
        told: bool,
        /// How long it took to make, where a factory made it.
        cost: Option<Millis>,
    },
    Remove,
    /// EXPIRE.
    Touch,
    /// A command of the caller's; its words if it may run here.
    Command(Option<Words>),
    /// The mark of a tag.
    Mark,
}

impl Writing {
    pub fn is_command(&self) -> bool {
        matches!(self.what, What::Command(_))
    }
}

fn decimal(number: u64) -> Vec<u8> {
    format!("{number}").into_bytes()
}

impl Machine {
    /// Writes a value.
    pub fn set(&mut self, now: Millis, request: RequestId, key: &[u8], value: Vec<u8>, keep: Keep) {
        self.enter(now);
        let keep = self.jittered(keep);
        let node = self.route(key);
        if let Some(words) = self.refusal(node) {
            return self.fail_request(request, Failure::Configuration(words));
        }
        let (on_down, behind) = self.options.rule(key);
        if self.state_of(node).is_online() && !self.waits_for_clear(on_down, key) {
            if behind || self.comes_after(on_down) {
                self.set_behind(node, request, key, value, keep)
            } else {
                self.set_through(node, Some(request), key, value, keep, None)
            }
        } else {
            let issued = self.number();
            self.set_offline(on_down, Some(request), key, value, keep, issued);
        }
    }

    /// Whether a write has to come after the clearing of its namespace, which is not done yet.
    fn waits_for_clear(&self, on_down: OnDown, key: &[u8]) -> bool {
        on_down == OnDown::Journal && self.is_clearing(key)
    }

    /// Whether a write has to come after those in the journal, of whatever keys.
    fn comes_after(&self, on_down: OnDown) -> bool {
        on_down == OnDown::Journal && self.waits_in_order()
    }

    fn jittered(&mut self, mut keep: Keep) -> Keep {
        if let Some(ttl) = keep.ttl.as_mut() {
            let most = ttl.saturating_mul(self.options.ttl_jitter.min(90)) / 100;
            *ttl = ttl.saturating_sub(self.rng.below(most.saturating_add(1))).max(1);
        }
        keep
    }

    fn expires(&self, keep: &Keep) -> Millis {
        keep.ttl.map_or(u64::MAX, |ttl| self.now.saturating_add(ttl))
    }

    fn is_sealed(&self, keep: &Keep) -> bool {
        self.options.envelope || !keep.tags.is_empty()
    }

    fn set_through(
        &mut self,
        node: NodeId,
        request: Option<RequestId>,
        key: &[u8],
        value: Vec<u8>,
        keep: Keep,
        cost: Option<Millis>,
    ) {
        let expires = self.expires(&keep);
        let stored = if self.is_sealed(&keep) {
            envelope::seal(self.on_wall(self.now), self.on_wall(expires), &keep.tags, &value)
        } else {
            value.clone()
        };
        let mut set = words(&[b"SET", key, &stored]);
        if let Some(ttl) = keep.ttl {
            let grace = if self.is_sealed(&keep) { self.options.grace } else { 0 };
            set.extend([b"PX".to_vec(), decimal(ttl.saturating_add(grace))]);
        }
        let told = self.tells(key) && value.len() <= self.options.l1_value_bytes;
        let commands = if told && self.tells_readers() {
            vec![words(&[b"MULTI"]), set, words(&[b"PTTL", key]), words(&[b"EXEC"])]
        } else {
            vec![set]
        };
        let what = What::Set { value, keep, written: self.now, told, cost };
        self.send_write(request, node, vec![key.to_vec()], what, commands);
    }

    /// Removes a key.
    pub fn delete(&mut self, now: Millis, request: RequestId, key: &[u8]) {
        self.enter(now);
        let node = self.route(key);
        if let Some(words) = self.refusal(node) {
            return self.fail_request(request, Failure::Configuration(words));
        }
        let (on_down, behind) = self.options.rule(key);
        let behind = behind || self.comes_after(on_down);
        if self.state_of(node).is_online() && !behind && !self.waits_for_clear(on_down, key) {
            self.l1.remove(key);
            self.send_write(Some(request), node, vec![key.to_vec()], What::Remove, vec![words(&[b"UNLINK", key])]);
            return;
        }
        let plain = behind && self.state_of(node).is_online();
        let issued = self.number();
        self.remove_offline(if plain { OnDown::Journal } else { on_down }, Some(request), key, issued, plain);
    }

    fn remove_offline(&mut self, on_down: OnDown, request: Option<RequestId>, key: &[u8], issued: u64, plain: bool) {
        match on_down {
            OnDown::Journal => return self.journal_write(request, key, Op::Remove, issued, plain),
            OnDown::Local => self.forget_key(key),
            OnDown::Fail => {}
        }
        let Some(request) = request else { return };
        if on_down == OnDown::Local {
            self.answer(request, Answer::Written { durability: Durability::Local, count: 1 });
        } else {
            self.fail_request(request, Failure::Down);
        }
    }

    /// Lets a key live for so many milliseconds from now.
    pub fn touch(&mut self, now: Millis, request: RequestId, key: &[u8], ttl: Millis) {
        self.enter(now);
        let node = self.route(key);
        let end = self.now.saturating_add(ttl);
        if let Some(pending) = self.journal.get_mut(key) {
            let (count, call) = match &mut pending.op {
                Op::Set { expires, fresh_until, .. } => {
                    (*expires, *fresh_until) = (end, end);
                    (1, pending.call)
                }
                Op::Remove => (0, pending.call),
            };
            self.journal.note(key);
            // What is on its way has the old deadline: it is sent again.
            if call.is_some()
                && let Some(Pending { op, plain, .. }) = self.journal.get(key).cloned()
            {
                let issued = self.number();
                self.journal_write(None, key, op, issued, plain);
            }
            return self.answer(request, Answer::Written { durability: Durability::Journaled, count });
        }
        if !self.state_of(node).is_online() {
            return match self.refusal(node) {
                Some(words) => self.fail_request(request, Failure::Configuration(words)),
                None => self.fail_request(request, Failure::Down),
            };
        }
        let command = words(&[b"PEXPIRE", key, &decimal(ttl)]);
        self.send_write(Some(request), node, vec![key.to_vec()], What::Touch, vec![command]);
    }

    pub(super) fn send_write(
        &mut self,
        request: Option<RequestId>,
        node: NodeId,
        keys: Vec<Vec<u8>>,
        what: What,
        commands: Vec<Words>,
    ) {
        let replaces = matches!(what, What::Set { .. } | What::Remove | What::Mark);
        let overtook = self.own_write(&keys, replaces);
        let (epoch, issued, again) = (self.epoch_of(node), self.number(), self.once_more(&commands));
        let until = self.now.saturating_add(self.options.write_hard);
        let (spoilt, changed, unknown, outrun) = (false, false, false, false);
        let writing =
            Writing { outrun, request, issued, keys, what, node, epoch, spoilt, overtook, changed, again, unknown, until };
        self.send_writing(writing, commands);
    }

    pub(super) fn send_writing(&mut self, writing: Writing, commands: Vec<Words>) {
        let (node, keys, timeout) = (writing.node, writing.keys.clone(), writing.until.saturating_sub(self.now));
        let call = self.send(node, commands, Kind::Write(writing), Some(timeout));
        for key in &keys {
            self.announce(node, Change::Key(key));
        }
        for key in keys {
            self.writing.entry(key).or_default().push(call);
        }
    }

    /// Keys are about to be written by this process: what was asked before is not kept, what waited to be written is overtaken where this replaces it.
    /// Whether anything was.
    fn own_write(&mut self, keys: &[Vec<u8>], replaces: bool) -> bool {
        keys.iter().fold(false, |overtook, key| {
            self.spoil(key);
            (replaces && self.journal.remove(key).is_some()) || overtook
        })
    }

    fn forget_key(&mut self, key: &[u8]) {
        self.spoil(key);
        self.journal.remove(key);
        self.l1.remove(key);
    }

    fn end_writing(&mut self, writing: &Writing) {
        let calls = &self.calls;
        for key in &writing.keys {
            if let Some(pending) = self.writing.get_mut(key) {
                pending.retain(|call: &CallId| matches!(calls.get(call), Some(call) if matches!(call.kind, Kind::Write(_))));
                if pending.is_empty() {
                    self.writing.remove(key);
                }
            }
        }
    }

    pub(super) fn write_replied(&mut self, writing: Writing, sent_at: Millis, replies: &[Value]) {
        self.end_writing(&writing);
        if writing.is_command() {
            return self.command_written(&writing, replies);
        }
        if let Some(error) = error_in(replies) {
            if let Some(request) = writing.request {
                self.fail_request(request, Failure::of_words(error));
            }
            if writing.overtook {
                // What it took the place of in the journal is not in Redis either.
                for key in writing.keys {
                    self.drop_journaled(key, Dropped::Refused);
                }
            }
            return;
        }
        if matches!(writing.what, What::Set { .. } | What::Remove) {
            self.outrun_earlier(&writing);
        }
        let count = match replies {
            [Value::Integer(count)] => u64::try_from(*count).unwrap_or(0),
            _ => 1,
        };
        match &writing.what {
            What::Set { .. } => self.keep_written(&writing, sent_at),
            What::Remove | What::Touch | What::Command(_) => writing.keys.iter().for_each(|key| self.l1.remove(key)),
            What::Mark => {}
        }
        if let Some(request) = writing.request {
            self.answer(request, Answer::Written { durability: Durability::L2, count });
        }
    }

    /// Earlier writes of the key that are on their way still, to the node that had it, are as good as done.
    fn outrun_earlier(&mut self, writing: &Writing) {
        for call in writing.keys.iter().filter_map(|key| self.writing.get(key)).flatten() {
            if let Some(Call { kind: Kind::Write(earlier), .. }) = self.calls.get_mut(call) {
                earlier.outrun |= earlier.issued < writing.issued;
            }
        }
    }

    /// Whether a later write decides what becomes of the key of this one, which is not done yet and will not be. Then its caller is told so.
    pub(super) fn is_outrun(&mut self, id: CallId) -> bool {
        let Some(Call { kind: Kind::Write(writing), .. }) = self.calls.get(&id) else { return false };
        let (Some(key), issued, outrun) = (writing.keys.first().cloned(), writing.issued, writing.outrun) else { return false };
        let replaced = matches!(writing.what, What::Set { .. } | What::Remove | What::Touch);
        if !replaced || !(outrun || self.is_overtaken(&key, issued)) {
            return false;
        }
        if let Some(Call { kind: Kind::Write(writing), .. }) = self.take_call(id) {
            self.end_writing(&writing);
            let durability = if outrun { Durability::L2 } else { Durability::Journaled };
            if let Some(request) = writing.request {
                self.answer(request, Answer::Written { durability, count: 1 });
            }
        }
        true
    }

    /// Redis has the value: L1 may have it too, if Redis will say when it changes.
    fn keep_written(&mut self, writing: &Writing, sent_at: Millis) {
        let (Some(key), What::Set { value, keep, written, told, cost }) = (writing.keys.first(), &writing.what) else {
            return;
        };
        let told = *told || !self.options.tracking;
        let epoch = self.epoch_of(writing.node);
        if !told || !self.may_fill(writing.spoilt, writing.epoch == epoch && self.route(key) == writing.node) {
            self.l1.remove(key);
            return;
        }
        let expires = keep.ttl.map_or(u64::MAX, |ttl| sent_at.min(*written).saturating_add(ttl));
        let header = Header { epoch, ..self.header(key, expires, sent_at, *written, Some(keep)) };
        let header = Header { quick_until: self.early(&header, sent_at, *cost), ..header };
        // What commands said of the value before is of no use.
        self.l1.remove_replies(key);
        self.l1.put(key, &header, &keep.tags, value);
    }

    /// No usable answer came. `answered`: Redis said that it did not do it.
    pub(super) fn write_failed(&mut self, writing: Writing, sent: bool, answered: bool) {
        self.end_writing(&writing);
        if writing.unknown || (sent && !answered) {
            return self.outcome_unknown(writing, answered);
        }
        // Certainly not done: as if the node were down.
        let (Some(key), request) = (writing.keys.first().cloned(), writing.request) else { return };
        if matches!(writing.what, What::Set { .. } | What::Remove) && self.is_overtaken(&key, writing.issued) {
            if let Some(request) = request {
                self.answer(request, Answer::Written { durability: Durability::Journaled, count: 1 });
            }
            return;
        }
        let (on_down, _) = self.options.rule(&key);
        match (writing.what, request) {
            (What::Set { value, mut keep, written, .. }, request) => {
                // Its time runs since it was asked for.
                let waited = self.now.saturating_sub(written);
                keep.ttl = keep.ttl.map(|ttl| ttl.saturating_sub(waited));
                keep.fresh = keep.fresh.map(|fresh| fresh.saturating_sub(waited));
                self.set_offline(on_down, request, &key, value, keep, writing.issued);
            }
            (What::Remove, request) => self.remove_offline(on_down, request, &key, writing.issued, false),
            (What::Mark, _) => self.journal_mark(&key),
            (What::Command(words), Some(request)) => self.refuse_command(request, &writing.keys, words),
            (_, Some(request)) => self.fail_request(request, Failure::Down),
            _ => {}
        }
    }

    /// It may be done yet, after all that is sent now.
    fn outcome_unknown(&mut self, writing: Writing, answered: bool) {
        writing.keys.iter().for_each(|key| {
            self.spoil_fills(key);
            self.l1.remove(key);
        });
        let Some(writing) = (if answered { Some(writing) } else { self.retry(writing) }) else { return };
        for key in writing.keys.iter().filter(|_| writing.overtook) {
            // Neither is what this write took the place of in Redis, then: nobody is to read what was before.
            if !self.is_overtaken(key, writing.issued) {
                self.journal_write(None, key, Op::Remove, writing.issued, false);
            }
        }
        if let Some(request) = writing.request {
            self.counters.unknown = self.counters.unknown.wrapping_add(1);
            self.fail_request(request, Failure::UnknownOutcome);
        }
    }

    /// Whether what becomes of a key is for something to say that was asked for after `issued`: a later write that waits in the journal or is on its way,
    /// or a clearing of its namespace.
    fn is_overtaken(&mut self, key: &[u8], issued: u64) -> bool {
        for call in self.writing.get(key).into_iter().flatten() {
            if let Some(Call { kind: Kind::Write(later), .. }) = self.calls.get_mut(call)
                && later.issued > issued
                && matches!(later.what, What::Set { .. } | What::Remove)
            {
                later.overtook = true;
                return true;
            }
        }
        self.journal.get(key).is_some_and(|pending| pending.issued > issued) || self.is_cleared_after(key, issued)
    }

    // ---- without Redis ----------------------------------------------------------------------------------------------------------

    fn set_offline(&mut self, on_down: OnDown, request: Option<RequestId>, key: &[u8], value: Vec<u8>, keep: Keep, issued: u64) {
        match on_down {
            OnDown::Journal => {
                let op = self.set_op(value, &keep);
                self.journal_write(request, key, op, issued, false);
            }
            OnDown::Local => {
                self.forget_key(key);
                self.put_local(key, &value, &keep);
                if let Some(request) = request {
                    self.answer(request, Answer::Written { durability: Durability::Local, count: 1 });
                }
            }
            OnDown::Fail => {
                if let Some(request) = request {
                    self.fail_request(request, Failure::Down);
                }
            }
        }
    }

    fn set_op(&self, value: Vec<u8>, keep: &Keep) -> Op {
        let expires = self.expires(keep);
        let fresh_until = keep.fresh.map_or(expires, |fresh| self.now.saturating_add(fresh).min(expires));
        Op::Set { value, expires, fresh_until, tags: keep.tags.clone() }
    }

    fn put_local(&mut self, key: &[u8], value: &[u8], keep: &Keep) {
        let expires = self.expires(keep);
        let header = self.header(key, expires, self.now, self.now, Some(keep));
        let header = Header { flags: header.flags | LOCAL, fresh_until: header.fresh_until.min(expires), ..header };
        // What commands said of the value before is of no use.
        self.l1.remove_replies(key);
        self.l1.put(key, &header, &keep.tags, value);
    }

    fn set_behind(&mut self, node: NodeId, request: RequestId, key: &[u8], value: Vec<u8>, keep: Keep) {
        let op = self.set_op(value, &keep);
        let issued = self.number();
        self.journal_write(Some(request), key, op, issued, true);
        self.replay_again(node, BEHIND);
    }

    /// Notes a write in the journal. `plain`: the node is up.
    pub(super) fn journal_write(&mut self, request: Option<RequestId>, key: &[u8], op: Op, issued: u64, plain: bool) {
        #[cfg(feature = "tier-faults")]
        if self.broken == Some(super::Fault::ForgetsRemovals) && op == Op::Remove {
            self.l1.remove(key);
            if let Some(request) = request {
                self.answer(request, Answer::Written { durability: Durability::Journaled, count: 1 });
            }
            return;
        }
        let mut dropped = Vec::new();
        self.spoil(key);
        // In the place of an earlier write of the outage: the key is one of which Redis may know more.
        let plain = plain && (self.options.ordered || self.journal.get(key).is_none_or(|pending| pending.plain));
        let write = Pending::new(op, self.now, issued, plain);
        let fits = self.journal.put(key, write, &self.options, &mut dropped);
        for (key, reason) in dropped {
            self.drop_journaled(key, reason);
        }
        if !fits {
            if let Some(request) = request {
                self.fail_request(request, Failure::JournalFull);
            }
            return;
        }
        self.l1.remove(key);
        self.counters.journaled = self.counters.journaled.wrapping_add(1);
        let node = self.route(key);
        if self.state_of(node).is_online() {
            self.replay_again(node, BEHIND);
        }
        if let Some(request) = request {
            self.answer(request, Answer::Written { durability: Durability::Journaled, count: 1 });
        }
    }

    pub(super) fn drop_journaled(&mut self, key: Vec<u8>, reason: Dropped) {
        self.counters.dropped = self.counters.dropped.wrapping_add(1);
        self.tell(Notice::JournalDropped { key, reason });
    }

    /// What a factory made is kept: in Redis if it can be reached, else here.
    pub(super) fn keep_made(&mut self, key: &[u8], value: Vec<u8>, keep: &Keep, cost: Millis) {
        let keep = self.jittered(keep.clone());
        let node = self.route(key);
        if self.journal.get(key).is_some() || self.is_clearing(key) {
            let op = self.set_op(value, &keep);
            let issued = self.number();
            self.journal_write(None, key, op, issued, false);
        } else if self.state_of(node).is_online() {
            self.set_through(node, None, key, value, keep, Some(cost));
        } else {
            self.put_local(key, &value, &keep);
        }
    }

    // ---- commands ---------------------------------------------------------------------------------------------------------------

    fn command_written(&mut self, writing: &Writing, replies: &[Value]) {
        writing.keys.iter().for_each(|key| {
            self.l1.remove(key);
            self.tags.forget(key);
        });
        if let (Some(request), Some(reply)) = (writing.request, replies.first()) {
            self.answer_reply(request, reply);
        }
    }
}
