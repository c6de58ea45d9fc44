//! Workflows from the command line, valid and invalid.

use std::fmt::Write as _;

use queue_testing::command_line::program::{Done, Sandbox};

use crate::sandbox;

/// Enqueues lines of JSON.
fn submit(sandbox: &Sandbox, lines: &str) -> Done {
    sandbox.write("lines", lines);
    let mut command = sandbox.command(&["enqueue", "--stdin"]);
    command.stdin(std::fs::File::open(sandbox.path("lines")).unwrap());
    Done(command.output().unwrap())
}

/// Arguments, and a part of the error they cause.
const WRONG: &[(&[&str], &str)] = &[
    (&["enqueue", "a", "true", "--after", ""], "selects no task"),
    (&["enqueue", "a", "true", "--after", "x"], "selects no task"),
    (
        &["enqueue", "a", "true", "--key-scope", "unfinished"],
        "--key <KEY>",
    ),
    (
        &["enqueue", "a", "true", "--on-conflict", "refuse"],
        "--key <KEY>",
    ),
    (&["worker", "abc"], "a whole number from 1 to 10000"),
    (&["tree", "1", "--limit", "0"], "a whole number from 1 to"),
    (&["enqueue", "a", "true", "--after", "1:"], "none of"),
    (&["enqueue", "a", "true", "--after", "1:done"], "none of"),
    (
        &["enqueue", "a", "true", "--after", "all"],
        "cannot wait for all tasks",
    ),
    (
        &["enqueue", "a", "true", "--after", "1:any", "--after", "1"],
        "two ways",
    ),
    (
        &["enqueue", "a", "true", "--key", "k", "--key-scope", "week"],
        "`unfinished`",
    ),
    (
        &[
            "enqueue",
            "a",
            "true",
            "--key",
            "k",
            "--on-conflict",
            "fail",
        ],
        "`refuse`",
    ),
    (
        &["enqueue", "a", "true", "--start-within", "0"],
        "longer than zero",
    ),
    (
        &["enqueue", "a", "true", "--finish-within", "-1"],
        "negative",
    ),
    (
        &["enqueue", "a", "true", "--limit-key", ""],
        "1 to 1024 bytes",
    ),
    (&["enqueue", "a", "true", "0", "soon"], "not a duration"),
    (&["enqueue", "a", "true", "0", "-1"], "negative"),
    (&["worker", "0"], "from 1 to 10000"),
    (&["worker", "-1"], "-1"),
    (&["worker", "--lease", "1ms"], "one second to one day"),
    (&["limit", "--concurrency", "1"], "--queue or --key"),
    (
        &["limit", "--queue", "", "--concurrency", "1"],
        "must not be empty",
    ),
    (
        &["limit", "--key", "", "--concurrency", "1"],
        "1 to 1024 bytes",
    ),
    (&["limit", "--queue", "q", "--rate", "1/0"], "period"),
    (&["tree", "0"], "selects no task"),
    (&["promote", "--timeout", "-1"], "negative"),
];

#[test]
fn wrong_arguments_are_usage_errors_and_enqueue_nothing() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "one", "true"]);
    for (words, sentence) in WRONG {
        let done = sandbox.run(words);
        let stderr = done.stderr();
        assert_eq!(done.code(), 2, "{words:?}: {stderr}");
        assert!(stderr.contains(sentence), "{words:?}: {stderr}");
        assert_eq!(done.stdout(), "", "{words:?}");
    }
    assert_eq!(sandbox.json(&["status"])["total"], 1);
    assert_eq!(sandbox.json(&["limit"]), serde_json::json!([]));
}

