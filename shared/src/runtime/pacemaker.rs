//! Keeps a worker's claims while the worker itself is busy: performs what its [`Heart`] says, on a
//! thread of its own, or as one more actor of the simulation.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::eventfd::new_bell;
use super::heart::{Heart, HeartAction, HeartEvent, News};
use super::turn::Turn;
use crate::claim::{Claim, Held};
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::Queue;

/// The worker's end: what it holds, and what it is told. Claims come and go by the lock alone, so
/// that a short task wakes nobody.
#[derive(Debug)]
pub struct Pulse {
    heart: Arc<Mutex<Heart>>,
    news: Receiver<News>,
    bell: Arc<OwnedFd>,
}

/// The heart's end.
#[derive(Debug)]
pub struct Pacemaker<Q> {
    queue: Arc<Q>,
    heart: Arc<Mutex<Heart>>,
    pending: VecDeque<HeartAction>,
    answer: Option<Result<Vec<Held>>>,
    heard: Option<Result<Vec<Held>>>,
    news: Sender<News>,
    bell: Arc<OwnedFd>,
}

/// Both ends, for an engine with that lease.
///
/// # Errors
/// When the system has no descriptors left.
pub fn pair<Q: Queue>(queue: Arc<Q>, lease: Duration) -> Result<(Pulse, Pacemaker<Q>)> {
    let bell = Arc::new(new_bell()?);
    let heart = Arc::new(Mutex::new(Heart::new(lease, queue.now().boot)));
    let (sender, news) = unbounded();
    let pulse = Pulse {
        heart: Arc::clone(&heart),
        news,
        bell: Arc::clone(&bell),
    };
    let pacemaker = Pacemaker {
        queue,
        heart,
        pending: VecDeque::new(),
        answer: None,
        heard: None,
        news: sender,
        bell,
    };
    Ok((pulse, pacemaker))
}

impl Pulse {
    /// From now on these are extended. Their leases began no earlier than `since`.
    pub fn claimed(&self, since: BootTime, claims: &[Claim]) {
        lock(&self.heart).take_in(HeartEvent::Claimed { claims, since });
    }

    /// These are extended no more.
    pub fn let_go(&self, claims: &[Claim]) {
        lock(&self.heart).take_in(HeartEvent::LetGo(claims));
    }

    /// When the lease of a claim runs out at the earliest; `None` if it is not held.
    pub fn held_until(&self, claim: Claim) -> Option<BootTime> {
        lock(&self.heart).held_until(claim)
    }

    /// What the heart told since the last call.
    pub fn news(&self) -> impl Iterator<Item = News> {
        self.news.try_iter()
    }

    /// Readable once there is news, until that is read.
    pub(super) fn bell(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.bell)
    }
}

impl<Q: Queue> Pacemaker<Q> {
    /// Does one thing: performs one action or asks the heart. It never finishes by itself.
    pub fn turn(&mut self) -> Turn {
        if let Some(action) = self.pending.pop_front() {
            self.perform(action);
            return Turn::Busy;
        }
        let now = self.queue.now().boot;
        let answer = self.answer.take().map(HeartEvent::Beaten);
        let heard = self.heard.take().map(HeartEvent::Heard);
        let step = lock(&self.heart).step(now, answer.into_iter().chain(heard));
        if step.actions.is_empty() {
            return Turn::Wait(step.wake_at);
        }
        self.pending.extend(step.actions);
        Turn::Busy
    }

    fn perform(&mut self, action: HeartAction) {
        match action {
            HeartAction::Beat(claims) => self.answer = Some(self.queue.heartbeat(&claims)),
            HeartAction::Ask(claims) => self.heard = Some(self.queue.held(&claims)),
            HeartAction::Tell(news) => {
                // A worker that has ended needs no news; a full bell is heard too.
                let _ = self.news.send(news);
                let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
            }
        }
    }

    /// Beats on a thread of its own until the answer is dropped.
    ///
    /// # Errors
    /// When the system refuses a thread or a descriptor.
    pub(super) fn start(mut self) -> Result<Beating> {
        let stop = Arc::new(new_bell()?);
        let stopped = Arc::clone(&stop);
        // This clock goes on while the machine sleeps, as leases do: on waking up the beat comes
        // before others look for what has run out.
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)
            .map_err(|error| Error::io("cannot create a timer", error))?;
        let thread = std::thread::Builder::new()
            .name("heart".to_owned())
            .spawn(move || {
                loop {
                    if let Turn::Wait(until) = self.turn()
                        && !sleep(&timer, until, &stopped)
                    {
                        return;
                    }
                }
            })
            .map_err(|error| Error::io("cannot start the heart's thread", error))?;
        Ok(Beating {
            stop,
            thread: Some(thread),
        })
    }
}

/// The heart's thread. Dropped, it ends and is waited for.
#[derive(Debug)]
pub(super) struct Beating {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Beating {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong if it panicked.
            let _ = thread.join();
        }
    }
}

/// Waits until then, or for the end of the thread; false for that. A clock that cannot be waited
/// for ends it too: without heartbeats the leases tell.
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
    // Interrupted, the heart is asked once more.
    let _ = poll(&mut ready, None);
    ready[1].revents().is_empty()
}

fn lock(heart: &Mutex<Heart>) -> MutexGuard<'_, Heart> {
    heart.lock().unwrap_or_else(PoisonError::into_inner)
}
