//! The hooks of a file, as their deliverer reads and changes them.

use std::sync::Arc;

use queue_core::clock::{Now, Timestamp};
use queue_core::coordination::Coordination;
use queue_core::error::Result;
use queue_core::journal::{Cursor, EventKind, EventPage};
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use queue_core::watch::deliver::{
    Choice, HookChange, HookId, HookProgress, HookStore, KeptLetter, Letter, StoredHook,
};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::queue::WorkflowQueue;
use crate::slice::Slice as _;
use crate::sqlite::hooks::{kinds, limit, target, words};
use crate::sqlite::statements::{
    DEAD_LETTER_DELETE, DEAD_LETTER_GET, DEAD_LETTER_KEEP, DEAD_LETTER_PUT, HOOK_AGAIN,
    HOOK_BURIED, HOOK_DELIVERED, HOOK_FAILED, HOOK_PASS, HOOK_TARGETS,
};
use crate::sqlite::transaction::Writing;

impl HookStore for WorkflowQueue {
    fn now(&self) -> Now {
        self.database().now()
    }

    fn coordination(&self) -> &Arc<dyn Coordination> {
        self.database().coordination()
    }

    fn change_counter(&self) -> Result<i64> {
        self.database().change_counter()
    }

    fn source(&self) -> Result<String> {
        Self::source(self)
    }

    fn hooks(&self) -> Result<Vec<StoredHook>> {
        let found = self.read(|connection| rows::all(connection, HOOK_TARGETS, [], stored))?;
        Ok(found.into_iter().flatten().collect())
    }

    fn events(&self, after: Cursor, limit: usize) -> Result<EventPage> {
        self.events_after(&after, limit)
    }

    fn dead_letter(&self, hook: HookId, letter: i64) -> Result<Option<KeptLetter>> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(DEAD_LETTER_GET)?;
            let found = query.query_row((hook, letter), |row| {
                Ok(KeptLetter {
                    event: row.get(0)?,
                    kind: row.get(1)?,
                    body: row.get(2)?,
                })
            });
            Ok(found.optional()?)
        })
    }

    fn record(&self, hook: HookId, from: Cursor, change: &HookChange) -> Result<bool> {
        let change = change.clone();
        self.write(move |writing| {
            let now = writing.now().wall;
            let changed = apply(writing.slice.connection, (hook, from), &change, now)?;
            if changed && let HookChange::Buried { letter, reason } = &change {
                note_dead(writing, hook, (letter, reason))?;
            }
            Ok(changed)
        })
    }
}

/// A hook of a row; `None` for one that this version cannot read, which stays as it is.
fn stored(row: &Row<'_>) -> Result<Option<StoredHook>> {
    let mut at = Cursor::start(row.get(15)?);
    at.seq = row.get(9)?;
    at.task = TaskId(row.get(10)?);
    let secret: Option<String> = row.get(8)?;
    let secret = secret.map(|secret| secret.parse()).transpose();
    let (Ok(target), Ok(secret)) = (target(row, 4)?, secret) else {
        return Ok(None);
    };
    let mut progress = HookProgress::new(row.get(0)?, at);
    progress.is_paused = row.get(11)?;
    progress.failures = row.get(12)?;
    progress.next_try_at = rows::time(row, 13)?;
    progress.wanted = row.get(14)?;
    let kinds = kinds(&row.get::<_, String>(2)?);
    let queues = words(&row.get::<_, String>(3)?);
    Ok(Some(StoredHook {
        progress,
        choice: Choice::new(row.get::<_, String>(1)?, kinds).queues(queues),
        target,
        secret,
        limit: limit(row.get(7)?),
    }))
}

/// Changes the row of a hook that still is at that position. Returns true if it did.
fn apply(
    connection: &Connection,
    (hook, from): (HookId, Cursor),
    change: &HookChange,
    now: Timestamp,
) -> Result<bool> {
    let at = (hook, from.seq, from.task.0);
    let changed = match change {
        HookChange::Passed(to) => {
            let mut update = connection.prepare_cached(HOOK_PASS)?;
            update.execute((at.0, at.1, at.2, to.seq, to.task.0))?
        }
        HookChange::Delivered(to) => {
            let mut update = connection.prepare_cached(HOOK_DELIVERED)?;
            update.execute((at.0, at.1, at.2, to.seq, to.task.0, now.0))?
        }
        HookChange::Failed {
            failures,
            next_try_at,
            reason,
            ..
        } => {
            let mut update = connection.prepare_cached(HOOK_FAILED)?;
            update.execute((at.0, at.1, at.2, failures, next_try_at.0, now.0, reason))?
        }
        HookChange::Buried { letter, reason } => {
            let to = letter.after;
            let mut update = connection.prepare_cached(HOOK_BURIED)?;
            let changed = update.execute((at.0, at.1, at.2, to.seq, to.task.0, now.0, reason))?;
            if changed > 0 {
                let mut put = connection.prepare_cached(DEAD_LETTER_PUT)?;
                let kind = letter.kind.name();
                put.execute((hook, now.0, &letter.id, kind, &letter.body, reason))?;
            }
            changed
        }
        HookChange::Redelivered(letter) => {
            let deleted = connection
                .prepare_cached(DEAD_LETTER_DELETE)?
                .execute((hook, letter))?;
            again(connection, hook, now, None)?;
            deleted
        }
        HookChange::Kept { letter, reason } => {
            let kept = connection
                .prepare_cached(DEAD_LETTER_KEEP)?
                .execute((hook, letter, now.0, reason))?;
            again(connection, hook, now, Some(reason))?;
            kept
        }
    };
    Ok(changed > 0)
}

fn again(
    connection: &Connection,
    hook: HookId,
    now: Timestamp,
    reason: Option<&str>,
) -> Result<()> {
    let mut update = connection.prepare_cached(HOOK_AGAIN)?;
    update.execute((hook, now.0, reason))?;
    Ok(())
}

/// Writes the event of a dead letter, unless the letter is such an event itself: two hooks that fail
/// would give each other work for ever.
fn note_dead(
    writing: &mut Writing<'_>,
    hook: HookId,
    (letter, reason): (&Letter, &str),
) -> Result<()> {
    if letter.kind == EventKind::HookDead {
        return Ok(());
    }
    let all = rows::all(writing.slice.connection, HOOK_TARGETS, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let name = all.into_iter().find(|(id, _)| *id == hook);
    let data = serde_json::json!({
        "hook": name.map(|(_, name)| name),
        "event": letter.id,
        "kind": letter.kind.name(),
        "error": reason,
    });
    writing.slice.note(EventKind::HookDead, &data)
}
