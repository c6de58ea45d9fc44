//! Random sequences of all operations, compared with the model.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use queue_core::claim::{Claim, ClaimRequest, Held, WorkerId};
use queue_core::clock::{BootTime, Clock as _};
use queue_core::outcome::{Outcome, Settled};
use queue_core::queue::{Change, Queue};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use workflow_queue::{Edge, Limit, Settings, WorkflowTask};

use crate::model::{Model, Node, Phase};
use crate::{Bench, FAILED, Workflows, once};

/// Number of limited tasks that may run at once.
const BOUND: usize = 2;
const LEASE: Duration = Duration::from_secs(30);
/// Crash budget of a task.
const MAX_CRASHES: u32 = 2;

/// An operation; numbers select among the existing tasks and claims.
#[derive(Clone, Debug)]
enum Operation {
    Submit(Vec<NewNode>),
    Claim {
        worker: i64,
        limit: usize,
    },
    Settle {
        claim: usize,
        outcome: usize,
    },
    Heartbeat {
        claim: usize,
    },
    Advance {
        millis: u64,
    },
    Jump {
        millis: i64,
    },
    Expire,
    Reap {
        worker: i64,
    },
    Cancel {
        task: usize,
    },
    Retry {
        tasks: Vec<usize>,
        downstream: bool,
    },
    Link {
        dependent: usize,
        on: usize,
        condition: Condition,
    },
    Spawn {
        claim: usize,
        node: NewNode,
    },
}

#[derive(Clone, Debug)]
struct NewNode {
    after: Vec<(usize, Condition)>,
    limited: bool,
}

/// The engine and its model.
struct Pair {
    bench: Bench,
    model: Model,
    /// All claims ever made, most of them stale.
    claims: Vec<Claim>,
}

fn id(task: usize) -> TaskId {
    TaskId(i64::try_from(task).unwrap() + 1)
}

impl Pair {
    fn new() -> Self {
        let bench = Bench::default();
        bench
            .queue
            .set_limit(&Limit::key(b"k").concurrency(u32::try_from(BOUND).unwrap()))
            .unwrap();
        Self {
            bench,
            model: Model::default(),
            claims: Vec::new(),
        }
    }

    /// The submitted form of a task; its dependencies are earlier tasks.
    fn new_task(node: &NewNode, before: usize, stored: usize) -> WorkflowTask {
        let mut task = once("t");
        task.task.options.max_crashes = MAX_CRASHES;
        if node.limited {
            task = task.settings(Settings::new().limit_key(b"k"));
        }
        let mut after = BTreeSet::new();
        for &(on, condition) in node.after.iter().filter(|_| before > 0) {
            let on = on % before;
            if !after.insert(on) {
                continue;
            }
            task = if on < stored {
                task.after(id(on), condition)
            } else {
                task.after(on - stored, condition)
            };
        }
        task
    }

    fn add(&mut self, nodes: &[NewNode], spawner: Option<Claim>) {
        let stored = self.model.nodes.len();
        let new = |(index, node)| Self::new_task(node, stored + index, stored);
        let tasks: Vec<WorkflowTask> = nodes.iter().enumerate().map(new).collect();
        let result = match spawner {
            Some(claim) => self.bench.queue.spawn(claim, tasks.clone(), Vec::new()),
            None => self.bench.queue.enqueue_workflow(tasks.clone()),
        };
        if spawner.is_some_and(|claim| !self.model.is_live(claim)) {
            assert!(result.unwrap_err().is_claim_lost());
            return;
        }
        let ids: Vec<_> = result.unwrap().into_iter().map(|one| one.id).collect();
        assert!(
            ids.iter().copied().eq((stored..).map(id).take(nodes.len())),
            "{ids:?}"
        );
        let now = self.bench.now();
        let fresh = tasks.iter().map(|task| Node::new(task, &ids, now));
        self.model.submit(ids.iter().copied().zip(fresh).collect());
    }

