//! The chart of peers: an SVG that a README shows as an image.
//!
//! It is a single file without script, font or other resources, and has its own background, so that it
//! is readable on light and dark pages. The scale covers four powers of ten and is therefore
//! logarithmic; a bar's length would be meaningless on it, so medians are drawn as points.

use std::fmt::Write as _;

use super::document::{BarEntry, Bars, Document, Kind};
use super::page::html::{colour, mark, text};
use super::page::scale::Scale;
use super::text::short;
use crate::measure::count;

const STYLE: &str = include_str!("chart.css");

/// The chart of the 100 operations.
const OPERATIONS: &str = "Peers: the operations";
/// Title prefix of the charts of commands; the last chart has the most slots.
const COMMANDS: &str = "Peers: `true` × ";

const WIDTH: f64 = 860.0;
/// X positions: start of the names, end of the notes, range of the points, end of the values.
const NAMES: f64 = 22.0;
const NOTES: f64 = 388.0;
const PLOT: (f64, f64) = (412.0, 770.0);
const VALUES: f64 = 838.0;
const ROW: f64 = 20.0;

/// Systems on one scale, in comparable groups.
struct Panel<'a> {
    title: String,
    unit: &'a str,
    groups: Vec<(&'static str, Vec<&'a BarEntry>)>,
}

/// The chart; `None` without a document of peers.
pub(super) fn svg(documents: &[Document]) -> Option<String> {
    let document = documents.iter().find(|one| one.kind == Kind::Peers)?;
    let panels: Vec<Panel<'_>> = [operations(document), commands(document)]
        .into_iter()
        .flatten()
        .collect();
    let mut y = 12.0;
    let mut drawn = String::new();
    for panel in &panels {
        draw(panel, &mut y, &mut drawn);
    }
    for line in footer(document, &panels) {
        y += 16.0;
        let _ = writeln!(
            drawn,
            "<text class=\"note\" x=\"{NAMES}\" y=\"{y}\">{line}</text>"
        );
    }
    let height = y + 18.0;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>fast-queue and workflow-queue \
         beside other queues</title>\n<style>\n{STYLE}</style>\n<rect class=\"card\" x=\"0.5\" \
         y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n{drawn}</svg>\n",
        WIDTH - 1.0,
        height - 1.0
    ))
}

/// Panel of queues used as libraries.
fn operations(document: &Document) -> Option<Panel<'_>> {
    let chart = document.bars.iter().find(|one| one.title == OPERATIONS)?;
    let is_synced = |bar: &BarEntry| bar.note.contains("full") || bar.note.contains("rollback");
    Some(panel(
        "In a program: 100 enqueues, 50 claims, 25 completions, a commit for each".to_owned(),
        chart,
        [
            "not synced at each commit: a power cut may cost the newest tasks",
            "synced at each commit",
        ],
        is_synced,
    ))
}

/// Panel of commands run from a shell.
fn commands(document: &Document) -> Option<Panel<'_>> {
    let of_commands = |one: &&Bars| one.title.starts_with(COMMANDS);
    let chart = document.bars.iter().rev().find(of_commands)?;
    let what = chart.title.trim_start_matches(COMMANDS);
    let what = what.replace(", ", " times, ");
    let is_kept = |bar: &BarEntry| bar.label.contains("queue") || bar.label == "pueue";
    Some(panel(
        format!("In a shell: the command true, {what}"),
        chart,
        [
            "the queue is gone once the program is",
            "the queue is kept on the disk",
        ],
        is_kept,
    ))
}

fn panel<'a>(
    title: String,
    chart: &'a Bars,
    groups: [&'static str; 2],
    is_second: impl Fn(&BarEntry) -> bool,
) -> Panel<'a> {
    let sorted = |second: bool| {
        let mut bars: Vec<&BarEntry> = chart.bars.iter().collect();
        bars.retain(|bar| is_second(bar) == second);
        bars.sort_by(|a, b| a.value.median.total_cmp(&b.value.median));
        bars
    };
    let groups = [(groups[0], sorted(false)), (groups[1], sorted(true))];
    Panel {
        title,
        unit: &chart.unit,
        groups: groups.into_iter().filter(|one| !one.1.is_empty()).collect(),
    }
}

