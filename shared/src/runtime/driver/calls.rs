//! Calls that may have to wait: for the file, a disk, or the list of processes. A call is performed
//! without the driver, which goes on meanwhile.

use crate::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
use crate::clock::Now;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::outcome::{Settled, Settlement};
use crate::queue::{Queue, Serves, WorkerInfo};
use crate::runtime::drain::{self, Remaining};
use crate::runtime::host::{Batch, Host, Sweeper};
use crate::runtime::inputs;
use crate::runtime::orphans::Search;
use crate::runtime::protocol::ClaimSlots;
use crate::runtime::recover::answer;
use crate::runtime::recovery::{Recovery, RecoveryAction, RecoveryAnswer};

/// Call of a worker on the host `S`.
pub type CallOf<S> = Call<<S as Host>::Batch>;

/// Answer to a [`CallOf`].
pub type AnswerOf<S> = Answer<<<S as Host>::Batch as Batch>::Started>;

/// Call that may take long.
#[derive(Debug)]
pub enum Call<B> {
    /// Claim tasks.
    Claim(ClaimRequest),
    /// Read the worker's claims from the file.
    ListClaims(WorkerId),
    /// Record outcomes.
    Settle(Vec<Settlement>),
    /// Record outcomes, then claim.
    SettleAndClaim(Vec<Settlement>, ClaimRequest),
    /// Read the state of claims.
    CheckClaims(Vec<Claim>),
    /// Register the worker again.
    Register(WorkerInfo),
    /// Read the change counter.
    ReadCounter,
    /// Read the remaining tasks of the worker's queues.
    CheckRemaining(Serves),
    /// Enqueue the tasks of schedules whose time has come.
    Fire,
    /// Check that the claims of these tasks still hold, before their start.
    Confirm(Vec<ClaimedTask>),
    /// Start commands.
    Start(B),
    /// List the workers, unless the change counter has this value, and the expired claims.
    ListWorkers(Option<i64>),
    /// Try a write for overdue claims.
    Probe(Vec<Claim>),
    /// Continue a recovery.
    Recover(Box<Recovery>, Sweeper),
    /// Remove the input folders of dead workers' commands.
    SweepInputs,
}

/// Answer to a call.
#[derive(Debug)]
pub enum Answer<T> {
    /// Answer to [`Call::Claim`].
    Claimed(Result<Claims>),
    /// Answer to [`Call::ListClaims`].
    OwnClaims(Result<Vec<Claim>>),
    /// Answer to [`Call::Settle`].
    Settled(Result<Vec<Settled>>),
    /// Answer to [`Call::SettleAndClaim`].
    SettledAndClaimed(Result<(Vec<Settled>, Result<Claims>)>),
    /// Answer to [`Call::CheckClaims`].
    ClaimsChecked(Result<Vec<Held>>),
    /// Answer to [`Call::Register`].
    Registered(Result<u32>),
    /// Answer to [`Call::ReadCounter`].
    Counter(Result<i64>),
    /// Answer to [`Call::CheckRemaining`].
    Remaining(Result<Remaining>),
    /// Answer to [`Call::Fire`]: the time of the next firing.
    Fired(Result<Option<Timestamp>>),
    /// Answer to [`Call::Confirm`]: each task, with true if its claim holds.
    Confirmed(Vec<(ClaimedTask, Result<bool>)>),
    /// Answer to [`Call::Start`].
    Started(T),
    /// Answer to [`Call::ListWorkers`].
    Workers(Result<Listed>),
    /// Answer to [`Call::Probe`].
    Probed(Result<()>),
    /// Answer to [`Call::Recover`]: the recovery, and the reason if a scan was refused and is to be repeated.
    WentOn(Box<Recovery>, Option<String>),
    /// Answer to [`Call::SweepInputs`].
    InputsSwept,
}

/// Workers and expired claims.
#[derive(Debug)]
pub struct Listed {
    /// Change counter just before the workers were read.
    pub(super) counter: i64,
    /// Workers; `None` if nobody has committed since the known counter value.
    pub(super) workers: Option<Vec<WorkerInfo>>,
    /// Claims whose leases have run out.
    pub(super) expired: Result<Vec<Claim>>,
    /// Number of tasks that an older version had set aside and that were taken back.
    pub(super) taken_back: Result<usize>,
}