/// Lines, the exit code, and a part of the error they cause.
const WRONG_LINES: &[(&str, i32, &str)] = &[
    (
        r#"{"name":"x","command":"true","after":["x"]}"#,
        2,
        "line 1001 \"x\" depends on itself;",
    ),
    (
        r#"{"name":"x","command":"true","after":["1:any"]}"#,
        2,
        "line 1001: after: no line is named \"1\"; write \"id:1:any\" for the task of that id",
    ),
    (
        r#"{"name":"x","command":"true","before":["1"]}"#,
        2,
        "line 1001: before: \"1\" is a name; write \"id:1\"",
    ),
    (
        r#"{"name":"x","command":"true","after":[1,"id:1:any"]}"#,
        2,
        "line 1001 \"x\" depends on one task in two ways",
    ),
    (
        r#"{"name":"x","command":"true","start_within":0}"#,
        2,
        "line 1001 \"x\": a duration must be longer",
    ),
    (
        r#"{"name":"x","command":"true","after":["line"]}"#,
        2,
        "line 1001: after: several lines are named \"line\"",
    ),
    (
        r#"{"name":"x","command":"true","after":["y"]}"#,
        2,
        "line 1001: after: no line is named \"y\";",
    ),
    (
        r#"{"name":"x","command":"true","after":[99]}"#,
        3,
        "there is no task 99 for line 1001 \"x\" to depend on",
    ),
    (
        r#"{"name":"x","command":"true","after":[1.5]}"#,
        2,
        "an entry is an id (7, \"id:7:any\") or the name of a line",
    ),
    (
        r#"{"name":"x","command":"true","after":"y"}"#,
        2,
        "line 1001: after: it must be a list;",
    ),
    (
        r#"{"name":"x","command":"true","key_scope":"1h"}"#,
        2,
        "key_scope: it needs a `key`",
    ),
    (
        r#"{"name":"x","command":"true","on-conflict":"refuse"}"#,
        2,
        "on_conflict: it needs a `key`",
    ),
    (
        r#"{"name":"x","command":"true","limit_key":5}"#,
        2,
        "limit_key: it must be a string;",
    ),
    (
        r#"{"name":"x","command":"true","after":[1],"after":[1]}"#,
        2,
        "line 1001",
    ),
    (
        r#"{"name":"x","command":"true","limit-key":"a","limit_key":"b"}"#,
        2,
        "duplicate field",
    ),
    (
        r#"{"name":"x","command":"true","start_within":"soon"}"#,
        2,
        "start_within: ",
    ),
];

#[test]
fn one_wrong_line_rejects_all_others() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "one", "true"]);
    let good: String = (0..1000).fold(String::new(), |mut text, number| {
        let _ = writeln!(
            text,
            r#"{{"name":"line{}","command":"true","after":[1]}}"#,
            if number < 2 {
                String::new()
            } else {
                number.to_string()
            }
        );
        text
    });
    for (line, code, sentence) in WRONG_LINES {
        let done = submit(&sandbox, &format!("{good}{line}\n"));
        assert_eq!(done.code(), *code, "{line}: {}", done.stderr());
        assert!(
            done.stderr().contains(sentence),
            "{line}: {}",
            done.stderr()
        );
    }
    assert_eq!(sandbox.json(&["status"])["total"], 1);
}

/// `"after":["1"]` meant task 1 instead of the line named "1": the task ran before the one it was
/// to wait for.
#[test]
fn a_name_of_digits_means_the_line_of_that_name() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "unrelated", "true"]);
    let lines = r#"# numbered steps

{"name":"2","command":"true","after":["1"]}
{"name":"1","command":"true","after":["id:1:any", 1]}
"#;
    let done = submit(&sandbox, &lines.replace(", 1]", "]"));
    assert_eq!(done.code(), 0, "{}", done.stderr());
    let why = sandbox.ok(&["why", "2-3"]);
    let waits: Vec<_> = why.lines().filter(|line| line.contains("first")).collect();
    assert_eq!(
        waits,
        [
            "  task 3 has to succeed first; it is blocked",
            "  task 1 has to end first; it is queued"
        ]
    );
    let circle = submit(&sandbox, &lines.replace("\"id:1:any\", 1", "\"2\""));
    let sentence =
        "line 3 \"2\", which waits for line 4 \"1\", which waits for line 3 \"2\"; no line";
    assert!(circle.stderr().contains(sentence), "{}", circle.stderr());
}

/// The error about an edge in front of a stored task named ids that were rolled back.
#[test]
fn an_edge_before_a_stored_task_is_refused_by_line_number() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "stored", "true"]);
    let done = submit(
        &sandbox,
        "\n{\"name\":\"x\",\"command\":\"true\",\"after\":[1],\"before\":[1]}\n",
    );
    assert_eq!(done.code(), 2);
    let stderr = done.stderr();
    assert!(stderr.contains("line 2 \"x\""), "{stderr}");
    assert!(!stderr.contains("task 2"), "{stderr}");
}

