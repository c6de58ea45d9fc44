//! Boot id of this machine.

use crate::error::{Error, Result};

/// Reads the id of the machine's current boot.
///
/// # Errors
/// When `/proc` does not show it.
pub fn boot_id() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(Error::io(format!("cannot read {path}"), error)),
    }
}
