//! Ids of workers as people write them.

use crate::claim::WorkerId;

/// Reads the id of a worker.
///
/// # Errors
/// A sentence that says how to write it.
pub(super) fn parse(text: &str) -> Result<WorkerId, String> {
    WorkerId::parse(text)
        .ok_or_else(|| "a worker has 16 hexadecimal digits; `workers` shows them".to_owned())
}
