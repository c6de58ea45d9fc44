//! Operations that fail on purpose.

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A write, with an I/O error.
    Write,
    /// A write, because the disk is full.
    Full,
    /// A sync.
    Sync,
    /// A read.
    Read,
    /// A change of a file's size.
    Truncate,
    /// The question how large a file is.
    Size,
    /// The removal of a name.
    Delete,
    /// The opening of a file.
    Open,
    /// A lock on the database.
    Lock,
    /// A piece of the memory shared by those who use the log.
    SharedMemory,
    /// A lock in that memory.
    SharedLock,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 11] = [
        Self::Write,
        Self::Full,
        Self::Sync,
        Self::Read,
        Self::Truncate,
        Self::Size,
        Self::Delete,
        Self::Open,
        Self::Lock,
        Self::SharedMemory,
        Self::SharedLock,
    ];
}

impl Kind {
    /// Its name, for a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "of writes",
            Self::Full => "of writes, the disk being full",
            Self::Sync => "of syncs",
            Self::Read => "of reads",
            Self::Truncate => "of truncations",
            Self::Size => "of sizes",
            Self::Delete => "of removals",
            Self::Open => "of openings",
            Self::Lock => "of locks",
            Self::SharedMemory => "of shared memory",
            Self::SharedLock => "of locks in shared memory",
        }
    }
}

/// A failure to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What fails.
    pub kind: Kind,
    /// The how many-th operation of its kind from now on; the first is 1.
    pub nth: u64,
    /// Whether every later one fails too, until the disk is mended.
    pub for_good: bool,
}

impl Fault {
    /// The nth operation fails, and no other.
    pub fn once(kind: Kind, nth: u64) -> Self {
        let for_good = false;
        Self {
            kind,
            nth,
            for_good,
        }
    }

    /// The nth operation fails, and every later one.
    pub fn for_good(kind: Kind, nth: u64) -> Self {
        let for_good = true;
        Self {
            kind,
            nth,
            for_good,
        }
    }
}

/// The armed fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    armed: Option<Fault>,
    pub(super) seen: u64,
    pub(super) struck: u64,
}

impl Faults {
    pub(super) fn arm(&mut self, fault: Fault) {
        *self = Self {
            armed: Some(fault),
            ..Self::default()
        };
    }

    pub(super) fn disarm(&mut self) {
        self.armed = None;
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    pub(super) fn check(&mut self, kind: Kind) -> Result<(), Kind> {
        let Some(fault) = self.armed.filter(|fault| fault.kind == kind) else {
            return Ok(());
        };
        self.seen += 1;
        let strikes = self.seen == fault.nth || (fault.for_good && self.seen > fault.nth);
        if strikes {
            self.struck += 1;
            return Err(kind);
        }
        Ok(())
    }
}
