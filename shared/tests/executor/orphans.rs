//! Finding and ending what a dead worker left.

use super::*;

use queue_core::runtime::orphans::{OrphanEnd, ProcFs, Processes};

fn found(worker: WorkerId) -> Vec<u32> {
    let scan = ProcFs.marked(worker).unwrap();
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
    let scan = ProcFs.marked(worker).unwrap();
    assert!(
        scan.found
            .iter()
            .any(|process| process.pid.to_string() == read().trim())
    );
    for process in &scan.found {
        assert_eq!(process.task, Some(1));
        let end = ProcFs.end(process, worker);
        assert!(
            matches!(end, OrphanEnd::Killed | OrphanEnd::Gone),
            "{end:?}"
        );
    }
    bench.until(|| found(worker).is_empty());
    let end = ProcFs.end(&scan.found[0], worker);
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
    let unmarked = ProcFs.marked(worker).unwrap().found[0];
    assert!(matches!(ProcFs.end(&unmarked, near), OrphanEnd::Gone));
    assert_eq!(found(worker), [unmarked.pid], "it was spared");
    pretender.kill().unwrap();
    pretender.wait().unwrap();
    bench.executor.signal(claim, Ending::Kill);
    bench.end_of(claim);
    assert_eq!(found(worker), [0; 0]);
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
