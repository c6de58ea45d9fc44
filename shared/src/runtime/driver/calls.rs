//! What a worker asks for and may have to wait for: the file, a disk, the list of processes. A call
//! is performed without the driver, which goes on meanwhile.

use crate::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
use crate::clock::Now;
use crate::error::Result;
use crate::outcome::{Settled, Settlement};
use crate::queue::{Queue, Serves, WorkerInfo};
use crate::runtime::inputs;
use crate::runtime::recovery::{Recovery, RecoveryAction, RecoveryAnswer};
use crate::runtime::rest::{self, Rest};
use crate::runtime::shell::{Batch, Shell, Sweeper};

/// A call of a worker with that shell.
pub type CallOf<S> = Call<<S as Shell>::Batch>;

/// The answer to a [`CallOf`].
pub type AnswerOf<S> = Answer<<<S as Shell>::Batch as Batch>::Started>;

/// A call that may take long.
#[derive(Debug)]
pub enum Call<B> {
    /// Claim tasks.
    Claim(ClaimRequest),
    /// Read which claims the file says the worker holds.
    ListClaims(WorkerId),
    /// Record outcomes.
    Settle(Vec<Settlement>),
    /// Record outcomes, then claim.
    SettleAndClaim(Vec<Settlement>, ClaimRequest),
    /// Ask how claims stand.
    AskAfter(Vec<Claim>),
    /// Read the change counter.
    ReadCounter,
    /// See what is left of the worker's queue.
    LookForRest(Serves),
    /// Ask whether the claims of these tasks still hold, before they are started.
    Confirm(Vec<ClaimedTask>),
    /// Start commands.
    Start(B),
    /// List the workers, unless the change counter is this one, and the claims that expired.
    ListWorkers(Option<i64>),
    /// Try a write, for claims that are overdue.
    Probe(Vec<Claim>),
    /// Go on with a recovery.
    Recover(Box<Recovery>, Sweeper),
    /// Remove what dead workers' commands were given.
    SweepInputs,
}

/// What a call came to.
#[derive(Debug)]
pub enum Answer<T> {
    /// Of [`Call::Claim`].
    Claimed(Result<Claims>),
    /// Of [`Call::ListClaims`].
    OwnClaims(Result<Vec<Claim>>),
    /// Of [`Call::Settle`].
    Settled(Result<Vec<Settled>>),
    /// Of [`Call::SettleAndClaim`].
    SettledAndClaimed(Result<(Vec<Settled>, Result<Claims>)>),
    /// Of [`Call::AskAfter`].
    Heard(Result<Vec<Held>>),
    /// Of [`Call::ReadCounter`].
    Counter(Result<i64>),
    /// Of [`Call::LookForRest`].
    Rest(Result<Rest>),
    /// Of [`Call::Confirm`]: each task, and whether its claim holds.
    Confirmed(Vec<(ClaimedTask, Result<bool>)>),
    /// Of [`Call::Start`].
    Started(T),
    /// Of [`Call::ListWorkers`].
    Workers(Result<Listed>),
    /// Of [`Call::Probe`].
    Probed(Result<()>),
    /// Of [`Call::Recover`]: the recovery, and why a scan was refused that is to be repeated.
    WentOn(Box<Recovery>, Option<String>),
    /// Of [`Call::SweepInputs`].
    InputsSwept,
}

/// The workers, and the claims that expired.
#[derive(Debug)]
pub struct Listed {
    /// The change counter just before.
    pub(super) counter: i64,
    /// The workers; `None` where nobody has committed since the counter that was known.
    pub(super) workers: Option<Vec<WorkerInfo>>,
    /// The claims whose leases have run out.
    pub(super) expired: Result<Vec<Claim>>,
    /// How many tasks were taken back that an older version had set aside.
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
            Self::AskAfter(claims) => Answer::Heard(queue.held(&claims)),
            Self::ReadCounter => Answer::Counter(queue.change_counter()),
            Self::LookForRest(serves) => Answer::Rest(rest::look(queue, &serves)),
            Self::Confirm(tasks) => Answer::Confirmed(confirm(queue, tasks)),
            Self::Start(batch) => Answer::Started(batch.start()),
            Self::ListWorkers(known) => Answer::Workers(list_workers(queue, known)),
            Self::Probe(claims) => Answer::Probed(queue.probe(&claims)),
            Self::Recover(mut recovery, sweeper) => {
                let refused = recover(queue, &mut recovery, sweeper);
                Answer::WentOn(recovery, refused)
            }
            Self::SweepInputs => {
                // What is left is met again by the next one.
                let _ = inputs::Source::sweep(queue);
                Answer::InputsSwept
            }
        }
    }

    /// Whether it claims tasks.
    pub fn claims(&self) -> bool {
        matches!(self, Self::Claim(_) | Self::SettleAndClaim(..))
    }

    /// Whether it starts commands.
    pub fn starts(&self) -> bool {
        matches!(self, Self::Start(_))
    }

    /// Whether it records outcomes.
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

/// The workers are read anew only after a commit: an idle worker that looks at its peers touches
/// little memory.
fn list_workers<Q: Queue>(queue: &Q, known: Option<i64>) -> Result<Listed> {
    let counter = queue.change_counter()?;
    let (workers, taken_back) = if known == Some(counter) {
        (None, Ok(0))
    } else {
        (Some(queue.workers()?), queue.take_back())
    };
    Ok(Listed {
        counter,
        workers,
        expired: queue.expired(),
        taken_back,
    })
}

/// Does the next thing of a recovery. Returns why a scan was refused that is to be repeated.
fn recover<Q: Queue>(queue: &Q, recovery: &mut Recovery, sweeper: Sweeper) -> Option<String> {
    let (now, worker) = (queue.now(), recovery.worker());
    let mut refused = None;
    let answer = match recovery.next(now) {
        RecoveryAction::ListClaims => RecoveryAnswer::Listed(queue.claims_of(worker)),
        RecoveryAction::Sweep if !recovery.is_sure(queue, now) => return None,
        RecoveryAction::Sweep => {
            let swept = sweeper.sweep(recovery.search(), now);
            let error = swept.as_ref().err().filter(|error| error.may_pass());
            refused = error.map(ToString::to_string);
            RecoveryAnswer::Swept(swept)
        }
        RecoveryAction::Reap => RecoveryAnswer::Reaped(match recovery.expired() {
            Some(claims) => queue.expire(&claims),
            None => queue.reap_except(worker, recovery.kept()),
        }),
        RecoveryAction::Wait(_) | RecoveryAction::Release => return None,
    };
    recovery.answer(now, answer);
    refused
}

/// A request for up to so many tasks.
pub(super) fn request(worker: WorkerId, serves: &Serves, limit: usize) -> ClaimRequest {
    ClaimRequest {
        worker,
        limit,
        queue: serves.queue.clone(),
        commands: serves.commands,
        handlers: serves.handlers.clone(),
    }
}

/// The call under way: what is done with its answer depends on when it began.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) since: Now,
    /// The claims whose outcomes it records.
    pub(super) settling: Vec<Claim>,
    /// The claims whose tasks it starts.
    pub(super) starting: Vec<Claim>,
}
