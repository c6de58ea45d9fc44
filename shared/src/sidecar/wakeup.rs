//! Wakes of idle workers after a commit. A wake is a hint: if it is lost, the workers' slow poll of
//! the change counter finds the tasks.
//!
//! A worker with free slots that found nothing to claim writes its id into its slot of the idle
//! file, tries to claim once more, and from then on receives a datagram for each enqueue, until its
//! slots are full. If no worker waits, a wake is one read of 8 bytes.

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

/// Bytes of one id in the lists of waiting processes.
pub(super) const SLOT_BYTES: usize = 8;
/// Slots read at a time.
const SLOTS_PER_READ: usize = 64;

/// Signal in a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Tasks wait to be claimed.
    Tasks,
    /// A running task may have been cancelled.
    Cancel,
    /// A worker has registered.
    Peers,
    /// Tasks have ended.
    Settled,
    /// The worker is to stop.
    Stop,
    /// The worker is to use so many slots.
    Slots(u32),
}

impl Signal {
    /// Datagram of the signal: its letter and, for a number of slots, that number.
    pub fn datagram(self) -> Vec<u8> {
        match self {
            Self::Tasks => vec![b't'],
            Self::Cancel => vec![b'c'],
            Self::Peers => vec![b'p'],
            Self::Settled => vec![b's'],
            Self::Stop => vec![b'q'],
            Self::Slots(slots) => [&b"n"[..], &slots.to_le_bytes()].concat(),
        }
    }

    /// Signal of a received datagram; `None` for one that this program does not know.
    pub fn from_datagram(bytes: &[u8]) -> Option<Self> {
        let (letter, rest) = bytes.split_first()?;
        Some(match letter {
            b't' => Self::Tasks,
            b'c' => Self::Cancel,
            b'p' => Self::Peers,
            b's' => Self::Settled,
            b'q' => Self::Stop,
            b'n' => Self::Slots(u32::from_le_bytes(*rest.first_chunk()?)),
            _ => return None,
        })
    }
}

/// Wakes workers and listeners of one database, in this and in other processes.
#[derive(Debug)]
pub struct Waker {
    sidecar: Sidecar,
    idle: SlotFile,
    listening: SlotFile,
    sender: OnceLock<DatagramSender>,
    /// Start of the next search for an idle worker, so that a burst is spread over all.
    next: AtomicUsize,
}

impl Waker {
    /// Creates a waker for the workers registered in `sidecar`.
    pub fn new(sidecar: Sidecar) -> Self {
        Self {
            sidecar,
            idle: SlotFile::default(),
            listening: SlotFile::default(),
            sender: OnceLock::new(),
            next: AtomicUsize::new(0),
        }
    }

    /// Opens the lists of waiting processes, so that no commit has to.
    pub fn open(&self) {
        self.idle.open(|| self.sidecar.idle_file());
        self.listening.open(|| self.sidecar.listening_file());
    }

    /// Wakes up to `tasks` idle workers, one for each new task. To be called after the commit.
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

    /// Tells a worker that another one has registered, which it is to watch.
    pub fn wake_peer(&self, worker: WorkerId) {
        self.send(worker, Signal::Peers);
    }

    /// Asks a living worker for something. Returns false if the request did not reach it, because it
    /// has ended or does not read what it was sent before.
    pub fn ask(&self, worker: WorkerId, request: Signal) -> bool {
        self.sent(worker, request) == Sent::Yes
    }

    /// Signals to all listeners that tasks have ended. To be called after the commit.
    pub fn tell_settled(&self) {
        let mut buffer = [0; SLOTS_PER_READ * SLOT_BYTES];
        let path = || self.sidecar.listening_file();
        for listener in self.listening.read(path, &mut buffer) {
            if listener != 0 {
                self.send(WorkerId(listener), Signal::Settled);
            }
        }
    }

