//! One command that runs: its process, its end, and both outputs on pipes that never block the
//! worker.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};

use super::capture::Extent;
use super::capturing::{Capturing, Stored};
use super::command::{Command, Surroundings};
use super::end::{End, Ending, StartError};
use super::inputs::Inputs;
use super::looks::Looks;
use super::scribe::Scribe;
use super::shortage;
use super::spawn::{Spawned, Status};
use crate::claim::ClaimedTask;
use crate::clock::BootTime;
use crate::output::Stream;
use crate::sidecar::records::Recorded;

/// Bytes taken from a pipe at a time once its command has ended: the largest pipe an ordinary user
/// can have. Other commands have their turn before what a process left behind writes beyond that.
const DRAIN_BYTES: usize = 1 << 20;

/// How long a command that was sent KILL is waited for.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

/// The exit code reported where another part of the process has taken the child's status.
const UNKNOWN_CODE: i32 = 255;

/// A command that runs, or has ended and is not reaped yet.
#[derive(Debug)]
pub(super) struct Process {
    spawned: Spawned,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    ending: Option<Ending>,
    /// When the command itself has ended.
    exited_at: Option<BootTime>,
    /// Whether its pipes may be in the executor's epoll.
    pub(super) watched: bool,
    pub(super) capture: Capturing,
    record: Option<Recorded>,
    /// The looks at it since it was killed.
    pub(super) looks: Looks,
    /// What it was given; gone when the process is forgotten.
    _inputs: Option<Inputs>,
}

/// What reading a pipe once came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// So many bytes.
    Some(usize),
    /// Nothing there now.
    Nothing,
    /// Nobody can write to it any more.
    Closed,
}

impl Process {
    /// Starts the command of `task`.
    ///
    /// # Errors
    /// Why it cannot be started, now or ever.
    pub(super) fn start(
        task: &ClaimedTask,
        now: BootTime,
        surroundings: &Surroundings,
        inputs: Option<Inputs>,
    ) -> Result<Self, StartError> {
        let command = Command::of(task, surroundings)?;
        let (stdout, out) = pipe()?;
        let second = (!task.options.merge_output).then(pipe).transpose()?;
        let (stderr, err) = second.unzip();
        let outputs = [&out, err.as_ref().unwrap_or(&out)].map(AsFd::as_fd);
        let records = surroundings.records.as_ref();
        let mut record = records.map(|records| records.add(task.claim, outputs));
        let [out, err] = outputs;
        let spawned = command.start(inputs.as_ref(), out, err)?;
        if let Some(record) = &mut record {
            record.started(spawned.pid);
        }
        Ok(Self {
            spawned,
            record,
            stdout: Some(stdout),
            stderr,
            ending: None,
            exited_at: None,
            watched: false,
            capture: Capturing::new(task, now),
            looks: Looks::default(),
            _inputs: inputs,
        })
    }

    /// Its number: that of its process group and session too.
    pub(super) fn pid(&self) -> Pid {
        self.spawned.pid
    }

