//! Compares the recording of the front page with the output of the programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use queue_testing::skipped;

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("docs/recording")
}

fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_recording_matches_the_output_of_the_programs() {
    let program = Path::new(env!("CARGO_BIN_EXE_workflow-queue"));
    let path = std::env::var("PATH").unwrap();
    let home = tempfile::tempdir().unwrap();
    let typed = Command::new("bash")
        .args(["-c", "exec 2>&1; . ./record.sh"])
        .current_dir(folder())
        .env(
            "PATH",
            format!("{}:{path}", program.parent().unwrap().display()),
        )
        .env("HOME", home.path())
        .env("PACE", "0")
        .output()
        .unwrap();
    let cast = std::fs::read_to_string(folder().join("crash.cast")).unwrap();
    let recorded: String = cast.lines().skip(1).map(output_of).collect();
    let (typed, recorded) = (lasting(&succeeded(&typed)), lasting(&recorded));
    assert_eq!(
        typed, recorded,
        "docs/recording/README.md says how to record it anew"
    );
}

#[test]
fn the_image_is_made_from_the_recording() {
    let drawn = Command::new("python3")
        .args(["cast_to_svg.py", "crash.cast"])
        .current_dir(folder())
        .output();
    let Ok(drawn) = drawn else {
        return skipped("there is no python3 to draw the recording with");
    };
    let image = succeeded(&drawn);
    for foreign in ["<script", "https:", "href", "@import", "url("] {
        assert!(!image.contains(foreign), "{foreign}");
    }
    assert!(image.len() < 100_000, "{} bytes", image.len());
    let kept = std::fs::read_to_string(folder().join("crash.svg")).unwrap();
    assert!(
        kept == image,
        "docs/recording/README.md says how to draw it anew"
    );
}

/// The text that an event of a recording printed.
fn output_of(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    match event[1].as_str() {
        Some("o") => event[2].as_str().unwrap().to_owned(),
        _ => String::new(),
    }
}

/// The parts of a text that every run prints alike: without colours, widths of columns, the folder,
/// anything with a digit, and the number of processes found.
fn lasting(text: &str) -> Vec<String> {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (_colour, rest) = part.split_once('m').unwrap();
        plain.push_str(rest);
    }
    let word = |word: &str| match word {
        "process" | "processes" | "task" | "tasks" => "#".to_owned(),
        word if word.ends_with("/tasks.db") => "#".to_owned(),
        word if word.contains(|c: char| c.is_ascii_digit()) => "#".to_owned(),
        word => word.to_owned(),
    };
    let words = |line: &str| -> Vec<String> { line.split_whitespace().map(word).collect() };
    plain.lines().map(|line| words(line).join(" ")).collect()
}
