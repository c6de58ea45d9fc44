//! A second, simple implementation of the core schema in memory. Any sequence of operations must
//! leave an engine in the same state as the model. The model predicts everything that every engine
//! promises, to the moment and the byte. Dependencies are not part of it; the tests of
//! workflow-queue have a model of those.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Bench, Engine};
use queue_core::Ageing;
use queue_core::claim::{Claim, Held, WorkerId};
use queue_core::clock::Timestamp;
use queue_core::internals::retry;
use queue_core::outcome::Reason;
use queue_core::output::KEPT_OUTPUTS;
use queue_core::queue::{ListQuery, Queue};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

mod operations;
mod waiting;

const QUEUES: [&str; 2] = ["default", "other"];
const HANDLERS: [&str; 3] = ["", "mail", "report"];

/// One operation. Numbers that select an existing claim or task wrap around.
#[derive(Clone, Debug)]
pub enum Op {
    /// Enqueue: in the caller's transaction, which then commits (`true`) or rolls back, or in the
    /// engine's (`None`).
    Enqueue(Vec<Spec>, Option<bool>),
    Claim(Ask),
    /// Settle of claims handed out at any earlier time, even if another worker holds the task now.
    Settle(Vec<(u16, Ending)>, Option<bool>),
    Reap(u8),
    Cancel(Vec<u16>),
    Retry(Vec<u16>),
    Hold(Vec<u16>),
    Release(Vec<u16>),
    Start(Vec<u16>),
    Rerun(Vec<u16>, bool),
    Edit(Vec<u16>, Changed),
    Reprioritize(Vec<u16>, i8),
    Pause(u8, bool),
    /// Ageing of a queue by steps of so many seconds.
    Age(u8, Option<u8>),
    Prune {
        age_ms: u16,
        failed_only: bool,
        keep: u8,
    },
    /// Time passes, in tenths of a second; wall time may also jump ahead.
    Pass {
        tenths: u8,
        jump_ms: u16,
    },
    /// The following operations use the other handle on the file.
    Switch,
}

/// A claim.
#[derive(Clone, Debug)]
pub struct Ask {
    pub worker: u8,
    /// Bits of its queues; none for all.
    pub queues: u8,
    /// Number of slots that each queue keeps.
    pub kept: [u8; 2],
    /// Index of the queue that had the last turn; a higher number for none.
    pub after: u8,
    /// Bits of commands and handlers.
    pub serves: u8,
    pub limit: u8,
}

/// A task to enqueue.
#[derive(Clone, Debug)]
pub struct Spec {
    pub priority: i8,
    pub queue: u8,
    pub handler: u8,
    pub delay_ms: Option<u16>,
    pub held: bool,
    pub key: Option<u8>,
    pub max_attempts: u8,
    pub max_crashes: u8,
}

/// New values of an edit.
#[derive(Clone, Debug)]
pub struct Changed {
    pub command: bool,
    pub priority: Option<i8>,
    pub delay_ms: Option<Option<u16>>,
    pub max_attempts: Option<u8>,
}

/// Outcome of a claimed task.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    Success,
    Exit,
    Fatal,
    Returned,
    Snoozed(u16),
    WithOutput(u8),
}

/// A task in the model.
#[derive(Clone, Debug)]
struct Entry {
    new: NewTask,
    created_at: Timestamp,
    state: State,
    priority: i32,
    attempt: u32,
    attempt_base: u32,
    crashes: u32,
    /// True if its last claim was lost, and it was not retried since.
    lost: bool,
    token: i64,
    worker: Option<WorkerId>,
    run_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    cancel_requested: bool,
    reason: Option<Reason>,
    /// The output of each attempt.
    outputs: BTreeMap<u32, Vec<u8>>,
    /// The output of the last settled claim.
    output: Option<Vec<u8>>,
}

impl Entry {
    /// The state at `now`: a scheduled task counts as queued from its due time on, promoted or not.
    fn state_at(&self, now: Timestamp) -> State {
        if self.state == State::Scheduled && self.run_at.is_none_or(|at| at <= now) {
            State::Queued
        } else {
            self.state
        }
    }

