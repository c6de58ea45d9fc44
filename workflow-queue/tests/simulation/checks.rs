//! The required effect of each committed call, by the model; then a comparison with the file.

use std::collections::BTreeMap;
use std::time::Duration;

use queue_core::Ageing;
use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held};
use queue_core::clock::{BootTime, Now, Timestamp};
use queue_core::outcome::{Settled, Settlement};
use queue_core::queue::{Change, Edit};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_testing::simulation::{Call, Ledger};
use workflow_queue::WorkflowQueue;

use crate::LEASE;
use crate::file::{File, Mistake, Row};
use crate::limits::Limits;
use crate::model::{Model, Node, Phase};
use crate::seen::{Seen, Sight};

/// The longest backoff of a run's tasks.
pub(crate) const MAX_BACKOFF_MS: u64 = 500;

/// Longest time for which a claim may not look for tasks that other processes scheduled.
const NEWS: Duration = Duration::from_millis(100);

/// The model and the file.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) model: Model,
    pub(crate) limits: Limits,
    pub(crate) ageing: BTreeMap<String, Option<Ageing>>,
    pub(crate) seen: Seen,
    pub(crate) mistake: Option<Mistake>,
    /// All claims ever made.
    pub(crate) claims: Vec<Claim>,
    file: Option<File>,
    pub(crate) rows: BTreeMap<TaskId, Row>,
    /// Time limit of each task's start, and when it began.
    timed: BTreeMap<TaskId, (Option<Timestamp>, BootTime)>,
    /// The latest wall time ever seen, and by how much it was ahead last.
    latest: Timestamp,
    ahead_ms: Option<i64>,
}

/// The context of a check.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) now: Now,
    pub(crate) queue: &'a WorkflowQueue,
    pub(crate) ledger: &'a Ledger<'a>,
}

impl At<'_> {
    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.ledger.violated(what());
        }
    }
}

impl Checks {
    pub(crate) fn new(mistake: Option<Mistake>) -> Self {
        Self {
            mistake,
            ..Self::default()
        }
    }

    /// Records the time, and the current content of the file.
    pub(crate) fn begin(&mut self, at: At<'_>) {
        let file = self.file.get_or_insert_with(|| File::open(at.queue.path()));
        if let Some(mistake) = self.mistake {
            file.spoil(mistake);
        }
        self.rows = file.rows();
        let ahead = at.now.ahead_ms();
        if self
            .ahead_ms
            .replace(ahead)
            .is_some_and(|before| ahead < before)
        {
            self.limits.set_back();
        }
        self.latest = self.latest.max(at.now.wall);
    }

    pub(crate) fn core_call(&mut self, call: &Call<'_>, at: At<'_>) {
        match *call {
            Call::Enqueue { tasks, enqueued } => self.enqueued(tasks, enqueued, at),
            Call::Claim { request, claims } => self.claimed(request, claims, at),
            Call::Settle {
                settlements,
                settled,
            } => self.all_settled(settlements, settled, at),
            Call::SettleAndClaim {
                settlements,
                settled,
                request,
                claims,
            } => {
                self.all_settled(settlements, settled, at);
                self.claimed(request, claims, at);
            }
            Call::Heartbeat { claims, held } => {
                for (claim, held) in claims.iter().zip(held) {
                    self.heard(*claim, *held, at);
                }
            }
            Call::Reap { reaped } => reaped.iter().for_each(|one| self.crashed(one, at)),
            Call::Expire { reaped } => {
                for one in reaped {
                    let until = self.model.node(one.claim.task).lease_until;
                    at.check(until <= at.now.boot, || {
                        format!("{} was expired {:?} early", one.claim.task, until)
                    });
                    self.crashed(one, at);
                    self.seen.saw(Sight::LostLease);
                }
            }
            Call::Cancel { ids, changes } => {
                for (id, change) in ids.iter().zip(changes) {
                    self.cancelled(*id, *change, at);
                }
            }
            Call::Retry { ids, changes } => self.retried(ids, changes, false, at),
            Call::Hold { ids, changes } => self.held(ids, changes, at),
            Call::Release { ids, changes } => self.released(ids, changes, at),
            Call::Start { ids, changes } => self.started(ids, changes, at),
            Call::Edit { ids, edit, changes } => self.edited(ids, edit, changes, at),
            Call::Reprioritize { ids, priority } => {
                for id in ids {
                    if self.model.is_stored(*id) && self.model.phase(*id).is_waiting() {
                        self.model.node(*id).priority = priority;
                    }
                }
            }
            Call::SetPaused { queue, paused } => self.limits.pause(queue, paused),
            Call::SetAgeing { queue, ageing } => {
                self.ageing.insert(queue.to_owned(), ageing);
            }
            Call::Prune { .. } => self.pruned(at),
            // These runs have no schedules.
            Call::Fire => {}
        }
    }

