//! Where the npm package was tested, and what it weighs: the marked parts of the READMEs, from the last saved run of `cargo xtask matrix`.

use super::speed;
use crate::{matrix, workspace};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt::Write;
use std::path::PathBuf;

/// `pkg/test/matrix/results.json`.
#[derive(Deserialize)]
struct Results {
    sizes: Sizes,
    /// In the order in which cells.js declares them.
    cells: Vec<Outcome>,
}

/// Bytes, as sizes.js says of which.
#[derive(Deserialize)]
struct Sizes {
    packed: u64,
    installed: u64,
    core: u64,
    objects: u64,
    script: u64,
}

/// What became of a cell.
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

const END: &str = "<!-- End of what is written. -->\n";

/// The repository's README, with a point of its list that names the runtimes, and the table of speed.
pub fn readme() -> Result<(PathBuf, String)> {
    let path = workspace::root().join("README.md");
    let names: Vec<_> = rows(&saved()?.cells).into_iter().map(|row| format!("{} ({})", row.runtime, row.version)).collect();
    let names = names.join(", ");
    let point = format!(
        "- **At home everywhere.** `cargo xtask matrix` runs the npm package's checks and the scenarios, from the packed tarball, in {names}: \
         [in detail](pkg/README.md#where-it-runs)."
    );
    let text = replaced(&std::fs::read_to_string(&path)?, &mark("runtimes"), &wrapped(&point))?;
    let text = replaced(&text, speed::BEGIN_JS, &speed::from_javascript()?)?;
    let text = replaced(&text, speed::BEGIN, &speed::table()?)?;
    Ok((path, text))
}

/// The package's README, with the table of runtimes and the sizes.
pub fn package_readme() -> Result<(PathBuf, String)> {
    let path = workspace::pkg().join("README.md");
    let Results { sizes, cells } = saved()?;
    let text = replaced(&std::fs::read_to_string(&path)?, &mark("runtimes"), &table(&cells)?)?;
    let text = replaced(&text, &mark("sizes"), &wrapped(&weights(&sizes)))?;
    Ok((path, text))
}

fn saved() -> Result<Results> {
    let file = matrix::folder().join("results.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

fn weights(sizes: &Sizes) -> String {
    let kb = |bytes: u64| format!("{} kB", bytes.div_ceil(1000));
    let Sizes { packed, installed, core, objects, script } = *sizes;
    format!(
        "- **Size**: {} to download, {} installed, no dependency. A page loads {} of WebAssembly and {} of script, both as gzip sends them; `setObject` loads {} \
         more when it is first used.",
        kb(packed),
        kb(installed),
        kb(core),
        kb(script),
        kb(objects)
    )
}

fn table(cells: &[Outcome]) -> Result<String> {
    let least = |count: fn(&Outcome) -> u32| cells.iter().filter(|one| one.cannot.is_none()).map(count).min().unwrap_or_default();
    let mut text = String::new();
    writeln!(
        text,
        "Each of these ran {} checks of this package and {} scenarios of Redis's behaviour, from the packed tarball:\n",
        least(|one| one.checks),
        least(|one| one.scenarios)
    )?;
    writeln!(text, "| Runtime or bundler | Version | Used as |\n| --- | --- | --- |")?;
    for Row { runtime, version, places } in rows(cells) {
        writeln!(text, "| {runtime} | {version} | {} |", places.join("; "))?;
    }
    Ok(text)
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

/// The mark of a section that the matrix writes.
fn mark(name: &str) -> String {
    format!("<!-- {name}: written by `cargo xtask gen` from the last `cargo xtask matrix --save` -->\n")
}

/// `text` with `part` in the section that begins with a mark.
fn replaced(text: &str, begin: &str, part: &str) -> Result<String> {
    let marks = || format!("a README has lost the mark `{}`", begin.trim_end());
    let (before, rest) = text.split_once(begin).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    Ok(format!("{before}{begin}{part}{END}{after}"))
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
    fn only_the_marked_part_is_replaced() {
        let text = format!("before\n{}old\n{END}between\n{}other\n{END}after\n", mark("one"), mark("two"));
        assert_eq!(replaced(&text, &mark("two"), "new\n").ok(), Some(text.replace("other", "new")));
        assert!(replaced(&text, &mark("three"), "new\n").is_err());
    }

    #[test]
    fn long_points_are_wrapped_and_indented() {
        let text = wrapped(&format!("- {}", "word ".repeat(60).trim_end()));
        assert!(text.lines().all(|line| line.chars().count() <= 160));
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
        assert_eq!(text.matches("word").count(), 60);
    }
}
