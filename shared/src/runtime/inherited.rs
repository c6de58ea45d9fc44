//! What a process is started with and a worker cannot use as it is.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// Descriptors of one slot: a command's two pipes, its pidfd and its log.
const SLOT_DESCRIPTORS: u64 = 4;
/// Descriptors of everything else: the database, other workers, sockets, what commands are given.
const BASE_DESCRIPTORS: u64 = 128;

/// The soft limit on open files that this process was started with, once it has another.
static STARTED_WITH: OnceLock<u64> = OnceLock::new();

/// Raises the soft limit on open files as far as so many slots need it, and as the system allows.
/// What is started from then on is given the limit of before.
pub(super) fn need_descriptors(slots: u64) {
    let limit = getrlimit(Resource::Nofile);
    let needed = slots * SLOT_DESCRIPTORS + BASE_DESCRIPTORS;
    let needed = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let Some(before) = limit.current.filter(|current| *current < needed) else {
        return;
    };
    // Kept first: what another thread starts meanwhile is given this one too.
    let _ = STARTED_WITH.set(before);
    let raised = Rlimit {
        current: Some(needed),
        maximum: limit.maximum,
    };
    // Where it is refused, starting commands says what is short.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// The soft limit on open files for what this process starts, if it is not this process's own.
pub(super) fn descriptors() -> Option<u64> {
    STARTED_WITH.get().copied()
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
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
