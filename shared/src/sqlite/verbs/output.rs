//! Output: reads and stores the output of a task's attempts.

use rusqlite::{Connection, OptionalExtension};

use super::super::{rows, statement};
use crate::claim::Claim;
use crate::error::Result;
use crate::output::{KEPT_OUTPUTS, Output};
use crate::task::TaskId;

const OUTPUT: &str = statement(include_str!("../../../queries/output.sql"));
const OUTPUT_OF: &str = statement(include_str!("../../../queries/output_of.sql"));
const OUTPUT_STORE: &str = statement(include_str!("../../../queries/output_store.sql"));
const OUTPUT_DELETE: &str = statement(include_str!("../../../queries/output_delete.sql"));
const OUTPUT_KEEP: &str = statement(include_str!("../../../queries/output_keep.sql"));
const OUTPUT_FORGET: &str = statement(include_str!("../../../queries/output_forget.sql"));
const ATTEMPT_OF: &str = statement(include_str!("../../../queries/output_attempt.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("output", OUTPUT),
    ("output_of", OUTPUT_OF),
    ("output_store", OUTPUT_STORE),
    ("output_delete", OUTPUT_DELETE),
    ("output_keep", OUTPUT_KEEP),
    ("output_forget", OUTPUT_FORGET),
    ("output_attempt", ATTEMPT_OF),
];

/// Token of a task's first claim, unless the file has been restored.
const FIRST_TOKEN: i64 = 1;

/// Output stored with a task's last settle.
pub fn output(connection: &Connection, id: TaskId) -> Result<Option<Output>> {
    let mut query = connection.prepare_cached(OUTPUT)?;
    let frames = query.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(frames.map(Output))
}

/// Output stored of one attempt.
pub fn output_of(connection: &Connection, id: TaskId, attempt: u32) -> Result<Option<Output>> {
    let frames = rows::all(
        connection,
        OUTPUT_OF,
        (id.0, attempt),
        |row| Ok(row.get(0)?),
    )?;
    Ok(frames.into_iter().next().map(Output))
}

/// Number of the attempt of a claim, before it is settled. A first claim is the first attempt; for
/// another, the row is read.
pub fn attempt_of(connection: &Connection, claim: Claim) -> Result<u32> {
    if claim.token == FIRST_TOKEN {
        return Ok(1);
    }
    let mut query = connection.prepare_cached(ATTEMPT_OF)?;
    Ok(query.query_row([claim.task.0], |row| row.get(0))?)
}

/// Stores the output of that attempt under this claim. Keeps the outputs of the attempts before it,
/// of the last [`KEPT_OUTPUTS`]. A first claim has none before it.
pub fn store_output(
    connection: &Connection,
    claim: Claim,
    attempt: u32,
    output: Option<&Output>,
) -> Result<()> {
    let task = claim.task.0;
    if claim.token > FIRST_TOKEN {
        connection
            .prepare_cached(OUTPUT_KEEP)?
            .execute((task, attempt))?;
        if attempt > KEPT_OUTPUTS {
            connection
                .prepare_cached(OUTPUT_FORGET)?
                .execute((task, attempt - KEPT_OUTPUTS))?;
        }
        if output.is_none() {
            connection.prepare_cached(OUTPUT_DELETE)?.execute([task])?;
        }
    }
    if let Some(output) = output {
        connection
            .prepare_cached(OUTPUT_STORE)?
            .execute((task, &output.0, attempt))?;
    }
    Ok(())
}

/// Deletes the outputs of all attempts of a task.
pub(super) fn forget_outputs(connection: &Connection, id: TaskId) -> Result<()> {
    connection.prepare_cached(OUTPUT_DELETE)?.execute([id.0])?;
    connection
        .prepare_cached(OUTPUT_FORGET)?
        .execute((id.0, u32::MAX))?;
    Ok(())
}
