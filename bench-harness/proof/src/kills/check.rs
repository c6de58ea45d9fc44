//! Checks of a round's journal and file.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Entry, Run};
use super::ledger::Ledger;
use crate::Result;
use crate::process::ScratchFolder;

/// Tasks at the end of a round: name, and true if the task has ended.
pub(super) type Rows = BTreeMap<i64, (String, bool)>;

/// Reads the tasks of a file.
///
/// # Errors
/// When it cannot be read.
pub(super) fn rows(scratch: &ScratchFolder) -> Result<Rows> {
    let reader = scratch.reader()?;
    let mut statement = reader.prepare(include_str!("../../queries/tasks.sql"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Tasks with more than one success recorded in the file; only workflow-queue records attempts.
///
/// # Errors
/// When it cannot be read.
pub(super) fn recorded_twice(scratch: &ScratchFolder) -> Result<Vec<String>> {
    let reader = scratch.reader()?;
    let mut statement = reader.prepare(include_str!("../../queries/recorded_twice.sql"))?;
    let tasks = statement.query_map([], |row| row.get::<_, i64>(0))?;
    let tasks = tasks.map(|task| Ok(format!("task {}: two successes are in the file", task?)));
    tasks.collect()
}

/// Faults in the acknowledgements: a task lost, an id assigned twice, an incomplete batch, a task never
/// requested, or one that has not ended.
pub(super) fn ledger_faults(ledger: &Ledger, rows: &Rows, journal: &[Entry]) -> Vec<String> {
    let mut faults = Vec::new();
    let ran: BTreeMap<i64, &str> = starts(journal).map(|run| (run.task, &*run.name)).collect();
    let called_off: BTreeSet<i64> = journal.iter().filter_map(cancelled).collect();
    let mut given = BTreeMap::new();
    for (id, name) in &ledger.acknowledged {
        if let Some(other) = given.insert(*id, name) {
            faults.push(format!("id {id} was assigned to {other} and to {name}"));
        }
        match rows.get(id) {
            Some((stored, _)) if stored != name => {
                faults.push(format!("task {id} is {stored}, acknowledged as {name}"));
            }
            // Pruned: allowed only for ended tasks.
            None if !ran.contains_key(id) && !called_off.contains(id) => {
                faults.push(format!("task {id} ({name}) was acknowledged and is lost"));
            }
            Some(_) | None => {}
        }
    }
    for (id, (name, has_ended)) in rows {
        if !has_ended {
            faults.push(format!("task {id} ({name}) has not ended"));
        }
    }
    let seen: BTreeSet<&str> = rows
        .values()
        .map(|(name, _)| &**name)
        .chain(ran.into_values())
        .collect();
    let asked = ledger.asked();
    let unexpected = seen.iter().filter(|name| !asked.contains(**name));
    faults.extend(unexpected.map(|name| format!("task {name} was never requested")));
    for batch in &ledger.batches {
        let there = batch
            .iter()
            .filter(|name| seen.contains(name.as_str()))
            .count();
        if there != 0 && there != batch.len() {
            faults.push(format!(
                "{there} of the {} tasks from {} on were enqueued",
                batch.len(),
                batch[0]
            ));
        }
    }
    faults
}

/// Faults in the runs: two successes, a run after a success, a run explained by no kill and no retry,
/// or two runs at once. `last_worker` is the only worker that was not killed.
pub(super) fn run_faults(journal: &[Entry], last_worker: u32) -> Vec<String> {
    let mut faults = Vec::new();
    let mut tasks: BTreeMap<i64, Task<'_>> = BTreeMap::new();
    let mut killed = BTreeSet::new();
    let workers = journal
        .iter()
        .filter_map(killed_process)
        .chain([last_worker])
        .collect();
    let mut reopened_all = 0;
    for entry in journal {
        match entry {
            Entry::Kill(process) => {
                killed.insert(*process);
            }
            Entry::Reopen(None) => reopened_all += 1,
            Entry::Reopen(Some(task)) => tasks.entry(*task).or_default().reopened += 1,
            Entry::Cancel(_) => {}
            Entry::Succeeded(id) => {
                let task = tasks.entry(*id).or_default();
                task.successes += 1;
                if task.successes > 1 {
                    faults.push(format!("task {id}: success was recorded twice"));
                }
            }
            Entry::Start(run) => {
                let task = tasks.entry(run.task).or_default();
                faults.extend(task.start_fault(run, reopened_all, &killed, &workers));
                task.last = Some(run);
            }
            Entry::End(run) => {
                let task = tasks.entry(run.task).or_default();
                if task.last.is_none_or(|last| last.token != run.token) {
                    faults.push(format!("{run:?} ended while another run was under way"));
                }
            }
        }
    }
    faults
}

/// State of a task according to the journal so far.
#[derive(Default)]
struct Task<'a> {
    last: Option<&'a Run>,
    /// Number of times that `retry` named this task.
    reopened: u32,
    /// Number of runs explained only by a `retry`.
    retried: u32,
    successes: u32,
}

impl Task<'_> {
    /// Fault in a run that follows another. `killed` holds the processes killed so far, `workers` all
    /// that were ever started.
    fn start_fault(
        &mut self,
        run: &Run,
        reopened_all: u32,
        killed: &BTreeSet<u32>,
        workers: &BTreeSet<u32>,
    ) -> Option<String> {
        let last = self.last?;
        // If the worker died before the command recorded its start, the recorded parent is no worker.
        let was_killed = killed.contains(&last.worker) || !workers.contains(&last.worker);
        self.retried += u32::from(!was_killed);
        let wrong = if self.successes > 0 {
            "after its success was recorded"
        } else if run.token <= last.token {
            "with a token that did not rise"
        } else if !was_killed && self.retried > self.reopened + reopened_all {
            // A `retry` re-opens a task once, some time after its journal entry.
            "again without a kill"
        } else {
            return None;
        };
        Some(format!("{run:?} began {wrong}; before that {last:?}"))
    }
}

fn starts(journal: &[Entry]) -> impl Iterator<Item = &Run> {
    journal.iter().filter_map(|entry| match entry {
        Entry::Start(run) => Some(run),
        Entry::End(_)
        | Entry::Kill(_)
        | Entry::Reopen(_)
        | Entry::Cancel(_)
        | Entry::Succeeded(_) => None,
    })
}

fn cancelled(entry: &Entry) -> Option<i64> {
    match entry {
        Entry::Cancel(task) => Some(*task),
        Entry::Start(_)
        | Entry::End(_)
        | Entry::Kill(_)
        | Entry::Reopen(_)
        | Entry::Succeeded(_) => None,
    }
}

fn killed_process(entry: &Entry) -> Option<u32> {
    match entry {
        Entry::Kill(process) => Some(*process),
        Entry::Start(_)
        | Entry::End(_)
        | Entry::Cancel(_)
        | Entry::Reopen(_)
        | Entry::Succeeded(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Rows, ledger_faults, run_faults};
    use crate::kills::journal::{Entry, parse};

    fn journal(lines: &str) -> Vec<Entry> {
        lines.lines().map(|line| parse(line).expect(line)).collect()
    }

    fn rows(ids: &[i64]) -> Rows {
        ids.iter()
            .map(|id| (*id, (format!("one-{id}"), true)))
            .collect()
    }

    fn acknowledged(ids: &[i64]) -> Ledger {
        let named = |id: &i64| (*id, format!("one-{id}"));
        Ledger {
            acknowledged: ids.iter().map(named).collect(),
            singles: ids.iter().map(|id| format!("one-{id}")).collect(),
            batches: Vec::new(),
        }
    }

    #[test]
    fn a_run_is_repeated_after_a_kill_and_never_without() {
        let killed = journal("start one-1 1 1 50\nkill 50\nstart one-1 1 2 51\nend one-1 1 2 51");
        assert_eq!(run_faults(&killed, 52), [""; 0]);
        let too_early = journal("start one-1 1 1 50\nstart one-1 1 2 51\nkill 50");
        assert!(run_faults(&too_early, 52)[0].contains("without a kill"));
        let last_worker = journal("start one-1 1 1 52\nstart one-1 1 2 52");
        assert!(run_faults(&last_worker, 52)[0].contains("without a kill"));
        let orphan = journal("start one-1 1 1 1\nstart one-1 1 2 1\nkill 50\nkill 51");
        assert_eq!(run_faults(&orphan, 52), [""; 0]);
        let reopened = journal("start one-1 1 1 50\nreopen 1\nstart one-1 1 2 50\nkill 50");
        assert_eq!(run_faults(&reopened, 52), [""; 0]);
        let once = "reopen 1\nstart one-1 1 1 50\nstart one-1 1 2 50\nstart one-1 1 3 50\nkill 50";
        assert_eq!(run_faults(&journal(once), 52).len(), 1);
    }

    #[test]
    fn a_second_success_a_late_end_and_an_old_token_are_faults() {
        let log = "at task 1 (one-1) succeeded after 0.0s, attempt 1";
        let twice = journal(&format!("{log}\n{log}"));
        assert!(run_faults(&twice, 52)[0].contains("twice"));
        let again = journal(&format!(
            "start one-1 1 1 50\n{log}\nkill 50\nstart one-1 1 2 51"
        ));
        assert!(run_faults(&again, 52)[0].contains("after its success"));
        let late = journal("start one-1 1 1 50\nkill 50\nstart one-1 1 2 51\nend one-1 1 1 50");
        assert!(run_faults(&late, 52)[0].contains("another run"));
        let old = journal("start one-1 1 2 50\nkill 50\nstart one-1 1 2 51");
        assert!(run_faults(&old, 52)[0].contains("did not rise"));
    }

    #[test]
    fn a_lost_task_is_a_fault_and_a_pruned_one_is_not() {
        let ledger = acknowledged(&[1, 2, 3]);
        let told = journal("start one-2 2 1 50");
        let faults = ledger_faults(&ledger, &rows(&[1]), &told);
        assert_eq!(faults, ["task 3 (one-3) was acknowledged and is lost"]);
    }

    #[test]
    fn an_incomplete_batch_an_unrequested_task_and_a_duplicate_id_are_faults() {
        let mut ledger = acknowledged(&[1]);
        ledger.acknowledged.push((1, "one-7".to_owned()));
        ledger
            .batches
            .push(vec!["one-2".to_owned(), "one-9".to_owned()]);
        let faults = ledger_faults(&ledger, &rows(&[1, 2, 3]), &[]).join("\n");
        for part in [
            "id 1 was assigned",
            "1 of the 2",
            "task one-3 was never requested",
        ] {
            assert!(faults.contains(part), "{faults}");
        }
    }
}
