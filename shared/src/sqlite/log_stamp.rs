//! State of the log as the file system shows it, for callers that only need to know if any process
//! has written: one `stat`, whereas asking `SQLite` takes locks and touches some fifty pages of
//! memory. Opens nothing: closing a file would drop the locks of this process on it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::clock::Timestamp;

/// Age of the last write, in milliseconds, from which the next one certainly changes the stamp. The
/// time of a write is that of the kernel's last tick, and the coarsest file systems store only
/// every second second, so two writes close to each other may have the same time.
const TICK_MS: i64 = 3000;

/// State of a log. Every commit changes it, and many other events do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogStamp {
    inode: u64,
    size: u64,
    seconds: i64,
    nanos: i64,
}

impl LogStamp {
    /// Stamp of the log at `path`; `None` if there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            size: metadata.size(),
            seconds: metadata.mtime(),
            nanos: metadata.mtime_nsec(),
        })
    }

    /// Size of the log in bytes.
    pub(super) const fn bytes(&self) -> u64 {
        self.size
    }

    /// True if a write after `now`, which the system's clock showed before this stamp was read,
    /// certainly changes it.
    pub(super) const fn is_settled(self, now: Timestamp) -> bool {
        let written = self
            .seconds
            .saturating_mul(1000)
            .saturating_add(self.nanos / 1_000_000);
        now.0.saturating_sub(written) >= TICK_MS
    }
}

#[cfg(test)]
mod tests {
    use super::LogStamp;
    use crate::clock::Timestamp;

    #[test]
    fn only_an_old_write_is_told_from_the_next() {
        let stamp = LogStamp {
            inode: 1,
            size: 0,
            seconds: 10,
            nanos: 500_000_000,
        };
        assert!(!stamp.is_settled(Timestamp(10_500)));
        assert!(!stamp.is_settled(Timestamp(13_499)));
        assert!(stamp.is_settled(Timestamp(13_500)));
        assert!(!stamp.is_settled(Timestamp(0)), "the clock was set back");
    }
}
