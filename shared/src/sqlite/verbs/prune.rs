//! Prune: deletes old ended tasks in steps.

use std::path::Path;

use rusqlite::Connection;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::queue::{PruneRequest, STEP};
use crate::sidecar::files;
use crate::state::State;
use crate::task::TaskId;

use super::super::{Database, rows, statement};
use super::get::state_of;
use super::list::last_id;
use super::output::forget_outputs;

const PRUNE_KEEP: &str = statement(include_str!("../../../queries/prune_keep.sql"));
const PRUNE_FIND: &str = statement(include_str!("../../../queries/prune_find.sql"));
const PRUNE_RETRIED: &str = statement(include_str!("../../../queries/prune_retried.sql"));
const PRUNE: &str = statement(include_str!("../../../queries/prune.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("prune_keep", PRUNE_KEEP),
    ("prune_find", PRUNE_FIND),
    ("prune", PRUNE),
    ("prune_retried", PRUNE_RETRIED),
];

/// Ids that are looked at in one read: a longer read would keep the log from being reset.
const LOOK_AT_ONCE: u16 = 10_000;

/// Additions of an engine to the deletion of tasks.
pub trait Keeper: Clone + Send + 'static {
    /// Refuses the whole deletion; called in every transaction that deletes.
    fn check(&self, connection: &Connection) -> Result<()>;

    /// True if an ended task must stay for now.
    fn keeps(&self, connection: &Connection, task: TaskId) -> Result<bool>;

    /// Deletes the engine's rows beside a task that has just been deleted.
    fn clear(&self, connection: &Connection, task: TaskId) -> Result<()>;

    /// Records the tasks that this transaction deleted, if it deleted any.
    fn record(&self, connection: &Connection, now: Timestamp, pruned: &[Pruned]) -> Result<()>;
}

/// A deleted task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Its id.
    pub id: TaskId,
    /// Id of its queue.
    pub queue: i64,
    /// State in which it had ended.
    pub state: State,
    /// Time at which it was enqueued.
    pub created_at: Timestamp,
}

/// Deletes or counts the tasks that the request selects, while `go_on` returns true. It is called
/// before every step, with the number of tasks deleted so far.
pub fn prune(
    database: &Database,
    keeper: &impl Keeper,
    request: &PruneRequest,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<u64> {
    if !request.dry_run {
        // A prune that finds nothing to delete is refused as well.
        database.read(|connection| check(database, keeper, connection))?;
    }
    let states = mask(&request.states);
    let Some(last) = database.read(last_id)? else {
        return Ok(0);
    };
    let end = keep_from(database, request, states, last)?;
    let mut pruned = 0;
    let mut from = i64::MIN;
    while from < end {
        let (found, next) = find(database, request, states, from, end)?;
        for ids in found.chunks(STEP) {
            if !go_on(pruned) {
                return Ok(pruned);
            }
            pruned += if request.dry_run {
                count(database, keeper, ids)?
            } else {
                delete(database, keeper, ids.to_vec(), request, states)?
            };
        }
        from = next;
    }
    Ok(pruned)
}

fn check(database: &Database, keeper: &impl Keeper, connection: &Connection) -> Result<()> {
    keeper.check(connection)?;
    database.check_known(connection)
}

/// Deletes the log files of deleted tasks, also those that an interrupted prune left. Goes on after a
/// log that cannot be deleted, which the next prune finds again.
///
/// # Errors
/// The first log that cannot be deleted, after deleting the others.
pub fn delete_logs(database: &Database, keeper: &impl Keeper) -> Result<()> {
    // Ids beyond the last may be given out meanwhile, to tasks that a read here misses.
    let last = database.read(|connection| {
        check(database, keeper, connection)?;
        last_id(connection)
    })?;
    let folder = database.sidecar().logs();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(Error::io(
                format!("cannot read {}", folder.display()),
                error,
            ));
        }
    };
    let mut deleted = Ok(());
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.split('.').next());
        let Some(id) = id.and_then(|id| id.parse().ok()).map(TaskId) else {
            continue;
        };
        let gone = |connection: &Connection| Ok(state_of(connection, id)?.is_none());
        if Some(id) <= last && database.read(gone)? {
            deleted = deleted.and(delete_log(&entry.path()));
        }
    }
    deleted
}

fn delete_log(path: &Path) -> Result<()> {
    match files::remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let what = format!("cannot remove {}", path.display());
            Err(Error::io(what, error))
        }
        _ => Ok(()),
    }
}

