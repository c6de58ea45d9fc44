//! An open file: `SQLite`'s calls in terms of the machine, in safe code; `ffi` handles the pointers.

use std::sync::Arc;

use rusqlite::ffi;

use super::locks::{Holder, Level};
use super::shared_memory::{Mode, Range, Region};
use super::{Process, State};
use crate::disk::{FileId, Kind};

/// An error code of `SQLite`.
pub(super) type Code = std::ffi::c_int;
pub(super) type Result<T> = std::result::Result<T, Code>;

/// An open file of a process.
#[derive(Debug)]
pub(super) struct Handle {
    process: Arc<Process>,
    file: FileId,
    id: u64,
    /// The first sync makes its name durable: it is a new log or journal.
    syncs_name: bool,
    /// Name to remove when the handle is closed.
    temporary: Option<String>,
    /// Regions to which `SQLite` holds pointers.
    regions: Vec<Region>,
}

/// Error code of a failed operation.
fn code(kind: Kind) -> Code {
    match kind {
        Kind::Write => ffi::SQLITE_IOERR_WRITE,
        Kind::Full => ffi::SQLITE_FULL,
        Kind::Sync => ffi::SQLITE_IOERR_FSYNC,
        Kind::Read => ffi::SQLITE_IOERR_READ,
        Kind::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
        Kind::Size => ffi::SQLITE_IOERR_FSTAT,
        Kind::Delete => ffi::SQLITE_IOERR_DELETE,
        Kind::Open => ffi::SQLITE_CANTOPEN,
        Kind::Lock => ffi::SQLITE_IOERR_LOCK,
        Kind::SharedMemory => ffi::SQLITE_IOERR_SHMMAP,
        Kind::SharedLock => ffi::SQLITE_IOERR_SHMLOCK,
    }
}

/// Name of a file on the disk, which has a single folder, so that an image fits any path.
fn on_disk(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Process {
    /// Performs an action on the machine, unless the process is dead.
    fn on_machine<T>(&self, act: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.machine.lock();
        // Checked under the lock, so that a dead process makes no further call.
        if !self.is_alive() {
            return Err(ffi::SQLITE_IOERR);
        }
        self.count(&mut state);
        if !self.is_alive() {
            return Err(ffi::SQLITE_IOERR);
        }
        act(&mut state)
    }

    pub(super) fn delete(&self, path: &str, sync: bool) -> Result<()> {
        let name = on_disk(path);
        self.on_machine(|state| {
            if state.disk.find(name).is_none() {
                return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
            }
            state.disk.delete(name, sync).map_err(code)
        })
    }

    pub(super) fn exists(&self, path: &str) -> Result<bool> {
        self.on_machine(|state| {
            let found = state.disk.find(on_disk(path));
            // An empty file counts as missing: `SQLite` expects that.
            Ok(found.is_some_and(|file| state.disk.size(file) > 0))
        })
    }

    pub(super) fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        self.on_machine(|state| {
            for byte in bytes {
                *byte = state.draw().to_le_bytes()[0];
            }
            Ok(())
        })
    }

    pub(super) fn sleep(&self, micros: i64) -> Result<()> {
        self.on_machine(|state| {
            state.slept_ms += micros / 1000;
            Ok(())
        })
    }

    /// Milliseconds since the beginning of the Julian calendar, as `SQLite` counts them.
    pub(super) fn now(&self) -> Result<i64> {
        const IN_2026: i64 = 212_634_115_200_000;
        self.on_machine(|state| Ok(IN_2026 + state.slept_ms))
    }
}

impl Handle {
    pub(super) fn open(process: Arc<Process>, path: Option<&str>, flags: i32) -> Result<Self> {
        // The engine creates an empty database before `SQLite` opens it.
        let creates = flags & (ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_MAIN_DB) != 0;
        let journals = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
        let (file, id, is_new, name) = process.on_machine(|state| {
            state.disk.check(Kind::Open).map_err(code)?;
            state.handles += 1;
            let id = state.handles;
            let name = path.map_or_else(|| format!("temporary {id}"), |path| on_disk(path).into());
            let found = state.disk.find(&name);
            if found.is_none() && !creates {
                return Err(ffi::SQLITE_CANTOPEN);
            }
            Ok((state.disk.create(&name), id, found.is_none(), name))
        })?;
        let temporary = flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0;
        Ok(Self {
            process,
            file,
            id,
            syncs_name: is_new && flags & journals != 0,
            temporary: temporary.then_some(name),
            regions: Vec::new(),
        })
    }

