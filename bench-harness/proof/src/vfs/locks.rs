//! The locks on database files, as <https://sqlite.org/lockingv3.html> has them.

use std::collections::BTreeMap;

use crate::disk::FileId;

/// Holder of a lock: a process, and one of its open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    pub(super) process: usize,
    pub(super) handle: u64,
}

/// Lock level of a holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    #[default]
    Unlocked,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Every lock on every file.
#[derive(Debug, Default)]
pub(super) struct Locks(BTreeMap<FileId, BTreeMap<Holder, Level>>);

impl Locks {
    /// Highest level of any other holder.
    pub(super) fn others(&self, file: FileId, own: Holder) -> Level {
        let levels = self.0.get(&file).into_iter().flatten();
        let others = levels.filter(|(holder, _)| **holder != own);
        others.map(|(_, level)| *level).max().unwrap_or_default()
    }

    /// Raises a holder's lock level. Returns false if another lock forbids it.
    pub(super) fn raise(&mut self, file: FileId, own: Holder, to: Level) -> bool {
        let others = self.others(file, own);
        let held = self.0.entry(file).or_default().entry(own).or_default();
        if *held >= to {
            return true;
        }
        let granted = match to {
            Level::Unlocked => true,
            Level::Shared => others < Level::Pending,
            Level::Reserved | Level::Pending => others < Level::Reserved,
            Level::Exclusive => others <= Level::Shared,
        };
        if granted && to == Level::Exclusive && others == Level::Shared {
            // While the readers finish, no new reader is admitted.
            *held = Level::Pending;
            return false;
        }
        if granted {
            *held = to;
        }
        granted
    }

    /// Lowers a holder's lock level.
    pub(super) fn lower(&mut self, file: FileId, own: Holder, to: Level) {
        if let Some(holders) = self.0.get_mut(&file) {
            if to == Level::Unlocked {
                holders.remove(&own);
            } else if let Some(held) = holders.get_mut(&own) {
                *held = to.min(*held);
            }
        }
    }

    /// Releases the locks of a dead process.
    pub(super) fn forget(&mut self, process: usize) {
        for holders in self.0.values_mut() {
            holders.retain(|holder, _| holder.process != process);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;

    #[test]
    fn a_writer_admits_readers_and_an_exclusive_lock_admits_none() {
        let file = Disk::default().create("a");
        let holder = |handle| Holder { process: 1, handle };
        let (one, two) = (holder(1), holder(2));
        let mut locks = Locks::default();
        assert!(locks.raise(file, one, Level::Shared));
        assert!(locks.raise(file, two, Level::Shared));
        assert!(locks.raise(file, one, Level::Reserved));
        assert!(!locks.raise(file, two, Level::Reserved));
        assert!(!locks.raise(file, one, Level::Exclusive));
        locks.lower(file, two, Level::Unlocked);
        assert!(!locks.raise(file, two, Level::Shared), "somebody waits");
        assert!(locks.raise(file, one, Level::Exclusive));
        locks.forget(1);
        assert!(locks.raise(file, two, Level::Exclusive));
    }
}
