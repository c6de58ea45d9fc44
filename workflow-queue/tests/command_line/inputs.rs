//! The inputs of a command: the outputs of the tasks it depends on.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use queue_testing::command_line::program::{Sandbox, until};
use queue_testing::skipped;

use crate::sandbox;

/// The folders of inputs beside the database.
fn folders(sandbox: &Sandbox) -> Vec<PathBuf> {
    std::fs::read_dir(sandbox.path("queue.db.d/inputs"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default()
}

#[test]
fn a_command_reads_the_output_of_its_dependencies_from_files_and_variables() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "../one", "printf 'a b\\n\\n'"]);
    sandbox.ok(&["enqueue", "long", "head -c 50000 /dev/zero | tr '\\0' x"]);
    let bad = ["enqueue", "bad", "printf '\\377\\0'; echo no >&2; exit 3"];
    sandbox.ok(&[&bad[..], &["--max-attempts", "1"]].concat());
    let command = r#"
        cp -r "$QUEUE_INPUTS" got
        stat -c %a "$QUEUE_INPUTS" > mode
        printf '%s' "$QUEUE_INPUT_1" > one
        printf '%s' "${QUEUE_INPUT_2-unset}" "${QUEUE_INPUT_3-unset}" > others
    "#;
    let last = ["enqueue", "last", command, "--after", "1,2"];
    sandbox.ok(&[&last[..], &["--after", "3:failure"]].concat());
    assert_eq!(sandbox.run(&["worker", "--drain"]).code(), 1);
    assert_eq!(sandbox.state("4"), "succeeded");

    let bytes = |name: &str| std::fs::read(sandbox.path("got").join(name)).unwrap();
    assert_eq!(bytes("1.out"), b"a b\n\n");
    assert_eq!(bytes("2.out"), vec![b'x'; 50_000]);
    assert_eq!(
        (bytes("3.out"), bytes("3.err")),
        (b"\xff\0".to_vec(), b"no\n".to_vec())
    );
    assert_eq!(bytes("1.err"), b"");
    let index: Value = serde_json::from_slice(&bytes("index.json")).unwrap();
    let column = |field: &str| -> Vec<Value> {
        let entries = index.as_array().unwrap().iter();
        entries.map(|entry| entry[field].clone()).collect()
    };
    assert_eq!(
        column("name"),
        [json!("../one"), json!("long"), json!("bad")]
    );
    assert_eq!(column("exit_code"), [json!(0), json!(0), json!(3)]);
    let conditions = [json!("success"), json!("success"), json!("failure")];
    assert_eq!(column("condition"), conditions);
    assert_eq!(column("stdout_bytes"), [json!(5), json!(50_000), json!(2)]);
    assert_eq!(sandbox.read("mode"), "700\n");
    assert_eq!(sandbox.read("one"), "a b");
    assert_eq!(sandbox.read("others"), "unsetunset");
    assert_eq!(folders(&sandbox), Vec::<PathBuf>::new());
}

#[test]
fn a_task_without_dependencies_gets_no_inputs() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "alone", "env | grep ^QUEUE_INPUT > seen; true"]);
    // The worker itself was started by a command with inputs.
    let worker = sandbox
        .command(&["worker", "--drain"])
        .env("QUEUE_INPUTS", "/elsewhere")
        .env("QUEUE_INPUT_7", "not its own")
        .status();
    assert!(worker.unwrap().success());
    assert_eq!(sandbox.state("1"), "succeeded");
    assert_eq!(sandbox.read("seen"), "");
    assert!(!sandbox.path("queue.db.d/inputs").exists());
}

#[test]
fn the_inputs_of_a_killed_worker_are_removed_when_its_task_returns() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "first", "echo one"]);
    let command = r#"
        test -e began && exit 0
        cat "$QUEUE_INPUTS/1.out" > began
        sleep 1000
    "#;
    sandbox.ok(&["enqueue", "second", command, "--after", "1"]);
    let mut killed = sandbox.start(&["worker"]);
    until("the second task runs", || sandbox.read("began") == "one\n");
    assert_eq!(folders(&sandbox).len(), 1);
    killed.signal(Signal::KILL);
    assert_eq!(killed.ended(), None);
    assert_eq!(folders(&sandbox).len(), 1);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.state("2"), "succeeded");
    assert_eq!(folders(&sandbox), Vec::<PathBuf>::new());
}

