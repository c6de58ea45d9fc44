//! Outcomes: the end of an execution, and the state of the task that follows from it. Pure
//! functions from rows to verdicts.

use crate::backoff;
use crate::clock::{BootTime, Now, Timestamp};
use crate::ids::Claim;
use crate::options::TaskOptions;
use crate::output::Output;
use crate::state::State;
use crate::usage::Usage;

/// End of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The command exited 0, or the handler returned success.
    Succeeded,
    /// The command exited with a code other than 0.
    Exited {
        /// Exit code, 1 to 255.
        code: i32,
    },
    /// A signal ended the command.
    Signalled {
        /// Number of the signal.
        signal: i32,
    },
    /// The attempt took longer than its timeout and was ended.
    TimedOut,
    /// The command could not be started.
    NotStarted {
        /// Error of the system.
        message: String,
    },
    /// The handler returned an error.
    HandlerFailed {
        /// Message of the handler.
        message: String,
        /// True if another attempt is pointless.
        fatal: bool,
    },
    /// The handler panicked.
    Panicked {
        /// Message of the panic.
        message: String,
    },
    /// The worker hands the task back unfinished. Counts as neither attempt nor crash.
    Returned,
    /// The handler asks to run again later. Counts as neither attempt nor crash.
    Snoozed {
        /// Time of the next run.
        until: Timestamp,
    },
}

/// Reason why a task's last attempt did not succeed. The discriminant is the code in
/// `queue_tasks.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
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
    /// The task did not start within its time.
    Late = 10,
    /// The task did not end within its time, over all attempts.
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

    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// Reason of a stored code; `None` for a code this program does not know.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Word shown everywhere.
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

/// Outcome to record, on behalf of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// Claim it is recorded for.
    pub claim: Claim,
    /// End of the execution.
    pub outcome: Outcome,
    /// Output to store in the database, if any.
    pub output: Option<Output>,
    /// End of the execution by this machine's boot clock; `None` for now.
    pub ended_at: Option<BootTime>,
    /// Resources that the command used, as far as they are known.
    pub usage: Usage,
}

impl Settlement {
    /// Records that outcome, reached now, without output.
    pub fn new(claim: Claim, outcome: Outcome) -> Self {
        Self {
            claim,
            outcome,
            output: None,
            ended_at: None,
            usage: Usage::default(),
        }
    }

    /// Sets the output to store.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = Some(output);
        self
    }

    /// Sets the end of the execution, by this machine's boot clock.
    #[must_use]
    pub fn ended_at(mut self, ended_at: BootTime) -> Self {
        self.ended_at = Some(ended_at);
        self
    }

    /// Sets the resources that the command used.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// End of the execution in wall time, which may be long before the file let it be recorded.
    /// Never after `now`.
    pub fn finished_at(&self, now: Now) -> Timestamp {
        let ago = self
            .ended_at
            .map_or(0, |at| now.boot.0.saturating_sub(at.0).max(0));
        Timestamp(now.wall.0.saturating_sub(ago))
    }
}

/// Result of a [`Settlement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is recorded, now or by an earlier settle of the same claim. The task is in this state.
    Recorded(State),
    /// The worker does not hold the claim any more; nothing was written.
    ClaimLost,
}

/// Columns of a running task's row that a decision needs.
#[derive(Clone, Copy, Debug)]
pub struct RunningRow<'a> {
    /// Attempt counter, which the claim raised.
    pub attempt: u32,
    /// Attempt counter at the last retry. Budget and backoff count from there.
    pub attempt_base: u32,
    /// Crash counter, which the claim raised.
    pub crashes: u32,
    /// True if a request asks for its end.
    pub cancel_requested: bool,
    /// Budgets and backoff.
    pub options: &'a TaskOptions,
}

/// New values for the row of a running task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// State it enters.
    pub state: State,
    /// New earliest start; set exactly if `state` is scheduled.
    pub run_at: Option<Timestamp>,
    /// Attempt counter.
    pub attempt: u32,
    /// Crash counter.
    pub crashes: u32,
    /// Exit code, if it exited.
    pub exit_code: Option<i32>,
    /// Signal, if one ended it.
    pub signal: Option<i32>,
    /// Reason why it did not succeed.
    pub reason: Option<Reason>,
    /// Message of a handler or of the spawn.
    pub message: Option<String>,
}

/// Verdict on a running task with this outcome. `random` is 64 random bits for the backoff's
/// jitter.
pub fn decide(outcome: Outcome, row: RunningRow<'_>, now: Timestamp, random: u64) -> Verdict {
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
        // The attempt that ends its task counts.
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
        let delay = backoff::delay(row.options, spent, random);
        schedule(&mut verdict, now.after(delay), now);
    }
    verdict
}

/// Verdict on a running task whose worker died: queued again at once, or failed if its crash budget
/// is spent.
pub fn decide_crash(row: RunningRow<'_>) -> Verdict {
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
