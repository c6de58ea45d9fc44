//! A thread for what takes too long beside the worker's own tasks: to write what a command is given
//! of very many tasks, and to remove what commands were given.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::super::eventfd::{new_bell, silence};
use super::super::inputs::{Inputs, Remover, Source};
use super::super::shortage::{failure, no_thread};
use super::StartError;
use crate::claim::ClaimedTask;
use crate::error::{Error, Result};
use crate::panics::panicked;
use crate::sidecar::files;

/// What a command is given, or why it cannot be; nothing where nobody wants it any more.
pub(super) type Prepared = Result<Option<Inputs>, StartError>;

/// The thread, which is started when it is first needed and ends with this. What it writes is
/// written for one command after the other.
#[derive(Debug)]
pub(super) struct Preparer {
    work: Sender<Work>,
    queue: Receiver<Work>,
    report: Sender<(ClaimedTask, Prepared)>,
    done: Receiver<(ClaimedTask, Prepared)>,
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Work {
    Prepare(Box<ClaimedTask>, Arc<AtomicBool>),
    Remove(PathBuf),
    End,
}

impl Preparer {
    pub(super) fn new() -> Result<Self> {
        let bell = new_bell()?;
        let (work, queue) = unbounded();
        let (report, done) = unbounded();
        Ok(Self {
            work,
            queue,
            report,
            done,
            bell: Arc::new(bell),
            thread: None,
        })
    }

    /// Readable once something is prepared.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Has the thread write what the task's command is given, unless `cancelled` is set first.
    ///
    /// # Errors
    /// [`StartError::Shortage`] if there is no thread.
    pub(super) fn prepare(
        &mut self,
        source: &Arc<dyn Source>,
        task: ClaimedTask,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<(), StartError> {
        self.need_thread(source)
            .map_err(|error| no_thread("no thread to hand it its inputs", &error))?;
        if self
            .work
            .send(Work::Prepare(Box::new(task), Arc::clone(cancelled)))
            .is_err()
        {
            unreachable!("both ends of the channel are here");
        }
        Ok(())
    }

    /// What removes folders; without a thread, whoever drops them does.
    pub(super) fn remover(&mut self, source: &Arc<dyn Source>) -> Option<Remover> {
        self.need_thread(source).ok()?;
        Some(self.removes())
    }

    /// Has folders removed by the thread.
    fn removes(&self) -> Remover {
        let work = self.work.clone();
        Remover::new(move |folder| work.send(Work::Remove(folder.to_owned())).is_ok())
    }

    /// Silences the bell and takes what is prepared.
    pub(super) fn take_done(&self) -> impl Iterator<Item = (ClaimedTask, Prepared)> {
        silence(&self.bell);
        self.done.try_iter()
    }

    fn need_thread(&mut self, source: &Arc<dyn Source>) -> std::io::Result<()> {
        if self.thread.is_some() {
            return Ok(());
        }
        let (queue, report) = (self.queue.clone(), self.report.clone());
        let remover = self.removes();
        let (source, bell) = (Arc::clone(source), Arc::clone(&self.bell));
        let run = move || {
            for work in queue {
                match work {
                    Work::Prepare(task, cancelled) => {
                        let prepared = prepare(&*source, &task, &cancelled).map(|inputs| {
                            inputs.map(|inputs| inputs.removed_by(Some(remover.clone())))
                        });
                        // Nobody takes it from a worker that has ended.
                        let _ = report.send((*task, prepared));
                        let _ = rustix::io::write(&bell, &1_u64.to_ne_bytes());
                    }
                    // What cannot be removed is swept later.
                    Work::Remove(folder) => drop(files::remove_folder(&folder)),
                    Work::End => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("queue-inputs".to_owned());
        self.thread = Some(thread.spawn(run)?);
        Ok(())
    }
}

impl Drop for Preparer {
    /// Waits until everything is removed that was to be.
    fn drop(&mut self) {
        let _ = self.work.send(Work::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn prepare(source: &dyn Source, task: &ClaimedTask, cancelled: &AtomicBool) -> Prepared {
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        let edges = source.edges(task.claim.task)?;
        source.prepare(task.claim, &edges, cancelled)
    }));
    match prepared {
        Ok(prepared) => prepared.map_err(|error| not_given(&error)),
        Err(panic) => Err(format!("{NOT_GIVEN}: {}", panicked(&*panic)).into()),
    }
}

/// Why a command cannot be started without what it is to be given.
const NOT_GIVEN: &str = "the outputs of its dependencies cannot be handed to it";

/// The same, for the reason the engine or the disk gave.
pub(super) fn not_given(error: &Error) -> StartError {
    failure(NOT_GIVEN, error)
}
