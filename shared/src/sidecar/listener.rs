//! Listeners for ends of tasks: a process that settles tasks signals them, so that they do not
//! poll.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::datagram::Signal;
use super::paths::{Sidecar, open_private};
use super::registration::{bind, receive, remove_socket};
use super::wakeup::{SLOT_BYTES, Waker};
use crate::claim::WorkerId;
use crate::coordination::Listening;
use crate::error::{Error, Result};

/// Listener at a socket in the folder. Settles signal a killed listener in vain until another one
/// takes its slot, which costs each settle some microseconds.
#[derive(Debug)]
pub(crate) struct Listener {
    id: WorkerId,
    /// `Some` until the listener is dropped.
    slot: Option<ListenerSlot>,
    sidecar: Sidecar,
    socket: OwnedFd,
}

impl Listener {
    /// Starts to listen at a socket named after `id`.
    ///
    /// # Errors
    /// When the system refuses a file or a socket.
    pub(crate) fn new(sidecar: &Sidecar, id: WorkerId) -> Result<Self> {
        sidecar.create()?;
        let socket = bind(sidecar, id)
            .map_err(|error| Error::io("cannot bind a socket to listen at", error))?;
        let slot = Some(ListenerSlot::take(sidecar, id)?);
        Ok(Self {
            id,
            slot,
            sidecar: sidecar.clone(),
            socket,
        })
    }
}

impl Listening for Listener {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn wait(&self, timeout: Duration) -> Result<bool> {
        let timeout = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(!receive(&self.socket).is_empty()),
            Err(error) => Err(Error::io("cannot wait for tasks to end", error)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The slot is released first, while the socket still exists.
        self.slot = None;
        remove_socket(&self.sidecar, self.id);
    }
}

/// Slot in the list of listeners, released when dropped. Its listener receives [`Signal::Settled`]
/// at its socket.
#[derive(Debug)]
pub struct ListenerSlot {
    file: File,
    slot: u64,
}

impl ListenerSlot {
    /// Takes the first free slot.
    ///
    /// # Errors
    /// When the system refuses the file.
    pub fn take(sidecar: &Sidecar, id: WorkerId) -> Result<Self> {
        let file = open_private(&sidecar.listening_file())?;
        let refused = |error| Error::io("cannot lock the list of listeners", error);
        flock(&file, FlockOperation::LockExclusive).map_err(refused)?;
        Self::of_locked(file, sidecar, id)
    }

    /// Takes the first free slot, unless another process has locked the list.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn try_take(sidecar: &Sidecar, id: WorkerId) -> Result<Option<Self>> {
        let file = open_private(&sidecar.listening_file())?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Self::of_locked(file, sidecar, id).map(Some),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(Error::io("cannot lock the list of listeners", error)),
        }
    }

    fn of_locked(file: File, sidecar: &Sidecar, id: WorkerId) -> Result<Self> {
        let slot = take_slot(&file, sidecar, id)?;
        Ok(Self { file, slot })
    }
}

impl Drop for ListenerSlot {
    fn drop(&mut self) {
        let _ = self
            .file
            .write_all_at(&[0; SLOT_BYTES], self.slot * SLOT_BYTES as u64);
    }
}

/// Takes the first free slot in the file, whose lock the caller holds, and releases the lock. A
/// slot is free too if no process reads its socket any more.
fn take_slot(file: &File, sidecar: &Sidecar, id: WorkerId) -> Result<u64> {
    let refused = |error| Error::io("cannot lock the list of listeners", error);
    let mut mark = [0; SLOT_BYTES];
    let mut slot = 0;
    while file
        .read_exact_at(&mut mark, slot * SLOT_BYTES as u64)
        .is_ok()
    {
        let other = WorkerId(i64::from_le_bytes(mark));
        if other.0 == 0 || is_deserted(sidecar, other) {
            break;
        }
        slot += 1;
    }
    let written = file.write_all_at(&id.0.to_le_bytes(), slot * SLOT_BYTES as u64);
    flock(file, FlockOperation::Unlock).map_err(refused)?;
    written.map_err(|error| Error::io("cannot join the list of listeners", error))?;
    Ok(slot)
}

fn is_deserted(sidecar: &Sidecar, listener: WorkerId) -> bool {
    let deserted = !Waker::new(sidecar.clone()).send(listener, Signal::Settled);
    if deserted {
        remove_socket(sidecar, listener);
    }
    deserted
}

#[cfg(test)]
mod tests {
    use super::{Listener, Sidecar};
    use crate::claim::WorkerId;
    use crate::coordination::Listening;
    use crate::sidecar::wakeup::Waker;

    fn listener(sidecar: &Sidecar, id: i64) -> Listener {
        Listener::new(sidecar, WorkerId(id)).unwrap()
    }

    fn slot(listener: &Listener) -> Option<u64> {
        listener.slot.as_ref().map(|slot| slot.slot)
    }

    #[test]
    fn every_listener_receives_settles_and_free_slots_are_reused() {
        let folder = tempfile::tempdir().unwrap();
        let sidecar = Sidecar::of(&folder.path().join("q.db"));
        sidecar.create().unwrap();
        let waker = Waker::new(sidecar.clone());
        waker.tell_settled();
        let (one, two) = (listener(&sidecar, 1), listener(&sidecar, 2));
        assert_eq!((slot(&one), slot(&two)), (Some(0), Some(1)));
        waker.tell_settled();
        assert!(one.wait(std::time::Duration::ZERO).unwrap());
        assert!(two.wait(std::time::Duration::ZERO).unwrap());
        assert!(!two.wait(std::time::Duration::ZERO).unwrap());
        drop(one);
        let three = listener(&sidecar, 3);
        assert_eq!(slot(&three), Some(0));
        std::fs::remove_file(sidecar.worker_socket(two.id)).unwrap();
        assert_eq!(slot(&listener(&sidecar, 4)), Some(1));
    }
}
