//! The harness computes and formats: tiny runs of the real program. What the figures are is
//! measured by hand, never asserted here.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Output, Stdio};

use fast_queue::FastQueue;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{NewTask, Queue, State};
use workflow_queue::{SqliteOptions, WorkflowQueue};

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
    assert_eq!(
        lines.len(),
        18,
        "two durabilities, three cuts, three systems"
    );
    for line in lines {
        assert!(line["ms"]["min"].as_f64() > Some(0.0), "{line}");
        for ratio in ["ratio_to_raw", "ratio_to_fast", "ratio_to_one_commit_each"] {
            assert!(line[ratio].as_f64() > Some(0.0), "{line}");
        }
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
    for engine in ["fast-queue", "workflow-queue"] {
        let rows = text.matches(engine).count();
        assert_eq!(rows, 7, "six rows and its memory: {text}");
    }
}

#[test]
fn the_suite_judges_what_it_measured() {
    let report = json(&["suite", "hundred", "--quick", "-o", "json"]);
    let figures = report["figures"].as_array().expect("figures");
    let engines: Vec<&str> = figures
        .iter()
        .filter_map(|figure| figure["engine"].as_str())
        .collect();
    let [fast, workflow] = ["fast-queue", "workflow-queue"];
    assert_eq!(engines, [fast, fast, workflow, workflow]);
    for figure in figures {
        assert!(figure["value"]["median"].as_f64() > Some(0.0), "{figure}");
        assert!(figure["bar"].is_object(), "{figure}");
    }
}

#[test]
fn figures_are_shown_under_the_name_of_their_engine() {
    let output = harness(&["suite", "hundred", "--quick", "--engine", "workflow-queue"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().nth(1), Some("workflow-queue"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_is_not_promised_of_an_engine_is_said_not_to_be() {
    let output = run(&["suite", "dag", "--engine", "fast"]);
    assert_eq!(output.status.code(), Some(70));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("promised"), "{said}");
}

/// What a measurement runs in a process of its own, killed with the value.
struct Measuring(Child);

impl Measuring {
    fn start(arguments: &[&str], database: &std::path::Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_bench-harness"))
            .arg("child")
            .args(arguments)
            .arg("--db")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the harness starts");
        Self(child)
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let stdout = self.0.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .lines()
            .map(|line| line.expect("UTF-8"))
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes of the suite on a file of an engine.
fn processes_work(queue: &impl Queue, engine: &str) {
    let arguments = ["cycle", "--engine", engine, "--millis", "200"];
    queue
        .enqueue(vec![NewTask::shell("task", "true"); 2])
        .expect("enqueued");
    let mut cycle = Measuring::start(&arguments, queue.path());
    let mut lines = cycle.lines();
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let mut stdin = cycle.0.stdin.take().expect("a pipe");
    stdin.write_all(b"go\n").expect("written");
    let report: serde_json::Value =
        serde_json::from_str(&lines.next().expect("a report")).expect("JSON");
    assert_eq!(report["busy"], 0, "{report}");
    let succeeded = queue.stats().expect("stats").count(State::Succeeded);
    assert_eq!(report["done"], succeeded, "{report}");

    let mut stamp = Measuring::start(&["stamp", "worker", "--engine", engine], queue.path());
    let task = NewTask::handler("stamp", []);
    queue.enqueue(vec![task]).expect("enqueued");
    let stamped = stamp.lines().next().expect("a stamp");
    assert!(stamped.parse::<i64>().expect("a time") > 0);
}

#[test]
fn processes_of_the_suite_work_on_files_of_both_engines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let open = OpenOptions::new(Durability::Fast).expect("options");
    let fast = FastQueue::open_with(path("fast.db"), open.clone()).expect("a file");
    processes_work(&fast, "fast");
    let options = SqliteOptions {
        open,
        ..SqliteOptions::new().expect("options")
    };
    let workflow = WorkflowQueue::open_with(path("workflow.db"), options).expect("a file");
    processes_work(&workflow, "workflow");
}

#[test]
fn a_bare_process_claims_what_a_datagram_tells_it_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = OpenOptions::new(Durability::Fast).expect("options");
    let queue = FastQueue::open_with(folder.path().join("tasks.db"), open).expect("a file");
    let socket = folder.path().join("socket");
    let arguments = ["stamp", "bare", "--socket", socket.to_str().expect("UTF-8")];
    let mut bare = Measuring::start(&arguments, queue.path());
    let mut stamps = bare
        .lines()
        .map(|line| line.parse::<i64>().expect("a time"));
    let listening = stamps.next().expect("it listens");
    queue
        .enqueue(vec![NewTask::shell("task", "true")])
        .expect("enqueued");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.send_to(&[0], &socket).expect("sent");
    assert!(stamps.next().expect("it claimed") > listening);
    drop(bare.0.stdin.take());
    assert!(bare.0.wait().expect("it ends").success());
    let stats = queue.stats().expect("stats");
    assert_eq!(stats.count(State::Succeeded), 1);
}

#[test]
fn unknown_groups_and_senseless_counts_are_usage_errors() {
    for arguments in [
        ["suite", "nothing-of-the-kind"].as_slice(),
        &["suite", "--engine", "nobody's"],
        &["compare", "--ops", "0"],
        &["compare", "--runs", "-1"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
