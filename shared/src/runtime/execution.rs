//! One task in a worker's slot, from its claim to the outcome to be recorded.

use std::time::Duration;

use super::end::{End, Ended, Ending};
use super::protocol::{Action, Unrecorded, WorkerEvent};
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{BootTime, Now};
use crate::outcome::{Outcome, Settlement};
use crate::output::Output;
use crate::state::State;

/// Why the worker ends an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It took longer than its timeout.
    Timeout,
    /// Somebody called the task off.
    Cancel,
    /// The worker stops.
    Stop,
    /// The claim is not this worker's any more.
    Lost,
}

/// A running task.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) claim: Claim,
    name: String,
    attempt: u32,
    is_handler: bool,
    /// `None` until it is started.
    started_at: Option<BootTime>,
    timeout: Option<Duration>,
    cause: Option<Cause>,
    /// When it was first told to end.
    asked_at: Option<BootTime>,
    kill_at: Option<BootTime>,
    killed: bool,
}

impl Execution {
    pub(super) fn new(task: &ClaimedTask) -> Self {
        Self {
            claim: task.claim,
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

    /// Takes in when it was started. Returns what the observer is told.
    pub(super) fn started(&mut self, at: BootTime) -> Action {
        self.started_at = Some(at);
        Action::Report(WorkerEvent::Started {
            claim: self.claim,
            name: self.name.clone(),
            attempt: self.attempt,
        })
    }

    /// Whether it was started.
    pub(super) fn has_started(&self) -> bool {
        self.started_at.is_some()
    }

    /// Whether it runs on a thread of this process, which nothing can end.
    pub(super) fn is_handler(&self) -> bool {
        self.is_handler
    }

    /// Asks the execution to end, once: the first cause is the one that counts.
    pub(super) fn terminate(
        &mut self,
        cause: Cause,
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
        Some(self.signal(Ending::Terminate))
    }

    /// Ends the execution at once. A lost claim overrides every earlier cause: nothing may be
    /// reported for it.
    pub(super) fn kill(&mut self, cause: Cause, now: Now) -> Option<Action> {
        if cause == Cause::Lost {
            self.cause = Some(cause);
        } else {
            self.cause.get_or_insert(cause);
        }
        self.asked_at.get_or_insert(now.boot);
        self.kill_at = None;
        let first = !std::mem::replace(&mut self.killed, true);
        first.then(|| self.signal(Ending::Kill))
    }

    /// Whether it was told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.cause.is_some()
    }

    /// What its timeout, or the end of its grace time, demands.
    pub(super) fn overdue(&mut self, now: Now, kill_at: BootTime) -> Option<Action> {
        if self.kill_at.is_some_and(|at| at <= now.boot) {
            return self.kill(Cause::Stop, now);
        }
        let timed_out = self.timeout_at().is_some_and(|at| at <= now.boot);
        if timed_out && self.cause.is_none() {
            return self.terminate(Cause::Timeout, now, kill_at);
        }
        None
    }

    /// When [`overdue`](Self::overdue) has something to say.
    pub(super) fn acts_at(&self) -> Option<BootTime> {
        match self.cause {
            None => self.timeout_at(),
            Some(_) => self.kill_at,
        }
    }

    fn timeout_at(&self) -> Option<BootTime> {
        Some(self.started_at?.after(self.timeout?))
    }

    /// How long it has run at that moment.
    fn took(&self, at: BootTime) -> Duration {
        self.started_at
            .map_or(Duration::ZERO, |started| at.since(started))
    }

    /// What is to be recorded; what is to be reported where nothing may be. Its output may end after
    /// a command, so that it is told to end when it has ended already; that changes nothing.
    pub(super) fn end(self, ended: Ended) -> Result<Finished, WorkerEvent> {
        let took = self.took(ended.at);
        if self.cause == Some(Cause::Lost) {
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
            run: Some(Run {
                name: self.name,
                attempt: self.attempt,
                took: Duration::ZERO,
            }),
        }
    }

    /// The task, as one whose end nobody has seen.
    pub(super) fn unrecorded(&self) -> Unrecorded {
        Unrecorded {
            claim: self.claim,
            name: self.name.clone(),
            outcome: None,
            processes: Vec::new(),
        }
    }

    fn signal(&self, ending: Ending) -> Action {
        Action::Signal {
            claim: self.claim,
            ending,
        }
    }
}

/// How an execution ended, given what the worker had done to it. A handler is settled with what it
/// returned, whatever was asked of it. A command that was told to end tells nothing about its
/// task by exiting, not even with 0.
fn outcome(cause: Option<Cause>, end: End) -> Outcome {
    match (cause, end) {
        (_, End::Handler(outcome)) => outcome,
        (Some(Cause::Timeout), End::Exited(_) | End::Signalled(_) | End::Unstarted) => {
            Outcome::TimedOut
        }
        (Some(Cause::Stop | Cause::Lost), End::Exited(_) | End::Signalled(_))
        | (Some(Cause::Cancel), End::Exited(0))
        | (_, End::Unstarted) => Outcome::Returned,
        (None, End::Exited(0)) => Outcome::Succeeded,
        (None | Some(Cause::Cancel), End::Exited(code)) => Outcome::Exited { code },
        (None | Some(Cause::Cancel), End::Signalled(signal)) => Outcome::Signalled { signal },
    }
}

/// An outcome that is not recorded yet.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) claim: Claim,
    outcome: Outcome,
    output: Option<Output>,
    /// When it ended, if it ran.
    ended_at: Option<BootTime>,
    /// What the observer is told of it; nothing for a claim that never ran here.
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    name: String,
    attempt: u32,
    took: Duration,
}

