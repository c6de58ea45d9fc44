//! Observer of a worker, and the choice of events it receives.

use std::time::Duration;

use super::Driver;
use crate::error::Error;
use crate::queue::Queue;
use crate::runtime::host::Host;
use crate::runtime::protocol::WorkerEvent;

/// Largest number of remembered refusals.
const MOST_REFUSALS: usize = 16;
/// Time for which the same refusal is not reported again.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// Observer of a worker's events. While an observer is busy, the worker follows running tasks and
/// handles stop requests, but claims, starts and settles nothing.
pub trait Observer {
    /// Takes in an event.
    fn on(&mut self, event: &WorkerEvent);

    /// Called about every two seconds, or more often, while the worker is well.
    fn tick(&mut self) {}

    /// Called when the worker was told to end at once and its time is over, but a call does not
    /// return: the file is held, or a disk does not answer. A program ends itself here. With the
    /// default method, which `()` uses, the worker waits for the call however long it takes, for
    /// ever if the disk never answers: [`Worker::run`](crate::runtime::Worker::run) returns no
    /// sooner. `error` is the result of `run`, if it is known already.
    fn stuck(&mut self, error: Option<&Error>) {
        let _ = error;
    }
}

/// Ignores all events.
impl Observer for () {
    fn on(&mut self, _: &WorkerEvent) {}
}

impl<Q: Queue, S: Host> Driver<Q, S> {
    pub(super) fn report(&mut self, event: WorkerEvent) {
        match &event {
            // This worker never settles a lost claim.
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
            | WorkerEvent::Resized { .. }
            | WorkerEvent::Waiting(_)
            | WorkerEvent::Left(_)
            | WorkerEvent::Unrecorded(_)
            | WorkerEvent::LeftRunning(_)
            | WorkerEvent::Unreachable(_)
            | WorkerEvent::ClockSetBack { .. } => {}
        }
        self.reports.push(event);
    }

    /// Returns true if this refusal was reported recently, and remembers it.
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
