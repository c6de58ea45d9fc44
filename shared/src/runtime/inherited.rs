//! What a process is started with and a worker cannot use as it is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// Raises the soft limit on open files to the hard one; returns what it was, if it changed.
pub(super) fn raise_descriptors() -> Option<Rlimit> {
    let before = getrlimit(Resource::Nofile);
    if before.current == before.maximum {
        return None;
    }
    let raised = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    setrlimit(Resource::Nofile, raised).ok().map(|()| before)
}

/// A process started with SIGCHLD ignored hands that on, and the system then reaps its children
/// itself and forgets how they ended. Any handler of ours undoes that.
pub(super) fn heed_sigchld() -> Result<()> {
    let signal = signal_hook::consts::SIGCHLD;
    if is_ignored(signal) {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|error| Error::io("cannot stop ignoring SIGCHLD", error))?;
    }
    Ok(())
}

/// Whether this process ignores a signal, which it was told to before it was started.
pub(super) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
