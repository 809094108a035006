//! The section of `COMPATIBILITY.md` on the tests that client libraries have of themselves.

use crate::suites::{Outcome, Results};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Writes the section; `reasons` are patterns of tests, `*` for any text, and why these fail.
pub fn section(page: &mut String, results: &Results, reasons: &BTreeMap<String, String>) -> Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n## Client libraries' tests\n\nThe tests that these libraries have of themselves, without those of clusters, sentinels, TLS and Redis Stack's modules \
         (`cargo xtask suites --save`). A suite skips what is newer than the version that INFO names.\n\n\
         | Suite | Version | Passed | Failed | Skipped | redis-server |\n\
         | --- | --- | ---: | ---: | ---: | --- |"
    )?;
    for (name, suite) in results {
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} |",
            suite.version,
            suite.passed,
            suite.failed.len(),
            suite.skipped,
            match suite.redis {
                0 => "not run".to_owned(),
                passed => format!("{passed} passed, {} failed", suite.redis_failed.len()),
            }
        )?;
    }
    for (name, suite) in results {
        failures(page, name, suite, reasons)?;
    }
    Ok(())
}

/// A suite's failures, those of one reason together.
fn failures(page: &mut String, name: &str, suite: &Outcome, reasons: &BTreeMap<String, String>) -> Result<()> {
    if suite.failed.is_empty() {
        return Ok(());
    }
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for test in &suite.failed {
        let known = reasons.iter().find(|(pattern, _)| fits(pattern, test)).map(|(_, reason)| reason.as_str());
        let same = if suite.redis_failed.contains(test) { "fails with redis-server 7.0.15 too" } else { "not looked into" };
        groups.entry(known.unwrap_or(same)).or_default().push(test);
    }
    writeln!(page, "\n### {name}: what fails\n\n| Why | Tests | Which |\n| --- | ---: | --- |")?;
    for (reason, tests) in groups {
        let names: Vec<String> = tests.iter().map(|test| format!("`{}`", test.replace('|', "\\|").replace('`', "'"))).collect();
        writeln!(page, "| {reason} | {} | {} |", tests.len(), names.join("<br>"))?;
    }
    Ok(())
}

/// Whether the whole text is the pattern's pieces in their order, with anything where a `*` stands.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match text.find(piece) {
            Some(at) => text = text.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_text() {
        assert!(fits("a", "a") && !fits("a", "ab"));
        assert!(fits("tests/*lock.py::*", "tests/x/test_lock.py::T::t"));
        assert!(fits("*b*c", "abxc") && !fits("*b*c", "acb") && !fits("a*ba", "ba"));
    }
}
