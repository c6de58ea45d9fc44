//! Fire: enqueues the tasks of due schedules, and records the slots that do not fire. A slot, its record
//! and its task are one transaction, so that each fires once.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::journal::EventKind;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Condition;

use super::writing::Writing;
use crate::graph::{NewEdge, Node};
use crate::schedule::action;
use crate::schedule::firing::{Firing, FiringResult, SkipReason};
use crate::schedule::overlap::{Decision, Unfinished, decide};
use crate::schedule::policy::{Due, Position, due};
use crate::schedule::rows::{Advance, DueSchedule, ScheduleRows};
use crate::schedule::spec::Spec;
use crate::slice::{Slice, TaskChange};
use crate::submission::Submission;
use crate::workflow_task::WorkflowTask;

/// Number and age of the firings that are kept of each schedule.
const KEPT_FIRINGS: u32 = 10_000;
const KEPT_FOR: Duration = Duration::from_secs(90 * 86_400);
/// Number of firings between two looks for old ones.
const PRUNE_EVERY: u64 = 100;

/// A due schedule in a transaction.
struct Firings<'a> {
    schedule: &'a DueSchedule,
    spec: Spec,
    task: WorkflowTask,
    /// Its tasks that have not ended, oldest first.
    unfinished: Vec<Unfinished>,
    fired: u64,
}

impl<S: Slice + ScheduleRows> Writing<S> {
    /// Fires the schedules whose time has come; of very many, the first. Returns their number.
    pub(crate) fn fire(&mut self) -> Result<usize> {
        let schedules = self.slice.due_schedules()?;
        for schedule in &schedules {
            let read = Spec::from_row(&schedule.name, &schedule.spec)
                .and_then(|spec| Ok((spec, action::from_row(&schedule.action)?)));
            match read {
                Ok((spec, task)) => self.fire_one(schedule, spec, task)?,
                Err(error) => {
                    let why = error.to_string();
                    let data = serde_json::json!({ "schedule": schedule.name, "why": why });
                    self.slice.note(EventKind::ScheduleSetAside, &data)?;
                    self.slice.set_schedule_aside(schedule.id, &why)?;
                }
            }
        }
        Ok(schedules.len())
    }

    fn fire_one(&mut self, schedule: &DueSchedule, spec: Spec, task: WorkflowTask) -> Result<()> {
        let now = self.now().wall;
        let jitter = spec.jitter(&schedule.name);
        let position = Position {
            next: schedule.next,
            floor: schedule.floor,
            jitter,
        };
        let Due { fire, missed, next } = due(&spec, position, now);
        if let Some((first, last)) = missed {
            let fired = self.slice.fired_between(schedule.id, first, last)?;
            for range in between(&spec, (first, last), &fired) {
                let result = FiringResult::Skipped(SkipReason::Missed);
                self.record(schedule, &spec, range, result)?;
            }
        }
        let last_slot = fire.last().copied().or(missed.map(|(_, until)| until));
        let mut firings = Firings {
            schedule,
            spec,
            task,
            unfinished: self.slice.unfinished(schedule.id, schedule.open_from)?,
            fired: 0,
        };
        for slot in fire {
            if !self.slice.has_fired(schedule.id, slot)? {
                let result = self.fire_slot(&mut firings, slot)?;
                self.record(schedule, &firings.spec, (slot, slot), result)?;
            }
        }
        let open = firings.unfinished.first().map(|one| one.task);
        let advance = Advance {
            next: next.map(|next| (next, next.after(jitter))),
            last_slot,
            fired: firings.fired,
            open_from: open.unwrap_or(schedule.open_from),
        };
        self.slice.advance(schedule.id, &advance)?;
        let (before, after) = (schedule.fired, schedule.fired + firings.fired);
        if before / PRUNE_EVERY != after / PRUNE_EVERY {
            let oldest = Timestamp(now.0.saturating_sub_unsigned(KEPT_FOR.as_secs() * 1_000));
            self.slice
                .prune_firings(schedule.id, KEPT_FIRINGS, oldest)?;
        }
        Ok(())
    }

