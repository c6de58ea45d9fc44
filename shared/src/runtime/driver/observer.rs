//! Who is told how a worker fares, and of which events.

use std::time::Duration;

use super::Driver;
use crate::error::Error;
use crate::queue::Queue;
use crate::runtime::protocol::WorkerEvent;
use crate::runtime::shell::Shell;

/// Refusals that are remembered.
const MOST_REFUSALS: usize = 16;
/// How long the same refusal is not told again.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// What is told how a worker fares. While it works, the worker goes on with what runs and with
/// requests to stop, but claims, starts and settles nothing.
pub trait Observer {
    /// Something happened.
    fn on(&mut self, event: &WorkerEvent);

    /// The worker is well; called at least every two seconds or so.
    fn beat(&mut self) {}

    /// The worker was told to end at once and its time is over, but a call of its own does not
    /// return: the file is held, or a disk does not answer. A program ends itself here. An observer
    /// that leaves this out, as `()` does, waits for the call however long it takes, for ever if the
    /// disk never answers: [`Worker::run`](crate::runtime::Worker::run) returns no sooner.
    /// `error` is the result of that, where it is known already.
    fn stuck(&mut self, error: Option<&Error>) {
        let _ = error;
    }
}

/// Looks at nothing.
impl Observer for () {
    fn on(&mut self, _: &WorkerEvent) {}
}

impl<Q: Queue, S: Shell> Driver<Q, S> {
    pub(super) fn report(&mut self, event: WorkerEvent) {
        match &event {
            // A claim that was lost is settled by nobody here.
            WorkerEvent::Ended { claim, .. } => self.let_go(true, &[*claim]),
            WorkerEvent::Refused { message, .. } | WorkerEvent::Blind { message }
                if self.was_told(message) =>
            {
                return;
            }
            WorkerEvent::Refused { .. }
            | WorkerEvent::Blind { .. }
            | WorkerEvent::Started { .. }
            | WorkerEvent::Stopping { .. }
            | WorkerEvent::Recovered(_)
            | WorkerEvent::Short { .. }
            | WorkerEvent::Sufficient
            | WorkerEvent::Waiting(_)
            | WorkerEvent::Left(_)
            | WorkerEvent::Unrecorded(_)
            | WorkerEvent::Unreachable(_)
            | WorkerEvent::ClockSetBack { .. } => {}
        }
        self.reports.push(event);
    }

    /// Whether a refusal was told lately. Now it is.
    fn was_told(&mut self, message: &str) -> bool {
        let now = self.queue.now().boot;
        self.refusals.retain(|(_, at)| now.since(*at) < TOLD_FOR);
        let told = self.refusals.iter().any(|(last, _)| last == message);
        if !told && self.refusals.len() < MOST_REFUSALS {
            self.refusals.push((message.to_owned(), now));
        }
        told
    }
}
