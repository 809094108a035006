//! The differential fuzzer: the same random commands to the engine and to a real redis-server, replies compared to the byte.
//!
//! `CACHETTE_FUZZ_COMMANDS` says how many (200,000), `CACHETTE_FUZZ_SEED` from which seed (a number, or `random`), `CACHETTE_FUZZ_KEEP_GOING=1` collects
//! several differences instead of stopping at the first. What may differ stands in `support/compare.rs`, each with its reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use support::compare::{Difference, Duel, Op, minimise};
use support::engine::InProcess;
use support::grammar::Grammar;
use support::scenario::as_scenario;
use support::target::{Server, Target};
use support::words::line;

/// Commands between two fresh starts.
const EPISODE: usize = 1500;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| match text.as_str() {
        "random" => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 >> 10,
        number => number.replace('_', "").parse().unwrap_or_else(|_| panic!("{name} wants a number or `random`, not {number}")),
    })
}

/// Three clients take turns, each for a while.
fn episode(seed: u64, knows: &mut dyn FnMut(&[Vec<u8>]) -> bool) -> Vec<Op> {
    let mut grammar = Grammar::new(seed);
    let mut client = 0;
    let mut left = 0;
    let mut ops = Vec::new();
    while ops.len() < EPISODE {
        if left == 0 {
            client = grammar.rng().below(3);
            left = 1 + grammar.rng().below(60);
        }
        left -= 1;
        let argv = grammar.command();
        if knows(&argv) {
            ops.push(Op { client, argv });
        }
    }
    ops
}

fn fuzz(reference: &mut dyn Target, tested: &mut dyn Target, commands: usize, seed: u64) -> Vec<String> {
    let keep_going = std::env::var_os("CACHETTE_FUZZ_KEEP_GOING").is_some();
    let started = std::time::Instant::now();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut number = 0;
    let mut duel = Duel { reference, tested, compared: 0, errors: 0 };
    while duel.compared < commands {
        let seed = seed.wrapping_add(number);
        number += 1;
        let ops = {
            let tested = &mut *duel.tested;
            episode(seed, &mut |argv| tested.knows(argv))
        };
        let Some(difference) = duel.play(&ops) else { continue };
        if found.contains_key(&difference.command) {
            continue;
        }
        let (compared, errors) = (duel.compared, duel.errors);
        let report = explain(&mut duel, &ops, &difference, seed);
        (duel.compared, duel.errors) = (compared, errors);
        println!("{report}");
        found.insert(difference.command, report);
        if !keep_going {
            break;
        }
    }
    println!(
        "{} and {}: {} replies compared in {:.1} s ({} of them errors), {number} episodes from seed {seed}, {} differences",
        duel.reference.name(),
        duel.tested.name(),
        duel.compared,
        started.elapsed().as_secs_f64(),
        duel.errors,
        found.len()
    );
    found.into_values().collect()
}

/// A difference with the shortest log that still shows it.
fn explain(duel: &mut Duel, ops: &[Op], difference: &Difference, seed: u64) -> String {
    let cut = &ops[..(difference.at + 1).min(ops.len())];
    let mut last = None;
    let small = minimise(cut, |ops| match duel.play(ops) {
        Some(other) if other.command == difference.command => {
            last = Some(other);
            true
        }
        _ => false,
    });
    let shown = last.as_ref().unwrap_or(difference);
    let log: String = small.iter().map(|op| format!("  {}> {}\n", op.client, line(&op.argv))).collect();
    let client = |op: &Op| if op.client == 0 { "main".to_string() } else { format!("c{}", op.client) };
    let commands: Vec<_> = small.iter().map(|op| (client(op), op.argv.clone())).collect();
    format!(
        "difference in {} (seed {seed}, command {} of its episode)\n  {}\nreplay, {} commands:\n{log}as a scenario:\n{}",
        difference.command,
        difference.at,
        shown.why,
        small.len(),
        as_scenario(&format!("{} as redis-server has it", difference.command), &commands)
    )
}

/// Two real servers must agree: what they do not agree on is missing in the allow-list.
#[test]
fn redis_server_agrees_with_itself() {
    let (Some(mut a), Some(mut b)) = (Server::redis(), Server::redis()) else { return };
    let found = fuzz(&mut a, &mut b, 20_000, setting("CACHETTE_FUZZ_SEED").unwrap_or(1));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_engine_agrees_with_redis_server() {
    let Some(mut redis) = Server::redis() else { return };
    let mut engine = InProcess::new(42);
    let commands = setting("CACHETTE_FUZZ_COMMANDS").unwrap_or(200_000) as usize;
    let found = fuzz(&mut redis, &mut engine, commands, setting("CACHETTE_FUZZ_SEED").unwrap_or(20_260_101));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Through the server's sockets: pipelines are cut where the operating system likes.
#[cfg(feature = "server")]
#[test]
fn cachette_server_agrees_with_redis_server() {
    let Some(mut redis) = Server::redis() else { return };
    let mut server = Server::cachette();
    let found = fuzz(&mut redis, &mut server, 50_000, setting("CACHETTE_FUZZ_SEED").unwrap_or(7));
    assert!(found.is_empty(), "{}", found.join("\n"));
}