fn draw(panel: &Panel<'_>, y: &mut f64, out: &mut String) {
    let bars = || panel.groups.iter().flat_map(|group| &group.1);
    let scale = Scale::over(true, bars().flat_map(|bar| [bar.value.min, bar.value.max]));
    *y += 22.0;
    let title = text(&panel.title);
    let _ = writeln!(
        out,
        "<text class=\"title\" x=\"{NAMES}\" y=\"{y}\">{title}</text>"
    );
    *y += 20.0;
    let rows: usize = panel.groups.iter().map(|group| group.1.len() + 1).sum();
    let (top, bottom) = (*y + 4.0, *y + count(rows) * ROW + 8.0);
    for value in scale.marks() {
        let x = along(&scale, value);
        let label = format!("{} {}", mark(value), panel.unit);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text class=\"note middle\" x=\"{x}\" y=\"{y}\">{}</text>",
            text(&label)
        );
    }
    for (heading, bars) in &panel.groups {
        *y += ROW;
        let _ = writeln!(
            out,
            "<text class=\"group\" x=\"{NAMES}\" y=\"{y}\">{heading}</text>"
        );
        for bar in bars {
            *y += ROW;
            row(bar, &scale, (*y, panel.unit), out);
        }
    }
    *y += 18.0;
}

fn row(bar: &BarEntry, scale: &Scale, (y, unit): (f64, &str), out: &mut String) {
    let [min, median, max] =
        [bar.value.min, bar.value.median, bar.value.max].map(|value| along(scale, value));
    let class = match colour(&bar.label, 0) {
        named if named.starts_with("other") => "other".to_owned(),
        named => named,
    };
    let middle = y - 4.5;
    let note = bar.note.split(" (").next().unwrap_or_default();
    // A command's version alone does not say what it stores.
    let note = if note.contains(", ") { note } else { "" };
    let _ = writeln!(
        out,
        "<g class=\"{class}\"><text class=\"name\" x=\"{NAMES}\" y=\"{y}\">{}</text>\
         <text class=\"note end\" x=\"{NOTES}\" y=\"{y}\">{}</text>\
         <line class=\"range\" x1=\"{min}\" x2=\"{max}\" y1=\"{middle}\" y2=\"{middle}\"/>\
         <circle cx=\"{median}\" cy=\"{middle}\" r=\"5\"/>\
         <text class=\"value end\" x=\"{VALUES}\" y=\"{y}\">{} {}</text></g>",
        text(&known_as(&bar.label)),
        text(note),
        short(bar.value.median),
        text(unit)
    );
}

fn along(scale: &Scale, value: f64) -> String {
    let share = scale.position(value).unwrap_or(0.0).clamp(0.0, 1.0);
    format!("{:.1}", PLOT.0 + share * (PLOT.1 - PLOT.0))
}

/// Display name of a system.
fn known_as(label: &str) -> String {
    match label {
        "raw" => "bare SQLite".to_owned(),
        "apalis-sqlite" => "apalis".to_owned(),
        "claude1" => "claude1.py, the minimal original".to_owned(),
        "claudeCode2" => "claudeCode2.py, the advanced original".to_owned(),
        "claudeCode3" | "claudeCode4" | "deepseek2" => format!("{label}.py, another original"),
        "bare spawn" => "a loop of bare spawns".to_owned(),
        "parallel" => "GNU parallel".to_owned(),
        "tsp" => "task-spooler".to_owned(),
        other => other.to_owned(),
    }
}

fn footer(document: &Document, panels: &[Panel<'_>]) -> Vec<String> {
    let environment = &document.environment;
    let bars = panels.iter().flat_map(|panel| &panel.groups);
    let labels: Vec<&str> = bars
        .flat_map(|group| &group.1)
        .map(|bar| bar.label.as_str())
        .collect();
    let absent = document
        .tables
        .iter()
        .find(|one| one.title == "Peers: not measured");
    let absent = absent
        .iter()
        .flat_map(|table| &table.rows)
        .filter_map(|row| row.first());
    let absent: Vec<String> = absent
        .filter(|name| !labels.contains(&name.as_str()))
        .map(|name| known_as(name))
        .collect();
    let mut lines = vec![
        "Less is better; the scale is logarithmic. A point is the median of rounds in turns, a line \
         their range."
            .to_owned(),
        format!(
            "{}, {} cores, {}, {}.",
            environment.cpu,
            environment.cores,
            environment.file_system,
            environment.date.get(..10).unwrap_or("no date")
        ),
    ];
    if !absent.is_empty() {
        lines.push(format!("Not on this machine: {}.", absent.join("; ")));
    }
    lines.iter().map(|line| text(line)).collect()
}
