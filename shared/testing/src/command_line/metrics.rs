//! `metrics` and the answers for monitors: their format, their figures, and who may read them.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use super::http::Dashboard;
use super::program::{Sandbox, name, until};
use crate::exposition::Exposition;
use crate::skipped;

fn read(sandbox: &Sandbox) -> Exposition {
    let text = sandbox.ok(&["metrics"]);
    Exposition::read(&text, false).unwrap()
}

/// Tasks in a state of the queue `default`.
fn tasks(metrics: &Exposition, state: &str) -> Option<f64> {
    metrics.value("queue_tasks", &[("queue", "default"), ("state", state)])
}

fn keeps_log() -> bool {
    name() == "workflow-queue"
}

pub fn metrics_keep_the_rules_of_both_formats_whatever_the_names_of_queues() {
    let sandbox = Sandbox::new();
    for queue in [
        "a\"b\\c",
        "new\nline",
        "\u{1b}[31m",
        "\\x1b[31m",
        "\u{202e}right",
        "_other",
        "{}=",
    ] {
        sandbox.ok(&["add-task", "--queue", queue, "t", "true"]);
    }
    for queue in 0..110 {
        sandbox.ok(&["add-task", "--queue", &format!("q{queue}"), "t", "true"]);
    }
    let metrics = read(&sandbox);
    let queued = |queue| metrics.value("queue_tasks", &[("queue", queue), ("state", "queued")]);
    assert_eq!(queued("a\"b\\\\c"), Some(1.0));
    assert_eq!(queued("\\x1b[31m"), Some(1.0));
    assert_eq!(queued("\\\\x1b[31m"), Some(1.0));
    // The queue of that name and those beyond the hundredth; `default` is a queue as well.
    assert_eq!(queued("_other"), Some(19.0));
    if keeps_log() {
        let enqueued = |queue| metrics.value("queue_enqueued_total", &[("queue", queue)]);
        assert_eq!(
            (enqueued("q0"), enqueued("_other")),
            (Some(1.0), Some(19.0))
        );
    }
    let open = sandbox.ok(&["metrics", "--openmetrics"]);
    Exposition::read(&open, true).unwrap();
}

pub fn metrics_count_tasks_workers_and_attempts() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "good", "true"]);
    sandbox.ok(&["add-task", "--max-attempts", "1", "bad", "false"]);
    sandbox.run(&["worker", "--drain"]);
    sandbox.ok(&["add-task", "--delay", "1h", "later", "true"]);
    sandbox.ok(&["add-task", "next", "true"]);
    sandbox.ok(&["pause"]);
    let metrics = read(&sandbox);
    let states = ["scheduled", "queued", "running", "failed"].map(|state| tasks(&metrics, state));
    assert_eq!(states, [1.0, 1.0, 0.0, 1.0].map(Some));
    let paused = metrics.value("queue_paused", &[("queue", "default")]);
    assert_eq!(
        (paused, metrics.value("queue_workers", &[])),
        (Some(1.0), Some(0.0))
    );
    assert!(metrics.value("queue_db_bytes", &[]) > Some(4096.0));
    let ended = |outcome| {
        let labels = [("queue", "default"), ("outcome", outcome)];
        metrics.value("queue_attempts_total", &labels)
    };
    let counted = keeps_log().then_some(1.0);
    assert_eq!((ended("succeeded"), ended("failed")), (counted, counted));
    let runs = metrics.value("queue_run_seconds_count", &[("queue", "default")]);
    assert_eq!(runs, keeps_log().then_some(2.0));
    // The next call adds what came since, and nothing twice.
    sandbox.ok(&["resume"]);
    sandbox.run(&["worker", "--drain", "--timeout", "5s"]);
    let metrics = read(&sandbox);
    let enqueued = metrics.value("queue_enqueued_total", &[("queue", "default")]);
    assert_eq!(enqueued, keeps_log().then_some(4.0));
}

pub fn a_text_file_is_replaced_as_a_whole_and_others_can_read_it() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let folder = sandbox.path("collector");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("queue.prom");
    let option = path.to_str().unwrap();
    for _ in 0..2 {
        assert_eq!(sandbox.ok(&["metrics", "--textfile", option]), "");
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            tasks(&Exposition::read(&text, false).unwrap(), "queued"),
            Some(1.0)
        );
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
    let socket = folder.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [folder.join("missing/queue.prom"), socket.clone(), folder] {
        let refused = sandbox.run(&["metrics", "--textfile", path.to_str().unwrap()]);
        assert_ne!(refused.code(), 0, "{}", path.display());
        assert!(refused.stderr().contains("cannot write the metrics to"));
    }
    assert!(!socket.is_file());
}

