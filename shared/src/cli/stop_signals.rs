//! Signals that ask a process to stop, as a flag.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Error, Result};
use crate::runtime::stop::is_ignored;

/// Sets `stop` at SIGTERM, SIGINT and SIGHUP, unless this process was started with the signal ignored. A
/// second one ends the process.
///
/// # Errors
/// If the system refuses a handler.
pub fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    let refused = |error| Error::io("cannot catch signals", error);
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        if is_ignored(signal) {
            continue;
        }
        // The first one finds the flag unset.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(stop))
            .map_err(refused)?;
        signal_hook::flag::register(signal, Arc::clone(stop)).map_err(refused)?;
    }
    Ok(())
}
