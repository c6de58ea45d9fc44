//! Finding and ending what a dead worker left.

use super::*;

use queue_core::runtime::orphans::{OrphanEnd, ProcFs, Processes, Whose};

fn found(worker: WorkerId) -> Vec<u32> {
    let scan = ProcFs.marked(Whose::Worker(worker)).unwrap();
    scan.found.iter().map(|process| process.pid).collect()
}

#[test]
fn a_process_that_left_its_session_is_found_by_its_mark_and_ended() {
    let mut bench = Bench::new();
    let ended = bench.run("setsid sh -c 'echo $$ > escaped; sleep 1000; :' > /dev/null 2>&1 &");
    assert_eq!(ended.end, End::Exited(0));
    let file = bench.path("escaped");
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    let worker = bench.worker;
    // The shell and its sleep.
    bench.until(|| read().ends_with('\n') && found(worker).len() == 2);
    let scan = ProcFs.marked(Whose::Worker(worker)).unwrap();
    assert!(
        scan.found
            .iter()
            .any(|process| process.pid.to_string() == read().trim())
    );
    for process in &scan.found {
        assert_eq!(process.task, Some(1));
        let end = ProcFs.end(process, Whose::Worker(worker));
        assert!(
            matches!(end, OrphanEnd::Killed | OrphanEnd::Gone),
            "{end:?}"
        );
    }
    bench.until(|| found(worker).is_empty());
    let end = ProcFs.end(&scan.found[0], Whose::Worker(worker));
    assert!(matches!(end, OrphanEnd::Gone), "{end:?}");
}

#[test]
fn only_the_whole_mark_counts() {
    let mut bench = Bench::new();
    let worker = bench.worker;
    let claim = bench.shell("exec sleep 1000");
    bench.until(|| !found(worker).is_empty());
    let near = WorkerId(worker.0 ^ 2);
    assert_eq!(found(near), [0; 0]);
    let mut pretender = std::process::Command::new("sleep")
        .arg("1000")
        .stdout(std::process::Stdio::null())
        .env("NOT_QUEUE_WORKER", near.to_string())
        .env("OTHER", format!("QUEUE_WORKER={near}"))
        .env("QUEUE_WORKER", format!("{near}0"))
        .spawn()
        .unwrap();
    assert_eq!(found(near), [0; 0]);
    let unmarked = ProcFs.marked(Whose::Worker(worker)).unwrap().found[0];
    assert!(matches!(
        ProcFs.end(&unmarked, Whose::Worker(near)),
        OrphanEnd::Gone
    ));
    assert_eq!(found(worker), [unmarked.pid], "it was spared");
    pretender.kill().unwrap();
    pretender.wait().unwrap();
    bench.executor.signal(claim, Ending::Kill);
    bench.end_of(claim);
    assert_eq!(found(worker), [0; 0]);
}

#[test]
fn of_a_worker_that_lives_only_what_runs_under_the_lost_claim_is_found() {
    let mut bench = Bench::new();
    let [lost, held] = ["exec sleep 1000"; 2].map(|command| bench.shell(command));
    let worker = bench.worker;
    bench.until(|| found(worker).len() == 2);
    let of = |claims: &[Claim]| ProcFs.marked(Whose::Claims(claims)).unwrap().found;
    let found_lost = of(&[lost]);
    assert_eq!(found_lost.len(), 1);
    assert_eq!(found_lost[0].task, Some(lost.task.0));
    assert_eq!(of(&[held, lost]).len(), 2);
    let later = Claim {
        token: lost.token + 1,
        ..lost
    };
    assert_eq!(of(&[later]), []);
    let end = ProcFs.end(&found_lost[0], Whose::Claims(&[held]));
    assert!(matches!(end, OrphanEnd::Gone), "{end:?}");
    let end = ProcFs.end(&found_lost[0], Whose::Claims(&[lost]));
    assert!(matches!(end, OrphanEnd::Killed), "{end:?}");
    assert_eq!(bench.end_of(lost).end, End::Signalled(9));
    assert_eq!(of(&[held]).len(), 1, "it was spared");
    bench.executor.signal(held, Ending::Kill);
    bench.end_of(held);
}

#[test]
fn zombies_are_not_found() {
    let worker = WorkerId::from_bits(getrandom());
    let mut child = std::process::Command::new("true")
        .env("QUEUE_WORKER", worker.to_string())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    Bench::new().until(|| !is_alive(&pid));
    assert_eq!(found(worker), [0; 0]);
    child.wait().unwrap();
}
