//! Change of a worker's slots while it runs.

use super::super::protocol::{Action, WorkerEvent};
use super::{Backoff, Machine};
use crate::clock::Now;
use crate::error::Result;

impl Machine {
    /// Uses so many slots from now on. Running tasks beyond them go on. A number that the queues of the
    /// worker do not allow is ignored.
    pub(super) fn resize(&mut self, slots: u32) {
        let before = self.config.slots;
        let number = usize::try_from(slots).unwrap_or(usize::MAX);
        if number == before || !self.serving.allows(slots) || self.is_stopping() {
            return;
        }
        self.config.slots = number;
        self.want_claim |= number > before;
        self.to_register = Some(Backoff::default());
        self.actions
            .push(Action::Report(WorkerEvent::Resized { slots: number }));
        if self.free() == 0 && self.idle {
            self.set_idle(false);
            // Passes on a wake that this worker may have taken.
            self.actions.push(Action::WakeAnother);
        }
    }

    /// Registers the worker again if its slots have changed.
    pub(super) fn register(&mut self, now: Now) {
        let Some(backoff) = &mut self.to_register else {
            return;
        };
        if backoff.until <= now.boot {
            // Should the answer never come, as when the worker stops, nothing waits for it.
            backoff.refused(now);
            let slots = u32::try_from(self.config.slots).unwrap_or(u32::MAX);
            self.actions.push(Action::Register(slots));
        }
    }

    pub(super) fn registered(&mut self, now: Now, answer: Result<u32>) {
        match answer {
            Ok(_) => self.to_register = None,
            Err(error) => self.refused(now, error),
        }
    }
}
