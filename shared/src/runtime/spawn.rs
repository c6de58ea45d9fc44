//! Starts programs: tasks' commands, hooks and background workers, all in the same environment.
//!
//! A program starts in a new session, without a controlling terminal; with no signal blocked or
//! ignored; with three descriptors; and with the limit on open files that this process was started
//! with. It inherits everything else: user, groups, umask, niceness, other limits, cgroup.

mod environment;
mod system;

use std::ffi::{CString, OsStr};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;

pub(crate) use environment::{Environment, is_of_one_process};

use super::inherited;
use crate::usage::Usage;
use system::{Child, Pointers, Wait};

/// Program to be started.
#[derive(Debug)]
pub(crate) struct Spawn<'a> {
    /// Its file. A relative path is relative to this process's directory, not to `directory`.
    pub(crate) program: &'a Path,
    /// Its arguments, beginning with its name.
    pub(crate) arguments: &'a [&'a OsStr],
    /// Variables that `variables` may replace.
    pub(crate) base: &'a Environment,
    /// Variables of this program.
    pub(crate) variables: &'a Environment,
    /// Its directory; this process's directory unless set.
    pub(crate) directory: Option<&'a Path>,
    /// Its standard input, output and error.
    pub(crate) streams: [BorrowedFd<'a>; 3],
}

/// Program that was started. It leads a session and a process group with its process id.
#[derive(Debug)]
pub(crate) struct Spawned {
    /// Its process id, which is not reused before it is reaped.
    pub(crate) pid: Pid,
    /// Its pidfd, readable once it has ended.
    pub(crate) pidfd: OwnedFd,
    /// Peak memory of this process just after the start, in KiB: the program began in its memory.
    worker_kb: u64,
}

/// End of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
    /// Another part of this process has taken its status.
    Unknown,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Signalled(signal) => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("an unknown exit code"),
        }
    }
}

/// Reason why a program was not started. No process is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{errno}")]
pub(crate) struct Failed {
    /// Step that was refused.
    pub(crate) step: SpawnStep,
    /// Error of the system.
    pub(crate) errno: Errno,
}

/// Step of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpawnStep {
    /// Create the process.
    Process = 1,
    /// Enter its directory.
    Directory,
    /// Set its standard streams.
    Streams,
    /// Load its program.
    Program,
}

impl SpawnStep {
    fn of(number: u32) -> Self {
        let steps = [Self::Directory, Self::Streams, Self::Program];
        let step = steps.into_iter().find(|step| *step as u32 == number);
        step.unwrap_or(Self::Process)
    }
}

impl Spawn<'_> {
    /// Starts the program. It is loaded when this returns.
    ///
    /// # Errors
    /// [`Failed`] with the step and the system's error.
    pub(crate) fn start(&self) -> Result<Spawned, Failed> {
        let invalid = |_| Failed {
            step: SpawnStep::Program,
            errno: Errno::INVAL,
        };
        let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(invalid);
        let program = text(self.program.as_os_str())?;
        let directory = self.directory.map(|path| text(path.as_os_str()));
        let directory = directory.transpose()?;
        let arguments: Result<Vec<_>, _> = self.arguments.iter().map(|word| text(word)).collect();
        let arguments = arguments?;
        let mut moved = Vec::new();
        for stream in self.streams {
            moved.push(above_the_streams(stream)?);
        }
        let stream = |number: usize| {
            moved[number]
                .as_ref()
                .map_or(self.streams[number], AsFd::as_fd)
        };
        let (pid, pidfd) = system::start(&Child {
            program: &program,
            arguments: Pointers::new(arguments.iter().map(CString::as_c_str)),
            variables: Pointers::new(self.variables.over(self.base)),
            directory: directory.as_deref(),
            streams: [stream(0), stream(1), stream(2)],
            descriptors: inherited::descriptors(),
        })?;
        Ok(Spawned {
            pid,
            pidfd,
            worker_kb: system::peak_kb(),
        })
    }
}

impl Spawned {
    /// Reaps the program, after which its process id may be reused; `None` while it runs.
    pub(crate) fn try_wait(&self) -> Option<Status> {
        self.try_reap().map(|(status, _)| status)
    }

    /// As [`try_wait`](Self::try_wait), with the resources that the program used.
    pub(crate) fn try_reap(&self) -> Option<(Status, Usage)> {
        match system::wait(&self.pidfd, Wait::Never) {
            Ok(ended) => ended.map(|(status, taken)| {
                let usage = Usage::measured(taken.cpu_us, taken.peak_kb, self.worker_kb);
                (status, usage)
            }),
            Err(_) => Some((Status::Unknown, Usage::default())),
        }
    }

    /// Waits for the program's end, for `patience` at most.
    pub(crate) fn wait_within(&self, patience: Duration) -> Option<Status> {
        let timeout = Timespec {
            tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut ends = [PollFd::new(&self.pidfd, PollFlags::IN)];
        // The status is read after any return.
        let _ = poll(&mut ends, Some(&timeout));
        self.try_wait()
    }

    /// Waits for the program's end.
    pub(crate) fn wait(&self) -> Status {
        reap(&self.pidfd)
    }
}

/// Path of the current directory as a shell would name it.
///
/// # Errors
/// When the directory was removed.
pub(crate) fn current_folder() -> std::io::Result<PathBuf> {
    environment::folder()
}

/// Unblocks these signals for this thread and those it starts from now on.
pub(crate) fn unblock(signals: &[i32]) {
    system::unblock(signals);
}

/// Blocks these signals for this thread and those it starts from now on, but not for programs.
pub(crate) fn block(signals: &[i32]) {
    system::block(signals);
}

fn reap(pidfd: &OwnedFd) -> Status {
    match system::wait(pidfd, Wait::UntilEnd) {
        Ok(Some((status, _))) => status,
        Ok(None) | Err(_) => Status::Unknown,
    }
}

/// Copies a descriptor if it is one of the three that will be replaced.
fn above_the_streams(stream: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Failed> {
    const FIRST: i32 = 3;
    if stream.as_raw_fd() >= FIRST {
        return Ok(None);
    }
    let failed = |errno| Failed {
        step: SpawnStep::Streams,
        errno,
    };
    rustix::io::fcntl_dupfd_cloexec(stream, FIRST)
        .map(Some)
        .map_err(failed)
}
