//! The `SQLite` VFS over a [`Disk`]: what the shipped engines read and write lies there, their locks
//! are the machine's, and their processes can be killed between any two system calls.

mod ffi;
mod handle;
mod locks;
mod shared_memory;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, Image};
use locks::Locks;
use shared_memory::SharedMemories;

/// A machine: a disk, and the locks that processes hold on its files. All of it but the disk goes
/// with the power.
#[derive(Clone, Debug, Default)]
pub struct Machine(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    locks: Locks,
    memories: SharedMemories,
    handles: u64,
    /// Milliseconds that somebody slept; nobody ever really does.
    slept_ms: i64,
    lots: u64,
}

impl Machine {
    /// A machine that starts with what is on its disk.
    pub fn start(image: &Image) -> Self {
        let machine = Self::default();
        machine.disk(|disk| *disk = Disk::holding(image));
        machine
    }

    /// Does something with the disk.
    pub fn disk<T>(&self, with: impl FnOnce(&mut Disk) -> T) -> T {
        with(&mut self.lock().disk)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process on a machine. Once it is killed, whatever its connections still do comes to nothing.
#[derive(Debug)]
struct Process {
    machine: Machine,
    alive: AtomicBool,
    /// It is killed at the end of so many system calls; 0 is never.
    left: AtomicU64,
}

impl Process {
    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Takes one of the system calls that are left. Called with the machine locked.
    fn count(&self, state: &mut State) {
        if self.left.load(Ordering::Relaxed) > 0 && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.alive.store(false, Ordering::Relaxed);
            state.forget(self);
        }
    }
}

/// A name under which connections reach the process that runs at the time.
#[derive(Debug)]
pub struct Vfs {
    registered: &'static ffi::Registered,
}

impl Vfs {
    /// A name for the use of one process after the other. Names are used again and never
    /// unregistered, so that a connection that outlives its process finds nothing amiss.
    ///
    /// # Panics
    /// When `SQLite` takes no more names, which it does not say it ever would.
    #[must_use]
    pub fn acquire() -> Self {
        Self {
            registered: ffi::acquire(),
        }
    }

    /// What to open connections with.
    pub fn name(&self) -> &str {
        self.registered.name()
    }

    /// A new process on a machine, in place of the one before.
    pub fn run_on(&self, machine: &Machine) {
        self.kill();
        let process = Process {
            machine: machine.clone(),
            alive: AtomicBool::new(true),
            left: AtomicU64::new(0),
        };
        *self.registered.process() = Some(Arc::new(process));
    }

    /// Kills the process: its locks are gone, and nothing that it had under way is finished.
    pub fn kill(&self) {
        if let Some(process) = self.registered.process().take() {
            process.alive.store(false, Ordering::Relaxed);
            process.machine.lock().forget(&process);
        }
    }
}

impl Vfs {
    /// Kills the process after so many more system calls, at least one.
    pub fn kill_after(&self, calls: u64) {
        if let Some(process) = &*self.registered.process() {
            process.left.store(calls.max(1), Ordering::Relaxed);
        }
    }

    /// Whether there is a process, and it lives.
    pub fn is_running(&self) -> bool {
        let process = self.registered.process();
        process.as_ref().is_some_and(|process| process.is_alive())
    }

    /// Whether the process is dead, or is to be killed one day.
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

    /// The next of a row of numbers that look drawn and are the same in every run.
    fn draw(&mut self) -> u64 {
        self.lots = self.lots.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.lots ^ (self.lots >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }
}
