//! The hooks of the dashboard.

use queue_core::error::Result;
use queue_core::task::TaskId;
use queue_core::web::{HookRow, LetterRow};
use workflow_queue::{DeadLetter, Hook, WorkflowQueue};

pub(super) fn read(queue: &WorkflowQueue) -> Result<Vec<HookRow>> {
    Ok(queue.hooks().list()?.into_iter().map(row).collect())
}

fn row(hook: Hook) -> HookRow {
    HookRow {
        standing: hook.standing,
        events: hook.kinds.iter().map(|kind| kind.name()).collect(),
        queues: hook.queues,
        target: match hook.target {
            Ok(target) => target.to_string(),
            Err(reason) => reason,
        },
        is_signed: hook.is_signed,
        limit: hook.limit,
        added_at: hook.added_at,
        position: hook.at.to_string(),
        next_try_at: hook.next_try_at,
        last_at: hook.last_at,
        last_error: hook.last_error,
    }
}

pub(super) fn read_letters(queue: &WorkflowQueue, name: &str, most: u32) -> Result<Vec<LetterRow>> {
    let letters = queue.hooks().dead_letters(Some(name), most)?;
    Ok(letters.into_iter().map(letter_row).collect())
}

fn letter_row(letter: DeadLetter) -> LetterRow {
    let event: serde_json::Value = serde_json::from_str(&letter.body).unwrap_or_default();
    LetterRow {
        id: letter.id,
        at: letter.at,
        kind: letter.kind,
        task: event["data"]["task"].as_i64().map(TaskId),
        body: letter.body,
        error: letter.error,
        is_wanted: letter.is_wanted,
    }
}