    /// Fires a slot, unless its predecessors forbid it.
    fn fire_slot(&mut self, firings: &mut Firings<'_>, slot: Timestamp) -> Result<FiringResult> {
        let rule = firings.spec.rules().overlap;
        let after = match decide(rule, &firings.unfinished) {
            Decision::Skip(task) => {
                return Ok(FiringResult::Skipped(SkipReason::Overlap(task)));
            }
            Decision::Fire { after, cancel } => {
                if !cancel.is_empty() {
                    let why = format!("replaced by a later run of {}", firings.schedule.name);
                    let changes = self.cancel(&cancel, Some(&why))?;
                    let asked = changes.iter().filter_map(queue_core::queue::Change::asked);
                    self.effects.asked.extend(asked);
                    firings.unfinished.retain(|one| after.contains(&one.task));
                }
                after
            }
        };
        let task = action::at_slot(
            &firings.task,
            &firings.schedule.name,
            &firings.spec,
            Some(slot),
        );
        let (enqueued, pending) = (self.enqueue(&submission(task, &after)), !after.is_empty());
        let enqueued = match enqueued {
            Ok(enqueued) => enqueued,
            Err(Error::Invalid { .. }) => {
                return Ok(FiringResult::Skipped(SkipReason::Refused));
            }
            Err(error) => return Err(error),
        };
        let Some(enqueued) = enqueued.first() else {
            return Ok(FiringResult::Skipped(SkipReason::Refused));
        };
        if enqueued.existed {
            return Ok(FiringResult::Skipped(SkipReason::KeyTaken(enqueued.id)));
        }
        self.slice
            .put_scheduled(enqueued.id, firings.schedule.id, Some(slot))?;
        firings.fired += 1;
        firings.unfinished.push(Unfinished {
            task: enqueued.id,
            state: if pending {
                State::Blocked
            } else {
                State::Queued
            },
            has_started: false,
        });
        Ok(FiringResult::Fired(enqueued.id))
    }

    /// Records slots at this transaction's time, in place of earlier records that they did not fire:
    /// those of a clock that was ahead.
    fn record(
        &mut self,
        schedule: &DueSchedule,
        spec: &Spec,
        (slot, until): (Timestamp, Timestamp),
        result: FiringResult,
    ) -> Result<()> {
        let at = self.now().wall;
        match result {
            FiringResult::Fired(task) => self.record_fired(task, &schedule.name, Some(slot))?,
            FiringResult::Skipped(reason) => {
                let data = serde_json::json!({
                    "schedule": schedule.name,
                    "from": slot.0,
                    "until": until.0,
                    "reason": reason.as_str(),
                });
                self.slice.note(EventKind::ScheduleSkipped, &data)?;
            }
        }
        self.slice.clear_skipped(schedule.id, spec, (slot, until))?;
        let firing = Firing {
            slot,
            until,
            at,
            result,
        };
        self.slice.record_firing(schedule.id, &firing)
    }
}

impl<S: Slice> Writing<S> {
    /// Records the schedule that has just enqueued a task, and the slot; no slot if somebody ran it by
    /// hand.
    pub(crate) fn record_fired(
        &mut self,
        task: TaskId,
        schedule: &str,
        slot: Option<Timestamp>,
    ) -> Result<()> {
        let slot = slot.map(|slot| slot.0);
        let data = serde_json::json!({ "schedule": schedule, "slot": slot });
        let fired = TaskChange::new(EventKind::ScheduleFired, task).data(&data);
        self.slice.record(&fired)
    }
}

/// The ranges of slots from `first` to `last` without those that fired, which are in order.
fn between(
    spec: &Spec,
    (first, last): (Timestamp, Timestamp),
    fired: &[Timestamp],
) -> Vec<(Timestamp, Timestamp)> {
    let mut ranges = Vec::with_capacity(fired.len() + 1);
    let mut next = Some(first);
    for slot in fired {
        let before = next.and_then(|next| spec.last_until(Timestamp(slot.0 - 1), next));
        ranges.extend(next.zip(before));
        next = spec.next_after(*slot);
    }
    ranges.extend(next.filter(|next| *next <= last).map(|next| (next, last)));
    ranges
}

/// A task that waits for the ends of others.
pub(crate) fn submission(task: WorkflowTask, after: &[TaskId]) -> Submission {
    let edges = after.iter().map(|on| NewEdge {
        dependent: 0,
        on: Node::Stored(*on),
        condition: Condition::Any,
    });
    Submission {
        edges: edges.collect(),
        tasks: vec![task],
        ..Submission::default()
    }
}
