//! A small file system in memory, mounted in a private mount namespace.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::program::own;
use super::scratch::describe_exit;
use crate::Result;

/// Mounts a file system of that size at `folder` in a private mount namespace, runs a hidden verb of
/// `prove` there, and returns the verb's result. `None` if this user may not mount.
///
/// # Errors
/// When the verb fails.
pub fn within<T: serde::de::DeserializeOwned>(
    size: &str,
    folder: &Path,
    verb: &[&OsStr],
) -> Result<Option<T>> {
    let script = r#"mount -t tmpfs -o "size=$1" none "$2" || exit 99; shift 2; exec "$@""#;
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .args(["sh", "-c", script, "sh", size])
        .arg(folder)
        .arg(own()?)
        .arg("child")
        .args(verb)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        return Ok(None);
    };
    match output.status.code() {
        Some(0) => Ok(Some(serde_json::from_slice(&output.stdout)?)),
        Some(1 | 99) => Ok(None),
        _ => Err(describe_exit(&output).into()),
    }
}
