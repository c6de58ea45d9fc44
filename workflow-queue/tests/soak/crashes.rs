//! A workflow in layers, run by many workers, one of which is killed again and again.

use std::path::Path;
use std::time::{Duration, Instant};

use queue_core::{Queue, State, TaskId};
use workflow_queue::WorkflowQueue;

use crate::layers::{Node, layered, order_faults};
use queue_testing::patience::{present, until};
use queue_testing::soak::database::{SoakDatabase, WorkerProcess};
use queue_testing::soak::journal::{Journal, Kill, Verdicts};
use queue_testing::soak::{long, report};

/// Two slots for each worker.
const SLOTS: [&str; 1] = ["2"];

/// The size of the soak, and the times at which a worker is killed.
struct Plan {
    layers: usize,
    width: usize,
    workers: usize,
    pace: Pace,
}

enum Pace {
    /// One worker at this interval, until all tasks have ended.
    Every(Duration),
    /// This number in all, spread over the runs.
    Spread(usize),
}

impl Plan {
    fn wanted() -> Self {
        if long() {
            Self {
                layers: 40,
                width: 600,
                workers: 16,
                pace: Pace::Every(Duration::from_secs(1)),
            }
        } else {
            Self {
                layers: 10,
                width: 30,
                workers: 4,
                pace: Pace::Spread(4),
            }
        }
    }
}

#[test]
fn a_workflow_ends_as_required_while_its_workers_are_killed() {
    let plan = Plan::wanted();
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_workflow-queue"));
    let open = |path: &Path| WorkflowQueue::open(path).unwrap();
    let database = SoakDatabase::new(folder.path(), program, open);
    let journal = database.file("journal");
    let nodes = layered(plan.layers, plan.width);
    assert_varied(&nodes);
    let tasks = nodes.iter().map(|node| node.task(&journal)).collect();
    let first = database.queue.enqueue_workflow(tasks).unwrap()[0].id.0;

    let begun = present();
    let mut workers: Vec<WorkerProcess> =
        (0..plan.workers).map(|_| database.worker(&SLOTS)).collect();
    let kills = kill_one_by_one(&plan, &database, &nodes, &mut workers);
    database.finish();
    let took = begun.elapsed();
    for worker in workers {
        let well = worker.stop();
        assert!(well, "a worker left with an error\n{}", database.log());
    }

    let journal = Journal::read(&journal);
    let mut faults = order_faults(&nodes, first, &journal);
    for (id, node) in (first..).zip(&nodes) {
        faults.extend(journal.faults(id, node.verdicts(), &kills));
        faults.extend(state_fault(&database.queue, TaskId(id), node));
    }
    let log = database.log();
    for word in ["busy", "locked", "refused", "lost"] {
        faults.extend(
            log.lines()
                .filter(|line| line.contains(word))
                .map(str::to_owned),
        );
    }
    faults.extend(database.marked_processes());
    assert!(faults.is_empty(), "{}\n{log}", faults.join("\n"));
    tell(&nodes, &journal, &kills, took);
}

/// Kills a worker with a running command whenever one is due, and starts another in its place.
fn kill_one_by_one(
    plan: &Plan,
    database: &SoakDatabase<WorkflowQueue>,
    nodes: &[Node],
    workers: &mut Vec<WorkerProcess>,
) -> Vec<Kill> {
    let path = database.file("journal");
    let runs: usize = nodes
        .iter()
        .map(|node| node.verdicts().attempts as usize)
        .sum();
    let mut kills = Vec::new();
    let mut last = present();
    while !plan.pace.is_over(&kills) {
        let mut victim = None;
        until("a worker is to be killed", || {
            if !plan.pace.is_time(last) {
                return false;
            }
            let journal = Journal::read(&path);
            if plan.pace.is_share(journal.ended(), runs, kills.len()) {
                let turn = (0..workers.len()).map(|next| (kills.len() + next) % workers.len());
                victim = turn
                    .into_iter()
                    .find(|one| journal.is_running(workers[*one].id()));
            }
            victim.is_some() || database.unfinished() == 0
        });
        let Some(victim) = victim else { break };
        last = present();
        kills.push(workers.remove(victim).kill());
        workers.insert(victim, database.worker(&SLOTS));
    }
    kills
}

impl Pace {
    fn is_over(&self, kills: &[Kill]) -> bool {
        match self {
            Self::Every(_) => false,
            Self::Spread(count) => kills.len() == *count,
        }
    }

    fn is_time(&self, last: Instant) -> bool {
        match self {
            Self::Every(pause) => last.elapsed() >= *pause,
            Self::Spread(_) => true,
        }
    }

    fn is_share(&self, ended: usize, runs: usize, kills: usize) -> bool {
        match self {
            Self::Every(_) => true,
            Self::Spread(count) => ended >= runs * (kills + 1) / (count + 2),
        }
    }
}

fn state_fault(queue: &WorkflowQueue, id: TaskId, node: &Node) -> Option<String> {
    let task = queue.get(id).unwrap().unwrap();
    let found = Verdicts {
        attempts: task.attempt,
        exit_code: task.exit_code,
    };
    let wrong = task.state != node.state || found != node.verdicts();
    wrong.then(|| format!("task {id}: {} with {found:?} is not {node:?}", task.state))
}

fn count(nodes: &[Node], state: State) -> usize {
    nodes.iter().filter(|node| node.state == state).count()
}

/// Checks that enough tasks ran, failed and were skipped for the soak to prove something.
fn assert_varied(nodes: &[Node]) {
    let share = |state| count(nodes, state) * 100 / nodes.len();
    assert!(share(State::Succeeded) >= 60, "too little succeeds");
    assert!(share(State::Failed) >= 1, "too little fails");
    assert!(share(State::Skipped) >= 5, "too little is skipped");
}

fn tell(nodes: &[Node], journal: &Journal, kills: &[Kill], took: Duration) {
    let due: usize = nodes
        .iter()
        .map(|node| node.verdicts().attempts as usize)
        .sum();
    let recoveries = kills.iter().filter_map(|kill| journal.recovery_ms(*kill));
    let mut recoveries: Vec<u64> = recoveries.collect();
    recoveries.sort_unstable();
    let of = |index: usize| recoveries.get(index).copied().unwrap_or_default();
    report(&format!(
        "{} tasks ({} succeeded, {} failed, {} skipped) in {} s: {} runs, {} of them repeated after \
         {} kills, of which {} interrupted a command; it ran again after {} ms (median), {} ms (most)",
        nodes.len(),
        count(nodes, State::Succeeded),
        count(nodes, State::Failed),
        count(nodes, State::Skipped),
        took.as_secs(),
        journal.started(),
        journal.started() - due,
        kills.len(),
        recoveries.len(),
        of(recoveries.len() / 2),
        of(recoveries.len().saturating_sub(1)),
    ));
}
