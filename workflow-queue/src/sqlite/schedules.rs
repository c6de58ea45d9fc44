//! Schedules: their rows and those of their firings.

use queue_core::clock::{SMALL_STEP_MS, Timestamp};
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::ScheduleStanding;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::statements::{
    FIRING_BETWEEN, FIRING_CUT, FIRING_DELETE, FIRING_FORGET_AHEAD, FIRING_LIST, FIRING_NEWEST,
    FIRING_OF_SLOT, FIRING_OLDEST_KEPT, FIRING_PRUNE, FIRING_PUT, FIRING_REMOVE, FIRING_SKIPPED,
    SCHEDULE_ADD, SCHEDULE_ADVANCE, SCHEDULE_AHEAD, SCHEDULE_ASIDE, SCHEDULE_DUE, SCHEDULE_FLOOR,
    SCHEDULE_GET, SCHEDULE_LIST, SCHEDULE_NEW_ID, SCHEDULE_NEXT, SCHEDULE_OPEN, SCHEDULE_PUT,
    SCHEDULE_REMOVE, SCHEDULE_REOPEN, SCHEDULE_SET_ASIDE, SCHEDULE_SET_BACK, SCHEDULE_TASK,
    SCHEDULE_TASK_DELETE, SCHEDULE_TASK_GET, SCHEDULE_TASKS, SCHEDULE_UNFINISHED,
};
use super::transaction::SqliteSlice;
use crate::schedule::firing::{Firing, FiringResult};
use crate::schedule::overlap::Unfinished;
use crate::schedule::rows::{Advance, DueSchedule, ScheduleRows};
use crate::schedule::spec::Spec;
use crate::slice::Slice as _;

/// A schedule's row.
#[derive(Clone, Debug)]
pub(crate) struct StoredSchedule {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) spec: String,
    pub(crate) action: String,
    pub(crate) revision: i64,
    pub(crate) added_at: Timestamp,
    pub(crate) next_slot: Option<Timestamp>,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) last_slot: Option<Timestamp>,
    pub(crate) floor: Timestamp,
    pub(crate) paused_at: Option<Timestamp>,
    pub(crate) trouble: Option<String>,
    pub(crate) fired: u64,
}

/// The columns that an edit, a pause and a resume set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchedulePut<'a> {
    pub(crate) spec: &'a str,
    pub(crate) action: &'a str,
    pub(crate) next: Option<(Timestamp, Timestamp)>,
    pub(crate) floor: Timestamp,
    pub(crate) paused_at: Option<Timestamp>,
}

