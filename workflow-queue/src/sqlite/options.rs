//! The options to open a file.

use std::time::Duration;

use queue_core::error::Result;
use queue_core::sqlite::{Durability, OpenOptions};

/// The options to open a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// The options of both engines.
    pub open: OpenOptions,
    /// Duration of a lease without a heartbeat: one second to one day.
    pub lease: Duration,
}

impl SqliteOptions {
    /// The defaults: a commit is on disk before it is acknowledged, and a lease lasts 30 seconds.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn new() -> Result<Self> {
        Ok(Self {
            open: OpenOptions::new(Durability::Full)?,
            lease: Duration::from_secs(30),
        })
    }

    /// Sets the options of both engines.
    #[must_use]
    pub fn open(mut self, open: OpenOptions) -> Self {
        self.open = open;
        self
    }

    /// Sets the duration of a lease without a heartbeat.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }
}
