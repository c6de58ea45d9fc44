//! Readings for a judgement of health.

use std::time::Duration;

use super::machine::{self, Space};
use crate::error::Result;
use crate::hook::HookStanding;
use crate::queue::Queue;
use crate::text::moment;

/// Readings of one moment.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// Handler queues with queued tasks, except paused ones: the first 256.
    pub(super) backlogs: Vec<OldestTask>,
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

impl Readings {
    /// Takes readings of a queue and of the machine. Changes nothing: the file that is synced has no
    /// name.
    ///
    /// # Errors
    /// The errors of the queue. A reading of the machine that fails is left out.
    pub fn take<Q: Queue>(queue: &Q) -> Result<Self> {
        let backlogs = queue.backlog()?;
        let registered = queue.workers()?.len();
        let living = queue.live_workers()?;
        let now = queue.now().wall;
        let backlogs = backlogs.into_iter().map(|backlog| {
            let mut workers = living.iter();
            let age = u64::try_from(now.since(backlog.since)).unwrap_or(0);
            OldestTask {
                is_served: workers.any(|one| one.serves.covers(&backlog.queue, &backlog.handler)),
                age: Duration::from_millis(age),
                queue: backlog.queue,
                handler: backlog.handler,
            }
        });
        let coordination = queue.coordination();
        let path = coordination.location().path();
        Ok(Self {
            backlogs: backlogs.collect(),
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
        is_paused: hook.is_paused,
        dead_letters: hook.dead_letters,
    };
    Ok(queue.hook_standings()?.into_iter().map(reading).collect())
}
