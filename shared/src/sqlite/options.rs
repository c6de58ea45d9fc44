//! Options for opening a database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::journal::Actor;
use crate::random::{Random, SystemRandom};

/// Crashes that an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Any crash of the process, including kill -9. A power cut may lose the last moments
    /// (`synchronous=NORMAL`).
    Fast,
    /// A power cut too: acknowledged means on disk (`synchronous=FULL`).
    Full,
}

/// Options for opening a database.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, set by name on an options struct"
)]
pub struct OpenOptions {
    /// Crashes that an acknowledged write survives.
    pub durability: Durability,
    /// True to create a missing file, and the queue's tables in it.
    pub create: bool,
    /// True to change nothing in the file, not even its schema.
    pub read_only: bool,
    /// Longest wait of a write for other processes before it is refused as busy.
    pub busy_timeout: Duration,
    /// True to open it even on a network file system, where locks may be wrong. That is safe only
    /// while no other machine opens the file.
    pub force_network_fs: bool,
    /// Magic number of the file system that holds a path, as statfs(2) returns it.
    pub file_system: fn(&Path) -> Option<i64>,
    /// True for a process that does one thing and ends: no pool of readers, no background thread,
    /// and the write-ahead log is left to others unless it has grown.
    pub one_shot: bool,
    /// Registered `SQLite` VFS for the database and its log; `None` for the system's. The folder
    /// beside the file always uses the system's. For tests with a failing disk.
    pub vfs: Option<String>,
    /// Who asks for changes, and through which program. The event log tells it; without one it tells
    /// only of the changes.
    pub actor: Option<Actor>,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
    /// Source of random numbers.
    pub random: Arc<dyn Random>,
}

impl OpenOptions {
    /// Options that create a missing file, write at `durability`, wait five seconds, and use the
    /// clock and the random numbers of the system.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
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
            actor: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()?),
        })
    }

    /// Sets the crashes that an acknowledged write survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets if a missing file is created.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets if nothing in the file is changed.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Sets the longest wait of a write for other processes.
    #[must_use]
    pub fn busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }

    /// Sets if a file on a network file system is opened.
    #[must_use]
    pub fn force_network_fs(mut self, force_network_fs: bool) -> Self {
        self.force_network_fs = force_network_fs;
        self
    }

    /// Sets the source of magic numbers of file systems.
    #[must_use]
    pub fn file_system(mut self, file_system: fn(&Path) -> Option<i64>) -> Self {
        self.file_system = file_system;
        self
    }

    /// Sets if the process does one thing and ends.
    #[must_use]
    pub fn one_shot(mut self, one_shot: bool) -> Self {
        self.one_shot = one_shot;
        self
    }

    /// Sets who asks for changes, and through which program.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Sets the registered `SQLite` VFS.
    #[must_use]
    pub fn vfs(mut self, vfs: impl Into<String>) -> Self {
        self.vfs = Some(vfs.into());
        self
    }

    /// Sets the source of time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of random numbers.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }
}

/// Magic number of the file system that holds `path`.
fn magic_number(path: &Path) -> Option<i64> {
    let found = rustix::fs::statfs(path).ok()?;
    Some(found.f_type & 0xffff_ffff)
}
