//! Readings of a file, bounded however many tasks there are.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::overview;
use super::super::program::Context;
use super::rates::{QueueTotals, Rates, Totals};
use crate::clock::{Now, Timestamp};
use crate::error::Result;
use crate::journal::{Rollup, Span};
use crate::queue::gauges::sum;
use crate::queue::{Alert, Queue, QueueGauges};
use crate::state::State;
use crate::task::Task;

/// Most failed tasks.
const MOST_FAILED: usize = 20;

/// Most queues.
const MOST_QUEUES: usize = 200;

/// Most steps of a fold for each reading.
const MOST_STEPS: usize = 4;

/// Time in milliseconds over which the rates of a single reading are formed, besides the minute that
/// has begun.
const RECENT_MS: i64 = 5 * 60_000;

/// True if tasks of the queue wait or run.
fn is_busy(queue: &QueueGauges) -> bool {
    State::LIVE.iter().any(|state| queue.count(*state) > 0)
}

/// A file at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) now: Now,
    /// Queues, those with waiting or running tasks first; of a filter, its queue alone.
    pub(super) queues: Vec<QueueGauges>,
    /// Number of their tasks by state, and true if there may be more.
    pub(super) counts: Vec<(State, u64, bool)>,
    /// Number of their held tasks, which are among the blocked ones.
    pub(super) held: u64,
    /// Running tasks, the oldest first, and the worker of each.
    pub(super) running: Vec<(Task, String)>,
    /// Failed tasks, the last first.
    pub(super) failed: Vec<Task>,
    /// Living workers and their slots.
    pub(super) workers: u64,
    pub(super) slots: u64,
    /// Names of firing alerts.
    pub(super) alerts: Vec<String>,
    pub(super) totals: Totals,
    /// True if queues have rates of their own.
    pub(super) has_queue_rates: bool,
}

impl Reading {
    /// Reads the file, or the rows of one of its queues, and folds new events if `folds`.
    ///
    /// # Errors
    /// As the engine.
    pub(super) fn read<Q: Queue>(queue: &Q, folds: bool, only: Option<&str>) -> Result<Self> {
        let now = queue.now();
        let mut queues = queue.gauges()?.queues();
        queues.sort_by_key(|queue| !is_busy(queue));
        let living = queue.live_workers()?;
        let known = queue.workers()?;
        let alerts = queue.alerts()?.into_iter().filter(Alert::is_firing);
        let mut reading = Self {
            now,
            queues,
            running: overview::running(queue, only, (&living, &known))?,
            failed: queue.last_failed(MOST_FAILED, only)?,
            workers: u64::try_from(living.len()).unwrap_or(u64::MAX),
            slots: living.iter().map(|worker| u64::from(worker.slots)).sum(),
            alerts: alerts.map(|alert| alert.rule.name).collect(),
            has_queue_rates: folds && queue.keeps_log(),
            ..Self::default()
        };
        reading.count_tasks();
        reading.totals = reading.counted(queue.last_id()?.map_or(0, |id| id.0));
        if reading.has_queue_rates {
            reading.totals.take(folded(queue)?);
        }
        if let Some(only) = only {
            reading.queues.retain(|queue| queue.name == only);
            reading.count_tasks();
        }
        reading.queues.truncate(MOST_QUEUES);
        Ok(reading)
    }

    /// Number of tasks in that state, and true if there may be more.
    pub(super) fn count(&self, state: State) -> (u64, bool) {
        let mut counts = self.counts.iter();
        let found = counts.find(|(one, ..)| *one == state);
        found.map_or((0, false), |(_, count, is_bound)| (*count, *is_bound))
    }

    /// Counts the tasks of the queues.
    pub(super) fn count_tasks(&mut self) {
        let count = |state| {
            let (count, is_bound) = sum(&self.queues, state);
            (state, count, is_bound)
        };
        self.counts = QueueGauges::COUNTED.map(count).into();
        let held = self.queues.iter().map(|queue| queue.held);
        self.held = held.fold(0, u64::saturating_add);
    }

    /// Totals from the last id and the tasks that have not ended, if these are counted whole.
    fn counted(&self, last_id: i64) -> Totals {
        let mut live = 0_i64;
        let mut is_whole = true;
        for (count, is_bound) in State::LIVE.map(|state| self.count(state)) {
            live = live.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
            is_whole &= !is_bound;
        }
        Totals {
            enqueued: last_id,
            ended: is_whole.then(|| last_id.saturating_sub(live)),
            queues: None,
        }
    }
}

/// Totals of each queue by the sums of the log, after folding; `None` while much is left to fold.
fn folded<Q: Queue>(queue: &Q) -> Result<Option<BTreeMap<String, QueueTotals>>> {
    // A full disk, or a program that holds the file, takes the rates alone.
    if !queue.fold(MOST_STEPS).unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(by_queue(queue.rollups(Span::All, Timestamp(0))?)))
}

fn by_queue(rollups: Vec<Rollup>) -> BTreeMap<String, QueueTotals> {
    let mut queues: BTreeMap<String, QueueTotals> = BTreeMap::new();
    for one in rollups {
        queues.entry(one.queue).or_default().add(&one.sums);
    }
    queues
}

/// Rates of the last five minutes, by sums to which everything was added.
///
/// # Errors
/// As the engine.
pub(super) fn recent<Q: Queue>(queue: &Q) -> Result<Rates> {
    let now = queue.now().wall;
    let from = Span::Minute.start(Timestamp(now.0.saturating_sub(RECENT_MS)));
    let queues = by_queue(queue.rollups(Span::Minute, from)?);
    Ok(Rates::over(now.since(from), queues))
}

impl Totals {
    /// Takes the totals of the queues in place of those that were counted.
    fn take(&mut self, queues: Option<BTreeMap<String, QueueTotals>>) {
        let ended = queues.as_ref().map(|queues| {
            let ended = queues.values().map(|one| one.ended);
            ended.fold(0, i64::saturating_add)
        });
        self.ended = ended;
        self.queues = queues.map(Rc::new);
    }
}

/// Text above the rows: the program, its file, the time.
#[derive(Clone, Debug, Default)]
pub(super) struct Caption {
    pub(super) program: &'static str,
    pub(super) file: String,
    pub(super) clock: String,
}

impl Caption {
    pub(super) fn new<Q: Queue>(context: &Context<Q>) -> Self {
        let file = context.path().file_name().unwrap_or_default();
        Self {
            program: context.program.name,
            file: file.to_string_lossy().into_owned(),
            clock: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reading;
    use crate::queue::QueueGauges;
    use crate::queue::gauges::MOST_QUEUED;
    use crate::state::State;

    #[test]
    fn ends_are_known_unless_a_count_reached_its_bound() {
        let mut gauges = QueueGauges::new("mail", false);
        gauges.add(State::Queued, 30);
        gauges.add(State::Running, 2);
        gauges.add(State::Failed, 9);
        let mut reading = Reading {
            queues: vec![gauges],
            ..Reading::default()
        };
        reading.count_tasks();
        assert_eq!(reading.counted(100).ended, Some(68));
        reading.queues[0].add(State::Queued, MOST_QUEUED);
        reading.count_tasks();
        let totals = reading.counted(100);
        assert_eq!((totals.enqueued, totals.ended), (100, None));
    }
}
