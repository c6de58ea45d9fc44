//! Hooks: the statements that read and write them and their dead letters.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::hook::{HookStanding, HookTarget};
use queue_core::journal::{Cursor, EventKind};
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use rusqlite::{Connection, OptionalExtension, Row};

use super::statements::{
    DEAD_LETTER_LIST, DEAD_LETTER_WANT, DEAD_LETTERS_REMOVE, HOOK_ADD, HOOK_COUNT, HOOK_FLOOR,
    HOOK_GET, HOOK_LIST, HOOK_PAUSE, HOOK_REMOVE, HOOK_SET,
};
use crate::hook::{DeadLetter, Hook, NewHook};

/// Number of a hook, and the time at which it was paused.
pub(crate) type Found = (i64, Option<Timestamp>);

/// Adds a hook at the end of the log.
pub(crate) fn add(
    connection: &Connection,
    (id, new): (i64, &NewHook),
    now: Timestamp,
) -> Result<()> {
    let kinds: Vec<&str> = new.kinds.iter().map(|kind| kind.name()).collect();
    let (url, argv, cwd) = match &new.target {
        HookTarget::Url(url) => (Some(url.to_stored()), None, None),
        HookTarget::Command { argv, cwd } => (None, Some(json(argv)?), cwd.clone()),
        _ => return Err(Error::invalid("this target is not known here")),
    };
    connection.prepare_cached(HOOK_ADD)?.execute((
        id,
        &new.name,
        json(&kinds)?,
        json(&new.queues)?,
        url,
        argv,
        cwd,
        i64::try_from(new.limit.as_millis()).unwrap_or(i64::MAX),
        new.secret
            .as_ref()
            .map(queue_core::hook::HookSecret::to_stored),
        now.0,
    ))?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Bug {
        what: format!("a hook is no JSON: {error}"),
    })
}

/// Number of hooks.
pub(crate) fn count(connection: &Connection) -> Result<i64> {
    let mut query = connection.prepare_cached(HOOK_COUNT)?;
    Ok(query.query_row([], |row| row.get(0))?)
}

/// The lowest position of all hooks; `None` without hooks.
pub(crate) fn floor(connection: &Connection) -> Result<Option<i64>> {
    let mut query = connection.prepare_cached(HOOK_FLOOR)?;
    Ok(query.query_row([], |row| row.get(0))?)
}

/// The hook of that name.
pub(crate) fn find(connection: &Connection, name: &str) -> Result<Option<Found>> {
    let mut query = connection.prepare_cached(HOOK_GET)?;
    let found = query.query_row([name], |row| {
        let paused_at: Option<i64> = row.get(1)?;
        Ok((row.get(0)?, paused_at.map(Timestamp)))
    });
    Ok(found.optional()?)
}

/// Pauses a hook, or lets it go on.
pub(crate) fn pause(connection: &Connection, hook: i64, at: Option<Timestamp>) -> Result<()> {
    let mut update = connection.prepare_cached(HOOK_PAUSE)?;
    update.execute((hook, at.map(|at| at.0)))?;
    Ok(())
}

/// Removes a hook and its dead letters.
pub(crate) fn remove(connection: &Connection, hook: i64) -> Result<()> {
    forget(connection, hook, None)?;
    connection.prepare_cached(HOOK_REMOVE)?.execute([hook])?;
    Ok(())
}

/// Sets the position of a hook.
pub(crate) fn set(connection: &Connection, hook: i64, at: Cursor) -> Result<()> {
    let mut update = connection.prepare_cached(HOOK_SET)?;
    update.execute((hook, at.seq, at.task.0))?;
    Ok(())
}

/// Lets dead letters be delivered again: one, or all. Returns their number.
pub(crate) fn want(connection: &Connection, hook: i64, letter: Option<i64>) -> Result<usize> {
    let mut update = connection.prepare_cached(DEAD_LETTER_WANT)?;
    Ok(update.execute((hook, letter))?)
}

/// Deletes dead letters: one, or all. Returns their number.
pub(crate) fn forget(connection: &Connection, hook: i64, letter: Option<i64>) -> Result<usize> {
    let mut delete = connection.prepare_cached(DEAD_LETTERS_REMOVE)?;
    Ok(delete.execute((hook, letter))?)
}

/// Up to `most` dead letters of a hook or of all, the oldest first.
pub(crate) fn dead_letters(
    connection: &Connection,
    hook: Option<&str>,
    most: u32,
) -> Result<Vec<DeadLetter>> {
    rows::all(connection, DEAD_LETTER_LIST, (hook, most), |row| {
        Ok(DeadLetter {
            id: row.get(0)?,
            hook: row.get(1)?,
            at: Timestamp(row.get(2)?),
            event: row.get(3)?,
            kind: row.get(4)?,
            body: row.get(5)?,
            error: row.get(6)?,
            is_wanted: row.get(7)?,
        })
    })
}

/// All hooks, by name.
pub(crate) fn list(connection: &Connection) -> Result<Vec<Hook>> {
    rows::all(connection, HOOK_LIST, [], |row| {
        let mut at = Cursor::start(row.get(23)?);
        at.seq = row.get(10)?;
        at.task = TaskId(row.get(11)?);
        let count =
            |index| -> Result<u64> { Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0)) };
        let mut standing = HookStanding::new(row.get::<_, String>(1)?);
        standing.paused_at = rows::time(row, 12)?;
        standing.failures = row.get(13)?;
        standing.delivered = count(17)?;
        standing.failed = count(18)?;
        standing.buried = count(19)?;
        standing.lag = count(20)?;
        standing.behind_since = rows::time(row, 21)?;
        standing.dead_letters = count(22)?;
        Ok(Hook {
            standing,
            kinds: kinds(&row.get::<_, String>(2)?),
            queues: words(&row.get::<_, String>(3)?),
            target: target(row, 4)?.map_err(|error| error.to_string()),
            is_signed: row.get(8)?,
            limit: limit(row.get(7)?),
            added_at: Timestamp(row.get(9)?),
            at,
            next_try_at: rows::time(row, 14)?,
            last_at: rows::time(row, 15)?,
            last_error: row.get(16)?,
        })
    })
}

/// The standing of every hook.
pub(crate) fn standings(connection: &Connection) -> Result<Vec<HookStanding>> {
    let hooks = list(connection)?.into_iter();
    Ok(hooks.map(|hook| hook.standing).collect())
}

/// Kinds by their names. Those of a newer version are left out.
pub(crate) fn kinds(text: &str) -> Vec<EventKind> {
    let names = words(text);
    names
        .iter()
        .filter_map(|name| EventKind::of(name))
        .collect()
}

/// Stored words; none if they cannot be read.
pub(crate) fn words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Stored milliseconds.
pub(crate) fn limit(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The target in the columns from `first` on: a URL, words and a folder.
pub(crate) fn target(row: &Row<'_>, first: usize) -> Result<Result<HookTarget>> {
    let url: Option<String> = row.get(first)?;
    if let Some(url) = url {
        return Ok(url.parse().map(HookTarget::Url));
    }
    let argv: Option<String> = row.get(first + 1)?;
    Ok(Ok(HookTarget::Command {
        argv: words(&argv.unwrap_or_default()),
        cwd: row.get(first + 2)?,
    }))
}
