//! How a store is opened.

use std::time::Duration;

use queue_core::error::Result;
use queue_core::sqlite::{Durability, OpenOptions};

/// How to open a file.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// What both engines ask.
    pub open: OpenOptions,
    /// How long a claim is held without a heartbeat: one second to one day.
    pub lease: Duration,
}

impl SqliteOptions {
    /// Acknowledged means on disk; leases of 30 seconds.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new() -> Result<Self> {
        Ok(Self {
            open: OpenOptions::new(Durability::Full)?,
            lease: Duration::from_secs(30),
        })
    }
}