    fn holder(&self) -> Holder {
        Holder {
            process: Arc::as_ptr(&self.process).addr(),
            handle: self.id,
        }
    }

    pub(super) fn close(self) {
        let (own, file) = (self.holder(), self.file);
        // A dead process holds no locks.
        let _ = self.process.on_machine(|state| {
            state.locks.lower(file, own, Level::Unlocked);
            state.memories.leave(file, own);
            if let Some(name) = &self.temporary {
                state.disk.delete(name, false).map_err(code)?;
            }
            Ok(())
        });
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: usize) -> Result<()> {
        let wanted = buffer.len();
        let read = self
            .process
            .on_machine(|state| state.disk.read(self.file, buffer, offset).map_err(code))?;
        if read < wanted {
            return Err(ffi::SQLITE_IOERR_SHORT_READ);
        }
        Ok(())
    }

    pub(super) fn write(&self, data: &[u8], offset: usize) -> Result<()> {
        self.process
            .on_machine(|state| state.disk.write(self.file, offset, data).map_err(code))
    }

    pub(super) fn truncate(&self, size: usize) -> Result<()> {
        self.process
            .on_machine(|state| state.disk.truncate(self.file, size).map_err(code))
    }

    pub(super) fn sync(&mut self) -> Result<()> {
        let (file, syncs_name) = (self.file, self.syncs_name);
        self.process.on_machine(|state| {
            state.disk.sync(file).map_err(code)?;
            if syncs_name {
                state.disk.sync_names();
            }
            Ok(())
        })?;
        self.syncs_name = false;
        Ok(())
    }

    pub(super) fn size(&self) -> Result<usize> {
        self.process.on_machine(|state| {
            state.disk.check(Kind::Size).map_err(code)?;
            Ok(state.disk.size(self.file))
        })
    }

    pub(super) fn lock(&self, to: Level) -> Result<()> {
        self.process.on_machine(|state| {
            state.disk.check(Kind::Lock).map_err(code)?;
            let granted = state.locks.raise(self.file, self.holder(), to);
            granted.then_some(()).ok_or(ffi::SQLITE_BUSY)
        })
    }

    pub(super) fn unlock(&self, to: Level) -> Result<()> {
        self.process.on_machine(|state| {
            state.locks.lower(self.file, self.holder(), to);
            Ok(())
        })
    }

    pub(super) fn is_reserved(&self) -> Result<bool> {
        self.process
            .on_machine(|state| Ok(state.locks.others(self.file, self.holder()) >= Level::Reserved))
    }

    pub(super) fn map(&mut self, index: usize, extend: bool) -> Result<Option<Region>> {
        let (own, file) = (self.holder(), self.file);
        let region = self.process.on_machine(|state| {
            state.disk.check(Kind::SharedMemory).map_err(code)?;
            Ok(state.memories.region(file, own, index, extend))
        })?;
        self.regions.extend(region.clone());
        Ok(region)
    }

    pub(super) fn lock_shared_memory(&self, range: Range, mode: Mode) -> Result<()> {
        self.process.on_machine(|state| {
            state.disk.check(Kind::SharedLock).map_err(code)?;
            let granted = state.memories.lock(self.file, self.holder(), range, mode);
            granted.then_some(()).ok_or(ffi::SQLITE_BUSY)
        })
    }

    pub(super) fn unlock_shared_memory(&self, range: Range) -> Result<()> {
        self.process.on_machine(|state| {
            state.memories.unlock(self.file, self.holder(), range);
            Ok(())
        })
    }

    pub(super) fn unmap(&mut self) {
        let (own, file) = (self.holder(), self.file);
        // A dead process has been removed already.
        let _ = self.process.on_machine(|state| {
            state.memories.leave(file, own);
            Ok(())
        });
        self.regions.clear();
    }
}
