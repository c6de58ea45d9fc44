//! Commands that have ended, but for their logs, and commands whose output has to wait.

use super::super::end::Ended;
use super::super::scribe::Logged;
use super::Executor;
use super::ages::Next;
use super::slots::{Job, Over, Running, runs};
use crate::claim::Claim;
use crate::clock::BootTime;

/// A log is waited for so long at least, in milliseconds, after its command. Then the outcome is
/// told; the log is written to its end once the disk answers.
pub(super) const LOGGING_MS: i64 = 2_000;

impl Executor {
    /// Waits for the log of a command that has ended.
    pub(super) fn await_log(&mut self, slot: usize, now: BootTime, over: Over) {
        let claim = over.ended.claim;
        self.slots[slot] = Some(Running {
            claim,
            job: Job::Logging(Box::new(over)),
        });
        self.logging.join(now, LOGGING_MS, slot, claim);
    }

    /// Takes in what the thread that writes logs has done.
    pub(super) fn logs_written(&mut self, now: BootTime, ended: &mut Vec<Ended>) {
        for Logged { claim, output } in self.scribe.take_done() {
            if let Some((slot, mut over)) = self.take_logging(|_, own| own == claim) {
                over.ended.output = output;
                self.is_over(slot, now, over, ended);
            }
        }
        if self.scribe.is_full() {
            return;
        }
        for (slot, claim) in std::mem::take(&mut self.held) {
            if runs(&self.slots, slot, claim) {
                self.watch_or_retry(slot, claim, now, ended);
            }
        }
    }

    /// Tells of commands whose logs the disk does not take. Returns when there is the next one.
    pub(super) fn give_up_logs(
        &mut self,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) -> Option<BootTime> {
        loop {
            let slots = &self.slots;
            match self
                .logging
                .next(now, |slot, claim| runs(slots, slot, claim))
            {
                Next::Aged(slot, claim) => {
                    let aged = self.take_logging(|own, of| (own, of) == (slot, claim));
                    if let Some((slot, over)) = aged {
                        self.is_over(slot, now, over, ended);
                    }
                }
                Next::At(at) => return Some(at),
                Next::Nobody => return None,
            }
        }
    }

    /// A command and its log have ended.
    pub(super) fn is_over(
        &mut self,
        slot: usize,
        now: BootTime,
        over: Over,
        ended: &mut Vec<Ended>,
    ) {
        let Over {
            ended: end,
            told,
            record,
        } = over;
        let end = match told {
            Some(group) => self.outlived(slot, now, (end, group, record)),
            None => Some(end),
        };
        if let Some(end) = end {
            self.free.push(slot);
            ended.push(end);
        }
    }

    fn take_logging(&mut self, is: impl Fn(usize, Claim) -> bool) -> Option<(usize, Over)> {
        let mut slots = self.slots.iter_mut().enumerate();
        slots.find_map(|(slot, running)| {
            let is_meant =
                |own: &mut Running| is(slot, own.claim) && matches!(own.job, Job::Logging(_));
            match running.take_if(is_meant)?.job {
                Job::Logging(over) => Some((slot, *over)),
                Job::Command(_)
                | Job::Handler(_)
                | Job::Preparing(_)
                | Job::Prepared(_)
                | Job::Survived(_) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests;
