//! Signals of a terminal: those of its keys, and those that the kernel sends to background jobs.

use std::process::Command;

use rustix::process::Signal;

use super::program::{Running, Sandbox, until};

/// A command that waits for the file `go`.
const WAITS: &str = "touch began; while ! test -e go; do sleep 0.02; done";

/// The program with these arguments as a background job of a terminal with `tostop`. The shell of
/// the terminal prints the job's exit code. `None` if no terminal can be created.
fn in_the_background(sandbox: &Sandbox, arguments: &str) -> Option<Running> {
    let program = sandbox.command(&[]);
    let name = program.get_program().to_str().unwrap();
    let shell = format!("set -m; stty tostop; {name} {arguments} & wait $!; echo code $?");
    let mut script = super::terminal::script(sandbox, &shell)?;
    Some(Sandbox::begin(&mut script))
}

/// With `tostop`, SIGTTOU stops a background job when it prints: a stopped worker lost its tasks to
/// others. The signal was blocked, but only after the print thread had been started.
pub fn printing_does_not_stop_a_worker_in_the_background_of_a_terminal() {
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

pub fn printing_does_not_stop_a_run_in_the_background_of_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", "true\nexit 3\n");
    let Some(mut shell) = in_the_background(&sandbox, "run --slots 1 tasks") else {
        return;
    };
    until("it ends", || shell.stdout().contains("code 1\r"));
    let said = shell.stdout();
    assert!(
        said.contains("1 succeeded") && said.contains("1 failed"),
        "{said}"
    );
    shell.ended();
}

/// SIGTTIN stops a background job when it reads from its terminal. Commands have no terminal.
pub fn a_task_that_reads_from_a_terminal_does_not_stop_its_worker() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "reads", "cat; ! cat </dev/tty"]);
    let Some(mut shell) = in_the_background(&sandbox, "worker --slots 1 --drain") else {
        return;
    };
    until("it ends", || shell.stdout().contains("code 0\r"));
    assert_eq!(sandbox.state("1"), "succeeded");
    shell.ended();
}

pub fn a_run_answers_ctrl_z_with_a_sentence_and_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks", WAITS);
    let mut run = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("it runs", || sandbox.path("began").exists());
    run.signal(Signal::TSTP);
    until("it answers", || run.stderr().contains("not suspended"));
    sandbox.write("go", "");
    assert_eq!(run.ended(), Some(0), "{}", run.stderr());
}

/// The first Ctrl-C lets tasks finish, the second one ends them.
pub fn a_second_interrupt_ends_a_run_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks",
        "trap '' INT TERM; touch began; while :; do sleep 0.02; done\n",
    );
    let mut run = sandbox.start(&["run", "--slots", "1", "tasks"]);
    until("it runs", || sandbox.path("began").exists());
    run.signal(Signal::INT);
    until("it reacts to the signal", || {
        run.stderr().contains("a second signal")
    });
    run.signal(Signal::INT);
    until("it ends them", || run.stderr().contains("stopping at once"));
    assert_eq!(run.ended(), Some(1), "{}", run.stderr());
    assert_eq!(sandbox.state("1"), "queued");
}

/// Whoever ignores SIGCHLD hands that on, and then the kernel discards the exit codes of children.
pub fn exit_codes_survive_a_worker_that_was_started_with_sigchld_ignored() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "exit 3", "--max-attempts", "1"]);
    let program = sandbox.command(&["worker", "--drain"]);
    let mut ignoring = Command::new("env");
    ignoring
        .arg("--ignore-signal=CHLD")
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.folder())
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let mut worker = Sandbox::begin(&mut ignoring);
    assert_eq!(worker.ended(), Some(1), "{}", worker.stderr());
    let said = worker.stderr();
    assert!(said.contains("failed (exit code 3)"), "{said}");
}
