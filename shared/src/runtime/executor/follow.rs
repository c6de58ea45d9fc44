//! Follows what runs: reads its output, and takes its end.

use std::os::fd::AsFd;

use rustix::event::epoll;
use rustix::io::Errno;

use super::ages::Next;
use super::end::{End, Ended};
use super::slots::{Job, Running, command, runs};
use super::source::Source;
use super::{Executor, WATCH_MS};
use crate::clock::BootTime;
use crate::output::Stream;
use crate::runtime::child::Read;

impl Executor {
    /// Does what commands have become old enough for. Returns when the next one does.
    pub(super) fn come_of_age(&mut self, now: BootTime) -> Option<BootTime> {
        let watch_at = loop {
            let slots = &self.slots;
            match self
                .unwatched
                .next(now, |slot, claim| runs(slots, slot, claim))
            {
                Next::Aged(slot, claim) if !self.watch_pipes(slot, now) => {
                    self.unwatched.join(now, WATCH_MS, slot, claim);
                }
                Next::Aged(..) => {}
                Next::At(at) => break Some(at),
                Next::Nobody => break None,
            }
        };
        let show_at = loop {
            let slots = &self.slots;
            match self.young.next(now, |slot, claim| runs(slots, slot, claim)) {
                Next::Aged(slot, _) => {
                    if let Some(process) = command(&mut self.slots, slot) {
                        process.capture.came_due(&self.sidecar);
                    }
                }
                Next::At(at) => break Some(at),
                Next::Nobody => break None,
            }
        };
        watch_at.into_iter().chain(show_at).min()
    }

    /// Has a command's output read as it comes. False if the system does not watch more pipes: then
    /// what is there is read now, and is to be asked for again.
    fn watch_pipes(&mut self, slot: usize, now: BootTime) -> bool {
        let Some(process) = command(&mut self.slots, slot) else {
            return true;
        };
        process.watched = true;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let Some(pipe) = process.pipe(stream) else {
                continue;
            };
            match Source::Pipe(slot, stream).watch(&self.epoll, pipe.as_fd()) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(_) => {
                    process.drain(Stream::Stdout, &mut self.buffer, now, &self.sidecar);
                    process.drain(Stream::Stderr, &mut self.buffer, now, &self.sidecar);
                    return false;
                }
            }
        }
        true
    }

    pub(super) fn end_handlers(&mut self, now: BootTime, ended: &mut Vec<Ended>) {
        let Some(pool) = &mut self.pool else {
            return;
        };
        let (slots, free) = (&mut self.slots, &mut self.free);
        pool.take_done(&mut |claim, outcome| {
            let running = |slot: &Option<Running>| matches!(slot, Some(own) if own.claim == claim);
            if let Some(slot) = slots.iter().position(running) {
                slots[slot] = None;
                free.push(slot);
                ended.push(Ended {
                    claim,
                    end: End::Handler(outcome),
                    at: now,
                    output: None,
                });
            }
        });
    }

    pub(super) fn read_pipe(
        &mut self,
        slot: usize,
        stream: Stream,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) {
        let (buffer, logs) = (&mut self.buffer, &self.sidecar);
        let Some(process) = command(&mut self.slots, slot) else {
            return;
        };
        if process.read(stream, buffer, now, logs) != Read::Closed {
            return;
        }
        process.close(stream, &self.epoll);
        if process.exited && !process.lingers() {
            self.end_command(slot, now, ended);
        }
    }

    pub(super) fn child_exited(&mut self, slot: usize, now: BootTime, ended: &mut Vec<Ended>) {
        let (buffer, logs) = (&mut self.buffer, &self.sidecar);
        let Some(process) = command(&mut self.slots, slot) else {
            return;
        };
        for stream in [Stream::Stdout, Stream::Stderr] {
            if process.drain(stream, buffer, now, logs) {
                process.close(stream, &self.epoll);
            }
        }
        if process.lingers() {
            process.exited = true;
            let _ = epoll::delete(&self.epoll, process.pidfd());
        } else {
            self.end_command(slot, now, ended);
        }
    }

    pub(super) fn end_command(&mut self, slot: usize, now: BootTime, ended: &mut Vec<Ended>) {
        let (buffer, logs) = (&mut self.buffer, &self.sidecar);
        let Some(Some(Running { claim, job })) = self.slots.get_mut(slot) else {
            return;
        };
        let Job::Command(process) = job else {
            return;
        };
        let Some(end) = process.reap() else {
            return;
        };
        let claim = *claim;
        for stream in [Stream::Stdout, Stream::Stderr] {
            process.drain(stream, buffer, now, logs);
        }
        process.unwatch(&self.epoll);
        self.free.push(slot);
        if let Some(Running {
            job: Job::Command(process),
            ..
        }) = self.slots[slot].take()
        {
            let output = process.into_output();
            ended.push(Ended {
                claim,
                end,
                at: now,
                output,
            });
        }
    }
}
