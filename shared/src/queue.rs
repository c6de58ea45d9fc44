//! What an engine can do. The runtime, both command lines, the conformance suite and the
//! simulator know an engine only through this trait.

mod change;
mod retry_plan;
mod waits;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

pub use self::change::Change;
pub use self::retry_plan::RetryPlan;
pub use self::waits::{ClaimOrder, Waits};
pub use crate::worker_info::{Serves, WorkerInfo};

use crate::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use crate::clock::{Now, Timestamp};
use crate::coordination::{Coordination, Wake};
use crate::error::{Error, Result};
use crate::outcome::{Settled, Settlement};
use crate::output::Output;
use crate::remedy::Remedy;
use crate::state::State;
use crate::task::{NewTask, Task, TaskId};
use crate::workflow::Edge;

/// Tasks that a verb changes in one transaction where it need not be atomic: some milliseconds, in
/// which nobody else writes.
pub const STEP: usize = 250;

/// How old the look at the file's place may be from which
/// [`change_counter`](Queue::change_counter) answers: looks closer to each other are one.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// An engine over one database. Every method is a whole operation: a batch in, a result per
/// item out, one transaction; it returns after the commit.
///
/// Every method may fail with [`Error::Busy`] (nothing was written) and [`Error::Unusable`]; every
/// writing one with [`Error::CommitUnknown`] and [`Error::Promoted`].
pub trait Queue: Send + Sync + 'static {
    /// A transaction of the caller's on the same file.
    type Tx<'a>;

    // What is asked for.

    /// Makes tasks durable, all or none, in the order given, and wakes workers. A task whose key
    /// is taken is not enqueued: the first one's id is returned.
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>>;

    /// As [`enqueue`](Self::enqueue) within the caller's transaction; the tasks appear with its
    /// commit. Fire the wake afterwards.
    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)>;

    // What a worker does.

    /// Claims up to `limit` tasks, highest priority first, raising attempt, crash and token
    /// counters. Scheduled tasks that came due are promoted on the way.
    fn claim(&self, request: &ClaimRequest) -> Result<Claims>;

    /// Records outcomes, each on behalf of its claim, and tells those who wait for tasks to end
    /// (see [`Coordination::listen`]); so do [`reap`](Self::reap) and
    /// [`cancel`](Self::cancel).
    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>>;

    /// [`settle`](Self::settle), then [`claim`](Self::claim), in one transaction where the engine
    /// can: a worker that ends tasks and wants others commits once. An error tells that nothing
    /// was claimed, unless it leaves open whether the transaction was committed.
    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        let settled = self.settle(settlements)?;
        Ok((settled, self.claim(request)))
    }

    /// As [`settle`](Self::settle) within the caller's transaction: the task is done together
    /// with the caller's own rows. Fire the wake after the commit.
    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)>;

    /// Tells of each claim how it stands, and changes nothing.
    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>>;

    /// Extends claims where the engine has leases; tells of each how it stands. It waits for other
    /// writers no longer than a lease allows, and not for those of this process that queue up.
    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.held(claims)
    }

    /// Makes a worker known, and gives it the lowest free place.
    fn register(&self, worker: &WorkerInfo) -> Result<u32>;

    /// Forgets a worker that holds no claims.
    fn deregister(&self, worker: WorkerId) -> Result<()>;

    /// Takes back what workers of an older version could not read and set aside, if this one can.
    /// Returns how many tasks that is. Where there is none, nothing is written.
    fn take_back(&self) -> Result<usize> {
        Ok(0)
    }

    /// Every registered worker, dead ones included until they are reaped.
    fn workers(&self) -> Result<Vec<WorkerInfo>>;

    /// The registered workers that live, as far as this host can tell.
    ///
    /// # Errors
    /// As [`workers`](Self::workers) and [`Coordination::is_alive`].
    fn live_workers(&self) -> Result<Vec<WorkerInfo>> {
        let mut live = Vec::new();
        for worker in self.workers()? {
            if self.coordination().is_alive(worker.id)? {
                live.push(worker);
            }
        }
        Ok(live)
    }

    /// The running claims of a worker.
    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>>;

    /// Returns the running tasks of a dead worker, counting a crash for each, and forgets the
    /// worker. Its orphaned processes must be gone by now.
    fn reap(&self, worker: WorkerId) -> Result<Vec<Reaped>> {
        self.reap_except(worker, &[])
    }

    /// As [`reap`](Self::reap) without the tasks of `kept`, which processes of the worker still run.
    /// As long as it holds one of these claims the worker is not forgotten.
    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>>;

    /// How long a claim is held without a heartbeat; `None` if it is held until its worker dies.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// The claims whose lease has run out. Whoever ends their processes first, where they can be
    /// reached, then returns their tasks with [`expire`](Self::expire). Without leases there are
    /// none.
    fn expired(&self) -> Result<Vec<Claim>> {
        Ok(Vec::new())
    }

    /// Writes what a heartbeat of these claims would write, the same way, and changes nothing. Where
    /// that succeeds, their workers could have extended them.
    fn probe(&self, claims: &[Claim]) -> Result<()> {
        let _ = claims;
        Ok(())
    }

    /// Returns those of the tasks whose lease is still run out, counting a crash for each; a claim
    /// that was extended or settled meanwhile is left alone.
    fn expire(&self, claims: &[Claim]) -> Result<Vec<Reaped>> {
        let _ = claims;
        Ok(Vec::new())
    }

    // What a person asks.

    /// A task, or `None`.
    fn get(&self, id: TaskId) -> Result<Option<Task>>;

    /// The output stored with a task's last settle, if any was.
    fn output(&self, id: TaskId) -> Result<Option<Output>>;

    /// The output stored of the attempt of that number, if it wrote any: of the last
    /// [`KEPT_OUTPUTS`](crate::output::KEPT_OUTPUTS) it is kept, over all retries.
    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>>;

    /// Those of these tasks that there are, in this order, each with what [`output`](Self::output)
    /// says of it. All of it is held in memory: ask for some dozens at a time.
    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>>;

    /// A page of tasks, newest first.
    fn list(&self, query: &ListQuery) -> Result<Vec<Task>>;

    /// The highest id ever given out; `None` in a file without tasks.
    fn last_id(&self) -> Result<Option<TaskId>>;

    /// How many tasks stand where.
    fn stats(&self) -> Result<Stats>;

    /// Why this engine takes no tasks in the file, where it is another engine's.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn refuses(&self) -> Result<Option<Error>> {
        Ok(None)
    }

    /// Every handler queue that was ever named.
    fn queues(&self) -> Result<Vec<QueueInfo>>;

    /// Whether the queue was ever named, by a task or by a setting.
    fn knows_queue(&self, name: &str) -> Result<bool> {
        Ok(self.queues()?.iter().any(|queue| queue.name == name))
    }

    /// Whatever of the engine's own keeps the task waiting (see [`Waits`]), or, of a skipped one,
    /// the dependencies because of which it is; empty if nothing does or it does not wait.
    fn waits_for(&self, id: TaskId) -> Result<Vec<Waits>>;

    /// As [`waits_for`](Self::waits_for) of one of many tasks. How many are in front of it is looked up
    /// in `order`, which reads every queue once and is kept between the calls: it says how that was
    /// then.
    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        let _ = order;
        self.waits_for(id)
    }

    /// The edges to what a task waits or waited for; an engine without dependencies has none.
    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        let _ = id;
        Ok(Vec::new())
    }

    /// What the engine alone knows of a task, always the same facts in the same order; an engine
    /// that knows nothing more than [`get`](Self::get) has none.
    fn facts(&self, id: TaskId) -> Result<Vec<Fact>> {
        let _ = id;
        Ok(Vec::new())
    }

    /// Cancels tasks: waiting ones at once, running ones by a request that their worker heeds.
    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// As [`cancel`](Self::cancel); those that are cancelled then, or were before, keep `why` as
    /// their message until they are retried.
    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>>;

    /// Queues ended tasks again, with fresh budgets; succeeded ones are refused. All of them in one
    /// transaction: of very many, let others write in between with [`plan_retry`](Self::plan_retry).
    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// Prepares a retry that is made in steps, of these tasks and, `downstream`, of what was skipped
    /// because of them. Nothing is changed yet.
    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
        let _ = downstream;
        let asked: HashSet<TaskId> = ids.iter().copied().collect();
        let mut order: Vec<TaskId> = asked.iter().copied().collect();
        order.sort_unstable();
        Ok(RetryPlan::new(asked.clone(), asked, order))
    }

    /// Makes the next step of a retry, one transaction of some milliseconds, and tells what became of
    /// tasks that were asked for or that were re-opened with them. After every step the file is as
    /// sound as before; the same retry planned anew goes on with what is left.
    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Vec<(TaskId, Change)>> {
        let ids: Vec<TaskId> = plan.left().iter().copied().take(STEP).collect();
        let changes = self.retry(&ids)?;
        plan.advance(ids.len());
        Ok(ids.into_iter().zip(changes).collect())
    }

    /// Changes the priority of waiting tasks.
    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>>;

    /// Stops (`true`) or lets go on (`false`) claims from a queue; what runs is left running.
    /// Returns whether that changed anything.
    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool>;

    /// Deletes ended tasks in small steps, never the highest id, then their logs. Returns how many
    /// went (or, dry, would go).
    ///
    /// # Errors
    /// Also a log that cannot be deleted: the tasks are gone then.
    fn prune(&self, request: &PruneRequest) -> Result<u64> {
        let pruned = self.prune_while(request, &mut |_| true)?;
        if !request.dry_run {
            self.delete_logs()?;
        }
        Ok(pruned)
    }

    /// Deletes the log files of tasks that are gone.
    ///
    /// # Errors
    /// The first log that cannot be deleted, once the others are.
    fn delete_logs(&self) -> Result<()>;

    /// Deletes tasks as [`prune`](Self::prune) does, without their logs, as long as `go_on` says so; it
    /// is asked before every step, with the number of those that went.
    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64>;

    // What the runtime needs beside the tasks.

    /// How the processes at this queue find each other.
    fn coordination(&self) -> &Arc<dyn Coordination>;

    /// The engine's clocks.
    fn now(&self) -> Now;

    /// 64 random bits from the engine's source.
    fn random(&self) -> u64;

    /// A number that changes when another connection commits: the safety net under lost wakes. It is
    /// refused with [`Error::Gone`] once the file is not in its place any more; see `LOOK_INTERVAL`.
    fn change_counter(&self) -> Result<i64>;

    /// What stands between the engine and its file, for `doctor`.
    fn diagnose(&self) -> Result<Vec<Finding>>;

    /// Looks at every invariant of the file, reading all of it twice: how the write-ahead log fares
    /// meanwhile, [`sqlite::verify`](crate::sqlite::verify) says. Nothing is changed.
    fn verify(&self) -> Result<Vec<Invariant>>;

    /// Computes anew what [`verify`](Self::verify) found wrong and other rows tell: counters, marks
    /// and edges. Returns what it changed.
    fn repair(&self) -> Result<Vec<Repaired>>;
}

