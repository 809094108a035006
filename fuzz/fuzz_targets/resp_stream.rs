//! Bytes as a client sends them: however they are cut, the answers are the same, and the books stay right.
#![no_main]

use cachette::engine::{Engine, Options};
use cachette::session::Peer;
use libfuzzer_sys::fuzz_target;

fn converse(input: &[u8], piece: usize) -> Vec<u8> {
    let mut engine = Engine::new(Options { seed: 1, ..Options::default() });
    engine.keys.set_ceiling(64 << 20);
    let session = engine.open(Peer::default(), 1_700_000_000_000);
    let (mut pending, mut out) = (Vec::new(), Vec::new());
    for bytes in input.chunks(piece) {
        pending.extend_from_slice(bytes);
        while engine.take_event().is_some() {}
        match engine.execute(session, &pending, 1_700_000_000_000, &mut out) {
            Ok(consumed) => drop(pending.drain(..consumed)),
            Err(_) => break,
        }
    }
    assert_eq!(engine.keys.used_memory(), engine.keys.audit());
    out
}

fuzz_target!(|input: &[u8]| {
    let Some((&cut, input)) = input.split_first() else { return };
    // The clock stands still and the seed is fixed, so that only the cutting differs.
    assert_eq!(converse(input, input.len().max(1)), converse(input, usize::from(cut) + 1));
});
