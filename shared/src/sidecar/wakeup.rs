//! Waking idle workers after a commit. A wake is a hint: what is lost, the workers' slow poll of
//! the change counter finds.
//!
//! A worker with free slots that found nothing to claim writes its id at its place in the idle
//! file, looks once more, and from then on is sent a datagram for whatever is enqueued, until its
//! slots are full. In a file nobody waits for, a wake is one read of 8 bytes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use super::files::{self, Folder};
use super::paths::Sidecar;
use crate::claim::WorkerId;

/// Bytes of one id in the files that say who waits.
pub(super) const SLOT_BYTES: usize = 8;
/// Places looked at with one read.
const SLOTS_PER_READ: usize = 64;

/// What a datagram says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Tasks wait to be claimed.
    Tasks,
    /// Somebody wants a running task ended.
    Cancel,
    /// A worker came.
    Peers,
    /// Tasks ended.
    Settled,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Tasks, Self::Cancel, Self::Peers, Self::Settled];

    /// The byte sent.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Tasks => b't',
            Self::Cancel => b'c',
            Self::Peers => b'p',
            Self::Settled => b's',
        }
    }

    /// The signal of a byte received; `None` for a byte this program does not know.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.byte() == byte)
    }
}

/// Wakes those who wait at one database, in this and in other processes.
#[derive(Debug)]
pub struct Waker {
    sidecar: Sidecar,
    idle: SlotFile,
    listening: SlotFile,
    sender: OnceLock<Sender>,
    /// Where the next search for an idle worker begins, so that a burst is spread over them.
    next: AtomicUsize,
}

impl Waker {
    /// A waker for the workers registered beside `sidecar`.
    pub fn new(sidecar: Sidecar) -> Self {
        Self {
            sidecar,
            idle: SlotFile::default(),
            listening: SlotFile::default(),
            sender: OnceLock::new(),
            next: AtomicUsize::new(0),
        }
    }

    /// Opens the files that say who waits, so that no commit has to.
    pub fn open(&self) {
        self.idle.open(|| self.sidecar.idle_file());
        self.listening.open(|| self.sidecar.listening_file());
    }

    /// Wakes up to `tasks` idle workers, one for each new task. Call it after the commit.
    pub fn wake(&self, tasks: usize) {
        let mut buffer = [0; SLOTS_PER_READ * SLOT_BYTES];
        let ids = self.idle.read(|| self.sidecar.idle_file(), &mut buffer);
        if tasks == 0 || ids.is_empty() {
            return;
        }
        let start = self.next.fetch_add(tasks, Ordering::Relaxed) % ids.len();
        let (late, early) = ids.split_at(start);
        let mut left = tasks;
        for worker in early.iter().chain(late) {
            if left == 0 {
                break;
            }
            if *worker != 0 && self.send(WorkerId(*worker), Signal::Tasks) {
                left -= 1;
            }
        }
    }

    /// Wakes one worker, running or idle, so that it looks for requests to end its tasks.
    pub fn wake_worker(&self, worker: WorkerId) {
        self.send(worker, Signal::Cancel);
    }

    /// Tells a worker that there is another one, to be watched.
    pub fn wake_peer(&self, worker: WorkerId) {
        self.send(worker, Signal::Peers);
    }

    /// Tells whoever waits for tasks to end that some did. Call it after the commit.
    pub fn tell_settled(&self) {
        let mut buffer = [0; SLOTS_PER_READ * SLOT_BYTES];
        let path = || self.sidecar.listening_file();
        for listener in self.listening.read(path, &mut buffer) {
            if listener != 0 {
                self.send(WorkerId(listener), Signal::Settled);
            }
        }
    }

    /// Sends a datagram. Returns whether somebody is there to read it; a full socket counts, since
    /// its owner is awake with what is in there.
    pub(super) fn send(&self, worker: WorkerId, signal: Signal) -> bool {
        let sender = match self.sender.get() {
            Some(sender) => sender,
            None => match Sender::open(&self.sidecar) {
                Ok(sender) => self.sender.get_or_init(|| sender),
                Err(_) => return false,
            },
        };
        sender.send(worker, signal)
    }
}

/// A file of ids by place, 0 where none is, kept open for reading.
#[derive(Debug, Default)]
struct SlotFile(OnceLock<File>);

impl SlotFile {
    /// The ids in the file; none if nobody ever waited.
    fn read(&self, path: impl Fn() -> PathBuf, buffer: &mut [u8]) -> Vec<i64> {
        self.open(path)
            .map_or_else(Vec::new, |file| read_slots(file, buffer))
    }

    /// The file; `None` as long as nobody made it.
    fn open(&self, path: impl Fn() -> PathBuf) -> Option<&File> {
        if let Some(file) = self.0.get() {
            return Some(file);
        }
        let file = files::read(&path()).ok()?;
        Some(self.0.get_or_init(|| file))
    }
}

fn read_slots(file: &File, buffer: &mut [u8]) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut offset = 0;
    loop {
        let count = match file.read_at(buffer, offset) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return ids,
        };
        let (slots, _) = buffer[..count].as_chunks::<SLOT_BYTES>();
        if !ids.is_empty() || slots.iter().any(|id| *id != [0; SLOT_BYTES]) {
            ids.extend(slots.iter().map(|id| i64::from_le_bytes(*id)));
        }
        if count < buffer.len() {
            return ids;
        }
        offset += count as u64;
    }
}

/// Sockets kept connected at most; the one that was made first is given up for another.
const MOST_CONNECTED: usize = 64;

/// The folder of the sockets to send to, and a connection to each that was sent to lately: by its
/// path, a socket is looked up at every datagram, which takes longer than to send one. A socket's
/// address has room for 107 bytes, less than a path may have, so the folder is named by its
/// descriptor.
#[derive(Debug)]
pub(super) struct Sender {
    folder: Folder,
    connected: Mutex<Vec<(WorkerId, OwnedFd)>>,
}

