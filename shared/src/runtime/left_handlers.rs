//! Handlers that had not returned when their worker ended. A thread cannot be killed, so the worker's
//! lock and the leases of these claims are kept until the handlers return, or the process ends: until
//! then nobody else runs their tasks. What they return is recorded as usual.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::end::End;
use super::handlers::HandlerEnd;
use super::lease_keeper::{KeeperThread, LeaseHandle};
use super::leases::LeaseNotice;
use super::pool::Pool;
use super::stop_reason::StopReason;
use crate::claim::Held;
use crate::outcome::{Outcome, Settlement};
use crate::queue::Queue;
use crate::sidecar::registration::Registration;
use crate::usage::Usage;

/// Pause after a refused write.
const PAUSE: Duration = Duration::from_millis(250);

/// Everything that the left handlers of one worker need.
pub(super) struct LeftHandlers<Q> {
    pub(super) queue: Arc<Q>,
    pub(super) pool: Pool,
    pub(super) registration: Registration,
    /// True if the worker leaves nothing else, so that it can be deregistered afterwards.
    pub(super) is_clean: bool,
    pub(super) leases: Option<LeaseHandle>,
    pub(super) keeper: Option<KeeperThread>,
}

impl<Q: Queue> LeftHandlers<Q> {
    /// Follows the handlers on a thread of their own. If there is none, their claims last until the
    /// process ends.
    pub(super) fn follow_on_thread(self) {
        let kept = Arc::new(Mutex::new(Some(self)));
        let taken = Arc::clone(&kept);
        let follow = move || {
            let left = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(left) = left {
                left.follow();
            }
        };
        let thread = std::thread::Builder::new().name("queue-left".to_owned());
        if thread.spawn(follow).is_err() {
            std::mem::forget(kept);
        }
    }

    /// Records the results of the handlers. If the file never takes them, they count as ended by the
    /// worker's death, as soon as the last handler has returned.
    fn follow(mut self) {
        self.pool.withdraw();
        let mut results = Vec::new();
        let mut writes = true;
        while self.pool.running() > 0 || (writes && !results.is_empty()) {
            self.wait((writes && !results.is_empty()).then_some(PAUSE));
            let now = self.queue.now().boot;
            self.pool
                .take_done(&mut |HandlerEnd { claim, end, output }| {
                    let outcome = match end {
                        End::Handler(outcome) => outcome,
                        End::Exited(_) | End::Signalled(_) | End::Unstarted | End::Dropped => {
                            Outcome::Returned
                        }
                    };
                    results.push(Settlement {
                        claim,
                        outcome,
                        output,
                        ended_at: Some(now),
                        usage: Usage::default(),
                    });
                });
            if writes && !results.is_empty() {
                writes = self.record(&mut results);
            }
        }
        if writes && self.is_clean {
            // Other workers recover one that cannot deregister.
            let _ = self.registration.close(&*self.queue);
        }
        // Until here it has extended the leases.
        drop(self.keeper);
    }

    /// Records results. Returns false if the file takes no more writes.
    fn record(&self, results: &mut Vec<Settlement>) -> bool {
        match self.queue.settle(results.clone()) {
            Ok(_) => {
                if let Some(leases) = &self.leases {
                    let claims: Vec<_> = results.iter().map(|one| one.claim).collect();
                    leases.let_go(&claims);
                }
                results.clear();
                true
            }
            Err(error) => error.may_pass(),
        }
    }

    /// Waits until a handler has returned or a claim has changed.
    fn wait(&self, at_most: Option<Duration>) {
        let lease_eventfd = self.leases.as_ref().map(LeaseHandle::eventfd);
        let mut eventfds = vec![PollFd::from_borrowed_fd(self.pool.eventfd(), PollFlags::IN)];
        eventfds.extend(
            lease_eventfd
                .iter()
                .map(|eventfd| PollFd::from_borrowed_fd(eventfd.as_fd(), PollFlags::IN)),
        );
        let timeout = at_most.and_then(|time| Timespec::try_from(time).ok());
        // After an interruption everything is looked at once more.
        let _ = poll(&mut eventfds, timeout.as_ref());
        let Some(leases) = &self.leases else {
            return;
        };
        leases.clear();
        for notice in leases.notices() {
            if let LeaseNotice::Changed(claim, Held::Lost) = notice {
                self.pool.ask_to_end(claim, StopReason::ClaimLost);
            }
        }
    }
}
