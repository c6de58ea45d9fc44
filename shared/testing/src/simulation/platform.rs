//! Machine and disk under the database. Here they are real; a proof has a disk that fails, in a
//! machine that loses power.

use std::path::Path;
use std::sync::Arc;

use super::chaos::Simulation;
use super::extension::Ledger;
use super::faulty::Faulty;
use queue_core::clock::Clock;
use queue_core::error::Result;
use queue_core::queue::Queue;
use queue_core::random::Random;

/// Number of attempts to start a process while the disk may refuse.
const TRIES: usize = 3;

/// Machine and disk of a run. A function that opens the file is a platform that never breaks.
pub trait Platform<Q: Queue> {
    /// Opens the file as the process with that index.
    ///
    /// # Errors
    /// As the engine.
    fn open(
        &self,
        process: usize,
        path: &Path,
        clock: &Arc<dyn Clock>,
        random: &Arc<dyn Random>,
    ) -> Result<Q>;

    /// Breaks something, chosen by `lot`.
    fn break_something(&self, lot: u64) -> PlatformFault {
        let _ = lot;
        PlatformFault::Unnoticed
    }

    /// Returns true if a process has been killed meanwhile.
    fn is_dead(&self, process: usize) -> bool {
        let _ = process;
        false
    }

    /// Returns true if calls may fail now through no fault of the engine.
    fn is_broken(&self) -> bool {
        false
    }

    /// Repairs everything that is broken.
    fn repair(&self) {}

    /// Does the work of a process's background threads.
    fn work_in_background(&self, queue: &Q) {
        let _ = queue;
    }
}

impl<Q: Queue, F> Platform<Q> for F
where
    F: Fn(&Path, Arc<dyn Clock>, Arc<dyn Random>) -> Result<Q>,
{
    fn open(
        &self,
        _: usize,
        path: &Path,
        clock: &Arc<dyn Clock>,
        random: &Arc<dyn Random>,
    ) -> Result<Q> {
        self(path, Arc::clone(clock), Arc::clone(random))
    }
}

/// Fault of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformFault {
    /// A fault that shows later.
    Unnoticed,
    /// The process with that index has to be restarted.
    Process(usize),
    /// A power cut: no process is left.
    Power {
        /// True if everything acknowledged has to be there; otherwise the last writes may be lost.
        keeps: bool,
    },
}

impl<Q: Queue> Simulation<'_, Q> {
    /// Breaks something of the platform.
    pub(super) fn break_something(&mut self) {
        let lot = self.world.lock().rng.u64(..);
        let fault = self.platform.break_something(lot);
        self.world.lock().note(format_args!("{fault:?}"));
        match fault {
            PlatformFault::Unnoticed => {
                let tended = self.draw_index(self.queues.len());
                self.platform.work_in_background(&self.queues[tended].inner);
            }
            PlatformFault::Process(process) => self.restart(process),
            PlatformFault::Power { keeps } => {
                self.world.lock().counts.cuts += 1;
                self.workers.clear();
                self.world.lock().power_cut();
                for process in 0..self.queues.len() {
                    self.start_process(process);
                }
                if keeps {
                    self.look();
                } else {
                    self.take_as_it_is();
                }
                let ledger = Ledger { world: &self.world };
                self.extension
                    .lost_power(&self.queues[0].inner, keeps, &ledger);
            }
        }
        self.wake_all();
    }

    /// Restarts processes that have died; their workers died with them.
    pub(super) fn restart_the_dead(&mut self) {
        for process in 0..self.queues.len() {
            if self.platform.is_dead(process) {
                self.restart(process);
            }
        }
    }

    /// Restarts a process that has ended.
    pub(super) fn restart(&mut self, process: usize) {
        while let Some(position) = self.workers.iter().position(|own| own.process == process) {
            self.kill_worker(position);
        }
        self.start_process(process);
    }

    fn start_process(&mut self, process: usize) {
        let clock: Arc<dyn Clock> = Arc::<crate::conformance::ManualClock>::clone(&self.clock);
        for _ in 0..TRIES {
            match self
                .platform
                .open(process, &self.path, &clock, &self.random)
            {
                Ok(inner) => {
                    self.queues[process] = Arc::new(Faulty {
                        inner,
                        world: self.world.clone(),
                        extension: Arc::clone(&self.extension),
                    });
                    return;
                }
                // The disk is repaired before a process is started again.
                Err(_) if self.platform.is_broken() => self.platform.repair(),
                Err(error) => {
                    let what = format!("the file does not open: {error}");
                    return self.world.lock().violated(what);
                }
            }
        }
    }

    /// Takes the file's contents as the expected ones.
    fn take_as_it_is(&mut self) {
        match super::faulty::all_tasks(&self.queues[0].inner) {
            Ok(tasks) => self.world.lock().rebase(&tasks),
            Err(error) => {
                let what = format!("after a power cut a list failed: {error}");
                self.world.lock().violated(what);
            }
        }
    }
}
