//! HyperLogLogs against a real redis-server: the same bytes after the same commands, whole sketches and corrupt ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::compare::{Duel, Op};
use support::engine::InProcess;
use support::rng::Rng;
use support::target::Server;
use support::words::line;

const EPISODES: u64 = 60;
const COMMANDS: usize = 150;

fn words(text: &str) -> Vec<Vec<u8>> {
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn key(rng: &mut Rng) -> String {
    format!("k{}", rng.below(4))
}

/// A string that begins as a sketch does and goes on in runs, of which some are wrong.
fn hostile(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = b"HYLL".to_vec();
    bytes.push(*rng.pick(&[1, 1, 1, 1, 1, 0, 2]));
    bytes.extend([0, 0, 0]);
    bytes.extend((0..7).map(|_| rng.next() as u8));
    bytes.push(*rng.pick(&[0x80, 0x80, 0x80, 0]));
    let mut left = 16384;
    while left > 0 && rng.below(40) > 0 {
        let byte = rng.next() as u8;
        let len = match byte >> 6 {
            0 => (usize::from(byte & 63) + 1).min(left),
            1 => rng.below(left) + 1,
            _ => (usize::from(byte & 3) + 1).min(left),
        };
        match byte >> 6 {
            0 => bytes.push((len - 1) as u8),
            1 => bytes.extend([0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]),
            _ => bytes.push(byte & 0xfc | (len - 1) as u8),
        }
        left -= len;
    }
    match rng.below(6) {
        0 => bytes.extend((0..rng.below(5)).map(|_| rng.next() as u8)),
        1 => bytes.truncate(bytes.len() - 1),
        2 => bytes.resize(12304, rng.next() as u8),
        3 => {
            let at = rng.below(bytes.len());
            bytes[at] = rng.next() as u8;
        }
        _ => {}
    }
    bytes
}

fn command(rng: &mut Rng) -> Vec<Vec<u8>> {
    match rng.below(20) {
        0..=7 => {
            let mut argv = words(&format!("PFADD {}", key(rng)));
            let most = *rng.pick(&[2, 10, 300]);
            argv.extend((0..rng.below(most)).map(|_| rng.below(100_000).to_string().into_bytes()));
            argv
        }
        8 | 9 => words(&format!("PFCOUNT {}", key(rng))),
        10 => words(&format!("PFCOUNT {} {} {}", key(rng), key(rng), key(rng))),
        11 | 12 => words(&format!("PFMERGE {} {} {}", key(rng), key(rng), key(rng))),
        13 => words(&format!("CONFIG SET hll-sparse-max-bytes {}", rng.pick(&[0, 20, 100, 3000, 3000, 3000, 20000]))),
        14 => words(&format!("PFDEBUG {} {}", rng.pick(&["DECODE", "ENCODING", "TODENSE", "GETREG"]), key(rng))),
        15 => [words(&format!("SET {}", key(rng))), vec![hostile(rng)]].concat(),
        16 => words(&format!("DEL {}", key(rng))),
        17 => words(&format!("OBJECT ENCODING {}", key(rng))),
        _ => words(&format!("GET {}", key(rng))),
    }
}

#[test]
fn sketches_are_byte_for_byte_those_of_redis_server() {
    let Some(mut redis) = Server::redis() else { return };
    let mut engine = InProcess::new(42);
    let mut duel = Duel { reference: &mut redis, tested: &mut engine, compared: 0, errors: 0 };
    for seed in 0..EPISODES {
        let mut rng = Rng::new(seed);
        let ops: Vec<Op> = (0..COMMANDS).map(|_| Op { client: 0, argv: command(&mut rng) }).collect();
        if let Some(difference) = duel.play(&ops) {
            let shown: Vec<String> = ops.iter().take(difference.at + 1).map(|op| line(&op.argv)).collect();
            let from = shown.len().saturating_sub(30);
            panic!("seed {seed}, {}: {}\n{}", difference.command, difference.why, shown[from..].join("\n"));
        }
    }
    println!("{} replies compared, {} of them errors", duel.compared, duel.errors);
}
