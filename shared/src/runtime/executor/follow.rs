//! Follows running commands: reads their output and takes their ends.

use std::os::fd::AsFd;

use rustix::event::epoll;
use rustix::io::Errno;

use super::super::end::{Ended, Ending};
use super::super::handlers::HandlerEnd;
use super::deadlines::NextDeadline;
use super::event_source::EventSource;
use super::slots::{EndedCommand, Job, Occupant, command, runs};
use super::{Executor, KILLED_MS, WATCH_MS};
use crate::claim::Claim;
use crate::clock::BootTime;
use crate::output::Stream;
use crate::runtime::capture_handle::CapturedOutput;
use crate::runtime::child::Read;
use crate::usage::Usage;

impl Executor {
    /// Handles the deadlines that have passed. Returns the next one.
    pub(super) fn handle_deadlines(
        &mut self,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) -> Option<BootTime> {
        let watch_at = loop {
            let slots = &self.slots;
            match self
                .unwatched
                .next(now, |slot, claim| runs(slots, slot, claim))
            {
                NextDeadline::Due(slot, claim) => self.watch_or_retry(slot, claim, now, ended),
                NextDeadline::At(at) => break Some(at),
                NextDeadline::Empty => break None,
            }
        };
        let show_at = loop {
            let slots = &self.slots;
            match self.young.next(now, |slot, claim| runs(slots, slot, claim)) {
                NextDeadline::Due(slot, _) => {
                    if let Some(process) = command(&mut self.slots, slot) {
                        process.capture.came_due(&mut self.log_thread);
                    }
                }
                NextDeadline::At(at) => break Some(at),
                NextDeadline::Empty => break None,
            }
        };
        let give_up_at = self.give_up(now, ended);
        let look_at = self.check_leftovers(now, ended);
        let logged_at = self.give_up_logs(now, ended);
        [watch_at, show_at, give_up_at, look_at, logged_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Ends commands that exited long ago while other processes hold their output open. Returns the
    /// next deadline.
    fn give_up(&mut self, now: BootTime, ended: &mut Vec<Ended>) -> Option<BootTime> {
        let slots = &self.slots;
        let (mut due, mut next) = (Vec::new(), None);
        for line in [&mut self.open, &mut self.killed] {
            loop {
                match line.next(now, |slot, claim| runs(slots, slot, claim)) {
                    NextDeadline::Due(slot, _) => due.push(slot),
                    NextDeadline::At(at) => {
                        next = next.into_iter().chain([at]).min();
                        break;
                    }
                    NextDeadline::Empty => break,
                }
            }
        }
        for slot in due {
            self.end_command(slot, now, ended);
        }
        next
    }

    /// Watches a command's pipes. If the system does not watch more pipes, reads them now and tries
    /// again soon.
    pub(super) fn watch_or_retry(
        &mut self,
        slot: usize,
        claim: Claim,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) {
        if self.watch_pipes(slot) {
            return;
        }
        self.read_rest(slot, now);
        self.unwatched.push(now, WATCH_MS, slot, claim);
        let process = command(&mut self.slots, slot);
        if process.is_some_and(|process| process.exited_at().is_some() && !process.is_open()) {
            self.end_command(slot, now, ended);
        }
    }

    /// Adds a command's pipes to the epoll. Returns false if the system does not watch more.
    fn watch_pipes(&mut self, slot: usize) -> bool {
        let Some(process) = command(&mut self.slots, slot) else {
            return true;
        };
        process.watched = true;
        let watch = |stream| {
            let pipe = process.pipe(stream)?;
            match EventSource::Pipe(slot, stream).watch(&self.epoll, pipe.as_fd()) {
                Ok(()) | Err(Errno::EXIST) => None,
                Err(error) => Some(error),
            }
        };
        [Stream::Stdout, Stream::Stderr]
            .into_iter()
            .find_map(watch)
            .is_none()
    }

    /// Reads a command's pipes without waiting.
    fn read_rest(&mut self, slot: usize, now: BootTime) {
        let Some(process) = command(&mut self.slots, slot) else {
            return;
        };
        for stream in [Stream::Stdout, Stream::Stderr] {
            if process.drain(stream, &mut self.buffer, now, &mut self.log_thread) {
                process.close(stream, &self.epoll);
            }
        }
    }

    pub(super) fn end_handlers(&mut self, now: BootTime, ended: &mut Vec<Ended>) {
        if let Some(pool) = &mut self.pool {
            pool.take_done(&mut |HandlerEnd { claim, end, output }| {
                ended.push(Ended {
                    claim,
                    end,
                    at: now,
                    output,
                    usage: Usage::default(),
                });
            });
        }
    }

    pub(super) fn read_pipe(
        &mut self,
        slot: usize,
        stream: Stream,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) {
        let (buffer, logs) = (&mut self.buffer, &mut self.log_thread);
        let Some(process) = command(&mut self.slots, slot) else {
            return;
        };
        if process.capture.must_wait(logs) {
            process.unwatch_pipes(&self.epoll);
            let claim = self.slots[slot].as_ref().map(|own| own.claim);
            self.held.extend(claim.map(|claim| (slot, claim)));
            return;
        }
        if process.read(stream, buffer, now, logs) != Read::Closed {
            return;
        }
        process.close(stream, &self.epoll);
        if process.exited_at().is_some() && !process.is_open() {
            self.end_command(slot, now, ended);
        }
    }

    /// Handles the exit of a command, which is the end of its task. Its output ends with its last
    /// writer: nearly always that is the command, otherwise the executor waits.
    pub(super) fn child_exited(&mut self, slot: usize, now: BootTime, ended: &mut Vec<Ended>) {
        self.read_rest(slot, now);
        let Some(Some(Occupant { claim, job })) = self.slots.get_mut(slot) else {
            return;
        };
        let Job::Command(process) = job else {
            return;
        };
        let claim = *claim;
        process.exited(now);
        if !process.is_open() {
            return self.end_command(slot, now, ended);
        }
        let _ = epoll::delete(&self.epoll, process.pidfd());
        match process.ending() {
            None => self.open.push(now, self.open_ms, slot, claim),
            // The worker kills it when its grace time is over.
            Some(Ending::Terminate) => {}
            Some(Ending::Kill) => self.killed.push(now, KILLED_MS, slot, claim),
        }
        self.watch_or_retry(slot, claim, now, ended);
    }

    pub(super) fn end_command(&mut self, slot: usize, now: BootTime, ended: &mut Vec<Ended>) {
        let Some(Some(Occupant { claim, job })) = self.slots.get_mut(slot) else {
            return;
        };
        let Job::Command(process) = job else {
            return;
        };
        let Some((end, usage)) = process.reap() else {
            return;
        };
        let claim = *claim;
        let at = process.exited_at().unwrap_or(now);
        self.read_rest(slot, now);
        if let Some(process) = command(&mut self.slots, slot) {
            process.unwatch(&self.epoll);
        }
        let Some(Occupant {
            job: Job::Command(process),
            ..
        }) = self.slots[slot].take()
        else {
            return;
        };
        let told = process.ending().is_some().then(|| process.pid());
        let (stored, record) = process.into_parts(&mut self.log_thread);
        let (output, waits) = match stored {
            CapturedOutput::Output(output) => (output, false),
            CapturedOutput::Awaited => (None, true),
        };
        let over = EndedCommand {
            ended: Ended {
                claim,
                end,
                at,
                output,
                usage,
            },
            told,
            record,
        };
        if waits {
            self.await_log(slot, now, over);
        } else {
            self.finish_command(slot, now, over, ended);
        }
    }
}
