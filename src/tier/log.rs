//! The journal as bytes: what a shell keeps in a file, so that journaled writes outlive the process.
//!
//! ```text
//!   ┌────────┬────────┬──────┬────────────────────────────────────────────────────────────────────────────┐
//!   │ length │ CRC-64 │ kind │ set: place 8, written 8, expires 8, fresh 8, key, tag count 4, tags, value │  key, tag, value: length 4, bytes
//!   │ 4      │ 8      │ 1    │ removed: place 8, written 8, key · settled: place 8 · cleared, done: prefix │
//!   └────────┴────────┴──────┴────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Numbers are little-endian, moments Unix milliseconds. A record says what has become of a place in the journal; the last one counts, and places follow
//! each other as the writes did. Reading ends at the first frame that is not whole: what comes after a torn write was never there.

use super::Options;
use super::action::{Action, Dropped};
use super::journal::{Journal, Op, Pending};
use super::machine::Machine;
use crate::rdb;
use crate::time::Millis;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

const SET: u8 = 1;
const REMOVED: u8 = 2;
/// Redis has it, or it was given up: it waits no longer.
const SETTLED: u8 = 3;
const CLEARED: u8 = 4;
/// What was to be cleared is: it must not be done again, for what was written since stays.
const DONE: u8 = 5;

/// One record.
#[derive(Debug, PartialEq, Eq)]
enum Record {
    Write(u64, Vec<u8>, Millis, Op),
    Settled(u64),
    Cleared(Vec<u8>),
    Done(Vec<u8>),
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn frame(out: &mut Vec<u8>, body: &[u8]) {
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(rdb::crc64(body).to_le_bytes());
    out.extend_from_slice(body);
}

/// Writes what waits for a key; moments of `op` and `written` are the wall clock's.
fn write(out: &mut Vec<u8>, place: u64, key: &[u8], written: Millis, op: &Op) {
    let kind = if *op == Op::Remove { REMOVED } else { SET };
    let mut body = alloc::vec![kind];
    body.extend(place.to_le_bytes());
    body.extend(written.to_le_bytes());
    match op {
        Op::Set { value, expires, fresh_until, tags } => {
            for moment in [expires, fresh_until] {
                body.extend(moment.to_le_bytes());
            }
            put(&mut body, key);
            body.extend((tags.len() as u32).to_le_bytes());
            tags.iter().for_each(|tag| put(&mut body, tag));
            put(&mut body, value);
        }
        Op::Remove => put(&mut body, key),
    }
    frame(out, &body);
}

fn note(out: &mut Vec<u8>, kind: u8, name: &[u8]) {
    let mut body = alloc::vec![kind];
    put(&mut body, name);
    frame(out, &body);
}

/// Bytes that are read from their beginning.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn half(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn word(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = self.half()?;
        self.take(length as usize).map(<[u8]>::to_vec)
    }

    fn record(&mut self) -> Option<Record> {
        let length = self.half()?;
        let sum = self.word()?;
        let body = self.take(length as usize)?;
        if rdb::crc64(body) != sum {
            return None;
        }
        Self(body).body()
    }

    fn body(mut self) -> Option<Record> {
        let (kind, rest) = self.0.split_first()?;
        self.0 = rest;
        match *kind {
            SET => {
                let (place, written, expires, fresh_until) = (self.word()?, self.word()?, self.word()?, self.word()?);
                let key = self.bytes()?;
                let count = self.half()?;
                let mut tags = Vec::new();
                for _ in 0..count {
                    tags.push(self.bytes()?);
                }
                Some(Record::Write(place, key, written, Op::Set { value: self.bytes()?, expires, fresh_until, tags }))
            }
            REMOVED => {
                let (place, written) = (self.word()?, self.word()?);
                Some(Record::Write(place, self.bytes()?, written, Op::Remove))
            }
            SETTLED => self.word().map(Record::Settled),
            CLEARED => self.bytes().map(Record::Cleared),
            DONE => self.bytes().map(Record::Done),
            _ => None,
        }
    }
}

/// The log of a journal, as it grows.
#[derive(Default)]
pub(super) struct Log {
    /// Records that no shell took yet.
    fresh: Vec<u8>,
    /// Somebody keeps records, so that there is something to end when the journal is empty.
    kept: bool,
    /// The wall clock less the machine's.
    pub wall: i64,
}

