//! Every example runs to its end and says what it should.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

const SAYS: [(&str, &[&str]); 9] = [
    ("analytics", &["both days, of 15,000: 1", "active on both days: 2"]),
    ("any_command", &["ada\ncleo\n", "refused: WRONGTYPE"]),
    ("counter", &["home: 3, about: 10", "2 that day, kept for 48 hours", "likes: 2"]),
    ("leaderboard", &[" 325 eve\n 310 ada\n 120 bob\n", "bob is number 3", "views Some(\"3\"), likes Some(\"2\")"]),
    ("live_feed", &["entries: Integer(3)", "pending: Some(Integer(1))"]),
    ("queue", &["ada does resize\nada does mail\nada does index\ndone: 3, left: false"]),
    ("rate_limit", &["[true, true, true, false, false]", "a second later: true"]),
    ("sessions", &["the code is None", "still there: true", "over: true"]),
    ("ttl_cache", &[]),
];

#[test]
fn every_example_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut sources: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_string_lossy().strip_suffix(".rs").map(str::to_owned))
        .collect();
    sources.sort();
    assert_eq!(sources, SAYS.map(|(name, _)| name));
    for (name, expected) in SAYS {
        let output = Command::new(built(name)).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
        for part in expected {
            assert!(text.contains(part), "{name}: {part:?} in {text}");
        }
    }
}

/// `cargo test` builds the examples beside the tests; where a single test was asked for, they may be missing.
fn built(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples").join(name);
    if !program.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--all-features", "--example", name]).status();
        assert!(built.unwrap().success(), "cannot build {name}");
    }
    program
}
