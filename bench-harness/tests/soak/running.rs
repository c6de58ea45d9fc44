//! Promotes a file while workers of fast-queue run its commands.

use std::fs::File;
use std::process::Child;

use fast_queue::FastQueue;
use queue_core::error::Error;
use queue_core::{NewTask, Queue, State};
use workflow_queue::WorkflowQueue;

use crate::{fast_database, flow_database};
use queue_testing::patience::{present, until};
use queue_testing::soak::database::{SoakDatabase, WorkerProcess};
use queue_testing::soak::journal::{Journal, Kill, Verdicts};
use queue_testing::soak::{command, long, report};

/// The task that runs when the promotion begins, until the test releases it.
const HELD: i64 = 1;
const HOLD: &str = r#"until test -e "$JOURNAL.go"; do sleep 0.02; done"#;

const WELL: Verdicts = Verdicts {
    attempts: 1,
    exit_code: Some(0),
};

/// Fate of the worker that the promotion waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Finishes,
    Dies,
}

#[test]
fn promoting_a_file_with_running_workers_loses_no_task_and_runs_none_twice() {
    promote_under_way(Fate::Finishes);
}

#[test]
fn a_worker_that_dies_during_a_promotion_costs_one_more_run_only() {
    promote_under_way(Fate::Dies);
}

fn promote_under_way(fate: Fate) {
    let count = if long() { 100_000 } else { 2_000 };
    let folder = tempfile::tempdir().unwrap();
    let fast = fast_database(folder.path());
    let path = fast.file("journal");
    enqueue(&fast, count);

    let begun = present();
    let pair = [(); 2].map(|()| fast.worker(&["--slots", "4", "--grace", "1h"]));
    until("both workers work", || {
        let journal = Journal::read(&path);
        journal.ended() >= count / 20 && !journal.of(HELD).is_empty()
    });
    // Two promotions at once must not disturb each other.
    let mut promotions = [(); 2].map(|()| promote(&fast));
    // Killed on drop: it may still be ending.
    let (holder, _other) = leaving(&fast, pair);
    let refused = fast.queue.enqueue(vec![NewTask::shell("late", "true")]);
    assert!(
        matches!(refused, Err(Error::Promoted { .. })),
        "{refused:?}"
    );

    let mut kills = Vec::new();
    match fate {
        Fate::Dies => kills.push(holder.kill()),
        Fate::Finishes => {
            release(&fast);
            until("the last worker has ended", || {
                fast.queue.workers().unwrap().is_empty()
            });
        }
    }
    for promotion in &mut promotions {
        let status = promotion.wait().unwrap();
        assert!(status.success(), "{status}: {}", said(&fast));
    }
    let before = Journal::read(&path).ended();
    let flow = flow_database(folder.path());
    finish(&flow, fate);
    assert!(before < count, "no task was left for the new workers");

    let journal = Journal::read(&path);
    check(&flow, count, &journal, &kills);
    report(&format!(
        "{count} tasks in {} s, {before} of them before the promotion was done; {} runs; {}",
        begun.elapsed().as_secs(),
        journal.started(),
        match kills.first() {
            Some(kill) => format!(
                "a killed worker's task ran again after {:?} ms, promotion included",
                journal.recovery_ms(*kill)
            ),
            None => "no kill".to_owned(),
        },
    ));
}

fn enqueue(fast: &SoakDatabase<FastQueue>, count: usize) {
    let journal = fast.file("journal");
    let mut tasks = vec![command("plain", ":", &journal); count];
    tasks[0] = command("held", HOLD, &journal).priority(1);
    let enqueued = fast.queue.enqueue(tasks).unwrap();
    assert_eq!(enqueued[0].id.0, HELD);
}

/// Releases the held task.
fn release(fast: &SoakDatabase<FastQueue>) {
    File::create(fast.file("journal.go")).unwrap();
}

/// Starts `promote`, which runs until the workers have ended.
fn promote(fast: &SoakDatabase<FastQueue>) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(fast.file("promotions.log"))
        .unwrap();
    let mut command = std::process::Command::new(crate::program("workflow-queue"));
    command.arg("promote").arg(fast.queue.path());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

fn said(fast: &SoakDatabase<FastQueue>) -> String {
    std::fs::read_to_string(fast.file("promotions.log")).unwrap_or_default()
}

/// Waits until the worker without a task has ended, and both promotions name the worker they still wait
/// for. Returns that worker, and the other.
fn leaving(
    fast: &SoakDatabase<FastQueue>,
    pair: [WorkerProcess; 2],
) -> (WorkerProcess, WorkerProcess) {
    until("one worker has ended", || {
        fast.queue.workers().unwrap().len() == 1
    });
    let journal = Journal::read(&fast.file("journal"));
    let [one, two] = pair;
    let (holder, other) = if journal.is_running(one.id()) {
        (one, two)
    } else {
        (two, one)
    };
    until("both promotions name the worker they wait for", || {
        let pid = fast.queue.workers().unwrap()[0].pid;
        let line = format!("waiting for workers to finish and leave: pid {pid}");
        said(fast).lines().filter(|said| **said == line).count() == 2
    });
    (holder, other)
}

/// Runs the remaining tasks.
fn finish(flow: &SoakDatabase<WorkflowQueue>, fate: Fate) {
    let workers = [(); 2].map(|()| flow.worker(&["4"]));
    if fate == Fate::Dies {
        let path = flow.file("journal");
        until("the dead worker's task runs again", || {
            Journal::read(&path).of(HELD).len() == 2
        });
        File::create(flow.file("journal.go")).unwrap();
    }
    flow.finish();
    for worker in workers {
        let well = worker.stop();
        assert!(well, "a worker ended with an error\n{}", flow.log());
    }
}

fn check(flow: &SoakDatabase<WorkflowQueue>, count: usize, journal: &Journal, kills: &[Kill]) {
    let mut faults = Vec::new();
    for task in 1..=i64::try_from(count).unwrap() {
        faults.extend(journal.faults(task, WELL, kills));
    }
    let log = flow.log();
    for word in ["busy", "locked", "was refused", "lost"] {
        faults.extend(
            log.lines()
                .filter(|line| line.contains(word))
                .map(str::to_owned),
        );
    }
    faults.extend(flow.marked_processes());
    assert!(faults.is_empty(), "{}\n{log}", faults.join("\n"));
    let told = "the file is workflow-queue's; use that program on it";
    until("every ended worker has printed the reason", || {
        flow.log().matches(told).count() == 2 - kills.len()
    });
    let stats = flow.queue.stats().unwrap();
    let succeeded = usize::try_from(stats.count(State::Succeeded)).unwrap();
    assert_eq!((succeeded, stats.total()), (count, count as u64));
}
