//! The promise about slots, checked against the file: each fires once or is recorded with its reason,
//! and a slot that fired stays recorded. A power cut at `fast` may take the newest firings with their
//! tasks, never one in the middle; their slots are due again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use queue_core::clock::Timestamp;
use queue_core::{Queue, Result, TaskId};
use queue_testing::simulation::Ledger;
use workflow_queue::schedule::firing::{Firing, FiringResult, SkipReason};
use workflow_queue::schedule::spec::{CatchUp, Spec};
use workflow_queue::{NewSchedule, WorkflowQueue};

/// Beginning of every violation of the promise.
pub const OF_SCHEDULES: &str = "schedule ";

/// More than a run has.
const ALL: u32 = 1_000_000;
/// Age up to which the newest slot fires under any rule, in milliseconds.
const PUNCTUAL_MS: i64 = 60_000;
/// Most slots that fire at a catch-up.
const CAUGHT_UP: usize = 100;

/// Counts of firings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Firings {
    /// Slots that fired.
    pub fired: u64,
    /// Firings that a power cut at `fast` took.
    pub lost: u64,
    /// Ranges of slots that were recorded as skipped.
    pub skipped: u64,
}

impl AddAssign for Firings {
    fn add_assign(&mut self, other: Self) {
        self.fired += other.fired;
        self.lost += other.lost;
        self.skipped += other.skipped;
    }
}

/// A schedule of the run.
#[derive(Debug)]
struct Known {
    schedule: NewSchedule,
    /// Time of the last call that may have kept earlier slots from firing.
    floor: Timestamp,
    /// Columns of its row at the last look, which every firing of a worker changes.
    looked_at: Option<(Option<Timestamp>, Timestamp, u64)>,
    fired: BTreeMap<Timestamp, TaskId>,
    /// Ranges that were recorded as skipped, with the times of their records.
    skipped: BTreeSet<(Timestamp, Timestamp, Timestamp)>,
}

/// The firings seen in the file.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    known: BTreeMap<String, Known>,
    /// Schedule and slot of every firing in the order of their transactions: later ones enqueue tasks
    /// with higher ids.
    order: BTreeMap<TaskId, (String, Timestamp)>,
    /// The last firing that an answer has confirmed: at `full` it survives a power cut.
    confirmed: Option<TaskId>,
    counts: Firings,
}

impl Oracle {
    pub(super) fn firings(&self) -> Firings {
        self.counts
    }

    pub(super) fn schedule(&self, name: &str) -> Option<&NewSchedule> {
        self.known.get(name).map(|known| &known.schedule)
    }

    /// Takes in a schedule of the run; it keeps its first form.
    pub(super) fn knows(&mut self, schedule: &NewSchedule) {
        let new = || Known {
            schedule: schedule.clone(),
            floor: Timestamp::default(),
            looked_at: None,
            fired: BTreeMap::new(),
            skipped: BTreeSet::new(),
        };
        self.known.entry(schedule.name.clone()).or_insert_with(new);
    }

    /// Takes in a call that may keep slots up to `now` from firing.
    pub(super) fn may_raise_floor(&mut self, name: &str, now: Timestamp) {
        if let Some(known) = self.known.get_mut(name) {
            known.floor = known.floor.max(now);
        }
    }

    /// Takes in a call that may change records and not the row of their schedule.
    pub(super) fn may_fill(&mut self, name: &str) {
        if let Some(known) = self.known.get_mut(name) {
            known.looked_at = None;
        }
    }

    /// Takes in the answer to a call that fires. Returns true if a slot fired since the last look.
    pub(super) fn fired(&mut self, queue: &WorkflowQueue, ledger: Ledger<'_>) -> bool {
        let before = self.order.last_key_value().map(|(task, _)| *task);
        // A disk that fails hides the records until the next look.
        if self.look(queue, ledger).is_err() {
            return false;
        }
        let Some((last, (name, slot))) = self.order.last_key_value() else {
            return false;
        };
        // The call wrote, and so confirmed everything that was written before.
        let now = queue.now().wall;
        let newest = queue.schedules().firings(name, Timestamp(slot.0 + 1), 1);
        let at = newest.ok().and_then(|newest| Some(newest.first()?.at));
        if at == Some(now) {
            self.confirmed = Some(*last);
        }
        before < Some(*last)
    }

