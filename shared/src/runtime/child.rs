//! A running command: its process, its end, and both outputs on pipes that never block the worker.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};

use super::capture::Extent;
use super::capture_handle::{CaptureHandle, CapturedOutput};
use super::command::{Command, CommandDefaults};
use super::end::{End, Ending, StartError};
use super::group_check::GroupCheck;
use super::inputs::Inputs;
use super::log_thread::LogThread;
use super::shortage;
use super::spawn::{Spawned, Status};
use crate::claim::ClaimedTask;
use crate::clock::BootTime;
use crate::output::Stream;
use crate::sidecar::records::Recorded;
use crate::usage::Usage;

/// Bytes read from a pipe at a time once its command has ended: the largest pipe an ordinary user
/// can have. If a background process writes more, other commands are handled first.
const DRAIN_BYTES: usize = 1 << 20;

/// Time to wait for a command that was sent KILL.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

/// Exit code reported if another part of this process has taken the child's status.
const UNKNOWN_CODE: i32 = 255;

/// A command that runs, or has ended and is not reaped yet.
#[derive(Debug)]
pub(super) struct Process {
    spawned: Spawned,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    ending: Option<Ending>,
    /// Time at which the command itself has ended.
    exited_at: Option<BootTime>,
    /// True if its pipes may be in the executor's epoll.
    pub(super) watched: bool,
    pub(super) capture: CaptureHandle,
    record: Option<Recorded>,
    /// Checks of its group since it was killed.
    pub(super) group_check: GroupCheck,
    /// Its inputs, removed when this is dropped.
    _inputs: Option<Inputs>,
}

/// Result of one read of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Number of bytes read.
    Some(usize),
    /// The pipe is empty for now.
    Nothing,
    /// No process can write to the pipe any more.
    Closed,
}

impl Process {
    /// Starts the command of `task`.
    ///
    /// # Errors
    /// The reason why it cannot be started, now or ever.
    pub(super) fn start(
        task: &ClaimedTask,
        now: BootTime,
        defaults: &CommandDefaults,
        inputs: Option<Inputs>,
    ) -> Result<Self, StartError> {
        let command = Command::of(task, defaults)?;
        let (stdout, out) = pipe()?;
        let second = (!task.options.merge_output).then(pipe).transpose()?;
        let (stderr, err) = second.unzip();
        let outputs = [&out, err.as_ref().unwrap_or(&out)].map(AsFd::as_fd);
        let records = defaults.records.as_ref();
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
            capture: CaptureHandle::new(task, now),
            group_check: GroupCheck::default(),
            _inputs: inputs,
        })
    }

    /// Process id, which is that of its process group and session too.
    pub(super) fn pid(&self) -> Pid {
        self.spawned.pid
    }

    /// Readable once the command itself has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.spawned.pidfd.as_fd()
    }

    /// Signals the process group. Not after the child was reaped: its id may have been reused.
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

    /// Notes the exit of the command. Its id is not reused until it is reaped.
    pub(super) fn exited(&mut self, at: BootTime) {
        self.exited_at.get_or_insert(at);
    }

    /// Ending that was asked for.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub(super) fn exited_at(&self) -> Option<BootTime> {
        self.exited_at
    }

    /// Returns true if a process may still write to its output.
    pub(super) fn is_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    /// Returns true if its group was told to end and may not have done so: a process that got TERM
    /// holds the output open.
    pub(super) fn lingers(&self) -> bool {
        self.ending == Some(Ending::Terminate) && self.is_open()
    }

    pub(super) fn pipe(&self, stream: Stream) -> Option<&OwnedFd> {
        match stream {
            Stream::Stdout => self.stdout.as_ref(),
            Stream::Stderr => self.stderr.as_ref(),
        }
    }

    /// Closes a pipe. If another thread's fork has copied the descriptor, closing it does not
    /// remove it from the epoll, so it is removed first.
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

    /// Removes everything from the epoll, as [`close`](Self::close) does.
    pub(super) fn unwatch(&mut self, watcher: &OwnedFd) {
        self.unwatch_pipes(watcher);
        let _ = epoll::delete(watcher, self.pidfd());
    }

    /// Stops watching its output.
    pub(super) fn unwatch_pipes(&mut self, watcher: &OwnedFd) {
        if std::mem::take(&mut self.watched) {
            for pipe in [&self.stdout, &self.stderr].into_iter().flatten() {
                let _ = epoll::delete(watcher, pipe);
            }
        }
    }

    /// Reads from a pipe into `buffer`.
    pub(super) fn read(
        &mut self,
        stream: Stream,
        buffer: &mut [u8],
        now: BootTime,
        logs: &mut LogThread,
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

    /// Reads the rest of a pipe without waiting. Returns true if it is closed.
    pub(super) fn drain(
        &mut self,
        stream: Stream,
        buffer: &mut [u8],
        now: BootTime,
        logs: &mut LogThread,
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

    /// Reaps the command and returns its end and what it used; `None` while it runs. If it was told to end, its
    /// whole group is killed.
    pub(super) fn reap(&mut self) -> Option<(End, Usage)> {
        if self.ending.is_some() {
            self.send(Signal::KILL);
        }
        let (status, usage) = self.spawned.try_reap()?;
        if let Some(record) = &mut self.record {
            record.ended();
        }
        let end = match status {
            Status::Exited(code) => End::Exited(code),
            Status::Signalled(signal) => End::Signalled(signal),
            Status::Unknown => End::Exited(UNKNOWN_CODE),
        };
        Some((end, usage))
    }

    /// Kills the whole group and waits for the command, which ends soon unless a disk blocks it.
    /// Does not wait for a process of another user.
    pub(super) fn end_now(&mut self) {
        self.send(Signal::KILL);
        if test_kill_process(self.pid()) != Err(Errno::PERM) {
            self.spawned.wait_within(KILLED_WITHIN);
        }
    }

    /// Ends a command that cannot be watched.
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

    /// Returns the output to store with the settle, and the record of the command.
    pub(super) fn into_parts(self, logs: &mut LogThread) -> (CapturedOutput, Option<Recorded>) {
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
