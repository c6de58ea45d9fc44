//! Readings for a judgement of health.

use std::collections::HashMap;
use std::time::Duration;

use super::machine::{self, Space};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::hook::HookStanding;
use crate::journal::Span;
use crate::queue::{Alert, ListQuery, Queue, WorkerInfo};
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::text::moment;

/// Most running tasks that are looked at.
const LOOKED_AT: usize = 256;

/// Time below which no run is too long.
const LONG_RUN: Duration = Duration::from_hours(1);

/// Readings of one moment.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Handler queues with queued tasks, except paused ones: the first 256.
    pub(super) backlogs: Vec<OldestTask>,
    /// Running tasks that take much longer than others of their queue; `None` without sums of those.
    pub(super) stuck: Option<Vec<StuckTask>>,
    /// Names of the alerts that fire; `None` without alerts.
    pub(super) firing: Option<Vec<String>>,
    /// Number of workers that live.
    pub(super) living: usize,
    /// Number of registered workers that are dead.
    pub(super) dead: usize,
    /// Number of claims whose lease has run out.
    pub(super) expired: usize,
    /// Space of the file's disk.
    pub(super) disk: Option<Space>,
    pub(super) memory: Option<Space>,
    /// Bytes of the write-ahead log.
    pub(super) log_bytes: u64,
    /// Time to sync 4 KiB beside the file.
    pub(super) sync: Option<Duration>,
    /// Hooks, by name.
    pub(super) hooks: Vec<HookReading>,
}

/// Lag of a hook.
#[derive(Clone, Debug)]
pub(super) struct HookReading {
    pub(super) name: String,
    pub(super) is_paused: bool,
    /// Age of the first event that it has not seen.
    pub(super) behind: Duration,
    pub(super) dead_letters: u64,
}

/// Oldest queued task of a handler queue.
#[derive(Clone, Debug)]
pub(super) struct OldestTask {
    pub(super) queue: String,
    pub(super) handler: String,
    pub(super) age: Duration,
    /// True if a living worker serves the handler queue.
    pub(super) is_served: bool,
}

/// Running task that takes long.
#[derive(Clone, Debug)]
pub(super) struct StuckTask {
    pub(super) id: TaskId,
    pub(super) elapsed: Duration,
    /// Time in which 99 of 100 runs of its queue end.
    pub(super) usual: Duration,
}

impl Readings {
    /// Takes readings of a queue and of the machine. Changes nothing: the file that is synced has no
    /// name.
    ///
    /// # Errors
    /// The errors of the queue. A reading of the machine that fails is left out.
    pub fn take<Q: Queue>(queue: &Q) -> Result<Self> {
        let registered = queue.workers()?.len();
        let living = queue.live_workers()?;
        let coordination = queue.coordination();
        let path = coordination.location().path();
        Ok(Self {
            backlogs: oldest_of(queue, &living)?,
            stuck: stuck(queue)?,
            firing: firing(queue)?,
            living: living.len(),
            dead: registered.saturating_sub(living.len()),
            expired: queue.expired()?.len(),
            disk: machine::disk(path),
            memory: machine::memory(),
            log_bytes: machine::log_bytes(path),
            sync: machine::sync(coordination.folder()),
            hooks: hooks(queue)?,
        })
    }
}

fn hooks<Q: Queue>(queue: &Q) -> Result<Vec<HookReading>> {
    let now = queue.now().wall;
    let reading = |hook: HookStanding| HookReading {
        behind: moment::away(hook.behind_since.unwrap_or(now), now),
        name: hook.name,
        is_paused: hook.paused_at.is_some(),
        dead_letters: hook.dead_letters,
    };
    Ok(queue.hook_standings()?.into_iter().map(reading).collect())
}

/// The oldest queued task of each handler queue, except paused ones.
pub(super) fn oldest<Q: Queue>(queue: &Q) -> Result<Vec<OldestTask>> {
    oldest_of(queue, &queue.live_workers()?)
}

fn oldest_of<Q: Queue>(queue: &Q, living: &[WorkerInfo]) -> Result<Vec<OldestTask>> {
    let now = queue.now().wall;
    let backlogs = queue.backlog()?.into_iter().map(|backlog| {
        let mut workers = living.iter();
        let age = u64::try_from(now.since(backlog.since)).unwrap_or(0);
        OldestTask {
            is_served: workers.any(|one| one.serves.covers(&backlog.queue, &backlog.handler)),
            age: Duration::from_millis(age),
            queue: backlog.queue,
            handler: backlog.handler,
        }
    });
    Ok(backlogs.collect())
}

/// Tasks among the running ones, of which the first 256 are looked at, that take over an hour and three
/// times as long as 99 of 100 runs of their queue.
fn stuck<Q: Queue>(queue: &Q) -> Result<Option<Vec<StuckTask>>> {
    if !queue.keeps_log() {
        return Ok(None);
    }
    let now = queue.now().wall;
    let query = ListQuery::new().states([State::Running]).limit(LOOKED_AT);
    let elapsed = |task: &Task| {
        let since = task.started_at.map_or(0, |since| now.since(since));
        Duration::from_millis(u64::try_from(since).unwrap_or(0))
    };
    let mut long = queue.list(&query)?;
    long.retain(|task| elapsed(task) > LONG_RUN);
    if long.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let sums = queue.rollups(Span::All, Timestamp(0))?;
    let usual: HashMap<&str, Duration> = sums
        .iter()
        .filter_map(|one| Some((one.queue.as_str(), one.sums.run.percentile(99)?)))
        .collect();
    let stuck = long.iter().filter_map(|task| {
        let usual = *usual.get(task.queue.as_str())?;
        let elapsed = elapsed(task);
        (elapsed > usual * 3).then_some(StuckTask {
            id: task.id,
            elapsed,
            usual,
        })
    });
    Ok(Some(stuck.collect()))
}

fn firing<Q: Queue>(queue: &Q) -> Result<Option<Vec<String>>> {
    let alerts = queue.alerts()?;
    if alerts.is_empty() {
        return Ok(None);
    }
    let firing = alerts.into_iter().filter(Alert::is_firing);
    Ok(Some(firing.map(|alert| alert.rule.name).collect()))
}
