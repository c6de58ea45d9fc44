//! Extension of a run by an engine: its own actions and checks.

use std::sync::Arc;

use super::faulty::Faulty;
use super::world::Shared;
use queue_core::Ageing;
use queue_core::claim::{Claim, ClaimRequest, Claims, Held};
use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::outcome::{Settled, Settlement};
use queue_core::queue::{Change, Edit, Enqueued, PruneRequest, Queue, Reaped};
use queue_core::task::{DEFAULT_QUEUE, NewTask, Task, TaskId};

/// Extension of a run by an engine. It receives every committed call, in order, whatever answer the
/// caller gets, so that it can keep a model of the file's contents.
///
/// A run has one thread, but the extension also receives its own calls: it must hold no lock across
/// [`Context::write`].
pub trait Extension<Q: Queue>: Send + Sync + 'static {
    /// Queues that workers claim from.
    fn queues(&self) -> &[&str] {
        &[DEFAULT_QUEUE]
    }

    /// Called at the start of a run, on a file that may hold tasks already.
    fn begin(&self, context: &Context<'_, Q>) {
        let _ = context;
    }

    /// Number of actions of the extension in 100 of the wild phase.
    fn share(&self) -> u32 {
        0
    }

    /// Performs one action.
    fn act(&self, context: &Context<'_, Q>) {
        let _ = context;
    }

    /// Takes in a committed call.
    fn committed(&self, call: &Call<'_>, queue: &Q, ledger: &Ledger<'_>) {
        let _ = (call, queue, ledger);
    }

    /// Takes in a power cut, once the file is open again. `keeps` as in
    /// [`PlatformFault::Power`](super::PlatformFault::Power).
    fn lost_power(&self, queue: &Q, keeps: bool, ledger: &Ledger<'_>) {
        let _ = (queue, keeps, ledger);
    }

    /// Called at the end of the wild phase: removes obstacles that would keep tasks from ending.
    fn drain(&self, context: &Context<'_, Q>) {
        let _ = context;
    }

    /// Returns true if a task may wait for ever, and the engine gives the right reason. Called in
    /// the drain phase, while nothing runs.
    fn explains(&self, queue: &Q, task: &Task) -> bool {
        let _ = (queue, task);
        false
    }
}

/// Extension that adds nothing.
impl<Q: Queue> Extension<Q> for () {}

