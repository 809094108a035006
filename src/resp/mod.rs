//! RESP, Redis's protocol: requests in, replies out. Only `write` knows RESP2 from RESP3.

pub mod parse;
pub mod read;
pub mod write;

/// What a session speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}
