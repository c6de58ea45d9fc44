//! Runs a program to its end with an input, within a time, and keeps the beginning of its output.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, OFlags, fcntl_setfl, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, kill_process_group};

use super::inherited::heed_sigchld;
use super::resolve::program;
use super::spawn::{Environment, Spawn, Spawned, Status};
use crate::clock::{Clock as _, SystemClock};

/// Bytes of output that are kept.
const KEPT: usize = 2 << 10;
/// Time from TERM to KILL.
const KILL_DELAY: Duration = Duration::from_secs(1);
/// Interval of checks for a request to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Program with an input and bounds.
#[derive(Debug)]
pub(crate) struct Bounded<'a> {
    /// The program and its arguments.
    pub(crate) argv: &'a [String],
    /// Its folder; this process's folder unless set.
    pub(crate) folder: Option<&'a Path>,
    /// Variables beside those of this process.
    pub(crate) variables: &'a [(&'static str, OsString)],
    /// Its standard input.
    pub(crate) input: &'a [u8],
    /// Time that it may run.
    pub(crate) limit: Duration,
    /// Set to end it early.
    pub(crate) stop: &'a AtomicBool,
}

/// End of a bounded program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BoundedEnd {
    /// It ended by itself.
    Ended {
        /// Its status.
        status: Status,
        /// The first 2 KiB that it wrote to its standard output and error.
        output: Vec<u8>,
    },
    /// It was ended at its limit.
    TimedOut,
    /// It was ended because this process stops.
    Stopped,
}

impl Bounded<'_> {
    /// Runs the program to its end. If it does not end by itself, its process group gets SIGTERM, and
    /// a second later SIGKILL.
    ///
    /// # Errors
    /// A sentence, if it cannot be started.
    pub(crate) fn run(&self) -> Result<BoundedEnd, String> {
        let refused = |error: rustix::io::Errno| format!("the command cannot be started: {error}");
        heed_sigchld().map_err(|error| error.to_string())?;
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(refused)?;
        fcntl_setfl(&reader, OFlags::NONBLOCK).map_err(refused)?;
        let child = self.start(&writer)?;
        drop(writer);
        let mut output = Output {
            reader: Some(File::from(reader)),
            kept: Vec::new(),
        };
        let until = SystemClock.now().boot.after(self.limit);
        let cause = loop {
            output.drain();
            if let Some(status) = child.try_wait() {
                output.drain();
                let output = output.kept;
                return Ok(BoundedEnd::Ended { status, output });
            }
            if self.stop.load(Ordering::Relaxed) {
                break BoundedEnd::Stopped;
            }
            let left = until.since(SystemClock.now().boot);
            if left.is_zero() {
                break BoundedEnd::TimedOut;
            }
            output.wait(&child, left.min(LOOK_EVERY));
        };
        end(&child);
        Ok(cause)
    }

    fn start(&self, output: &OwnedFd) -> Result<Spawned, String> {
        let name = self.argv.first().ok_or("the command has no program")?;
        let base = Environment::handed_on();
        let mut own = Environment::default();
        if let Some(folder) = self.folder {
            own.set("PWD", folder);
        }
        for (name, value) in self.variables {
            own.set(name, value);
        }
        let file = program(name, self.folder, base.get("PATH")).map_err(|error| {
            if name.contains('/') {
                return error.to_string();
            }
            format!("there is no program {name:?} in PATH that can be started; give its full path")
        })?;
        let input = self
            .input()
            .map_err(|error| format!("the command's input cannot be made: {error}"))?;
        let arguments: Vec<&OsStr> = self.argv.iter().map(OsStr::new).collect();
        let spawn = Spawn {
            program: &file,
            arguments: &arguments,
            base: &base,
            variables: &own,
            directory: self.folder,
            streams: [input.as_fd(), output.as_fd(), output.as_fd()],
        };
        let started = spawn.start();
        started.map_err(|failed| format!("{name:?} cannot be started: {failed}"))
    }

    /// The input as a file without a name: however long it is, nobody waits for the program to read it.
    fn input(&self) -> std::io::Result<File> {
        let mut file = File::from(memfd_create(c"input", MemfdFlags::CLOEXEC)?);
        file.write_all(self.input)?;
        file.rewind()?;
        Ok(file)
    }
}