impl ScheduleRows for SqliteSlice<'_> {
    fn due_schedules(&mut self) -> Result<Vec<DueSchedule>> {
        rows::all(self.connection, SCHEDULE_DUE, [self.now.wall.0], |row| {
            Ok(DueSchedule {
                id: row.get(0)?,
                name: row.get(1)?,
                spec: row.get(2)?,
                action: row.get(3)?,
                next: Timestamp(row.get(4)?),
                floor: Timestamp(row.get(5)?),
                fired: count(row.get(6)?),
                open_from: TaskId(row.get(7)?),
            })
        })
    }

    fn unfinished(&mut self, schedule: i64, from: TaskId) -> Result<Vec<Unfinished>> {
        rows::all(
            self.connection,
            SCHEDULE_UNFINISHED,
            (schedule, from.0),
            |row| {
                Ok(Unfinished {
                    task: TaskId(row.get(0)?),
                    state: rows::state(row.get(1)?)?,
                    has_started: row.get::<_, i64>(2)? > 0,
                })
            },
        )
    }

    fn has_fired(&mut self, schedule: i64, slot: Timestamp) -> Result<bool> {
        let mut query = self.connection.prepare_cached(FIRING_OF_SLOT)?;
        Ok(query.exists((schedule, slot.0))?)
    }

    fn fired_between(
        &mut self,
        schedule: i64,
        first: Timestamp,
        last: Timestamp,
    ) -> Result<Vec<Timestamp>> {
        fired_between(self.connection, schedule, (first, last))
    }

    fn clear_skipped(
        &mut self,
        schedule: i64,
        spec: &Spec,
        (first, last): (Timestamp, Timestamp),
    ) -> Result<()> {
        let meets = (schedule, first.0, last.0);
        let ranges = rows::all(self.connection, FIRING_SKIPPED, meets, |row| {
            let times: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            let rest: (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
            Ok((times, rest))
        })?;
        for ([slot, until, at], (reason, task)) in ranges {
            let mut delete = self.connection.prepare_cached(FIRING_DELETE)?;
            delete.execute((schedule, slot))?;
            let before = spec.last_until(Timestamp(first.0 - 1), Timestamp(slot));
            let after = spec.next_after(last).filter(|after| after.0 <= until);
            let left = before.map(|before| (slot, before.0));
            let right = after.map(|after| (after.0, until));
            for (slot, until) in left.into_iter().chain(right) {
                let mut insert = self.connection.prepare_cached(FIRING_PUT)?;
                insert.execute(params![schedule, slot, until, at, 1, reason, task])?;
            }
        }
        Ok(())
    }

    fn record_firing(&mut self, schedule: i64, firing: &Firing) -> Result<()> {
        let (outcome, reason, task) = firing.result.to_row();
        self.connection.prepare_cached(FIRING_PUT)?.execute((
            schedule,
            firing.slot.0,
            firing.until.0,
            firing.at.0,
            outcome,
            reason,
            task,
        ))?;
        Ok(())
    }

    fn put_scheduled(
        &mut self,
        task: TaskId,
        schedule: i64,
        slot: Option<Timestamp>,
    ) -> Result<()> {
        let mut insert = self.connection.prepare_cached(SCHEDULE_TASK)?;
        insert.execute((task.0, schedule, slot.map(|slot| slot.0)))?;
        Ok(())
    }

    fn advance(&mut self, schedule: i64, to: &Advance) -> Result<()> {
        self.connection.prepare_cached(SCHEDULE_ADVANCE)?.execute((
            schedule,
            to.next.map(|(slot, _)| slot.0),
            to.next.map(|(_, at)| at.0),
            to.last_slot.map(|slot| slot.0),
            i64::try_from(to.fired).unwrap_or(i64::MAX),
            to.open_from.0,
        ))?;
        Ok(())
    }

    fn set_schedule_aside(&mut self, schedule: i64, why: &str) -> Result<()> {
        let mut update = self.connection.prepare_cached(SCHEDULE_ASIDE)?;
        update.execute((schedule, why))?;
        Ok(())
    }

    fn prune_firings(&mut self, schedule: i64, most: u32, before: Timestamp) -> Result<()> {
        let mut query = self.connection.prepare_cached(FIRING_OLDEST_KEPT)?;
        let kept = query.query_row((schedule, most), |row| row.get(0));
        let kept = kept.optional()?.map_or(before, Timestamp);
        let first = (schedule, kept.max(before).0);
        let gone = rows::all(self.connection, FIRING_PRUNE, first, |row| {
            Ok(row.get::<_, i64>(0)?)
        })?;
        if let Some(floor) = gone.into_iter().max() {
            let mut update = self.connection.prepare_cached(SCHEDULE_FLOOR)?;
            update.execute((schedule, floor))?;
        }
        Ok(())
    }
}

