//! Random sequences of every operation, against the model.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use queue_core::claim::{Claim, ClaimRequest, Held, WorkerId};
use queue_core::outcome::{Outcome, Settled};
use queue_core::queue::{Change, Queue};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use workflow_queue::{Edge, Limit, LimitKind, Settings, WorkflowTask};

use crate::model::{MAX_CRASHES, Model, Node};
use crate::{Bench, FAILED, Workflows, once};

/// How many limited tasks may run at once.
const BOUND: usize = 2;
const LEASE_MS: u64 = 30_000;

/// An operation; numbers choose among what there is.
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
    Beat {
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

/// The engine beside its model.
struct Pair {
    bench: Bench,
    model: Model,
}

fn id(task: usize) -> TaskId {
    TaskId(i64::try_from(task).unwrap() + 1)
}

fn place(id: TaskId) -> usize {
    usize::try_from(id.0).unwrap() - 1
}

impl Pair {
    fn new() -> Self {
        let bench = Bench::default();
        bench
            .queue
            .set_limit(&Limit {
                kind: LimitKind::Key(b"k".to_vec()),
                concurrency: u32::try_from(BOUND).ok(),
                rate: None,
            })
            .unwrap();
        Self {
            bench,
            model: Model {
                boot: 1_000,
                ..Model::default()
            },
        }
    }

    /// A task as the engine is asked for it; its dependencies are tasks of before.
    fn new_task(node: &NewNode, before: usize, stored: usize) -> (WorkflowTask, Node) {
        let mut task = once("t");
        task.task.options.max_crashes = MAX_CRASHES;
        if node.limited {
            task = task.settings(Settings {
                limit_key: Some(b"k".to_vec()),
                ..Settings::default()
            });
        }
        let mut after = BTreeMap::new();
        for &(on, condition) in node.after.iter().filter(|_| before > 0) {
            let on = on % before;
            if after.contains_key(&on) {
                continue;
            }
            after.insert(on, condition);
            task = if on < stored {
                task.after(id(on), condition)
            } else {
                task.after(on - stored, condition)
            };
        }
        let node = Node {
            state: State::Blocked,
            after,
            met: BTreeSet::new(),
            limited: node.limited,
            crashes: 0,
            cancel_requested: false,
            claim: None,
            lease_until: 0,
        };
        (task, node)
    }

    fn add(&mut self, nodes: &[NewNode], spawner: Option<Claim>) {
        let stored = self.model.nodes.len();
        let mut tasks = Vec::new();
        let mut fresh = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let (task, node) = Self::new_task(node, stored + index, stored);
            tasks.push(task);
            fresh.push(node);
        }
        let result = match spawner {
            Some(claim) => self.bench.queue.spawn(claim, tasks, Vec::new()),
            None => self.bench.queue.enqueue_workflow(tasks),
        };
        if spawner.is_some_and(|claim| self.model.live(claim).is_none()) {
            assert!(result.unwrap_err().is_claim_lost());
            return;
        }
        let ids: Vec<_> = result.unwrap().into_iter().map(|one| one.id).collect();
        assert!(
            ids.iter().copied().eq((stored..).map(id).take(nodes.len())),
            "{ids:?}"
        );
        self.model.nodes.extend(fresh);
        for node in stored..self.model.nodes.len() {
            self.model.settle_in(node);
        }
    }

    fn claim(&mut self, worker: i64, limit: usize) {
        let request = ClaimRequest::commands(WorkerId(worker), limit);
        let tasks = self.bench.queue.claim(&request).unwrap().tasks;
        assert!(tasks.len() <= limit);
        let full = tasks.len() == limit;
        for task in tasks {
            let node = &mut self.model.nodes[place(task.claim.task)];
            assert_eq!(
                node.state,
                State::Queued,
                "{} could not be claimed",
                task.claim.task
            );
            let stale = self
                .model
                .claims
                .iter()
                .filter(|old| old.task == task.claim.task);
            assert!(
                stale.clone().all(|old| old.token < task.claim.token),
                "the token rises"
            );
            node.state = State::Running;
            node.claim = Some(task.claim);
            node.lease_until = self.model.boot + LEASE_MS;
            self.model.claims.push(task.claim);
        }
        let running = self
            .model
            .running()
            .filter(|(_, node)| node.limited)
            .count();
        assert!(running <= BOUND, "{running} limited tasks run");
        let left = |node: &&Node| node.state == State::Queued && (!node.limited || running < BOUND);
        assert!(
            full || !self.model.nodes.iter().any(|node| left(&node)),
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
        let Some(task) = self.model.live(claim) else {
            // An earlier settle of the same claim is repeated, or nothing is written.
            assert!(
                settled == Settled::ClaimLost
                    || matches!(settled, Settled::Recorded(state) if state == self.bench.state(claim.task))
            );
            return;
        };
        let cancelled = self.model.nodes[task].cancel_requested && state != State::Succeeded;
        self.model
            .end(task, if cancelled { State::Cancelled } else { state });
    }

    fn beat(&mut self, claim: Claim) {
        let held = self.bench.queue.heartbeat(&[claim]).unwrap()[0];
        let Some(task) = self.model.live(claim) else {
            assert_eq!(held, Held::Lost);
            return;
        };
        let node = &mut self.model.nodes[task];
        node.lease_until = self.model.boot + LEASE_MS;
        let expected = if node.cancel_requested {
            Held::CancelRequested
        } else {
            Held::Held
        };
        assert_eq!(held, expected);
    }

    fn expire(&mut self) {
        let expired = self.bench.queue.expired().unwrap();
        let over = |node: &Node| node.lease_until <= self.model.boot;
        let expected: Vec<_> = self
            .model
            .running()
            .filter(|(_, node)| over(node))
            .collect();
        let expected: BTreeSet<_> = expected
            .into_iter()
            .map(|(task, node)| (task, node.claim))
            .collect();
        let found: BTreeSet<_> = expired
            .iter()
            .map(|claim| (place(claim.task), Some(*claim)))
            .collect();
        assert_eq!(found, expected);
        let reaped = self.bench.queue.expire(&expired).unwrap();
        assert_eq!(reaped.len(), expired.len());
        for claim in expired {
            self.model.crash(place(claim.task));
        }
    }

    fn reap(&mut self, worker: i64) {
        let reaped = self.bench.queue.reap(WorkerId(worker)).unwrap();
        let of_worker = |node: &Node| node.claim.is_some_and(|claim| claim.worker.0 == worker);
        let tasks: Vec<_> = self
            .model
            .running()
            .filter(|(_, node)| of_worker(node))
            .collect();
        let tasks: Vec<_> = tasks.into_iter().map(|(task, _)| task).collect();
        assert!(
            reaped
                .iter()
                .map(|one| place(one.claim.task))
                .eq(tasks.iter().copied())
        );
        for task in tasks {
            self.model.crash(task);
        }
    }

    fn cancel(&mut self, task: usize) {
        let change = self.bench.queue.cancel(&[id(task)]).unwrap()[0];
        let node = &mut self.model.nodes[task];
        match node.state {
            State::Running => {
                assert!(change.asked().is_some());
                let again = matches!(change, Change::AlreadyRequested(_));
                assert_eq!(again, node.cancel_requested);
                node.cancel_requested = true;
            }
            State::Scheduled | State::Blocked | State::Queued => {
                assert_eq!(change, Change::Done(State::Cancelled));
                self.model.end(task, State::Cancelled);
            }
            State::Cancelled => assert_eq!(change, Change::Already(State::Cancelled)),
            ended @ (State::Succeeded | State::Failed | State::Skipped) => {
                assert_eq!(change, Change::Refused(ended));
            }
        }
    }

    fn retry(&mut self, tasks: &[usize], downstream: bool) {
        let ids: Vec<_> = tasks.iter().map(|task| id(*task)).collect();
        let changes = if downstream {
            self.bench.queue.retry_downstream(&ids)
        } else {
            self.bench.queue.retry(&ids)
        };
        let expected = self.model.retry(tasks, downstream);
        for (change, reopened) in changes.unwrap().into_iter().zip(expected) {
            assert_eq!(matches!(change, Change::Done(_)), reopened, "{change:?}");
        }
    }

    fn link(&mut self, dependent: usize, on: usize, condition: Condition) {
        let edge = Edge {
            dependent: id(dependent),
            on: id(on),
            condition,
        };
        let result = self.bench.queue.add_dependencies(vec![edge]);
        assert_eq!(
            result.is_ok(),
            self.model.link(dependent, on, condition),
            "{result:?}"
        );
    }

    fn apply(&mut self, operation: &Operation) {
        let (tasks, claims) = (self.model.nodes.len(), self.model.claims.len());
        match operation {
            Operation::Submit(nodes) => self.add(nodes, None),
            Operation::Claim { worker, limit } => self.claim(*worker, *limit),
            Operation::Settle { claim, outcome } if claims > 0 => {
                // Mostly recent claims, which are more often live.
                self.settle(self.model.claims[claims - 1 - claim % claims], *outcome);
            }
            Operation::Beat { claim } if claims > 0 => self.beat(self.model.claims[claim % claims]),
            Operation::Spawn { claim, node } if claims > 0 => {
                let claim = self.model.claims[claims - 1 - claim % claims];
                self.add(std::slice::from_ref(node), Some(claim));
            }
            Operation::Advance { millis } => {
                self.bench.advance(*millis);
                self.model.boot += millis;
            }
            Operation::Jump { millis } => self.bench.clock.jump(*millis),
            Operation::Expire => self.expire(),
            Operation::Reap { worker } => self.reap(*worker),
            Operation::Cancel { task } if tasks > 0 => self.cancel(task % tasks),
            Operation::Retry {
                tasks: some,
                downstream,
            } if tasks > 0 => {
                let some: Vec<_> = some.iter().map(|task| task % tasks).collect();
                self.retry(&some, *downstream);
            }
            Operation::Link {
                dependent,
                on,
                condition,
            } if tasks > 0 => {
                self.link(dependent % tasks, on % tasks, *condition);
            }
            Operation::Settle { .. }
            | Operation::Beat { .. }
            | Operation::Spawn { .. }
            | Operation::Cancel { .. }
            | Operation::Retry { .. }
            | Operation::Link { .. } => {}
        }
    }

    /// The engine and the model agree on every task; what waits for a slot alone may be offered
    /// it or not.
    fn check(&self) {
        let mut offered = 0;
        let mut ready = 0;
        for (task, node) in self.model.nodes.iter().enumerate() {
            let state = self.bench.state(id(task));
            if node.limited && node.state == State::Queued {
                assert!(
                    matches!(state, State::Queued | State::Blocked),
                    "task {}: {state}",
                    id(task)
                );
                offered += usize::from(state == State::Queued);
                ready += 1;
            } else {
                assert_eq!(state, node.state, "task {} {node:?}", id(task));
            }
        }
        let running = self
            .model
            .running()
            .filter(|(_, node)| node.limited)
            .count();
        let free = BOUND.saturating_sub(running);
        assert!(
            offered >= ready.min(free),
            "a free slot is offered to nobody"
        );
    }

    /// Ends all that runs and works all that is left: nothing waits for ever.
    fn finish(&mut self) {
        self.bench.advance(LEASE_MS);
        self.model.boot += LEASE_MS;
        self.expire();
        self.bench.drain();
        for task in 0..self.model.nodes.len() {
            let state = self.bench.state(id(task));
            assert!(
                state.is_terminal(),
                "task {} is {state} in the end",
                id(task)
            );
        }
    }
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
        1 => any::<usize>().prop_map(|claim| Operation::Beat { claim }),
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
    fn any_sequence_of_operations_keeps_every_promise(
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
