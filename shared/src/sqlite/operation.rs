//! Operation of one caller on its way through the writer: the current leader runs it, and the
//! caller gets the answer on its own thread.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::combine::{Answer, Refusal};
use super::fault::{Fault, SharedError, cause, relocated, returned};
use super::known::Compiled;
use super::poison::poisoned;
use super::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use crate::error::{Error, Result};

thread_local! {
    /// True if this thread began a commit since it last cleared this.
    static COMMIT_BEGAN: Cell<bool> = const { Cell::new(false) };
    /// Progress of an operation that this thread runs as a transaction of its own.
    static ALONE: Cell<Alone> = const { Cell::new(Alone::No) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    No,
    Running,
    /// Undone instead of committed, because `SQLite` had compiled the statement anew.
    Undone,
}

/// Makes every commit on `connection` note its beginning. If a statement is its own transaction,
/// nothing else tells a failed statement from a failed commit. A commit on its own is undone if any
/// statement was compiled since the last look at the schema.
pub(super) fn watch_commits(
    connection: &Connection,
    compiled: Option<Compiled>,
) -> rusqlite::Result<()> {
    connection.commit_hook(Some(move || {
        let unseen = compiled.as_ref().is_some_and(Compiled::get);
        if unseen && ALONE.get() == Alone::Running {
            ALONE.set(Alone::Undone);
            return true;
        }
        COMMIT_BEGAN.set(true);
        false
    }))
}

/// Reason why an operation that ran as a transaction of its own wrote nothing, or perhaps nothing.
pub(super) enum AloneFailure {
    /// It failed with an error of its own.
    Own,
    /// The connection refused.
    Refused(Refusal, SharedError),
    /// No one has checked the schema that it met.
    Unseen,
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    Fault::of(error) == Fault::Sync
}

/// Locks a mutex whose data is sound even after a panic: no operation runs under one unprotected.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answer for a caller, and the error behind it unless that is the operation's own.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) answer: Answer,
    pub(super) source: Option<SharedError>,
}

/// Operation as the leader handles it, its own or another caller's.
pub(super) trait Operation {
    /// Runs it in the open transaction; `Fatal` if the disk did not confirm a write.
    fn run(&mut self, connection: &Connection) -> Result<(), Refusal>;
    /// Runs it as a transaction of its own.
    fn run_alone(&mut self, connection: &Connection) -> Result<(), AloneFailure>;
    /// True if it is one statement, so that it may run as a transaction of its own.
    fn is_statement(&self) -> bool;
    /// Stores the answer for the caller.
    fn tell(&mut self, told: Told);
}

/// Operation with its result.
pub(super) struct Call<T, F> {
    operation: F,
    is_statement: bool,
    result: Option<Result<Result<T>, Box<dyn Any + Send>>>,
    told: Option<Told>,
}

impl<T, F: FnMut(&Connection) -> Result<T>> Call<T, F> {
    pub(super) fn new(operation: F, is_statement: bool) -> Self {
        Self {
            operation,
            is_statement,
            result: None,
            told: None,
        }
    }

    /// Result of `write` for the caller. Resumes the operation's own panic.
    pub(super) fn answer(self, path: &Path) -> Result<T> {
        let Some(Told { answer, source }) = self.told else {
            unreachable!("every operation of a turn is told before the turn ends");
        };
        match (answer, self.result) {
            (Answer::Committed, Some(Ok(Ok(value)))) => Ok(value),
            (Answer::Failed, Some(Ok(Err(error)))) => Err(relocated(path, error)),
            (Answer::Failed, Some(Err(panic))) => resume_unwind(panic),
            (Answer::Committed | Answer::Failed, _) => Err(Error::Bug {
                what: "a write operation ended its own transaction".to_owned(),
            }),
            (Answer::Unknown, _) => Err(Error::CommitUnknown {
                source: match source {
                    Some(source) => Box::new(source),
                    None => "COMMIT gave no reason".into(),
                },
            }),
            (Answer::Refused(Refusal::Newer(newer)), _) => Err(newer.error(path)),
            (Answer::Refused(_), _) => Err(match source {
                Some(source) => source.located(path),
                None => Error::Busy {
                    what: "another process keeps writing".to_owned(),
                },
            }),
            (Answer::Poisoned, _) => Err(poisoned(path, source)),
        }
    }
}

impl<T, F: FnMut(&Connection) -> Result<T>> Operation for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> Result<(), Refusal> {
        let result = catch_unwind(AssertUnwindSafe(|| (self.operation)(connection)));
        let judged = match &result {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if cause(error).is_some_and(is_failed_sync) => Err(Refusal::Fatal),
            Ok(Err(_)) | Err(_) => Err(Refusal::Error),
        };
        self.result = Some(result);
        judged
    }

    fn run_alone(&mut self, connection: &Connection) -> Result<(), AloneFailure> {
        COMMIT_BEGAN.set(false);
        ALONE.set(Alone::Running);
        let result = catch_unwind(AssertUnwindSafe(|| (self.operation)(connection)));
        let undone = ALONE.replace(Alone::No) == Alone::Undone;
        let error = match result {
            Ok(Err(error)) => error,
            result => {
                let succeeded = result.is_ok();
                self.result = Some(result);
                return if succeeded {
                    Ok(())
                } else {
                    Err(AloneFailure::Own)
                };
            }
        };
        let own = match returned(error) {
            Ok(_) if undone => return Err(AloneFailure::Unseen),
            Ok(error) if COMMIT_BEGAN.get() || is_failed_sync(&error) => {
                let refusal = Fault::of_commit(&error);
                return Err(AloneFailure::Refused(refusal, SharedError(Arc::new(error))));
            }
            // An error before the beginning of the commit is the statement's own, and undone.
            Ok(error) => error.into(),
            Err(error) => error,
        };
        self.result = Some(Ok(Err(own)));
        Err(AloneFailure::Own)
    }

    fn is_statement(&self) -> bool {
        self.is_statement
    }

    fn tell(&mut self, told: Told) {
        self.told = Some(told);
    }
}

