//! One task in a worker's slot, from its claim to the outcome to be recorded.

use std::sync::Arc;
use std::time::Duration;

use super::end::{End, Ended, Ending};
use super::protocol::{Action, LeftRunning, Unrecorded, WorkerEvent};
use super::stop_reason::StopReason;
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{BootTime, Now};
use crate::outcome::{Outcome, Settlement};
use crate::output::Output;
use crate::state::State;
use crate::usage::Usage;

/// Execution of a task.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) claim: Claim,
    /// Name of the task's queue.
    pub(super) queue: Arc<str>,
    name: String,
    attempt: u32,
    is_handler: bool,
    /// `None` until it is started.
    started_at: Option<BootTime>,
    timeout: Option<Duration>,
    cause: Option<StopReason>,
    /// Time at which it was first told to end.
    asked_at: Option<BootTime>,
    kill_at: Option<BootTime>,
    killed: bool,
}

impl Execution {
    pub(super) fn new(task: &ClaimedTask) -> Self {
        Self {
            claim: task.claim,
            queue: Arc::clone(&task.queue),
            name: task.name.clone(),
            attempt: task.attempt,
            is_handler: !task.work.handler().is_empty(),
            started_at: None,
            timeout: task.options.timeout_ms.map(Duration::from_millis),
            cause: None,
            asked_at: None,
            kill_at: None,
            killed: false,
        }
    }

    /// Notes its start. Returns the report of it.
    pub(super) fn started(&mut self, at: BootTime) -> Action {
        self.started_at = Some(at);
        Action::Report(WorkerEvent::Started {
            claim: self.claim,
            name: self.name.clone(),
            attempt: self.attempt,
        })
    }

    /// Returns true if it was started.
    pub(super) fn has_started(&self) -> bool {
        self.started_at.is_some()
    }

    /// Returns true if it runs on a thread of this process, which cannot be killed.
    pub(super) fn is_handler(&self) -> bool {
        self.is_handler
    }

    /// Asks the execution to end, once: the first cause counts.
    pub(super) fn terminate(
        &mut self,
        cause: StopReason,
        now: Now,
        kill_at: BootTime,
    ) -> Option<Action> {
        if self.cause.is_some() {
            self.kill_at = self.kill_at.map(|at| at.min(kill_at));
            return None;
        }
        self.cause = Some(cause);
        self.asked_at = Some(now.boot);
        self.kill_at = Some(kill_at);
        Some(self.signal(Ending::Terminate, cause))
    }

    /// Kills the execution. A lost claim overrides every earlier cause: no outcome may be recorded
    /// for it.
    pub(super) fn kill(&mut self, cause: StopReason, now: Now) -> Option<Action> {
        let reason = if cause == StopReason::ClaimLost {
            *self.cause.insert(cause)
        } else {
            *self.cause.get_or_insert(cause)
        };
        self.asked_at.get_or_insert(now.boot);
        self.kill_at = None;
        let first = !std::mem::replace(&mut self.killed, true);
        // A handler that was told something else before learns that its result is void.
        let first = first || (self.is_handler && cause == StopReason::ClaimLost);
        first.then(|| self.signal(Ending::Kill, reason))
    }

    /// Returns true if it was told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.cause.is_some()
    }

    /// Time from which a stopping worker leaves it behind: a handler that did not end in that time
    /// after it was asked to.
    pub(super) fn left_at(&self, after: Duration) -> Option<BootTime> {
        let is_due = self.is_handler && self.killed;
        Some(self.asked_at.filter(|_| is_due)?.after(after))
    }

    /// Returns the signal that is due by its timeout, or at the end of its grace time.
    pub(super) fn overdue(&mut self, now: Now, kill_at: BootTime) -> Option<Action> {
        if self.kill_at.is_some_and(|at| at <= now.boot) {
            return self.kill(StopReason::Shutdown, now);
        }
        let timed_out = self.timeout_at().is_some_and(|at| at <= now.boot);
        if timed_out && self.cause.is_none() {
            return self.terminate(StopReason::TimedOut, now, kill_at);
        }
        None
    }

    /// Time at which [`overdue`](Self::overdue) returns a signal.
    pub(super) fn acts_at(&self) -> Option<BootTime> {
        match self.cause {
            None => self.timeout_at(),
            Some(_) => self.kill_at,
        }
    }

    fn timeout_at(&self) -> Option<BootTime> {
        Some(self.started_at?.after(self.timeout?))
    }

    /// Time that it has run until `at`.
    fn took(&self, at: BootTime) -> Duration {
        self.started_at
            .map_or(Duration::ZERO, |started| at.since(started))
    }

    /// Returns the outcome to record, or for a lost claim only the report. The output may end after
    /// the command, so that an execution is asked to end when it has ended already; that does not
    /// change its outcome.
    pub(super) fn end(self, ended: Ended) -> Result<Finished, WorkerEvent> {
        let took = self.took(ended.at);
        if self.cause == Some(StopReason::ClaimLost) {
            return Err(WorkerEvent::Ended {
                claim: self.claim,
                name: self.name,
                attempt: self.attempt,
                outcome: None,
                took,
                state: None,
            });
        }
        let asked = self.asked_at.is_some_and(|asked| asked <= ended.at);
        let cause = self.cause.filter(|_| asked);
        Ok(Finished {
            claim: self.claim,
            outcome: outcome(cause, ended.end),
            output: ended.output,
            ended_at: Some(ended.at),
            usage: ended.usage,
            run: Some(Run {
                name: self.name,
                attempt: self.attempt,
                took,
            }),
        })
    }

    pub(super) fn not_started(self, message: String) -> Finished {
        Finished {
            claim: self.claim,
            outcome: Outcome::NotStarted { message },
            output: None,
            ended_at: None,
            usage: Usage::default(),
            run: Some(Run {
                name: self.name,
                attempt: self.attempt,
                took: Duration::ZERO,
            }),
        }
    }

    /// The task as unrecorded, without an outcome.
    pub(super) fn unrecorded(&self) -> Unrecorded {
        Unrecorded {
            claim: self.claim,
            name: self.name.clone(),
            outcome: None,
            processes: Vec::new(),
        }
    }

    /// The task as left behind, with its handler running.
    pub(super) fn left_running(&self) -> LeftRunning {
        LeftRunning {
            claim: self.claim,
            name: self.name.clone(),
            attempt: self.attempt,
        }
    }

    fn signal(&self, ending: Ending, reason: StopReason) -> Action {
        Action::Signal {
            claim: self.claim,
            ending,
            reason,
        }
    }
}

