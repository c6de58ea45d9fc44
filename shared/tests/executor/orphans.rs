//! Finding and ending what a dead worker left.

use super::*;

use queue_core::internals::orphans::{Orphan, OrphanEnd, ProcFs, Processes, Search};
use queue_core::internals::records::{CommandRecords, RecordFile};

/// The processes that carry the mark of one of these claims.
fn marked(claims: &[Claim]) -> Vec<Orphan> {
    let now = SystemClock.now().boot;
    let mut search = Search::new(claims.to_vec(), now);
    search.scan(&ProcFs, &[], now).unwrap().found
}

fn pids(found: &[Orphan]) -> Vec<u32> {
    found.iter().map(|one| one.process.pid).collect()
}

#[test]
fn a_process_that_left_its_session_is_found_by_its_mark_and_ended() {
    let mut bench = Bench::new();
    let claim = bench.shell("setsid sh -c 'echo $$ > escaped; sleep 1000; :' > /dev/null 2>&1 &");
    assert_eq!(bench.end_of(claim).end, End::Exited(0));
    let file = bench.path("escaped");
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    // The shell and its sleep.
    bench.until(|| read().ends_with('\n') && marked(&[claim]).len() == 2);
    let found = marked(&[claim]);
    assert!(pids(&found).contains(&read().trim().parse().unwrap()));
    for one in &found {
        assert_eq!(one.claim, claim);
        let end = ProcFs.end(&one.process);
        assert!(
            matches!(end, OrphanEnd::Killed | OrphanEnd::Gone),
            "{end:?}"
        );
    }
    bench.until(|| marked(&[claim]).is_empty());
    let end = ProcFs.end(&found[0].process);
    assert!(matches!(end, OrphanEnd::Gone), "{end:?}");
}

#[test]
fn only_the_whole_mark_counts() {
    let mut bench = Bench::new();
    let claim = bench.shell("exec sleep 1000");
    bench.until(|| !marked(&[claim]).is_empty());
    let near = Claim {
        worker: WorkerId(claim.worker.0 ^ 2),
        ..claim
    };
    let mark = |worker: String| {
        let mut pretender = std::process::Command::new("sleep");
        pretender
            .arg("1000")
            .stdout(std::process::Stdio::null())
            .env("QUEUE_WORKER", worker)
            .env("QUEUE_TASK_ID", claim.task.to_string())
            .env("QUEUE_TOKEN", claim.token.to_string());
        pretender
    };
    let mut pretender = mark(format!("{}0", near.worker))
        .env("NOT_QUEUE_WORKER", near.worker.to_string())
        .env("OTHER", format!("QUEUE_WORKER={}", near.worker))
        .spawn()
        .unwrap();
    let mut incomplete = mark(near.worker.to_string())
        .env_remove("QUEUE_TOKEN")
        .spawn()
        .unwrap();
    assert_eq!(marked(&[near]), []);
    assert_eq!(marked(&[claim]).len(), 1);
    for child in [&mut pretender, &mut incomplete] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    bench
        .executor
        .signal(claim, Ending::Kill, StopReason::Shutdown);
    bench.end_of(claim);
    assert_eq!(marked(&[claim]), []);
}

#[test]
fn of_a_worker_that_lives_only_what_runs_under_the_lost_claim_is_found() {
    let mut bench = Bench::new();
    let [lost, held] = ["exec sleep 1000"; 2].map(|command| bench.shell(command));
    bench.until(|| marked(&[lost, held]).len() == 2);
    let found = marked(&[lost]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].claim, lost);
    let later = Claim {
        token: lost.token + 1,
        ..lost
    };
    assert_eq!(marked(&[later]), []);
    let end = ProcFs.end(&found[0].process);
    assert!(matches!(end, OrphanEnd::Killed), "{end:?}");
    assert_eq!(bench.end_of(lost).end, End::Signalled(9));
    assert_eq!(marked(&[held]).len(), 1, "it was spared");
    bench
        .executor
        .signal(held, Ending::Kill, StopReason::Shutdown);
    bench.end_of(held);
}

#[test]
fn zombies_are_not_found() {
    let claim = Claim {
        task: TaskId(1),
        token: 1,
        worker: WorkerId::from_bits(getrandom()),
    };
    let mut child = std::process::Command::new("true")
        .env("QUEUE_WORKER", claim.worker.to_string())
        .env("QUEUE_TASK_ID", "1")
        .env("QUEUE_TOKEN", "1")
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    Bench::new().until(|| !is_running(&pid));
    assert_eq!(marked(&[claim]), []);
    child.wait().unwrap();
}

/// A command that cleans its environment was not found after its worker's death, so that two copies
/// of it ran at once. Its worker's record of it is enough.
#[test]
fn a_command_without_a_mark_is_found_by_its_record_with_all_of_its_session() {
    let mut bench = Bench::new();
    let sidecar = Sidecar::of(&bench.path("tasks.db"));
    let records = CommandRecords::create(&sidecar, bench.worker, 1).unwrap();
    bench.executor = bench.executor.with_records(Some(Arc::new(records)));
    let command = "exec env -i sh -c 'sleep 1000 & echo $! > child; wait'";
    let claim = bench.shell(command);
    let file = bench.path("child");
    let child = || std::fs::read_to_string(&file).unwrap_or_default();
    bench.until(|| child().ends_with('\n') && marked(&[claim]).is_empty());
    let commands = RecordFile::read(&sidecar, bench.worker).unwrap().unwrap();
    let now = SystemClock.now().boot;
    let mut search = Search::new(vec![claim], now);
    let mut scan = |now| {
        let scan = search.scan(&ProcFs, &commands.commands, now).unwrap();
        scan.found
    };
    let found = scan(now);
    let leader = commands.commands[0].process.unwrap().pid;
    let both = [leader, child().trim().parse().unwrap()];
    assert!(
        both.iter().all(|pid| pids(&found).contains(pid)),
        "{found:?}"
    );
    // The leader has gone; what it left is in its session.
    let leader = found.iter().find(|one| one.process.pid == leader).unwrap();
    assert!(matches!(ProcFs.end(&leader.process), OrphanEnd::Killed));
    bench.end_of(claim);
    let found = scan(SystemClock.now().boot);
    assert_eq!(pids(&found), both[1..]);
    assert!(matches!(ProcFs.end(&found[0].process), OrphanEnd::Killed));
    bench.until(|| scan(SystemClock.now().boot).is_empty());
}
