//! A stopped worker blocks a promotion: the promotion names it, and does not hang.

use std::process::{Command, Output, Stdio};

use fast_queue::FastQueue;
use queue_core::{Queue, State};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{fast_database, flow_database};
use queue_testing::patience::until;
use queue_testing::soak::command;
use queue_testing::soak::database::{SoakDatabase, WorkerProcess};

#[test]
fn a_promotion_blocked_by_a_stopped_worker_names_it_and_ends_as_busy() {
    let folder = tempfile::tempdir().unwrap();
    let fast = fast_database(folder.path());
    let journal = fast.file("journal");
    let held = command(
        "held",
        r#"until test -e "$JOURNAL.go"; do sleep 0.02; done"#,
        &journal,
    );
    fast.queue
        .enqueue(vec![held, command("next", ":", &journal)])
        .unwrap();
    let worker = fast.worker(&["--slots", "1", "--grace", "1h"]);
    until("its task runs", || {
        fast.queue.stats().unwrap().count(State::Running) == 1
    });
    let pid = pid(&fast, &worker);
    kill_process(pid, Signal::STOP).unwrap();
    // The signal stops its threads one after the other.
    waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).unwrap();

    let name = format!("pid {} (stopped)", pid.as_raw_nonzero());
    for (options, sentence) in [
        (&["--timeout", "0"][..], "they claim nothing more"),
        (&[], "let them go on with `kill -CONT`"),
    ] {
        let output = promote(&fast, options);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains(&format!("leave: {name}")), "{said}");
        assert!(said.contains(sentence), "{said}");
        assert_eq!(output.stdout, b"", "{said}");
    }

    kill_process(pid, Signal::CONT).unwrap();
    std::fs::write(fast.file("journal.go"), "").unwrap();
    let output = promote(&fast, &[]);
    assert!(output.status.success(), "{output:?}");
    let flow = flow_database(folder.path());
    let stats = flow.queue.stats().unwrap();
    let counts = [State::Succeeded, State::Queued].map(|state| stats.count(state));
    assert_eq!(counts, [1, 1], "it finished its task and claimed no more");
}

fn pid(fast: &SoakDatabase<FastQueue>, worker: &WorkerProcess) -> Pid {
    let workers = fast.queue.workers().unwrap();
    let own = workers.iter().find(|one| one.id == worker.id()).unwrap();
    Pid::from_raw(i32::try_from(own.pid).unwrap()).unwrap()
}

/// Promotes the file and returns the program's output; fails if it hangs.
fn promote(fast: &SoakDatabase<FastQueue>, options: &[&str]) -> Output {
    let mut child = Command::new(crate::program("workflow-queue"))
        .arg("promote")
        .args(options)
        .arg(fast.queue.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the promotion ends", || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}