/// Operation in the queue, whose caller sleeps.
pub(super) trait WaitingCall: Send + Sync + fmt::Debug {
    /// Takes it into a transaction; false if its caller gave up.
    fn take(&self) -> bool;
    /// As [`Operation::run`].
    fn run(&self, connection: &Connection) -> Result<(), Refusal>;
    /// As [`Operation::tell`]; the caller stays asleep.
    fn tell(&self, told: Told);
    /// Wakes the caller, which has its answer.
    fn wake(&self);
    /// Gives the caller the lead; false if it gave up.
    fn lead(&self) -> bool;
}

/// The only implementation of [`WaitingCall`].
pub(super) struct Parked<T, F> {
    stage: Mutex<Stage<T, F>>,
    changed: Condvar,
}

struct Stage<T, F> {
    at: At,
    /// `None` once its caller has it back.
    call: Option<Call<T, F>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Queued,
    Taken,
    Told,
    Leading,
}

/// End of a caller's wait. The caller has its operation back.
pub(super) enum Waited<T, F> {
    /// It has its answer.
    Told(Call<T, F>),
    /// It leads.
    Lead(Call<T, F>),
    /// No leader took its operation in time, and none will.
    GaveUp,
}

impl<T, F> Parked<T, F> {
    pub(super) fn new(call: Call<T, F>) -> Self {
        Self {
            stage: Mutex::new(Stage {
                at: At::Queued,
                call: Some(call),
            }),
            changed: Condvar::new(),
        }
    }

    /// True if no leader took its operation, and it does not lead.
    #[cfg(test)]
    pub(super) fn is_queued(&self) -> bool {
        lock(&self.stage).at == At::Queued
    }

    /// Sleeps until the caller has its answer or the lead, or until `timeout` has passed and the
    /// operation was not taken. An operation that is taken always gets an answer.
    pub(super) fn wait(&self, timeout: Duration) -> Waited<T, F> {
        let (mut stage, _) = self
            .changed
            .wait_timeout_while(lock(&self.stage), timeout, |stage| {
                matches!(stage.at, At::Queued | At::Taken)
            })
            .unwrap_or_else(PoisonError::into_inner);
        if stage.at == At::Taken {
            stage = self
                .changed
                .wait_while(stage, |stage| stage.at == At::Taken)
                .unwrap_or_else(PoisonError::into_inner);
        }
        match (stage.call.take(), stage.at) {
            (Some(call), At::Told) => Waited::Told(call),
            (Some(call), At::Leading) => Waited::Lead(call),
            (_, At::Queued) => Waited::GaveUp,
            (_, at) => unreachable!("only its caller takes an operation out, once, not at {at:?}"),
        }
    }
}

impl<T, F> WaitingCall for Parked<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T> + Send,
{
    fn take(&self) -> bool {
        let mut stage = lock(&self.stage);
        let waits = stage.call.is_some();
        if waits {
            stage.at = At::Taken;
        }
        waits
    }

    fn run(&self, connection: &Connection) -> Result<(), Refusal> {
        match &mut lock(&self.stage).call {
            Some(call) => call.run(connection),
            None => Err(Refusal::Error),
        }
    }

    fn tell(&self, told: Told) {
        if let Some(call) = &mut lock(&self.stage).call {
            call.tell(told);
        }
    }

    fn wake(&self) {
        lock(&self.stage).at = At::Told;
        self.changed.notify_one();
    }

    fn lead(&self) -> bool {
        let mut stage = lock(&self.stage);
        let waits = stage.call.is_some();
        if waits {
            stage.at = At::Leading;
            self.changed.notify_one();
        }
        waits
    }
}

impl<T, F> fmt::Debug for Parked<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("at", &lock(&self.stage).at)
            .finish_non_exhaustive()
    }
}

/// Waiting call that the thread waiting for the lock between processes runs as its own.
pub(super) struct Adopted<'a>(pub(super) &'a dyn WaitingCall);

impl Operation for Adopted<'_> {
    fn run(&mut self, connection: &Connection) -> Result<(), Refusal> {
        self.0.run(connection)
    }

    fn run_alone(&mut self, _: &Connection) -> Result<(), AloneFailure> {
        unreachable!("it does not say that it is one statement")
    }

    /// False, so that a caller that had to wait for another process shares its transaction with
    /// later ones.
    fn is_statement(&self) -> bool {
        false
    }

    fn tell(&mut self, told: Told) {
        self.0.tell(told);
    }
}
