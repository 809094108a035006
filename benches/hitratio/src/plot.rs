//! Hit ratio against size, a small plot for each trace.

use crate::Trace;
use crate::policies::NAMES;
use std::fmt::{Error, Write as _};

const COLUMNS: usize = 4;
const WIDTH: f64 = 210.0;
const HEIGHT: f64 = 150.0;
/// Which policies are drawn, and how.
const SHOWN: [(&str, &str); 6] = [
    ("belady", "#999"),
    ("allkeys-s3fifo", "#c2185b"),
    ("allkeys-lru", "#1976d2"),
    ("allkeys-lfu", "#388e3c"),
    ("moka", "#f57c00"),
    ("fifo", "#6d4c41"),
];

pub fn svg(traces: &[Trace], sizes: &[f64]) -> Result<String, Error> {
    let rows = traces.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64 + 10.0, HEIGHT * rows as f64 + 30.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (at, (name, color)) in SHOWN.iter().enumerate() {
        writeln!(text, "<text x=\"{}\" y=\"16\" fill=\"{color}\">{name}</text>", 10 + at * 120)?;
    }
    for (at, trace) in traces.iter().enumerate() {
        let (left, top) = ((at % COLUMNS) as f64 * WIDTH + 30.0, (at / COLUMNS) as f64 * HEIGHT + 45.0);
        let (wide, high) = (WIDTH - 40.0, HEIGHT - 45.0);
        writeln!(text, "<text x=\"{left}\" y=\"{}\" fill=\"#222\">{}</text>", top - 4.0, trace.name)?;
        writeln!(text, "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" fill=\"none\" stroke=\"#ccc\"/>")?;
        for (share, label) in [(0.0, "0"), (1.0, "100")] {
            writeln!(
                text,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#666\">{label}</text>",
                left - 3.0,
                top + high * (1.0 - share) + 4.0
            )?;
        }
        let x = |size: f64| left + wide * (size / sizes[0]).ln() / (sizes[sizes.len() - 1] / sizes[0]).ln();
        for size in sizes {
            writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{size}%</text>",
                x(*size),
                top + high + 12.0
            )?;
        }
        for (name, color) in SHOWN {
            let Some(policy) = NAMES.iter().position(|known| *known == name) else { continue };
            let points = sizes
                .iter()
                .zip(&trace.ratios)
                .map(|(size, ratios)| format!("{:.1},{:.1}", x(*size), top + high * (1.0 - ratios[policy])));
            let points: Vec<String> = points.collect();
            writeln!(text, "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>", points.join(" "))?;
        }
    }
    text.push_str("</svg>\n");
    Ok(text)
}
