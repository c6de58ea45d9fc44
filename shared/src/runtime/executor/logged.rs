//! Commands that have ended while their logs are still being written, and commands whose output has
//! to wait.

use super::super::end::Ended;
use super::super::log_thread::Logged;
use super::Executor;
use super::deadlines::NextDeadline;
use super::slots::{EndedCommand, Job, Occupant, runs};
use crate::claim::Claim;
use crate::clock::BootTime;

/// Time in milliseconds for which the outcome waits for the log. The rest of the log is written
/// once the disk answers.
pub(super) const LOGGING_MS: i64 = 2_000;

impl Executor {
    /// Waits for the log of a command that has ended.
    pub(super) fn await_log(&mut self, slot: usize, now: BootTime, over: EndedCommand) {
        let claim = over.ended.claim;
        self.slots[slot] = Some(Occupant {
            claim,
            job: Job::Logging(Box::new(over)),
        });
        self.logging.push(now, LOGGING_MS, slot, claim);
    }

    /// Takes the finished logs from the log thread.
    pub(super) fn logs_written(&mut self, now: BootTime, ended: &mut Vec<Ended>) {
        for Logged { claim, output } in self.log_thread.take_done() {
            if let Some((slot, mut over)) = self.take_logging(|_, own| own == claim) {
                over.ended.output = output;
                self.finish_command(slot, now, over, ended);
            }
        }
        if self.log_thread.is_full() {
            return;
        }
        for (slot, claim) in std::mem::take(&mut self.held) {
            if runs(&self.slots, slot, claim) {
                self.watch_or_retry(slot, claim, now, ended);
            }
        }
    }

    /// Reports commands whose logs the disk does not take. Returns the next deadline.
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
                NextDeadline::Due(slot, claim) => {
                    let due = self.take_logging(|own, of| (own, of) == (slot, claim));
                    if let Some((slot, over)) = due {
                        self.finish_command(slot, now, over, ended);
                    }
                }
                NextDeadline::At(at) => return Some(at),
                NextDeadline::Empty => return None,
            }
        }
    }

    /// Finishes a command whose log has ended too.
    pub(super) fn finish_command(
        &mut self,
        slot: usize,
        now: BootTime,
        over: EndedCommand,
        ended: &mut Vec<Ended>,
    ) {
        let EndedCommand {
            ended: end,
            told,
            record,
        } = over;
        let end = match told {
            Some(group) => self.await_group(slot, now, (end, group, record)),
            None => Some(end),
        };
        if let Some(end) = end {
            self.free.push(slot);
            ended.push(end);
        }
    }

    fn take_logging(&mut self, is: impl Fn(usize, Claim) -> bool) -> Option<(usize, EndedCommand)> {
        let mut slots = self.slots.iter_mut().enumerate();
        slots.find_map(|(slot, running)| {
            let is_meant =
                |own: &mut Occupant| is(slot, own.claim) && matches!(own.job, Job::Logging(_));
            match running.take_if(is_meant)?.job {
                Job::Logging(over) => Some((slot, *over)),
                Job::Command(_) | Job::Preparing(_) | Job::Prepared(_) | Job::Leftover(_) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests;
