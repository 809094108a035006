//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use super::args::key_flags::*;
use super::args::{Key, Many, NoArgs, args};
use super::reply::{Either, MaybeArray, Ok as Okay, Reply, With};
use super::rows;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::resp::write::Writer;
use crate::session::Queue;
use alloc::vec::Vec;

rows! {
    pub(super) static ROWS: Transactions = [
        { "multi", multi as NoArgs, since: "1.2.0", cost: "O(1)",
          flags: [NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, RUNS_IN_MULTI], reply: Ok,
          "Begins a transaction: what follows is queued until EXEC." },
        { "exec", exec as NoArgs, since: "1.2.0", cost: "That of the queued commands",
          flags: [NOSCRIPT, LOADING, STALE, SKIP_SLOWLOG, RUNS_IN_MULTI, ENDS_TRANSACTION], reply: Any,
          "Runs the queued commands as one, unless a watched key changed." },
        { "discard", discard as NoArgs, since: "2.0.0", cost: "O(N), N queued commands",
          flags: [NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, RUNS_IN_MULTI], reply: Ok,
          "Forgets the queued commands and ends the transaction." },
        { "watch", watch as Watch, since: "2.2.0", cost: "O(1) a key",
          flags: [NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, RUNS_IN_MULTI], reply: Ok,
          "Makes the next EXEC depend on these keys staying as they are." },
        { "unwatch", unwatch as NoArgs, since: "2.2.0", cost: "O(1)", flags: [NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY], reply: Ok,
          "Forgets all watched keys." },
    ]
}

pub fn multi(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    if call.session.queue.is_some() {
        return Err(ReplyError::NESTED_MULTI);
    }
    call.session.queue = Some(Queue::default());
    Ok(Okay)
}

pub fn discard(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    call.session.queue.take().ok_or(ReplyError::DISCARD_WITHOUT_MULTI)?;
    forget_watches(call);
    Ok(Okay)
}

pub fn exec<'c, 'e>(call: &'c mut Call<'e>, _: NoArgs) -> Result<impl Reply + use<'c, 'e>> {
    let queue = call.session.queue.take().ok_or(ReplyError::EXEC_WITHOUT_MULTI)?;
    let lost = call.session.watch_lost || any_watched_expired(call);
    forget_watches(call);
    if queue.broken {
        return Err(ReplyError::EXEC_ABORT);
    }
    if lost {
        return Ok(Either::A(MaybeArray::<i64>(None)));
    }
    Ok(Either::B(With(move |writer: &mut Writer<'_>| run_queued(call, queue, writer))))
}

fn run_queued(call: &mut Call<'_>, queue: Queue, writer: &mut Writer<'_>) {
    writer.array(queue.commands.len());
    call.session.executing = Some(queue.commands.len());
    for command in &queue.commands {
        let argv: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
        call.keys.select(call.session.db);
        match call.server.registry.resolve(&argv) {
            Ok((row, words)) => {
                if let Err(denied) = super::acl::check(call.server, call.session, call.keys.now(), row, &argv) {
                    let error = ReplyError::no_permission_any_more(denied);
                    call.server.stats.failed(row, &error);
                    writer.error(&error);
                    continue;
                }
                super::run(call, row, &argv, words, writer);
            }
            Err(error) => writer.error(&error),
        }
        writer.protocol = call.session.protocol;
    }
    call.session.executing = None;
}

/// A key that expired after WATCH and that nobody met yet has changed all the same.
fn any_watched_expired(call: &mut Call<'_>) -> bool {
    for (db, key) in &call.session.watched {
        call.keys.within(*db, |keys| keys.contains(key));
    }
    call.keys.take_dirtied().contains(&call.session.id)
}

args! { Watch<'a> { keys: Many<'a, Key<'a, RO>> } }

pub fn watch(call: &mut Call<'_>, args: Watch<'_>) -> Result<Okay> {
    if call.session.queue.is_some() {
        return Err(ReplyError::WATCH_IN_MULTI);
    }
    let db = call.keys.selected();
    for key in args.keys.words() {
        // Met while it is not watched yet, so that a key expired before WATCH counts as missing.
        call.keys.contains(key);
        call.keys.watch(key, call.session.id);
        if !call.session.watched.iter().any(|(watched_db, watched)| *watched_db == db && watched == key) {
            call.session.watched.push((db, key.to_vec()));
        }
    }
    Ok(Okay)
}

pub fn unwatch(call: &mut Call<'_>, _: NoArgs) -> Result<Okay> {
    forget_watches(call);
    Ok(Okay)
}

/// Ends all watches of the session.
pub(super) fn forget_watches(call: &mut Call<'_>) {
    call.keys.unwatch_all(call.session);
}