    fn all_settled(&mut self, settlements: &[Settlement], settled: &[Settled], at: At<'_>) {
        for (settlement, settled) in settlements.iter().zip(settled) {
            self.settled(settlement, *settled, at);
        }
    }

    fn claimed(&mut self, request: &ClaimRequest, claims: &Claims, at: At<'_>) {
        self.failed_late(claims.tasks.len() < request.limit, at);
        for task in &claims.tasks {
            self.check_claim(request, task, at);
            self.claims.push(task.claim);
            let node = self.model.node(task.claim.task);
            node.phase = Phase::Runs;
            node.claim = Some(task.claim);
            (node.started, node.settled) = (true, false);
            node.lease_until = at.now.boot.after(LEASE);
        }
        let taken: Vec<_> = claims.tasks.iter().map(|task| task.claim.task).collect();
        if let Some(what) = self.limits.exceeded(&self.model, &taken) {
            at.ledger.violated(what);
        }
        let mut by_queue: BTreeMap<&str, Vec<TaskId>> = BTreeMap::new();
        for task in &claims.tasks {
            by_queue
                .entry(&task.queue)
                .or_default()
                .push(task.claim.task);
        }
        for (queue, taken) in by_queue {
            if let Some(what) = self.limits.started(queue, taken.len(), at.now.wall) {
                at.ledger.violated(what);
            }
            self.check_order(&taken, queue, at);
        }
    }

    fn check_claim(&mut self, request: &ClaimRequest, task: &ClaimedTask, at: At<'_>) {
        let (id, token) = (task.claim.task, task.claim.token);
        let queue = &*task.queue;
        at.check(request.queues.covers(queue), || {
            format!("{id} of {queue} was claimed for {}", request.queues)
        });
        at.check(!self.limits.is_paused(queue), || {
            format!("{id} was claimed from paused {queue}")
        });
        let node = &self.model.nodes[&id];
        at.check(node.phase == Phase::Free, || {
            format!("{id} was claimed and {:?}", node.phase)
        });
        let early = node.run_at.is_some_and(|run_at| run_at > self.latest);
        at.check(!early, || {
            format!("{id} was claimed before {:?}", node.run_at)
        });
        at.check(node.queue == queue, || {
            format!("{id} was claimed from {queue}")
        });
        let last = node.claim.map_or(0, |claim| claim.token);
        at.check(token > last, || {
            format!("the token of {id} went from {last} to {token}")
        });
        at.check(task.attempt == node.attempts + 1, || {
            format!(
                "{id} has had {} attempts and has attempt {}",
                node.attempts, task.attempt
            )
        });
        if let Some(deadline) = node.deadline_at {
            let left = u64::try_from(deadline.since(at.now.wall))
                .unwrap_or(0)
                .max(1);
            let timeout = task.options.timeout_ms;
            at.check(timeout.is_some_and(|timeout| timeout <= left), || {
                format!("{id} has {left} ms left and a timeout of {timeout:?}")
            });
        }
    }

