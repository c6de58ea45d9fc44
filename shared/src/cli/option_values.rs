//! Parsers of option values that several verbs and the lines of standard input use.

use std::path::Path;
use std::time::Duration;

use super::{moment, number};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::options::{TaskOptions, check_shell};

/// Reads a priority.
pub(super) fn priority(text: &str) -> Result<i32, String> {
    let refused = |_| format!("a priority is {}", number::form(&(i32::MIN..=i32::MAX)));
    text.parse().map_err(refused)
}

/// Reads an exit code.
pub(super) fn exit_code(text: &str) -> Result<i32, String> {
    text.parse()
        .ok()
        .filter(|code| (0..=255).contains(code))
        .ok_or_else(|| "an exit code is a number from 0 to 255".to_owned())
}

/// Reads a shell's name.
pub(super) fn shell(text: &str) -> Result<String, String> {
    check_shell(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Reads a moment in this machine's time zone.
pub(super) fn at(text: &str, now: Timestamp) -> Result<Timestamp> {
    moment::parse(text, now, &jiff::tz::TimeZone::system())
        .map_err(|sentence| Error::invalid(format!("--at {text}: {sentence}")))
}

/// Sets the first backoff, and raises the longest one to it if that is shorter.
pub(super) fn set_backoff(options: &mut TaskOptions, backoff: Duration) {
    options.backoff_ms = millis(backoff);
    options.max_backoff_ms = options.max_backoff_ms.max(options.backoff_ms);
}

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A folder as an absolute path, so that it means the same to a worker started elsewhere.
pub(super) fn folder(path: &str) -> Result<String> {
    if path.is_empty() {
        return Err(Error::invalid(
            "the folder to run in is empty; name one, or leave it out for the current one",
        ));
    }
    let absolute = std::path::absolute(Path::new(path)).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Error::invalid("the current folder was deleted; call this from one that exists")
        } else {
            Error::io(format!("cannot find the folder {path}"), error)
        }
    })?;
    absolute.into_os_string().into_string().map_err(|_| {
        Error::invalid("the folder's path is not valid UTF-8; choose another with --cwd")
    })
}
