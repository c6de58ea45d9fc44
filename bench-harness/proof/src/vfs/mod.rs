//! The `SQLite` VFS over a [`Disk`]: it holds the files of the shipped engines; their locks belong to
//! the machine, and their processes can be killed between any two system calls.

mod ffi;
mod handle;
mod locks;
mod shared_memory;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, Image};
use locks::Locks;
use shared_memory::SharedMemories;

/// A machine: a disk, and the processes' locks on its files. A power cut clears all but the disk.
#[derive(Clone, Debug, Default)]
pub struct Machine(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    locks: Locks,
    memories: SharedMemories,
    handles: u64,
    /// Milliseconds spent in sleeps, which return at once.
    slept_ms: i64,
    lots: u64,
}

impl Machine {
    /// Starts a machine with the content of its disk.
    pub fn start(image: &Image) -> Self {
        let machine = Self::default();
        machine.disk(|disk| *disk = Disk::holding(image));
        machine
    }

    /// Calls `with` with the disk.
    pub fn disk<T>(&self, with: impl FnOnce(&mut Disk) -> T) -> T {
        with(&mut self.lock().disk)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process on a machine. After its kill, further calls of its connections have no effect.
#[derive(Debug)]
struct Process {
    machine: Machine,
    alive: AtomicBool,
    /// Number of system calls until it is killed; 0 is never.
    left: AtomicU64,
}

impl Process {
    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Counts a system call. Called with the machine locked.
    fn count(&self, state: &mut State) {
        if self.left.load(Ordering::Relaxed) > 0 && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.alive.store(false, Ordering::Relaxed);
            state.forget(self);
        }
    }
}

/// A VFS name through which connections reach the current process.
#[derive(Debug)]
pub struct Vfs {
    registered: &'static ffi::Registered,
}

impl Vfs {
    /// Acquires a name for one process after another. Names are reused and never unregistered, so that
    /// a connection that outlives its process stays valid.
    ///
    /// # Panics
    /// When `SQLite` accepts no more names, which it is not documented to do.
    #[must_use]
    pub fn acquire() -> Self {
        Self {
            registered: ffi::acquire(),
        }
    }

    /// VFS name for opening connections.
    pub fn name(&self) -> &str {
        self.registered.name()
    }

    /// Starts a process on a machine, in place of the current one.
    pub fn run_on(&self, machine: &Machine) {
        self.kill();
        let process = Process {
            machine: machine.clone(),
            alive: AtomicBool::new(true),
            left: AtomicU64::new(0),
        };
        *self.registered.process() = Some(Arc::new(process));
    }

    /// Kills the process: its locks are released, and its calls in progress have no effect.
    pub fn kill(&self) {
        if let Some(process) = self.registered.process().take() {
            process.alive.store(false, Ordering::Relaxed);
            process.machine.lock().forget(&process);
        }
    }
}

impl Vfs {
    /// Kills the process after that many further system calls, at least one.
    pub fn kill_after(&self, calls: u64) {
        if let Some(process) = &*self.registered.process() {
            process.left.store(calls.max(1), Ordering::Relaxed);
        }
    }

    /// Returns true if there is a living process.
    pub fn is_running(&self) -> bool {
        let process = self.registered.process();
        process.as_ref().is_some_and(|process| process.is_alive())
    }

    /// Returns true if the process is dead, or its kill is scheduled.
    pub fn is_dying(&self) -> bool {
        let process = self.registered.process();
        let left = |process: &Arc<Process>| process.left.load(Ordering::Relaxed) > 0;
        process
            .as_ref()
            .is_none_or(|process| !process.is_alive() || left(process))
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        self.kill();
        ffi::release(self.registered);
    }
}

impl State {
    fn forget(&mut self, process: &Process) {
        let process = std::ptr::from_ref(process).addr();
        self.locks.forget(process);
        self.memories.forget(process);
    }

    /// The next number of a pseudo-random sequence that is the same in every run.
    fn draw(&mut self) -> u64 {
        self.lots = self.lots.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.lots ^ (self.lots >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}
