//! The verbs on schedules.

use std::collections::HashSet;
use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::journal::EventKind;
use queue_core::queue::{Enqueued, Queue as _, STEP};
use queue_core::task::TaskId;

use crate::plan::submission;
use crate::queue::WorkflowQueue;
use crate::schedule::firing::{FIRED, Firing, FiringResult, SKIPPED};
use crate::schedule::rows::ScheduleRows as _;
use crate::schedule::spec::{self, Spec};
use crate::schedule::{Backfill, NewSchedule, Overview, Schedule, action};
use crate::slice::Slice as _;
use crate::sqlite::schedules::{self as stored, SchedulePut, StoredSchedule, next_of};
use crate::sqlite::transaction::Writing;

/// Most slots that one transaction of a backfill enqueues.
const BACKFILL_STEP: usize = 500;

/// Most slots of a backfill.
pub const MOST_BACKFILLED: usize = 1_000_000;

/// The schedules of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Schedules<'q> {
    queue: &'q WorkflowQueue,
}

impl WorkflowQueue {
    /// The schedules of this queue.
    pub fn schedules(&self) -> Schedules<'_> {
        Schedules { queue: self }
    }
}

impl Schedules<'_> {
    /// Adds a schedule. It fires from its first slot after now.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is one of that name, and for one that never fires.
    pub fn add(&self, new: &NewSchedule) -> Result<Schedule> {
        let (new, row) = checked(new)?;
        self.write(move |writing| {
            if writing.slice.schedule(&new.name)?.is_some() {
                return Err(Error::invalid(format!(
                    "there is a schedule `{}` already; edit it, or add it with `--replace`",
                    new.name.escape_debug()
                )));
            }
            insert(writing, &new, &row)
        })
    }

    /// Adds a schedule, or gives the one of that name this specification and this task. One that has
    /// both already is left as it is, so that a program can say this at each of its starts. Returns
    /// true too if that changed anything.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a schedule that never fires.
    pub fn ensure(&self, new: &NewSchedule) -> Result<(Schedule, bool)> {
        let (new, row) = checked(new)?;
        self.write(move |writing| ensure(writing, &new, &row))
    }

    /// The same for many schedules, some hundred in a transaction. Returns true for each that was
    /// added or changed.
    ///
    /// # Errors
    /// As [`ensure`](Self::ensure); those of finished transactions stay added, and a repetition goes
    /// on with the rest.
    pub fn ensure_all(&self, schedules: &[NewSchedule]) -> Result<Vec<bool>> {
        let mut changed = Vec::with_capacity(schedules.len());
        for step in schedules.chunks(STEP) {
            let step: Vec<_> = step.iter().map(checked).collect::<Result<_>>()?;
            changed.extend(self.write(move |writing| {
                let each = step.iter();
                each.map(|(new, row)| Ok(ensure(writing, new, row)?.1))
                    .collect::<Result<Vec<bool>>>()
            })?);
        }
        Ok(changed)
    }

    /// Changes a schedule: `change` receives it as it was added, within the transaction. Its next slot
    /// is the first after now. A zone that this machine does not have is in it under its name, so that
    /// `change` can set another.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the error of `change`; [`Error::Invalid`] for a schedule that never fires,
    /// and for one whose zone this machine still does not have.
    pub fn edit(
        &self,
        name: &str,
        change: impl Fn(&mut NewSchedule) -> Result<()> + Send + 'static,
    ) -> Result<Schedule> {
        let name = name.to_owned();
        self.write(move |writing| {
            let old = found(writing, &name)?;
            let mut new = NewSchedule {
                name: name.clone(),
                spec: Spec::of_row_to_edit(&name, &old.spec)?,
                task: action::from_row(&old.action)?,
            };
            change(&mut new)?;
            new.spec.check_zone()?;
            new.name.clone_from(&name);
            action::check(&new.task)?;
            replace(writing, &old, &new)
        })
    }

    /// All schedules, by name.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn list(&self) -> Result<Vec<Schedule>> {
        let found = self.queue.read(stored::list)?;
        Ok(found.into_iter().map(Schedule::read).collect())
    }

    /// All schedules by name, each with its newest firing and its newest range of slots that did not
    /// fire.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn overview(&self) -> Result<Vec<Overview>> {
        self.queue.read(|connection| {
            let newest = |schedule, outcome| stored::newest(connection, schedule, outcome);
            let all = stored::list(connection)?.into_iter();
            all.map(|row| {
                Ok(Overview {
                    fired: newest(row.id, FIRED)?,
                    skipped: newest(row.id, SKIPPED)?,
                    schedule: Schedule::read(row),
                })
            })
            .collect()
        })
    }

    /// The schedule of that name, if there is one.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn get(&self, name: &str) -> Result<Option<Schedule>> {
        let found = self
            .queue
            .read(|connection| stored::get(connection, name))?;
        Ok(found.map(Schedule::read))
    }

    /// Up to `most` firings of a schedule before `before`, the newest first: slots that fired, and
    /// ranges that did not.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the errors of every reading method.
    pub fn firings(&self, name: &str, before: Timestamp, most: u32) -> Result<Vec<Firing>> {
        self.queue.read(|connection| {
            let schedule = stored::get(connection, name)?.ok_or_else(|| missing(name))?;
            stored::firings(connection, schedule.id, before, most)
        })
    }

    /// Up to `most` tasks of a schedule below `before`, the newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the errors of every reading method.
    pub fn tasks(&self, name: &str, before: TaskId, most: u32) -> Result<Vec<TaskId>> {
        self.queue.read(|connection| {
            let schedule = stored::get(connection, name)?.ok_or_else(|| missing(name))?;
            stored::tasks(connection, schedule.id, before, most)
        })
    }

    /// The schedule that enqueued a task, and the slot; no slot if somebody ran it by hand.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn of_task(&self, task: TaskId) -> Result<Option<(String, Option<Timestamp>)>> {
        self.queue
            .read(|connection| stored::of_task(connection, task))
    }

    /// Stops a schedule from firing (`true`), or lets it fire again from its first slot after now
    /// (`false`). Returns true if that changed anything.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn set_paused(&self, name: &str, paused: bool) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |writing| {
            let old = found(writing, &name)?;
            if old.paused_at.is_some() == paused {
                return Ok(false);
            }
            let now = writing.now().wall;
            let next = Spec::from_row(&name, &old.spec)
                .ok()
                .and_then(|spec| next_of(&name, &spec, now));
            writing.slice.put_schedule(
                old.id,
                &SchedulePut {
                    spec: &old.spec,
                    action: &old.action,
                    next,
                    floor: if paused { old.floor } else { now },
                    paused_at: paused.then_some(now),
                },
            )?;
            let kind = if paused {
                EventKind::SchedulePaused
            } else {
                EventKind::ScheduleResumed
            };
            note(writing, kind, &name)?;
            writing.effects.scheduled = true;
            Ok(true)
        })
    }

    /// Removes a schedule and its firings. Its tasks stay.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(move |writing| {
            let old = found(writing, &name)?;
            note(writing, EventKind::ScheduleRemoved, &name)?;
            writing.slice.remove_schedule(old.id)
        })
    }

    /// Enqueues the task of a schedule now, beside its slots.
    ///
    /// # Errors
    /// [`Error::NotFound`]; as [`enqueue_workflow`](WorkflowQueue::enqueue_workflow).
    pub fn run(&self, name: &str) -> Result<Enqueued> {
        let name = name.to_owned();
        self.write(move |writing| {
            let schedule = found(writing, &name)?;
            let spec = Spec::from_row(&name, &schedule.spec)?;
            let task = action::at_slot(&action::from_row(&schedule.action)?, &name, &spec, None);
            let enqueued = one(writing.enqueue(&submission(task, &[]))?)?;
            if !enqueued.existed {
                writing
                    .slice
                    .put_scheduled(enqueued.id, schedule.id, None)?;
                writing.slice.open_schedule(schedule.id, enqueued.id)?;
                writing.record_fired(enqueued.id, &name, None)?;
            }
            Ok(enqueued)
        })
    }

    /// The slots of a backfill that would fire. Changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a range that ends before it begins or after now, or
    /// has more than [`MOST_BACKFILLED`] slots.
    pub fn plan_backfill(&self, name: &str, backfill: &Backfill) -> Result<Vec<Timestamp>> {
        let now = self.queue.now().wall;
        if backfill.until > now || backfill.from > backfill.until {
            return Err(Error::invalid(
                "a backfill begins before it ends, and ends now at the latest",
            ));
        }
        self.queue.read(|connection| {
            let schedule = stored::get(connection, name)?.ok_or_else(|| missing(name))?;
            let spec = Spec::from_row(name, &schedule.spec)?;
            let range = (backfill.from, backfill.until);
            let fired: HashSet<Timestamp> = if backfill.again {
                HashSet::new()
            } else {
                let fired = stored::fired_between(connection, schedule.id, range)?;
                fired.into_iter().collect()
            };
            let mut slots = Vec::new();
            let mut after = Timestamp(backfill.from.0.saturating_sub(1));
            while let Some(slot) = spec
                .next_after(after)
                .filter(|slot| *slot <= backfill.until)
            {
                if !fired.contains(&slot) {
                    slots.push(slot);
                }
                if slots.len() > MOST_BACKFILLED {
                    return Err(Error::invalid(format!(
                        "the range has more than {MOST_BACKFILLED} slots; fill it in parts, the \
                         oldest first"
                    )));
                }
                after = slot;
            }
            Ok(slots)
        })
    }

    /// Enqueues the tasks of past slots, some hundred in a transaction; each waits for the end of the
    /// one that is `concurrency` slots before it. Their records say from then on that they fired; that
    /// of a slot that fired before keeps its first task.
    ///
    /// # Errors
    /// As [`plan_backfill`](Self::plan_backfill) and
    /// [`enqueue_workflow`](WorkflowQueue::enqueue_workflow). Slots of finished transactions stay
    /// enqueued, and a repetition goes on with the rest.
    pub fn backfill(&self, name: &str, backfill: &Backfill) -> Result<Vec<Enqueued>> {
        let slots = self.plan_backfill(name, backfill)?;
        let mut enqueued: Vec<Enqueued> = Vec::with_capacity(slots.len());
        let concurrency = usize::try_from(backfill.concurrency.get()).unwrap_or(usize::MAX);
        for slots in slots.chunks(BACKFILL_STEP) {
            let (name, slots, again) = (name.to_owned(), slots.to_vec(), backfill.again);
            let before: Vec<TaskId> = enqueued.iter().map(|one| one.id).collect();
            enqueued.extend(self.write(move |writing| {
                backfill_step(writing, &name, (&slots, again), (&before, concurrency))
            })?);
        }
        Ok(enqueued)
    }

    fn write<T: Send + 'static>(
        self,
        verb: impl FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue.write(verb)
    }
}

