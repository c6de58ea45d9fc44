//! Signals that end a verb between two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Error, Result};

/// A request to stop. The first signal sets it, a second one ends the program at once.
#[derive(Debug)]
pub(super) struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn listen() -> Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let value = usize::try_from(number).unwrap_or_default();
            flag::register_conditional_default(number, Arc::clone(&asked))
                .and_then(|_| flag::register(number, Arc::clone(&asked)))
                .and_then(|_| flag::register_usize(number, Arc::clone(&signal), value))
                .map_err(|error| Error::io("cannot listen for signals", error))?;
        }
        Ok(Self { signal })
    }

    /// True once a signal came.
    pub(super) fn is_asked(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Ends the program as the signal would have ended it, if one came.
    pub(super) fn obey(&self) {
        if let Ok(number @ 1..) = i32::try_from(self.signal.load(Ordering::Relaxed)) {
            // This cannot fail for signals that can be caught; if it did, the verb would just
            // return.
            let _ = signal_hook::low_level::emulate_default_handler(number);
        }
    }
}
