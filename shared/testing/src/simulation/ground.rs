//! What the file lies on. Here it is a file of the system's; a proof has a disk that fails, in a
//! machine whose power goes.

use std::path::Path;
use std::sync::Arc;

use super::chaos::Simulation;
use super::faulty::Faulty;
use queue_core::clock::Clock;
use queue_core::error::Result;
use queue_core::queue::Queue;
use queue_core::random::Random;

/// How often a process is tried to be started where the disk may refuse.
const TRIES: usize = 3;

/// What a run stands on. A function that opens the file is one that never breaks.
pub trait Ground<Q: Queue> {
    /// Opens the file, as the process of that number.
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

    /// Breaks something; `lot` says what.
    fn strike(&self, lot: u64) -> Blow {
        let _ = lot;
        Blow::Slight
    }

    /// Whether a process has been killed meanwhile.
    fn is_dead(&self, process: usize) -> bool {
        let _ = process;
        false
    }

    /// Whether calls may fail now through no fault of the engine.
    fn is_broken(&self) -> bool {
        false
    }

    /// Nothing is broken any more.
    fn mend(&self) {}

    /// Does what a process does in its background.
    fn tend(&self, queue: &Q) {
        let _ = queue;
    }
}

impl<Q: Queue, F> Ground<Q> for F
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

/// What broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// Nothing that anybody notices at once.
    Slight,
    /// The process of that number is to be started anew.
    Process(usize),
    /// The power went, and came back: no process is left.
    Power {
        /// Whether everything acknowledged has to be there; otherwise the last moments may be gone.
        keeps: bool,
    },
}

impl<Q: Queue> Simulation<'_, Q> {
    /// Something breaks.
    pub(super) fn strike(&mut self) {
        let lot = self.world.lock().rng.u64(..);
        let blow = self.ground.strike(lot);
        self.world.lock().note(format_args!("{blow:?}"));
        match blow {
            Blow::Slight => {
                let tended = self.draw_place(self.queues.len());
                self.ground.tend(&self.queues[tended].inner);
            }
            Blow::Process(process) => self.restart(process),
            Blow::Power { keeps } => {
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
            }
        }
        self.rouse();
    }

    /// Processes that have died take their workers with them, and are started anew.
    pub(super) fn bury(&mut self) {
        for process in 0..self.queues.len() {
            if self.ground.is_dead(process) {
                self.restart(process);
            }
        }
    }

    /// A process ends, however it does, and begins again.
    pub(super) fn restart(&mut self, process: usize) {
        while let Some(position) = self.workers.iter().position(|own| own.process == process) {
            self.kill_worker(position);
        }
        self.start_process(process);
    }

    fn start_process(&mut self, process: usize) {
        let clock: Arc<dyn Clock> = Arc::<crate::conformance::ManualClock>::clone(&self.clock);
        for _ in 0..TRIES {
            match self.ground.open(process, &self.path, &clock, &self.random) {
                Ok(inner) => {
                    self.queues[process] = Arc::new(Faulty {
                        inner,
                        world: self.world.clone(),
                        extension: Arc::clone(&self.extension),
                    });
                    return;
                }
                // Whoever starts processes sees to the disk first.
                Err(_) if self.ground.is_broken() => self.ground.mend(),
                Err(error) => {
                    let what = format!("the file does not open: {error}");
                    return self.world.lock().violated(what);
                }
            }
        }
    }

    /// What the file holds by now is what was promised.
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
