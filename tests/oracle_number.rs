//! Numbers against a real redis-server: what it takes, what it refuses, and what it prints.

#![allow(clippy::unwrap_used)]

mod oracle;

use cachette::number::{
    F64_LEN, LongDouble, parse_bound, parse_cursor, parse_f64, parse_i64, parse_memory, write_f64, write_i64,
};
use oracle::{Oracle, Random, Reply};

const ROUNDS: usize = 30_000;

/// A text that is a number, or nearly one.
fn number_text(random: &mut Random) -> Vec<u8> {
    match random.below(10) {
        0 => random.text(b"0123456789.eE+-xXpPinfatyNAaF \t\0", 0..9),
        1 => random.text(b"0019.e-+", 1..8),
        2 => [b"0x".to_vec(), random.text(b"0123456789abcdefF.p+-", 1..24)].concat(),
        3 => {
            let words: [&[u8]; 8] = [b"inf", b"-inf", b"+Infinity", b"nan", b"-0", b"0", b"infinit", b"-NaN(1)"];
            random.pick(&words).to_vec()
        }
        4 => format!("{}", f64::from_bits(random.next())).into_bytes(),
        5 => format!("{:e}", f64::from_bits(random.next())).into_bytes(),
        6 => format!("{}", (random.next() >> random.below(64)) as i64).into_bytes(),
        7 => format!("{}.{}", random.next() as i32, random.below(10_000)).into_bytes(),
        8 => [random.text(b"0123456789", 1..40), b".".to_vec(), random.text(b"0123456789", 1..40)].concat(),
        _ => {
            let mut text = random.text(b"0123456789", 1..30);
            let exponent = random.below(700) as i64 - 350;
            let scale = random.pick(&[1, 1, 15]);
            text.extend_from_slice(format!("e{}", exponent * scale).as_bytes());
            text
        }
    }
}

fn printed(value: f64) -> Vec<u8> {
    write_f64(value, &mut [0; F64_LEN]).to_vec()
}

