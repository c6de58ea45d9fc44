//! Events and actions between the worker machine and its driver.

use std::sync::Arc;
use std::time::Duration;

use super::drain::{NextDue, Obstacle, Remaining};
use super::end::{Ended, Ending, StartError, Unreachable};
use super::leases::LeaseNotice;
use super::recovery::Recovered;
use super::stop_reason::StopReason;
use crate::claim::{Claim, ClaimedTask, Claims, Held};
use crate::clock::{BootTime, Timestamp};
use crate::error::Result;
use crate::outcome::{Outcome, Settled, Settlement};
use crate::remedy::Remedy;
use crate::state::State;

/// The stop of a worker at the first task that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Halt {
    /// Nothing more starts, and running tasks finish, however long they take.
    Soon,
    /// Running tasks are ended and returned to the queue.
    Now,
}

/// Configuration of a worker machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Number of tasks that run at once; at least 1.
    pub slots: usize,
    /// Largest number of tasks claimed at a time; at least 1.
    pub batch: usize,
    /// True if the worker ends once no task is left that it could run.
    pub drain: bool,
    /// Its stop at the first task that fails, if it is to stop then.
    pub halt: Option<Halt>,
    /// Time between TERM and KILL of a task, and from the first stop request until the last task is
    /// returned.
    pub grace: Duration,
    /// Interval of reads of the change counter, which make up for lost wakes.
    pub poll: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slots: 1,
            batch: usize::MAX,
            drain: false,
            halt: None,
            grace: Duration::from_secs(10),
            poll: Duration::from_secs(2),
        }
    }
}

/// Event that the machine takes in.
#[derive(Debug)]
pub enum Event {
    /// Answer to `Action::Claim`.
    Claimed(Result<Claims>),
    /// Answer to `Action::ListClaims`.
    OwnClaims(Result<Vec<Claim>>),
    /// Answer to `Action::Settle`.
    Settled(Result<Vec<Settled>>),
    /// The claim of an `Action::SettleAndClaim` was not made, because its outcomes were not
    /// recorded.
    NotClaimed {
        /// True if the commit of the transaction is unknown.
        unknown: bool,
    },
    /// Answer to `Action::CheckClaims`, in the same order.
    ClaimsChecked(Result<Vec<Held>>),
    /// Notice of the lease keeper.
    Lease(LeaseNotice),
    /// A task's command or handler was started.
    Started {
        /// Claim.
        claim: Claim,
        /// Start time, from which its timeout counts.
        at: BootTime,
    },
    /// A task could not be started.
    NotStarted {
        /// Claim.
        claim: Claim,
        /// Reason.
        error: StartError,
    },
    /// A task was not started, because its claim could not be checked.
    Unconfirmed(Claim),
    /// The inputs of a task are written, which took a while. The task can be started.
    Prepared(Box<ClaimedTask>),
    /// A task's execution ended.
    Ended(Ended),
    /// Processes of an ending execution cannot be ended.
    Unreachable(Unreachable),
    /// A task became claimable.
    TasksWaiting,
    /// Tasks ended in other workers; sent only after `Action::Listen`.
    TasksSettled,
    /// A running task may have been cancelled.
    CancelRequested,
    /// A worker has registered, or the process of a watched one has gone.
    PeersChanged,
    /// Another process holds the lock of a dead worker.
    PeerTaken,
    /// Answer to `Action::ReadCounter`.
    Counter(Result<i64>),
    /// Answer to `Action::Fire`: the time of the next firing.
    Fired(Result<Option<Timestamp>>),
    /// Answer to `Action::CheckRemaining`.
    Remaining(Result<Remaining>),
    /// Stop request. The second one means at once.
    Stop,
    /// Request to use so many slots.
    Slots(u32),
    /// Answer to `Action::Register`.
    Registered(Result<u32>),
}

/// Action that the driver performs. Claims, settles, reads of the file and starts may wait for the
/// file or for a disk; nothing else does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Claim tasks.
    Claim(ClaimSlots),
    /// Read the worker's claims from the file.
    ListClaims,
    /// Record these outcomes.
    Settle(Vec<Settlement>),
    /// Record these outcomes, then claim. Answered like both actions.
    SettleAndClaim {
        /// The outcomes.
        settlements: Vec<Settlement>,
        /// Slots that are free once they are recorded.
        slots: ClaimSlots,
    },
    /// Read the state of these claims.
    CheckClaims(Vec<Claim>),
    /// Start a task.
    Start(Box<ClaimedTask>),
    /// Signal a task's process group, or set its handler's flag.
    Signal {
        /// Claim.
        claim: Claim,
        /// Way to end it.
        ending: Ending,
        /// Reason, which a handler sees.
        reason: StopReason,
    },
    /// Set or clear the mark that the worker has free slots and is to be woken.
    SetIdle(bool),
    /// Start or stop listening for tasks that end in other workers.
    Listen(bool),
    /// Wake another idle worker: more tasks may wait than this one can take.
    WakeAnother,
    /// Register the worker again, with so many slots.
    Register(u32),
    /// Read the change counter.
    ReadCounter,
    /// Check which other workers are alive, and recover dead ones.
    LookAtPeers,
    /// Read the remaining tasks of the worker's queue.
    CheckRemaining,
    /// Enqueue the tasks of schedules whose time has come.
    Fire,
    /// Report an event to the observer.
    Report(WorkerEvent),
}

