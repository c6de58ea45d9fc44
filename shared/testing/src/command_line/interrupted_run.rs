//! `run FILE`, stopped and started again.

use rustix::process::Signal;

use super::program::{Sandbox, until, variable};

/// Number of times that the word was appended to the file `marks`.
fn marks(sandbox: &Sandbox, word: &str) -> usize {
    sandbox
        .read("marks")
        .lines()
        .filter(|line| *line == word)
        .count()
}

pub fn a_killed_run_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "echo first >> marks\n\
         echo begun >> marks; while ! test -e go; do sleep 0.05; done; echo middle >> marks\n\
         echo last >> marks\n",
    );
    let mut run = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("the second line runs", || marks(&sandbox, "begun") == 1);
    run.signal(Signal::KILL);
    assert_eq!(run.ended(), None);
    let mut again = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("the second line runs again", || {
        marks(&sandbox, "begun") == 2
    });
    sandbox.write("go", "");
    assert_eq!(again.ended(), Some(0), "{}", again.stderr());
    until("the summary is printed", || {
        again
            .stdout()
            .starts_with("3 succeeded, 0 failed, 1 had ended before")
    });
    assert_eq!(
        marks(&sandbox, "first"),
        1,
        "a line that ended is not run again"
    );
    assert_eq!(marks(&sandbox, "begun"), 2, "the line that was cut off is");
    assert_eq!(
        marks(&sandbox, "middle"),
        1,
        "what was cut off did not go on"
    );
    assert_eq!(marks(&sandbox, "last"), 1);
}

pub fn a_stopped_run_returns_its_tasks_and_reports_the_rest() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", "touch begun; exec sleep 1000\ntouch second\n");
    let mut run = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("the first line runs", || sandbox.path("begun").exists());
    run.signal(Signal::INT);
    run.signal(Signal::TERM);
    assert_eq!(run.ended(), Some(1));
    until("the summary is printed", || {
        run.stderr().contains("2 tasks left; run it again")
    });
    assert!(!sandbox.path("second").exists());
    let goes_on = format!("`{} run tasks` goes on with it", super::program::name());
    for words in [&["status"][..], &["why", "1"]] {
        let done = sandbox.run(words);
        let said = done.stdout() + &done.stderr();
        assert!(said.contains(&goes_on), "{words:?}: {said}");
    }
}

pub fn a_run_runs_and_counts_only_the_lines_of_its_file() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "other", "touch other", "1000"]);
    sandbox.write("tasks", "exit 3\n");
    assert_eq!(sandbox.run(&["run", "tasks"]).code(), 1);
    sandbox.write("tasks", "true\n");
    let done = sandbox.run(&["run", "tasks"]);
    assert_eq!(
        done.code(),
        0,
        "what failed is not in the file any more: {}",
        done.stderr()
    );
    assert!(
        !sandbox.path("other").exists(),
        "the file has a queue of its own"
    );
    assert_eq!(sandbox.state("1"), "queued");
}

/// Only twenty of many failures were named, and no line told of the others.
pub fn many_failures_are_counted_and_can_be_listed() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks 'n' all", "exit 3\n".repeat(23));
    let done = sandbox.run(&["run", "tasks 'n' all"]);
    assert_eq!(done.code(), 1);
    let stderr = done.stderr();
    let (_, rest) = stderr
        .split_once("\n3 more did not succeed; `")
        .expect(&stderr);
    let (list, _) = rest.split_once("` lists them all\n").expect(&stderr);
    let (_, words) = list.split_once(' ').unwrap();
    let line = format!("exec \"$0\" {words} -o json");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line, super::program::path()]);
    command.env(variable("DB"), sandbox.path("queue.db"));
    let listed: Vec<serde_json::Value> =
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(listed.len(), 23);
    sandbox.write("few", "exit 3\n".repeat(20));
    let done = sandbox.run(&["run", "few"]);
    assert!(!done.stderr().contains("more did not succeed"));
}

