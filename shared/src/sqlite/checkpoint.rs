//! Decisions when to move the write-ahead log into the file, without threads or `SQLite`.
//!
//! `SQLite` starts the log over when a write finds all of it in the file and no reader in it. A
//! checkpoint beside running writers never gets there: they add frames while it works. So it runs
//! in passes. One pass beside the writers moves the bulk. Only if the writers never pause, and the
//! log grows to [`EXCLUSIVE_AT`], another pass keeps them out, with little left to do.

/// Frames (4 KiB pages) in the log at which a checkpoint is due: some 4 MiB.
pub(super) const DUE_AT: u32 = 1024;

/// Frames at which writers are kept out for the last pass: some 8 MiB.
pub(super) const EXCLUSIVE_AT: u32 = 2 * DUE_AT;

/// Checkpoints of one process.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    running: bool,
    /// Length of the log after the last commit.
    at: u32,
    /// Length of the log at the last pass. Until it has grown by another [`DUE_AT`] or started
    /// over, a long reader keeps it, and to try at every commit would be in vain.
    tried_at: u32,
}

/// Result of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// Frames in the log.
    pub(super) log: u32,
    /// Number of these that are in the file now.
    pub(super) done: u32,
}

impl Pass {
    /// Frames that are only in the log.
    const fn left(self) -> u32 {
        self.log.saturating_sub(self.done)
    }
}

/// Next step of the checkpointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for commits.
    Rest,
    /// Make another pass that keeps writers out.
    Exclusive,
}

impl Checkpoints {
    /// Takes in a commit that left the log at so many frames. Returns true to start a checkpoint.
    pub(super) fn committed(&mut self, frames: u32) -> bool {
        self.at = frames;
        if frames < self.tried_at {
            self.tried_at = 0;
        }
        let due = !self.running && frames >= self.tried_at.saturating_add(DUE_AT);
        self.running |= due;
        due
    }

    /// Takes in a look at the log, which commits of some process made long; `None` if the look
    /// failed. Returns true to start a checkpoint: the log needs one, or a commit has asked for one
    /// since. Earlier passes do not count: after one that left a few frames, the log would grow to
    /// twice its length.
    pub(super) fn looked(&mut self, log: Option<Pass>) -> bool {
        self.running |= log.is_some_and(|log| log.log >= DUE_AT && log.left() > 0);
        self.running
    }

