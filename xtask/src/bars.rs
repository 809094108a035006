//! Bars: ratios that are promised to be at most so much, and what the last saved runs of the benches say of them.

use crate::workspace;
use anyhow::{Context, Result};

/// Benches whose saved pages have bars.
pub const BENCHES: [&str; 7] = ["hitratio", "native", "server", "structures", "memory", "latency", "js"];

/// A row of a page's table of bars: `| what, of | ratio | bar | verdict |`, and on some pages one cell more: the floor, below which nothing of its kind can be.
#[derive(Debug, PartialEq, Eq)]
pub struct Bar<'p> {
    pub what: &'p str,
    /// Whose ratio it is.
    pub of: &'p str,
    pub ratio: &'p str,
    pub bar: &'p str,
    pub verdict: &'p str,
    pub floor: &'p str,
}

/// The page that a bench has saved.
pub fn page(bench: &str) -> Result<String> {
    let path = workspace::root().join(format!("benches/results/{bench}.md"));
    std::fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))
}

/// The bars of a page.
pub fn of(page: &str) -> Vec<Bar<'_>> {
    let table = page.split_once("### Bars").map_or("", |(_, rest)| rest).split("\n#").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, what, ratio, bar, verdict, ref more @ ..] = cells[..] else { return None };
        let floor = if let [floor, _] = more { floor } else { "" };
        let (what, of) = what.rsplit_once(", ")?;
        bar.parse::<f64>().ok().map(|_| Bar { what, of, ratio, bar, verdict, floor })
    });
    rows.collect()
}

/// Says what the saved pages fall short of. Fails for nothing but a page that is not there: times differ from machine to machine.
pub fn check() -> Result<()> {
    let (mut met, mut all) = (0, 0);
    for bench in BENCHES {
        let page = page(bench)?;
        let bars = of(&page);
        println!("{bench}: {} bars", bars.len());
        for bar in &bars {
            let floor = if bar.floor.is_empty() { String::new() } else { format!(" (floor {})", bar.floor) };
            println!("  {:<9} {:>6} of {:>5}  {}, {}{floor}", bar.verdict, bar.ratio, bar.bar, bar.what, bar.of);
        }
        met += bars.iter().filter(|bar| bar.verdict == "met").count();
        all += bars.len();
    }
    println!("{met} of {all} bars met, {} not", all - met);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bars() {
        let page = "| other | 1 | 2 | x |\n### Bars\n\n| what | ratio | bar | |\n| --- | ---: | ---: | --- |\n\
                    | get, at once, us / them | 0.50 | 0.72 | met | 0.31 |\n| del, us / them |  | 0.5 | not measured |\n## Next\n| set, us / them | 1 | 2 | met |\n";
        let expected = [
            Bar { what: "get, at once", of: "us / them", ratio: "0.50", bar: "0.72", verdict: "met", floor: "0.31" },
            Bar { what: "del", of: "us / them", ratio: "", bar: "0.5", verdict: "not measured", floor: "" },
        ];
        assert_eq!(of(page), expected);
    }

    #[test]
    fn every_saved_page_has_bars() {
        BENCHES.iter().for_each(|bench| assert!(page(bench).is_ok_and(|page| !of(&page).is_empty()), "{bench}"));
    }
}