#[test]
fn a_cycle_is_refused_and_its_edges_are_named() {
    let sandbox = sandbox();
    let lines = r#"{"name":"a","command":"true","after":["c"]}
{"name":"b","command":"true","after":["a:any"]}
{"name":"c","command":"true","after":["b"]}
"#;
    let done = submit(&sandbox, lines);
    assert_eq!(done.code(), 2);
    for name in ["\"a\"", "\"b\"", "\"c\""] {
        assert!(done.stderr().contains(name), "{}", done.stderr());
    }
}

#[test]
fn a_wide_fan_is_one_transaction_and_its_tree_is_truncated() {
    let sandbox = sandbox();
    let mut lines = "{\"name\":\"root\",\"command\":\"true\"}\n".to_owned();
    for _ in 0..20_000 {
        lines.push_str("{\"command\":\"true\",\"after\":[\"root\"]}\n");
    }
    lines.push_str("{\"name\":\"join\",\"command\":\"true\",\"after\":[\"root:any\"]}\n");
    let done = submit(&sandbox, &lines);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert_eq!(done.stdout(), "Enqueued 20002 tasks: 1-20002\n");
    let tree = sandbox.run(&["tree", "1", "--limit", "5"]);
    assert_eq!(tree.stdout().lines().count(), 6, "a heading and five tasks");
    assert!(tree.stderr().contains("more follows"), "{}", tree.stderr());
}

#[test]
fn a_pruned_task_cannot_be_depended_on() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "one", "true"]);
    sandbox.ok(&["enqueue", "two", "true"]);
    sandbox.ok(&["worker", "--drain"]);
    sandbox.ok(&["prune", "--older-than", "0"]);
    let done = sandbox.run(&["enqueue", "late", "true", "--after", "1"]);
    assert_eq!(done.code(), 3);
    assert!(
        done.stderr().contains("there is no task 1"),
        "{}",
        done.stderr()
    );
}

#[test]
fn a_delay_in_the_original_form_is_seconds_with_fractions() {
    let sandbox = sandbox();
    assert_eq!(
        sandbox.ok(&["enqueue", "soon", "true", "-5", "0.5"]),
        "Enqueued task 1\n"
    );
    let task = sandbox.json(&["show", "1"]);
    assert_eq!(
        (&task["state"], &task["priority"]),
        (&"scheduled".into(), &(-5).into())
    );
    assert_eq!(sandbox.run(&["worker", "1", "--drain"]).code(), 0);
    assert_eq!(sandbox.state("1"), "succeeded");
}

#[test]
fn a_task_that_starts_too_late_or_takes_too_long_fails_with_that_reason() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "late", "true", "--start-within", "1ms"]);
    sandbox.ok(&["enqueue", "long", "sleep 1000", "--finish-within", "300ms"]);
    assert_eq!(
        sandbox
            .run(&["worker", "--drain", "--grace", "100ms"])
            .code(),
        1
    );
    assert_eq!(sandbox.json(&["show", "1"])["reason"], "late");
    assert_eq!(sandbox.json(&["show", "2"])["reason"], "deadline");
}

#[test]
fn control_sequences_never_reach_a_terminal() {
    let sandbox = sandbox();
    let evil = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}b\r\nc";
    let rate = "5/s";
    let runs: &[&[&str]] = &[
        &[
            "enqueue",
            evil,
            "exit 3",
            "--limit-key",
            evil,
            "--max-attempts",
            "1",
        ],
        &["enqueue", evil, "true", "--queue", evil, "--after", "1"],
        &["limit", "--key", evil, "--concurrency", "3"],
        &["limit", "--queue", evil, "--rate", rate],
        &["limit"],
        &["queues"],
        &["worker", "--drain"],
        &["attempts", "all"],
        &["why", "1-2"],
        &["tree", "1"],
        &["tree", "1", "-o", "json"],
        &["queues", "-o", "json"],
        &["limit", "--key", evil, "--remove"],
        &["enqueue", "x", "true", "--after", evil],
        &["promote", evil],
    ];
    for words in runs {
        let done = sandbox.run(words);
        for text in [done.stdout(), done.stderr()] {
            for c in ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\r'] {
                assert!(!text.contains(c), "{words:?} shows {c:?} in {text:?}");
            }
        }
    }
}