/// A checked schedule, with its specification and task as stored.
fn checked(new: &NewSchedule) -> Result<(Arc<NewSchedule>, (String, String))> {
    spec::check_name(&new.name)?;
    action::check(&new.task)?;
    let row = (new.spec.to_row()?, action::to_row(&new.task)?);
    Ok((Arc::new(new.clone()), row))
}

fn insert(
    writing: &mut Writing<'_>,
    new: &NewSchedule,
    (spec, action): &(String, String),
) -> Result<Schedule> {
    let next = next_slot(new, writing.now().wall)?;
    writing
        .slice
        .add_schedule(&new.name, (spec, action), Some(next))?;
    note(writing, EventKind::ScheduleAdded, &new.name)?;
    writing.effects.scheduled = true;
    Ok(Schedule::read(found(writing, &new.name)?))
}

/// Adds a schedule or changes that of its name, and returns true if that changed anything.
fn ensure(
    writing: &mut Writing<'_>,
    new: &NewSchedule,
    row: &(String, String),
) -> Result<(Schedule, bool)> {
    let Some(old) = writing.slice.schedule(&new.name)? else {
        return Ok((insert(writing, new, row)?, true));
    };
    // The interval goes on from its old anchor.
    let spec = match Spec::from_row(&old.name, &old.spec) {
        Ok(old) => new.spec.clone().anchored_as(&old),
        Err(_) => new.spec.clone(),
    };
    let text = spec.to_row()?;
    if text == old.spec && row.1 == old.action && old.trouble.is_none() {
        return Ok((Schedule::read(old), false));
    }
    let new = NewSchedule {
        spec,
        ..new.clone()
    };
    Ok((replace(writing, &old, &new)?, true))
}

