//! The report of a chaos run: a table, the bars, and a plot of latency and hit source over time.

use crate::chaos::{self, Bars, Outcome, Trouble, shown};
use crate::load::Sample;
use cachette::tier::Source;
use std::fmt::{Error, Write as _};

/// What each part of a run is about, in their order.
pub const PARTS: [&str; 3] = ["single", "cluster", "sentinel"];

/// The report in Markdown.
pub fn page(outcome: &Outcome, bars: &Bars, parts: usize, command: &str) -> Result<String, Error> {
    let mut text = format!(
        "# The tier over real servers in trouble\n\n`{command}`, by `benches/tier`: 32 callers, each a call every 2 ms and more,\nand another process's tier that writes what they read.\n"
    );
    writeln!(text, "{} calls, {} cycles.\n", outcome.samples.len(), outcome.cycles.len())?;
    writeln!(text, "| | bar | measured |\n|---|---|---|")?;
    writeln!(text, "| errors on reads of keys in L1 | 0 | {} |", bars.hit_errors)?;
    writeln!(text, "| p99 of all calls while down | 2 ms | {:.2} ms |", bars.p99_down)?;
    writeln!(text, "| down detected, connection refused (worst) | 1 s | {} ms |", bars.down_refused.as_millis())?;
    writeln!(text, "| down detected, silent (worst) | 3 s | {} ms |", bars.down_silent.as_millis())?;
    writeln!(text, "| up again after Redis answers (worst) | 2 s | {} ms |", bars.back.as_millis())?;
    writeln!(text, "| stale reads after recovery | 0 | {} |", bars.stale_reads)?;
    writeln!(text, "| acknowledged writes lost without a word | 0 | {} |", bars.lost)?;
    writeln!(text, "\n{} writes ended with an unknown outcome, and their callers were told.", outcome.unknown)?;
    writeln!(
        text,
        "\n| trouble | times | down after, median | worst | p99 while down | up again, median | worst |\n|---|---|---|---|---|---|---|"
    )?;
    for trouble in Trouble::ALL {
        let cycles: Vec<_> = outcome.cycles.iter().filter(|cycle| cycle.trouble == trouble).collect();
        let spread = |mut spans: Vec<_>| {
            spans.sort_unstable();
            (spans.get(spans.len() / 2).copied(), spans.last().copied())
        };
        let (down, worst_down) = spread(cycles.iter().filter_map(|cycle| cycle.detected).collect());
        let (back, worst_back) = spread(cycles.iter().filter_map(|cycle| cycle.back).collect());
        let p99 = chaos::p99_down(outcome, cycles.iter().copied());
        let p99 = if p99 > 0.0 { format!("{p99:.2} ms") } else { "-".into() };
        let (name, times) = (trouble.name(), cycles.len());
        writeln!(
            text,
            "| {name} | {times} | {} | {} | {p99} | {} | {} |",
            shown(down),
            shown(worst_down),
            shown(back),
            shown(worst_back)
        )?;
    }
    writeln!(
        text,
        "\nFLUSHALL and CLIENT KILL are over before the breaker would open. A failover takes as long as the cluster or the sentinels need for it:"
    )?;
    writeln!(text, "\"up again\" counts from the moment at which another master stands.")?;
    writeln!(text, "\nThe first minute of each part, latency and source of answers:\n")?;
    for name in PARTS.iter().take(parts) {
        writeln!(text, "![{name}](tier_chaos_{name}.svg)")?;
    }
    Ok(text)
}

const WIDTH: f64 = 900.0;
const LEFT: f64 = 50.0;
const COLORS: [(&str, &str); 5] =
    [("L1", "#388e3c"), ("L1, stale", "#f57c00"), ("L2", "#1976d2"), ("factory", "#c2185b"), ("nothing", "#999")];

fn class(sample: &Sample) -> usize {
    match (sample.source, sample.stale) {
        (Some(Source::L1), false) => 0,
        (_, true) => 1,
        (Some(Source::L2), _) => 2,
        (Some(Source::Factory), _) => 3,
        _ => 4,
    }
}