    /// The number of crashes: the row counts a running claim ahead, this does not.
    fn crashed(&self) -> u32 {
        self.crashes - u32::from(self.state == State::Running)
    }

    /// Keeps the output of the attempt of that number, and of the earlier ones only the last.
    fn keep(&mut self, attempt: u32, output: Option<Vec<u8>>) {
        self.outputs.remove(&attempt);
        self.outputs
            .retain(|number, _| number + KEPT_OUTPUTS > attempt);
        self.output.clone_from(&output);
        self.outputs.extend(output.map(|output| (attempt, output)));
    }

    fn is_of(&self, claim: Claim) -> bool {
        self.token == claim.token && self.worker == Some(claim.worker)
    }
}

/// Runs the operations on an engine and on the model, and compares after each.
pub fn check<E: Engine>(ops: &[Op]) {
    let bench = Bench::<E>::default();
    let mut pair = Pair {
        handles: [bench.another(), bench.another()],
        current: 0,
        bench,
        tasks: BTreeMap::new(),
        paused: [false; 2],
        ageing: [None; 2],
        claims: Vec::new(),
    };
    for op in ops {
        pair.apply(op);
        pair.compare(op);
    }
}

/// An engine and its model.
struct Pair<E: Engine> {
    bench: Bench<E>,
    handles: [E::Queue; 2],
    current: usize,
    tasks: BTreeMap<i64, Entry>,
    paused: [bool; 2],
    ageing: [Option<Ageing>; 2],
    claims: Vec<Claim>,
}

