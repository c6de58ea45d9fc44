//! Wakes of idle workers after a commit. A wake is a hint: if it is lost, the workers' slow poll of
//! the change counter finds the tasks.
//!
//! A worker with free slots that found nothing to claim writes its id and the set of its queues into
//! its slot of the idle file, tries to claim once more, and from then on receives a datagram for each
//! enqueue to one of them, until its slots are full. If no worker waits, a wake is one read.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::datagram::{DatagramSender, Sent, Signal};
use super::files;
use super::paths::Sidecar;
use crate::claim::WorkerId;
use crate::ready::{QueueSet, ReadyTasks};

/// Bytes of one id in the list of listeners.
pub(super) const SLOT_BYTES: usize = 8;
/// Bytes of a worker in the list of idle ones: its id and the set of what it serves.
pub(super) const IDLE_BYTES: usize = 16;
/// Bytes of a list that are read at a time.
const READ_BYTES: usize = 1024;

/// Wakes workers and listeners of one database, in this and in other processes.
#[derive(Debug)]
pub struct Waker {
    sidecar: Sidecar,
    idle: SlotFile<IDLE_BYTES>,
    listening: SlotFile<SLOT_BYTES>,
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

    /// Wakes idle workers, one for each new task, that serve its queue. To be called after the commit.
    pub fn wake(&self, ready: &ReadyTasks) {
        let (workers, sets) = self.idle_workers(ready.len());
        let wake = |at: usize| self.send(workers[at], Signal::Tasks);
        ready.choose(&sets, wake);
    }

    /// Wakes idle workers that serve one of these parts of queues, one of each different set: more
    /// tasks may wait than the caller can take. `None` stands for all parts.
    pub fn wake_another(&self, parts: Option<&[QueueSet]>) {
        let (workers, mut sets) = self.idle_workers(1);
        if let Some(parts) = parts {
            for set in &mut sets {
                if !parts.iter().any(|part| set.contains(*part)) {
                    *set = QueueSet::default();
                }
            }
        }
        let wake = |at: usize| self.send(workers[at], Signal::Tasks);
        ReadyTasks::anywhere(1).choose(&sets, wake);
    }

