//! What a command is given of the tasks that its own depends on.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use queue_testing::command_line::program::{Place, until};
use queue_testing::skipped;

/// The folders of inputs that lie beside the database.
fn folders(place: &Place) -> Vec<PathBuf> {
    std::fs::read_dir(place.path("queue.db.d/inputs"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default()
}

#[test]
fn a_command_reads_what_its_dependencies_wrote_from_files_and_variables() {
    let place = Place::new();
    place.ok(&["enqueue", "../one", "printf 'a b\\n\\n'"]);
    place.ok(&["enqueue", "long", "head -c 50000 /dev/zero | tr '\\0' x"]);
    let bad = ["enqueue", "bad", "printf '\\377\\0'; echo no >&2; exit 3"];
    place.ok(&[&bad[..], &["--max-attempts", "1"]].concat());
    let command = r#"
        cp -r "$QUEUE_INPUTS" got
        stat -c %a "$QUEUE_INPUTS" > mode
        printf '%s' "$QUEUE_INPUT_1" > one
        printf '%s' "${QUEUE_INPUT_2-unset}" "${QUEUE_INPUT_3-unset}" > others
    "#;
    let last = ["enqueue", "last", command, "--after", "1,2"];
    place.ok(&[&last[..], &["--after", "3:failure"]].concat());
    assert_eq!(place.run(&["worker", "--drain"]).code(), 1);
    assert_eq!(place.state("4"), "succeeded");

    let bytes = |name: &str| std::fs::read(place.path("got").join(name)).unwrap();
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
    assert_eq!(place.read("mode"), "700\n");
    assert_eq!(place.read("one"), "a b");
    assert_eq!(place.read("others"), "unsetunset");
    assert_eq!(folders(&place), Vec::<PathBuf>::new());
}

#[test]
fn a_task_without_dependencies_is_given_nothing() {
    let place = Place::new();
    place.ok(&["enqueue", "alone", "env | grep ^QUEUE_INPUT > seen; true"]);
    // The worker itself was started by a command that was given something.
    let worker = place
        .command(&["worker", "--drain"])
        .env("QUEUE_INPUTS", "/elsewhere")
        .env("QUEUE_INPUT_7", "not its own")
        .status();
    assert!(worker.unwrap().success());
    assert_eq!(place.state("1"), "succeeded");
    assert_eq!(place.read("seen"), "");
    assert!(!place.path("queue.db.d/inputs").exists());
}

#[test]
fn what_a_killed_worker_left_is_removed_when_its_task_returns() {
    let place = Place::new();
    place.ok(&["enqueue", "first", "echo one"]);
    let command = r#"
        test -e began && exit 0
        cat "$QUEUE_INPUTS/1.out" > began
        sleep 1000
    "#;
    place.ok(&["enqueue", "second", command, "--after", "1"]);
    let mut killed = place.start(&["worker"]);
    until("the second task runs", || place.read("began") == "one\n");
    assert_eq!(folders(&place).len(), 1);
    killed.signal(Signal::KILL);
    assert_eq!(killed.ended(), None);
    assert_eq!(folders(&place).len(), 1);
    place.ok(&["worker", "--drain"]);
    assert_eq!(place.state("2"), "succeeded");
    assert_eq!(folders(&place), Vec::<PathBuf>::new());
}

#[test]
fn a_worker_that_stays_removes_what_a_killed_one_left() {
    let place = Place::new();
    place.ok(&["enqueue", "first", "true"]);
    let command = "touch began; sleep 1000";
    place.ok(&["enqueue", "second", command, "--after", "1"]);
    let mut killed = place.start(&["worker"]);
    until("the second task runs", || place.path("began").exists());
    let stays = place.start(&["worker"]);
    until("the other worker is at work", || {
        stays.stderr().contains("runs up to")
    });
    place.ok(&["cancel", "2"]);
    killed.signal(Signal::KILL);
    killed.ended();
    until("the task is cancelled", || place.state("2") == "cancelled");
    until("its folder is gone", || folders(&place).is_empty());
}

#[test]
fn a_command_near_the_longest_the_system_takes_is_started_with_the_files_alone() {
    let place = Place::new();
    for _ in 0..8 {
        place.ok(&["enqueue", "some", "head -c 4000 /dev/zero | tr '\\0' x"]);
    }
    let filler = "#".repeat(100_000);
    let command =
        format!("echo \"${{QUEUE_INPUT_1-unset}}\"; wc -c < \"$QUEUE_INPUTS/8.out\" {filler}");
    place.ok(&["enqueue", "last", &command, "--after", "1-8"]);
    // A quarter of the stack is what arguments and environment may take.
    let mut worker = std::process::Command::new("/bin/sh");
    worker
        .args(["-c", "ulimit -s 2048; exec \"$@\"", "sh"])
        .args([crate::PROGRAM, "worker", "--drain"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("WORKFLOW_QUEUE_DB", place.path("queue.db"));
    for number in 0..4 {
        worker.env(format!("FILLER_{number}"), "x".repeat(100_000));
    }
    let done = worker.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(place.ok(&["log", "9"]), "unset\n4000\n");
}

/// What could not be given for want of space was the end of the task that was to have it.
#[test]
fn a_full_disk_for_what_is_given_fails_no_task() {
    let place = Place::new();
    place.ok(&["enqueue", "first", "echo first"]);
    place.ok(&["worker", "--drain"]);
    let command = "printf '%s %s' \"$QUEUE_INPUT_1\" \"$QUEUE_ATTEMPT\" > ran";
    place.ok(&[
        "enqueue",
        "second",
        command,
        "--after",
        "1",
        "--max-attempts",
        "1",
    ]);
    std::fs::create_dir_all(place.path("queue.db.d/inputs")).unwrap();
    // The worker has a small disk of its own there, which is full until `free` is there.
    let script = "mount -t tmpfs -o size=64k,mode=700 tmpfs queue.db.d/inputs || exit 100
        head -c 100000 /dev/zero > queue.db.d/inputs/fill 2> /dev/null
        \"$0\" worker --drain & worker=$!
        while ! test -e free; do sleep 0.05; done
        rm queue.db.d/inputs/fill
        wait $worker";
    let program = place.command(&[]);
    let mut alone = std::process::Command::new("unshare");
    alone
        .args(["--mount", "/bin/sh", "-c", script])
        .arg(program.get_program())
        .current_dir(place.path(""))
        .env("WORKFLOW_QUEUE_DB", place.path("queue.db"));
    let mut worker = Place::begin(&mut alone);
    until("it is short of space, or has no disk of its own", || {
        worker.stderr().contains("no space is left") || worker.child.try_wait().unwrap().is_some()
    });
    place.write("free", "");
    let code = worker.ended();
    if matches!(code, Some(1 | 100)) && !worker.stderr().contains("no space is left") {
        return skipped("no file system can be mounted here");
    }
    assert_eq!(code, Some(0), "{}", worker.stderr());
    assert_eq!(place.read("ran"), "first 1");
}
