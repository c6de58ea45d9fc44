//! The threads of a worker. One claims, starts and records; what it asks for may wait for the file
//! or for a disk. A second one, on standby, takes over what must not wait once a call takes longer
//! than some milliseconds: it takes in how commands end, ends what is to be ended, and heeds
//! requests to stop, until the call returns.
//!
//! The standby sleeps as long as nothing is called. The first call winds up a timer; while calls go
//! on, the standby looks every [`LOOK_EVERY`] whether one of them is still the one it saw before.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::driver::{Driver, Observer, Turn};
use super::eventfd::silence;
use super::protocol::WorkerEvent;
use super::system::System;
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::Queue;

/// How often the standby looks at the call under way. One that it sees twice is late.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// After so many looks without a new call the standby sleeps.
const QUIET_LOOKS: u32 = 4;
/// How long until an observer that was busy is told again that the worker is stuck.
const OBSERVER_BUSY: Duration = Duration::from_millis(200);
/// A worker that is never out of work looks at what happened after so many turns.
const MOST_BUSY_TURNS: usize = 256;

/// What both threads of a worker share.
pub(super) struct Standby<'a, Q, O> {
    queue: Arc<Q>,
    /// Held by whoever drives; nobody waits while it is held but for what the worker waits for.
    /// Empty once the worker has ended.
    driver: Mutex<Option<Driver<Q, System>>>,
    /// Never locked by whoever holds the driver.
    observer: Mutex<&'a mut O>,
    /// Grows when a call begins and when it returns: odd while one is under way.
    calls: AtomicU64,
    /// The timer is wound up, or the standby is awake.
    armed: AtomicBool,
    timer: OwnedFd,
    /// The standby drives.
    taken: AtomicBool,
    /// Ends a wait of the standby that drives.
    bell: Arc<OwnedFd>,
    /// When a worker that was told to end at once has to be gone, in boot time.
    leave_by: AtomicI64,
    /// How the worker ended, once that is known and only its last threads are waited for.
    ended: Mutex<Result<()>>,
    /// The first thread has ended.
    over: AtomicBool,
}

