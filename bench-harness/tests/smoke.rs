//! The harness computes and formats: tiny runs of the real program. What the figures are is
//! measured by hand, never asserted here.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-harness"))
        .args(arguments)
        .output()
        .expect("the harness starts")
}

fn harness(arguments: &[&str]) -> Output {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    output
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_slice(&harness(arguments).stdout).expect("one JSON value")
}

#[test]
fn compare_measures_every_combination_beside_a_disk_probe() {
    let report = json(&["compare", "--ops", "10", "--runs", "2", "--json"]);
    let lines = report["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 8, "two durabilities, two cuts, two systems");
    for line in lines {
        assert!(line["ms"]["min"].as_f64() > Some(0.0), "{line}");
        assert!(line["ratio_to_raw"].as_f64() > Some(0.0), "{line}");
    }
    assert!(report["disk_probe_us"]["median"].as_f64() > Some(0.0));
    for memory in report["memory"].as_array().expect("memory") {
        assert!(memory["peak_rss_mb"].as_f64() > Some(0.1), "{memory}");
    }
}

#[test]
fn compare_prints_a_table_of_at_most_eighty_columns() {
    let output = harness(&["compare", "--ops", "10", "--runs", "1"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let rows = text.matches("fast-queue").count();
    assert_eq!(rows, 5, "four rows and its memory: {text}");
}

#[test]
fn figures_judge_what_they_measured() {
    let report = json(&["figures", "hundred", "--quick", "-o", "json"]);
    let figures = report["figures"].as_array().expect("figures");
    assert_eq!(figures.len(), 2);
    for figure in figures {
        assert!(figure["value"]["median"].as_f64() > Some(0.0), "{figure}");
        assert!(figure["bar"].is_string(), "{figure}");
    }
}

#[test]
fn figures_make_a_table_for_the_readme() {
    let output = harness(&["figures", "hundred", "--quick", "-o", "markdown"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| 100 operations"));
    assert_eq!(rows.count(), 2, "{text}");
}

#[test]
fn unknown_figures_and_senseless_counts_are_usage_errors() {
    for arguments in [
        ["figures", "nothing-of-the-kind"].as_slice(),
        &["compare", "--ops", "0"],
        &["compare", "--runs", "-1"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
