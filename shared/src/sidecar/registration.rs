//! Registration of workers. A live worker holds a lock on its own file, which the system drops
//! however its process ends. A process that gets the lock of a registered worker is the only one to
//! recover it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::boot::boot_id;
use super::datagram::{self, Signal};
use super::files::{self, Folder};
use super::paths::{Sidecar, open_private};
use super::records::{CommandRecords, Namespace, RecordFile};
use super::wakeup::{IDLE_BYTES, Waker, idle_mark};
use crate::claim::WorkerId;
use crate::coordination::Origin;
use crate::error::{Error, Result};
use crate::queue::{Queue, Serves, WorkerInfo};
use crate::ready::QueueSet;

/// Lock, socket and slot of a registered worker. If it is dropped, the worker has to be recovered;
/// [`close`](Self::close) deregisters it.
#[derive(Debug)]
pub struct Registration {
    info: WorkerInfo,
    /// Parts of queues that it serves; `None` for all.
    parts: Option<Vec<QueueSet>>,
    /// All of them.
    served: QueueSet,
    slot: u64,
    sidecar: Sidecar,
    idle: File,
    socket: OwnedFd,
    records: Option<Arc<CommandRecords>>,
    _lock: File,
}

impl Registration {
    /// Registers a worker: first its lock, so that the row of a live worker is never seen unlocked,
    /// then its socket and the records of its commands, then the row.
    ///
    /// # Errors
    /// As [`Queue::register`], and when the system refuses a file or a socket.
    pub fn new<Q: Queue>(queue: &Q, slots: u32, serves: Serves) -> Result<Self> {
        let sidecar = Sidecar::at(queue.coordination().folder());
        sidecar.create()?;
        let (id, lock) = new_lock(queue, &sidecar)?;
        let info = WorkerInfo {
            id,
            pid: std::process::id(),
            boot_id: boot_id()?,
            started_at: queue.now().wall,
            slots,
            serves,
        };
        let idle = open_private(&sidecar.idle_file())?;
        let socket = bind(&sidecar, id)
            .map_err(|error| Error::io("cannot bind the worker's wake socket", error))?;
        let runs_commands = info.serves.commands;
        let records = runs_commands.then(|| CommandRecords::create(&sidecar, id, slots));
        let registered = records
            .transpose()
            .and_then(|records| Ok((records, queue.register(&info)?)));
        let (records, slot) = match registered {
            Ok((records, slot)) => (records.map(Arc::new), u64::from(slot)),
            Err(error) => {
                remove_files(&sidecar, id);
                return Err(error);
            }
        };
        let parts = QueueSet::parts(&info.serves);
        let registration = Self {
            served: parts.as_deref().map_or(QueueSet::ALL, QueueSet::union),
            parts,
            info,
            slot,
            sidecar,
            idle,
            socket,
            records,
            _lock: lock,
        };
        // The previous owner of the slot may have died idle.
        registration.set_idle(false);
        Ok(registration)
    }

    /// Worker as registered.
    pub fn info(&self) -> &WorkerInfo {
        &self.info
    }

    /// Parts of queues that it serves; `None` for all.
    pub fn parts(&self) -> Option<&[QueueSet]> {
        self.parts.as_deref()
    }

    /// Records of its commands, if it runs any.
    pub fn records(&self) -> Option<Arc<CommandRecords>> {
        self.records.clone()
    }

    /// Its wake socket, non-blocking.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Marks the worker as idle, so that others wake it, or removes the mark. If the write fails, a
    /// wake may be lost, and the worker's poll finds the tasks.
    pub fn set_idle(&self, idle: bool) {
        let mark = idle_mark(idle.then_some(self.info.id), self.served);
        let _ = self.idle.write_all_at(&mark, self.slot * IDLE_BYTES as u64);
    }

    /// Sets the number of its slots. The caller registers it again.
    pub fn resize(&mut self, slots: u32) {
        self.info.slots = slots;
    }

    /// Reads the received signals, each once, but every request to stop or to use other slots.
    pub fn received(&self) -> Vec<Signal> {
        receive(&self.socket)
    }

    /// Deregisters a worker that holds no claims any more, and removes its files.
    ///
    /// # Errors
    /// As [`Queue::deregister`]. Other workers then recover this one as if it had died.
    pub fn close<Q: Queue>(self, queue: &Q) -> Result<()> {
        self.set_idle(false);
        queue.deregister(self.info.id)?;
        remove_files(&self.sidecar, self.info.id);
        Ok(())
    }
}

/// Lock of a dead worker, held while it is recovered.
#[derive(Debug)]
pub struct DeadLock {
    worker: WorkerId,
    _file: File,
}

impl DeadLock {
    /// Takes the lock of a registered worker; `None` if the worker is alive or another process
    /// recovers it. A missing file counts as unlocked.
    ///
    /// # Errors
    /// When the system refuses the file.
    pub fn take(sidecar: &Sidecar, worker: WorkerId) -> Result<Option<Self>> {
        let file = open_private(&sidecar.worker_lock(worker))?;
        if !try_lock(&file)? {
            return Ok(None);
        }
        // While its row exists no other worker gets its slot.
        clear_mark(sidecar, worker);
        Ok(Some(Self {
            worker,
            _file: file,
        }))
    }

