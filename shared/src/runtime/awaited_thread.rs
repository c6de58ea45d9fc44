//! Threads whose end an owner awaits when it is dropped, within a bound.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};

/// Longest wait for the end of a thread.
const LONGEST: Duration = Duration::from_secs(1);

/// Running thread.
#[derive(Debug)]
pub(super) struct AwaitedThread {
    /// Disconnected once the thread has dropped everything that it held.
    alive: Receiver<Infallible>,
}

impl AwaitedThread {
    /// Starts a thread of that name.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (held, alive) = bounded(0);
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || {
            let _held = held;
            run();
        })?;
        Ok(Self { alive })
    }

    /// Waits until the thread has ended, a second at most: one that a disk or another process blocks
    /// is left behind, and ends by itself.
    pub(super) fn wait(&self) {
        let _ = self.alive.recv_timeout(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossbeam_channel::bounded;

    use super::AwaitedThread;

    #[test]
    fn a_thread_that_has_ended_holds_nothing_any_more() {
        let held = Arc::new(());
        let kept = Arc::downgrade(&held);
        AwaitedThread::start("ends", move || drop(held))
            .unwrap()
            .wait();
        assert!(kept.upgrade().is_none());
    }

    /// Bug: a worker whose lease keeper waited for a file that nobody let go, or whose inputs lay on a
    /// disk that did not answer, never returned. Fix: the wait has a bound.
    #[test]
    fn a_blocked_thread_is_left_behind() {
        let (release, blocked) = bounded::<()>(0);
        let (ended, has_ended) = bounded(1);
        let thread = AwaitedThread::start("blocked", move || {
            let _ = blocked.recv();
            let _ = ended.send(());
        });
        thread.unwrap().wait();
        assert!(has_ended.try_recv().is_err());
        drop(release);
        has_ended.recv().unwrap();
    }
}
