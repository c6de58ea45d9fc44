//! Length to which `SQLite` cuts the log, without threads or `SQLite`.
//!
//! `SQLite` cuts a log that is longer than `journal_size_limit` in the commit that starts it over,
//! and every writer waits for that commit. After a million tasks in one transaction, that took 30 ms.
//! So the limit follows a long log down: each start cuts off [`STEP`] frames.

/// Frames (4 KiB pages) that are never cut off: 16 MiB.
const LEAST: u32 = 4096;

/// Frames that one commit may cut off: 4 MiB.
const STEP: u32 = 1024;

/// Bytes of a frame: a page and its header.
const FRAME: i64 = 4096 + 24;

/// Limit of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogLimit {
    /// The limit.
    frames: u32,
    /// Frames in the log after the last commit.
    at: u32,
}

impl LogLimit {
    /// Limit of a new connection.
    pub(super) const fn new() -> Self {
        Self {
            frames: LEAST,
            at: 0,
        }
    }

    /// The limit in bytes.
    pub(super) fn bytes(&self) -> i64 {
        i64::from(self.frames) * FRAME
    }

    /// Takes in a commit that left the log at so many frames. Returns true if the limit has changed.
    pub(super) fn committed(&mut self, frames: u32) -> bool {
        let has_started_over = frames < self.at;
        self.at = frames;
        let before = self.frames;
        if has_started_over {
            self.frames = self.frames.saturating_sub(STEP).max(LEAST);
        }
        if frames >= self.frames.saturating_add(2 * STEP) {
            self.frames = frames - STEP;
        }
        self.frames != before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LEAST, LogLimit, STEP};

    #[test]
    fn a_short_log_keeps_its_limit() {
        let mut limit = LogLimit::new();
        for frames in [1, LEAST, LEAST + STEP, 1, LEAST] {
            assert!(!limit.committed(frames), "{frames}");
        }
        assert_eq!(limit.frames, LEAST);
    }

    /// A log file and its limit.
    struct Log {
        limit: LogLimit,
        at: u32,
        length: u32,
    }

    impl Log {
        fn committed(&mut self, at: u32) {
            self.at = at;
            self.length = self.length.max(at);
            self.limit.committed(at);
        }

        /// Starts the log over. Returns the number of frames that are cut off.
        fn start_over(&mut self, frames: u32) -> u32 {
            let cut = self.length.saturating_sub(self.limit.frames);
            self.length -= cut;
            self.committed(frames);
            cut
        }
    }

    proptest! {
        /// A log that grows by commits of any size and starts over at any time is cut by less than
        /// two steps at once, and ends at the least limit.
        #[test]
        fn a_long_log_is_cut_in_steps(
            commits in proptest::collection::vec((1_u32..90_000, 0..3), 1..40),
        ) {
            let mut log = Log { limit: LogLimit::new(), at: 0, length: 0 };
            for (frames, kind) in commits {
                if kind == 0 {
                    prop_assert!(log.start_over(frames) < 2 * STEP);
                } else {
                    log.committed(log.at + frames);
                }
            }
            for _ in 0..log.length / STEP {
                log.committed(log.at + 1);
                prop_assert!(log.start_over(1) < 2 * STEP);
            }
            prop_assert!(log.length < LEAST + 2 * STEP, "{}", log.length);
        }
    }
}
