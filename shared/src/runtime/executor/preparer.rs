//! Thread for slow work on input folders: it writes those with very many outputs, and removes
//! folders of ended commands.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::super::awaited_thread::AwaitedThread;
use super::super::eventfd::{clear, new_eventfd};
use super::super::inputs::{InputSource, Inputs, Remover};
use super::super::shortage::{failure, no_thread};
use super::StartError;
use crate::claim::ClaimedTask;
use crate::error::{Error, Result};
use crate::panics::panicked;
use crate::sidecar::files;

/// Inputs of a command, or the reason why they cannot be written; `None` if they are no longer
/// wanted.
pub(super) type Prepared = Result<Option<Inputs>, StartError>;

/// Handle to the thread, which is started when it is first needed and ends with the handle. It
/// works on one folder at a time.
#[derive(Debug)]
pub(super) struct Preparer {
    work: Sender<FolderRequest>,
    queue: Receiver<FolderRequest>,
    report: Sender<(ClaimedTask, Prepared)>,
    done: Receiver<(ClaimedTask, Prepared)>,
    eventfd: Arc<OwnedFd>,
    thread: Option<AwaitedThread>,
}

#[derive(Debug)]
enum FolderRequest {
    Prepare(Box<ClaimedTask>, Arc<AtomicBool>),
    Remove(PathBuf),
    End,
}

impl Preparer {
    pub(super) fn new() -> Result<Self> {
        let eventfd = new_eventfd()?;
        let (work, queue) = unbounded();
        let (report, done) = unbounded();
        Ok(Self {
            work,
            queue,
            report,
            done,
            eventfd: Arc::new(eventfd),
            thread: None,
        })
    }

    /// Eventfd that is readable once a folder is written.
    pub(super) fn eventfd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    /// Has the thread write the inputs of a task, unless `cancelled` is set first.
    ///
    /// # Errors
    /// [`StartError::Shortage`] if there is no thread.
    pub(super) fn prepare(
        &mut self,
        source: &Arc<dyn InputSource>,
        task: ClaimedTask,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<(), StartError> {
        self.need_thread(source)
            .map_err(|error| no_thread("no thread to write its inputs", &error))?;
        if self
            .work
            .send(FolderRequest::Prepare(
                Box::new(task),
                Arc::clone(cancelled),
            ))
            .is_err()
        {
            unreachable!("both ends of the channel are here");
        }
        Ok(())
    }

    /// Returns a remover of folders; `None` if there is no thread, so that the owner removes them.
    pub(super) fn remover(&mut self, source: &Arc<dyn InputSource>) -> Option<Remover> {
        self.need_thread(source).ok()?;
        Some(self.removes())
    }

    /// Creates a remover that sends folders to the thread.
    fn removes(&self) -> Remover {
        let work = self.work.clone();
        Remover::new(move |folder| work.send(FolderRequest::Remove(folder.to_owned())).is_ok())
    }

    /// Clears the eventfd and takes the written inputs.
    pub(super) fn take_done(&self) -> impl Iterator<Item = (ClaimedTask, Prepared)> {
        clear(&self.eventfd);
        self.done.try_iter()
    }

    fn need_thread(&mut self, source: &Arc<dyn InputSource>) -> std::io::Result<()> {
        if self.thread.is_some() {
            return Ok(());
        }
        let (queue, report) = (self.queue.clone(), self.report.clone());
        let remover = self.removes();
        let (source, eventfd) = (Arc::clone(source), Arc::clone(&self.eventfd));
        let run = move || {
            for work in queue {
                match work {
                    FolderRequest::Prepare(task, cancelled) => {
                        let prepared = prepare(&*source, &task, &cancelled).map(|inputs| {
                            inputs.map(|inputs| inputs.removed_by(Some(remover.clone())))
                        });
                        // The receiver is gone if the worker has ended.
                        let _ = report.send((*task, prepared));
                        let _ = rustix::io::write(&eventfd, &1_u64.to_ne_bytes());
                    }
                    // A later sweep removes what is left.
                    FolderRequest::Remove(folder) => drop(files::remove_folder(&folder)),
                    FolderRequest::End => return,
                }
            }
        };
        self.thread = Some(AwaitedThread::start("queue-inputs", run)?);
        Ok(())
    }
}

impl Drop for Preparer {
    /// Waits a moment for all folders to be removed.
    fn drop(&mut self) {
        let _ = self.work.send(FolderRequest::End);
        if let Some(thread) = &self.thread {
            thread.wait();
        }
    }
}

fn prepare(source: &dyn InputSource, task: &ClaimedTask, cancelled: &AtomicBool) -> Prepared {
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        let edges = source.edges(task.claim.task)?;
        let go_on = |_| !cancelled.load(Ordering::Relaxed);
        source.prepare(task.claim, &edges, &go_on)
    }));
    match prepared {
        Ok(prepared) => prepared.map_err(|error| not_given(&error)),
        Err(panic) => Err(format!("{NOT_GIVEN}: {}", panicked(&*panic)).into()),
    }
}

/// Reason why a command is not started without its inputs.
const NOT_GIVEN: &str = "the outputs of its dependencies cannot be passed to it";

/// Error for a command whose inputs cannot be written.
pub(super) fn not_given(error: &Error) -> StartError {
    failure(NOT_GIVEN, error)
}