/// Gives a schedule another specification and task.
fn replace(writing: &mut Writing<'_>, old: &StoredSchedule, new: &NewSchedule) -> Result<Schedule> {
    let now = writing.now().wall;
    let next = next_slot(new, now)?;
    writing.slice.put_schedule(
        old.id,
        &SchedulePut {
            spec: &new.spec.to_row()?,
            action: &action::to_row(&new.task)?,
            next: Some(next),
            floor: now,
            paused_at: old.paused_at,
        },
    )?;
    note(writing, EventKind::ScheduleEdited, &new.name)?;
    writing.effects.scheduled = true;
    Ok(Schedule::read(found(writing, &new.name)?))
}

/// Writes the event of a change of a schedule.
fn note(writing: &mut Writing<'_>, kind: EventKind, schedule: &str) -> Result<()> {
    let data = serde_json::json!({ "schedule": schedule });
    writing.slice.note(kind, &data)
}

/// The first slot after now, and its time.
fn next_slot(new: &NewSchedule, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    next_of(&new.name, &new.spec, now).ok_or_else(|| {
        Error::invalid(format!(
            "schedule `{}` never fires: its end is over before its next time",
            new.name
        ))
    })
}

fn found(writing: &Writing<'_>, name: &str) -> Result<StoredSchedule> {
    writing.slice.schedule(name)?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Error {
    let name = name.escape_debug();
    Error::not_found(format!(
        "there is no schedule `{name}`; `schedule list` names all"
    ))
}

fn one(enqueued: Vec<Enqueued>) -> Result<Enqueued> {
    enqueued.into_iter().next().ok_or_else(|| Error::Bug {
        what: "the task of a schedule was not enqueued".to_owned(),
    })
}

/// Enqueues some slots. The tasks of `before` were enqueued by earlier steps.
fn backfill_step(
    writing: &mut Writing<'_>,
    name: &str,
    (slots, again): (&[Timestamp], bool),
    (before, concurrency): (&[TaskId], usize),
) -> Result<Vec<Enqueued>> {
    let schedule = found(writing, name)?;
    let spec = Spec::from_row(name, &schedule.spec)?;
    let task = action::from_row(&schedule.action)?;
    let at = writing.now().wall;
    let mut ids = before.to_vec();
    let mut enqueued = Vec::with_capacity(slots.len());
    for slot in slots {
        if !again && writing.slice.has_fired(schedule.id, *slot)? {
            continue;
        }
        let after = ids.len().checked_sub(concurrency).map(|index| ids[index]);
        let task = action::at_slot(&task, name, &spec, Some(*slot));
        let one = one(writing.enqueue(&submission(task, after.as_slice()))?)?;
        if !one.existed {
            writing
                .slice
                .put_scheduled(one.id, schedule.id, Some(*slot))?;
            writing.slice.open_schedule(schedule.id, one.id)?;
            writing.record_fired(one.id, name, Some(*slot))?;
            writing
                .slice
                .clear_skipped(schedule.id, &spec, (*slot, *slot))?;
            let result = FiringResult::Fired(one.id);
            let firing = Firing {
                slot: *slot,
                until: *slot,
                at,
                result,
            };
            writing.slice.record_firing(schedule.id, &firing)?;
        }
        ids.push(one.id);
        enqueued.push(one);
    }
    Ok(enqueued)
}
