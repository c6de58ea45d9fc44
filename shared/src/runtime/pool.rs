//! Threads that run handlers: as many as ever ran at once, started when first needed. They end with
//! the pool; a thread that is in a handler ends after it. Handlers that run elsewhere take no thread
//! here.
//!
//! Waking a thread costs more than a short handler. So at most one thread is being woken at a time:
//! it wakes the next if handlers are left when it takes its own. Threads that have ended one
//! handler take the next without being woken.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::end::StartError;
use super::eventfd::{clear, new_eventfd};
use super::handlers::{BlockingFn, EndReport, Handler, HandlerEnd, HandlerTask, run};
use super::shortage::no_thread;
use super::stop_reason::{StopFlag, StopReason};
use crate::claim::Claim;
use crate::error::Result;

/// Running handlers, and the threads of those that need one.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<PoolShared>,
    threads: usize,
    /// Handlers on threads whose end has not been taken.
    busy: usize,
    /// Handlers whose end has not been taken.
    running: HashMap<Claim, Running>,
}

#[derive(Debug)]
struct Running {
    stop: Arc<StopFlag>,
    has_thread: bool,
}

/// A handler and its task.
struct HandlerCall {
    handler: Arc<BlockingFn>,
    task: HandlerTask,
}

#[derive(Debug)]
struct PoolShared {
    state: Mutex<PoolState>,
    /// Signals a call, or the end, to an idle thread.
    more: Condvar,
    /// Eventfd that is readable while ended handlers have not been taken.
    eventfd: OwnedFd,
}

#[derive(Default)]
struct PoolState {
    jobs: VecDeque<HandlerCall>,
    ended: Vec<HandlerEnd>,
    /// Waiting threads, including the one that is being woken.
    idle: usize,
    /// True if a thread is being woken.
    waking: bool,
    closed: bool,
}

impl std::fmt::Debug for PoolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let jobs = self.jobs.len();
        f.debug_struct("PoolState")
            .field("jobs", &jobs)
            .finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            shared: Arc::new(PoolShared {
                state: Mutex::default(),
                more: Condvar::new(),
                eventfd: new_eventfd()?,
            }),
            threads: 0,
            busy: 0,
            running: HashMap::new(),
        })
    }

    /// Eventfd that is readable once a handler has ended.
    pub(super) fn eventfd(&self) -> BorrowedFd<'_> {
        self.shared.eventfd.as_fd()
    }

    /// Number of handlers whose end has not been taken.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn start(&mut self, handler: Handler, task: HandlerTask) -> Result<(), StartError> {
        let claim = task.claim;
        let running = Running {
            stop: Arc::clone(&task.stop),
            has_thread: matches!(handler, Handler::Blocking(_)),
        };
        match handler {
            Handler::Blocking(handler) => self.start_on_thread(HandlerCall { handler, task })?,
            Handler::Detached(handler) => {
                let shared = Arc::clone(&self.shared);
                let report = EndReport::new(claim, move |end| drop(shared.ended(end)));
                handler(task, report);
            }
        }
        self.running.insert(claim, running);
        Ok(())
    }

    fn start_on_thread(&mut self, call: HandlerCall) -> Result<(), StartError> {
        if self.busy == self.threads {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("handler".to_owned());
            thread
                .spawn(move || shared.work())
                .map_err(|error| no_thread("no thread for the handler", &error))?;
            self.threads += 1;
        }
        let mut state = self.shared.lock();
        state.jobs.push_back(call);
        self.shared.wake(&mut state);
        self.busy += 1;
        Ok(())
    }

    /// Asks the handler under `claim` to end. Returns false if there is none.
    pub(super) fn ask_to_end(&self, claim: Claim, reason: StopReason) -> bool {
        let running = self.running.get(&claim);
        if let Some(running) = running {
            running.stop.set(reason);
        }
        running.is_some()
    }

    /// Asks every handler to end.
    pub(super) fn ask_all_to_end(&self, reason: StopReason) {
        for running in self.running.values() {
            running.stop.set(reason);
        }
    }

    /// Ends the handlers that no thread has begun.
    pub(super) fn withdraw(&self) {
        let unbegun = std::mem::take(&mut self.shared.lock().jobs);
        for HandlerCall { task, .. } in unbegun {
            drop(self.shared.ended(HandlerEnd::unstarted(task.claim)));
        }
    }

    /// Clears the eventfd and takes the handlers that have ended.
    pub(super) fn take_done(&mut self, ended: &mut impl FnMut(HandlerEnd)) {
        clear(&self.shared.eventfd);
        let taken = std::mem::take(&mut self.shared.lock().ended);
        for end in taken {
            let Some(running) = self.running.remove(&end.claim) else {
                continue;
            };
            self.busy -= usize::from(running.has_thread);
            ended(end);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.more.notify_all();
    }
}

impl PoolShared {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a thread if there is a call for it and no thread is being woken.
    fn wake(&self, state: &mut PoolState) {
        if !state.waking && state.idle > 0 && !state.jobs.is_empty() {
            state.waking = true;
            self.more.notify_one();
        }
    }

    /// Adds a handler that has ended.
    fn ended(&self, end: HandlerEnd) -> MutexGuard<'_, PoolState> {
        let mut state = self.lock();
        state.ended.push(end);
        if state.ended.len() > 1 {
            return state;
        }
        drop(state);
        // A full eventfd is readable too.
        let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
        self.lock()
    }

    /// Main loop of a thread.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closed {
            let Some(HandlerCall { handler, task }) = state.jobs.pop_front() else {
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
            let end = if task.is_cancelled() {
                HandlerEnd::unstarted(task.claim)
            } else {
                run(&*handler, &task)
            };
            // This may drop user code, so it happens outside the lock.
            drop((handler, task));
            state = self.ended(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use rustix::event::{PollFd, PollFlags, poll};

    use super::Pool;
    use crate::claim::{Claim, WorkerId};
    use crate::outcome::Outcome;
    use crate::runtime::end::End;
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
            stop: Arc::default(),
        }
    }

    /// Ids of the next `count` handlers that end, sorted.
    fn ended(pool: &mut Pool, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let mut eventfds = [PollFd::from_borrowed_fd(pool.eventfd(), PollFlags::IN)];
            poll(&mut eventfds, None).unwrap();
            pool.take_done(&mut |ended| {
                assert_eq!(ended.end, End::Handler(Outcome::Succeeded));
                ids.push(ended.claim.task.0);
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
            let handler = Handler::Blocking(Arc::new(move |_| {
                barrier.wait();
                Ok(Done::Succeeded)
            }));
            for id in 0..16 {
                pool.start(handler.clone(), task(id)).unwrap();
            }
            assert_eq!(ended(&mut pool, 16), (0..16).collect::<Vec<_>>());
        }
        assert_eq!(pool.threads, 16);
    }

    #[test]
    fn each_end_is_reported_once() {
        let mut pool = Pool::new().unwrap();
        let handler = Handler::Blocking(Arc::new(|_| Ok(Done::Succeeded)));
        let mut told = Vec::new();
        for id in 0..20_000 {
            if pool.busy == 8 {
                told.extend(ended(&mut pool, 1));
            }
            pool.start(handler.clone(), task(id)).unwrap();
        }
        while pool.busy > 0 {
            told.extend(ended(&mut pool, 1));
        }
        told.sort_unstable();
        assert_eq!(told, (0..20_000).collect::<Vec<_>>());
    }
}
