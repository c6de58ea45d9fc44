//! What an engine adds to a run: actions that only it knows, and checks of its own.

use std::sync::Arc;

use super::faulty::Faulty;
use super::world::Shared;
use queue_core::claim::{Claim, ClaimRequest, Claims, Held};
use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::outcome::{Settled, Settlement};
use queue_core::queue::{Change, Enqueued, PruneRequest, Queue, Reaped};
use queue_core::task::{DEFAULT_QUEUE, NewTask, Task, TaskId};

/// What an engine adds to a run. It is told of every call that was committed, in order, whatever
/// the caller is told, so that it can keep a model of what the file has to hold.
///
/// A run is on one thread, but an action of the extension is itself a call it is told of: nothing
/// may be kept locked across [`Context::write`].
pub trait Extension<Q: Queue>: Send + Sync + 'static {
    /// The queues that workers claim from.
    fn queues(&self) -> &[&str] {
        &[DEFAULT_QUEUE]
    }

    /// The run begins, on a file that may hold tasks already.
    fn begin(&self, context: &Context<'_, Q>) {
        let _ = context;
    }

    /// How many of 100 actions of the wild phase are the extension's.
    fn share(&self) -> u32 {
        0
    }

    /// Does one thing.
    fn act(&self, context: &Context<'_, Q>) {
        let _ = context;
    }

    /// A call was committed.
    fn committed(&self, call: &Call<'_>, queue: &Q, ledger: &Ledger<'_>) {
        let _ = (call, queue, ledger);
    }

    /// The wild phase is over: whatever keeps tasks from ending and is not meant to is lifted now.
    fn drain(&self, context: &Context<'_, Q>) {
        let _ = context;
    }

    /// Whether a task may wait for ever as things stand, and the engine says rightly why. It is
    /// asked in the drain phase, while nothing runs.
    fn explains(&self, queue: &Q, task: &Task) -> bool {
        let _ = (queue, task);
        false
    }
}

/// Adds nothing.
impl<Q: Queue> Extension<Q> for () {}

/// A committed call, with what it was asked and what it answered.
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
    /// [`Queue::settle`], as it was asked before any planted mistake.
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
    /// [`Queue::reprioritize`].
    Reprioritize { ids: &'a [TaskId], priority: i32 },
    /// [`Queue::set_paused`].
    SetPaused { queue: &'a str, paused: bool },
    /// [`Queue::prune`].
    Prune { request: &'a PruneRequest },
}

/// Where chance comes from and what happens is written down.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    pub(super) world: &'a Shared,
}

impl Ledger<'_> {
    /// A number below `below`.
    pub fn draw(&self, below: u32) -> u32 {
        self.world.lock().rng.u32(0..below)
    }

    /// One of so many places, of which there must be one.
    pub fn place(&self, length: usize) -> usize {
        self.world.lock().rng.usize(0..length)
    }

    /// True in so many of 1,000 cases.
    pub fn chance(&self, per_mille: u32) -> bool {
        self.world.lock().chance(per_mille)
    }

    /// One of some things; `None` of none.
    pub fn pick<T: Copy>(&self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.place(from.len())])
    }

    /// Takes something that happened into the trace.
    pub fn note(&self, what: &str) {
        self.world.lock().note(format_args!("{what}"));
    }

    /// Reports something that goes against the invariants.
    pub fn violated(&self, what: String) {
        self.world.lock().violated(what);
    }

    /// Ended tasks that may be open again by the next look.
    pub fn reopens(&self, ids: impl IntoIterator<Item = TaskId>) {
        self.world.lock().reopened.extend(ids);
    }

    /// Every ended task may be open again by the next look, those included that are in the file
    /// and were never acknowledged.
    pub fn reopens_any(&self) {
        self.world.lock().reopen_all();
    }
}

/// What an action of an extension has at hand.
#[derive(Clone, Copy)]
pub struct Context<'a, Q: Queue> {
    /// Chance, and the report.
    pub ledger: Ledger<'a>,
    pub(super) queues: &'a [Arc<Faulty<Q>>],
}

impl<Q: Queue> Context<'_, Q> {
    /// Both clocks.
    pub fn now(&self) -> Now {
        self.queues[0].inner.now()
    }

    /// The tasks that were acknowledged and not pruned.
    pub fn tasks(&self) -> Vec<TaskId> {
        self.ledger.world.lock().acknowledged()
    }

    /// Whether so many tasks more may be enqueued.
    pub fn has_room(&self, tasks: usize) -> bool {
        let world = self.ledger.world.lock();
        world.acknowledged().len() + tasks <= world.config.tasks
    }

    /// From now on these must not vanish.
    pub fn acknowledge(&self, enqueued: &[Enqueued]) {
        self.acknowledge_ids(&enqueued.iter().map(|one| one.id).collect::<Vec<_>>());
    }

    /// From now on these must not vanish, which were enqueued before the run.
    pub fn acknowledge_ids(&self, ids: &[TaskId]) {
        let mut world = self.ledger.world.lock();
        for id in ids {
            world.acknowledge(*id);
        }
    }

    /// The claims under which something runs, those that were lost meanwhile included.
    pub fn executions(&self) -> Vec<Claim> {
        self.ledger.world.lock().executions()
    }

    /// Reports for claims, as a worker does.
    ///
    /// # Errors
    /// As [`Queue::settle`], and those of the faults.
    pub fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let lot = self.ledger.place(self.queues.len());
        self.queues[lot].settle(settlements)
    }

    /// A writing call, on one of the handles, that meets the same faults as every other.
    ///
    /// # Errors
    /// The operation's, and those of the faults.
    pub fn write<T>(&self, call: &str, operation: impl FnOnce(&Q) -> Result<T>) -> Result<T> {
        let lot = self.ledger.place(self.queues.len());
        self.queues[lot].write(call, operation)
    }
}
