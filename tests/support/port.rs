//! Ports for the servers that tests start.
//!
//! Binding port 0 and letting it go again would not do: tests that start servers at the same time may be given the same port, and the system may hand it to
//! an outgoing connection meanwhile.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what systems hand out by themselves.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

/// A port of the loopback that nobody listens on and that this process was not given before. Processes begin at different ones.
pub fn free() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
    loop {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        assert!(taken < COUNT, "no free port below {}", FIRST + COUNT);
        let port = FIRST + (start + taken) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
