//! Readings that monitors take of a file: `status`, `health`, `metrics`, `top`, the alerts and the
//! dashboard.

use super::alert::{Alert, AlertChange, AlertState};
use super::backlog::Backlog;
use super::gauges::Gauges;
use super::schedule_standing::ScheduleStanding;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::hook::HookStanding;
use crate::journal::{Rollup, Span};

/// Readings that monitors take, and the steps that keep them. An engine without some of them answers as
/// for a file without.
pub trait Monitored {
    /// Handler queues with queued tasks, except paused ones: the first 256. Its cost depends on their
    /// number alone, not on that of their tasks.
    fn backlog(&self) -> Result<Vec<Backlog>>;

    /// Numbers of tasks by handler queue and state, counted up to a bound (see
    /// [`gauges`](super::gauges)), and of running tasks by limit. Takes some milliseconds, however many
    /// tasks there are.
    fn gauges(&self) -> Result<Gauges>;

    /// Adds new tasks and events to the sums of their queues, which [`rollups`](Self::rollups) reads: at
    /// most `steps` times 10,000 of each. Returns true if nothing was left. Any number of processes may
    /// do it: each task and event is added once.
    fn fold(&self, steps: usize) -> Result<bool> {
        let _ = steps;
        Ok(true)
    }

    /// Sums of the queues in the spans that begin at `from` or later, by time, as far as somebody folded
    /// them. Those of all time begin at 0. Empty without a log.
    fn rollups(&self, span: Span, from: Timestamp) -> Result<Vec<Rollup>> {
        let _ = (span, from);
        Ok(Vec::new())
    }

    /// Alerts of the file, by name; none for an engine without.
    fn alerts(&self) -> Result<Vec<Alert>> {
        Ok(Vec::new())
    }

    /// Stores the next state of an alert, and its change as an event. Returns false if somebody else has
    /// changed the alert since it was read: nothing is stored then.
    fn record_alert(
        &self,
        alert: &Alert,
        next: AlertState,
        change: Option<AlertChange>,
    ) -> Result<bool> {
        let _ = (alert, next, change);
        Ok(false)
    }

    /// The next firing of the schedules, and those that are set aside.
    fn schedule_standing(&self) -> Result<ScheduleStanding> {
        Ok(ScheduleStanding::default())
    }

    /// The standing of every hook, by name.
    fn hook_standings(&self) -> Result<Vec<HookStanding>> {
        Ok(Vec::new())
    }
}