/// One bit for each wanted state that is terminal.
fn mask(states: &[State]) -> i64 {
    State::ALL
        .iter()
        .filter(|state| state.is_terminal())
        .filter(|state| states.is_empty() || states.contains(state))
        .fold(0, |mask, state| mask | 1 << state.code())
}

/// First id that prune leaves alone: the highest of all, or the oldest of those to keep.
fn keep_from(
    database: &Database,
    request: &PruneRequest,
    states: i64,
    last: TaskId,
) -> Result<i64> {
    let Some(skipped) = request.keep.checked_sub(1) else {
        return Ok(last.0);
    };
    let skipped = i64::try_from(skipped).unwrap_or(i64::MAX);
    let kept = database.read(|connection| {
        rows::all(connection, PRUNE_KEEP, (states, skipped), |row| {
            Ok(row.get::<_, i64>(0)?)
        })
    })?;
    Ok(kept.first().map_or(i64::MIN, |kept| last.0.min(*kept)))
}

/// Tasks to delete among the ids from `from` on, and the id at which to continue.
fn find(
    database: &Database,
    request: &PruneRequest,
    states: i64,
    from: i64,
    end: i64,
) -> Result<(Vec<i64>, i64)> {
    let before = request.finished_before.0;
    let seen = database.read(|connection| {
        rows::all(
            connection,
            PRUNE_FIND,
            (states, before, from, end, LOOK_AT_ONCE),
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)),
        )
    })?;
    let next = match seen.last() {
        Some((id, _)) if seen.len() >= usize::from(LOOK_AT_ONCE) => id + 1,
        _ => end,
    };
    let found = seen.into_iter().filter(|(_, old)| *old).map(|(id, _)| id);
    Ok((found.collect(), next))
}

/// Number of those tasks that would be deleted.
fn count(database: &Database, keeper: &impl Keeper, ids: &[i64]) -> Result<u64> {
    database.read(|connection| {
        let mut count = 0;
        for id in ids {
            count += u64::from(!keeper.keeps(connection, TaskId(*id))?);
        }
        Ok(count)
    })
}

/// Deletes, in one transaction, the tasks that are still as they were found.
fn delete(
    database: &Database,
    keeper: &impl Keeper,
    ids: Vec<i64>,
    request: &PruneRequest,
    states: i64,
) -> Result<u64> {
    let keeper = keeper.clone();
    let before = request.finished_before.0;
    let clock = database.clock();
    database.write(move |connection| {
        keeper.check(connection)?;
        let mut deleted = Vec::new();
        for id in &ids {
            let task = TaskId(*id);
            if keeper.keeps(connection, task)? {
                continue;
            }
            let gone = rows::all(connection, PRUNE, (id, states, before), |row| {
                Ok(Pruned {
                    id: task,
                    queue: row.get(2)?,
                    state: rows::state(row.get(0)?)?,
                    created_at: Timestamp(row.get(1)?),
                })
            })?;
            if !gone.is_empty() {
                clear(connection, task)?;
                keeper.clear(connection, task)?;
            }
            deleted.extend(gone);
        }
        if !deleted.is_empty() {
            keeper.record(connection, clock.now().wall, &deleted)?;
        }
        Ok(deleted.len() as u64)
    })
}

