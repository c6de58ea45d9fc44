//! Verify and repair: the invariants of this engine's own tables, and the repair of derived values.

use std::collections::{BTreeMap, HashMap, HashSet};

use queue_core::ReadyTasks;
use queue_core::checks;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::{Invariant, Repaired, STEP};
use queue_core::sqlite::verify::{self as core, CORE_CHECKS, Check, judged};
use queue_core::sqlite::{rows, statement, verbs};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};
use rusqlite::Connection;

use super::edges::{self, Prospect};
use super::transaction::Writing;
use super::{folded, schedules};
use crate::queue::WorkflowQueue;
use crate::slice::{Slice as _, TaskChange};
use crate::upstream;

const COUNTED: &str = statement(include_str!("../../queries/verify/counted.sql"));
const EDGES_ALL: &str = statement(include_str!("../../queries/verify/edges_all.sql"));
const UPSTREAM_ALL: &str = statement(include_str!("../../queries/verify/upstream_all.sql"));
const TASK_IDS: &str = statement(include_str!("../../queries/verify/task_ids.sql"));
const UNMET: &str = statement(include_str!("../../queries/verify/unmet.sql"));
const PARKED_KEYS: &str = statement(include_str!("../../queries/verify/parked_keys.sql"));

/// The invariants whose violations statements find.
const CHECKS: &[Check] = checks! {
    "../../queries/verify/":
    "blocked tasks say what they wait for" => "waiting",
    "edges have both ends" => "edges" repaired by "edges_repair",
    "dependencies are of tasks that are there" => "upstream_orphans" repaired by "upstream_repair",
    "tasks know whether they depend on others" => "depends" repaired by "depends_repair",
    "what has to succeed first has" => "released",
    "limited queues are marked" => "limited" repaired by "limited_repair",
    "running tasks count towards limits" => "gates" repaired by "gates_repair",
    "held tasks wait as for dependencies" => "unheld" repaired by "unheld_repair",
    "only running tasks have leases" => "leases" repaired by "leases_repair",
    "deadlines end the wait" => "deadlines",
    "skipped tasks have a cause, added ones a workflow" => "causes",
    "attempts follow each other" => "attempts" repaired by "attempts_repair",
    "a task succeeds once" => "successes",
    "the log has no gap" => "events_gap" repaired by "events_gap_repair",
    "events of a task follow each other" => "events_follow",
    "counters equal the events" => "events_budget",
    "the log yields the counts" => "events_replay",
    "tasks of schedules are there, and counted while open" => "scheduled" repaired by "scheduled_repair",
    "firings do not meet each other" => "firings",
    "tasks of slots are recorded" => "unrecorded",
    "a slot that fired names its own task" => "fired_twice",
};

/// The names of invariants whose repair takes more than one statement.
const IS_COUNTED: &str = "open dependencies are counted";
const SLOTS_OFFERED: &str = "free slots are offered";
const LAST_EVENTS: &str = "the last event of a task is its state";
const SUMS: &str = "the sums of all time are those of the log";
const SAME_EDGES: &str = "both ends of an edge know it";
const EVENTS_HEAD: &str = statement(include_str!("../../queries/verify/events_head.sql"));
const EVENTS_HEAD_REPAIR: &str =
    statement(include_str!("../../queries/verify/events_head_repair.sql"));
const EVENTS_HEAD_SET: &str = statement(include_str!("../../queries/verify/events_head_set.sql"));
const EVENTS_LAST: &str = statement(include_str!("../../queries/verify/events_last.sql"));
const SLOTS: &str = statement(include_str!("../../queries/verify/slots.sql"));

/// Checks every invariant.
pub(crate) fn verify(queue: &WorkflowQueue) -> Result<Vec<Invariant>> {
    if queue.is_unpromoted() {
        return core::verify(queue.database(), &[], |_| Ok(Vec::new()));
    }
    core::verify(queue.database(), CHECKS, more)
}

