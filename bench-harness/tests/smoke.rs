//! Small runs of the real program: it computes and formats. The values of figures are measured by hand,
//! never asserted here.

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
    let report = json(&["compare", "--ops", "10", "--runs", "2", "-o", "json"]);
    assert_eq!(report["kind"], "compare");
    assert!(report["disk_probe_us"]["median"].as_f64() > Some(0.0));
    let charts = report["bars"].as_array().expect("charts");
    let operations = charts.iter().filter(|chart| {
        let title = chart["title"].as_str().expect("a title");
        title.starts_with("10 operations")
    });
    let bars: Vec<&serde_json::Value> = operations
        .flat_map(|chart| chart["bars"].as_array().expect("bars"))
        .collect();
    assert_eq!(
        bars.len(),
        18,
        "two durabilities, three cuts, three systems"
    );
    for chart in charts {
        for bar in chart["bars"].as_array().expect("bars") {
            assert!(bar["value"]["min"].as_f64() > Some(0.0), "{bar}");
        }
    }
}

#[test]
fn compare_prints_tables_of_at_most_eighty_columns() {
    let output = harness(&["compare", "--ops", "10", "--runs", "1"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for system in ["raw", "fast-queue", "workflow-queue"] {
        let rows = text.lines().filter(|line| {
            let mut words = line.split_whitespace();
            matches!(words.next(), Some("fast" | "full")) && words.nth(1) == Some(system)
        });
        assert_eq!(rows.count(), 6, "{system}: {text}");
    }
}

#[test]
fn choose_decides_by_need_and_states_the_measured_cost() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("compare.json");
    let printed = harness(&["compare", "--ops", "10", "--runs", "1", "-o", "json"]);
    std::fs::write(&path, printed.stdout).expect("written");
    let path = path.to_str().expect("UTF-8");
    let output = harness(&["choose", "--needs", "deps,leases", "--from", path]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.starts_with("workflow-queue\n"), "{text}");
    assert!(
        text.contains("no deps") && text.contains("no leases"),
        "{text}"
    );
    assert!(text.contains("times as long as fast-queue"), "{text}");
}

#[test]
fn an_unknown_need_is_refused_with_a_list_of_the_known_ones() {
    let output = run(&["choose", "--needs", "deps,wings"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("wings") && said.contains("leases"), "{said}");
}

#[test]
fn the_suite_judges_its_figures() {
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
fn a_figure_that_an_engine_does_not_promise_is_refused() {
    let output = run(&["suite", "dag", "--engine", "fast"]);
    assert_eq!(output.status.code(), Some(70));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("promises none"), "{said}");
}

/// A measurement's own process, killed on drop.
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

/// Runs the processes of the suite on a file of an engine.
fn processes_work(queue: &impl Queue, engine: &str) {
    let arguments = ["cycle", "--engine", engine, "--millis", "200"];
    queue
        .enqueue(vec![NewTask::shell("task", "true"); 2])
        .expect("enqueued");
    let mut cycle = Measuring::start(&arguments, queue.coordination().location().path());
    let mut lines = cycle.lines();
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let mut stdin = cycle.0.stdin.take().expect("a pipe");
    stdin.write_all(b"go\n").expect("written");
    let report: serde_json::Value =
        serde_json::from_str(&lines.next().expect("a report")).expect("JSON");
    assert_eq!(report["busy"], 0, "{report}");
    let succeeded = queue.stats().expect("stats").count(State::Succeeded);
    assert_eq!(report["done"], succeeded, "{report}");

    let mut stamp = Measuring::start(
        &["stamp", "worker", "--engine", engine],
        queue.coordination().location().path(),
    );
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
    let options = SqliteOptions::new().expect("options").open(open);
    let workflow = WorkflowQueue::open_with(path("workflow.db"), options).expect("a file");
    processes_work(&workflow, "workflow");
}

#[test]
fn a_bare_process_claims_a_task_after_a_datagram() {
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
fn unknown_groups_and_invalid_counts_are_usage_errors() {
    for arguments in [
        ["suite", "nothing-of-the-kind"].as_slice(),
        &["suite", "--engine", "nobody's"],
        &["compare", "--ops", "0"],
        &["compare", "--runs", "-1"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
