//! A queue for programs on a tokio runtime: calls run on its threads for blocking work, and one
//! thread waits for tasks on behalf of every caller.

use std::future::Future;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::driver::Observer;
use super::eventfd::{clear, new_eventfd};
use super::worker::{Summary, Worker};
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::outcome::{Settled, Settlement};
use crate::queue::{Enqueued, Queue};
use crate::task::{NewTask, Task, TaskId};

/// A queue whose calls do not block the runtime. Clones share the queue. Where the last handle of the
/// queue is dropped, the file is closed, on that thread: keep one until the runtime has ended.
#[derive(Debug)]
pub struct AsyncQueue<Q> {
    queue: Arc<Q>,
    waits: Arc<Waits>,
}

impl<Q> Clone for AsyncQueue<Q> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            waits: Arc::clone(&self.waits),
        }
    }
}

impl<Q: Queue> AsyncQueue<Q> {
    /// Makes the asynchronous side of an open queue.
    pub fn new(queue: Arc<Q>) -> Self {
        Self {
            queue,
            waits: Arc::default(),
        }
    }

    /// The queue itself, whose calls block.
    pub fn blocking(&self) -> &Arc<Q> {
        &self.queue
    }

    /// Makes any call on one of the runtime's threads for blocking work. A call that has begun goes
    /// on if this future is dropped.
    ///
    /// # Errors
    /// As the call. [`Error::Invalid`] if the runtime is shut down before the call has begun.
    ///
    /// # Panics
    /// Outside of a tokio runtime, and when `call` panics.
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Q) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let queue = Arc::clone(&self.queue);
        match spawn_blocking(move || call(&queue)).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::invalid(
                    "the runtime was shut down before the call on the queue began",
                )),
            },
        }
    }

    /// As [`Queue::enqueue`].
    ///
    /// # Errors
    /// As [`Queue::enqueue`] and [`call`](Self::call).
    pub async fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        self.call(move |queue| queue.enqueue(tasks)).await
    }

    /// As [`Queue::settle`].
    ///
    /// # Errors
    /// As [`Queue::settle`] and [`call`](Self::call).
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        self.call(move |queue| queue.settle(settlements)).await
    }

    /// As [`Queue::wait`]. However many wait, one thread looks for all of them.
    ///
    /// # Errors
    /// As [`Queue::wait`].
    pub async fn wait(&self, ids: &[TaskId], timeout: Option<Duration>) -> Result<Vec<Task>> {
        let (answer, answered) = oneshot::channel();
        let now = self.queue.now().boot;
        let wait = PendingWait {
            open: ids.iter().rev().copied().collect(),
            ended: Vec::with_capacity(ids.len()),
            deadline: timeout.map(|timeout| now.after(timeout)),
            answer,
        };
        Waits::add(&self.waits, &self.queue, wait)?;
        answered.await.unwrap_or_else(|_| {
            let what = "the thread that waits for tasks has ended".to_owned();
            Err(Error::Bug { what })
        })
    }
}

impl<Q: Queue> Worker<Q> {
    /// As [`run`](Self::run), on a thread of its own, which starts at once. The worker goes on if
    /// the future is dropped; a [`Stopper`](super::Stopper) ends it.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the system refuses a thread.
    pub fn run_async(
        self,
        mut observer: impl Observer + Send + 'static,
    ) -> impl Future<Output = Result<Summary>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let thread = std::thread::Builder::new().name("queue-worker".to_owned());
        let started = thread.spawn(move || {
            // Nobody may want to know.
            let _ = answer.send(self.run(&mut observer));
        });
        async move {
            started.map_err(|error| Error::io("cannot start the worker's thread", error))?;
            answered.await.unwrap_or_else(|_| {
                let what = "the worker's thread has panicked".to_owned();
                Err(Error::Bug { what })
            })
        }
    }
}

/// Waits of all callers.
#[derive(Debug, Default)]
struct Waits(Mutex<WaitsState>);

#[derive(Debug, Default)]
struct WaitsState {
    /// Waits that the thread has not taken yet.
    new: Vec<PendingWait>,
    /// Wakes the thread; `None` while there is none.
    nudge: Option<Arc<OwnedFd>>,
}

/// A caller that waits for tasks.
#[derive(Debug)]
struct PendingWait {
    /// Tasks that had not ended at the last look, the next one last.
    open: Vec<TaskId>,
    ended: Vec<Task>,
    deadline: Option<BootTime>,
    answer: oneshot::Sender<Result<Vec<Task>>>,
}

impl Waits {
    /// Adds a wait, and starts the thread unless it runs. The thread ends with the last wait.
    fn add<Q: Queue>(this: &Arc<Self>, queue: &Arc<Q>, wait: PendingWait) -> Result<()> {
        let mut state = this.lock();
        if let Some(nudge) = &state.nudge {
            // A full eventfd is readable too.
            let _ = rustix::io::write(nudge, &1_u64.to_ne_bytes());
            state.new.push(wait);
            return Ok(());
        }
        let nudge = Arc::new(new_eventfd()?);
        let (waits, queue, own) = (Arc::clone(this), Arc::clone(queue), Arc::clone(&nudge));
        let thread = std::thread::Builder::new().name("queue-waits".to_owned());
        thread
            .spawn(move || waits.look_after(&*queue, &own))
            .map_err(|error| Error::io("cannot start a thread to wait for tasks", error))?;
        state.nudge = Some(nudge);
        state.new.push(wait);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, WaitsState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Main loop of the thread.
    fn look_after<Q: Queue>(&self, queue: &Q, nudge: &OwnedFd) {
        let mut waits: Vec<PendingWait> = Vec::new();
        let mut waiter = queue.waiter();
        loop {
            {
                let mut state = self.lock();
                waits.append(&mut state.new);
                if waits.is_empty() {
                    state.nudge = None;
                    return;
                }
            }
            let now = queue.now().boot;
            let open = waits.into_iter().filter_map(|wait| wait.look(queue, now));
            waits = open.collect();
            if waits.is_empty() {
                continue;
            }
            let next = waits.iter().filter_map(|wait| wait.deadline).min();
            let left = next.map_or(Duration::MAX, |at| at.since(now));
            if let Err(error) = waiter.pause_beside(left, Some(nudge.as_fd())) {
                for wait in waits.drain(..) {
                    wait.refuse(queue, &error);
                }
            }
            clear(nudge);
        }
    }
}

impl PendingWait {
    /// Looks at the tasks that are open. Returns the wait unless it is over.
    fn look<Q: Queue>(mut self, queue: &Q, now: BootTime) -> Option<Self> {
        if self.answer.is_closed() {
            return None;
        }
        let is_over = self.deadline.is_some_and(|at| at <= now);
        while let Some(id) = self.open.last() {
            let task = queue.get(*id).and_then(|task| {
                task.ok_or_else(|| Error::not_found(format!("there is no task {id}")))
            });
            match task {
                Ok(task) if task.state.is_terminal() || is_over => {
                    self.open.pop();
                    self.ended.push(task);
                }
                Ok(_) => return Some(self),
                Err(error) => {
                    let _ = self.answer.send(Err(error));
                    return None;
                }
            }
        }
        let _ = self.answer.send(Ok(self.ended));
        None
    }

    /// Ends the wait with an error that all of them have met.
    fn refuse<Q: Queue>(self, queue: &Q, error: &Error) {
        let _ = self.answer.send(Err(Error::Unusable {
            path: queue.coordination().location().path().to_owned(),
            what: error.to_string(),
            remedy: None,
            source: None,
        }));
    }
}
