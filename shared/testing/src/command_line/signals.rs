//! Signals of a terminal: its keys, and those that the kernel sends to whoever uses it from the
//! background.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::program::{Running, Sandbox, until};
use crate::skipped;

/// A line that waits for the file `go`.
const WAITS: &str = "touch began; while ! test -e go; do sleep 0.02; done";

/// The program with these arguments as a job in the background of a terminal that stops jobs which
/// print; the terminal is that of a shell which prints the job's exit code. Nothing where no terminal
/// can be made.
fn in_the_background(sandbox: &Sandbox, arguments: &str) -> Option<Running> {
    let has_script = Command::new("script")
        .args(["-qec", "test -t 0", "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if !has_script.is_ok_and(|status| status.success()) {
        skipped("there is no `script` to make a terminal with");
        return None;
    }
    let program = sandbox.command(&[]);
    let name = program.get_program().to_str().unwrap();
    let shell = format!("set -m; stty tostop; {name} {arguments} & wait $!; echo code $?");
    let mut script = Command::new("script");
    script
        .args(["-qec", &shell, "/dev/null"])
        .current_dir(sandbox.folder())
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null());
    Some(Sandbox::begin(&mut script))
}

/// A job in the background is stopped by SIGTTOU when it prints, where the terminal is set so: a
/// worker lost its tasks to others. The signal was blocked, but only after the thread that prints had
/// been started.
pub fn a_worker_in_the_background_of_a_terminal_is_not_stopped_by_what_it_prints() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let Some(mut shell) = in_the_background(&sandbox, "worker --slots 1 --drain") else {
        return;
    };
    until("it ends", || shell.stdout().contains("code 0\r"));
    let said = shell.stdout();
    assert!(said.contains("task 1 (one) succeeded"), "{said}");
    shell.ended();
}

pub fn a_run_in_the_background_of_a_terminal_is_not_stopped_by_what_it_prints() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", "true\nexit 3\n");
    let Some(mut shell) = in_the_background(&sandbox, "run --slots 1 tasks") else {
        return;
    };
    until("it ends", || shell.stdout().contains("code 1\r"));
    let said = shell.stdout();
    assert!(said.contains("1 succeeded, 1 failed"), "{said}");
    shell.ended();
}

/// A job in the background is stopped by SIGTTIN when it reads from its terminal. Commands have none.
pub fn a_task_that_reads_from_a_terminal_stops_no_worker_in_the_background() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "reads", "cat; ! cat </dev/tty"]);
    let Some(mut shell) = in_the_background(&sandbox, "worker --slots 1 --drain") else {
        return;
    };
    until("it ends", || shell.stdout().contains("code 0\r"));
    assert_eq!(sandbox.state("1"), "succeeded");
    shell.ended();
}

pub fn a_run_answers_a_request_to_suspend_with_a_sentence_and_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", WAITS);
    let mut run = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("it runs", || sandbox.path("began").exists());
    run.signal(Signal::TSTP);
    until("it answers", || run.stderr().contains("not suspended"));
    sandbox.write("go", "");
    assert_eq!(run.ended(), Some(0), "{}", run.stderr());
}

/// The first Ctrl-C lets tasks finish; the second one ends them.
pub fn a_second_interrupt_ends_a_run_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "trap '' INT TERM; touch began; while :; do sleep 0.02; done\n",
    );
    let mut run = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("it runs", || sandbox.path("began").exists());
    run.signal(Signal::INT);
    until("it has heard", || run.stderr().contains("a second signal"));
    run.signal(Signal::INT);
    until("it ends them", || run.stderr().contains("stopping at once"));
    assert_eq!(run.ended(), Some(1), "{}", run.stderr());
    assert_eq!(sandbox.state("1"), "queued");
}