fn show(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

fn scores(protocol: &[u8]) {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    redis.ask(&[b"HELLO", protocol]);
    let texts: Vec<_> = (0..ROUNDS).map(|_| number_text(&mut random)).collect();
    for text in &texts {
        redis.push(&[b"DEL", b"z"]);
        redis.push(&[b"ZINCRBY", b"z", text, b"m"]);
    }
    for (text, replies) in texts.iter().zip(redis.flush().chunks(2)) {
        let theirs = match &replies[1] {
            Reply::Text(text) => Some(show(text)),
            _ => None,
        };
        let ours = parse_f64(text).map(|value| show(&printed(value)));
        assert_eq!(ours, theirs, "{}", show(text));
    }
}

#[test]
fn scores_are_read_and_printed_alike() {
    scores(b"2");
}

#[test]
fn scores_are_printed_alike_in_resp3() {
    scores(b"3");
}

#[test]
fn ends_of_score_ranges_are_read_alike() {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    let mut texts: Vec<_> = (0..ROUNDS / 3).map(|_| number_text(&mut random)).collect();
    texts.extend([&b""[..], b" ", b" 1", b"\x0b1", b"1\0", b"\0", b" \0", b"1 ", b"\r\n-5", b"+ 1"].map(<[u8]>::to_vec));
    for text in &texts {
        let end = parse_bound(text);
        redis.push(&[b"DEL", b"z"]);
        redis.push(&[b"ZADD", b"z", &printed(end.unwrap_or(0.0)), b"m"]);
        redis.push(&[b"ZCOUNT", b"z", text, text]);
    }
    for (text, replies) in texts.iter().zip(redis.flush().chunks(3)) {
        // In a range, the bracket means that the end is left out.
        if text.starts_with(b"(") {
            continue;
        }
        match parse_bound(text) {
            Some(_) => assert_eq!(replies[2], Reply::Integer(1), "{}", show(text)),
            None => assert!(replies[2].is_error(), "{}", show(text)),
        }
    }
}

#[test]
fn long_doubles_are_read_added_and_printed_alike() {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    let mut pairs: Vec<_> = (0..ROUNDS).map(|_| (number_text(&mut random), number_text(&mut random))).collect();
    for (a, b) in [
        ("-0", "0"),
        ("-0", "-0"),
        ("1e-18", "-2e-18"),
        ("5e-18", "0"),
        ("-4e-18", "0"),
        ("0.000000000000000005", "0"),
        ("1e4932", "1e4932"),
        ("-1.18e4932", "-1e4931"),
        ("1e4933", "0"),
        ("4e-4951", "0"),
        ("1e-4951", "1e-4951"),
        ("1e-4952", "0"),
        ("inf", "1"),
        ("0", "inf"),
        ("inf", "-inf"),
        ("nan", "1"),
        ("18446744073709551616", "1"),
        ("18446744073709551616", "3"),
        ("18446744073709551615.5", "0"),
        ("0.5", "18446744073709551615"),
        ("9223372036854775807", "0.5"),
        ("-9223372036854775808", "0.5"),
    ] {
        pairs.push((a.into(), b.into()));
    }
    for n in [4931, 4932, 4933, 5000, 5119, 5120] {
        pairs.push((b"9".repeat(n), b"1".to_vec()));
        pairs.push(([b"0.".to_vec(), b"0".repeat(n - 3), b"1".to_vec()].concat(), b"1".to_vec()));
        pairs.push(([b"0.".to_vec(), b"0".repeat(n - 2), b"1".to_vec()].concat(), b"1".to_vec()));
    }
    // Near halves: sums of numbers whose exponents lie about 64 apart.
    for _ in 0..ROUNDS {
        let a = u128::from(random.next()) << random.below(64);
        let b = random.next() >> random.below(64);
        let sign = random.pick(&["", "-"]);
        let decimals = random.pick(&["", ".5", ".25", ".0000000000000001"]);
        pairs.push((a.to_string().into_bytes(), format!("{sign}{b}{decimals}").into_bytes()));
    }
    for (a, b) in &pairs {
        redis.push(&[b"SET", b"f", a]);
        redis.push(&[b"INCRBYFLOAT", b"f", b]);
    }
    for ((a, b), replies) in pairs.iter().zip(redis.flush().chunks(2)) {
        let theirs = match &replies[1] {
            Reply::Text(text) => Some(show(text)),
            _ => None,
        };
        let sum = LongDouble::parse(a).and_then(|a| a.checked_add(LongDouble::parse(b)?));
        let ours = sum.map(|sum| {
            let mut out = Vec::new();
            sum.write(&mut out);
            show(&out)
        });
        assert_eq!(ours, theirs, "{} + {}", show(a), show(b));
    }
}

#[test]
fn integers_are_read_alike() {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    let mut texts: Vec<_> = (0..ROUNDS)
        .map(|_| match random.below(3) {
            0 => random.text(b"-+ 0129\0", 0..5),
            1 => random.text(b"0123456789", 1..25),
            _ => ((random.next() >> random.below(64)) as i64).to_string().into_bytes(),
        })
        .collect();
    texts.extend(["9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"].map(Vec::from));
    for text in &texts {
        redis.push(&[b"SET", b"n", text]);
        redis.push(&[b"INCRBY", b"n", b"0"]);
        redis.push(&[b"SCAN", text, b"COUNT", b"1"]);
    }
    for (text, replies) in texts.iter().zip(redis.flush().chunks(3)) {
        match parse_i64(text) {
            Some(n) => {
                assert_eq!(replies[1], Reply::Integer(n), "{}", show(text));
                assert_eq!(write_i64(n, &mut [0; 20]), text);
            }
            None => assert!(replies[1].is_error(), "{}", show(text)),
        }
        // The server reads a cursor up to the first zero byte; we refuse what comes behind.
        if !text.contains(&0) {
            assert_eq!(parse_cursor(text).is_some(), !replies[2].is_error(), "cursor {}", show(text));
        }
    }
}

#[test]
fn sizes_are_read_alike() {
    let Some(mut redis) = Oracle::start() else { return };
    let mut random = Random::new();
    let texts: Vec<_> = (0..2000).map(|_| random.text(b"0123kKmMgGbBt-. ", 0..7)).collect();
    for text in &texts {
        redis.push(&[b"CONFIG", b"SET", b"hll-sparse-max-bytes", text]);
        redis.push(&[b"CONFIG", b"GET", b"hll-sparse-max-bytes"]);
    }
    for (text, replies) in texts.iter().zip(redis.flush().chunks(2)) {
        let theirs = match (&replies[0], &replies[1]) {
            (Reply::Error(_), _) => None,
            (_, Reply::Array(pair)) => match &pair[1] {
                Reply::Text(bytes) => parse_i64(bytes),
                _ => None,
            },
            _ => None,
        };
        assert_eq!(parse_memory(text).map(|n| n as i64), theirs, "{}", show(text));
    }
}
