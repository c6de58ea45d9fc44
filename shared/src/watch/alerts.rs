//! Alerts: readings of a queue, judged by the rules of its file.

use std::time::Duration;

use super::alert::step;
use super::machine;
use super::readings::{OldestTask, oldest};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::hook::HookStanding;
use crate::journal::{AttemptEnd, Rollup, Span};
use crate::queue::{Alert, AlertKind, AlertRule, Queue, QueueGauges};
use crate::state::State;

/// Time over which the rate of failures is read.
const RATE_MS: i64 = 10 * 60_000;

/// Attempts below which a rate of failures says nothing.
const FEW_ATTEMPTS: u64 = 10;

/// Age from which a task that no worker serves counts.
const UNSERVED: Duration = Duration::from_mins(1);

/// Judges every alert of a file, and stores what changes. Several processes may do it: one of them makes
/// each change. Returns the alerts as they are then.
///
/// # Errors
/// The errors of the queue.
pub fn judge_alerts<Q: Queue>(queue: &Q) -> Result<Vec<Alert>> {
    let alerts = queue.alerts()?;
    if alerts.is_empty() {
        return Ok(alerts);
    }
    let values = Values::read(queue, &alerts)?;
    let now = queue.now().wall;
    let mut has_changed = false;
    for alert in &alerts {
        let (next, change) = step(&alert.rule, alert.state, values.of(&alert.rule), now);
        if next != alert.state {
            has_changed = true;
            // If another process was faster, its change stands.
            queue.record_alert(alert, next, change)?;
        }
    }
    if has_changed {
        return queue.alerts();
    }
    Ok(alerts)
}

/// Readings that alerts are about, as far as some alert is.
struct Values {
    oldest: Vec<OldestTask>,
    queues: Vec<QueueGauges>,
    minutes: Vec<Rollup>,
    disk: Option<machine::Space>,
    hooks: Vec<HookStanding>,
}

impl Values {
    fn read<Q: Queue>(queue: &Q, alerts: &[Alert]) -> Result<Self> {
        let has = |kind| alerts.iter().any(|alert| alert.rule.kind == kind);
        let from = Timestamp(queue.now().wall.0.saturating_sub(RATE_MS));
        Ok(Self {
            oldest: if has(AlertKind::Unserved) || has(AlertKind::BacklogAge) {
                oldest(queue)?
            } else {
                Vec::new()
            },
            queues: if has(AlertKind::Queued) {
                queue.gauges()?.handler_queues
            } else {
                Vec::new()
            },
            minutes: if has(AlertKind::FailureRate) {
                queue.rollups(Span::Minute, from)?
            } else {
                Vec::new()
            },
            disk: machine::disk(queue.coordination().location().path()),
            hooks: if has(AlertKind::DeadLetters) {
                queue.hook_standings()?
            } else {
                Vec::new()
            },
        })
    }

    /// Reading for a rule; `None` if it could not be taken.
    fn of(&self, rule: &AlertRule) -> Option<i64> {
        let is_meant = |queue: &str| rule.queue.as_deref().is_none_or(|own| own == queue);
        let oldest = self.oldest.iter().filter(|one| is_meant(&one.queue));
        match rule.kind {
            AlertKind::Unserved => {
                let unserved = oldest.filter(|one| !one.is_served && one.age > UNSERVED);
                i64::try_from(unserved.count()).ok()
            }
            AlertKind::BacklogAge => {
                let age = oldest.map(|one| one.age).max().unwrap_or_default();
                i64::try_from(age.as_millis()).ok()
            }
            AlertKind::Queued => {
                let queues = self.queues.iter().filter(|one| is_meant(&one.name));
                let tasks: u64 = queues.map(|one| one.count(State::Queued)).sum();
                i64::try_from(tasks).ok()
            }
            AlertKind::FailureRate => {
                let (mut all, mut good) = (0_u64, 0_u64);
                for one in self.minutes.iter().filter(|one| is_meant(&one.queue)) {
                    all = all.saturating_add(one.sums.all_ended());
                    good = good.saturating_add(one.sums.ended(AttemptEnd::Succeeded));
                    good = good.saturating_add(one.sums.ended(AttemptEnd::Cancelled));
                }
                if all < FEW_ATTEMPTS {
                    return Some(0);
                }
                percent(all.saturating_sub(good), all)
            }
            AlertKind::DiskUsed => {
                let space = self.disk?;
                percent(space.total.saturating_sub(space.free), space.total)
            }
            AlertKind::DeadLetters => {
                let letters = self.hooks.iter().map(|hook| hook.dead_letters);
                i64::try_from(letters.fold(0, u64::saturating_add)).ok()
            }
        }
    }
}

fn percent(part: u64, all: u64) -> Option<i64> {
    let percent = (u128::from(part) * 100).checked_div(u128::from(all))?;
    i64::try_from(percent).ok()
}
