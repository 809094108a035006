//! Commands made of the rows' own names and a small dictionary: deep into handlers, with state that stays.
#![no_main]

use cachette::command;
use cachette::engine::{Engine, Options};
use cachette::session::Peer;
use libfuzzer_sys::fuzz_target;

const WORDS: [&[u8]; 40] = [
    b"a", b"b", b"c", b"0", b"1", b"-1", b"2", b"3", b"10", b"9223372036854775807", b"-9223372036854775808", b"1.5", b"inf", b"-inf", b"(1", b"[a", b"+", b"-",
    b"*", b"a*", b"", b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR", b"GET", b"EX", b"PX", b"KEEPTTL", b"COUNT", b"MATCH", b"LIMIT", b"WITHSCORES", b"WEIGHTS",
    b"AGGREGATE", b"LEFT", b"RIGHT", b"\x00\xff",
];

fuzz_target!(|input: &[u8]| {
    let names: Vec<&str> = command::all().map(|row| row.name).collect();
    let mut engine = Engine::new(Options { seed: 1, ..Options::default() });
    engine.keys.set_ceiling(64 << 20);
    let mut now = 1_700_000_000_000;
    let session = engine.open(Peer::default(), now);
    let mut bytes = input.iter().copied();
    while let (Some(name), Some(count)) = (bytes.next(), bytes.next()) {
        let mut words = vec![names[usize::from(name) % names.len()].as_bytes()];
        for word in bytes.by_ref().take(usize::from(count % 8)) {
            words.push(WORDS[usize::from(word) % WORDS.len()]);
        }
        now += u64::from(count / 8);
        let mut out = Vec::new();
        engine.command(session, &words, now, &mut out);
        while engine.take_event().is_some() {}
        engine.tick(now, 10);
    }
    assert_eq!(engine.keys.used_memory(), engine.keys.audit());
});
