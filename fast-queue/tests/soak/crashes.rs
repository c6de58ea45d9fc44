//! Mixed commands through two workers, one of which dies again and again.

use fast_queue::{FastQueue, Queue, TaskId};

use crate::commands::{Expected, mix};
use queue_testing::patience::until;
use queue_testing::soak::database::{SoakDatabase, WorkerProcess};
use queue_testing::soak::journal::Journal;
use queue_testing::soak::{long, report};

const SLOTS: [&str; 2] = ["--slots", "4"];

#[test]
fn every_task_ends_as_it_should_though_a_worker_keeps_dying() {
    let (count, kills) = if long() { (1_000, 10) } else { (100, 3) };
    let folder = tempfile::tempdir().unwrap();
    let database = crate::database(folder.path());
    let journal = database.file("journal");
    let (tasks, expected): (Vec<_>, Vec<Expected>) = mix(count, &journal).into_iter().unzip();
    let enqueued = database.queue.enqueue(tasks).unwrap();
    let runs: usize = expected
        .iter()
        .map(|expected| expected.attempts as usize)
        .sum();

    let steady = database.worker(&SLOTS);
    let mut doomed = database.worker(&SLOTS);
    let mut killed = Vec::new();
    for number in 1..=kills {
        let due = runs * number / (kills + 2);
        until("the killed worker has a command under way", || {
            let journal = Journal::read(&journal);
            journal.ended() >= due && journal.is_running(doomed.id())
        });
        killed.push(doomed.kill());
        doomed = database.worker(&SLOTS);
    }
    database.finish();
    stop(steady, doomed);

    let journal = Journal::read(&journal);
    let mut faults = Vec::new();
    for (enqueued, expected) in enqueued.iter().zip(&expected) {
        faults.extend(journal.faults(enqueued.id.0, expected.verdicts(), &killed));
        faults.extend(state_fault(&database, enqueued.id, *expected));
    }
    let recoveries: Vec<_> = killed
        .iter()
        .filter_map(|kill| journal.recovery_ms(*kill))
        .collect();
    assert!(
        faults.is_empty(),
        "{}\n{}",
        faults.join("\n"),
        database.log()
    );
    assert_eq!(database.marked_processes(), [""; 0], "orphans are left");
    assert!(!recoveries.is_empty(), "no kill interrupted anything");
    report(&format!(
        "{count} tasks, {} runs, {} of them repeated after {kills} kills; recovered in {recoveries:?} ms",
        journal.started(),
        journal.started() - runs,
    ));
    // Only the long form runs alone on an optimised program.
    if long() {
        assert!(
            recoveries.iter().all(|millis| *millis < 1_000),
            "{recoveries:?} ms"
        );
    }
}

fn stop(steady: WorkerProcess, doomed: WorkerProcess) {
    assert!(steady.stop(), "the steady worker left with an error");
    assert!(
        doomed.stop(),
        "the last of the killed workers left with an error"
    );
}

fn state_fault(
    database: &SoakDatabase<FastQueue>,
    id: TaskId,
    expected: Expected,
) -> Option<String> {
    let task = database.queue.get(id).unwrap().unwrap();
    let found = Expected {
        state: task.state,
        attempts: task.attempt,
        exit_code: task.exit_code,
        signal: task.signal,
    };
    (found != expected).then(|| format!("task {id} ({}): {found:?} is not {expected:?}", task.name))
}
