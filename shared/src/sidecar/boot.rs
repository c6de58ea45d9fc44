//! The boot of this machine.

use crate::error::{Error, Result};

/// The id of this boot of the machine.
///
/// # Errors
/// When `/proc` does not say.
pub fn boot_id() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(Error::io(format!("cannot read {path}"), error)),
    }
}
