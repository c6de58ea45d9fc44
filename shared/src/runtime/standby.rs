//! Threads of a worker. The first claims, starts and records; its calls may wait for the file or
//! for a disk. The second, on standby, takes over once a call takes longer than some milliseconds:
//! until the call returns, it takes in the ends of commands, ends tasks and handles stop requests.
//! The standby sleeps while there are no calls. The first call sets a timer; while calls go on, the
//! standby checks every [`LOOK_EVERY`] if the call under way is still the one it saw before.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::driver::{Driver, Observer, Turn};
use super::eventfd::clear;
use super::linux_host::LinuxHost;
use super::protocol::WorkerEvent;
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::Queue;

/// Interval at which the standby checks the call under way. A call that it sees twice is late.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Checks without a new call after which the standby sleeps.
const QUIET_LOOKS: u32 = 4;
/// Pause before a busy observer is told again that the worker is stuck.
const OBSERVER_BUSY: Duration = Duration::from_millis(200);
/// Time to find out which processes are left, for a worker that was told to end at once: on a busy
/// machine with many processes, this takes a while.
const JUDGING: Duration = Duration::from_secs(5);
/// Time to deregister for such a worker.
const LEAVING: Duration = Duration::from_millis(500);
/// Turns after which a worker that is never out of work takes in events.
const MOST_BUSY_TURNS: usize = 256;

/// State that both threads of a worker share.
pub(super) struct Standby<'a, Q, O> {
    queue: Arc<Q>,
    /// Locked by the thread that drives, which blocks only in [`Driver::wait`] meanwhile. Empty
    /// once the worker has ended.
    driver: Mutex<Option<Driver<Q, LinuxHost>>>,
    /// Never locked by a thread that holds the driver.
    observer: Mutex<&'a mut O>,
    /// Incremented when a call begins and when it returns: odd while one is under way.
    calls: AtomicU64,
    /// True if the timer is set, or the standby is awake.
    armed: AtomicBool,
    timer: OwnedFd,
    /// True while the standby drives.
    taken: AtomicBool,
    /// Ends a wait of the driving standby.
    eventfd: Arc<OwnedFd>,
    /// Boot time by which a worker that was told to end at once has to be gone.
    leave_by: AtomicI64,
    /// Result of the worker, set while only its last threads are waited for.
    ended: Mutex<Result<()>>,
    /// True once the first thread has ended.
    over: AtomicBool,
}

impl<'a, Q: Queue, O: Observer + Send> Standby<'a, Q, O> {
    /// Creates the state of both threads.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub(super) fn new(
        queue: Arc<Q>,
        mut driver: Driver<Q, LinuxHost>,
        observer: &'a mut O,
    ) -> Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)
            .map_err(|error| Error::io("cannot create a timer", error))?;
        let eventfd = driver.host_mut().nudge();
        Ok(Self {
            queue,
            driver: Mutex::new(Some(driver)),
            observer: Mutex::new(observer),
            calls: AtomicU64::new(0),
            armed: AtomicBool::new(false),
            timer,
            taken: AtomicBool::new(false),
            eventfd,
            leave_by: AtomicI64::new(i64::MAX),
            ended: Mutex::new(Ok(())),
            over: AtomicBool::new(false),
        })
    }

    /// Runs the worker to its end, then calls `leave`, which may wait for the file as well.
    pub(super) fn run<T>(&self, leave: impl FnOnce(Driver<Q, LinuxHost>, Result<()>) -> T) -> T {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("queue-standby".to_owned());
            let _end = StopOnDrop(self);
            if thread.spawn_scoped(scope, || self.stand_by()).is_err() {
                // A worker works without a standby, and sets no timer.
                self.armed.store(true, Ordering::SeqCst);
            }
            let result = self.drive();
            let Some(driver) = lock(&self.driver).take() else {
                unreachable!("only this thread takes the driver")
            };
            if driver.is_ending() {
                self.leave_within(JUDGING);
            }
            self.call(|| leave(driver, result))
        })
    }

    /// Makes the worker's last call, which may take long, after its result is known.
    pub(super) fn while_known(&self, ended: Result<()>, call: impl FnOnce()) -> Result<()> {
        *lock(&self.ended) = ended;
        if self.leave_by.load(Ordering::SeqCst) != i64::MAX {
            self.leave_within(LEAVING);
        }
        call();
        std::mem::replace(&mut *lock(&self.ended), Ok(()))
    }

    fn leave_within(&self, time: Duration) {
        let by = self.queue.now().boot.after(time);
        self.leave_by.store(by.0, Ordering::SeqCst);
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

    /// Reports all events to the observer, and that the worker is well.
    fn tell(&self, mut observer: MutexGuard<'_, &mut O>) {
        let reports: Vec<WorkerEvent> = match lock(&self.driver).as_mut() {
            Some(driver) => driver.reports().collect(),
            None => Vec::new(),
        };
        for event in &reports {
            observer.on(event);
        }
        observer.tick();
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
            self.wake();
        }
        answer
    }

    fn wake(&self) {
        let _ = rustix::io::write(&*self.eventfd, &1_u64.to_ne_bytes());
    }

    /// Sets the timer that ends the standby's sleep.
    fn wind(&self, after: Duration) {
        let time = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: 0,
                tv_nsec: after.subsec_nanos().max(1).into(),
            },
        };
        // If this fails, the worker waits for its calls, as without a standby.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time);
    }

    /// Main loop of the standby.
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

    /// Sleeps until the timer expires. Returns false once the worker has ended.
    fn sleep(&self) -> bool {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.timer, &mut count);
        !self.over.load(Ordering::SeqCst)
    }

    fn is_under_way(&self, call: u64) -> bool {
        self.calls.load(Ordering::SeqCst) == call && !self.over.load(Ordering::SeqCst)
    }

    /// Drives until the call returns.
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
                        self.wait_for_wake(OBSERVER_BUSY);
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
                    // The first thread meets the error in its own wait.
                    let _ = driver.wait(Some(until));
                }
            }
        }
        self.taken.store(false, Ordering::SeqCst);
        clear(&self.eventfd);
    }

    /// Reports to the observer, unless another thread is doing so.
    fn tell_if_free(&self) {
        match self.observer.try_lock() {
            Ok(observer) => self.tell(observer),
            Err(TryLockError::Poisoned(observer)) => self.tell(observer.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Watches the last calls of a worker that has ended. They may take any time, unless the worker
    /// was told to end at once.
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
            // The time becomes shorter once the result is known.
            self.wait_for_wake(pause.min(LEAVING));
        }
    }

    /// Sleeps until a call returns, for `at_most` at most. The standby checks again after any
    /// return.
    fn wait_for_wake(&self, at_most: Duration) {
        let timeout = Timespec {
            tv_sec: at_most.as_secs().min(3600).try_into().unwrap_or(3600),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        let mut eventfds = [PollFd::from_borrowed_fd(
            self.eventfd.as_fd(),
            PollFlags::IN,
        )];
        let _ = poll(&mut eventfds, Some(&timeout));
    }

    /// Tells the observer that the call under way may never return, so that the program can end.
    /// Returns false if the observer is busy.
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

/// Ends the standby when the first thread leaves, also by a panic.
struct StopOnDrop<'s, 'a, Q: Queue, O: Observer + Send>(&'s Standby<'a, Q, O>);

impl<Q: Queue, O: Observer + Send> Drop for StopOnDrop<'_, '_, Q, O> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
        self.0.wake();
        self.0.wind(Duration::ZERO);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
