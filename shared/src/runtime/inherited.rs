//! Inherited process state that a worker has to change: the limit on open files and an ignored
//! SIGCHLD.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// Descriptors of one slot: a command's two pipes, its pidfd and two files of its log.
const SLOT_DESCRIPTORS: u64 = 5;
/// Descriptors of everything else: the database, other workers, sockets, input folders.
const BASE_DESCRIPTORS: u64 = 128;

/// Soft limit on open files that this process was started with; set once the limit is raised.
static STARTED_WITH: OnceLock<u64> = OnceLock::new();

/// Raises the soft limit on open files as far as so many slots need it, and as the system allows.
/// Programs started from then on get the original limit.
pub(super) fn need_descriptors(slots: u64) {
    let limit = getrlimit(Resource::Nofile);
    let needed = slots * SLOT_DESCRIPTORS + BASE_DESCRIPTORS;
    let needed = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let Some(before) = limit.current.filter(|current| *current < needed) else {
        return;
    };
    // Set first, so that a program that another thread starts meanwhile gets this one too.
    let _ = STARTED_WITH.set(before);
    let raised = Rlimit {
        current: Some(needed),
        maximum: limit.maximum,
    };
    // If it is refused, the start of a command reports the shortage.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Soft limit on open files for started programs; `None` if it is this process's own.
pub(super) fn descriptors() -> Option<u64> {
    STARTED_WITH.get().copied()
}

/// Undoes an ignored SIGCHLD, which a process inherits: the system would reap its children and
/// discard their exit codes. Installing any handler is enough.
pub(super) fn heed_sigchld() -> Result<()> {
    let signal = signal_hook::consts::SIGCHLD;
    if is_ignored(signal) {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))
            .map_err(|error| Error::io("cannot stop ignoring SIGCHLD", error))?;
    }
    Ok(())
}

/// Returns true if this process was started with that signal ignored.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
