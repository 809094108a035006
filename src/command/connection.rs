//! Connection: PING, HELLO, AUTH, SELECT, CLIENT.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::args::args;
use super::reply::{Either, Reply, Simple};
use super::rows;
use crate::call::Call;
use crate::error::Result;

rows! {
    pub(super) static ROWS: Connection = [
        { "ping", ping as Ping, since: "1.0.0", cost: "O(1)", flags: [FAST], reply: Any,
          "Answers PONG, or the message given." },
    ]
}

args! { Ping<'a> { message: Option<&'a [u8]> } }

pub fn ping<'a>(_: &mut Call<'_>, args: Ping<'a>) -> Result<impl Reply + use<'a>> {
    Ok(match args.message {
        Some(message) => Either::A(message),
        None => Either::B(Simple("PONG")),
    })
}