    /// Takes in the end of a pass; `None` if another process makes one or it failed.
    pub(super) fn passed(&mut self, pass: Option<Pass>, exclusive: bool) -> Next {
        self.tried_at = self.at;
        if let Some(pass) = pass
            && !exclusive
            && pass.log >= EXCLUSIVE_AT
            && pass.left() < DUE_AT
        {
            return Next::Exclusive;
        }
        self.running = false;
        Next::Rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(log: u32) -> Pass {
        Pass { log, done: log }
    }

    #[test]
    fn a_checkpoint_starts_once_when_the_log_is_long_enough() {
        let mut checkpoints = Checkpoints::default();
        assert!(!checkpoints.committed(DUE_AT - 1));
        assert!(checkpoints.committed(DUE_AT));
        assert!(!checkpoints.committed(DUE_AT + 1), "one is running");
        assert_eq!(
            checkpoints.passed(Some(complete(DUE_AT)), false),
            Next::Rest
        );
    }

    #[test]
    fn a_log_that_started_over_is_measured_from_its_start() {
        let mut checkpoints = Checkpoints::default();
        assert!(checkpoints.committed(DUE_AT));
        checkpoints.passed(Some(complete(DUE_AT)), false);
        assert!(!checkpoints.committed(DUE_AT), "it stands where it did");
        assert!(!checkpoints.committed(3));
        assert!(checkpoints.committed(DUE_AT));
    }

    #[test]
    fn a_long_reader_does_not_cause_a_checkpoint_at_every_commit() {
        let mut checkpoints = Checkpoints::default();
        let mut started = 0;
        for frames in 1..=10 * DUE_AT {
            if checkpoints.committed(frames) {
                started += 1;
                let stuck = Pass {
                    log: frames,
                    done: 0,
                };
                while checkpoints.passed(Some(stuck), started > 3) == Next::Exclusive {
                    started += 1;
                }
            }
        }
        assert!((9..=12).contains(&started), "{started}");
    }

    #[test]
    fn writers_that_never_pause_are_kept_out_once_the_log_is_large_and_not_before() {
        let mut checkpoints = Checkpoints::default();
        assert!(checkpoints.committed(DUE_AT));
        let lagging = |log| Some(Pass { log, done: log - 5 });
        assert_eq!(checkpoints.passed(lagging(DUE_AT), false), Next::Rest);
        assert!(checkpoints.committed(EXCLUSIVE_AT));
        assert_eq!(
            checkpoints.passed(lagging(EXCLUSIVE_AT), false),
            Next::Exclusive
        );
        assert_eq!(
            checkpoints.passed(Some(complete(EXCLUSIVE_AT + 9)), true),
            Next::Rest
        );
        assert!(!checkpoints.committed(1));
    }

    #[test]
    fn writers_are_kept_out_only_where_less_is_left_than_is_due() {
        let next = |left| {
            let pass = Pass {
                log: EXCLUSIVE_AT,
                done: EXCLUSIVE_AT - left,
            };
            Checkpoints::default().passed(Some(pass), false)
        };
        assert_eq!(next(DUE_AT), Next::Rest);
        assert_eq!(next(DUE_AT - 1), Next::Exclusive);
    }

    #[test]
    fn a_log_that_others_made_long_is_moved_unless_it_is_in_the_file() {
        let mut checkpoints = Checkpoints::default();
        let left = |left| {
            Some(Pass {
                log: DUE_AT,
                done: DUE_AT - left,
            })
        };
        assert!(!checkpoints.looked(None));
        assert!(!checkpoints.looked(left(0)));
        let short = Pass {
            log: DUE_AT - 1,
            done: 0,
        };
        assert!(!checkpoints.looked(Some(short)));
        assert!(checkpoints.looked(left(1)));
        assert!(!checkpoints.committed(DUE_AT), "one is running");
        checkpoints.passed(left(0), true);
        assert!(checkpoints.committed(2 * DUE_AT));
        assert!(checkpoints.looked(left(0)), "a commit asked for it");
    }

    #[test]
    fn a_pass_that_failed_or_met_another_process_is_tried_again_when_the_log_has_grown() {
        let mut checkpoints = Checkpoints::default();
        assert!(checkpoints.committed(DUE_AT));
        assert_eq!(checkpoints.passed(None, false), Next::Rest);
        assert!(!checkpoints.committed(DUE_AT + 1));
        assert!(checkpoints.committed(2 * DUE_AT));
    }

    proptest! {
        /// Commits and passes in any order: one checkpoint at a time, begun as soon as the log has
        /// grown enough since the last one; each keeps writers out at most once.
        #[test]
        fn a_checkpoint_begins_exactly_when_it_is_due(
            events in proptest::collection::vec((0..4_u8, 0..4 * DUE_AT, 0..3 * DUE_AT), 1..60),
        ) {
            let mut checkpoints = Checkpoints::default();
            let (mut at, mut tried_at) = (0, 0);
            let mut running: Option<bool> = None;
            for (kind, log, left) in events {
                match running {
                    Some(exclusive) if kind == 0 => {
                        let pass = Pass { log, done: log.saturating_sub(left) };
                        let again = !exclusive && log >= EXCLUSIVE_AT && left.min(log) < DUE_AT;
                        let expected = if again { Next::Exclusive } else { Next::Rest };
                        prop_assert_eq!(checkpoints.passed(Some(pass), exclusive), expected);
                        tried_at = at;
                        running = again.then_some(true);
                    }
                    _ => {
                        at = log;
                        if log < tried_at {
                            tried_at = 0;
                        }
                        let due = running.is_none() && log - tried_at >= DUE_AT;
                        prop_assert_eq!(checkpoints.committed(log), due);
                        running = running.or(due.then_some(false));
                    }
                }
            }
        }
    }
}