    /// Readable once the command itself has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.spawned.pidfd.as_fd()
    }

    /// Signals the process group. Never after the child was reaped: its number may be another's.
    pub(super) fn signal(&mut self, ending: Ending) {
        if self.ending != Some(Ending::Kill) {
            self.ending = Some(ending);
        }
        match ending {
            Ending::Terminate => {
                self.send(Signal::TERM);
                // A stopped process heeds nothing but KILL before it goes on.
                self.send(Signal::CONT);
            }
            Ending::Kill => self.send(Signal::KILL),
        }
    }

    /// The command itself has ended. Its number stays its own until it is reaped.
    pub(super) fn exited(&mut self, at: BootTime) {
        self.exited_at.get_or_insert(at);
    }

    /// Which end was asked for.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub(super) fn exited_at(&self) -> Option<BootTime> {
        self.exited_at
    }

    /// Whether somebody may still write to its output.
    pub(super) fn is_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    /// Whether its group was told to end and may still be at it: the command itself has ended,
    /// but a process that got its TERM holds the output open.
    pub(super) fn lingers(&self) -> bool {
        self.ending == Some(Ending::Terminate) && self.is_open()
    }

    pub(super) fn pipe(&self, stream: Stream) -> Option<&OwnedFd> {
        match stream {
            Stream::Stdout => self.stdout.as_ref(),
            Stream::Stderr => self.stderr.as_ref(),
        }
    }

    /// Closes a pipe that nobody can write to any more. A descriptor that another thread's fork
    /// copied stays in the epoll when it is closed, so it is taken out first.
    pub(super) fn close(&mut self, stream: Stream, watcher: &OwnedFd) {
        let pipe = match stream {
            Stream::Stdout => self.stdout.take(),
            Stream::Stderr => self.stderr.take(),
        };
        if let Some(pipe) = pipe
            && self.watched
        {
            let _ = epoll::delete(watcher, &pipe);
        }
    }

    /// Takes everything out of the epoll, as [`close`](Self::close) does.
    pub(super) fn unwatch(&mut self, watcher: &OwnedFd) {
        self.unwatch_pipes(watcher);
        let _ = epoll::delete(watcher, self.pidfd());
    }

    /// Has its output left alone until it is watched again.
    pub(super) fn unwatch_pipes(&mut self, watcher: &OwnedFd) {
        if std::mem::take(&mut self.watched) {
            for pipe in [&self.stdout, &self.stderr].into_iter().flatten() {
                let _ = epoll::delete(watcher, pipe);
            }
        }
    }

    /// Takes what fits into `buffer` from a pipe.
    pub(super) fn read(
        &mut self,
        stream: Stream,
        buffer: &mut [u8],
        now: BootTime,
        logs: &mut Scribe,
    ) -> Read {
        let Some(pipe) = self.pipe(stream) else {
            return Read::Closed;
        };
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => Read::Closed,
            Ok(length) => {
                self.capture.write(stream, &buffer[..length], now, logs);
                Read::Some(length)
            }
            Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
            Err(_) => Read::Closed,
        }
    }

    /// Takes what is left in a pipe, without waiting. Returns whether it is closed.
    pub(super) fn drain(
        &mut self,
        stream: Stream,
        buffer: &mut [u8],
        now: BootTime,
        logs: &mut Scribe,
    ) -> bool {
        let mut drained = 0;
        while drained < DRAIN_BYTES && !self.capture.must_wait(logs) {
            match self.read(stream, buffer, now, logs) {
                Read::Some(length) => drained += length,
                Read::Nothing => return false,
                Read::Closed => return true,
            }
        }
        false
    }

    /// How the command ended; `None` while it runs. What was told to end takes its whole group
    /// along.
    pub(super) fn reap(&mut self) -> Option<End> {
        if self.ending.is_some() {
            self.send(Signal::KILL);
        }
        let status = self.spawned.try_wait()?;
        if let Some(record) = &mut self.record {
            record.ended();
        }
        Some(match status {
            Status::Exited(code) => End::Exited(code),
            Status::Signalled(signal) => End::Signalled(signal),
            Status::Unknown => End::Exited(UNKNOWN_CODE),
        })
    }

    /// Kills the whole group and waits for the command, which KILL does not let linger unless it
    /// waits for a disk. One that is another user's is not waited for.
    pub(super) fn end_now(&mut self) {
        self.send(Signal::KILL);
        if test_kill_process(self.pid()) != Err(Errno::PERM) {
            self.spawned.wait_within(KILLED_WITHIN);
        }
    }

    /// Ends a command that cannot be watched, so that it does not run unseen.
    pub(super) fn abandon(mut self, error: Errno) -> StartError {
        self.end_now();
        match error {
            Errno::NOSPC => StartError::Shortage(
                "the command cannot be watched: the sysctl fs.epoll.max_user_watches is reached; \
                 raise it, or use fewer slots"
                    .to_owned(),
            ),
            error => shortage::refusal("the command cannot be watched", error),
        }
    }

    fn send(&self, signal: Signal) {
        let _ = kill_process_group(self.pid(), signal);
    }

    /// What is to be stored with the settle, and the record of the command.
    pub(super) fn into_parts(self, logs: &mut Scribe) -> (Stored, Option<Recorded>) {
        let extent = if self.is_open() {
            Extent::GivenUp
        } else {
            Extent::Whole
        };
        (self.capture.finish(extent, logs), self.record)
    }
}

/// A pipe whose reading end never blocks.
fn pipe() -> Result<(OwnedFd, OwnedFd), StartError> {
    let pipe = pipe_with(PipeFlags::CLOEXEC).and_then(|(reader, writer)| {
        ioctl_fionbio(&reader, true)?;
        Ok((reader, writer))
    });
    pipe.map_err(|error| shortage::refusal("no pipe for the command's output", error))
}
