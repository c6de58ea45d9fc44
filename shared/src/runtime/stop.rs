//! Asking a worker to stop, from another thread or by a signal. The first request lets tasks
//! finish within the grace time, the second ends them at once.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

pub(crate) use super::inherited::is_ignored;
use super::spawn::unblock;
use crate::error::{Error, Result};

/// Stops a worker. Clones stop the same one.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<UnixStream>);

/// Where a worker hears of requests to stop, one byte each.
#[derive(Debug)]
pub struct StopReceiver(UnixStream);

/// A stopper and its receiver.
pub(super) fn pair() -> Result<(Stopper, StopReceiver)> {
    let refused = |error| Error::io("cannot create a socket pair", error);
    let (sender, receiver) = UnixStream::pair().map_err(refused)?;
    sender.set_nonblocking(true).map_err(refused)?;
    receiver.set_nonblocking(true).map_err(refused)?;
    Ok((Stopper(Arc::new(sender)), StopReceiver(receiver)))
}

impl Stopper {
    /// Asks the worker to stop; asked again, it ends its tasks at once and hands them back.
    /// Returns without waiting for that.
    pub fn stop(&self) {
        // A full socket holds more requests than anyone can heed.
        let _ = (&*self.0).write(&[1]);
    }

    /// Makes SIGTERM, SIGINT and, unless the process was started to ignore it as by `nohup`, SIGHUP
    /// stop the worker for as long as the guard lives. For programs that own their signals; a
    /// library should leave them to its user.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn on_signals(&self) -> Result<SignalGuard> {
        let refused = |error| Error::io("cannot handle signals", error);
        let mut guard = SignalGuard(Vec::new());
        let mut signals = vec![SIGTERM, SIGINT];
        signals.extend((!is_ignored(SIGHUP)).then_some(SIGHUP));
        for &signal in &signals {
            let sender = self.0.try_clone().map_err(refused)?;
            let id = signal_hook::low_level::pipe::register(signal, sender).map_err(refused)?;
            guard.0.push(id);
        }
        // Whoever started this process may have blocked them.
        unblock(&signals);
        Ok(guard)
    }
}

impl StopReceiver {
    /// How often the worker was asked since the last call.
    pub(super) fn received(&self) -> usize {
        let mut buffer = [0; 16];
        (&self.0).read(&mut buffer).unwrap_or(0)
    }
}

impl AsFd for StopReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Signals stop a worker while this lives. Afterwards they do nothing.
#[derive(Debug)]
pub struct SignalGuard(Vec<signal_hook::SigId>);

impl Drop for SignalGuard {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