    /// Idle workers and what they serve, beginning at another one after every call. A free slot serves
    /// nothing.
    fn idle_workers(&self, tasks: usize) -> (Vec<WorkerId>, Vec<QueueSet>) {
        let mut slots = self.idle.read(|| self.sidecar.idle_file());
        if !slots.is_empty() {
            let start = self.next.fetch_add(tasks, Ordering::Relaxed) % slots.len();
            slots.rotate_left(start);
        }
        slots.iter().map(idle_worker).unzip()
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
        for slot in self.listening.read(|| self.sidecar.listening_file()) {
            let listener = i64::from_le_bytes(slot);
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

/// Mark of an idle worker, or that of a free slot.
pub(super) fn idle_mark(worker: Option<WorkerId>, serves: QueueSet) -> [u8; IDLE_BYTES] {
    let mut mark = [0; IDLE_BYTES];
    if let Some(worker) = worker {
        let (id, set) = mark.split_at_mut(SLOT_BYTES);
        id.copy_from_slice(&worker.0.to_le_bytes());
        set.copy_from_slice(&serves.to_bytes());
    }
    mark
}

/// Worker of a mark, and what it serves.
fn idle_worker(mark: &[u8; IDLE_BYTES]) -> (WorkerId, QueueSet) {
    let half = |from: usize| std::array::from_fn(|at| mark[from + at]);
    match i64::from_le_bytes(half(0)) {
        0 => (WorkerId(0), QueueSet::default()),
        id => (WorkerId(id), QueueSet::from_bytes(half(SLOT_BYTES))),
    }
}

/// File of slots, zeros if one is free, kept open for reading.
#[derive(Debug, Default)]
struct SlotFile<const SLOT: usize>(OnceLock<File>);

impl<const SLOT: usize> SlotFile<SLOT> {
    /// Slots of the file; empty if no process ever waited.
    fn read(&self, path: impl Fn() -> PathBuf) -> Vec<[u8; SLOT]> {
        self.open(path).map_or_else(Vec::new, read_slots)
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

/// Slots up to the end of the file; none if all are free.
fn read_slots<const SLOT: usize>(file: &File) -> Vec<[u8; SLOT]> {
    let mut buffer = [0; READ_BYTES];
    let mut slots = Vec::new();
    let mut offset = 0;
    loop {
        let count = match file.read_at(&mut buffer, offset) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return slots,
        };
        let (read, _) = buffer[..count].as_chunks::<SLOT>();
        if !slots.is_empty() || read.iter().any(|slot| *slot != [0; SLOT]) {
            slots.extend_from_slice(read);
        }
        if count < buffer.len() {
            return slots;
        }
        offset += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::FileExt;

    use super::{IDLE_BYTES, QueueSet, ReadyTasks, Sidecar, Signal, Waker, idle_mark};
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
            self.mark_serving(slot, id, QueueSet::ALL);
        }

        fn mark_serving(&self, slot: u64, id: i64, serves: QueueSet) {
            let file = open_private(&self.sidecar.idle_file()).unwrap();
            let mark = idle_mark((id != 0).then_some(WorkerId(id)), serves);
            file.write_all_at(&mark, slot * IDLE_BYTES as u64).unwrap();
        }

        fn wake(&self, tasks: usize) {
            self.waker.wake(&ReadyTasks::anywhere(tasks));
        }

        fn worker(&self, slot: u64, id: i64) -> OwnedFd {
            self.mark(slot, id);
            bind(&self.sidecar, WorkerId(id)).unwrap()
        }
    }

    #[test]
    fn one_idle_worker_is_woken_per_task() {
        let bench = Bench::new();
        bench.wake(1);
        let workers: Vec<_> = (0_u64..4)
            .map(|slot| bench.worker(slot, slot.cast_signed() + 1))
            .collect();
        bench.mark(1, 0);
        let woken = |tasks| {
            bench.wake(tasks);
            workers
                .iter()
                .map(|own| receive(own).len())
                .collect::<Vec<_>>()
        };
        assert_eq!(woken(9), [1, 0, 1, 1]);
        assert_eq!(woken(2).iter().sum::<usize>(), 2);
        assert_eq!(woken(0), [0, 0, 0, 0]);
    }

    /// Any idle worker was woken, also one of another queue. The right one then waited for its poll.
    #[test]
    fn a_task_wakes_a_worker_that_serves_its_queue() {
        let bench = Bench::new();
        let part = |queue| QueueSet::only(queue, "");
        let workers = [(0, "a"), (1, "a"), (2, "b")].map(|(slot, queue)| {
            let own = bench.worker(slot, slot.cast_signed() + 1);
            bench.mark_serving(slot, slot.cast_signed() + 1, part(queue));
            own
        });
        let received = || [0, 1, 2].map(|at: usize| receive(&workers[at]).len());
        for _ in 0..4 {
            bench.waker.wake(&ReadyTasks::one("b", ""));
            assert_eq!(received(), [0, 0, 1]);
        }
        bench.waker.wake(&ReadyTasks::one("a", ""));
        let [first, second, other] = received();
        assert_eq!((first + second, other), (1, 0));
        bench.waker.wake(&ReadyTasks::one("c", ""));
        assert_eq!(received(), [0, 0, 0]);
        bench.waker.wake_another(Some(&[part("b"), part("c")]));
        assert_eq!(received(), [0, 0, 1]);
        bench.waker.wake_another(None);
        let [first, second, other] = received();
        assert_eq!((first + second, other), (1, 1));
    }

    #[test]
    fn a_dead_worker_takes_no_wake_from_a_live_one() {
        let bench = Bench::new();
        drop(bench.worker(0, 1));
        bench.mark(1, 2);
        let live = bench.worker(2, 3);
        for _ in 0..3 {
            bench.wake(1);
            assert_eq!(receive(&live), [Signal::Tasks]);
        }
    }

    #[test]
    fn slots_beyond_the_first_read_are_found() {
        let bench = Bench::new();
        let far = bench.worker(200, 1);
        bench.wake(1);
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
            bench.wake(workers.len());
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
        bench.wake(1);
        assert_eq!(receive(&busy), []);
        bench.waker.wake_worker(WorkerId(1));
        assert_eq!(receive(&busy), [Signal::Cancel]);
    }
}
