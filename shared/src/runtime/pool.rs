//! Threads that run handlers: as many as ever ran at once, started when first needed. They end with
//! the pool; one that is in a handler then ends after it.
//!
//! Waking a thread costs more than a short handler. So at most one is being woken at a time: it wakes
//! the next one if handlers are left when it takes its own. Threads that have ended one handler take
//! the next without being woken.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::end::StartError;
use super::eventfd::{new_bell, silence};
use super::handlers::{Handler, HandlerTask, run};
use super::shortage::no_thread;
use crate::claim::Claim;
use crate::error::Result;
use crate::outcome::Outcome;

/// The threads, as whoever starts handlers holds them.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: usize,
    busy: usize,
}

/// A handler and the task it is to work on.
struct Job {
    handler: Handler,
    task: HandlerTask,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Tells an idle thread of a job, or of the end.
    more: Condvar,
    /// Readable while ended handlers have not been taken.
    bell: OwnedFd,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    ended: Vec<(Claim, Outcome)>,
    /// Threads that wait, the one that is being woken included.
    idle: usize,
    /// A thread is being woken.
    waking: bool,
    closed: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let jobs = self.jobs.len();
        f.debug_struct("State")
            .field("jobs", &jobs)
            .finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                more: Condvar::new(),
                bell: new_bell()?,
            }),
            threads: 0,
            busy: 0,
        })
    }

    /// Readable once a handler has ended.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.shared.bell.as_fd()
    }

    pub(super) fn start(&mut self, handler: Handler, task: HandlerTask) -> Result<(), StartError> {
        if self.busy == self.threads {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("handler".to_owned());
            thread
                .spawn(move || shared.work())
                .map_err(|error| no_thread("no thread for the handler", &error))?;
            self.threads += 1;
        }
        let mut state = self.shared.lock();
        state.jobs.push_back(Job { handler, task });
        self.shared.wake(&mut state);
        self.busy += 1;
        Ok(())
    }

    /// Silences the bell and takes the handlers that have ended.
    pub(super) fn take_done(&mut self, ended: &mut impl FnMut(Claim, Outcome)) {
        silence(&self.shared.bell);
        let taken = std::mem::take(&mut self.shared.lock().ended);
        self.busy -= taken.len();
        for (claim, outcome) in taken {
            ended(claim, outcome);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.more.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a thread if there is a job for it and none is being woken.
    fn wake(&self, state: &mut State) {
        if !state.waking && state.idle > 0 && !state.jobs.is_empty() {
            state.waking = true;
            self.more.notify_one();
        }
    }

    /// The life of a thread.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closed {
            let Some(Job { handler, task }) = state.jobs.pop_front() else {
                state.idle += 1;
                state = self
                    .more
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                state.waking = false;
                continue;
            };
            self.wake(&mut state);
            drop(state);
            let outcome = run(&handler, &task);
            let claim = task.claim;
            // User code may be dropped with them.
            drop((handler, task));
            state = self.lock();
            state.ended.push((claim, outcome));
            if state.ended.len() == 1 {
                drop(state);
                // A full counter is readable too.
                let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
                state = self.lock();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Barrier};

    use rustix::event::{PollFd, PollFlags, poll};

    use super::Pool;
    use crate::claim::{Claim, WorkerId};
    use crate::outcome::Outcome;
    use crate::runtime::handlers::{Done, Handler, HandlerTask};
    use crate::task::TaskId;

    fn task(id: i64) -> HandlerTask {
        HandlerTask {
            claim: Claim {
                task: TaskId(id),
                token: 1,
                worker: WorkerId::from_bits(1),
            },
            name: "test".to_owned(),
            payload: Vec::new(),
            attempt: 1,
            cancelled: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The ids of the next `count` handlers that end, in order.
    fn ended(pool: &mut Pool, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let mut bells = [PollFd::from_borrowed_fd(pool.bell(), PollFlags::IN)];
            poll(&mut bells, None).unwrap();
            pool.take_done(&mut |claim, outcome| {
                assert_eq!(outcome, Outcome::Succeeded);
                ids.push(claim.task.0);
            });
        }
        ids.sort_unstable();
        ids
    }

    #[test]
    fn handlers_that_wait_for_each_other_all_run() {
        let mut pool = Pool::new().unwrap();
        for _ in 0..200 {
            let barrier = Arc::new(Barrier::new(16));
            let handler: Handler = Arc::new(move |_| {
                barrier.wait();
                Ok(Done::Succeeded)
            });
            for id in 0..16 {
                pool.start(Arc::clone(&handler), task(id)).unwrap();
            }
            assert_eq!(ended(&mut pool, 16), (0..16).collect::<Vec<_>>());
        }
        assert_eq!(pool.threads, 16);
    }

    #[test]
    fn each_end_is_told_once() {
        let mut pool = Pool::new().unwrap();
        let handler: Handler = Arc::new(|_| Ok(Done::Succeeded));
        let mut told = Vec::new();
        for id in 0..20_000 {
            if pool.busy == 8 {
                told.extend(ended(&mut pool, 1));
            }
            pool.start(Arc::clone(&handler), task(id)).unwrap();
        }
        while pool.busy > 0 {
            told.extend(ended(&mut pool, 1));
        }
        told.sort_unstable();
        assert_eq!(told, (0..20_000).collect::<Vec<_>>());
    }
}