/// Deletes the rows beside a task that was deleted.
fn clear(connection: &Connection, id: TaskId) -> Result<()> {
    forget_outputs(connection, id)?;
    connection.prepare_cached(PRUNE_RETRIED)?.execute([id.0])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::{Keeper, Pruned, delete_logs, prune, state_of};
    use crate::clock::Timestamp;
    use crate::error::{Error, Result};
    use crate::queue::PruneRequest;
    use crate::sqlite::{CORE, Database, Durability, OpenOptions};
    use crate::task::TaskId;

    /// Changes a task between the look that finds it and its deletion.
    #[derive(Clone)]
    struct Meanwhile(&'static str);

    impl Keeper for Meanwhile {
        fn check(&self, _: &Connection) -> Result<()> {
            Ok(())
        }

        fn keeps(&self, connection: &Connection, task: TaskId) -> Result<bool> {
            connection.execute(self.0, [task.0])?;
            Ok(false)
        }

        fn clear(&self, _: &Connection, _: TaskId) -> Result<()> {
            Ok(())
        }

        fn record(&self, _: &Connection, _: Timestamp, _: &[Pruned]) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_task_that_changed_since_it_was_found_is_not_deleted() {
        for (meanwhile, deleted) in [
            ("UPDATE queue_tasks SET priority = 1 WHERE id = ?1", 1),
            ("UPDATE queue_tasks SET finished_at = 9 WHERE id = ?1", 1),
            ("UPDATE queue_tasks SET finished_at = 10 WHERE id = ?1", 0),
            ("UPDATE queue_tasks SET state = 2 WHERE id = ?1", 0),
            ("DELETE FROM queue_tasks WHERE id > ?1", 0),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let options = OpenOptions::new(Durability::Fast).unwrap();
            let database = Database::open(&folder.path().join("q.db"), options, &[CORE]).unwrap();
            let tasks = "INSERT INTO queue_tasks
                         (queue, state, priority, kind, created_at, finished_at, name, payload)
                         VALUES (1, 4, 0, 0, 1, 5, 'old', x''), (1, 2, 0, 0, 1, NULL, 'new', x'')";
            database.write(|tx| Ok(tx.execute_batch(tasks)?)).unwrap();
            let request = PruneRequest {
                finished_before: Timestamp(10),
                states: Vec::new(),
                keep: 0,
                dry_run: false,
            };
            let pruned = prune(&database, &Meanwhile(meanwhile), &request, &mut |_| true).unwrap();
            let found = database.read(|connection| state_of(connection, TaskId(1)));
            let is_left = found.unwrap().is_some();
            assert_eq!((pruned, is_left), (deleted, deleted == 0), "{meanwhile}");
        }
    }

    /// Refuses every deletion.
    #[derive(Clone)]
    struct Refusing;

    impl Keeper for Refusing {
        fn check(&self, _: &Connection) -> Result<()> {
            let what = "not now".to_owned();
            Err(Error::Busy { what })
        }

        fn keeps(&self, _: &Connection, _: TaskId) -> Result<bool> {
            Ok(false)
        }

        fn clear(&self, _: &Connection, _: TaskId) -> Result<()> {
            Ok(())
        }

        fn record(&self, _: &Connection, _: Timestamp, _: &[Pruned]) -> Result<()> {
            Ok(())
        }
    }

    /// Opens a file in which task 2 is the only one, with the folder of its logs.
    fn with_the_last_task(folder: &Path) -> Database {
        let options = OpenOptions::new(Durability::Fast).unwrap();
        let database = Database::open(&folder.join("q.db"), options, &[CORE]).unwrap();
        let task = "INSERT INTO queue_tasks
                    (id, queue, state, priority, kind, created_at, finished_at, name, payload)
                    VALUES (2, 1, 4, 0, 0, 1, 5, 'last', x'')";
        database.write(|tx| Ok(tx.execute_batch(task)?)).unwrap();
        std::fs::create_dir_all(database.sidecar().logs()).unwrap();
        database
    }

    #[test]
    fn a_refused_prune_can_be_counted_and_deletes_no_logs() {
        let folder = tempfile::tempdir().unwrap();
        let database = with_the_last_task(folder.path());
        let log = database.sidecar().log(TaskId(1), 1);
        std::fs::write(&log, "").unwrap();
        let pruned = |dry_run| {
            let request = PruneRequest {
                finished_before: Timestamp(10),
                states: Vec::new(),
                keep: 0,
                dry_run,
            };
            prune(&database, &Refusing, &request, &mut |_| true)
        };
        assert_eq!(pruned(true).unwrap(), 0);
        pruned(false).unwrap_err();
        delete_logs(&database, &Refusing).unwrap_err();
        assert!(log.exists());
    }

    /// The library said nothing of a log that it could not delete, and the program left all logs
    /// behind the first such one. Now every other log goes, and the first that stays is reported.
    #[test]
    fn a_log_that_cannot_be_deleted_is_reported_and_keeps_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let database = with_the_last_task(folder.path());
        let logs = [(1, 1), (1, 2), (1, 3), (2, 1)];
        let logs = logs.map(|(task, attempt)| database.sidecar().log(TaskId(task), attempt));
        std::fs::create_dir(&logs[1]).unwrap();
        for log in [&logs[0], &logs[2], &logs[3]] {
            std::fs::write(log, "").unwrap();
        }
        let there = Meanwhile("SELECT ?1");
        let refused = delete_logs(&database, &there).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("cannot remove {}", logs[1].display())),
            "{refused}"
        );
        assert_eq!(
            logs.each_ref().map(|log| log.exists()),
            [false, true, false, true]
        );
        std::fs::remove_dir(&logs[1]).unwrap();
        delete_logs(&database, &there).unwrap();
    }
}