    fn boot(&self) -> BootTime {
        self.bench.clock.now().boot
    }

    fn running(&self) -> impl Iterator<Item = (TaskId, &Node)> {
        let nodes = self.model.stored();
        nodes.filter(|(_, node)| node.phase == Phase::Runs)
    }

    /// Number of limited tasks that run.
    fn limited(&self) -> usize {
        let limited = self.running().filter(|(_, node)| is_limited(node));
        limited.count()
    }

    fn claim(&mut self, worker: i64, limit: usize) {
        let request = ClaimRequest::new(WorkerId(worker), limit).commands(true);
        let tasks = self.bench.queue.claim(&request).unwrap().tasks;
        assert!(tasks.len() <= limit);
        let full = tasks.len() == limit;
        let lease_until = self.boot().after(LEASE);
        for task in tasks {
            let claim = task.claim;
            let node = self.model.node(claim.task);
            assert_eq!(
                node.phase,
                Phase::Free,
                "{} could not be claimed",
                claim.task
            );
            let mut stale = self.claims.iter().filter(|old| old.task == claim.task);
            assert!(stale.all(|old| old.token < claim.token), "the token rises");
            node.phase = Phase::Runs;
            node.claim = Some(claim);
            node.lease_until = lease_until;
            self.claims.push(claim);
        }
        let running = self.limited();
        assert!(running <= BOUND, "{running} limited tasks run");
        let left =
            |node: &Node| node.phase == Phase::Free && (!is_limited(node) || running < BOUND);
        assert!(
            full || !self.model.nodes.values().any(left),
            "a claim took too little"
        );
    }

    fn settle(&mut self, claim: Claim, outcome: usize) {
        let (outcome, state) = match outcome % 4 {
            0 | 1 => (Outcome::Succeeded, State::Succeeded),
            2 => (FAILED, State::Failed),
            _ => (Outcome::Returned, State::Queued),
        };
        let settled = self.bench.settle(claim, outcome);
        if !self.model.is_live(claim) {
            // Either an earlier settle of the same claim is repeated, or nothing is written.
            assert!(
                settled == Settled::ClaimLost
                    || matches!(settled, Settled::Recorded(state) if state == self.bench.state(claim.task))
            );
            return;
        }
        let cancelled = self.model.node(claim.task).cancel_requested && state != State::Succeeded;
        self.leave(claim.task, if cancelled { State::Cancelled } else { state });
    }

    /// Notes that a worker no longer has a task: it has ended, or waits again.
    fn leave(&mut self, task: TaskId, state: State) {
        if state.is_terminal() {
            self.model.end(task, state);
        } else {
            self.model.node(task).phase = Phase::Free;
        }
    }

    fn crash(&mut self, task: TaskId) {
        let node = self.model.node(task);
        node.crashes += 1;
        let state = if node.cancel_requested {
            State::Cancelled
        } else if node.crashes >= MAX_CRASHES {
            State::Failed
        } else {
            State::Queued
        };
        self.leave(task, state);
    }

    fn heartbeat(&mut self, claim: Claim) {
        let held = self.bench.queue.heartbeat(&[claim]).unwrap()[0];
        if !self.model.is_live(claim) {
            assert_eq!(held, Held::Lost);
            return;
        }
        let lease_until = self.boot().after(LEASE);
        let node = self.model.node(claim.task);
        node.lease_until = lease_until;
        let expected = if node.cancel_requested {
            Held::CancelRequested
        } else {
            Held::Held
        };
        assert_eq!(held, expected);
    }

    fn expire(&mut self) {
        let expired = self.bench.queue.expired().unwrap();
        let now = self.boot();
        let over = self.running().filter(|(_, node)| node.lease_until <= now);
        let expected: BTreeSet<_> = over.map(|(task, node)| (task, node.claim)).collect();
        let found: BTreeSet<_> = expired
            .iter()
            .map(|claim| (claim.task, Some(*claim)))
            .collect();
        assert_eq!(found, expected);
        let reaped = self.bench.queue.expire(&expired).unwrap();
        assert_eq!(reaped.len(), expired.len());
        for claim in expired {
            self.crash(claim.task);
        }
    }

