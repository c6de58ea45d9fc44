//! Outcomes: how an execution ended, and what that makes of its task. Pure: rows in, verdict out.

use crate::clock::{BootTime, Now, Timestamp};
use crate::ids::Claim;
use crate::options::TaskOptions;
use crate::output::Output;
use crate::retry;
use crate::state::State;

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command exited 0, or the handler returned well.
    Succeeded,
    /// The command exited with a code other than 0.
    Exited {
        /// 1 to 255.
        code: i32,
    },
    /// A signal ended the command.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// It took longer than its timeout and was ended.
    TimedOut,
    /// It could not be started.
    NotStarted {
        /// What the system said.
        message: String,
    },
    /// The handler returned an error.
    HandlerFailed {
        /// What the handler said.
        message: String,
        /// Whether another attempt is pointless.
        fatal: bool,
    },
    /// The handler panicked.
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The worker hands it back unfinished; counts as neither attempt nor crash.
    Returned,
    /// The handler wants it again later; counts as neither attempt nor crash.
    Snoozed {
        /// When to run it again.
        until: Timestamp,
    },
}

/// Why a task's last attempt did not succeed. The discriminant is the code in
/// `queue_tasks.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// A command exited with a code other than 0.
    Exit = 1,
    /// A signal ended the command.
    Signal = 2,
    /// The attempt took longer than its timeout.
    Timeout = 3,
    /// The command could not be started.
    NotStarted = 4,
    /// The handler returned an error.
    HandlerError = 5,
    /// The handler panicked.
    HandlerPanic = 6,
    /// The worker died.
    Crash = 7,
    /// A person or program cancelled it.
    Cancel = 8,
    /// The condition of a dependency can no longer hold.
    Dependency = 9,
    /// It did not start within the time it was given.
    Late = 10,
    /// It did not end within the time it was given, all attempts together.
    Deadline = 11,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Exit,
        Self::Signal,
        Self::Timeout,
        Self::NotStarted,
        Self::HandlerError,
        Self::HandlerPanic,
        Self::Crash,
        Self::Cancel,
        Self::Dependency,
        Self::Late,
        Self::Deadline,
    ];

    /// The code stored in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The reason of a stored code; `None` for a code this program does not know.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The word shown everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::NotStarted => "not-started",
            Self::HandlerError => "handler-error",
            Self::HandlerPanic => "handler-panic",
            Self::Crash => "crash",
            Self::Cancel => "cancel",
            Self::Dependency => "dependency",
            Self::Late => "late",
            Self::Deadline => "deadline",
        }
    }
}

/// An outcome to record, on behalf of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The claim it is recorded for.
    pub claim: Claim,
    /// How the execution ended.
    pub outcome: Outcome,
    /// What it wrote, if that is to be kept in the database.
    pub output: Option<Output>,
    /// When the execution ended, by this machine's boot clock; `None` where that is now.
    pub ended_at: Option<BootTime>,
}

impl Settlement {
    /// When the execution ended, by wall time: not when the file let that be recorded. Never after
    /// `now`.
    pub fn finished_at(&self, now: Now) -> Timestamp {
        let ago = self
            .ended_at
            .map_or(0, |at| now.boot.0.saturating_sub(at.0).max(0));
        Timestamp(now.wall.0.saturating_sub(ago))
    }
}

/// What became of a [`Settlement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is recorded, now or by an earlier settle of the same claim; the task is in this state.
    Recorded(State),
    /// The claim is not the worker's any more; nothing was written.
    ClaimLost,
}

/// What a decision needs of a running task's row.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// The attempt counter, which the claim raised.
    pub attempt: u32,
    /// What it was at the last retry; the budget and the backoff count from there.
    pub attempt_base: u32,
    /// The crash counter, which the claim raised.
    pub crashes: u32,
    /// Whether somebody asked for its end.
    pub cancel_requested: bool,
    /// Its budgets and backoff.
    pub options: &'a TaskOptions,
}