#[test]
fn another_worker_removes_the_inputs_of_a_killed_one() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "first", "true"]);
    let command = "touch began; sleep 1000";
    sandbox.ok(&["enqueue", "second", command, "--after", "1"]);
    let mut killed = sandbox.start(&["worker"]);
    until("the second task runs", || sandbox.path("began").exists());
    let stays = sandbox.start(&["worker"]);
    until("the other worker is at work", || {
        stays.stderr().contains("runs up to")
    });
    sandbox.ok(&["cancel", "2"]);
    killed.signal(Signal::KILL);
    killed.ended();
    until("the task is cancelled", || {
        sandbox.state("2") == "cancelled"
    });
    until("its folder is gone", || folders(&sandbox).is_empty());
}

#[test]
fn a_command_near_the_system_limit_starts_with_files_only() {
    let sandbox = sandbox();
    for _ in 0..8 {
        sandbox.ok(&["enqueue", "some", "head -c 4000 /dev/zero | tr '\\0' x"]);
    }
    let filler = "#".repeat(100_000);
    let command =
        format!("echo \"${{QUEUE_INPUT_1-unset}}\"; wc -c < \"$QUEUE_INPUTS/8.out\" {filler}");
    sandbox.ok(&["enqueue", "last", &command, "--after", "1-8"]);
    // Arguments and environment may take a quarter of the stack.
    let mut worker = std::process::Command::new("/bin/sh");
    worker
        .args(["-c", "ulimit -s 2048; exec \"$@\"", "sh"])
        .args([
            queue_testing::command_line::program::path(),
            "worker",
            "--drain",
        ])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("WORKFLOW_QUEUE_DB", sandbox.path("queue.db"));
    for number in 0..4 {
        worker.env(format!("FILLER_{number}"), "x".repeat(100_000));
    }
    let done = worker.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(sandbox.ok(&["log", "9"]), "unset\n4000\n");
}

/// Of an output of more than 128 KiB a dependent was given only the beginning and the end.
#[test]
fn a_dependent_reads_a_long_output_whole() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "long", "seq 1 400000; echo done >&2"]);
    sandbox.ok(&["enqueue", "short", "echo short"]);
    let command = "cd $QUEUE_INPUTS; seq 1 400000 | cmp - 1.out; cat 1.err 2.out; \
                   echo ${QUEUE_INPUT_1-unset} $QUEUE_INPUT_2";
    sandbox.ok(&["enqueue", "last", command, "--after", "1,2"]);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.ok(&["log", "3"]), "done\nshort\nunset short\n");
    assert!(folders(&sandbox).is_empty());
}

/// If there was no space for the inputs of a task, the task failed.
#[test]
fn a_full_disk_for_inputs_fails_no_task() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "first", "echo first"]);
    sandbox.ok(&["worker", "--drain"]);
    let command = "printf '%s %s' \"$QUEUE_INPUT_1\" \"$QUEUE_ATTEMPT\" > ran";
    sandbox.ok(&[
        "enqueue",
        "second",
        command,
        "--after",
        "1",
        "--max-attempts",
        "1",
    ]);
    std::fs::create_dir_all(sandbox.path("queue.db.d/inputs")).unwrap();
    // The worker has a small disk of its own there, which is full until the file `free` exists.
    let script = "mount -t tmpfs -o size=64k,mode=700 tmpfs queue.db.d/inputs || exit 100
        head -c 100000 /dev/zero > queue.db.d/inputs/fill 2> /dev/null
        \"$0\" worker --drain & worker=$!
        while ! test -e free; do sleep 0.05; done
        rm queue.db.d/inputs/fill
        wait $worker";
    let program = sandbox.command(&[]);
    let mut alone = std::process::Command::new("unshare");
    alone
        .args(["--mount", "/bin/sh", "-c", script])
        .arg(program.get_program())
        .current_dir(sandbox.path(""))
        .env("WORKFLOW_QUEUE_DB", sandbox.path("queue.db"));
    let mut worker = Sandbox::begin(&mut alone);
    until("it is short of space, or has no disk of its own", || {
        worker.stderr().contains("no space is left") || worker.child.try_wait().unwrap().is_some()
    });
    sandbox.write("free", "");
    let code = worker.ended();
    if matches!(code, Some(1 | 100)) && !worker.stderr().contains("no space is left") {
        return skipped("no file system can be mounted here");
    }
    assert_eq!(code, Some(0), "{}", worker.stderr());
    assert_eq!(sandbox.read("ran"), "first 1");
}
