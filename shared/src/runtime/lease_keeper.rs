//! Extends a worker's leases while the worker is busy. The lease keeper performs the actions of
//! [`Leases`], on a separate thread or as an actor of the simulation.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::awaited_thread::AwaitedThread;
use super::eventfd::{clear, new_eventfd};
use super::leases::{LeaseAction, LeaseEvent, LeaseNotice, Leases};
use super::turn::Turn;
use crate::claim::{Claim, Held};
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::Queue;

/// The worker's handle to its leases. Claims are added and removed under a lock, so that a short
/// task wakes no thread.
#[derive(Debug)]
pub struct LeaseHandle {
    leases: Arc<Mutex<Leases>>,
    notices: Receiver<LeaseNotice>,
    eventfd: Arc<OwnedFd>,
}

/// Lease keeper: performs the actions of the state machine of leases.
#[derive(Debug)]
pub struct LeaseKeeper<Q> {
    queue: Arc<Q>,
    leases: Arc<Mutex<Leases>>,
    pending: VecDeque<LeaseAction>,
    answer: Option<Result<Vec<Held>>>,
    heard: Option<Result<Vec<Held>>>,
    notices: Sender<LeaseNotice>,
    eventfd: Arc<OwnedFd>,
}

/// Creates a handle and its lease keeper, for an engine with leases of that length.
///
/// # Errors
/// When the system has no descriptors left.
pub fn pair<Q: Queue>(queue: Arc<Q>, lease: Duration) -> Result<(LeaseHandle, LeaseKeeper<Q>)> {
    let eventfd = Arc::new(new_eventfd()?);
    let leases = Arc::new(Mutex::new(Leases::new(lease, queue.now().boot)));
    let (sender, notices) = unbounded();
    let handle = LeaseHandle {
        leases: Arc::clone(&leases),
        notices,
        eventfd: Arc::clone(&eventfd),
    };
    let keeper = LeaseKeeper {
        queue,
        leases,
        pending: VecDeque::new(),
        answer: None,
        heard: None,
        notices: sender,
        eventfd,
    };
    Ok((handle, keeper))
}

impl LeaseHandle {
    /// Adds claims. Their leases began at `since` or later.
    pub fn claimed(&self, since: BootTime, claims: &[Claim]) {
        lock(&self.leases).take_in(LeaseEvent::Claimed { claims, since });
    }

    /// Removes claims: their leases are no longer extended.
    pub fn let_go(&self, claims: &[Claim]) {
        lock(&self.leases).take_in(LeaseEvent::Released(claims));
    }

    /// Earliest end of a claim's lease; `None` if the claim is not held.
    pub fn held_until(&self, claim: Claim) -> Option<BootTime> {
        lock(&self.leases).held_until(claim)
    }

    /// Notices since the last call.
    pub fn notices(&self) -> impl Iterator<Item = LeaseNotice> {
        self.notices.try_iter()
    }

    /// Clears the eventfd, before the notices are read.
    pub(super) fn clear(&self) {
        clear(&self.eventfd);
    }

    /// Eventfd that is readable while there are notices.
    pub(super) fn eventfd(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.eventfd)
    }
}

impl<Q: Queue> LeaseKeeper<Q> {
    /// Takes one turn: performs one action, or steps the leases. Never returns [`Turn::Finished`].
    pub fn turn(&mut self) -> Turn {
        if let Some(action) = self.pending.pop_front() {
            self.perform(action);
            return Turn::Busy;
        }
        let now = self.queue.now().boot;
        let answer = self.answer.take().map(LeaseEvent::Extended);
        let heard = self.heard.take().map(LeaseEvent::Read);
        let step = lock(&self.leases).step(now, answer.into_iter().chain(heard));
        if step.actions.is_empty() {
            return Turn::Wait(step.wake_at);
        }
        self.pending.extend(step.actions);
        Turn::Busy
    }

    fn perform(&mut self, action: LeaseAction) {
        match action {
            LeaseAction::Extend(claims) => self.answer = Some(self.queue.heartbeat(&claims)),
            LeaseAction::Read(claims) => self.heard = Some(self.queue.held(&claims)),
            LeaseAction::Notify(notice) => {
                // A worker that has ended needs no notice. A full eventfd is readable too.
                let _ = self.notices.send(notice);
                let _ = rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes());
            }
        }
    }

    /// Starts the thread, which runs until the result is dropped.
    ///
    /// # Errors
    /// When the system refuses a thread or a descriptor.
    pub(super) fn start(mut self) -> Result<KeeperThread> {
        let stop = Arc::new(new_eventfd()?);
        let stopped = Arc::clone(&stop);
        // This clock runs while the machine is suspended, as leases do: after a resume the
        // heartbeat comes before others look for expired leases.
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)
            .map_err(|error| Error::io("cannot create a timer", error))?;
        let run = move || {
            loop {
                if let Turn::Wait(until) = self.turn()
                    && !sleep(&timer, until, &stopped)
                {
                    return;
                }
            }
        };
        let thread = AwaitedThread::start("queue-leases", run)
            .map_err(|error| Error::io("cannot start the lease keeper's thread", error))?;
        Ok(KeeperThread { stop, thread })
    }
}

/// Thread of a lease keeper. Dropping it ends the thread, and waits a moment for a heartbeat under way.
#[derive(Debug)]
pub(super) struct KeeperThread {
    stop: Arc<OwnedFd>,
    thread: AwaitedThread,
}

impl Drop for KeeperThread {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        self.thread.wait();
    }
}

/// Waits until `until`. Returns false if the thread is to end, or if the timer cannot be set; the
/// leases then expire.
fn sleep(timer: &OwnedFd, until: BootTime, stop: &OwnedFd) -> bool {
    let time = Itimerspec {
        it_interval: Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        // Zero would disarm it.
        it_value: Timespec {
            tv_sec: until.0.max(1) / 1_000,
            tv_nsec: until.0.max(1) % 1_000 * 1_000_000,
        },
    };
    if timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &time).is_err() {
        return false;
    }
    let mut ready = [
        PollFd::from_borrowed_fd(timer.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
    ];
    // After an interruption the leases are stepped once more.
    let _ = poll(&mut ready, None);
    ready[1].revents().is_empty()
}

fn lock(leases: &Mutex<Leases>) -> MutexGuard<'_, Leases> {
    leases.lock().unwrap_or_else(PoisonError::into_inner)
}