/// What the row of a running task becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state it enters.
    pub state: State,
    /// Its new earliest start; set exactly where `state` is scheduled.
    pub run_at: Option<Timestamp>,
    /// The attempt counter.
    pub attempt: u32,
    /// The crash counter.
    pub crashes: u32,
    /// The exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal, if one ended it.
    pub signal: Option<i32>,
    /// Why it did not succeed.
    pub reason: Option<Reason>,
    /// What a handler or the spawn reported.
    pub message: Option<String>,
}

/// What `outcome` makes of a running task. `random` is 64 random bits for the backoff's jitter.
pub fn decide(outcome: Outcome, row: Running<'_>, now: Timestamp, random: u64) -> Verdict {
    let mut verdict = Verdict {
        state: State::Queued,
        run_at: None,
        attempt: row.attempt,
        crashes: row.crashes.saturating_sub(1),
        exit_code: None,
        signal: None,
        reason: None,
        message: None,
    };
    let mut retryable = true;
    match outcome {
        Outcome::Succeeded => {
            verdict.state = State::Succeeded;
            verdict.exit_code = Some(0);
            return verdict;
        }
        // One that ends its task is the attempt that did.
        Outcome::Returned | Outcome::Snoozed { .. } if row.cancel_requested => {
            return cancelled(verdict);
        }
        Outcome::Returned | Outcome::Snoozed { .. } => {
            verdict.attempt = row.attempt.saturating_sub(1);
            if let Outcome::Snoozed { until } = outcome {
                schedule(&mut verdict, until, now);
            }
            return verdict;
        }
        Outcome::Exited { code } => {
            verdict.exit_code = Some(code);
            verdict.reason = Some(Reason::Exit);
            retryable = row.options.is_retryable(code);
        }
        Outcome::Signalled { signal } => {
            verdict.signal = Some(signal);
            verdict.reason = Some(Reason::Signal);
        }
        Outcome::TimedOut => verdict.reason = Some(Reason::Timeout),
        Outcome::NotStarted { message } => {
            verdict.reason = Some(Reason::NotStarted);
            verdict.message = Some(message);
        }
        Outcome::HandlerFailed { message, fatal } => {
            verdict.reason = Some(Reason::HandlerError);
            verdict.message = Some(message);
            retryable = !fatal;
        }
        Outcome::Panicked { message } => {
            verdict.reason = Some(Reason::HandlerPanic);
            verdict.message = Some(message);
        }
    }
    if row.cancel_requested {
        return cancelled(verdict);
    }
    let spent = row.attempt.saturating_sub(row.attempt_base);
    if !retryable || spent >= row.options.max_attempts {
        verdict.state = State::Failed;
    } else {
        let delay = retry::delay(row.options, spent, random);
        schedule(&mut verdict, now.after(delay), now);
    }
    verdict
}

/// What the death of its worker makes of a running task: queued again at once, or failed when its
/// crash budget is spent.
pub fn decide_crash(row: Running<'_>) -> Verdict {
    let verdict = Verdict {
        state: State::Queued,
        run_at: None,
        attempt: row.attempt.saturating_sub(1),
        crashes: row.crashes,
        exit_code: None,
        signal: None,
        reason: Some(Reason::Crash),
        message: None,
    };
    if row.cancel_requested {
        cancelled(verdict)
    } else if row.crashes >= row.options.max_crashes {
        Verdict {
            state: State::Failed,
            ..verdict
        }
    } else {
        verdict
    }
}

fn cancelled(verdict: Verdict) -> Verdict {
    Verdict {
        state: State::Cancelled,
        reason: Some(Reason::Cancel),
        ..verdict
    }
}

fn schedule(verdict: &mut Verdict, run_at: Timestamp, now: Timestamp) {
    if run_at > now {
        verdict.state = State::Scheduled;
        verdict.run_at = Some(run_at.min(Timestamp::MAX));
    }
}

#[cfg(test)]
mod tests;