fn shifted(moment: Millis, by: i64) -> Millis {
    if moment == u64::MAX { moment } else { moment.saturating_add_signed(by) }
}

impl Log {
    pub fn wrote(&mut self, key: &[u8], pending: &Pending) {
        let at = |moment| shifted(moment, self.wall);
        let op = match &pending.op {
            Op::Set { value, expires, fresh_until, tags } => {
                Op::Set { value: value.clone(), expires: at(*expires), fresh_until: at(*fresh_until), tags: tags.clone() }
            }
            Op::Remove => Op::Remove,
        };
        write(&mut self.fresh, pending.issued, key, at(pending.written), &op);
    }

    pub fn settled(&mut self, place: u64) {
        let mut body = alloc::vec![SETTLED];
        body.extend(place.to_le_bytes());
        frame(&mut self.fresh, &body);
    }

    pub fn cleared(&mut self, prefix: &[u8]) {
        note(&mut self.fresh, CLEARED, prefix);
    }

    pub fn clear_done(&mut self, prefix: &[u8]) {
        note(&mut self.fresh, DONE, prefix);
    }
}

impl Journal {
    /// What the shell is to do with its copy.
    pub(super) fn take_log(&mut self) -> Option<Action> {
        let empty = self.is_empty();
        let log = self.log.as_mut().filter(|log| !log.fresh.is_empty())?;
        let fresh = core::mem::take(&mut log.fresh);
        if !empty {
            log.kept = true;
            return Some(Action::Log(fresh));
        }
        self.restored_clears.clear();
        core::mem::take(&mut log.kept).then_some(Action::EndLog)
    }
}

impl Machine {
    /// All that waits in the journal, as a log that may take the place of a longer one.
    pub fn log(&mut self) -> Vec<u8> {
        let mut log = Log { wall: self.wall, ..Log::default() };
        for clear in &self.journal.clears {
            log.cleared(&clear.prefix);
        }
        for (key, pending) in self.journal.entries() {
            log.wrote(key, pending);
        }
        log.fresh
    }

    /// Takes up what an earlier process had journaled; before [`Machine::start`], and after [`Machine::set_wall`]. How many writes wait for Redis
    /// now. Writes whose time is over by now are said to be dropped. Whoever keeps the log begins it anew with [`Machine::log`].
    pub fn restore(&mut self, log: &[u8]) -> usize {
        let mut input = Input(log);
        let (mut writes, mut clears) = (BTreeMap::new(), Vec::new());
        while let Some(record) = input.record() {
            match record {
                Record::Write(place, key, written, op) => {
                    writes.insert(place, (key, written, op));
                }
                Record::Settled(place) => {
                    writes.remove(&place);
                }
                Record::Cleared(prefix) => {
                    writes.retain(|_, (key, ..)| !key.starts_with(&prefix));
                    clears.retain(|other| *other != prefix);
                    clears.push(prefix);
                }
                Record::Done(prefix) => clears.retain(|other| *other != prefix),
            }
        }
        self.journal.restored_clears = clears;
        self.clear_restored(0);
        for (key, written, op) in writes.into_values() {
            self.restore_write(key, written, op);
        }
        // The shell begins its copy anew, by `log`.
        if let Some(log) = &mut self.journal.log {
            (log.fresh, log.kept) = (Vec::new(), true);
        }
        self.journal.len()
    }

    fn restore_write(&mut self, key: Vec<u8>, written: Millis, op: Op) {
        let op = match op {
            Op::Set { value, expires, fresh_until, tags } => {
                Op::Set { value, expires: self.off_wall(expires), fresh_until: self.off_wall(fresh_until), tags }
            }
            Op::Remove => Op::Remove,
        };
        if matches!(&op, Op::Set { expires, .. } if *expires <= self.now) {
            return self.drop_journaled(key, Dropped::Expired);
        }
        let (issued, mut dropped) = (self.number(), Vec::new());
        let pending = Pending::new(op, self.off_wall(written), issued, false);
        let fits = self.journal.put(&key, pending, &self.options, &mut dropped);
        for (key, reason) in dropped {
            self.drop_journaled(key, reason);
        }
        if !fits {
            self.drop_journaled(key, Dropped::Overflow);
        }
    }
}