pub fn removed_lines_are_cancelled_and_queued_again_when_they_are_back() {
    let sandbox = Sandbox::new();
    let both = "{\"command\": \"touch one\", \"delay\": \"1h\"}\ntouch two\n";
    sandbox.write("tasks", both);
    let mut run = sandbox.start(&["run", "tasks"]);
    until("the second line has run", || sandbox.path("two").exists());
    run.signal(Signal::TERM);
    assert_eq!(run.ended(), Some(1), "the first line is left");
    sandbox.write("tasks", "# nothing here\ntouch two\n");
    assert_eq!(sandbox.run(&["run", "tasks"]).code(), 0);
    assert_eq!(sandbox.state("1"), "cancelled");
    sandbox.write("tasks", both);
    let mut run = sandbox.start(&["run", "tasks"]);
    until("the line waits again", || sandbox.state("1") != "cancelled");
    run.signal(Signal::TERM);
    run.ended();
}

pub fn failed_lines_run_again_only_with_retry_failed() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", "echo run >> marks; test -e fixed\n");
    assert_eq!(sandbox.run(&["run", "tasks"]).code(), 1);
    sandbox.write("fixed", "");
    assert_eq!(sandbox.run(&["run", "tasks"]).code(), 1);
    assert_eq!(marks(&sandbox, "run"), 1);
    assert_eq!(sandbox.run(&["run", "tasks", "--retry-failed"]).code(), 0);
    assert_eq!(marks(&sandbox, "run"), 2);
}

/// Lines were known by their numbers, so a line inserted at the top made all ended lines run again.
/// Now they are known by their content.
pub fn lines_that_moved_do_not_run_again() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "echo a >> marks\necho b >> marks\necho a >> marks\n",
    );
    sandbox.ok(&["run", "tasks"]);
    sandbox.write(
        "tasks",
        "\n# new\necho new >> marks\necho b >> marks\n\necho a >> marks\necho a >> marks\n",
    );
    let said = sandbox.ok(&["run", "tasks"]);
    assert!(
        said.starts_with("4 succeeded, 0 failed, 3 had ended before"),
        "{said}"
    );
    let counts = ["a", "b", "new"].map(|word| marks(&sandbox, word));
    assert_eq!(counts, [2, 1, 1]);
    sandbox.write("tasks", "echo a >> marks\n".repeat(3));
    sandbox.ok(&["run", "tasks"]);
    assert_eq!(
        marks(&sandbox, "a"),
        3,
        "the third of the same lines is new"
    );
}

/// A line that a person had cancelled ran in the next `run` of the file.
pub fn lines_cancelled_by_a_person_run_again_only_with_retry_failed() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "{\"command\": \"touch one\", \"delay\": \"1h\"}\ntouch two\n",
    );
    let mut run = sandbox.start(&["run", "tasks"]);
    until("the second line has run", || sandbox.path("two").exists());
    sandbox.ok(&["cancel", "1"]);
    assert_eq!(run.ended(), Some(1));
    let done = sandbox.run(&["run", "tasks"]);
    assert_eq!(done.code(), 1);
    assert!(done.stdout().contains("1 cancelled"), "{}", done.stdout());
    let hint = format!(
        "`{} run --retry-failed tasks` runs the cancelled lines again",
        super::program::name()
    );
    assert!(done.stderr().contains(&hint), "{}", done.stderr());
    assert_eq!(sandbox.state("1"), "cancelled");
    assert!(!sandbox.path("one").exists());
    assert_eq!(sandbox.run(&["run", "--retry-failed", "tasks"]).code(), 0);
    assert!(sandbox.path("one").exists());
}

pub fn a_moved_file_counts_as_another_unless_both_runs_have_one_name() {
    let sandbox = Sandbox::new();
    let lines = "echo line >> marks\n";
    sandbox.write("before", lines);
    sandbox.write("after", lines);
    sandbox.ok(&["run", "before"]);
    sandbox.ok(&["run", "after"]);
    assert_eq!(marks(&sandbox, "line"), 2);
    sandbox.ok(&["run", "--name", "nightly", "before"]);
    let said = sandbox.ok(&["run", "--name", "nightly", "after"]);
    assert!(said.contains("1 had ended before"), "{said}");
    assert_eq!(marks(&sandbox, "line"), 3);
    for wrong in ["", " ", "a\nb", &"n".repeat(101)] {
        assert_eq!(
            sandbox.run(&["run", "--name", wrong, "after"]).code(),
            2,
            "{wrong:?}"
        );
    }
}