impl<'a, Q: Queue, O: Observer + Send> Standby<'a, Q, O> {
    /// The threads of the worker that `driver` drives.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub(super) fn new(
        queue: Arc<Q>,
        mut driver: Driver<Q, System>,
        observer: &'a mut O,
    ) -> Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)
            .map_err(|error| Error::io("cannot create a timer", error))?;
        let bell = driver.shell_mut().nudge();
        Ok(Self {
            queue,
            driver: Mutex::new(Some(driver)),
            observer: Mutex::new(observer),
            calls: AtomicU64::new(0),
            armed: AtomicBool::new(false),
            timer,
            taken: AtomicBool::new(false),
            bell,
            leave_by: AtomicI64::new(i64::MAX),
            ended: Mutex::new(Ok(())),
            over: AtomicBool::new(false),
        })
    }

    /// Runs the worker to its end, then `leave`, which may wait for the file as well.
    pub(super) fn run<T>(&self, leave: impl FnOnce(Driver<Q, System>, Result<()>) -> T) -> T {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("queue-standby".to_owned());
            let _end = End(self);
            if thread.spawn_scoped(scope, || self.stand_by()).is_err() {
                // A worker without a standby works, and wakes nobody.
                self.armed.store(true, Ordering::SeqCst);
            }
            let result = self.drive();
            let Some(driver) = lock(&self.driver).take() else {
                unreachable!("nobody else takes it away")
            };
            if let Some(by) = driver.leaves_by() {
                self.leave_by.store(by.0, Ordering::SeqCst);
            }
            self.call(|| leave(driver, result))
        })
    }

    /// Makes the last of the calls, which may take long, when only the end's result is left to return.
    pub(super) fn while_known(&self, ended: Result<()>, call: impl FnOnce()) -> Result<()> {
        *lock(&self.ended) = ended;
        call();
        std::mem::replace(&mut *lock(&self.ended), Ok(()))
    }

    /// Tells the observer.
    pub(super) fn report(&self, event: &WorkerEvent) {
        lock(&self.observer).on(event);
    }

    fn drive(&self) -> Result<()> {
        let mut turns = 0;
        let mut told = false;
        let mut slot = lock(&self.driver);
        while let Some(driver) = slot.as_mut() {
            let turn = driver.turn();
            if !matches!(turn, Turn::Wait(_)) {
                told = false;
                turns += 1;
            }
            match turn {
                Turn::Call(call) => {
                    drop(slot);
                    let answer = self.call(|| call.perform(&*self.queue));
                    slot = lock(&self.driver);
                    if let Some(driver) = slot.as_mut() {
                        driver.answered(answer);
                    }
                }
                Turn::Busy if turns < MOST_BUSY_TURNS => {}
                Turn::Busy => {
                    turns = 0;
                    driver.wait(Some(BootTime::default()))?;
                    drop(slot);
                    self.call(|| self.tell(lock(&self.observer)));
                    slot = lock(&self.driver);
                }
                Turn::Wait(until) if told => {
                    turns = 0;
                    told = false;
                    driver.wait(Some(until))?;
                }
                Turn::Wait(_) => {
                    told = true;
                    drop(slot);
                    self.call(|| self.tell(lock(&self.observer)));
                    slot = lock(&self.driver);
                }
                Turn::Finished => {
                    let result = driver.result();
                    drop(slot);
                    self.call(|| self.tell(lock(&self.observer)));
                    return result;
                }
            }
        }
        Ok(())
    }

    /// Tells the observer all that happened, and that the worker is well.
    fn tell(&self, mut observer: MutexGuard<'_, &mut O>) {
        let reports: Vec<WorkerEvent> = match lock(&self.driver).as_mut() {
            Some(driver) => driver.reports().collect(),
            None => Vec::new(),
        };
        for event in &reports {
            observer.on(event);
        }
        observer.beat();
    }

    /// Makes a call that may take long, with nothing locked.
    fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if !self.armed.load(Ordering::SeqCst) && !self.armed.swap(true, Ordering::SeqCst) {
            self.wind(LOOK_EVERY);
        }
        let answer = call();
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.taken.load(Ordering::SeqCst) {
            self.ring();
        }
        answer
    }

    fn ring(&self) {
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
    }

    /// Has the timer end the standby's sleep after so long.
    fn wind(&self, after: Duration) {
        let time = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: 0,
                tv_nsec: after.subsec_nanos().max(1).into(),
            },
        };
        // Without it the worker waits for its calls, as one without a standby does.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time);
    }

    /// The standby's life.
    fn stand_by(&self) {
        let (mut seen, mut quiet) = (0, 0);
        while self.sleep() {
            let calls = self.calls.load(Ordering::SeqCst);
            quiet = if calls == seen { quiet + 1 } else { 0 };
            if calls == seen && !calls.is_multiple_of(2) {
                self.take_over(calls);
            } else if quiet >= QUIET_LOOKS {
                self.armed.store(false, Ordering::SeqCst);
                if self.calls.load(Ordering::SeqCst) == calls {
                    continue;
                }
                self.armed.store(true, Ordering::SeqCst);
            }
            seen = calls;
            self.wind(LOOK_EVERY);
        }
    }

    /// Sleeps until the timer has run down. False at the end.
    fn sleep(&self) -> bool {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.timer, &mut count);
        !self.over.load(Ordering::SeqCst)
    }

    fn is_under_way(&self, call: u64) -> bool {
        self.calls.load(Ordering::SeqCst) == call && !self.over.load(Ordering::SeqCst)
    }

    /// Drives until the call has returned.
    fn take_over(&self, call: u64) {
        self.taken.store(true, Ordering::SeqCst);
        let (mut told, mut stuck) = (false, false);
        while self.is_under_way(call) {
            let mut slot = lock(&self.driver);
            let Some(driver) = slot.as_mut() else {
                drop(slot);
                self.watch_leaving(call);
                break;
            };
            match driver.attend() {
                Turn::Busy => told = false,
                Turn::Finished if !stuck => {
                    let unrecorded = driver.unrecorded();
                    drop(slot);
                    stuck = self.give_up(Some(&WorkerEvent::Unrecorded(unrecorded)));
                    if !stuck {
                        self.wait_for_ring(OBSERVER_BUSY);
                    }
                }
                Turn::Wait(_) if !told => {
                    told = true;
                    drop(slot);
                    self.tell_if_free();
                }
                Turn::Finished => {
                    let _ = driver.wait(None);
                }
                Turn::Wait(until) => {
                    told = false;
                    // The first thread is told of it by its own wait.
                    let _ = driver.wait(Some(until));
                }
            }
        }
        self.taken.store(false, Ordering::SeqCst);
        silence(&self.bell);
    }

    /// Whoever works in the observer tells it the rest as well.
    fn tell_if_free(&self) {
        match self.observer.try_lock() {
            Ok(observer) => self.tell(observer),
            Err(TryLockError::Poisoned(observer)) => self.tell(observer.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// The worker has ended but for its last calls. They may take as long as they do, unless it was
    /// told to end at once.
    fn watch_leaving(&self, call: u64) {
        let mut gave_up = false;
        while self.is_under_way(call) {
            let now = self.queue.now().boot;
            let by = BootTime(self.leave_by.load(Ordering::SeqCst));
            let is_over = by <= now;
            if is_over && !gave_up {
                gave_up = self.give_up(None);
            }
            let pause = if is_over {
                OBSERVER_BUSY
            } else {
                by.since(now)
            };
            self.wait_for_ring(pause);
        }
    }

    /// Sleeps for so long, or until a call has returned. Interrupted or not, the standby looks again.
    fn wait_for_ring(&self, at_most: Duration) {
        let timeout = Timespec {
            tv_sec: at_most.as_secs().min(3600).try_into().unwrap_or(3600),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        let mut bells = [PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)];
        let _ = poll(&mut bells, Some(&timeout));
    }

    /// The call under way is not waited for any longer, if the program ends without it. False if the
    /// observer is busy with the call itself.
    fn give_up(&self, unrecorded: Option<&WorkerEvent>) -> bool {
        let Ok(mut observer) = self.observer.try_lock() else {
            return false;
        };
        if let Some(event) = unrecorded {
            observer.on(event);
        }
        observer.stuck(lock(&self.ended).as_ref().err());
        true
    }
}

/// Ends the standby when the first thread leaves, however it does.
struct End<'s, 'a, Q: Queue, O: Observer + Send>(&'s Standby<'a, Q, O>);

impl<Q: Queue, O: Observer + Send> Drop for End<'_, '_, Q, O> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
        self.0.ring();
        self.0.wind(Duration::ZERO);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
