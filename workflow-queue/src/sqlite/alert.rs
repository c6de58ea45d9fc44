//! Alerts: the statements that read them, set them and store their states.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::{Alert, AlertChange, AlertKind, AlertPhase, AlertRule, AlertState};
use queue_core::sqlite::rows;
use rusqlite::Connection;

use super::statements::{ALERT_DELETE, ALERT_LIST, ALERT_PUT, ALERT_STATE};
use super::transaction::Writing;
use crate::slice::Slice as _;

/// All alerts, by name. Those of a kind that only a newer version knows are left out.
pub(crate) fn alerts(connection: &Connection) -> Result<Vec<Alert>> {
    let found = rows::all(connection, ALERT_LIST, [], |row| {
        let Some(kind) = AlertKind::of_code(row.get(1)?) else {
            return Ok(None);
        };
        let rule = AlertRule::new(row.get::<_, String>(0)?, kind, row.get(3)?)
            .queue(row.get(2)?)
            .clear(row.get(4)?)
            .times(row.get(5)?, row.get(6)?);
        let state = AlertState {
            phase: AlertPhase::of_code(row.get(7)?),
            since: Timestamp(row.get(8)?),
            clear_since: rows::time(row, 9)?,
            value: row.get(10)?,
        };
        Ok(Some(Alert::new(rule, state, row.get(11)?)))
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// Sets an alert. Returns true if that changed anything.
pub(crate) fn set(writing: &mut Writing<'_>, rule: &AlertRule) -> Result<bool> {
    let mut put = writing.slice.connection.prepare_cached(ALERT_PUT)?;
    let changed = put.execute((
        &rule.name,
        rule.kind.code(),
        &rule.queue,
        rule.over,
        rule.clear,
        rule.for_ms,
        rule.keep_ms,
    ))?;
    if changed > 0 {
        let data = serde_json::json!({
            "alert": rule.name,
            "kind": rule.kind.as_str(),
            "queue": rule.queue,
            "over": rule.over,
            "clear": rule.clear,
            "for_ms": rule.for_ms,
            "keep_ms": rule.keep_ms,
        });
        writing.slice.note(EventKind::AlertSet, &data)?;
    }
    Ok(changed > 0)
}

/// Removes an alert. Returns true if there was one.
pub(crate) fn remove(writing: &mut Writing<'_>, name: &str) -> Result<bool> {
    let mut delete = writing.slice.connection.prepare_cached(ALERT_DELETE)?;
    let removed = delete.execute([name])? > 0;
    if removed {
        let data = serde_json::json!({ "alert": name });
        writing.slice.note(EventKind::AlertRemoved, &data)?;
    }
    Ok(removed)
}

/// Stores the next state of an alert, and tells of its change. Returns false if somebody else has changed
/// the alert since it was read.
pub(crate) fn record(
    writing: &mut Writing<'_>,
    alert: &Alert,
    next: AlertState,
    change: Option<AlertChange>,
) -> Result<bool> {
    let rule = &alert.rule;
    let mut store = writing.slice.connection.prepare_cached(ALERT_STATE)?;
    let stored = store.execute((
        &rule.name,
        alert.revision,
        next.phase.code(),
        next.since.0,
        next.clear_since.map(|at| at.0),
        next.value,
    ))?;
    if stored == 0 {
        return Ok(false);
    }
    if let Some(change) = change {
        let kind = match change {
            AlertChange::Fired => EventKind::AlertFired,
            AlertChange::Cleared => EventKind::AlertCleared,
        };
        let data = serde_json::json!({
            "alert": rule.name,
            "kind": rule.kind.as_str(),
            "queue": rule.queue,
            "value": next.value,
            "over": rule.over,
        });
        writing.slice.note(kind, &data)?;
    }
    Ok(true)
}
