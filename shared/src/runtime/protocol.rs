//! What a worker's machine is told and what it says: the words between it and its driver.

use std::time::Duration;

use super::end::{Ended, Ending, StartError, Unreachable};
use super::heart::News;
use super::recovery::Recovered;
use super::rest::{NextDue, Obstacle, Rest};
use crate::claim::{Claim, ClaimedTask, Claims, Held};
use crate::clock::BootTime;
use crate::error::Result;
use crate::outcome::{Outcome, Settled, Settlement};
use crate::remedy::Remedy;
use crate::state::State;

/// What a machine needs to know of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many tasks run at once; at least 1.
    pub slots: usize,
    /// How many tasks are claimed at a time at most; at least 1.
    pub batch: usize,
    /// Whether it ends once no task is left that it could run.
    pub drain: bool,
    /// Between TERM and KILL of a task, and from the first request to stop until the last task is
    /// handed back.
    pub grace: Duration,
    /// How often the change counter is read: the safety net under lost wakes.
    pub poll: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slots: 1,
            batch: usize::MAX,
            drain: false,
            grace: Duration::from_secs(10),
            poll: Duration::from_secs(2),
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The answer to `Action::Claim`.
    Claimed(Result<Claims>),
    /// The answer to `Action::ListClaims`.
    OwnClaims(Result<Vec<Claim>>),
    /// The answer to `Action::Settle`.
    Settled(Result<Vec<Settled>>),
    /// The claim of an `Action::SettleAndClaim` whose outcomes were not recorded.
    NotClaimed {
        /// Nobody knows whether the transaction was committed.
        unknown: bool,
    },
    /// The answer to `Action::AskAfter`, in its order.
    Heard(Result<Vec<Held>>),
    /// What the heart tells of the claims it keeps.
    Told(News),
    /// A task's command was started, or its handler.
    Started {
        /// Its claim.
        claim: Claim,
        /// When; its timeout runs from then.
        at: BootTime,
    },
    /// A task could not be started.
    NotStarted {
        /// Its claim.
        claim: Claim,
        /// Why.
        error: StartError,
    },
    /// A task was not started, because the file did not say whether its claim still holds.
    Unsure(Claim),
    /// A task that was to be started is ready for it: what its command is given took a while.
    Prepared(Box<ClaimedTask>),
    /// A task's execution ended.
    Ended(Ended),
    /// What was told to end cannot be ended.
    Unreachable(Unreachable),
    /// Somebody made a task claimable.
    TasksWaiting,
    /// Tasks ended elsewhere; told only after `Action::Listen`.
    TasksSettled,
    /// Somebody wants a running task ended.
    CancelRequested,
    /// A worker came, or a watched one went.
    PeersChanged,
    /// A dead worker's lock is held by somebody else.
    PeerTaken,
    /// The answer to `Action::ReadCounter`.
    Counter(Result<i64>),
    /// The answer to `Action::LookForRest`.
    Rest(Result<Rest>),
    /// A request to stop; the second one means at once.
    Stop,
}

/// What is to be done. Claims, settles, questions to the file and starts may wait for the file or
/// for a disk; nothing else does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Claim up to `limit` tasks.
    Claim {
        /// As many as there are free slots.
        limit: usize,
    },
    /// Read which claims the file says the worker holds.
    ListClaims,
    /// Record these outcomes.
    Settle(Vec<Settlement>),
    /// Record these outcomes, then claim; answered as both would be.
    SettleAndClaim {
        /// The outcomes.
        settlements: Vec<Settlement>,
        /// As many as there are free slots once they are recorded.
        limit: usize,
    },
    /// Ask how these claims stand.
    AskAfter(Vec<Claim>),
    /// Start a task.
    Start(Box<ClaimedTask>),
    /// End a task's process group, or tell its handler.
    Signal {
        /// Whose.
        claim: Claim,
        /// How.
        ending: Ending,
    },
    /// Say whether this worker has free slots and wants to be woken.
    SetIdle(bool),
    /// Say whether this worker wants to be told when tasks end elsewhere.
    Listen(bool),
    /// Wake another idle worker: more tasks may wait than this one can take.
    PassOn,
    /// Read the change counter.
    ReadCounter,
    /// See which other workers live, and recover those that do not.
    LookAtPeers,
    /// See what is left of the worker's queue.
    LookForRest,
    /// Tell the observer.
    Report(WorkerEvent),
}

/// What a worker tells its observer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A task's execution began. One whose command could not be started ends without.
    Started {
        /// Its claim.
        claim: Claim,
        /// Its name.
        name: String,
        /// Its attempt, from 1.
        attempt: u32,
    },
    /// An execution ended and its outcome is recorded.
    Ended {
        /// Its claim.
        claim: Claim,
        /// Its name.
        name: String,
        /// Its attempt, from 1.
        attempt: u32,
        /// How it ended; `None` if the claim was lost while it ran.
        outcome: Option<Outcome>,
        /// How long it ran.
        took: Duration,
        /// What became of the task; `None` if the claim was lost: somebody else decides.
        state: Option<State>,
    },
    /// The database refused a write that will be repeated.
    Refused {
        /// What it said.
        message: String,
        /// The commands that help.
        remedy: Option<Remedy>,
    },
    /// The system refused a look at the processes that a dead worker left. Its tasks return once a
    /// look has shown that none is left.
    Blind {
        /// What the system said.
        message: String,
    },
    /// The worker was asked to stop; it claims nothing more.
    Stopping {
        /// Tasks still running.
        running: usize,
        /// Whether they are ended at once.
        at_once: bool,
    },
    /// Another worker had died, or its leases had run out; its tasks were returned.
    Recovered(Recovered),
    /// The machine is short of something that commands need, so fewer slots are used for a while.
    /// Said once until [`Sufficient`](Self::Sufficient).
    Short {
        /// What it is short of.
        message: String,
        /// How many slots are used.
        slots: usize,
    },
    /// After a shortage all slots are used again.
    Sufficient,
    /// Draining, it waits for this task alone, whose time comes in over a minute. Said once.
    Waiting(NextDue),
    /// Drained, it leaves these tasks: only a person can have them go on.
    Left(Vec<Obstacle>),
    /// The worker ends, and these outcomes are not in the file: the tasks count as ended by its
    /// death.
    Unrecorded(Vec<Unrecorded>),
    /// A task was ended, but processes of it live that this user cannot end. It has not ended before
    /// they have.
    Unreachable(Unreachable),
    /// The wall clock was set back by more than is smoothed over. Due tasks go by the new time.
    ClockSetBack {
        /// By how much.
        by: Duration,
    },
}

/// A task whose outcome was not recorded, or was in a file that was taken away just afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecorded {
    /// Its claim.
    pub claim: Claim,
    /// Its name.
    pub name: String,
    /// How it ended; `None` if it did not: KILL has not ended it.
    pub outcome: Option<Outcome>,
    /// Its processes that this user cannot end, because they have become another's.
    pub processes: Vec<u32>,
}

/// What to do next.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// To be performed in this order.
    pub actions: Vec<Action>,
    /// When to step again even if nothing happens; not later than that.
    pub wake_at: Option<BootTime>,
    /// Whether the worker has ended; [`Machine::take_error`](super::machine::Machine::take_error) says how.
    pub finished: bool,
}