impl Finished {
    /// A claim that is handed back unstarted.
    pub(super) fn returned(claim: Claim) -> Self {
        Self {
            claim,
            outcome: Outcome::Returned,
            output: None,
            ended_at: None,
            run: None,
        }
    }

    /// Bytes of output that are kept until they are recorded.
    pub(super) fn bytes(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.0.len())
    }

    /// Keeps so many bytes of its output from the beginning and from the end.
    pub(super) fn shorten(&mut self, kept: usize) {
        if let Some(output) = &mut self.output {
            *output = output.shortened(kept);
        }
    }

    /// What is recorded. The original is kept until that is acknowledged.
    pub(super) fn settlement(&self) -> Settlement {
        Settlement {
            claim: self.claim,
            outcome: self.outcome.clone(),
            output: self.output.clone(),
            ended_at: self.ended_at,
        }
    }

    /// The task, as one whose outcome is not in the file; `None` if it never ran here.
    pub(super) fn unrecorded(&self) -> Option<Unrecorded> {
        Some(Unrecorded {
            claim: self.claim,
            name: self.run.as_ref()?.name.clone(),
            outcome: Some(self.outcome.clone()),
            processes: Vec::new(),
        })
    }

    /// What the observer is told, once the task is in `state`, or the claim was lost.
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
    use super::{Cause, End, Outcome, outcome};

    #[test]
    fn a_command_that_ends_by_itself_is_taken_at_its_word() {
        assert_eq!(outcome(None, End::Exited(0)), Outcome::Succeeded);
        assert_eq!(outcome(None, End::Exited(3)), Outcome::Exited { code: 3 });
        assert_eq!(
            outcome(None, End::Signalled(9)),
            Outcome::Signalled { signal: 9 }
        );
    }

    #[test]
    fn a_command_that_was_told_to_end_did_not_succeed() {
        for cause in [Cause::Timeout, Cause::Cancel, Cause::Stop, Cause::Lost] {
            assert_ne!(outcome(Some(cause), End::Exited(0)), Outcome::Succeeded);
        }
        assert_eq!(
            outcome(Some(Cause::Timeout), End::Signalled(15)),
            Outcome::TimedOut
        );
        assert_eq!(
            outcome(Some(Cause::Stop), End::Signalled(15)),
            Outcome::Returned
        );
    }

    #[test]
    fn a_handler_is_settled_with_what_it_returned() {
        let end = End::Handler(Outcome::Succeeded);
        assert_eq!(outcome(Some(Cause::Timeout), end), Outcome::Succeeded);
    }
}
