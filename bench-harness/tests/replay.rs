//! Replays of traces by the real program: output, refusals, and exit codes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

fn replay(files: &[&Path], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-harness"))
        .arg("replay")
        .args(files)
        .args(["--rounds", "1"])
        .args(arguments)
        .output()
        .expect("the harness starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Printed words, regardless of line breaks.
fn words(bytes: &[u8]) -> String {
    let text = text(bytes);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A chain of two tasks whose ids are hostile to shells and queues.
fn chain(folder: &Path) -> PathBuf {
    let (first, second) = ("'; exit 1 #\0", "");
    let path = folder.join("chain.json");
    let trace = json!({
        "schemaVersion": "1.5",
        "workflow": {
            "specification": { "tasks": [
                { "id": second, "parents": [first], "children": [] },
                { "id": first, "parents": [], "children": [second] },
            ] },
            "execution": { "tasks": [
                { "id": first, "runtimeInSeconds": 1 },
                { "id": second, "runtimeInSeconds": 2 },
            ] },
        },
    });
    std::fs::write(&path, trace.to_string()).expect("written");
    path
}

#[test]
fn a_trace_is_replayed_in_three_ways() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = replay(&[&chain(folder.path())], &["--durability", "full"]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        shown.contains("2 tasks, 1 edges, 2 deep, 1 wide"),
        "{shown}"
    );
    for way in ["bare loop", "commands", "handlers"] {
        let own = |line: &&str| line.trim_start().starts_with(way);
        assert_eq!(shown.lines().filter(own).count(), 1, "{way}: {shown}");
    }
    let verdict = "Every task ran once, and began after all its dependencies had ended, in each \
                   of 3 runs";
    assert!(words(&output.stdout).contains(verdict), "{shown}");
}

#[test]
fn commands_sleep_for_their_scaled_runtimes() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = replay(
        &[&chain(folder.path())],
        &["--sleep", "0.001", "--slots", "4"],
    );
    let shown = words(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        shown.contains("no schedule takes less than 3.00 ms"),
        "{shown}"
    );
    assert!(!shown.contains("handlers"), "{shown}");
}

#[test]
fn a_file_that_cannot_be_replayed_is_named_and_the_others_are_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("nowhere\x1b[31m.json");
    let other = folder.path().join("other.json");
    std::fs::write(&other, r#"{"schemaVersion": "1.4"}"#).expect("written");
    let output = replay(
        &[&missing, &other, folder.path(), &chain(folder.path())],
        &[],
    );
    assert_eq!(output.status.code(), Some(70));
    assert!(text(&output.stdout).contains("2 tasks"));
    let said = text(&output.stderr);
    for sentence in [
        "nowhere\\x1b[31m.json: No such file",
        "other.json: its schemaVersion is \"1.4\"; only \"1.5\" is read",
        "Is a directory",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
}

#[test]
fn the_document_has_a_chart_for_each_trace_and_names_the_files_that_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("nowhere.json");
    let output = replay(&[&chain(folder.path()), &missing], &["-o", "json"]);
    assert_eq!(output.status.code(), Some(70));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["kind"], "replay");
    assert_eq!(document["bars"][0]["title"], "chain.json: makespan");
    let bars = document["bars"][0]["bars"].as_array().expect("bars");
    let labels: Vec<_> = bars
        .iter()
        .filter_map(|bar| bar["label"].as_str())
        .collect();
    assert_eq!(labels, ["bare loop", "commands", "handlers"]);
    let note = document["bars"][0]["note"].as_str().expect("a note");
    assert!(note.contains("Every task ran once"), "{note}");
    for bar in bars {
        assert!(bar["value"]["min"].as_f64() > Some(0.0), "{bar}");
    }
    let table = &document["tables"][0];
    let columns = table["columns"].as_array().expect("columns").len();
    for row in table["rows"].as_array().expect("rows") {
        assert_eq!(row.as_array().map(Vec::len), Some(columns), "{row}");
    }
    let failed = document["failed"].as_array().expect("failed");
    assert_eq!(failed.len(), 1);
    let case = failed[0]["case"].as_str().expect("a case");
    assert!(case.ends_with("nowhere.json"), "{case}");
}

#[test]
fn invalid_arguments_are_usage_errors() {
    for arguments in [
        ["--sleep", "-1"],
        ["--slots", "0"],
        ["--durability", "some"],
    ] {
        let output = replay(&[Path::new("trace.json")], &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(replay(&[], &[]).status.code(), Some(2));
}

/// Published traces are not part of the project, since they have a licence of their own.
#[test]
fn published_traces_run_once_and_in_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/workloads");
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let files: Vec<PathBuf> = files
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    if files.is_empty() {
        let folder = folder.display();
        let _ = writeln!(std::io::stderr(), "skipped: {folder} holds no traces");
        return;
    }
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let output = replay(&files, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = words(&output.stdout);
    assert_eq!(shown.matches(" tasks, ").count(), files.len(), "{shown}");
}
