//! Where the npm package was tested: the marked parts of the READMEs, from the last saved run of `cargo xtask matrix`.

use crate::matrix;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt::Write;
use std::path::PathBuf;

/// One entry of `pkg/test/matrix/results.json`.
#[derive(Deserialize)]
struct Outcome {
    runtime: String,
    /// In which way the package was used there.
    #[serde(rename = "as")]
    place: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    checks: u32,
    #[serde(default)]
    scenarios: u32,
    #[serde(default)]
    failed: u32,
    /// Why this cannot be, where it cannot.
    cannot: Option<String>,
}

/// A row: a runtime with all the ways in which it was used.
struct Row {
    runtime: String,
    version: String,
    places: Vec<String>,
}

const BEGIN: &str = "<!-- Written by `cargo xtask gen` from the last `cargo xtask matrix --save`. -->\n";
const END: &str = "<!-- End of what is written. -->\n";

/// The README at `path`, with a point of a list that names the runtimes.
pub fn point(path: PathBuf) -> Result<(PathBuf, String)> {
    let names: Vec<_> = rows(&saved()?).into_iter().map(|row| format!("{} ({})", row.runtime, row.version)).collect();
    let names = names.join(", ");
    let text = format!(
        "- **At home everywhere.** `cargo xtask matrix` runs the npm package's checks and the scenarios, from the packed tarball, in {names}: \
         [in detail](pkg/README.md#where-it-runs)."
    );
    replaced(path, &wrapped(&text))
}

/// The README at `path`, with the table.
pub fn table(path: PathBuf) -> Result<(PathBuf, String)> {
    let outcomes = saved()?;
    let least =
        |count: fn(&Outcome) -> u32| outcomes.iter().filter(|one| one.cannot.is_none()).map(count).min().unwrap_or_default();
    let mut text = String::new();
    writeln!(
        text,
        "Each of these ran {} checks of this package and {} scenarios of Redis's behaviour, from the packed tarball:\n",
        least(|one| one.checks),
        least(|one| one.scenarios)
    )?;
    writeln!(text, "| Runtime or bundler | Version | Used as |\n| --- | --- | --- |")?;
    for Row { runtime, version, places } in rows(&outcomes) {
        writeln!(text, "| {runtime} | {version} | {} |", places.join("; "))?;
    }
    replaced(path, &text)
}

/// In the order in which the cells are declared, which is that of the file.
fn saved() -> Result<Vec<Outcome>> {
    let file = matrix::folder().join("results.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for outcome in outcomes {
        let place = match (&outcome.cannot, outcome.failed) {
            (Some(reason), _) => format!("not {}: {reason}", outcome.place),
            (None, 0) => outcome.place.clone(),
            (None, failed) => format!("{} ({failed} failed)", outcome.place),
        };
        match rows.iter_mut().find(|row| row.runtime == outcome.runtime) {
            Some(row) => row.places.push(place),
            None => {
                let Outcome { runtime, version, .. } = outcome;
                rows.push(Row { runtime: runtime.clone(), version: version.clone(), places: vec![place] });
            }
        }
    }
    rows
}

/// Lines of at most `WIDTH` characters, all but the first indented as a list's are.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 158;
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width + length >= WIDTH {
            lines.push_str("\n ");
            width = 1;
        }
        if !lines.is_empty() {
            lines.push(' ');
        }
        lines.push_str(word);
        width += length + 1;
    }
    lines.push('\n');
    lines
}

fn replaced(path: PathBuf, part: &str) -> Result<(PathBuf, String)> {
    let old = std::fs::read_to_string(&path)?;
    let marks = || format!("{} has lost its marks", path.display());
    let (before, rest) = old.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    let text = format!("{before}{BEGIN}{part}{END}{after}");
    Ok((path, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_use_are_gathered_by_runtime() {
        let outcome = |place: &str, failed, cannot: Option<&str>| Outcome {
            runtime: "Deno".to_owned(),
            place: place.to_owned(),
            version: "2".to_owned(),
            checks: 1,
            scenarios: 1,
            failed,
            cannot: cannot.map(str::to_owned),
        };
        let outcomes = [outcome("import", 0, None), outcome("worker", 2, None), outcome("require", 0, Some("it has none"))];
        let rows = rows(&outcomes);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].places, ["import", "worker (2 failed)", "not require: it has none"]);
    }

    #[test]
    fn long_points_are_wrapped_and_indented() {
        let text = wrapped(&format!("- {}", "word ".repeat(60).trim_end()));
        assert!(text.lines().all(|line| line.chars().count() <= 160));
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
        assert_eq!(text.matches("word").count(), 60);
    }
}
