//! `run`: output of its lines, its stop at a failure, the form of its file.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use super::program::{Sandbox, until};

pub fn the_output_of_ended_lines_is_shown_by_task() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", "echo one; echo two\nprintf bad; exit 3\ntrue\n");
    let quiet = sandbox.run(&["run", "-j", "1", "--name", "quiet", "tasks"]);
    assert!(!quiet.stdout().contains("bad"), "{}", quiet.stdout());
    let all = sandbox.run(&["run", "-j1", "--show", "output", "--name", "all", "tasks"]);
    assert_eq!(all.code(), 1);
    let shown = all.stdout();
    let (output, summary) = shown.split_at(shown.find("2 succeeded").unwrap());
    assert_eq!(
        output,
        "--- task 4 (echo one; echo two) ---\none\ntwo\n--- task 5 (printf bad; exit 3) ---\nbad\n"
    );
    assert!(summary.starts_with("2 succeeded, 1 failed"), "{summary}");
    let failed = sandbox.run(&["run", "--show", "failed", "--name", "failed", "tasks"]);
    assert!(failed.stdout().contains("bad\n") && !failed.stdout().contains("one"));
    let colored = ["run", "--color", "always", "--name", "colored", "tasks"];
    let colored = sandbox.run(&colored).stdout();
    let summary = "\x1b[32m2 succeeded\x1b[0m, \x1b[31m1 failed\x1b[0m, in ";
    assert!(colored.contains(summary), "{colored:?}");
    let json = sandbox.run(&[
        "run", "--show", "failed", "-o", "json", "--name", "json", "tasks",
    ]);
    let values: Vec<serde_json::Value> = json
        .stdout()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(values[0]["text"], "bad");
    assert_eq!(values.last().unwrap()["failed"], 1);
}

pub fn shown_output_is_whole_with_a_slow_reader_and_a_closed_pipe_stops_no_line() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "seq 20000\nseq 20000\ntouch ended\nwhile ! test -e go; do sleep 0.02; done\n",
    );
    let mut command = sandbox.command(&["run", "-j2", "--show", "output", "tasks"]);
    let mut run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(run.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    until("the lines end unread", || sandbox.path("ended").exists());
    sandbox.write("go", "");
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(run.wait().unwrap().success());
    assert_eq!(rest.lines().filter(|line| *line == "20000").count(), 2);
    assert!(rest.contains("4 succeeded"));

    sandbox.write("more", "seq 20000\nseq 20000\ntouch more-ended\n");
    let mut command = sandbox.command(&["run", "-j1", "--show", "output", "more"]);
    let mut run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(run.stdout.take());
    assert!(run.wait().unwrap().success());
    assert!(sandbox.path("more-ended").exists());
}

pub fn a_run_that_halts_soon_starts_nothing_after_a_failure() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", "exit 3\ntouch second\ntouch third\n");
    let halted = sandbox.run(&["run", "-j1", "--halt", "soon", "tasks"]);
    assert_eq!(halted.code(), 1, "{}", halted.stderr());
    assert!(halted.stdout().contains("0 succeeded, 1 failed, 2 left"));
    assert!(!sandbox.path("second").exists());
    let rest = sandbox.run(&["run", "-j1", "--halt", "soon", "tasks"]);
    assert!(
        rest.stdout()
            .contains("2 succeeded, 1 failed, 1 had ended before")
    );
    assert!(sandbox.path("third").exists());
}

pub fn a_run_that_halts_now_ends_running_lines_which_run_again_later() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "test -e again || { touch begun; exec sleep 1000; }\n\
         while ! test -e begun; do sleep 0.02; done; exit 3\n",
    );
    let halted = sandbox.run(&["run", "-j2", "--halt", "now", "tasks"]);
    assert_eq!(halted.code(), 1, "{}", halted.stderr());
    assert!(halted.stdout().contains("0 succeeded, 1 failed, 1 left"));
    sandbox.write("again", "");
    let rest = sandbox.run(&["run", "--halt", "now", "tasks"]);
    assert!(
        rest.stdout().contains("1 succeeded, 1 failed"),
        "{}",
        rest.stdout()
    );
}

pub fn the_name_or_an_option_decides_the_form_of_the_lines() {
    let sandbox = Sandbox::new();
    sandbox.write("groups", "{ echo a; echo b; }\n");
    assert_eq!(sandbox.run(&["run", "groups"]).code(), 2);
    sandbox.ok(&["run", "--format", "lines", "groups"]);
    sandbox.write("flow.jsonl", "# a remark\n{\"command\": \"true\"}\n");
    sandbox.ok(&["run", "flow.jsonl"]);
    sandbox.write("mixed.jsonl", "{\"command\": \"true\"}\ntrue\n");
    let refused = sandbox.run(&["run", "mixed.jsonl"]);
    assert_eq!(refused.code(), 2);
    let sentence = refused.stderr();
    assert!(
        sentence.contains("mixed.jsonl: line 2: it is not a JSON object"),
        "{sentence}"
    );
    sandbox.write("commands", "true\n");
    assert_eq!(
        sandbox
            .run(&["run", "--format", "jsonl", "commands"])
            .code(),
        2
    );
}
