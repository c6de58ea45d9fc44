//! Sums: adds tasks and events to the sums of their queues. The position moves in the transaction that
//! adds to the sums, so that each task and event is added once, however many processes fold.

use std::collections::BTreeMap;

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::{
    AttemptEnd, EndedAttempt, EventKind, Fold, Portions, Rollup, Span, Sums,
};
use queue_core::sqlite::rows;
use queue_core::sqlite::verbs::Pruned;
use rusqlite::{Connection, Row};

use super::statements::{
    FOLD_EVENTS, FOLD_FORGET, FOLD_GET, FOLD_MOVE, FOLD_POSITION, FOLD_PUT, FOLD_TASKS, ROLLUPS,
};

/// Tasks and events of one step, which are read outside the transaction that adds them.
const STEP: usize = 10_000;

/// Position of the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    revision: i64,
    /// Last event in the sums.
    seq: i64,
    /// Highest task in the sums.
    task: i64,
    /// Event and task after which the sums of all time begin.
    from_seq: i64,
    from_task: i64,
}

/// Sums to add, and the positions before and after them.
pub(super) struct SumsBatch {
    pub(super) before: Position,
    pub(super) after: Position,
    portions: Portions,
}

/// The next tasks and events, summed.
pub(super) fn next(connection: &Connection, now: Timestamp) -> Result<SumsBatch> {
    let before = position(connection)?;
    let mut fold = Fold::new(now);
    let mut after = before;
    after.seq = fold_events(connection, before, i64::MAX, &mut fold)?;
    let most = i64::try_from(STEP).unwrap_or(i64::MAX);
    let tasks = rows::all(connection, FOLD_TASKS, (before.task, most), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    for (id, at, queue) in tasks {
        fold.enqueued(queue, Timestamp(at), id > before.from_task);
        after.task = id;
    }
    Ok(SumsBatch {
        before,
        after,
        portions: fold.portions(),
    })
}

/// Adds the next events up to `last`, some thousands at most. Returns the last one.
fn fold_events(
    connection: &Connection,
    before: Position,
    last: i64,
    fold: &mut Fold,
) -> Result<i64> {
    let mut query = connection.prepare_cached(FOLD_EVENTS)?;
    let most = i64::try_from(STEP).unwrap_or(i64::MAX);
    let mut rows = query.query((before.seq, last, most))?;
    let mut seq = before.seq;
    while let Some(row) = rows.next()? {
        seq = row.get(0)?;
        if let Some(attempt) = attempt(row)? {
            fold.ended(&attempt, seq > before.from_seq);
        }
    }
    Ok(seq)
}

/// The attempt whose end an event tells of.
fn attempt(row: &Row<'_>) -> Result<Option<EndedAttempt>> {
    let Some(since) = rows::time(row, 4)? else {
        return Ok(None);
    };
    let kind = EventKind::of_code(row.get(2)?);
    let end = AttemptEnd::of(kind, rows::reason(row.get(6)?));
    let cpu_us: Option<i64> = row.get(7)?;
    let (at, queue) = (Timestamp(row.get(1)?), row.get::<_, Option<i64>>(3)?);
    let ready_at = rows::time(row, 5)?;
    Ok(end.map(|end| EndedAttempt {
        at,
        queue: queue.unwrap_or(0),
        end,
        ready_at,
        since,
        cpu_us: cpu_us.and_then(|cpu| u64::try_from(cpu).ok()),
    }))
}

pub(super) fn position(connection: &Connection) -> Result<Position> {
    let mut query = connection.prepare_cached(FOLD_POSITION)?;
    Ok(query.query_row([], |row| {
        Ok(Position {
            revision: row.get(0)?,
            seq: row.get(1)?,
            task: row.get(2)?,
            from_seq: row.get(3)?,
            from_task: row.get(4)?,
        })
    })?)
}

/// Adds to the stored sums, unless somebody else has added to them since the position was read. Also
/// deletes those that are not kept any more.
pub(super) fn add(connection: &Connection, batch: &SumsBatch, now: Timestamp) -> Result<()> {
    let after = batch.after;
    let mut advance = connection.prepare_cached(FOLD_MOVE)?;
    if advance.execute((batch.before.revision, after.seq, after.task))? == 0 {
        return Ok(());
    }
    let mut put = connection.prepare_cached(FOLD_PUT)?;
    for ((span, start, queue), sums) in &batch.portions {
        let key = (span.code(), start.0, *queue);
        let mut stored = rows::all(connection, FOLD_GET, key, |row| decode(row, 0))?;
        let mut sum = stored.pop().unwrap_or_default();
        sum.add(sums);
        put.execute((key.0, key.1, key.2, sum.encode()))?;
    }
    if !batch.portions.is_empty() {
        let mut forget = connection.prepare_cached(FOLD_FORGET)?;
        for span in [Span::Hour, Span::Minute] {
            if let Some(first) = span.kept_from(now) {
                forget.execute((span.code(), first.0))?;
            }
        }
    }
    Ok(())
}

/// Folds the events up to `last`, which the transaction is about to delete.
pub(super) fn fold_to(connection: &Connection, last: i64, now: Timestamp) -> Result<()> {
    loop {
        let before = position(connection)?;
        let mut fold = Fold::new(now);
        let seq = fold_events(connection, before, last, &mut fold)?;
        if seq == before.seq {
            return Ok(());
        }
        let after = Position { seq, ..before };
        let portions = fold.portions();
        add(
            connection,
            &SumsBatch {
                before,
                after,
                portions,
            },
            now,
        )?;
    }
}

/// Folds the enqueues of tasks that the transaction deleted, unless they are in the sums already.
pub(super) fn fold_pruned(
    connection: &Connection,
    pruned: &[Pruned],
    now: Timestamp,
) -> Result<()> {
    let before = position(connection)?;
    let mut fold = Fold::new(now);
    for one in pruned.iter().filter(|one| one.id.0 > before.task) {
        fold.enqueued(one.queue, one.created_at, one.id.0 > before.from_task);
    }
    let portions = fold.portions();
    if portions.is_empty() {
        return Ok(());
    }
    let after = before;
    add(
        connection,
        &SumsBatch {
            before,
            after,
            portions,
        },
        now,
    )
}

/// The sums of every queue in the spans that begin at that time or later, by time; those of all time
/// begin at 0. Queues are in the order in which they were first named.
pub(crate) fn rollups(connection: &Connection, span: Span, from: Timestamp) -> Result<Vec<Rollup>> {
    let found = rows::all(connection, ROLLUPS, (span.code(), from.0), |row| {
        let name: String = row.get(1)?;
        Ok(Rollup::new(Timestamp(row.get(0)?), name, decode(row, 2)?))
    })?;
    // A queue has a part for commands and one for each handler.
    let mut places: BTreeMap<(Timestamp, String), usize> = BTreeMap::new();
    let mut rollups: Vec<Rollup> = Vec::with_capacity(found.len());
    for one in found {
        let place = places.entry((one.start, one.queue.clone()));
        let place = *place.or_insert(rollups.len());
        match rollups.get_mut(place) {
            Some(rollup) => rollup.sums.add(&one.sums),
            None => rollups.push(one),
        }
    }
    Ok(rollups)
}

/// Sums in a row; none if they cannot be read, so that a damaged row holds nothing else up.
pub(super) fn decode(row: &Row<'_>, index: usize) -> Result<Sums> {
    let bytes: Vec<u8> = row.get(index)?;
    Ok(Sums::decode(&bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use queue_core::clock::Timestamp;
    use queue_core::journal::Span;
    use queue_core::queue::{Monitored as _, Queue as _};
    use queue_core::task::NewTask;

    use super::{add, next};
    use crate::WorkflowQueue;

    /// Two processes read the same tasks, and both added them.
    #[test]
    fn sums_of_tasks_that_another_process_has_added_are_not_added() {
        let folder = tempfile::tempdir().unwrap();
        let queue = WorkflowQueue::open(folder.path().join("q.db")).unwrap();
        queue.enqueue(vec![NewTask::shell("a", "true"); 3]).unwrap();
        let now = queue.now().wall;
        for _ in 0..2 {
            let read = || queue.database().read(|connection| next(connection, now));
            let (first, second) = (read().unwrap(), read().unwrap());
            for batch in [first, second] {
                let database = queue.database();
                database
                    .write(move |connection| add(connection, &batch, now))
                    .unwrap();
            }
            let sums = queue.rollups(Span::All, Timestamp(0)).unwrap();
            assert_eq!(sums[0].sums.enqueued, 3);
        }
    }
}