impl<B: Batch> Call<B> {
    /// Performs the call on the worker's queue.
    pub fn perform<Q: Queue>(self, queue: &Q) -> Answer<B::Started> {
        match self {
            Self::Claim(request) => Answer::Claimed(queue.claim(&request)),
            Self::ListClaims(worker) => Answer::OwnClaims(queue.claims_of(worker)),
            Self::Settle(settlements) => Answer::Settled(queue.settle(settlements)),
            Self::SettleAndClaim(settlements, request) => {
                Answer::SettledAndClaimed(queue.settle_and_claim(settlements, &request))
            }
            Self::CheckClaims(claims) => Answer::ClaimsChecked(queue.held(&claims)),
            Self::Register(worker) => Answer::Registered(queue.register(&worker)),
            Self::ReadCounter => Answer::Counter(queue.change_counter()),
            Self::CheckRemaining(serves) => Answer::Remaining(drain::look(queue, &serves)),
            Self::Fire => Answer::Fired(queue.fire()),
            Self::Confirm(tasks) => Answer::Confirmed(confirm(queue, tasks)),
            Self::Start(batch) => Answer::Started(batch.start()),
            Self::ListWorkers(known) => Answer::Workers(list_workers(queue, known)),
            Self::Probe(claims) => Answer::Probed(queue.probe(&claims)),
            Self::Recover(mut recovery, sweeper) => {
                let refused = recover(queue, &mut recovery, &sweeper);
                Answer::WentOn(recovery, refused)
            }
            Self::SweepInputs => {
                // The next sweep removes what is left.
                let _ = inputs::InputSource::sweep(queue);
                Answer::InputsSwept
            }
        }
    }

    /// Returns true if it claims tasks.
    pub fn claims(&self) -> bool {
        matches!(self, Self::Claim(_) | Self::SettleAndClaim(..))
    }

    /// Returns true if it starts commands.
    pub fn starts(&self) -> bool {
        matches!(self, Self::Start(_))
    }

    /// Returns true if it records outcomes.
    pub fn settles(&self) -> bool {
        matches!(self, Self::Settle(_) | Self::SettleAndClaim(..))
    }
}

fn confirm<Q: Queue>(queue: &Q, tasks: Vec<ClaimedTask>) -> Vec<(ClaimedTask, Result<bool>)> {
    let confirmed = tasks.into_iter().map(|task| {
        let held = queue.heartbeat(&[task.claim]);
        (task, held.map(|held| held != [Held::Lost]))
    });
    confirmed.collect()
}

/// Lists the workers. They are read again only after a commit, so that an idle worker touches
/// little memory when it checks its peers.
fn list_workers<Q: Queue>(queue: &Q, known: Option<i64>) -> Result<Listed> {
    let counter = queue.change_counter()?;
    let (workers, taken_back) = if known == Some(counter) {
        (None, Ok(0))
    } else {
        let trimmed = queue.trim_log();
        let taken_back = queue.take_back();
        (
            Some(queue.workers()?),
            taken_back.and_then(|count| trimmed.map(|_| count)),
        )
    };
    Ok(Listed {
        counter,
        workers,
        expired: queue.expired(),
        taken_back,
    })
}

/// Performs the next action of a recovery, and after a check the sweep. Returns the reason if a scan
/// was refused and is to be repeated.
fn recover<Q: Queue>(queue: &Q, recovery: &mut Recovery, sweeper: &Sweeper) -> Option<String> {
    loop {
        let now = queue.now();
        let action = recovery.next(now);
        let sweep = |search: &mut Search| sweeper.sweep(search, now);
        let done = answer(queue, recovery, action, sweep)?;
        let refused = if let RecoveryAnswer::Swept(Err(error)) = &done {
            error.may_pass().then(|| error.to_string())
        } else {
            None
        };
        recovery.answer(now, done);
        if action != RecoveryAction::Check {
            return refused;
        }
    }
}

/// Request for tasks for the slots.
pub(super) fn request(worker: WorkerId, serves: &Serves, slots: ClaimSlots) -> ClaimRequest {
    let ClaimSlots {
        limit,
        free,
        kept,
        after,
    } = slots;
    ClaimRequest {
        worker,
        limit,
        queues: if kept.is_empty() {
            serves.queues.clone()
        } else {
            serves.queues.keeping(&kept)
        },
        free,
        after,
        commands: serves.commands,
        handlers: serves.handlers.clone(),
    }
}

/// Call under way. The handling of its answer depends on when it began.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) since: Now,
    /// Claims whose outcomes it records.
    pub(super) settling: Vec<Claim>,
    /// Claims whose tasks it starts.
    pub(super) starting: Vec<Claim>,
}
