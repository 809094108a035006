//! What the engine says of its commands is what redis-server says: arity, flags, key positions, key specifications, ACL categories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use support::engine::InProcess;
use support::notation::show;
use support::resp::Value;
use support::target::{Server, Target};

/// Command, field, and why the two differ.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("zrank", "arity", "WITHSCORE is of Redis 7.2"),
    ("zrevrank", "arity", "WITHSCORE is of Redis 7.2"),
    ("migrate", "key specs", "Redis looks for KEYS from the last word but one back, ours from where options begin"),
    ("sort", "key specs", "Redis calls the keys of BY, GET and STORE unknown; ours names the one of STORE by its keyword"),
    ("sort_ro", "key specs", "Redis calls the keys of BY and GET unknown; ours says that there may be more keys"),
];

/// Whether a row says that Redis 7.0 does not have the command.
fn is_newer(command: &str) -> bool {
    cachette::command::every().any(|row| {
        row.name == command && !["1.", "2.", "3.", "4.", "5.", "6.", "7.0."].iter().any(|old| row.since.starts_with(old))
    })
}

/// The fields of one entry of `COMMAND INFO` in a form that can be compared.
fn fields(entry: &Value) -> Vec<(&'static str, String)> {
    let items = entry.items();
    let set = |value: &Value| {
        let words: BTreeSet<String> = value.items().iter().map(|v| String::from_utf8(v.text().unwrap()).unwrap()).collect();
        words.into_iter().collect::<Vec<_>>().join(" ")
    };
    let specs: Vec<String> = items[8].items().iter().map(spec).collect();
    vec![
        ("arity", show(&items[1])),
        ("flags", set(&items[2])),
        ("first key", show(&items[3])),
        ("last key", show(&items[4])),
        ("step", show(&items[5])),
        ("acl categories", set(&items[6])),
        ("key specs", specs.join(" ; ")),
    ]
}

/// A key specification without its remarks, flags in a fixed order.
fn spec(value: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    for pair in value.items().chunks(2) {
        let name = String::from_utf8(pair[0].text().unwrap()).unwrap();
        if name == "flags" {
            let flags: BTreeSet<String> = pair[1].items().iter().map(show).collect();
            parts.push(format!("flags {}", flags.into_iter().collect::<Vec<_>>().join(" ")));
        } else if name != "notes" {
            parts.push(format!("{name} {}", show(&pair[1])));
        }
    }
    parts.sort();
    parts.join(", ")
}

/// Entries of commands and of their subcommands.
fn flatten(entries: &[Value]) -> Vec<&Value> {
    entries.iter().flat_map(|entry| std::iter::once(entry).chain(entry.items().get(9).map_or(&[][..], Value::items))).collect()
}

#[test]
fn command_info_is_what_redis_server_says() {
    let Some(mut redis) = Server::redis() else { return };
    let mut engine = InProcess::new(1);
    let (theirs, ours) = (redis.connect(), engine.connect());
    let (all_theirs, all_ours) = (redis.ask(theirs, "COMMAND"), engine.ask(ours, "COMMAND"));
    let theirs = flatten(all_theirs.items());
    let name = |entry: &Value| String::from_utf8(entry.items()[0].text().unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    let mut rows = 0;
    for entry in flatten(all_ours.items()) {
        let command = name(entry);
        rows += 1;
        let Some(reference) = theirs.iter().find(|other| name(other) == command) else {
            if !is_newer(&command) {
                wrong.push(format!("{command}: redis-server does not have it"));
            }
            continue;
        };
        for ((field, ours), (_, theirs)) in fields(entry).into_iter().zip(fields(reference)) {
            if ours == theirs {
                continue;
            }
            if ALLOWED.iter().any(|(c, f, _)| *c == command && *f == field) {
                used.insert((command.clone(), field));
            } else {
                wrong.push(format!("{command}: {field}\n    ours:   {ours}\n    theirs: {theirs}"));
            }
        }
    }
    for (command, field, _) in ALLOWED {
        if !used.contains(&(command.to_string(), *field)) {
            wrong.push(format!("{command}: {field} is on the list of allowed differences, but there is none"));
        }
    }
    println!("{rows} rows compared with COMMAND INFO");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