/// What became of one task of an enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The task's id: the new one, or that of the earlier task with the same key.
    pub id: TaskId,
    /// Whether an earlier task with the same key stood there already.
    pub existed: bool,
}

/// A task returned from a dead worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaped {
    /// The claim that died.
    pub claim: Claim,
    /// What the task became: queued, failed or cancelled.
    pub state: State,
}

/// Which tasks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only these states; all if empty.
    pub states: Vec<State>,
    /// Only this queue.
    pub queue: Option<String>,
    /// Only names that contain this.
    pub name: Option<String>,
    /// Only ids of at least this.
    pub from: Option<TaskId>,
    /// Only ids below this: the next page.
    pub before: Option<TaskId>,
    /// At most so many.
    pub limit: usize,
}

/// How many tasks stand where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Counts, indexed by a state's code.
    pub by_state: [u64; 8],
    /// When the next scheduled task comes due.
    pub next_due: Option<Timestamp>,
}

impl Stats {
    /// How many tasks are in `state`.
    pub fn count(&self, state: State) -> u64 {
        self.by_state[state as usize]
    }

    /// How many tasks there are.
    pub fn total(&self) -> u64 {
        self.by_state.iter().sum()
    }
}

/// Handler queue: a queue's part for commands, or for one handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo {
    /// The queue.
    pub name: String,
    /// The handler; '' for commands.
    pub handler: String,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Tasks that could be claimed.
    pub queued: u64,
}