    /// Reads the schedules that have changed, and checks their new records.
    fn look(&mut self, queue: &WorkflowQueue, ledger: Ledger<'_>) -> Result<()> {
        for schedule in queue.schedules().list()? {
            let Some(known) = self.known.get_mut(&schedule.name) else {
                continue;
            };
            if schedule.floor > known.floor {
                let (name, floor) = (&schedule.name, schedule.floor);
                violated(
                    ledger,
                    name,
                    format!("its floor rose to {floor:?} by itself"),
                );
            }
            let looks = Some((schedule.last_slot, schedule.floor, schedule.fired));
            if known.looked_at == looks {
                continue;
            }
            let firings = queue
                .schedules()
                .firings(&schedule.name, Timestamp::MAX, ALL)?;
            self.take_in(&schedule.name, &firings, ledger);
            if let Some(known) = self.known.get_mut(&schedule.name) {
                known.looked_at = looks;
            }
        }
        Ok(())
    }

    /// Takes in the records of a schedule.
    fn take_in(&mut self, name: &str, firings: &[Firing], ledger: Ledger<'_>) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let violated = |what: String| violated(ledger, name, what);
        let spec = &known.schedule.spec;
        let mut present = BTreeSet::new();
        for firing in firings.iter().rev() {
            match firing.result {
                FiringResult::Fired(task) => {
                    present.insert(firing.slot);
                    let slot = firing.slot;
                    match known.fired.insert(slot, task) {
                        None => {}
                        Some(before) if before == task => continue,
                        Some(before) => {
                            violated(format!("{slot:?} fired as {before} and as {task}"));
                        }
                    }
                    if let Some(other) = self.order.insert(task, (name.to_owned(), slot)) {
                        violated(format!("{task} is of {slot:?} and of {other:?}"));
                    }
                    if spec.last_until(slot, slot) != Some(slot) || slot > firing.at {
                        violated(format!("{slot:?} fired at {:?}", firing.at));
                    }
                    self.counts.fired += 1;
                }
                FiringResult::Skipped(reason) => {
                    let range = (firing.slot, firing.until, firing.at);
                    if !known.skipped.insert(range) {
                        continue;
                    }
                    self.counts.skipped += 1;
                    if reason == SkipReason::Missed && had_to_fire(name, spec, firing) {
                        violated(format!("{firing:?} against its rules"));
                    }
                }
            }
        }
        let gone: Vec<_> = known
            .fired
            .keys()
            .filter(|slot| !present.contains(slot))
            .collect();
        if !gone.is_empty() {
            violated(format!("the records of {gone:?} are gone"));
        }
    }

    /// Takes in a power cut: the newest firings may be lost, confirmed ones only if the disk does not
    /// keep them.
    pub(super) fn lost_power(&mut self, queue: &WorkflowQueue, keeps: bool, ledger: Ledger<'_>) {
        let mut present = BTreeSet::new();
        for name in self.known.keys() {
            let firings = match queue.schedules().firings(name, Timestamp::MAX, ALL) {
                Ok(firings) => firings,
                // The schedule is lost, or was never added.
                Err(queue_core::Error::NotFound { .. }) => Vec::new(),
                Err(error) => return violated(ledger, name, error.to_string()),
            };
            let fired = firings.iter().filter_map(|firing| match firing.result {
                FiringResult::Fired(task) => Some((task, firing.slot)),
                FiringResult::Skipped(_) => None,
            });
            present.extend(fired.map(|(task, slot)| (task, name.clone(), slot)));
        }
        let is_kept = |(task, (name, slot)): (&TaskId, &(String, Timestamp))| {
            present.contains(&(*task, name.clone(), *slot))
        };
        let lost = self.order.iter().find(|one| !is_kept(*one));
        if let Some((first, (name, slot))) = lost {
            let (first, lost) = (*first, format!("the firing of {slot:?} is lost"));
            if keeps && Some(first) <= self.confirmed {
                violated(ledger, name, format!("{lost}, and was confirmed"));
            }
            if self.order.range(first..).any(is_kept) {
                violated(ledger, name, format!("{lost}, and a later one is not"));
            }
            for (task, (name, slot)) in self.order.split_off(&first) {
                self.counts.lost += 1;
                let known = self.known.get_mut(&name);
                if let Some(known) = known.filter(|known| known.fired.get(&slot) == Some(&task)) {
                    known.fired.remove(&slot);
                }
            }
        }
        for known in self.known.values_mut() {
            known.looked_at = None;
        }
        // What the disk has after a power cut, it keeps.
        if self.look(queue, ledger).is_ok() {
            self.confirmed = self.order.last_key_value().map(|(task, _)| *task);
        }
    }

