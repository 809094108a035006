//! Glob matching against a real redis-server: random patterns over a small alphabet.

#![allow(clippy::unwrap_used)]

mod oracle;

use cachette::glob;
use oracle::{Oracle, Random};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn keys_lists_what_matches() {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    let mut texts = BTreeSet::from([Vec::new()]);
    while texts.len() < 400 {
        texts.insert(random.text(b"abB]-\\^", 0..6));
    }
    for text in &texts {
        redis.push(&[b"SET", text, b"1"]);
    }
    redis.flush();
    let patterns: Vec<_> = (0..4000).map(|_| random.text(b"aabB**?[[]]^-\\", 1..11)).filter(|p| p != b"*").collect();
    for pattern in &patterns {
        redis.push(&[b"KEYS", pattern]);
    }
    for (pattern, reply) in patterns.iter().zip(redis.flush()) {
        let listed: BTreeSet<Vec<u8>> = reply.array().into_iter().map(|key| key.text()).collect();
        let ours: BTreeSet<Vec<u8>> = texts.iter().filter(|text| glob::matches(pattern, text, false)).cloned().collect();
        assert_eq!(ours, listed, "pattern {:?}", String::from_utf8_lossy(pattern));
    }
}

#[test]
fn case_is_folded_as_function_list_does() {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    // Names of libraries differ by more than their case.
    let mut names = BTreeMap::new();
    while names.len() < 100 {
        let name = random.text(b"aAbBzZ_", 1..5);
        names.insert(name.to_ascii_lowercase(), name);
    }
    let names: BTreeSet<Vec<u8>> = names.into_values().collect();
    for name in &names {
        let name = String::from_utf8(name.clone()).unwrap();
        let code = format!("#!lua name={name}\nredis.register_function('f_{name}', function() return 1 end)");
        assert_eq!(redis.ask(&[b"FUNCTION", b"LOAD", code.as_bytes()]).text(), name.as_bytes());
    }
    let patterns: Vec<_> = (0..2000).map(|_| random.text(b"aAbBzZ_**?[[]]^-\\", 1..9)).collect();
    for pattern in &patterns {
        redis.push(&[b"FUNCTION", b"LIST", b"LIBRARYNAME", pattern]);
    }
    for (pattern, reply) in patterns.iter().zip(redis.flush()) {
        let listed: BTreeSet<Vec<u8>> = reply.array().into_iter().map(|row| row.array().swap_remove(1).text()).collect();
        let ours: BTreeSet<Vec<u8>> = names.iter().filter(|name| glob::matches(pattern, name, true)).cloned().collect();
        assert_eq!(ours, listed, "pattern {:?}", String::from_utf8_lossy(pattern));
    }
}
