//! `COMPATIBILITY.md`: which commands there are, since when Redis has them, what differs, and how Redis's own tests judge.

use super::clients;
use crate::{suites, tcl, workspace};
use anyhow::Result;
use cachette::command;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// `tests/compatibility/differences.toml`.
#[derive(Deserialize)]
pub struct Differences {
    commands: BTreeMap<String, String>,
    /// Tests that fail, and why.
    tests: BTreeMap<String, String>,
    /// Tests that are not run because they would end their unit, and why.
    pub skipped: BTreeMap<String, String>,
    /// Tests of client libraries that fail, and why.
    #[serde(default)]
    suites: BTreeMap<String, String>,
}

impl Differences {
    pub fn read() -> Result<Self> {
        Ok(toml::from_str(&std::fs::read_to_string(workspace::root().join("tests/compatibility/differences.toml"))?)?)
    }

    /// Why a test fails, if somebody wrote it down.
    fn reason(&self, test: &str) -> Option<&str> {
        let fits = |known: &str| known == test || known.strip_suffix('*').is_some_and(|start| test.starts_with(start));
        self.tests.iter().find(|(known, _)| fits(known)).map(|(_, reason)| reason.as_str())
    }
}

pub fn page() -> Result<String> {
    let folder = workspace::root().join("tests/compatibility");
    let differences = Differences::read()?;
    let redis = std::fs::read_to_string(folder.join("redis-7.0.txt"))?;
    let results: tcl::Results = toml::from_str(&std::fs::read_to_string(tcl::results_file()).unwrap_or_default())?;
    let mut page = String::from(
        "# Compatibility with Redis\n\nWritten by `cargo xtask gen` from the command rows, `tests/compatibility/` and the last saved run of Redis's own tests \
         (`cargo xtask tcl --save`).\n\n",
    );
    commands(&mut page, &redis, &differences)?;
    suite(&mut page, &results, &differences)?;
    if !differences.skipped.is_empty() {
        writeln!(page, "\n### Not run\n\nTests that would end their unit, beside those of replication and of dump files.\n")?;
        differences.skipped.iter().try_for_each(|(test, reason)| writeln!(page, "- {test}: {reason}"))?;
    }
    clients::section(&mut page, &suites::saved()?, &differences.suites)?;
    Ok(page)
}

fn commands(page: &mut String, redis: &str, differences: &Differences) -> Result<()> {
    let names: Vec<&str> = command::all().map(|row| row.name).collect();
    let missing: Vec<&str> = redis.lines().filter(|name| !names.contains(name)).collect();
    let (known, newer): (Vec<_>, Vec<_>) = command::all().partition(|row| redis.lines().any(|name| name == row.name));
    write!(page, "## Commands\n\nOf the {} commands of Redis 7.0, {} are here", redis.lines().count(), known.len())?;
    if !missing.is_empty() {
        let listed: Vec<String> = missing.iter().map(|name| format!("`{}`", name.to_uppercase())).collect();
        write!(page, " (not yet: {})", listed.join(", "))?;
    }
    writeln!(
        page,
        ", and {} of later versions. Each behaves as redis-server 7.0.15 does, but for what is said here.\n",
        newer.len()
    )?;
    writeln!(page, "| Command | Since Redis | What differs |\n| --- | --- | --- |")?;
    let mut rows: Vec<_> = command::every().filter(|row| row.subcommands.is_empty()).collect();
    rows.sort_by_key(|row| row.name);
    for row in rows {
        let difference = differences.commands.get(row.name).map_or("", String::as_str);
        writeln!(page, "| {} | {} | {difference} |", row.name.replace('|', " ").to_uppercase(), row.since)?;
    }
    Ok(())
}

fn suite(page: &mut String, results: &tcl::Results, differences: &Differences) -> Result<()> {
    writeln!(
        page,
        "\n## Redis's own tests\n\nThe suite of Redis 7.0.15, unit by unit: tests passed here, tests that redis-server itself passes in that mode."
    )?;
    for (mode, units) in results {
        let (ours, theirs) = units.values().fold((0, 0), |(ours, theirs), unit| (ours + unit.passed, theirs + unit.redis));
        let share = 100.0 * ours as f64 / theirs.max(1) as f64;
        writeln!(
            page,
            "\n### {mode} server: {ours} of {theirs} ({share:.1} %)\n\n| Unit | Passed | Redis | Failed |\n| --- | ---: | ---: | --- |"
        )?;
        for (name, unit) in units {
            let mut failed: Vec<String> = unit.failed.iter().map(|test| explained(test, differences)).collect();
            if !unit.stopped.is_empty() {
                failed.push(format!("stopped: {}", cell(&unit.stopped)));
            }
            writeln!(page, "| {name} | {} | {} | {} |", unit.passed, unit.redis, failed.join("<br>"))?;
        }
    }
    Ok(())
}

fn explained(test: &str, differences: &Differences) -> String {
    match differences.reason(test) {
        Some(reason) => format!("{}: {reason}", cell(test)),
        None => cell(test),
    }
}

/// Text that keeps to its cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