    /// Checks that a claim failed late tasks. A claim below its limit must have looked for all of
    /// them, except those that another process scheduled just now.
    fn failed_late(&mut self, looked: bool, at: At<'_>) {
        let is_late = |node: &Node| {
            let over = node
                .expires_at
                .is_some_and(|expires_at| expires_at <= at.now.wall);
            node.phase.is_waiting() && over
        };
        let late = self.model.stored().filter(|(_, node)| is_late(node));
        let mut late: Vec<_> = late.map(|(task, node)| (node.expires_at, task)).collect();
        late.sort_unstable();
        for (_, task) in late {
            let failed = self.rows.get(&task).map(|row| row.state) == Some(State::Failed);
            let waits = self.model.phase(task).is_waiting();
            if waits && failed {
                self.model.end(task, State::Failed);
                self.seen.saw(Sight::Late);
            } else {
                let still = || format!("{task} should have failed by its time");
                let given = self
                    .timed
                    .get(&task)
                    .map_or(BootTime(0), |(_, given)| *given);
                let is_news = at.now.boot.since(given) < NEWS;
                at.check(!waits || !looked || is_news, still);
            }
        }
    }

    fn heard(&mut self, claim: Claim, held: Held, at: At<'_>) {
        if !self.model.is_live(claim) {
            return at.check(held == Held::Lost, || {
                format!("{claim:?} is lost and {held:?}")
            });
        }
        let node = self.model.node(claim.task);
        let expected = if node.cancel_requested {
            Held::CancelRequested
        } else {
            Held::Held
        };
        node.lease_until = node.lease_until.max(at.now.boot.after(LEASE));
        at.check(held == expected, || {
            format!("{claim:?} is {held:?}, not {expected:?}")
        });
    }

    fn cancelled(&mut self, id: TaskId, change: Change, at: At<'_>) {
        let expected = if self.model.is_stored(id) {
            match self.model.phase(id) {
                Phase::Waits | Phase::Free => {
                    self.model.end(id, State::Cancelled);
                    Change::Done(State::Cancelled)
                }
                Phase::Runs => {
                    let node = self.model.node(id);
                    let expected = if node.cancel_requested {
                        Change::AlreadyRequested
                    } else {
                        Change::Requested
                    };
                    node.cancel_requested = true;
                    node.claim.map_or(change, |claim| expected(claim.worker))
                }
                Phase::Ended(State::Cancelled) => Change::Already(State::Cancelled),
                Phase::Ended(state) => Change::Refused(state),
            }
        } else {
            Change::NotFound
        };
        at.check(change == expected, || {
            format!("a cancel of {id}: {change:?}, not {expected:?}")
        });
    }

    fn held(&mut self, ids: &[TaskId], changes: &[Change], at: At<'_>) {
        for (id, change) in ids.iter().zip(changes) {
            let held = self.model.is_stored(*id) && self.model.hold(*id);
            self.seen.saw(Sight::Hold);
            self.answered(*id, *change, held, at);
        }
    }

    fn released(&mut self, ids: &[TaskId], changes: &[Change], at: At<'_>) {
        for (id, change) in ids.iter().zip(changes) {
            let released = self.model.is_stored(*id) && self.model.release(*id);
            self.answered(*id, *change, released, at);
        }
    }

    fn started(&mut self, ids: &[TaskId], changes: &[Change], at: At<'_>) {
        let now = at.now.wall;
        for (id, change) in ids.iter().zip(changes) {
            let waits = self.model.is_stored(*id) && self.model.phase(*id).is_waiting();
            let run_at = waits.then(|| self.model.nodes[id].run_at).flatten();
            let started = run_at.is_some_and(|run_at| run_at > now);
            if started {
                self.model.set_time(*id, None, now);
                self.seen.saw(Sight::Start);
            }
            self.answered(*id, *change, started, at);
        }
    }

    fn edited(&mut self, ids: &[TaskId], edit: &Edit, changes: &[Change], at: At<'_>) {
        for (id, change) in ids.iter().zip(changes) {
            let waits = self.model.is_stored(*id) && self.model.phase(*id).is_waiting();
            if waits {
                let node = self.model.node(*id);
                node.priority = edit.priority.unwrap_or(node.priority);
                if let Some(run_at) = edit.run_at {
                    self.model.set_time(*id, run_at, at.now.wall);
                }
                self.seen.saw(Sight::Edit);
            }
            self.answered(*id, *change, waits, at);
        }
    }