    /// Checks everything in a file whose schedules have just been fired.
    ///
    /// # Errors
    /// The errors of reading.
    pub(super) fn check_all(&mut self, queue: &WorkflowQueue, ledger: Ledger<'_>) -> Result<()> {
        self.look(queue, ledger)?;
        for name in self.known.keys() {
            let schedules = queue.schedules();
            let Some(schedule) = schedules.get(name)? else {
                continue;
            };
            let firings = schedules.firings(name, Timestamp::MAX, ALL)?;
            self.check_tasks(queue, name, ledger)?;
            if schedule.paused_at.is_none()
                && let Ok(spec) = &schedule.spec
            {
                let now = queue.now().wall;
                let lost = lost_slot(name, spec, (schedule.floor, now), &firings);
                if let Some(slot) = lost {
                    violated(ledger, name, format!("{slot:?} is in no record"));
                }
            }
        }
        Ok(())
    }

    /// Checks that every task of a slot is the one in its record. Pruned tasks are gone.
    fn check_tasks(&self, queue: &WorkflowQueue, name: &str, ledger: Ledger<'_>) -> Result<()> {
        for task in queue.schedules().tasks(name, TaskId(i64::MAX), ALL)? {
            // One that somebody ran by hand has no slot.
            let Some((_, Some(slot))) = queue.schedules().of_task(task)? else {
                continue;
            };
            let recorded = self
                .known
                .get(name)
                .and_then(|known| known.fired.get(&slot));
            if recorded != Some(&task) {
                let what = format!("{task} is of {slot:?}, whose record has {recorded:?}");
                violated(ledger, name, what);
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "every caller makes it for this"
)]
fn violated(ledger: Ledger<'_>, schedule: &str, what: String) {
    ledger.violated(format!("{OF_SCHEDULES}{schedule}: {what}"));
}

/// Returns true if the last slot of a range that was recorded as missed had to fire at that time.
fn had_to_fire(name: &str, spec: &Spec, missed: &Firing) -> bool {
    let rules = spec.rules();
    let jitter = i64::try_from(spec.jitter(name).as_millis()).unwrap_or(0);
    let until = Timestamp(missed.at.0 - jitter);
    let Some(slot) = spec.last_until(missed.until, missed.slot) else {
        return false;
    };
    let age = until.since(slot);
    let later = std::iter::successors(spec.next_after(slot), |slot| spec.next_after(*slot));
    let later = later
        .take(CAUGHT_UP)
        .take_while(|slot| *slot <= until)
        .count();
    let in_window = age <= i64::try_from(rules.window_ms).unwrap_or(i64::MAX);
    let punctual = later == 0 && age <= PUNCTUAL_MS;
    let most = if rules.catch_up == CatchUp::All {
        CAUGHT_UP
    } else {
        1
    };
    punctual || (rules.catch_up != CatchUp::Skip && later < most && in_window)
}

/// The first slot after `floor` that is due and in no record.
fn lost_slot(
    name: &str,
    spec: &Spec,
    (floor, now): (Timestamp, Timestamp),
    firings: &[Firing],
) -> Option<Timestamp> {
    let jitter = i64::try_from(spec.jitter(name).as_millis()).unwrap_or(0);
    let until = Timestamp(now.0 - jitter);
    let slots = std::iter::successors(spec.next_after(floor), |slot| spec.next_after(*slot));
    let covers = |slot: &Timestamp| {
        let covers = |firing: &Firing| (firing.slot..=firing.until).contains(slot);
        firings.iter().any(covers)
    };
    slots
        .take_while(|slot| *slot <= until)
        .find(|slot| !covers(slot))
}
