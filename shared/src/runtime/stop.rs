//! Stop requests to a worker, from another thread or by a signal. The first lets tasks finish
//! within the grace time, the second ends them at once.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

pub(crate) use super::inherited::is_ignored;
use super::spawn::unblock;
use crate::error::{Error, Result};

/// Stops a worker. Clones stop the same worker.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Requests>);

/// Receives a worker's stop requests.
#[derive(Debug)]
pub(crate) struct StopReceiver(Arc<Requests>);

/// Stop requests, one byte each.
#[derive(Debug)]
struct Requests {
    sender: UnixStream,
    receiver: UnixStream,
    /// Number of requests that were read.
    read: AtomicUsize,
}

/// Creates a stopper and its receiver.
pub(super) fn pair() -> Result<(Stopper, StopReceiver)> {
    let refused = |error| Error::io("cannot create a socket pair", error);
    let (sender, receiver) = UnixStream::pair().map_err(refused)?;
    sender.set_nonblocking(true).map_err(refused)?;
    receiver.set_nonblocking(true).map_err(refused)?;
    let requests = Arc::new(Requests {
        sender,
        receiver,
        read: AtomicUsize::new(0),
    });
    Ok((Stopper(Arc::clone(&requests)), StopReceiver(requests)))
}

impl Stopper {
    /// Asks the worker to stop. A second request ends its tasks at once and returns them to the
    /// queue. Does not wait for the worker.
    pub fn stop(&self) {
        // A full socket holds more requests than needed.
        let _ = (&self.0.sender).write(&[1]);
    }

    /// Number of stop requests so far. For use after the worker's end: waits up to `wait` for one
    /// more request, which the worker no longer reads.
    pub fn requests(&self, wait: Duration) -> usize {
        let timeout = Timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut ready = [PollFd::new(&self.0.receiver, PollFlags::IN)];
        // Requests are counted after any return.
        let _ = poll(&mut ready, Some(&timeout));
        self.0.take();
        self.0.read.load(Ordering::Relaxed)
    }

    /// Makes SIGTERM, SIGINT and SIGHUP stop the worker while the guard lives; SIGHUP not if the
    /// process was started to ignore it, as by `nohup`. For programs that own their signals; a
    /// library should leave them to its user.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn on_signals(&self) -> Result<SignalGuard> {
        let refused = |error| Error::io("cannot handle signals", error);
        let mut guard = SignalGuard(Vec::new());
        let mut signals = vec![SIGTERM, SIGINT];
        signals.extend((!is_ignored(SIGHUP)).then_some(SIGHUP));
        GUARDS.begin(&signals).map_err(refused)?;
        for &signal in &signals {
            let sender = self.0.sender.try_clone().map_err(refused)?;
            let id = signal_hook::low_level::pipe::register(signal, sender).map_err(refused)?;
            guard.0.push(id);
        }
        // The parent process may have blocked them.
        unblock(&signals);
        Ok(guard)
    }
}

impl Requests {
    /// Takes the requests since the last call.
    fn take(&self) -> usize {
        let mut buffer = [0; 16];
        let read = (&self.receiver).read(&mut buffer).unwrap_or(0);
        self.read.fetch_add(read, Ordering::Relaxed);
        read
    }
}

impl StopReceiver {
    /// Number of requests since the last call.
    pub(super) fn received(&self) -> usize {
        self.0.take()
    }
}

impl AsFd for StopReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.receiver.as_fd()
    }
}

/// Signals stop a worker while this guard lives. Once no guard lives, they end the process, as
/// before.
#[derive(Debug)]
pub struct SignalGuard(Vec<signal_hook::SigId>);

impl Drop for SignalGuard {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            signal_hook::low_level::unregister(id);
        }
        GUARDS.end();
    }
}

/// Guards of this process.
struct Guards(Mutex<Option<GuardState>>);

struct GuardState {
    living: usize,
    /// True if no guard lives.
    defaults: Arc<AtomicBool>,
    /// Signals that then end the process.
    signals: Vec<i32>,
}

static GUARDS: Guards = Guards(Mutex::new(None));

impl Guards {
    fn begin(&self, signals: &[i32]) -> std::io::Result<()> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| GuardState {
            living: 0,
            defaults: Arc::new(AtomicBool::new(false)),
            signals: Vec::new(),
        });
        known.living += 1;
        known.defaults.store(false, Ordering::SeqCst);
        for &signal in signals {
            if !known.signals.contains(&signal) {
                let defaults = Arc::clone(&known.defaults);
                signal_hook::flag::register_conditional_default(signal, defaults)?;
                known.signals.push(signal);
            }
        }
        Ok(())
    }

    fn end(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut() {
            known.living = known.living.saturating_sub(1);
            known.defaults.store(known.living == 0, Ordering::SeqCst);
        }
    }
}