/// Something that one engine alone knows of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name, as a field's.
    pub name: &'static str,
    /// `None` if it was never set.
    pub value: Option<FactValue>,
}

/// What a [`Fact`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue {
    /// Another task.
    Task(TaskId),
    /// A point in time.
    Time(Timestamp),
    /// A key: bytes of any kind.
    Key(Vec<u8>),
}

/// What to prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRequest {
    /// Only tasks that ended before this.
    pub finished_before: Timestamp,
    /// Only these terminal states; all if empty.
    pub states: Vec<State>,
    /// Keep so many of the newest ended tasks whatever their age.
    pub keep: u64,
    /// Count, delete nothing.
    pub dry_run: bool,
}

/// A line of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub value: String,
    /// What is wrong with it, and what to do unless that is the remedy; `None` if nothing is.
    pub problem: Option<String>,
    /// The commands that help.
    pub remedy: Option<Remedy>,
}

/// An invariant of a file, as [`Queue::verify`] found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// What has to hold, in a few words.
    pub name: &'static str,
    /// How many rows break it; 0 where it holds.
    pub violations: u64,
    /// The first ten of them, in words. They may quote what a task or a caller chose.
    pub examples: Vec<String>,
    /// Whether [`Queue::repair`] puts it right.
    pub repairable: bool,
}

impl Invariant {
    /// Whether nothing breaks it.
    pub fn holds(&self) -> bool {
        self.violations == 0
    }
}

/// What [`Queue::repair`] put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The invariant, as [`Invariant::name`].
    pub name: &'static str,
    /// How many rows were changed.
    pub rows: u64,
}

impl Repaired {
    /// A repair that changed so many rows; `None` for none.
    pub fn of(name: &'static str, rows: usize) -> Option<Self> {
        let rows = rows as u64;
        (rows > 0).then_some(Self { name, rows })
    }
}
