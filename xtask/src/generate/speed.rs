//! The README's speed tables, from the last saved runs of `cargo xtask bench`: every ratio that has a bar, and calls from JavaScript.

use crate::bars;
use anyhow::{Context, Result};
use std::fmt::Write;

/// Benches whose results have bars, and what the README calls them.
const BENCHES: [(&str, &str); 5] = [
    ("native", "Rust caches, 1 M keys"),
    ("server", "server, TCP"),
    ("structures", "1 M members"),
    ("memory", "bytes a key"),
    ("latency", "much goes at once"),
];

/// The mark before the table.
pub const BEGIN: &str = "<!-- speed: written by `cargo xtask gen` from benches/results -->\n";

/// The mark before the table of calls from JavaScript.
pub const BEGIN_JS: &str = "<!-- calls: written by `cargo xtask gen` from benches/results/js.md -->\n";

/// What `cargo xtask bench js` says in short, as part of a list.
pub fn from_javascript() -> Result<String> {
    let page = bars::page("js")?;
    let (_, rest) = page.split_once("## In short\n").context("benches/results/js.md says nothing in short")?;
    let table = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    Ok(table.map(|line| format!("  {line}\n")).collect::<String>() + "  ")
}

/// The table's Markdown: a row for each bench and peer.
pub fn table() -> Result<String> {
    let mut text = String::from("| | ratio of | |\n| --- | --- | --- |\n");
    for (bench, name) in BENCHES {
        for (peer, ratios) in groups(&bars::page(bench)?) {
            writeln!(text, "| [{name}](benches/results/{bench}.md) | {peer} | {} |", ratios.join(", "))?;
        }
    }
    Ok(text)
}

/// What was measured of a page's bars, gathered by peer.
fn groups(page: &str) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for bar in bars::of(page).iter().filter(|bar| !bar.ratio.is_empty()) {
        let told = format!("{} {}", bar.what, bar.ratio);
        match groups.iter_mut().find(|(known, _)| known == bar.of) {
            Some((_, ratios)) => ratios.push(told),
            None => groups.push((bar.of.to_owned(), vec![told])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_gathered_by_peer() {
        let page = "| other | 1 | 2 | x |\n### Bars\n\n| what | ratio | bar | |\n| --- | ---: | ---: | --- |\n\
                    | get, us / them | 0.50 | 0.72 | met |\n| get, us / others | 0.90 | 0.5 | short |\n| del, us / them | 1.10 | 0.72 | short |\n";
        let expected = [("us / them", vec!["get 0.50", "del 1.10"]), ("us / others", vec!["get 0.90"])];
        let expected =
            expected.map(|(peer, ratios)| (peer.to_owned(), ratios.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(groups(page), expected);
    }
}