impl Sender {
    fn open(sidecar: &Sidecar) -> std::io::Result<Self> {
        Ok(Self {
            folder: Folder::open(&sidecar.workers())?,
            connected: Mutex::default(),
        })
    }

    fn send(&self, worker: WorkerId, signal: Signal) -> bool {
        let mut connected = self
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = connected.iter().position(|(id, _)| *id == worker);
        let position = known.unwrap_or(connected.len());
        if known.is_none() {
            let Ok(socket) = self.connect(worker) else {
                return false;
            };
            connected.push((worker, socket));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = match send(&connected[position].1, &[signal.byte()], flags) {
            Ok(_) | Err(Errno::AGAIN | Errno::NOBUFS) => true,
            Err(_) => {
                connected.remove(position);
                false
            }
        };
        if connected.len() > MOST_CONNECTED {
            connected.remove(0);
        }
        sent
    }

    fn connect(&self, worker: WorkerId) -> rustix::io::Result<OwnedFd> {
        let socket = datagram_socket()?;
        connect(&socket, &address(&self.folder, worker)?)?;
        Ok(socket)
    }
}

pub(super) fn datagram_socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
}

/// The name of a worker's socket in its folder.
pub(super) fn name(worker: WorkerId) -> String {
    format!("{worker}.sock")
}

/// The address of a worker's socket in `folder`.
pub(super) fn address(folder: &Folder, worker: WorkerId) -> rustix::io::Result<SocketAddrUnix> {
    SocketAddrUnix::new(folder.path_of(OsStr::new(&name(worker))))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::FileExt;

    use super::{SLOT_BYTES, Sidecar, Signal, Waker};
    use crate::claim::WorkerId;
    use crate::sidecar::paths::open_private;
    use crate::sidecar::registration::{bind, receive};

    struct Bench {
        _folder: tempfile::TempDir,
        sidecar: Sidecar,
        waker: Waker,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            // Longer than a socket's address has room for.
            let deep = folder.path().join("d".repeat(120));
            let sidecar = Sidecar::of(&deep.join("q.db"));
            std::fs::create_dir(&deep).unwrap();
            sidecar.create().unwrap();
            Self {
                _folder: folder,
                waker: Waker::new(sidecar.clone()),
                sidecar,
            }
        }

        fn mark(&self, slot: u64, id: i64) {
            let file = open_private(&self.sidecar.idle_file()).unwrap();
            file.write_all_at(&id.to_le_bytes(), slot * SLOT_BYTES as u64)
                .unwrap();
        }

        fn worker(&self, slot: u64, id: i64) -> OwnedFd {
            self.mark(slot, id);
            bind(&self.sidecar, WorkerId(id)).unwrap()
        }
    }

    #[test]
    fn as_many_idle_workers_are_woken_as_there_are_tasks() {
        let bench = Bench::new();
        bench.waker.wake(1);
        let workers: Vec<_> = (0_u64..4)
            .map(|slot| bench.worker(slot, slot.cast_signed() + 1))
            .collect();
        bench.mark(1, 0);
        let woken = |tasks| {
            bench.waker.wake(tasks);
            workers
                .iter()
                .map(|own| receive(own).len())
                .collect::<Vec<_>>()
        };
        assert_eq!(woken(9), [1, 0, 1, 1]);
        assert_eq!(woken(2).iter().sum::<usize>(), 2);
        assert_eq!(woken(0), [0, 0, 0, 0]);
    }

    #[test]
    fn a_dead_worker_takes_no_wake_from_a_live_one() {
        let bench = Bench::new();
        drop(bench.worker(0, 1));
        bench.mark(1, 2);
        let live = bench.worker(2, 3);
        for _ in 0..3 {
            bench.waker.wake(1);
            assert_eq!(receive(&live), [Signal::Tasks]);
        }
    }

    #[test]
    fn places_beyond_the_first_read_are_found() {
        let bench = Bench::new();
        let far = bench.worker(200, 1);
        bench.waker.wake(1);
        assert_eq!(receive(&far), [Signal::Tasks]);
    }

    #[test]
    fn a_worker_that_died_after_it_was_sent_to_is_noticed() {
        let bench = Bench::new();
        let worker = bench.worker(0, 1);
        assert!(bench.waker.send(WorkerId(1), Signal::Tasks));
        assert_eq!(receive(&worker), [Signal::Tasks]);
        drop(worker);
        assert!(!bench.waker.send(WorkerId(1), Signal::Tasks));
        std::fs::remove_file(bench.sidecar.worker_socket(WorkerId(1))).unwrap();
        let again = bench.worker(0, 1);
        assert!(bench.waker.send(WorkerId(1), Signal::Cancel));
        assert_eq!(receive(&again), [Signal::Cancel]);
    }

    #[test]
    fn more_workers_than_are_kept_connected_are_reached() {
        let bench = Bench::new();
        let workers: Vec<_> = (0_u64..150)
            .map(|slot| bench.worker(slot, slot.cast_signed() + 1))
            .collect();
        for _ in 0..2 {
            bench.waker.wake(workers.len());
            assert!(workers.iter().all(|own| receive(own) == [Signal::Tasks]));
        }
    }

    #[test]
    fn a_cancel_reaches_a_worker_that_is_not_idle() {
        let bench = Bench::new();
        let busy = bench.worker(0, 1);
        bench.mark(0, 0);
        bench.waker.wake(1);
        assert_eq!(receive(&busy), []);
        bench.waker.wake_worker(WorkerId(1));
        assert_eq!(receive(&busy), [Signal::Cancel]);
    }
}