    fn reap(&mut self, worker: i64) {
        let reaped = self.bench.queue.reap(WorkerId(worker)).unwrap();
        let of_worker = |node: &Node| node.claim.is_some_and(|claim| claim.worker.0 == worker);
        let tasks = self.running().filter(|(_, node)| of_worker(node));
        let tasks: Vec<TaskId> = tasks.map(|(task, _)| task).collect();
        assert!(
            reaped
                .iter()
                .map(|one| one.claim.task)
                .eq(tasks.iter().copied())
        );
        for task in tasks {
            self.crash(task);
        }
    }

    fn cancel(&mut self, task: TaskId) {
        let change = self.bench.queue.cancel(&[task]).unwrap()[0];
        let node = self.model.node(task);
        match node.phase {
            Phase::Runs => {
                assert!(change.asked().is_some());
                let again = matches!(change, Change::AlreadyRequested(_));
                assert_eq!(again, node.cancel_requested);
                node.cancel_requested = true;
            }
            Phase::Waits | Phase::Free => {
                assert_eq!(change, Change::Done(State::Cancelled));
                self.model.end(task, State::Cancelled);
            }
            Phase::Ended(State::Cancelled) => {
                assert_eq!(change, Change::Already(State::Cancelled));
            }
            Phase::Ended(ended) => assert_eq!(change, Change::Refused(ended)),
        }
    }

    fn retry(&mut self, tasks: &[TaskId], downstream: bool) {
        let changes = if downstream {
            self.bench.queue.retry_downstream(tasks)
        } else {
            self.bench.queue.retry(tasks)
        };
        let expected = self.model.retry(tasks, downstream, self.bench.now());
        for (change, reopened) in changes.unwrap().into_iter().zip(expected) {
            assert_eq!(matches!(change, Change::Done(_)), reopened, "{change:?}");
        }
    }

    fn link(&mut self, edge: Edge) {
        let result = self.bench.queue.add_dependencies(vec![edge]);
        let can_link = self.model.can_link(edge);
        assert_eq!(result.is_ok(), can_link, "{result:?}");
        if can_link {
            self.model.link(edge);
        }
    }

    fn apply(&mut self, operation: &Operation) {
        let (tasks, claims) = (self.model.nodes.len(), self.claims.len());
        match operation {
            Operation::Submit(nodes) => self.add(nodes, None),
            Operation::Claim { worker, limit } => self.claim(*worker, *limit),
            Operation::Settle { claim, outcome } if claims > 0 => {
                // Recent claims are chosen more often: more of them are live.
                self.settle(self.claims[claims - 1 - claim % claims], *outcome);
            }
            Operation::Heartbeat { claim } if claims > 0 => {
                self.heartbeat(self.claims[claim % claims]);
            }
            Operation::Spawn { claim, node } if claims > 0 => {
                let claim = self.claims[claims - 1 - claim % claims];
                self.add(std::slice::from_ref(node), Some(claim));
            }
            Operation::Advance { millis } => self.bench.advance(*millis),
            Operation::Jump { millis } => self.bench.clock.jump(*millis),
            Operation::Expire => self.expire(),
            Operation::Reap { worker } => self.reap(*worker),
            Operation::Cancel { task } if tasks > 0 => self.cancel(id(task % tasks)),
            Operation::Retry {
                tasks: some,
                downstream,
            } if tasks > 0 => {
                let some: Vec<_> = some.iter().map(|task| id(task % tasks)).collect();
                self.retry(&some, *downstream);
            }
            Operation::Link {
                dependent,
                on,
                condition,
            } if tasks > 0 => {
                self.link(Edge {
                    dependent: id(dependent % tasks),
                    on: id(on % tasks),
                    condition: *condition,
                });
            }
            Operation::Settle { .. }
            | Operation::Heartbeat { .. }
            | Operation::Spawn { .. }
            | Operation::Cancel { .. }
            | Operation::Retry { .. }
            | Operation::Link { .. } => {}
        }
    }