/// Output of the program, of which the beginning is kept.
struct Output {
    /// Its pipe; `None` once everybody has closed the other end.
    reader: Option<File>,
    kept: Vec<u8>,
}

impl Output {
    /// Reads what is there, a mebibyte at most: a program that floods must not keep its reader from
    /// the limits.
    fn drain(&mut self) {
        let mut buffer = [0; 16 << 10];
        for _ in 0..64 {
            let Some(reader) = &mut self.reader else {
                return;
            };
            match reader.read(&mut buffer) {
                Ok(0) => self.reader = None,
                Ok(read) => {
                    let room = KEPT.saturating_sub(self.kept.len()).min(read);
                    self.kept.extend_from_slice(&buffer[..room]);
                }
                Err(_) => return,
            }
        }
    }

    /// Waits for more output or the program's end, for that time at most.
    fn wait(&self, child: &Spawned, patience: Duration) {
        let timeout = Timespec {
            tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut ready = vec![PollFd::new(&child.pidfd, PollFlags::IN)];
        if let Some(reader) = &self.reader {
            ready.push(PollFd::new(reader, PollFlags::IN));
        }
        let _ = poll(&mut ready, Some(&timeout));
    }
}

/// Ends the program and the rest of its process group, and reaps it.
fn end(child: &Spawned) {
    let _ = kill_process_group(child.pid, Signal::TERM);
    let _ = kill_process_group(child.pid, Signal::CONT);
    let mut ends = [PollFd::new(&child.pidfd, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: KILL_DELAY.as_secs().try_into().unwrap_or(1),
        tv_nsec: 0,
    };
    let _ = poll(&mut ends, Some(&timeout));
    let _ = kill_process_group(child.pid, Signal::KILL);
    child.wait();
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::{Bounded, BoundedEnd, Status};

    fn run(script: &str, input: &[u8], limit: Duration) -> Result<BoundedEnd, String> {
        let argv = ["sh", "-c", script].map(str::to_owned);
        Bounded {
            argv: &argv,
            folder: None,
            variables: &[("QUEUE_HOOK", OsString::from("own"))],
            input,
            limit,
            stop: &AtomicBool::new(false),
        }
        .run()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn it_finds_its_input_and_variables_and_its_output_is_kept() {
        let end = run("cat; echo \" $QUEUE_HOOK\" >&2; exit 3", b"event", LONG).unwrap();
        let expected = BoundedEnd::Ended {
            status: Status::Exited(3),
            output: b"event own\n".to_vec(),
        };
        assert_eq!(end, expected);
    }

    #[test]
    fn an_input_longer_than_a_pipe_that_nobody_reads_holds_nothing_up() {
        let end = run("exit 0", &vec![b'x'; 1 << 20], LONG).unwrap();
        assert!(matches!(
            end,
            BoundedEnd::Ended {
                status: Status::Exited(0),
                ..
            }
        ));
    }

    #[test]
    fn one_that_hangs_or_floods_is_ended_at_its_limit() {
        let limit = Duration::from_millis(200);
        assert_eq!(
            run("exec sleep 600", b"", limit).unwrap(),
            BoundedEnd::TimedOut
        );
        assert_eq!(
            run("trap '' TERM; yes", b"", limit).unwrap(),
            BoundedEnd::TimedOut
        );
    }

    #[test]
    fn of_a_long_output_the_beginning_is_kept() {
        let end = run("yes | head -c 3000000", b"", LONG).unwrap();
        let BoundedEnd::Ended { output, .. } = end else {
            panic!("{end:?}");
        };
        assert_eq!(output.len(), 2 << 10);
    }

    #[test]
    fn one_whose_deliverer_stops_is_ended() {
        let argv = ["sleep", "600"].map(str::to_owned);
        let bounded = Bounded {
            argv: &argv,
            folder: None,
            variables: &[],
            input: b"",
            limit: LONG,
            stop: &AtomicBool::new(true),
        };
        assert_eq!(bounded.run().unwrap(), BoundedEnd::Stopped);
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let argv = ["no-such-program".to_owned()];
        let bounded = Bounded {
            argv: &argv,
            folder: None,
            variables: &[],
            input: b"",
            limit: LONG,
            stop: &AtomicBool::new(false),
        };
        assert!(bounded.run().unwrap_err().contains("no-such-program"));
    }
}
