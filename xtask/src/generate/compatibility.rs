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

    /// Why a test of Redis's suite does not pass, if somebody wrote it down.
    fn reason(&self, test: &str) -> Option<&str> {
        let fits = |known: &str| known == test || known.strip_suffix('*').is_some_and(|start| test.starts_with(start));
        self.tests.iter().chain(&self.skipped).find(|(known, _)| fits(known)).map(|(_, reason)| reason.as_str())
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
        "\n## Redis's own tests\n\nThe suite of Redis 7.0.15, unit by unit: the tests that redis-server itself passes in that mode, how many of them pass here, and \
         which do not, with the reason. Units of scripting, clusters, TLS and append-only files are not run."
    )?;
    for (mode, units) in results {
        let all = units.values().flat_map(|unit| &unit.missing);
        let elsewhere = all.filter(|test| differences.reason(test).is_some_and(is_another_subject)).count();
        let (ours, theirs) = units.values().fold((0, 0), |(ours, theirs), unit| (ours + unit.passed, theirs + unit.redis));
        writeln!(
            page,
            "\n### {mode} server: {ours} of {theirs} ({:.1} %)\n\nOf the {} that need neither scripting nor persistence nor replication: {:.1} %.\n\n\
             | Unit | Passed | Redis | Missing |\n| --- | ---: | ---: | --- |",
            percent(ours, theirs),
            theirs - elsewhere,
            percent(ours, theirs - elsewhere)
        )?;
        for (name, unit) in units.iter().filter(|(_, unit)| unit.redis > 0) {
            let missing: Vec<String> = unit.missing.iter().map(|test| explained(test, differences)).collect();
            writeln!(page, "| {name} | {} | {} | {} |", unit.passed, unit.redis, missing.join("<br>"))?;
        }
    }
    Ok(())
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// A test that needs what other parts of a redis-server do, which is not built.
fn is_another_subject(reason: &str) -> bool {
    OTHER_SUBJECTS.iter().any(|subject| reason.starts_with(subject))
}

const OTHER_SUBJECTS: [&str; 4] =
    ["needs scripting", "needs replication", "needs an append-only file", "needs a snapshot on disk"];

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