/// Outcome of an execution, given the reason why the worker ended it. A handler is settled with its
/// result in any case. For a command that was told to end, the exit code means nothing, not even 0.
fn outcome(cause: Option<StopReason>, end: End) -> Outcome {
    match (cause, end) {
        (_, End::Handler(outcome)) => outcome,
        (Some(StopReason::TimedOut), End::Exited(_) | End::Signalled(_) | End::Unstarted) => {
            Outcome::TimedOut
        }
        (
            Some(StopReason::Shutdown | StopReason::ClaimLost),
            End::Exited(_) | End::Signalled(_),
        )
        | (Some(StopReason::Cancelled), End::Exited(0))
        | (_, End::Unstarted | End::Dropped) => Outcome::Returned,
        (None, End::Exited(0)) => Outcome::Succeeded,
        (None | Some(StopReason::Cancelled), End::Exited(code)) => Outcome::Exited { code },
        (None | Some(StopReason::Cancelled), End::Signalled(signal)) => {
            Outcome::Signalled { signal }
        }
    }
}

/// Outcome that is not recorded yet.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) claim: Claim,
    outcome: Outcome,
    output: Option<Output>,
    /// Time of its end, if it ran.
    ended_at: Option<BootTime>,
    usage: Usage,
    /// Report of the run; `None` for a claim that never ran here.
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    name: String,
    attempt: u32,
    took: Duration,
}

impl Finished {
    /// Creates the outcome of a claim that is returned unstarted.
    pub(super) fn returned(claim: Claim) -> Self {
        Self {
            claim,
            outcome: Outcome::Returned,
            output: None,
            ended_at: None,
            usage: Usage::default(),
            run: None,
        }
    }

    /// True if its outcome is a success, which leaves no doubt about the state it leads to.
    pub(super) fn has_succeeded(&self) -> bool {
        self.outcome == Outcome::Succeeded
    }

    /// Bytes of output that are kept until the outcome is recorded.
    pub(super) fn bytes(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.0.len())
    }

    /// Shortens its output to `kept` bytes from the beginning and from the end.
    pub(super) fn shorten(&mut self, kept: usize) {
        if let Some(output) = &mut self.output {
            *output = output.shortened(kept);
        }
    }

    /// Returns the settlement to record. The original is kept until it is acknowledged.
    pub(super) fn settlement(&self) -> Settlement {
        Settlement {
            claim: self.claim,
            outcome: self.outcome.clone(),
            output: self.output.clone(),
            ended_at: self.ended_at,
            usage: self.usage,
        }
    }

    /// The task as unrecorded, with its outcome; `None` if it never ran here.
    pub(super) fn unrecorded(&self) -> Option<Unrecorded> {
        Some(Unrecorded {
            claim: self.claim,
            name: self.run.as_ref()?.name.clone(),
            outcome: Some(self.outcome.clone()),
            processes: Vec::new(),
        })
    }

    /// Returns the report of the end, with the task in `state`; `None` means that the claim was
    /// lost.
    pub(super) fn report(self, state: Option<State>) -> Option<Action> {
        let run = self.run?;
        Some(Action::Report(WorkerEvent::Ended {
            claim: self.claim,
            name: run.name,
            attempt: run.attempt,
            outcome: Some(self.outcome),
            took: run.took,
            state,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Outcome, StopReason, outcome};

    #[test]
    fn a_command_that_ends_by_itself_is_judged_by_its_exit() {
        assert_eq!(outcome(None, End::Exited(0)), Outcome::Succeeded);
        assert_eq!(outcome(None, End::Exited(3)), Outcome::Exited { code: 3 });
        assert_eq!(
            outcome(None, End::Signalled(9)),
            Outcome::Signalled { signal: 9 }
        );
    }

    #[test]
    fn a_command_that_was_told_to_end_did_not_succeed() {
        for cause in [
            StopReason::TimedOut,
            StopReason::Cancelled,
            StopReason::Shutdown,
            StopReason::ClaimLost,
        ] {
            assert_ne!(outcome(Some(cause), End::Exited(0)), Outcome::Succeeded);
        }
        assert_eq!(
            outcome(Some(StopReason::TimedOut), End::Signalled(15)),
            Outcome::TimedOut
        );
        assert_eq!(
            outcome(Some(StopReason::Shutdown), End::Signalled(15)),
            Outcome::Returned
        );
    }

    #[test]
    fn a_handler_is_settled_with_what_it_returned() {
        let end = End::Handler(Outcome::Succeeded);
        assert_eq!(outcome(Some(StopReason::TimedOut), end), Outcome::Succeeded);
    }
}