    /// The dead worker.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Removes the files of the recovered worker.
    pub fn remove(self, sidecar: &Sidecar) {
        remove_files(sidecar, self.worker);
    }
}

/// Origin of a registered worker. One without records, like workers of older versions, ran here if
/// it ran in this boot; one that runs no commands leaves no processes anywhere.
///
/// # Errors
/// When the system refuses to read its records, or does not show this process's namespace.
pub(crate) fn origin_of(sidecar: &Sidecar, worker: &WorkerInfo) -> Result<Origin> {
    let own = Namespace::own()?;
    if worker.boot_id != own.boot_id {
        return Ok(Origin::EarlierBoot);
    }
    if !worker.serves.commands {
        return Ok(Origin::Here);
    }
    let records = RecordFile::read(sidecar, worker.id)?;
    let is_here = records.is_none_or(|records| records.namespace == own);
    Ok(if is_here && Namespace::is_shown() {
        Origin::Here
    } else {
        Origin::Elsewhere
    })
}

/// Returns true if a registered worker is alive, by its lock. Changes nothing.
///
/// # Errors
/// When the system refuses to open or test the lock.
pub(crate) fn is_alive(sidecar: &Sidecar, worker: WorkerId) -> Result<bool> {
    match files::read(&sidecar.worker_lock(worker)) {
        Ok(file) => match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(Error::io("cannot test a worker's lock", error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("cannot open a worker's lock", error)),
    }
}

/// Removes the files of workers that died before they had a row or after it was deleted, and of
/// dead listeners. A worker that is about to register holds its lock, or will notice.
///
/// # Errors
/// As [`Queue::workers`], and when the folder cannot be read.
pub(crate) fn sweep_strays<Q: Queue>(queue: &Q) -> Result<()> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    let folder = sidecar.workers();
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| Error::io(format!("cannot read {}", folder.display()), error))?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let known = queue.workers()?;
    let waker = Waker::new(sidecar.clone());
    for name in names {
        let Some((stem, kind)) = name.to_str().and_then(|name| name.split_once('.')) else {
            continue;
        };
        let Ok(id) = i64::from_str_radix(stem, 16).map(WorkerId) else {
            continue;
        };
        if known.iter().any(|worker| worker.id == id) {
            continue;
        }
        let deserted = match kind {
            "lock" => DeadLock::take(&sidecar, id)?.is_some(),
            "sock" => !waker.send(id, Signal::Peers),
            "procs" => !is_alive(&sidecar, id)?,
            _ => false,
        };
        if deserted {
            let _ = files::remove(&folder.join(&name));
        }
    }
    Ok(())
}

/// Creates an id with its locked file. Between the creation and the lock another process may sweep
/// the file away. A lock on a deleted file proves nothing, so another id is tried then.
fn new_lock<Q: Queue>(queue: &Q, sidecar: &Sidecar) -> Result<(WorkerId, File)> {
    loop {
        let id = WorkerId::from_bits(queue.random());
        let path = sidecar.worker_lock(id);
        let file = open_private(&path)?;
        if try_lock(&file)? && is_at(&file, &path) {
            return Ok((id, file));
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

fn try_lock(file: &File) -> Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(Error::io("cannot lock a worker's file", error)),
    }
}

pub(super) fn bind(sidecar: &Sidecar, id: WorkerId) -> io::Result<OwnedFd> {
    let folder = Folder::open(&sidecar.workers())?;
    let socket = datagram::socket()?;
    rustix::net::bind(&socket, &datagram::address(&folder, id)?)?;
    folder.give_socket(OsStr::new(&datagram::name(id)))?;
    Ok(socket)
}

pub(super) fn receive(socket: &OwnedFd) -> Vec<Signal> {
    let mut signals = Vec::new();
    let mut buffer = [0; 8];
    loop {
        match rustix::net::recv(socket, &mut buffer[..], rustix::net::RecvFlags::DONTWAIT) {
            Ok((_, count)) => {
                let signal = Signal::from_datagram(&buffer[..count]);
                let is_request = matches!(signal, Some(Signal::Stop | Signal::Slots(_)));
                let is_new = |signal: &Signal| is_request || !signals.contains(signal);
                signals.extend(signal.filter(is_new));
            }
            Err(Errno::INTR) => {}
            Err(_) => return signals,
        }
    }
}

/// Removes the socket of a listener or worker, but not the lock: a process that is about to recover
/// the worker may hold that.
pub(super) fn remove_socket(sidecar: &Sidecar, worker: WorkerId) {
    // A later worker removes what is left.
    let _ = files::remove(&sidecar.worker_socket(worker));
}

fn remove_files(sidecar: &Sidecar, worker: WorkerId) {
    remove_socket(sidecar, worker);
    let _ = files::remove(&sidecar.worker_records(worker));
    let _ = files::remove(&sidecar.worker_lock(worker));
}

fn clear_mark(sidecar: &Sidecar, worker: WorkerId) {
    let Ok(file) = files::open(&sidecar.idle_file()) else {
        return;
    };
    let mut mark = [0; IDLE_BYTES];
    let mut offset = 0;
    while file.read_exact_at(&mut mark, offset).is_ok() {
        if mark.starts_with(&worker.0.to_le_bytes()) {
            let _ = file.write_all_at(&[0; IDLE_BYTES], offset);
        }
        offset += IDLE_BYTES as u64;
    }
}