impl SqliteSlice<'_> {
    /// The schedule of that name.
    pub(crate) fn schedule(&self, name: &str) -> Result<Option<StoredSchedule>> {
        get(self.connection, name)
    }

    /// Inserts a schedule.
    pub(crate) fn add_schedule(
        &self,
        name: &str,
        (spec, action): (&str, &str),
        next: Option<(Timestamp, Timestamp)>,
    ) -> Result<()> {
        let mut id = self.connection.prepare_cached(SCHEDULE_NEW_ID)?;
        let id: i64 = id.query_row([], |row| row.get(0))?;
        self.connection.prepare_cached(SCHEDULE_ADD)?.execute((
            id,
            name,
            spec,
            action,
            self.now.wall.0,
            next.map(|(slot, _)| slot.0),
            next.map(|(_, at)| at.0),
        ))?;
        Ok(())
    }

    /// Sets the columns of an edit.
    pub(crate) fn put_schedule(&self, schedule: i64, put: &SchedulePut<'_>) -> Result<()> {
        self.connection.prepare_cached(SCHEDULE_PUT)?.execute((
            schedule,
            put.spec,
            put.action,
            put.next.map(|(slot, _)| slot.0),
            put.next.map(|(_, at)| at.0),
            put.floor.0,
            put.paused_at.map(|at| at.0),
        ))?;
        Ok(())
    }

    /// Removes a schedule and its firings. Its tasks stay.
    pub(crate) fn remove_schedule(&self, schedule: i64) -> Result<()> {
        for statement in [FIRING_REMOVE, SCHEDULE_REMOVE] {
            self.connection
                .prepare_cached(statement)?
                .execute([schedule])?;
        }
        Ok(())
    }

    /// Counts a task among those of its schedule that may not have ended.
    pub(crate) fn open_schedule(&self, schedule: i64, task: TaskId) -> Result<()> {
        let mut update = self.connection.prepare_cached(SCHEDULE_OPEN)?;
        update.execute((schedule, task.0))?;
        Ok(())
    }

    /// The same for a task that is open again, if a schedule enqueued it.
    pub(super) fn reopen_scheduled(&self, task: TaskId) -> Result<()> {
        self.connection
            .prepare_cached(SCHEDULE_REOPEN)?
            .execute([task.0])?;
        Ok(())
    }

    /// Moves schedules back that a clock far ahead had moved into the future. What fired stays, so that
    /// it does not fire again.
    pub(super) fn set_schedules_back(&mut self) -> Result<()> {
        let now = self.now.wall;
        let ahead = rows::all(self.connection, SCHEDULE_AHEAD, [now.0], |row| {
            let (id, name, spec): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let next = rows::time(row, 3)?.zip(rows::time(row, 4)?);
            Ok((id, name, spec, next))
        })?;
        let moved = ahead.iter().map(|(_, name, ..)| name.as_str());
        let moved: Vec<&str> = moved.take(MOST_SET_ASIDE).collect();
        let data = serde_json::json!({ "count": ahead.len(), "schedules": moved });
        self.note(EventKind::SchedulesSetBack, &data)?;
        for (id, name, spec, next) in ahead {
            // Without its times it stays where it is, and is set aside when due.
            let Ok(spec) = Spec::from_row(&name, &spec) else {
                continue;
            };
            // A slot that was due before has not been handled yet.
            let next = next.filter(|(slot, _)| *slot <= now);
            let next = next.or_else(|| next_of(&name, &spec, now));
            for statement in [FIRING_FORGET_AHEAD, FIRING_CUT] {
                self.connection
                    .prepare_cached(statement)?
                    .execute((id, now.0))?;
            }
            self.connection
                .prepare_cached(SCHEDULE_SET_BACK)?
                .execute((
                    id,
                    next.map(|(slot, _)| slot.0),
                    next.map(|(_, at)| at.0),
                    now.0,
                ))?;
        }
        Ok(())
    }
}

/// The first slot after `after`, and its time with the jitter.
pub(crate) fn next_of(name: &str, spec: &Spec, after: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let slot = spec.next_after(after)?;
    Some((slot, slot.after(spec.jitter(name))))
}

/// True if a clock far ahead moved a schedule into what is now the future. A small step of the clock
/// does not count.
pub(super) fn are_ahead(connection: &Connection, now: Timestamp) -> Result<bool> {
    let latest = now.0.saturating_add(SMALL_STEP_MS);
    Ok(connection
        .prepare_cached(SCHEDULE_AHEAD)?
        .exists([latest])?)
}

/// Time of the next firing.
pub(super) fn next_at(connection: &Connection) -> Result<Option<Timestamp>> {
    let mut query = connection.prepare_cached(SCHEDULE_NEXT)?;
    let next: Option<i64> = query.query_row([], |row| row.get(0))?;
    Ok(next.map(Timestamp))
}

/// Most schedules that a report on those set aside names, and an event.
const MOST_SET_ASIDE: usize = 100;