/// Repairs all values that can be derived from other rows.
pub(crate) fn repair(queue: &WorkflowQueue) -> Result<Vec<Repaired>> {
    let (mut all, mut most) = (Vec::new(), 0);
    // A refused writer gets its error even if there is nothing to repair.
    queue.write(|_| Ok(()))?;
    for step in RepairStep::ALL {
        for found in queue.database().read(|connection| step.find(connection))? {
            let (repaired, wakes) = queue.transaction(move |writing| found.recorded(writing))?;
            all.extend(repaired);
            most = most.max(wakes.len());
        }
    }
    queue.wake(&ReadyTasks::anywhere(most));
    queue.database().coordination().tell_settled();
    Ok(summed(all))
}

/// The invariants that single statements cannot check.
fn more(connection: &Connection) -> Result<Vec<Invariant>> {
    let text = |sql| rows::all(connection, sql, [], |row| Ok(row.get::<_, String>(0)?));
    Ok(vec![
        judged(IS_COUNTED, true, text(COUNTED))?,
        judged(SLOTS_OFFERED, true, text(SLOTS))?,
        judged(SAME_EDGES, true, lopsided(connection))?,
        judged(LAST_EVENTS, true, text(EVENTS_HEAD))?,
        judged(SUMS, true, folded::differences(connection))?,
        judged("no task waits for itself", false, cycles(connection))?,
        judged(
            "no slot of a schedule is lost",
            false,
            schedules::lost_slots(connection),
        )?,
    ])
}

/// Edges stored at one end only, or with two conditions.
fn lopsided(connection: &Connection) -> Result<Vec<String>> {
    let (forwards, backwards) = (forwards(connection)?, backwards(connection)?);
    let differs = |(ends, condition): (&Ends, &Condition), others: &Edges| {
        others.get(ends) != Some(condition)
    };
    let (here, there) = (&forwards, &backwards);
    let mut wrong: Vec<Ends> = here
        .iter()
        .filter(|edge| differs(*edge, there))
        .chain(there.iter().filter(|edge| differs(*edge, here)))
        .map(|(ends, _)| *ends)
        .collect();
    wrong.sort_unstable();
    wrong.dedup();
    let text = |(on, dependent)| {
        format!("the edge from task {on} to task {dependent} is not the same at both ends")
    };
    Ok(wrong.into_iter().map(text).collect())
}

/// A task and its dependent.
type Ends = (TaskId, TaskId);
type Edges = HashMap<Ends, Condition>;

/// The edges as stored at their dependencies.
fn forwards(connection: &Connection) -> Result<Edges> {
    let found = rows::all(connection, EDGES_ALL, [], |row| {
        let condition = edges::condition(row.get(2)?)?;
        Ok(((TaskId(row.get(0)?), TaskId(row.get(1)?)), condition))
    })?;
    Ok(found.into_iter().collect())
}