impl Options {
    pub(super) fn new_log(&self) -> Option<Log> {
        self.journal_log.then(Log::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::{Keep, OnDown, State};

    const START: u64 = 1_700_000_000_000;

    fn down(options: Options) -> Machine {
        let mut machine = Machine::new(options, 1, START);
        machine.set_wall(START, START + 5);
        machine.start(START, 0);
        while machine.state_of(0) != State::Down {
            machine.connect_failed(machine.next_due().unwrap(), 0, None);
            machine.tick(machine.next_due().unwrap());
        }
        while machine.take_action().is_some() {}
        machine
    }

    fn logged(machine: &mut Machine) -> Vec<u8> {
        let mut log = Vec::new();
        while let Some(action) = machine.take_action() {
            match action {
                Action::Log(bytes) => log.extend(bytes),
                Action::EndLog => log.clear(),
                _ => {}
            }
        }
        log
    }

    fn written() -> (Machine, Vec<u8>) {
        let mut machine = down(Options { journal_log: true, on_down: OnDown::Journal, ..Options::default() });
        let now = machine.now;
        let keep = Keep { ttl: Some(60_000), tags: alloc::vec![b"t".to_vec()], ..Keep::default() };
        machine.set(now, 1, b"a", b"old".to_vec(), Keep::default());
        machine.set(now, 2, b"a", b"new".to_vec(), keep);
        machine.set(now, 3, b"gone", b"".to_vec(), Keep::default());
        machine.delete(now, 4, b"gone");
        machine.set(now, 5, b"ns:x", b"1".to_vec(), Keep::default());
        machine.clear(now, 6, b"ns:");
        let log = logged(&mut machine);
        (machine, log)
    }

    fn restored(log: &[u8], later: Millis) -> Machine {
        let mut machine = Machine::new(Options { journal_log: true, ..Options::default() }, 2, START + later);
        machine.set_wall(START + later, START + later + 5);
        machine.restore(log);
        machine
    }

    #[test]
    fn what_waited_waits_again() {
        let (mut machine, log) = written();
        let mut after = restored(&log, 1000);
        let of = |machine: &Machine, key: &[u8]| machine.journal.get(key).map(|pending| pending.op.clone());
        assert_eq!(of(&after, b"a"), of(&machine, b"a"));
        assert_eq!((of(&after, b"gone"), of(&after, b"ns:x")), (Some(Op::Remove), None));
        assert_eq!(after.journal.clears.iter().map(|clear| &clear.prefix[..]).collect::<Vec<_>>(), [b"ns:"]);
        // Written anew it is no longer than it must be, and says the same.
        let short = machine.log();
        assert!(short.len() < log.len());
        let mut again = restored(&short, 1000);
        assert_eq!(again.log(), after.log());
    }

    #[test]
    fn what_is_over_is_dropped_and_said() {
        let (_, log) = written();
        let mut after = restored(&log, 100_000);
        assert_eq!(after.journal.get(b"a").map(|pending| pending.written), None);
        let told = core::iter::from_fn(|| after.take_action());
        let dropped = Action::Tell(crate::tier::Notice::JournalDropped { key: b"a".to_vec(), reason: Dropped::Expired });
        assert!(told.into_iter().any(|action| action == dropped));
    }

    #[test]
    fn a_torn_log_is_read_as_far_as_it_goes() {
        let (_, log) = written();
        let all = restored(&log, 0).journal.len();
        for cut in 0..log.len() {
            let mut machine = Machine::new(Options::default(), 3, START);
            assert!(machine.restore(log.get(..cut).unwrap()) <= all + 1);
            let mut broken = log.clone();
            if let Some(byte) = broken.get_mut(cut) {
                *byte ^= 0x10;
            }
            let mut machine = Machine::new(Options::default(), 3, START);
            machine.restore(&broken);
            // No record that was changed is believed.
            assert!(machine.journal.entries().all(|(key, _)| [&b"a"[..], b"gone", b"ns:x"].contains(&key)));
        }
    }
}