/// A pipe cannot be read twice, and its path names another pipe in the next call.
pub fn a_pipe_is_read_once_and_known_by_its_content() {
    let sandbox = Sandbox::new();
    let run = |script: &str| {
        let mut shell = sandbox.command(&[]);
        let program = super::program::path();
        let mut command = std::process::Command::new("bash");
        command
            .args(["-c", script, program])
            .current_dir(sandbox.path("."))
            .envs(
                shell
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        shell.stdin(std::process::Stdio::null());
        super::program::Done(command.output().unwrap())
    };
    let lines = "printf 'echo one >> marks\\necho two >> marks\\n'";
    for source in [
        format!("{lines} | \"$0\" run -"),
        format!("{lines} | \"$0\" run /dev/stdin"),
        format!("{lines} > file; \"$0\" run - < file"),
        format!("\"$0\" run <({lines})"),
        format!("mkfifo pipe; {lines} > pipe & \"$0\" run pipe"),
    ] {
        let done = run(&source);
        assert_eq!(done.code(), 0, "{source}: {}", done.stderr());
        assert!(done.stdout().starts_with("2 succeeded"), "{source}");
    }
    assert_eq!((marks(&sandbox, "one"), marks(&sandbox, "two")), (1, 1));
    let named = "printf 'echo one >> marks\\n' | \"$0\" run --name mine -";
    let longer = "printf 'echo more >> marks\\necho one >> marks\\n' | \"$0\" run --name mine -";
    assert_eq!((run(named).code(), run(longer).code()), (0, 0));
    assert_eq!((marks(&sandbox, "one"), marks(&sandbox, "more")), (2, 1));
    let folder = run("\"$0\" run .");
    assert_eq!(folder.code(), 2);
    assert!(
        folder.stderr().contains("is a folder"),
        "{}",
        folder.stderr()
    );
}

/// Editors on Windows save a byte order mark at the beginning and CRLF line ends. The first line
/// was not found as a command.
pub fn byte_order_mark_and_crlf_are_not_part_of_a_line() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "\u{feff}echo one >> marks\r\n{\"command\": \"echo two >> marks\"}\r\n",
    );
    sandbox.ok(&["run", "tasks"]);
    sandbox.write(
        "tasks",
        "echo one >> marks\n{\"command\": \"echo two >> marks\"}\n",
    );
    let said = sandbox.ok(&["run", "tasks"]);
    assert!(said.contains("2 had ended before"), "{said}");
    assert_eq!((marks(&sandbox, "one"), marks(&sandbox, "two")), (1, 1));
}

/// The hint named the file by the last part of its path, which works only in the folder of the
/// file.
pub fn the_hint_names_the_file_by_a_path_that_is_found() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("a b")).unwrap();
    sandbox.write("a b/tasks", "touch begun; exec sleep 1000\n");
    let mut run = sandbox.start(&["run", "a b/tasks"]);
    until("the line runs", || sandbox.path("begun").exists());
    run.signal(Signal::INT);
    run.signal(Signal::TERM);
    run.ended();
    let path = sandbox.path("a b/tasks").canonicalize().unwrap();
    let goes_on = format!("run '{}'` goes on with it", path.display());
    let said = sandbox.ok(&["why", "1"]);
    assert!(said.contains(&goes_on), "{said}");
}

/// A line is found again by the text in the file, and not by the command that it was given since.
pub fn an_edited_line_keeps_its_identity() {
    let sandbox = Sandbox::new();
    let first = "touch begun; until [ -e go ]; do sleep 0.02; done";
    sandbox.write("tasks", format!("{first}\necho second >> marks\n"));
    let mut run = sandbox.start(&["run", "tasks", "-j", "1"]);
    until("the first line runs", || sandbox.path("begun").exists());
    sandbox.ok(&["edit", "2", "--command", "echo edited >> marks"]);
    sandbox.write("go", "");
    assert_eq!(run.ended(), Some(0));
    assert_eq!(
        (marks(&sandbox, "edited"), marks(&sandbox, "second")),
        (1, 0)
    );
    let again = sandbox.ok(&["run", "tasks"]);
    assert!(again.contains("2 had ended before"), "{again}");
    assert_eq!(
        (marks(&sandbox, "edited"), marks(&sandbox, "second")),
        (1, 0)
    );
}
