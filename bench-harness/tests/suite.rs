//! The suite as a program: its resume file, and messages about bad input.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn suite(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-harness"))
        .arg("suite")
        .args(arguments)
        .output()
        .expect("the harness starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_second_start_reuses_the_cases_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    let arguments = |engine| {
        [
            "hundred",
            "--quick",
            "--resume",
            text(&path),
            "-o",
            "json",
            "--engine",
            engine,
        ]
    };
    let first = suite(&arguments("fast"));
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(said(&first), "");
    let second = suite(&arguments("both"));
    assert_eq!(said(&second), "1 of 2 cases are measured already\n");
    let json = |output: &Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (first, second) = (json(&first), json(&second));
    assert_eq!(second["figures"][0], first["figures"][0]);
    assert_eq!(second["figures"].as_array().map(Vec::len), Some(4));
    assert_eq!(second["environment"], first["environment"]);
}

#[test]
fn a_file_of_another_run_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    fs::write(&path, "{}").expect("written");
    let output = suite(&["hundred", "--quick", "--resume", text(&path)]);
    assert_eq!(output.status.code(), Some(70));
    assert!(
        said(&output).contains("name another file"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::read_to_string(&path).expect("still there"), "{}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for folder in [text(&file.path().join("below")), text(file.path())] {
        let output = suite(&["hundred", "--quick", "--dir", folder]);
        assert_eq!(output.status.code(), Some(70));
        let said = said(&output);
        assert!(said.contains(folder) && said.contains("--dir"), "{said}");
    }
}
