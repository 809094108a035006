//! What a bench says: tables for people, bars to be checked, and a plot of cost against size.

use crate::plot;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A ratio that is promised to be at most `bar`.
pub struct Bar {
    pub name: String,
    pub ratio: f64,
    pub bar: f64,
    /// The least that is conceivable, where that was measured as well, and what it is.
    pub floor: Option<(f64, &'static str)>,
}

impl Bar {
    fn verdict(&self) -> String {
        let floor = self.floor.filter(|(least, _)| *least > self.bar);
        match floor {
            _ if self.ratio <= self.bar => "met".to_owned(),
            Some((least, what)) => format!("out of reach: {least:.2} is {what}"),
            None => "short".to_owned(),
        }
    }
}

/// The outcome of one bench.
#[derive(Default)]
pub struct Report {
    /// Name of the files below `benches/results`.
    pub name: &'static str,
    pub text: String,
    pub bars: Vec<Bar>,
    pub curves: Vec<plot::Chart>,
}

impl Report {
    /// A report that begins with a title and how it was measured.
    pub fn new(name: &'static str, title: &str, method: &str) -> Self {
        let text = format!("# {title}\n\n{}. `cargo xtask bench {name} --save` wrote this.\n{method}\n", machine());
        Self { name, text, ..Self::default() }
    }

    pub fn table(&mut self, heading: &str, head: &[String], rows: &[Vec<String>]) {
        let _ = writeln!(self.text, "\n### {heading}\n\n| {} |", head.join(" | "));
        let _ = writeln!(self.text, "| --- |{}", " ---: |".repeat(head.len().saturating_sub(1)));
        for row in rows {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
    }

    pub fn bar(&mut self, name: impl Into<String>, ratio: f64, bar: f64) {
        self.bars.push(Bar { name: name.into(), ratio, bar, floor: None });
    }

    /// A bar beside which the least conceivable ratio was measured.
    pub fn bar_above(&mut self, name: impl Into<String>, ratio: f64, bar: f64, floor: (f64, &'static str)) {
        self.bars.push(Bar { name: name.into(), ratio, bar, floor: Some(floor) });
    }

    /// All of it as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = self.text.clone();
        if !self.bars.is_empty() {
            text.push_str("\n### Bars\n\n| what | ratio | bar | |\n| --- | ---: | ---: | --- |\n");
            for bar in &self.bars {
                let _ = writeln!(text, "| {} | {:.2} | {:.2} | {} |", bar.name, bar.ratio, bar.bar, bar.verdict());
            }
        }
        if !self.curves.is_empty() {
            let _ = write!(text, "\n![Cost against size]({}.svg)\n", self.name);
        }
        text
    }

    /// Writes `benches/results/NAME.md` and, where there are curves, `NAME.svg`.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn save(&self) -> Result<(), Box<dyn Error>> {
        let results = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../results");
        std::fs::write(results.join(format!("{}.md", self.name)), self.markdown())?;
        if !self.curves.is_empty() {
            std::fs::write(results.join(format!("{}.svg", self.name)), plot::svg(&self.curves)?)?;
        }
        Ok(())
    }

    /// Says which bars are missed; false if any is.
    pub fn check(&self) -> bool {
        let missed: Vec<&Bar> = self.bars.iter().filter(|bar| bar.ratio.is_nan() || bar.ratio > bar.bar).collect();
        for bar in &missed {
            println!("{}: {:.2}, wanted at most {:.2}: {}", bar.name, bar.ratio, bar.bar, bar.verdict());
        }
        println!("{} of {} bars met", self.bars.len() - missed.len(), self.bars.len());
        missed.is_empty()
    }
}

/// The processor, as the system names it.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{count} cores of {}", model.unwrap_or("an unknown processor"))
}