    /// Sends a datagram. Returns true if a process is there to read it. A full socket counts too:
    /// its owner has datagrams to read.
    pub(super) fn send(&self, worker: WorkerId, signal: Signal) -> bool {
        self.sent(worker, signal) != Sent::Gone
    }

    fn sent(&self, worker: WorkerId, signal: Signal) -> Sent {
        let sender = match self.sender.get() {
            Some(sender) => sender,
            None => match DatagramSender::open(&self.sidecar) {
                Ok(sender) => self.sender.get_or_init(|| sender),
                Err(_) => return Sent::Gone,
            },
        };
        sender.send(worker, signal)
    }
}

/// Fate of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Yes,
    /// The receiver has not read earlier ones.
    Full,
    /// There is no receiver.
    Gone,
}

/// File of ids by slot, 0 if it is free, kept open for reading.
#[derive(Debug, Default)]
struct SlotFile(OnceLock<File>);

impl SlotFile {
    /// Ids in the file; empty if no process ever waited.
    fn read(&self, path: impl Fn() -> PathBuf, buffer: &mut [u8]) -> Vec<i64> {
        self.open(path)
            .map_or_else(Vec::new, |file| read_slots(file, buffer))
    }

    /// The file; `None` while it does not exist.
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

/// Largest number of connected sockets. Beyond it the oldest one is closed.
const MOST_CONNECTED: usize = 64;

/// Sender of datagrams: the folder of the sockets, and a connection to each one used recently,
/// since to look a socket up by its path takes longer than to send a datagram. A socket's address
/// has room for 107 bytes, less than a path may have, so the folder is named by its descriptor.
#[derive(Debug)]
pub(super) struct DatagramSender {
    folder: Folder,
    connected: Mutex<Vec<(WorkerId, OwnedFd)>>,
}

impl DatagramSender {
    fn open(sidecar: &Sidecar) -> std::io::Result<Self> {
        Ok(Self {
            folder: Folder::open(&sidecar.workers())?,
            connected: Mutex::default(),
        })
    }

    fn send(&self, worker: WorkerId, signal: Signal) -> Sent {
        let mut connected = self
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = connected.iter().position(|(id, _)| *id == worker);
        let position = known.unwrap_or(connected.len());
        if known.is_none() {
            let Ok(socket) = self.connect(worker) else {
                return Sent::Gone;
            };
            connected.push((worker, socket));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = match send(&connected[position].1, &signal.datagram(), flags) {
            Ok(_) => Sent::Yes,
            Err(Errno::AGAIN | Errno::NOBUFS) => Sent::Full,
            Err(_) => {
                connected.remove(position);
                Sent::Gone
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

/// Name of a worker's socket in its folder.
pub(super) fn name(worker: WorkerId) -> String {
    format!("{worker}.sock")
}

/// Address of a worker's socket in `folder`.
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
    fn one_idle_worker_is_woken_per_task() {
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
    fn slots_beyond_the_first_read_are_found() {
        let bench = Bench::new();
        let far = bench.worker(200, 1);
        bench.waker.wake(1);
        assert_eq!(receive(&far), [Signal::Tasks]);
    }

    #[test]
    fn a_worker_that_died_after_a_datagram_is_noticed() {
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
    fn more_workers_than_connections_are_reached() {
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
    fn requests_of_a_person_arrive_each_on_its_own() {
        let bench = Bench::new();
        let busy = bench.worker(0, 1);
        let requests = [
            Signal::Stop,
            Signal::Slots(300),
            Signal::Stop,
            Signal::Slots(2),
        ];
        for request in requests {
            assert!(bench.waker.ask(WorkerId(1), request));
        }
        assert_eq!(receive(&busy), requests);
        while bench.waker.ask(WorkerId(1), Signal::Stop) {}
        assert!(
            bench.waker.send(WorkerId(1), Signal::Tasks),
            "it has some to read"
        );
        assert!(!bench.waker.ask(WorkerId(2), Signal::Stop));
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
