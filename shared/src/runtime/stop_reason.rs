//! Reasons why an execution is asked to end, and the flag that tells a handler.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Reason why an execution is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// A person or program cancelled the task.
    Cancelled,
    /// The attempt took longer than its timeout.
    TimedOut,
    /// The worker no longer holds the claim: another worker may run the task. No outcome of this
    /// execution is recorded.
    ClaimLost,
    /// The worker is stopping.
    Shutdown,
}

impl StopReason {
    const ALL: [Self; 4] = [
        Self::Cancelled,
        Self::TimedOut,
        Self::ClaimLost,
        Self::Shutdown,
    ];

    /// Words shown everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed out",
            Self::ClaimLost => "claim lost",
            Self::Shutdown => "shutdown",
        }
    }

    /// Number in a [`StopFlag`], which has 0 for no reason.
    const fn number(self) -> u8 {
        self as u8 + 1
    }

    fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Flag that asks one handler to end. Once set it stays set; a lost claim replaces an earlier reason.
#[derive(Debug, Default)]
pub(super) struct StopFlag {
    reason: AtomicU8,
    /// Tasks of a runtime that wait for the flag.
    waiting: Mutex<Vec<Waker>>,
}

impl StopFlag {
    pub(super) fn reason(&self) -> Option<StopReason> {
        StopReason::of_number(self.reason.load(Ordering::Acquire))
    }

    /// Sets the flag and wakes every waiting task.
    pub(super) fn set(&self, reason: StopReason) {
        if self.reason().is_some() && reason != StopReason::ClaimLost {
            return;
        }
        self.reason.store(reason.number(), Ordering::Release);
        let waiting = std::mem::take(&mut *self.waiting());
        for waker in waiting {
            waker.wake();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Future that is ready once a handler is asked to end; see
/// [`HandlerTask::stopped`](super::handlers::HandlerTask::stopped).
#[derive(Clone, Debug)]
pub struct Stopped(pub(super) Arc<StopFlag>);

impl Stopped {
    /// The reason, or `None` while the handler may go on.
    pub fn reason(&self) -> Option<StopReason> {
        self.0.reason()
    }
}

impl Future for Stopped {
    type Output = StopReason;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<StopReason> {
        // Looked at under the lock: a flag that is set afterwards finds the waker.
        let mut waiting = self.0.waiting();
        if let Some(reason) = self.0.reason() {
            return Poll::Ready(reason);
        }
        if !waiting.iter().any(|own| own.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::{StopFlag, StopReason, Stopped};

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_first_reason_stays_unless_the_claim_is_lost() {
        let flag = StopFlag::default();
        assert_eq!(flag.reason(), None);
        flag.set(StopReason::TimedOut);
        flag.set(StopReason::Shutdown);
        assert_eq!(flag.reason(), Some(StopReason::TimedOut));
        flag.set(StopReason::ClaimLost);
        flag.set(StopReason::Cancelled);
        assert_eq!(flag.reason(), Some(StopReason::ClaimLost));
    }

    #[test]
    fn every_reason_reads_back_from_its_number() {
        for reason in StopReason::ALL {
            let flag = StopFlag::default();
            flag.set(reason);
            assert_eq!(flag.reason(), Some(reason));
        }
    }

    #[test]
    fn a_waiting_task_is_woken_once_however_often_it_looked() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let flag = Arc::new(StopFlag::default());
        for _ in 0..3 {
            let mut stopped = Stopped(Arc::clone(&flag));
            assert_eq!(Pin::new(&mut stopped).poll(&mut context), Poll::Pending);
        }
        flag.set(StopReason::Cancelled);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        let mut stopped = Stopped(flag);
        assert_eq!(
            Pin::new(&mut stopped).poll(&mut context),
            Poll::Ready(StopReason::Cancelled)
        );
    }
}