#[test]
fn the_test_workflow_runs_beside_other_work_and_is_repeatable() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "other", "true"]);
    for _ in 0..2 {
        let tree = sandbox.json(&["test", "--run"]);
        let tasks = tree["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 5);
        assert!(
            tasks.iter().all(|task| task["state"] == "succeeded"),
            "{tree}"
        );
        assert_eq!(tree["edges"].as_array().unwrap().len(), 3);
    }
    assert_eq!(
        sandbox.state("1"),
        "queued",
        "what is not its own is left alone"
    );
}

#[test]
fn a_retry_of_all_re_opens_skipped_tasks_in_any_order_of_ids() {
    let sandbox = sandbox();
    // More tasks than one step handles, each in front of its dependency.
    let mut lines = String::new();
    for number in 0..1200 {
        let on = if number < 1199 {
            format!("t{}", number + 1)
        } else {
            "gate".to_owned()
        };
        let _ = writeln!(
            lines,
            r#"{{"name":"t{number}","command":"true","after":["{on}"]}}"#
        );
    }
    lines.push_str(r#"{"name":"gate","command":"test -e open","max_attempts":1}"#);
    assert_eq!(submit(&sandbox, &lines).code(), 0);
    assert_eq!(sandbox.run(&["worker", "--drain"]).code(), 1);
    assert_eq!(sandbox.json(&["status"])["skipped"], 1200);
    sandbox.write("open", "");
    let said = sandbox.ok(&["retry", "all"]);
    assert_eq!(said, "Requeued 1201 tasks: 1-1201\n");
    assert_eq!(sandbox.json(&["status"])["blocked"], 1200);
}

#[test]
fn the_scope_of_keys_can_be_set_for_all_lines() {
    let sandbox = sandbox();
    sandbox.write("lines", "true\n{\"command\":\"true\",\"key\":\"k\"}\n");
    let mut command = sandbox.command(&["enqueue", "--stdin", "--key-scope", "unfinished"]);
    command.stdin(std::fs::File::open(sandbox.path("lines")).unwrap());
    let done = Done(command.output().unwrap());
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert_eq!(done.stdout(), "Enqueued 2 tasks: 1-2\n");
}

/// Of more than a hundred dependencies, a hundred were named as if there were no others.
#[test]
fn many_dependencies_are_named_in_part_and_the_rest_is_counted() {
    let sandbox = sandbox();
    sandbox.enqueue(&"true\n".repeat(103));
    sandbox.ok(&["enqueue", "join", "true", "--after", "1-103"]);
    let text = sandbox.ok(&["why", "104"]);
    let sentence = "\n  3 more have to end first; `workflow-queue tree --up 104` shows all";
    assert!(text.contains(sentence), "{text}");
    assert_eq!(text.matches("has to succeed first").count(), 100, "{text}");
    sandbox.ok(&["cancel", "1-102"]);
    let text = sandbox.ok(&["why", "104"]);
    let sentence = "\n  2 more did not end as required; `workflow-queue tree --up 104`";
    assert!(text.contains(sentence), "{text}");
    sandbox.ok(&["enqueue", "few", "true", "--after", "101-103:any"]);
    assert!(!sandbox.ok(&["why", "105"]).contains(" more "));
}

#[test]
fn a_limit_or_promotion_stands_even_if_it_cannot_be_printed() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "a", "true"]);
    for (words, said) in [
        (
            &["limit", "--queue", "other", "--concurrency", "3"][..],
            "Limited queue other to 3 at once",
        ),
        (&["promote"], "Promoted"),
        (&["retry", "1", "--downstream"], ""),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = sandbox.command(words);
        let done = Done(command.stdout(full.unwrap()).output().unwrap());
        let told = done.stderr();
        if said.is_empty() {
            assert_eq!(done.code(), 1, "what was refused stays refused: {told}");
        } else {
            assert_eq!(done.code(), 0, "{words:?}: {told}");
            assert!(told.contains("could not be printed"), "{words:?}: {told}");
            assert!(told.contains(said), "{words:?}: {told}");
        }
    }
}
