//! Operations that fail on request.

/// Operations that can fail.
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
    /// A resize of a file.
    Truncate,
    /// A query of a file's size.
    Size,
    /// A removal of a name.
    Delete,
    /// The opening of a file.
    Open,
    /// A lock on the database.
    Lock,
    /// A region of the log's shared memory.
    SharedMemory,
    /// A lock in that shared memory.
    SharedLock,
}

impl Kind {
    /// All kinds.
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
    /// Name for a table.
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

/// A failure to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Operation that fails.
    pub kind: Kind,
    /// Ordinal of the operation among those of its kind from now on, starting at 1.
    pub nth: u64,
    /// Every later operation fails too, until the disk is mended.
    pub for_good: bool,
}

impl Fault {
    /// Fault that fails the nth operation only.
    pub fn once(kind: Kind, nth: u64) -> Self {
        let for_good = false;
        Self {
            kind,
            nth,
            for_good,
        }
    }

    /// Fault that fails the nth operation and every later one.
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