/// The first `seconds` of a run: latency (p50, p99) above, where answers came from below; times of trouble are grey.
pub fn svg(outcome: &Outcome, seconds: f64) -> Result<String, Error> {
    let end = outcome.samples.last().map_or(1.0, |sample| sample.at as f64 / 1e6).min(seconds);
    let x = |at: f64| LEFT + (WIDTH - LEFT - 10.0) * at / end;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 400\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for cycle in outcome.cycles.iter().filter(|cycle| cycle.from < end) {
        let (from, to) = (x(cycle.from), x(cycle.to.min(end)));
        writeln!(text, "<rect x=\"{from:.1}\" y=\"30\" width=\"{:.1}\" height=\"330\" fill=\"#eee\"/>", (to - from).max(1.0))?;
        writeln!(text, "<text x=\"{from:.1}\" y=\"26\" fill=\"#666\" font-size=\"8\">{}</text>", cycle.trouble.name())?;
    }
    let slots = 300;
    let slot = end / f64::from(slots);
    let mut latency = [String::new(), String::new()];
    let mut sources: Vec<[f64; 5]> = Vec::new();
    for at in 0..slots {
        let (from, to) = (slot * f64::from(at), slot * f64::from(at + 1));
        let begin = outcome.samples.partition_point(|sample| (sample.at as f64) < from * 1e6);
        let stop = outcome.samples.partition_point(|sample| (sample.at as f64) < to * 1e6);
        let samples = &outcome.samples[begin..stop];
        let mut took: Vec<u32> = samples.iter().map(|sample| sample.took).collect();
        took.sort_unstable();
        for (line, share) in latency.iter_mut().zip([50, 99]) {
            if let Some(took) = took.get(took.len() * share / 100) {
                // From 1 µs to 1 s, by logarithm.
                let high = 170.0 * (f64::from((*took).max(1)).log10() / 6.0).min(1.0);
                write!(line, "{:.1},{:.1} ", x(from), 205.0 - high)?;
            }
        }
        let mut shares = [0.0; 5];
        samples.iter().for_each(|sample| shares[class(sample)] += 1.0 / samples.len() as f64);
        sources.push(shares);
    }
    for (label, at) in [("1 µs", 205.0), ("1 ms", 120.0), ("1 s", 35.0)] {
        writeln!(text, "<text x=\"4\" y=\"{at}\" fill=\"#666\">{label}</text>")?;
        writeln!(text, "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at}\" y2=\"{at}\" stroke=\"#ddd\"/>")?;
    }
    for (line, (name, color)) in latency.iter().zip([("p50", "#1976d2"), ("p99", "#c2185b")]) {
        writeln!(text, "<polyline points=\"{line}\" fill=\"none\" stroke=\"{color}\"/>")?;
        let at = if name == "p50" { 60 } else { 90 };
        writeln!(text, "<text x=\"{at}\" y=\"12\" fill=\"{color}\">{name}</text>")?;
    }
    for (at, shares) in sources.iter().enumerate() {
        let mut top = 230.0;
        for (share, (_, color)) in shares.iter().zip(COLORS) {
            let high = share * 130.0;
            if high > 0.05 {
                let (left, wide) = (x(slot * at as f64), x(slot) - LEFT + 0.3);
                writeln!(
                    text,
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" fill=\"{color}\"/>"
                )?;
                top += high;
            }
        }
    }
    for (at, (name, color)) in COLORS.iter().enumerate() {
        writeln!(text, "<text x=\"{}\" y=\"378\" fill=\"{color}\">{name}</text>", 60 + at * 90)?;
    }
    writeln!(text, "<text x=\"{}\" y=\"394\" text-anchor=\"end\" fill=\"#666\">{end:.0} s</text>", WIDTH - 10.0)?;
    text.push_str("</svg>\n");
    Ok(text)
}
