//! How to open a database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::random::{Random, SystemRandom};

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Any crash of the process, kill -9 included; a power cut may lose the last moments
    /// (`synchronous=NORMAL`).
    Fast,
    /// A power cut too: acknowledged means on disk (`synchronous=FULL`).
    Full,
}

/// How to open a database.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, set by name on an options struct"
)]
pub struct OpenOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Create the file if it is missing, and the queue's tables in it.
    pub create: bool,
    /// Never change the file, not even its schema.
    pub read_only: bool,
    /// How long a write waits for other processes before it is refused as busy.
    pub busy_timeout: Duration,
    /// Open it even on a network file system, where locks may lie. That is safe only as long as no
    /// other machine opens the file.
    pub force_network_fs: bool,
    /// The magic number of the file system that holds a path, as statfs(2) knows it.
    pub file_system: fn(&Path) -> Option<i64>,
    /// The process does one thing and ends: no pool of readers, no background thread, and the
    /// write-ahead log is left to others unless it has grown.
    pub one_shot: bool,
    /// The registered `SQLite` VFS that the database and its log are opened on; `None` for the
    /// system's. The folder beside the file is the system's in any case. For tests whose disk fails.
    pub vfs: Option<String>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
}

impl OpenOptions {
    /// Creates a missing file, writes at `durability`, waits five seconds, system clock and
    /// randomness.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(durability: Durability) -> Result<Self> {
        Ok(Self {
            durability,
            create: true,
            read_only: false,
            busy_timeout: Duration::from_secs(5),
            force_network_fs: false,
            file_system: magic_number,
            one_shot: false,
            vfs: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()?),
        })
    }
}

/// What the system says of the file system that holds `path`.
fn magic_number(path: &Path) -> Option<i64> {
    let found = rustix::fs::statfs(path).ok()?;
    Some(found.f_type & 0xffff_ffff)
}