/// The next firing, and the schedules that are set aside.
pub(crate) fn standing(connection: &Connection) -> Result<ScheduleStanding> {
    let mut standing = ScheduleStanding::default();
    let most = [i64::try_from(MOST_SET_ASIDE).unwrap_or(i64::MAX)];
    standing.set_aside = rows::all(connection, SCHEDULE_SET_ASIDE, most, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    standing.next_at = next_at(connection)?;
    Ok(standing)
}

/// The schedule of that name.
pub(crate) fn get(connection: &Connection, name: &str) -> Result<Option<StoredSchedule>> {
    Ok(rows::all(connection, SCHEDULE_GET, [name], stored)?.pop())
}

/// All schedules, by name.
pub(crate) fn list(connection: &Connection) -> Result<Vec<StoredSchedule>> {
    rows::all(connection, SCHEDULE_LIST, [], stored)
}

/// Up to `most` firings of a schedule before `before`, the newest first.
pub(crate) fn firings(
    connection: &Connection,
    schedule: i64,
    before: Timestamp,
    most: u32,
) -> Result<Vec<Firing>> {
    let asked = (schedule, before.0, most);
    rows::all(connection, FIRING_LIST, asked, firing)
}

/// The slots of a range that fired, the oldest first.
pub(crate) fn fired_between(
    connection: &Connection,
    schedule: i64,
    (first, last): (Timestamp, Timestamp),
) -> Result<Vec<Timestamp>> {
    let range = (schedule, first.0, last.0);
    rows::all(connection, FIRING_BETWEEN, range, |row| {
        Ok(Timestamp(row.get(0)?))
    })
}

/// The newest record of a schedule with that outcome.
pub(crate) fn newest(
    connection: &Connection,
    schedule: i64,
    outcome: i64,
) -> Result<Option<Firing>> {
    Ok(rows::all(connection, FIRING_NEWEST, (schedule, outcome), firing)?.pop())
}

/// Slots above the floor of each schedule, and before its next one, that neither fired nor are recorded,
/// in words. Of a range of them, the first. A schedule that cannot be read has none.
pub(super) fn lost_slots(connection: &Connection) -> Result<Vec<String>> {
    let mut lost = Vec::new();
    for schedule in list(connection)? {
        let Ok(spec) = Spec::from_row(&schedule.name, &schedule.spec) else {
            continue;
        };
        let firings = firings(connection, schedule.id, Timestamp::MAX, u32::MAX)?;
        let recorded = firings.iter().rev().map(|one| (one.slot, one.until));
        // A clock that was ahead leaves slots that fired beyond the last one.
        let reached = |slot: Timestamp| schedule.last_slot.is_some_and(|last| slot <= last);
        let recorded = recorded.filter(|(slot, until)| *until > schedule.floor && reached(*slot));
        // While it is paused, nothing is recorded.
        let next = schedule.next_slot.filter(|_| schedule.next_at.is_some());
        let ends = recorded.chain(next.map(|next| (next, next)));
        let mut until_here = schedule.floor;
        for (slot, until) in ends {
            let missing = spec
                .next_after(until_here)
                .filter(|missing| *missing < slot);
            if let Some(missing) = missing {
                let (name, slot) = (&schedule.name, missing.0);
                lost.push(format!("slot {slot} of schedule {name} is in no record"));
            }
            until_here = until_here.max(until);
        }
    }
    Ok(lost)
}

/// Up to `most` tasks of a schedule below `before`, the newest first.
pub(crate) fn tasks(
    connection: &Connection,
    schedule: i64,
    before: TaskId,
    most: u32,
) -> Result<Vec<TaskId>> {
    let asked = (schedule, before.0, most);
    rows::all(connection, SCHEDULE_TASKS, asked, |row| {
        Ok(TaskId(row.get(0)?))
    })
}

/// The schedule that enqueued a task, and the slot.
pub(crate) fn of_task(
    connection: &Connection,
    task: TaskId,
) -> Result<Option<(String, Option<Timestamp>)>> {
    let found = rows::all(connection, SCHEDULE_TASK_GET, [task.0], |row| {
        Ok((row.get(0)?, rows::time(row, 1)?))
    })?;
    Ok(found.into_iter().next())
}

/// Forgets the schedule of a task that is deleted.
pub(super) fn forget_task(connection: &Connection, task: TaskId) -> Result<()> {
    connection
        .prepare_cached(SCHEDULE_TASK_DELETE)?
        .execute([task.0])?;
    Ok(())
}

fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

fn firing(row: &Row<'_>) -> Result<Firing> {
    Ok(Firing {
        slot: Timestamp(row.get(0)?),
        until: Timestamp(row.get(1)?),
        at: Timestamp(row.get(2)?),
        result: FiringResult::from_row(row.get(3)?, row.get(4)?, row.get(5)?),
    })
}

fn stored(row: &Row<'_>) -> Result<StoredSchedule> {
    Ok(StoredSchedule {
        id: row.get(0)?,
        name: row.get(1)?,
        spec: row.get(2)?,
        action: row.get(3)?,
        revision: row.get(4)?,
        added_at: Timestamp(row.get(5)?),
        next_slot: rows::time(row, 6)?,
        next_at: rows::time(row, 7)?,
        last_slot: rows::time(row, 8)?,
        floor: Timestamp(row.get(9)?),
        paused_at: rows::time(row, 10)?,
        trouble: row.get(11)?,
        fired: count(row.get(12)?),
    })
}