    /// Checks that engine and model agree on every task. A task that waits only for a slot may be
    /// offered one or not.
    fn check(&self) {
        let mut offered = 0;
        let mut ready = 0;
        for (task, node) in self.model.stored() {
            let state = self.bench.state(task);
            if is_limited(node) && node.phase == Phase::Free {
                assert!(
                    matches!(state, State::Queued | State::Blocked),
                    "task {task}: {state}"
                );
                offered += usize::from(state == State::Queued);
                ready += 1;
                continue;
            }
            let expected = match node.phase {
                Phase::Waits => State::Blocked,
                Phase::Free => State::Queued,
                Phase::Runs => State::Running,
                Phase::Ended(state) => state,
            };
            assert_eq!(state, expected, "task {task} {node:?}");
        }
        let free = BOUND.saturating_sub(self.limited());
        assert!(
            offered >= ready.min(free),
            "a free slot is offered to nobody"
        );
    }

    /// Ends all running tasks and runs all others: none waits for ever.
    fn finish(&mut self) {
        self.bench.clock.advance(LEASE);
        self.expire();
        self.bench.drain();
        for task in self.model.nodes.keys() {
            let state = self.bench.state(*task);
            assert!(state.is_terminal(), "task {task} is {state} in the end");
        }
    }
}

fn is_limited(node: &Node) -> bool {
    node.limit_key.is_some()
}

fn condition() -> impl Strategy<Value = Condition> {
    prop::sample::select(&Condition::ALL[..])
}

fn node() -> impl Strategy<Value = NewNode> {
    let after = prop::collection::vec((any::<usize>(), condition()), 0..4);
    (after, prop::bool::weighted(0.3)).prop_map(|(after, limited)| NewNode { after, limited })
}

fn operation() -> impl Strategy<Value = Operation> {
    let worker = 1..4_i64;
    prop_oneof![
        3 => prop::collection::vec(node(), 1..5).prop_map(Operation::Submit),
        6 => (worker.clone(), 1..5_usize)
            .prop_map(|(worker, limit)| Operation::Claim { worker, limit }),
        8 => (0..6_usize, any::<usize>())
            .prop_map(|(claim, outcome)| Operation::Settle { claim, outcome }),
        1 => any::<usize>().prop_map(|claim| Operation::Heartbeat { claim }),
        1 => (0..40_000_u64).prop_map(|millis| Operation::Advance { millis }),
        1 => (-1_i64 << 40..1 << 40).prop_map(|millis| Operation::Jump { millis }),
        1 => Just(Operation::Expire),
        1 => worker.prop_map(|worker| Operation::Reap { worker }),
        2 => any::<usize>().prop_map(|task| Operation::Cancel { task }),
        3 => (prop::collection::vec(any::<usize>(), 1..4), any::<bool>())
            .prop_map(|(tasks, downstream)| Operation::Retry { tasks, downstream }),
        2 => (any::<usize>(), any::<usize>(), condition())
            .prop_map(|(dependent, on, condition)| Operation::Link { dependent, on, condition }),
        1 => (0..4_usize, node()).prop_map(|(claim, node)| Operation::Spawn { claim, node }),
    ]
}

proptest! {
    #[test]
    fn engine_and_model_agree_after_any_sequence_of_operations(
        operations in prop::collection::vec(operation(), 1..40),
    ) {
        let mut pair = Pair::new();
        for operation in &operations {
            pair.apply(operation);
            pair.check();
        }
        pair.finish();
    }
}