/// Committed call, with its arguments and its result.
#[derive(Clone, Copy, Debug)]
#[expect(
    missing_docs,
    reason = "the fields are those of the methods of `Queue`"
)]
pub enum Call<'a> {
    /// [`Queue::enqueue`].
    Enqueue {
        tasks: &'a [NewTask],
        enqueued: &'a [Enqueued],
    },
    /// [`Queue::claim`].
    Claim {
        request: &'a ClaimRequest,
        claims: &'a Claims,
    },
    /// [`Queue::settle`], with the arguments before any planted mistake.
    Settle {
        settlements: &'a [Settlement],
        settled: &'a [Settled],
    },
    /// [`Queue::settle_and_claim`], likewise.
    SettleAndClaim {
        settlements: &'a [Settlement],
        settled: &'a [Settled],
        request: &'a ClaimRequest,
        claims: &'a Claims,
    },
    /// [`Queue::heartbeat`].
    Heartbeat {
        claims: &'a [Claim],
        held: &'a [Held],
    },
    /// [`Queue::reap`].
    Reap { reaped: &'a [Reaped] },
    /// [`Queue::expire`].
    Expire { reaped: &'a [Reaped] },
    /// [`Queue::cancel`].
    Cancel {
        ids: &'a [TaskId],
        changes: &'a [Change],
    },
    /// [`Queue::retry`].
    Retry {
        ids: &'a [TaskId],
        changes: &'a [Change],
    },
    /// [`Queue::hold`].
    Hold {
        ids: &'a [TaskId],
        changes: &'a [Change],
    },
    /// [`Queue::release`].
    Release {
        ids: &'a [TaskId],
        changes: &'a [Change],
    },
    /// [`Queue::start`].
    Start {
        ids: &'a [TaskId],
        changes: &'a [Change],
    },
    /// [`Queue::edit`].
    Edit {
        ids: &'a [TaskId],
        edit: &'a Edit,
        changes: &'a [Change],
    },
    /// [`Queue::reprioritize`].
    Reprioritize { ids: &'a [TaskId], priority: i32 },
    /// [`Queue::set_paused`].
    SetPaused { queue: &'a str, paused: bool },
    /// [`Queue::set_ageing`].
    SetAgeing {
        queue: &'a str,
        ageing: Option<Ageing>,
    },
    /// [`Queue::fire`].
    Fire,
    /// [`Queue::prune`].
    Prune { request: &'a PruneRequest },
}

/// Source of randomness, and the trace of a run.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    pub(super) world: &'a Shared,
}

impl Ledger<'_> {
    /// Random number below `below`.
    pub fn draw(&self, below: u32) -> u32 {
        self.world.lock().rng.u32(0..below)
    }

    /// Random index below `length`, which is at least 1.
    pub fn place(&self, length: usize) -> usize {
        self.world.lock().rng.usize(0..length)
    }

    /// Returns true in so many of 1,000 cases.
    pub fn chance(&self, per_mille: u32) -> bool {
        self.world.lock().chance(per_mille)
    }

    /// Random element; `None` if there is none.
    pub fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.place(from.len())])
    }

    /// Adds a line to the trace.
    pub fn note(&self, what: &str) {
        self.world.lock().note(format_args!("{what}"));
    }

    /// Reports a violation of the invariants.
    pub fn violated(&self, what: String) {
        self.world.lock().violated(what);
    }

    /// Allows these ended tasks to be open again at the next check.
    pub fn reopens(&self, ids: impl IntoIterator<Item = TaskId>) {
        let ids: Vec<TaskId> = ids.into_iter().collect();
        let mut world = self.world.lock();
        world.holds.ended(&ids);
        world.reopened.extend(ids);
    }

    /// Allows this task to be claimed, although it was held.
    pub fn releases(&self, id: TaskId) {
        self.world.lock().holds.ended(&[id]);
    }

    /// Allows every ended task to be open again at the next check, including tasks in the file that
    /// were never acknowledged.
    pub fn reopens_any(&self) {
        self.world.lock().reopen_all();
    }
}

/// Context of an extension's action.
#[derive(Clone, Copy)]
pub struct Context<'a, Q: Queue> {
    /// Randomness and the trace.
    pub ledger: Ledger<'a>,
    pub(super) queues: &'a [Arc<Faulty<Q>>],
}

impl<Q: Queue> Context<'_, Q> {
    /// Current time of both clocks.
    pub fn now(&self) -> Now {
        self.queues[0].inner.now()
    }

    /// Tasks that were acknowledged and not pruned.
    pub fn tasks(&self) -> Vec<TaskId> {
        self.ledger.world.lock().acknowledged()
    }

    /// Returns true if so many more tasks may be enqueued.
    pub fn has_room(&self, tasks: usize) -> bool {
        let world = self.ledger.world.lock();
        world.acknowledged().len() + tasks <= world.config.tasks
    }

    /// Notes acknowledged tasks, which must not vanish from now on.
    pub fn acknowledge(&self, enqueued: &[Enqueued]) {
        self.acknowledge_ids(&enqueued.iter().map(|one| one.id).collect::<Vec<_>>());
    }

    /// Notes tasks that were enqueued before the run, which must not vanish either.
    pub fn acknowledge_ids(&self, ids: &[TaskId]) {
        let mut world = self.ledger.world.lock();
        for id in ids {
            world.acknowledge(*id);
        }
    }

    /// Claims with a running execution, including lost ones.
    pub fn executions(&self) -> Vec<Claim> {
        self.ledger.world.lock().executions()
    }

    /// Settles claims, as a worker does.
    ///
    /// # Errors
    /// As [`Queue::settle`], and those of the faults.
    pub fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let lot = self.ledger.place(self.queues.len());
        self.queues[lot].settle(settlements)
    }

    /// Makes a writing call on one of the handles, with the same faults as every other.
    ///
    /// # Errors
    /// As the operation, and those of the faults.
    pub fn write<T>(&self, call: &str, operation: impl FnOnce(&Q) -> Result<T>) -> Result<T> {
        let lot = self.ledger.place(self.queues.len());
        self.queues[lot].write(call, operation)
    }
}
