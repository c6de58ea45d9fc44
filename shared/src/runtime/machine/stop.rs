//! Stop of a worker: tasks may finish first, then are ended, and outcomes are recorded.

use std::time::Duration;

use super::super::execution::{Execution, Finished};
use super::super::protocol::{Action, Halt, WorkerEvent};
use super::super::stop_reason::StopReason;
use super::{Machine, Stop};
use crate::clock::{BootTime, Now};
use crate::error::Error;

/// Longest time for which a worker that was told to end at once tries to record outcomes.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// Least such time, however short the grace time is.
const LEAST_WRITES: Duration = Duration::from_secs(1);

impl Machine {
    pub(super) fn stop(&mut self, now: Now) {
        self.stop = match self.stop {
            Stop::No => {
                self.set_idle(false);
                // Passes on a wake that this worker has taken and will not act on.
                self.actions.push(Action::WakeAnother);
                let until = now
                    .boot
                    .after(self.config.grace.saturating_sub(self.last_grace()));
                Stop::Finishing { until }
            }
            Stop::Finishing { .. } | Stop::Ending { .. } => {
                self.end_all(now);
                self.stop
            }
        };
        self.actions.push(Action::Report(WorkerEvent::Stopping {
            running: self.running.len(),
            at_once: !matches!(self.stop, Stop::Finishing { .. }),
        }));
    }

    /// Part of the grace time between TERM and KILL when the worker stops.
    pub(super) fn last_grace(&self) -> Duration {
        (self.config.grace / 2).min(Duration::from_secs(2))
    }

    pub(super) fn end_what_is_overdue(&mut self, now: Now) {
        if let Stop::Finishing { until } = self.stop
            && until <= now.boot
        {
            let kill_at = now.boot.after(self.last_grace());
            let give_up = kill_at.after(self.last_writes());
            self.stop = Stop::Ending { give_up };
            for execution in self.running.iter_mut() {
                self.actions
                    .extend(execution.terminate(StopReason::Shutdown, now, kill_at));
            }
        }
        let kill_at = now.boot.after(self.config.grace);
        for execution in self.running.iter_mut() {
            self.actions.extend(execution.overdue(now, kill_at));
        }
    }

    /// Extends the time for the last writes, so that every outcome is tried at least once.
    pub(super) fn extend_give_up(&mut self, now: Now) {
        let later = now.boot.after(self.last_writes());
        if let Stop::Ending { give_up } = &mut self.stop {
            *give_up = later.max(*give_up);
        }
    }

    /// Time in which the outcomes of ended tasks are to be recorded.
    pub(super) fn last_writes(&self) -> Duration {
        self.config
            .grace
            .saturating_add(LEAST_WRITES)
            .min(LAST_WRITES)
    }

    /// Time from which an execution is left behind by this worker.
    pub(super) fn left_at(&self, run: &Execution) -> Option<BootTime> {
        run.left_at(self.last_grace()).filter(|_| self.is_ending())
    }

    pub(super) fn gives_up(&self, now: Now) -> bool {
        matches!(self.stop, Stop::Ending { give_up } if give_up <= now.boot)
    }

    pub(super) fn finished(&mut self, now: Now) -> bool {
        let gives_up = self.gives_up(now);
        // A handler that does not end is left behind, with its claim.
        let is_left = |run: &Execution| self.left_at(run).is_some_and(|at| at <= now.boot);
        let mut running = self.running.iter();
        if running.any(|run| !(is_left(run) || gives_up)) {
            return false;
        }
        let ended = self.running.iter().all(Execution::is_handler);
        if gives_up && !(self.unsettled.is_empty() && ended) {
            self.unusable = true;
            self.error = self.error.take().or(self.refusal.take());
        }
        let ends = self.is_stopping() || (self.config.drain && self.nothing_left);
        self.unusable || (ends && self.unsettled.is_empty() && !self.want_review)
    }

    /// True if an end that is not recorded yet may stop the worker: until it is recorded, nothing
    /// more is to start.
    pub(super) fn may_halt(&self) -> bool {
        self.config.halt.is_some() && !self.unsettled.iter().all(Finished::has_succeeded)
    }

    /// Stops the worker, if it is to stop when a task has failed.
    pub(super) fn halt(&mut self, now: Now) {
        let Some(halt) = self.config.halt.filter(|_| !self.is_stopping()) else {
            return;
        };
        self.stop(now);
        let until = match halt {
            Halt::Soon => now.boot.after(Duration::MAX),
            Halt::Now => now.boot,
        };
        self.stop = Stop::Finishing { until };
    }

    /// Stops the worker as a request would, for an error that does not concern running tasks.
    pub(super) fn stop_for(&mut self, now: Now, error: Error) {
        self.error.get_or_insert(error);
        if !self.is_stopping() {
            self.stop(now);
        }
    }

    /// Kills all executions. Outcomes are recorded as far as possible for a while.
    pub(super) fn end_all(&mut self, now: Now) {
        self.set_idle(false);
        for execution in self.running.iter_mut() {
            self.actions
                .extend(execution.kill(StopReason::Shutdown, now));
        }
        let give_up = now.boot.after(self.last_writes());
        self.stop = Stop::Ending { give_up };
    }
}
