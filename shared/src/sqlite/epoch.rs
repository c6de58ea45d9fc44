//! Epochs: each restore of a file to an earlier state begins one. No claim of one epoch is valid in
//! another, however alike they are: tokens start again far above the earlier ones, and ids continue
//! above the highest that was given out.

use rusqlite::{Connection, params};

use super::statement;
use crate::clock::Timestamp;
use crate::error::Result;

const PAST: &str = statement(include_str!("../../queries/restore/past.sql"));
const EPOCH: &str = statement(include_str!("../../queries/restore/epoch.sql"));
const HOLD_ID: &str = statement(include_str!("../../queries/restore/hold_id.sql"));
const HELD_ID_EVENT: &str = statement(include_str!("../../queries/restore/held_id_event.sql"));
const HELD_ID_HEAD: &str = statement(include_str!("../../queries/restore/held_id_head.sql"));
const FIRINGS: &str = statement(include_str!("../../queries/restore/firings.sql"));
const SCHEDULES: &str = statement(include_str!("../../queries/restore/schedules.sql"));
const EVENT: &str = statement(include_str!("../../queries/restore/event.sql"));
const ROLLUPS: &str = statement(include_str!("../../queries/restore/rollups.sql"));
const FOLDED: &str = statement(include_str!("../../queries/restore/folded.sql"));
const TOKENS: &str = statement(include_str!("../../queries/restore/tokens.sql"));

/// Bits of a token that count the claims of one task in one epoch. The epoch is in the bits above.
const TOKEN_BITS: u32 = 32;

/// Number of ids that are skipped if the file does not tell which were given out.
const UNKNOWN_IDS: i64 = 1_000_000;

/// Most epochs that are skipped if the file does not tell its own.
const UNKNOWN_EPOCHS: u64 = 1024;

/// Epoch and highest id of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watermark {
    epoch: i64,
    last_id: i64,
}

impl Watermark {
    /// Reads them from a connection's file.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        connection.query_row(PAST, [], |row| {
            Ok(Self {
                epoch: row.get(0)?,
                last_id: row.get(1)?,
            })
        })
    }

    /// Epoch and lowest last id for a file in this state that replaces one in state `replaced`;
    /// `None` for an unknown state.
    fn after(self, replaced: Option<Self>, random: u64) -> Self {
        let left_out = i64::try_from(random % UNKNOWN_EPOCHS).unwrap_or(0);
        let before = replaced.unwrap_or(Self {
            epoch: self.epoch.saturating_add(left_out),
            last_id: self.last_id.saturating_add(UNKNOWN_IDS),
        });
        Self {
            epoch: self.epoch.max(before.epoch).saturating_add(1),
            last_id: self.last_id.max(before.last_id),
        }
    }
}

/// Begins a new epoch, within the caller's transaction, in a file that replaces one in that state
/// (`None`: unknown). No task may run in it. Returns the epoch.
///
/// # Errors
/// The errors of `SQLite`.
pub(super) fn begin(
    connection: &Connection,
    replaced: Option<Watermark>,
    now: Timestamp,
    random: u64,
) -> Result<i64> {
    let own = Watermark::of(connection)?;
    let next = own.after(replaced, random);
    let has_log = connection.table_exists(None, "queue_events")?;
    connection.execute(EPOCH, [next.epoch])?;
    if next.last_id > own.last_id {
        connection.execute(HOLD_ID, params![next.last_id, now.0])?;
        if has_log {
            connection.execute(HELD_ID_EVENT, [next.last_id])?;
            connection.execute(HELD_ID_HEAD, [next.last_id])?;
        }
    }
    connection.execute(TOKENS, [next.epoch.saturating_mul(1 << TOKEN_BITS)])?;
    if connection.table_exists(None, "queue_schedules")? {
        connection.execute(FIRINGS, [now.0])?;
        connection.execute(SCHEDULES, [now.0])?;
    }
    if has_log {
        connection.execute(EVENT, params![now.0, next.epoch])?;
    }
    if connection.table_exists(None, "queue_folded")? {
        connection.execute(ROLLUPS, [])?;
        connection.execute(FOLDED, [])?;
    }
    Ok(next.epoch)
}

#[cfg(test)]
mod tests {
    use super::Watermark;

    const fn watermark(epoch: i64, last_id: i64) -> Watermark {
        Watermark { epoch, last_id }
    }

    #[test]
    fn neither_epochs_nor_ids_are_used_twice() {
        assert_eq!(
            watermark(0, 10).after(Some(watermark(0, 10)), 7),
            watermark(1, 10)
        );
        assert_eq!(
            watermark(0, 10).after(Some(watermark(4, 25)), 7),
            watermark(5, 25)
        );
        assert_eq!(
            watermark(6, 30).after(Some(watermark(4, 25)), 7),
            watermark(7, 30)
        );
    }

    #[test]
    fn unknown_epochs_and_ids_are_skipped_by_a_wide_margin() {
        let next = watermark(2, 10).after(None, 1023);
        assert_eq!(next, watermark(2 + 1023 + 1, 10 + 1_000_000));
        assert!(watermark(2, 10).after(None, 0).epoch > 2);
    }
}
