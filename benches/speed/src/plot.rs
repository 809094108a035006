//! Cost against size, both on logarithmic scales; a small plot for each operation.

use std::fmt::{Error, Write as _};

const COLUMNS: usize = 2;
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 240.0;
const COLORS: [&str; 8] = ["#c2185b", "#1976d2", "#388e3c", "#f57c00", "#6d4c41", "#7b1fa2", "#0097a7", "#999"];

/// One plot.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    pub title: String,
    pub unit: &'static str,
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Draws the charts in a grid. Lines of one name have one colour.
pub fn svg(charts: &[Chart]) -> Result<String, Error> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in charts.iter().flat_map(|chart| &chart.lines) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let color = |name: &str| COLORS[names.iter().position(|known| *known == name).unwrap_or(0) % COLORS.len()];
    let (width, height) = (WIDTH * COLUMNS as f64 + 10.0, HEIGHT * charts.len().div_ceil(COLUMNS) as f64 + 30.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (at, name) in names.iter().enumerate() {
        writeln!(text, "<text x=\"{}\" y=\"16\" fill=\"{}\">{name}</text>", 10 + at * 160, color(name))?;
    }
    for (at, chart) in charts.iter().enumerate() {
        let (left, top) = ((at % COLUMNS) as f64 * WIDTH + 50.0, (at / COLUMNS) as f64 * HEIGHT + 45.0);
        draw(&mut text, chart, (left, top), (WIDTH - 70.0, HEIGHT - 45.0), &color)?;
    }
    text.push_str("</svg>\n");
    Ok(text)
}

fn draw<'c>(
    text: &mut String,
    chart: &Chart,
    (left, top): (f64, f64),
    (wide, high): (f64, f64),
    color: &impl Fn(&str) -> &'c str,
) -> Result<(), Error> {
    let points = || chart.lines.iter().flat_map(|(_, points)| points);
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points().map(of).fold((f64::MAX, 0f64), |(low, high), value| (low.min(value), high.max(value)));
        (low, if high > low { high } else { low * 10.0 })
    };
    let ((x0, x1), (low, top_value)) = (range(|point| point.0), range(|point| point.1));
    let (y0, y1) = (10f64.powf(low.log10().floor()), 10f64.powf(top_value.log10().ceil()));
    let x = |value: f64| left + wide * (value / x0).ln() / (x1 / x0).ln();
    let y = |value: f64| top + high * (1.0 - (value / y0).ln() / (y1 / y0).ln());
    writeln!(text, "<text x=\"{left}\" y=\"{}\" fill=\"#222\">{}, {}</text>", top - 4.0, chart.title, chart.unit)?;
    writeln!(text, "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" fill=\"none\" stroke=\"#ccc\"/>")?;
    let decades = |from: f64, to: f64| {
        let first = from.log10().ceil() as i32;
        (first..).map(|power| 10f64.powi(power)).take_while(move |value| *value <= to * 1.0001)
    };
    for value in decades(y0, y1) {
        let place = y(value);
        writeln!(text, "<line x1=\"{left}\" x2=\"{}\" y1=\"{place:.1}\" y2=\"{place:.1}\" stroke=\"#eee\"/>", left + wide)?;
        writeln!(text, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666\">{value}</text>", left - 4.0, place + 4.0)?;
    }
    for value in decades(x0, x1) {
        let place = x(value);
        writeln!(
            text,
            "<text x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">10^{}</text>",
            top + high + 13.0,
            value.log10()
        )?;
    }
    for (name, points) in &chart.lines {
        let points: Vec<String> = points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>",
            points.join(" "),
            color(name)
        )?;
    }
    Ok(())
}
