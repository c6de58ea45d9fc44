//! Processor time and memory of a command, which every verb and page tells alike.

use queue_testing::command_line::http::Dashboard;
use serde_json::Value;

use super::sandbox;

/// Takes more memory than the worker, and some processor time, then fails. A signal makes a read short,
/// which `fullblock` makes up for.
const COMMAND: &str =
    "dd if=/dev/zero of=/dev/null bs=150M count=1 iflag=fullblock 2> /dev/null; exit 3";

#[test]
fn every_verb_and_page_has_the_same_processor_time_and_memory() {
    let sandbox = sandbox();
    sandbox.ok(&["add-task", "one", COMMAND, "--max-attempts", "1"]);
    sandbox.run(&["worker", "--drain"]);
    let figures = |of: &Value| (of["cpu_us"].as_u64(), of["rss_kb"].as_u64());
    let shown = sandbox.json(&["show", "1"]);
    let known = figures(&shown);
    let (Some(cpu_us), Some(rss_kb)) = known else {
        panic!("{shown}");
    };
    assert!(cpu_us > 0 && rss_kb >= 150 << 10, "{shown}");
    assert_eq!(figures(&sandbox.json(&["list"])[0]), known);
    assert_eq!(figures(&sandbox.json(&["attempts", "1"])[0]), known);
    let history = sandbox.json(&["history", "1"]);
    let events = history[0]["events"].as_array().unwrap();
    assert_eq!(figures(events.last().unwrap()), known, "{history}");
    let told = sandbox.ok(&["events", "--type", "task.failed", "-o", "json"]);
    let event = serde_json::from_str(&told).unwrap();
    assert_eq!(figures(&event), known, "{told}");
    let metrics = sandbox.ok(&["metrics"]);
    let sums = metrics.lines().find_map(|line| {
        let sum = line.strip_prefix("queue_cpu_seconds_sum{queue=\"default\"} 0.")?;
        format!("{sum:0<6}").parse::<u64>().ok()
    });
    assert_eq!(sums, Some(cpu_us), "{metrics}");

    let people = sandbox.ok(&["show", "1"]);
    let value = |name: &str| {
        let line = people.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_once(' ').unwrap().1.trim().to_owned()
    };
    let listed = sandbox.ok(&["list", "--columns", "cpu,memory"]);
    let told = sandbox.ok(&["events", "--type", "task.failed"]);
    let dashboard = Dashboard::start(&sandbox, &[]);
    let page = dashboard.get("/tasks/1").body;
    for (title, name) in [("CPU time", "cpu"), ("Peak memory", "memory")] {
        let value = value(name);
        for text in [&listed, &told] {
            assert!(text.contains(&value), "{value} in {text}");
        }
        let shown = format!("<dt>{title}</dt><dd class=\"number\">{value}</dd>");
        assert!(page.contains(&shown), "{shown} in {page}");
    }
}