impl<E: Engine> Pair<E> {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Enqueue(specs, transaction) => self.enqueue(specs, *transaction),
            Op::Claim(ask) => self.claim(ask),
            Op::Settle(picks, transaction) => self.settle(picks, *transaction),
            Op::Reap(worker) => self.reap(worker_id(*worker)),
            Op::Cancel(picks) => self.cancel(&self.pick(picks)),
            Op::Retry(picks) => self.retry(&self.pick(picks)),
            Op::Hold(picks) => self.hold(&self.pick(picks)),
            Op::Release(picks) => self.release(&self.pick(picks)),
            Op::Rerun(picks, held) => self.rerun(&self.pick(picks), *held),
            Op::Start(picks) => self.start(&self.pick(picks)),
            Op::Edit(picks, changed) => self.edit(&self.pick(picks), changed),
            Op::Reprioritize(picks, priority) => {
                self.reprioritize(&self.pick(picks), i32::from(*priority));
            }
            Op::Pause(queue, paused) => {
                let index = usize::from(*queue) % QUEUES.len();
                let changed = self.queue().set_paused(QUEUES[index], *paused).unwrap();
                assert_eq!(changed, self.paused[index] != *paused);
                self.paused[index] = *paused;
            }
            Op::Age(queue, seconds) => {
                let index = usize::from(*queue) % QUEUES.len();
                let step = seconds.map(|seconds| Duration::from_secs(1 + u64::from(seconds)));
                let ageing = step.map(|step| Ageing::every(step).unwrap());
                let changed = self.queue().set_ageing(QUEUES[index], ageing).unwrap();
                assert_eq!(changed, self.ageing[index] != ageing);
                self.ageing[index] = ageing;
            }
            Op::Prune {
                age_ms,
                failed_only,
                keep,
            } => self.prune(*age_ms, *failed_only, *keep),
            Op::Pass { tenths, jump_ms } => {
                self.bench.advance(100 * (1 + u64::from(*tenths)));
                self.bench.clock.jump(i64::from(*jump_ms));
            }
            Op::Switch => self.current = 1 - self.current,
        }
    }

    fn queue(&self) -> &E::Queue {
        &self.handles[self.current]
    }

    fn now(&self) -> Timestamp {
        self.bench.now()
    }

    /// Ids of existing tasks, and one id without a task.
    fn pick(&self, picks: &[u16]) -> Vec<TaskId> {
        let known = self.tasks.len() + 1;
        let id = |pick: &u16| self.tasks.keys().nth(usize::from(*pick) % known);
        picks
            .iter()
            .map(|pick| TaskId(id(pick).copied().unwrap_or(9_999)))
            .collect()
    }

    /// Compares everything that can be read with the model.
    fn compare(&mut self, op: &Op) {
        let now = self.now();
        let query = ListQuery::new().limit(usize::MAX);
        let stored = self.queue().list(&query).unwrap();
        let ids = stored.iter().rev().map(|task| task.id.0);
        assert!(ids.eq(self.tasks.keys().copied()), "after {op:?}");
        let mut counts = [0; 8];
        for task in &stored {
            let entry = self.tasks.get_mut(&task.id.0).unwrap();
            check_backoff(entry, task.run_at, now);
            let mut state = task.state;
            if state == State::Scheduled && task.run_at.is_some_and(|at| at <= now) {
                state = State::Queued;
            }
            let what = format!("task {} after {op:?}", task.id);
            assert_eq!(state, entry.state_at(now), "{what}");
            assert_eq!(
                (task.attempt, task.attempt_base, task.crashes),
                (entry.attempt, entry.attempt_base, entry.crashed()),
                "{what}"
            );
            assert_eq!(
                (task.token, task.worker),
                (entry.token, entry.worker),
                "{what}"
            );
            assert_eq!(
                (task.priority, task.reason),
                (entry.priority, entry.reason),
                "{what}"
            );
            assert_eq!(
                (&task.work, task.options.max_attempts),
                (&entry.new.work, entry.new.options.max_attempts),
                "{what}"
            );
            assert_eq!(
                (task.run_at, task.finished_at),
                (entry.run_at, entry.finished_at),
                "{what}"
            );
            let is_held = entry.state == State::Blocked;
            assert_eq!(task.held_at.is_some(), is_held, "{what}");
            assert_eq!(
                task.cancel_requested_at.is_some(),
                entry.cancel_requested,
                "{what}"
            );
            let output = self.handles[self.current].output(task.id).unwrap();
            assert_eq!(output.map(|output| output.0), entry.output, "{what}");
            for attempt in 0..=task.attempt + 1 {
                let output = self.handles[self.current].output_of(task.id, attempt);
                let output = output.unwrap().map(|output| output.0);
                let wrote = entry.outputs.get(&attempt);
                assert_eq!(output.as_ref(), wrote, "attempt {attempt} of {what}");
            }
            counts[task.state as usize] += 1;
        }
        assert_eq!(
            self.queue().stats().unwrap().by_state,
            counts,
            "after {op:?}"
        );
        self.compare_claims(op);
    }

    fn compare_claims(&self, op: &Op) {
        let held: Vec<_> = self
            .claims
            .iter()
            .map(|claim| match self.tasks.get(&claim.task.0) {
                Some(entry) if entry.state == State::Running && entry.is_of(*claim) => {
                    if entry.cancel_requested {
                        Held::CancelRequested
                    } else {
                        Held::Held
                    }
                }
                Some(_) | None => Held::Lost,
            })
            .collect();
        assert_eq!(
            self.queue().heartbeat(&self.claims).unwrap(),
            held,
            "after {op:?}"
        );
    }
}

/// Checks a backoff. The engine draws its jitter: any moment within the bounds is right, and the
/// model adopts it.
fn check_backoff(entry: &mut Entry, run_at: Option<Timestamp>, now: Timestamp) {
    let failed = matches!(entry.reason, Some(Reason::Exit));
    if entry.state != State::Scheduled || !failed || run_at == entry.run_at {
        return;
    }
    let drawn = run_at.unwrap();
    let spent = entry.attempt - entry.attempt_base;
    let after = |random| now.after(retry::delay(&entry.new.options, spent, random));
    assert!(after(0) <= drawn && drawn <= after(u64::MAX), "{drawn:?}");
    entry.run_at = run_at;
}

fn worker_id(worker: u8) -> WorkerId {
    WorkerId(1 + i64::from(worker % 3))
}
