//! `run` of a file whose lines wait for each other.

use queue_testing::command_line::program::{Done, Sandbox, path, until};
use queue_testing::skipped;
use rustix::process::Signal;

use crate::sandbox;

/// Steps that append their names to the file `ran`; `test` succeeds once the file `fixed` exists.
const STEPS: &str = r#"
{"name": "deploy", "command": "echo deploy >> ran", "after": ["test"]}
{"name": "build", "command": "echo build >> ran"}
{"name": "test", "command": "echo test >> ran; test -e fixed", "after": ["build"]}
{"name": "alarm", "command": "echo alarm >> ran", "after": ["test:failure"]}
"#;

fn run(sandbox: &Sandbox, words: &[&str]) -> Done {
    sandbox.run(&[&["run", "-j1", "flow.jsonl"], words].concat())
}

/// The steps that ran since the last call, in this order.
fn ran(sandbox: &Sandbox) -> String {
    let ran = sandbox.read("ran").replace('\n', " ");
    sandbox.write("ran", "");
    ran
}

#[test]
fn steps_run_in_order_and_only_failed_and_skipped_ones_run_again() {
    let sandbox = sandbox();
    sandbox.write("flow.jsonl", STEPS);
    let first = run(&sandbox, &[]);
    assert_eq!(first.code(), 1, "{}", first.stderr());
    assert!(
        first.stdout().contains("2 succeeded, 1 failed, 1 skipped"),
        "{}",
        first.stdout()
    );
    assert_eq!(ran(&sandbox), "build test alarm ");
    assert_eq!(run(&sandbox, &[]).code(), 1);
    assert_eq!(ran(&sandbox), "");
    sandbox.write("fixed", "");
    let second = run(&sandbox, &["--retry-failed"]);
    assert_eq!(second.code(), 0, "{}", second.stderr());
    assert_eq!(ran(&sandbox), "test deploy ");
}

/// A step for the case of a failure made every run fail.
#[test]
fn a_step_for_a_failure_that_did_not_happen_is_not_needed() {
    let sandbox = sandbox();
    sandbox.write("flow.jsonl", STEPS);
    sandbox.write("fixed", "");
    let done = run(&sandbox, &[]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert!(
        done.stdout()
            .contains("3 succeeded, 0 failed, 1 not needed"),
        "{}",
        done.stdout()
    );
    assert_eq!(ran(&sandbox), "build test deploy ");
    let again = run(&sandbox, &["--retry-failed"]);
    assert_eq!(again.code(), 0, "{}", again.stderr());
    assert_eq!(ran(&sandbox), "");
}

/// A step that still waited would have waited for the withdrawn task of the line before the edit.
#[test]
fn an_edited_step_runs_again_with_those_that_wait_for_it() {
    let sandbox = sandbox();
    sandbox.write("flow.jsonl", STEPS);
    run(&sandbox, &[]);
    ran(&sandbox);
    sandbox.write("fixed", "");
    sandbox.write("flow.jsonl", STEPS.replace("echo build", "echo built"));
    let done = run(&sandbox, &[]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert_eq!(ran(&sandbox), "built test deploy ");
}

#[test]
fn a_killed_flow_goes_on_where_it_was() {
    let sandbox = sandbox();
    let waits = "touch begun; while ! test -e fixed; do sleep 0.02; done";
    sandbox.write("flow.jsonl", STEPS.replace("test -e fixed", waits));
    let mut killed = sandbox.start(&["run", "-j1", "flow.jsonl"]);
    until("the second step runs", || sandbox.path("begun").exists());
    killed.signal(Signal::KILL);
    assert_eq!(killed.ended(), None);
    assert_eq!(ran(&sandbox), "build test ");
    sandbox.write("fixed", "");
    let done = run(&sandbox, &[]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert_eq!(ran(&sandbox), "test deploy ");
}

#[test]
fn steps_that_name_no_line_or_wait_in_a_circle_are_refused() {
    let sandbox = sandbox();
    for (lines, sentence) in [
        (
            r#"{"name": "a", "command": "true", "after": ["b"]}"#,
            "flow.jsonl: line 1: after: no line is named \"b\"",
        ),
        (
            "{\"name\": \"a\", \"command\": \"true\", \"after\": [\"b\"]}\n\
             {\"name\": \"b\", \"command\": \"true\", \"after\": [\"a\"]}",
            "no line was enqueued",
        ),
        (
            r#"{"command": "true", "before": [1]}"#,
            "unknown field `before`",
        ),
    ] {
        sandbox.write("flow.jsonl", lines);
        let refused = run(&sandbox, &[]);
        assert_eq!(refused.code(), 2, "{}", refused.stderr());
        assert!(refused.stderr().contains(sentence), "{}", refused.stderr());
    }
}

/// The bar stood still at the lines that had run: those that were skipped seemed to be open until the
/// end.
#[test]
fn the_bar_counts_lines_that_are_skipped() {
    let sandbox = sandbox();
    let waits = r#"{"name": "waits", "command": "until [ -e go ]; do sleep 0.02; done"}"#;
    let others = r#"
{"name": "fails", "command": "false"}
{"name": "next", "command": "true", "after": ["fails"]}
{"name": "last", "command": "true", "after": ["next"]}
"#;
    sandbox.write("flow.jsonl", format!("{waits}{others}"));
    let line = format!("stty cols 80; exec {} run flow.jsonl -j 2", path());
    let program = sandbox.command(&[]);
    let mut script = std::process::Command::new("script");
    script
        .args(["-qfec", &line, "seen"])
        .current_dir(sandbox.folder())
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm-256color")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    let Ok(mut running) = script.spawn() else {
        skipped("there is no `script` to make a terminal with");
        return;
    };
    until("the bar counts both skipped lines", || {
        sandbox.read("seen").contains("3/4")
    });
    sandbox.write("go", "");
    assert_eq!(running.wait().unwrap().code(), Some(1));
}