    /// Checks the answer to a change of one waiting task, which changed something if `done`.
    fn answered(&self, id: TaskId, change: Change, done: bool, at: At<'_>) {
        let fits = match change {
            Change::Done(_) => done,
            Change::Already(_) => !done && self.model.phase(id).is_waiting(),
            Change::Refused(_) => !done && !self.model.phase(id).is_waiting(),
            Change::NotFound => !self.model.is_stored(id),
            Change::Requested(_) | Change::AlreadyRequested(_) | _ => false,
        };
        at.check(fits, || {
            format!("a change of {id}: {change:?}, changed: {done}")
        });
    }

    pub(crate) fn retried(
        &mut self,
        ids: &[TaskId],
        changes: &[Change],
        downstream: bool,
        at: At<'_>,
    ) {
        let expected = self.model.retry(ids, downstream, at.now.wall);
        for ((id, change), again) in ids.iter().zip(changes).zip(expected) {
            at.check(matches!(change, Change::Done(_)) == again, || {
                format!("a retry of {id}: {change:?}, and it waits again: {again}")
            });
            if again {
                self.seen.saw(Sight::Retry);
            }
        }
    }

    /// Checks that every pruned task had ended, and that no dependent may still read its output.
    fn pruned(&mut self, at: At<'_>) {
        let gone = self
            .model
            .stored()
            .filter(|(task, _)| !self.rows.contains_key(task));
        let gone: Vec<TaskId> = gone.map(|(task, _)| task).collect();
        for task in gone {
            let needs = |node: &Node| !node.phase.has_ended() && node.after.contains_key(&task);
            let needed = self.model.stored().any(|(_, node)| needs(node));
            let ended = self.model.phase(task).has_ended();
            at.check(ended && !needed, || {
                format!("{task} was pruned and is needed")
            });
            self.model.node(task).pruned = true;
            self.model.keys.retain(|_, holder| *holder != task);
            self.seen.saw(Sight::Pruned);
        }
    }

    /// Checks that the file holds the state of the model.
    pub(crate) fn compare(&mut self, at: At<'_>) {
        for (task, node) in self.model.stored() {
            let timed = self.timed.entry(task).or_insert((None, at.now.boot));
            if timed.0 != node.expires_at {
                *timed = (node.expires_at, at.now.boot);
            }
        }
        for (task, node) in &mut self.model.nodes {
            let Some(row) = self.rows.get(task) else {
                at.check(node.pruned, || format!("{task} has vanished"));
                continue;
            };
            // A retry is due earlier after the clock was set back.
            if node.run_at.is_some() && row.is_retry && row.run_at < node.run_at {
                node.run_at = row.run_at;
            }
            if let Some(what) = difference(node, row) {
                at.ledger
                    .violated(format!("{task} {what}: {node:?} {row:?}"));
            }
        }
        for task in self.rows.keys() {
            let known = self.model.nodes.contains_key(task);
            at.check(known, || format!("{task} came from nowhere"));
        }
        if let Some(leaked) = self.limits.leaked(&self.model, &self.rows) {
            at.ledger.violated(leaked);
        }
    }
}

/// The difference between a task's row and the model.
fn difference(node: &Node, row: &Row) -> Option<&'static str> {
    let claimed = node.claim.map(|claim| (claim.token, Some(claim.worker.0)));
    let fits = match node.phase {
        Phase::Waits => row.state == State::Blocked && row.is_held == node.held,
        Phase::Free => match row.state {
            State::Queued => true,
            State::Scheduled => node.run_at.is_some() && row.run_at == node.run_at,
            State::Blocked => node.limit_key.is_some(),
            State::Running
            | State::Succeeded
            | State::Failed
            | State::Cancelled
            | State::Skipped
            | _ => false,
        },
        Phase::Runs => row.state == State::Running && claimed == Some((row.token, row.worker)),
        Phase::Ended(state) => row.state == state,
    };
    (!fits).then_some("is not as it has to be")
}