pub fn a_scraper_sends_the_token_and_chooses_the_format() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let token = dashboard.login.split("token=").nth(1).unwrap().to_owned();
    let ask = |path: &str, headers: &str| {
        let host = &dashboard.host;
        dashboard.raw(
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n")
                .as_bytes(),
        )
    };
    for path in ["/metrics", "/health"] {
        assert_eq!(ask(path, "").status, 401);
        assert_eq!(ask(path, "authorization: Bearer 00\r\n").status, 401);
        assert_eq!(
            ask(path, &format!("authorization: Basic {token}\r\n")).status,
            401
        );
    }
    let known = format!("authorization: Bearer {token}\r\n");
    // The token of a program opens no page.
    assert_eq!(ask("/tasks", &known).status, 401);
    let answer = ask("/metrics", &known);
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let metrics = Exposition::read(&answer.body, false).unwrap();
    assert_eq!(tasks(&metrics, "queued"), Some(1.0));
    let accept = "accept: application/openmetrics-text; version=1.0.0\r\n";
    let answer = ask("/metrics", &format!("{known}{accept}"));
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    Exposition::read(&answer.body, true).unwrap();
    let health = ask("/health", &known);
    let checks: serde_json::Value = serde_json::from_str(&health.body).unwrap();
    assert!(
        checks
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["check"] == "backlog")
    );
    for (path, body) in [("/health/live", "live\n"), ("/health/ready", "ready\n")] {
        let answer = ask(path, "");
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
}

/// A dashboard that only reads shows the sums that others folded.
pub fn a_dashboard_folds_unless_it_only_reads() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let enqueued = |options: &[&str]| {
        let dashboard = Dashboard::start(&sandbox, options);
        let answer = dashboard.get("/metrics");
        let metrics = Exposition::read(&answer.body, false).unwrap();
        metrics.value("queue_enqueued_total", &[("queue", "default")])
    };
    let count = |count| keeps_log().then_some(count);
    assert_eq!(enqueued(&["--read-only"]), count(0.0));
    assert_eq!(enqueued(&[]), count(1.0));
    sandbox.ok(&["add-task", "two", "true"]);
    assert_eq!(enqueued(&["--read-only"]), count(1.0));
    let dashboard = Dashboard::start(&sandbox, &[]);
    sandbox.ok(&["add-task", "three", "true"]);
    until("the sums have all tasks", || {
        let reader = dashboard.get("/metrics");
        let metrics = Exposition::read(&reader.body, false).unwrap();
        metrics.value("queue_enqueued_total", &[("queue", "default")]) == count(3.0)
    });
}

/// Program that reads a text in either format with the parsers of the package `prometheus_client`.
const PARSER: &str = "
import sys
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as prometheus
parser = openmetrics if sys.argv[1] == 'openmetrics' else prometheus
families = list(parser.text_string_to_metric_families(sys.stdin.read()))
print(len(families))
";

pub fn the_parsers_of_prometheus_read_both_formats() {
    let has_package = |python: &&str| {
        let import = ["-c", "import prometheus_client"];
        let imported = Command::new(python).args(import).output();
        imported.is_ok_and(|done| done.status.success())
    };
    // Another Python before it in the path does not see the packages of Debian's.
    let mut pythons = ["python3", "/usr/bin/python3"].into_iter();
    let Some(python) = pythons.find(has_package) else {
        return skipped("python3 has no package prometheus_client");
    };
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "--queue", "a\"b\\c\u{1b}", "good", "true"]);
    sandbox.run(&["worker", "--drain", "--all-queues"]);
    if keeps_log() {
        let words = ["hook", "add", "a\"b\\c", "--on", "task.failed"];
        sandbox.ok(&[words.as_slice(), &["--", "true"]].concat());
    }
    for (form, options) in [
        ("prometheus", vec!["metrics"]),
        ("openmetrics", vec!["metrics", "--openmetrics"]),
    ] {
        let text = sandbox.ok(&options);
        let mut parser = Command::new(python)
            .args(["-c", PARSER, form])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = parser.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        let done = parser.wait_with_output().unwrap();
        assert!(done.status.success(), "{form}\n{text}");
        let families: usize = String::from_utf8(done.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert!(families > 8, "{families}");
    }
}
