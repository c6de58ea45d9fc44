//! The shared memory of a write-ahead log: the index of the log, and eight locks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::locks::Holder;
use crate::disk::FileId;

/// Number of locks of a log.
const LOCKS: usize = 8;
/// 32 KiB, the size that `SQLite` requests.
const WORDS: usize = 4096;

/// A region that never moves. `SQLite` reads and writes it concurrently, which atomics allow.
pub(super) type Region = Arc<[AtomicU64]>;

/// The shared memory of every file that has one.
#[derive(Debug, Default)]
pub(super) struct SharedMemories(BTreeMap<FileId, SharedMemory>);

#[derive(Debug, Default)]
struct SharedMemory {
    regions: Vec<Region>,
    locks: [BTreeMap<Holder, Mode>; LOCKS],
    users: Vec<Holder>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Shared,
    Exclusive,
}

impl SharedMemories {
    /// Returns a region, created if `extend` is set.
    pub(super) fn region(
        &mut self,
        file: FileId,
        own: Holder,
        place: usize,
        extend: bool,
    ) -> Option<Region> {
        let memory = self.0.entry(file).or_default();
        if !memory.users.contains(&own) {
            memory.users.push(own);
        }
        while extend && memory.regions.len() <= place {
            let region = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
            memory.regions.push(region);
        }
        memory.regions.get(place).cloned()
    }

    /// Takes locks, all or none. Returns false if another holder forbids it.
    pub(super) fn lock(&mut self, file: FileId, own: Holder, range: Range, mode: Mode) -> bool {
        let memory = self.0.entry(file).or_default();
        let stands_in_the_way = |(holder, held): (&Holder, &Mode)| {
            *holder != own && (mode == Mode::Exclusive || *held == Mode::Exclusive)
        };
        let locks = &mut memory.locks[range.first..range.first + range.count];
        if locks.iter().flatten().any(stands_in_the_way) {
            return false;
        }
        for lock in locks {
            lock.insert(own, mode);
        }
        true
    }

    pub(super) fn unlock(&mut self, file: FileId, own: Holder, range: Range) {
        if let Some(memory) = self.0.get_mut(&file) {
            for lock in &mut memory.locks[range.first..range.first + range.count] {
                lock.remove(&own);
            }
        }
    }

    /// Ends a file's use of the log. The last user removes the memory.
    pub(super) fn leave(&mut self, file: FileId, own: Holder) {
        self.retain(|holder| *holder != own, |other| other == file);
    }

    /// Removes a dead process.
    pub(super) fn forget(&mut self, process: usize) {
        self.retain(|holder| holder.process != process, |_| true);
    }

    fn retain(&mut self, stays: impl Fn(&Holder) -> bool, of: impl Fn(FileId) -> bool) {
        self.0.retain(|file, memory| {
            if !of(*file) {
                return true;
            }
            memory.users.retain(&stays);
            for lock in &mut memory.locks {
                lock.retain(|holder, _| stays(holder));
            }
            !memory.users.is_empty()
        });
    }
}

/// A range of adjacent locks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    first: usize,
    count: usize,
}

impl Range {
    /// `None` for locks that do not exist.
    pub(super) fn new(first: usize, count: usize) -> Option<Self> {
        (first + count <= LOCKS).then_some(Self { first, count })
    }
}