impl Action {
    /// Returns true if it kills an execution.
    pub(super) fn kills(&self) -> bool {
        matches!(self, Self::Signal { ending, .. } if *ending == Ending::Kill)
    }
}

/// Free slots that a claim may fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClaimSlots {
    /// Most tasks to claim.
    pub limit: usize,
    /// Number of free slots.
    pub free: usize,
    /// Number of those that each queue keeps, in the order of the worker's queues; empty if none
    /// does.
    pub kept: Vec<u32>,
    /// Queue that had the last turn.
    pub after: Option<Arc<str>>,
}

/// Event that a worker reports to its observer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A task's execution began. Not reported if its command could not be started.
    Started {
        /// Claim.
        claim: Claim,
        /// Name of the task.
        name: String,
        /// Attempt, from 1.
        attempt: u32,
    },
    /// An execution ended and its outcome is recorded.
    Ended {
        /// Claim.
        claim: Claim,
        /// Name of the task.
        name: String,
        /// Attempt, from 1.
        attempt: u32,
        /// Outcome; `None` if the claim was lost while it ran.
        outcome: Option<Outcome>,
        /// Running time.
        took: Duration,
        /// New state of the task; `None` if the claim was lost and another worker decides.
        state: Option<State>,
    },
    /// The database refused a write that will be repeated.
    Refused {
        /// Message of the database.
        message: String,
        /// Commands that help.
        remedy: Option<Remedy>,
    },
    /// The system refused to list the processes of a dead worker. Its tasks return once a scan has
    /// found none left.
    Blind {
        /// Message of the system.
        message: String,
    },
    /// The worker was asked to stop, and claims nothing more.
    Stopping {
        /// Number of tasks still running.
        running: usize,
        /// True if they are ended at once.
        at_once: bool,
    },
    /// Another worker had died, or its leases had run out, and its tasks were returned.
    Recovered(Recovered),
    /// The machine is short of a resource that commands need, so fewer slots are used for a while.
    /// Reported once until [`Sufficient`](Self::Sufficient).
    Short {
        /// Resource that is short.
        message: String,
        /// Number of slots in use.
        slots: usize,
    },
    /// All slots are used again after a shortage.
    Sufficient,
    /// A person set the number of slots. Running tasks beyond it go on.
    Resized {
        /// Number of slots.
        slots: usize,
    },
    /// A draining worker waits only for this scheduled task, which is more than a minute away.
    /// Reported once.
    Waiting(NextDue),
    /// A drained worker leaves these tasks, which need a person.
    Left(Vec<Obstacle>),
    /// The worker ends while these outcomes are not in the file. The tasks count as ended by its
    /// death.
    Unrecorded(Vec<Unrecorded>),
    /// The worker ends while these handlers have not returned. Until they have, or this process has
    /// ended, nobody else runs their tasks; what they return is recorded.
    LeftRunning(Vec<LeftRunning>),
    /// A task was told to end, but this user cannot end some of its processes. It has not ended
    /// before they have.
    Unreachable(Unreachable),
    /// The wall clock was set back by more than is smoothed over. Scheduled tasks follow the new
    /// time.
    ClockSetBack {
        /// Length of the step back.
        by: Duration,
    },
}

/// Task whose outcome was not recorded, or was in a file that was removed just afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unrecorded {
    /// Claim.
    pub claim: Claim,
    /// Name of the task.
    pub name: String,
    /// Outcome; `None` if KILL has not ended it.
    pub outcome: Option<Outcome>,
    /// Processes that this user cannot end, because they have become another user's.
    pub processes: Vec<u32>,
}

/// Task whose handler had not returned when its worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftRunning {
    /// Claim.
    pub claim: Claim,
    /// Name of the task.
    pub name: String,
    /// Attempt, from 1.
    pub attempt: u32,
}

/// Result of a step.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Actions, in the order to perform them.
    pub actions: Vec<Action>,
    /// Time of the next step if nothing happens before.
    pub wake_at: Option<BootTime>,
    /// True if the worker has ended; [`Machine::take_error`](super::machine::Machine::take_error)
    /// returns its error.
    pub finished: bool,
}
