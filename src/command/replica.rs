//! Replicas: SYNC, PSYNC and REPLCONF, by which another server gets a snapshot and from then on every change. Following a master is not built.

use super::args::is_token;
use super::reply::{Either, Ok as Okay, Reply};
use super::rows;
use super::standalone::Anything;
use crate::call::Call;
use crate::effects::{decimal, next_ping};
use crate::error::{ReplyError, Result};
use crate::number;
use crate::resp::write::Writer;
use crate::session::Replica;
use crate::snapshot;

rows! {
    pub(super) static ROWS: Server = [
        { "psync", psync as Anything, since: "2.8.0", cost: "O(N), N keys", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI, ABSENT],
          reply: Any, arity: -3, "Makes the client a replica: a snapshot, and then every change. Always a whole snapshot." },
        { "replconf", replconf as Anything, since: "3.0.0", cost: "O(1)", flags: [ADMIN, NOSCRIPT, LOADING, STALE, ALLOW_BUSY, ABSENT],
          reply: Any, arity: -1, "What replicas say of themselves." },
        { "sync", sync as Anything, since: "1.0.0", cost: "O(N), N keys", flags: [ADMIN, NOSCRIPT, NO_ASYNC_LOADING, NO_MULTI, ABSENT],
          reply: Any, arity: 1, "Makes the client a replica: a snapshot, and then every change." },
    ]
}

/// What comes is no reply, or none comes.
pub struct Nothing;

impl Reply for Nothing {
    fn write(self, _: &mut Writer<'_>) {}
}

pub fn sync(call: &mut Call<'_>, _: Anything<'_>) -> Result<Nothing> {
    adopt(call, false)
}

pub fn psync(call: &mut Call<'_>, _: Anything<'_>) -> Result<Nothing> {
    adopt(call, true)
}

/// Gives the session a snapshot and makes it a replica.
fn adopt(call: &mut Call<'_>, asked_for_part: bool) -> Result<Nothing> {
    if !cfg!(feature = "server") || !call.server.host.as_ref().is_some_and(|host| host.serves_replicas()) {
        return Err(ReplyError::err("Replication is not supported here"));
    }
    if call.session.replica.as_ref().is_some_and(|replica| replica.online) {
        return Ok(Nothing);
    }
    let snapshot = snapshot::save(call.keys)?;
    let out = &mut call.session.outbox;
    if asked_for_part {
        let offset = call.server.effects.offset();
        out.extend_from_slice(b"+FULLRESYNC ");
        out.extend_from_slice(call.server.run_id().as_bytes());
        out.push(b' ');
        out.extend_from_slice(&decimal(offset));
        out.extend_from_slice(b"\r\n");
    }
    out.push(b'$');
    out.extend_from_slice(&decimal(snapshot.len() as u64));
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&snapshot);
    let now = call.now();
    let replica = call.session.replica.get_or_insert_default();
    (replica.online, replica.acknowledged_at) = (true, now);
    let next_ping = next_ping(call.config(), now);
    call.server.effects.begin(call.session.id, next_ping);
    call.keys.note_losses(true);
    Ok(Nothing)
}

/// `REPLCONF option value …`. What a replica has of the stream (ACK) is not answered.
pub fn replconf(call: &mut Call<'_>, args: Anything<'_>) -> Result<Either<Okay, Nothing>> {
    let (pairs, odd) = args.0.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(ReplyError::SYNTAX);
    }
    let now = call.now();
    for [option, value] in pairs {
        if is_token(option, "LISTENING-PORT") {
            let port = number::parse_i64(value).and_then(|port| u16::try_from(port).ok());
            let port = port.ok_or(ReplyError::NOT_INTEGER)?;
            call.session.replica.get_or_insert_default().port = port;
        } else if is_token(option, "ACK") {
            if let (Some(replica), Some(offset)) = (&mut call.session.replica, number::parse_u64(value)) {
                (replica.acknowledged, replica.acknowledged_at) = (offset, now);
            }
            return Ok(Either::B(Nothing));
        } else if !["CAPA", "IP-ADDRESS", "GETACK", "RDB-ONLY", "RDB-FILTER-ONLY", "VERSION"]
            .iter()
            .any(|known| is_token(option, known))
        {
            return Err(ReplyError::bytes(&[b"ERR Unrecognized REPLCONF option: ", option]));
        }
    }
    Ok(Either::A(Okay))
}

impl Replica {
    /// Whole seconds since it told how far it is.
    pub fn lag_seconds(&self, now: u64) -> u64 {
        now.saturating_sub(self.acknowledged_at).wrapping_div(1000)
    }
}
