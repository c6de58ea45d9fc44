//! Held: reads the state of claims.

use rusqlite::{Connection, OptionalExtension};

use super::super::statement;
use crate::claim::{Claim, Held};
use crate::error::Result;

const HELD: &str = statement(include_str!("../../../queries/held.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("held", HELD)];

/// State of each claim.
pub fn held(connection: &Connection, claims: &[Claim]) -> Result<Vec<Held>> {
    let mut query = connection.prepare_cached(HELD)?;
    let mut held = Vec::with_capacity(claims.len());
    for claim in claims {
        let found: Option<Option<i64>> = query
            .query_row((claim.task.0, claim.token, claim.worker.0), |row| {
                row.get(0)
            })
            .optional()?;
        held.push(match found {
            None => Held::Lost,
            Some(None) => Held::Held,
            Some(Some(_)) => Held::CancelRequested,
        });
    }
    Ok(held)
}