/// The edges as stored at their dependents, except edges to pruned tasks.
fn backwards(connection: &Connection) -> Result<Edges> {
    let stored = rows::all(connection, TASK_IDS, [], |row| Ok(TaskId(row.get(0)?)))?;
    let stored: HashSet<TaskId> = stored.into_iter().collect();
    let found = rows::all(connection, UPSTREAM_ALL, [], |row| {
        Ok((TaskId(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
    })?;
    let mut edges = Edges::new();
    for (dependent, bytes) in found {
        let of_one = upstream::decode(dependent, &bytes)?;
        let there = of_one.into_iter().filter(|(on, _)| stored.contains(on));
        edges.extend(there.map(|(on, condition)| ((on, dependent), condition)));
    }
    Ok(edges)
}

/// Tasks that wait for themselves through others, and all tasks that wait for those: the rest after
/// tasks that wait for nothing are removed, again and again. The order of ids rules out no cycle,
/// since a task can be made to wait for later ones.
fn cycles(connection: &Connection) -> Result<Vec<String>> {
    let mut dependents: HashMap<TaskId, Vec<TaskId>> = HashMap::new();
    let mut waits: BTreeMap<TaskId, usize> = BTreeMap::new();
    for (on, dependent) in forwards(connection)?.into_keys() {
        dependents.entry(on).or_default().push(dependent);
        *waits.entry(dependent).or_default() += 1;
    }
    let free = |task: &TaskId| !waits.contains_key(task);
    let mut work: Vec<TaskId> = dependents.keys().copied().filter(free).collect();
    while let Some(task) = work.pop() {
        for dependent in dependents.remove(&task).unwrap_or_default() {
            if let Some(left) = waits.get_mut(&dependent) {
                *left -= 1;
                if *left == 0 {
                    waits.remove(&dependent);
                    work.push(dependent);
                }
            }
        }
    }
    let text = |task| format!("task {task} waits for itself, or for a task that does");
    Ok(waits.into_keys().map(text).collect())
}

/// A step of a repair. It searches on a snapshot and repairs in transactions of its own, so that
/// others may write in between. No step adds damage.
#[derive(Clone, Copy, Debug)]
enum RepairStep {
    Core,
    Edges,
    Own,
    Counts,
    Slots,
    Log,
    Sums,
}

/// Damage that one transaction repairs.
enum Damage {
    Check(Check),
    Edges,
    Counts(Vec<TaskId>),
    Slots,
    Log(Vec<TaskId>),
    Sums,
}

impl RepairStep {
    /// Every step. Slots come late: tasks released by the others may wait for a slot. Then comes the log,
    /// which tells the result, and its sums.
    const ALL: [Self; 7] = [
        Self::Core,
        Self::Edges,
        Self::Own,
        Self::Counts,
        Self::Slots,
        Self::Log,
        Self::Sums,
    ];

    /// The damage that this step finds.
    fn find(self, connection: &Connection) -> Result<Vec<Damage>> {
        let checks = |checks| -> Result<Vec<Damage>> {
            let broken = core::broken(connection, checks)?.into_iter();
            Ok(broken.map(Damage::Check).collect())
        };
        match self {
            Self::Core => checks(CORE_CHECKS),
            Self::Own => checks(CHECKS),
            Self::Edges => {
                let wrong = lopsided(connection)?;
                Ok(wrong.first().map(|_| Damage::Edges).into_iter().collect())
            }
            Self::Counts => {
                let wrong = rows::all(connection, COUNTED, [], |row| Ok(TaskId(row.get(1)?)))?;
                let steps = wrong.chunks(STEP).map(<[TaskId]>::to_vec);
                Ok(steps.map(Damage::Counts).collect())
            }
            Self::Slots => {
                let wrong = rows::all(connection, SLOTS, [], |_| Ok(()))?;
                Ok(wrong.first().map(|()| Damage::Slots).into_iter().collect())
            }
            Self::Log => {
                let wrong = rows::all(connection, EVENTS_HEAD, [], |row| Ok(TaskId(row.get(1)?)))?;
                let steps = wrong.chunks(STEP).map(<[TaskId]>::to_vec);
                Ok(steps.map(Damage::Log).collect())
            }
            Self::Sums => {
                let wrong = folded::differences(connection)?;
                Ok(wrong.first().map(|_| Damage::Sums).into_iter().collect())
            }
        }
    }
}

impl Damage {
    /// Repairs the damage, and records that.
    fn recorded(&self, writing: &mut Writing<'_>) -> Result<Vec<Repaired>> {
        let repaired = self.repair(writing)?;
        for one in &repaired {
            let data = serde_json::json!({ "invariant": one.name, "rows": one.rows });
            writing.slice.note(EventKind::FileRepaired, &data)?;
        }
        Ok(repaired)
    }

    /// Derives the damaged values from other rows again.
    fn repair(&self, writing: &mut Writing<'_>) -> Result<Vec<Repaired>> {
        let connection = writing.slice.connection;
        let one = |name, rows| Repaired::of(name, rows).into_iter().collect();
        Ok(match self {
            Self::Check(check) => core::repair(connection, &[*check])?,
            Self::Edges => one(SAME_EDGES, writing.even_edges()?),
            Self::Counts(wrong) => one(IS_COUNTED, writing.recount(wrong)?),
            Self::Slots => {
                let parked = rows::all(connection, SLOTS, [], |_| Ok(()))?.len();
                if parked > 0 {
                    let keys = rows::all(connection, PARKED_KEYS, [], |row| Ok(row.get(0)?))?;
                    writing.freed.extend(keys);
                }
                one(SLOTS_OFFERED, parked)
            }
            Self::Log(wrong) => {
                writing.record_states(wrong)?;
                one(LAST_EVENTS, wrong.len())
            }
            Self::Sums => one(SUMS, folded::restart(connection)?.max(1)),
        })
    }
}

/// The result of a repair, one entry for each invariant.
fn summed(repaired: Vec<Repaired>) -> Vec<Repaired> {
    let mut sums: Vec<Repaired> = Vec::new();
    for one in repaired {
        match sums.iter_mut().find(|sum| sum.name == one.name) {
            Some(sum) => sum.rows += one.rows,
            None => sums.push(one),
        }
    }
    sums
}

impl Writing<'_> {
    /// Stores every edge at both ends. If the ends disagree about the condition, the dependent's
    /// end wins.
    fn even_edges(&self) -> Result<usize> {
        let (forwards, backwards) = (
            forwards(self.slice.connection)?,
            backwards(self.slice.connection)?,
        );
        let stored =
            |task| -> Result<bool> { Ok(verbs::state_of(self.slice.connection, task)?.is_some()) };
        let mut changed = 0;
        for (&(on, dependent), &condition) in &backwards {
            if forwards.get(&(on, dependent)) != Some(&condition) && stored(dependent)? {
                self.slice.replace_edge(&Edge {
                    dependent,
                    on,
                    condition,
                })?;
                changed += 1;
            }
        }
        let mut missing: BTreeMap<TaskId, Vec<(TaskId, Condition)>> = BTreeMap::new();
        for (&(on, dependent), &condition) in &forwards {
            let known = backwards.contains_key(&(on, dependent));
            if !known && stored(on)? && stored(dependent)? {
                missing.entry(dependent).or_default().push((on, condition));
            }
        }
        for (dependent, fresh) in missing {
            let mut all: BTreeMap<TaskId, Condition> =
                edges::dependencies(self.slice.connection, dependent)?
                    .into_iter()
                    .collect();
            changed += fresh.len();
            all.extend(fresh);
            self.slice.add_edges(dependent, Vec::new(), &all)?;
        }
        Ok(changed)
    }

    /// Records the state of tasks whose events are not their own any more. Reads the log once.
    fn record_states(&self, tasks: &[TaskId]) -> Result<()> {
        let connection = self.slice.connection;
        let ids: serde_json::Value = tasks.iter().map(|task| task.0).collect();
        let mut last = connection.prepare_cached(EVENTS_LAST)?;
        let last: i64 = last.query_row([], |row| row.get(0))?;
        let mut states = connection.prepare_cached(EVENTS_HEAD_REPAIR)?;
        states.execute((ids.to_string(), self.slice.now.wall.0))?;
        connection
            .prepare_cached(EVENTS_HEAD_SET)?
            .execute([last])?;
        Ok(())
    }

    /// Counts the open dependencies of these tasks again; releases or skips tasks that have none.
    fn recount(&mut self, wrong: &[TaskId]) -> Result<usize> {
        for &task in wrong {
            if !self.is_unmet(task)? {
                self.slice.wait_no_more(task)?;
                continue;
            }
            match edges::prospect(self.slice.connection, task, State::Blocked)? {
                Prospect::Waits(open) => {
                    let is_held = verbs::is_held(self.slice.connection, task)?;
                    match open + u32::from(is_held) {
                        0 => drop(self.release_met(&[task])?),
                        pending => self.slice.wait(task, pending)?,
                    }
                }
                Prospect::Never(on) => {
                    self.slice.record(&TaskChange::skipped(task, on))?;
                    self.slice.skip(task, on)?;
                    self.ended(&[(task, State::Skipped)])?;
                }
            }
        }
        Ok(wrong.len())
    }

    /// True if a task exists and waits for dependencies.
    fn is_unmet(&self, task: TaskId) -> Result<bool> {
        let mut query = self.slice.connection.prepare_cached(UNMET)?;
        Ok(query.exists([task.0])?)
    }
}
