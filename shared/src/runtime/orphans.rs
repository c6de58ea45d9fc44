//! Orphans: what a dead worker's commands left running, or those of a claim that was lost. Every
//! command carries its worker's mark and its claim's in its environment, and hands them on to
//! whatever it starts, also to what left its process group or session.
//!
//! A process that clears its environment, changes its user or hides its memory is not found, or
//! cannot be ended; that is reported, and is why tasks run *at least* once.

use std::fmt;
use std::io;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};

use crate::claim::{Claim, WorkerId};

/// The processes of this machine: the real ones, or a simulation's.
pub trait Processes: fmt::Debug {
    /// Looks once at every process for such a mark. The caller itself is never found.
    ///
    /// # Errors
    /// When the system does not list processes.
    fn marked(&self, whose: Whose<'_>) -> io::Result<Scan>;

    /// Kills a process that was found, if it still carries the mark.
    fn end(&self, process: &Found, whose: Whose<'_>) -> OrphanEnd;
}

/// Whose processes are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// All that a worker started.
    Worker(WorkerId),
    /// What was started under these claims; the worker's others are left alone.
    Claims(&'a [Claim]),
}

/// What a look at every process came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Those that carry the mark.
    pub found: Vec<Found>,
    /// The numbers of this user's processes that do not show whether they carry it. Ordinary
    /// among them are key agents and the like, which hide their memory.
    pub hidden: Vec<u32>,
}

/// A process that carries a worker's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number.
    pub pid: u32,
    /// The task it was started for, if its environment says so.
    pub task: Option<i64>,
}

/// What became of an orphan.
#[derive(Debug)]
pub enum OrphanEnd {
    /// It was sent SIGKILL.
    Killed,
    /// It has ended, or its number is another process's now.
    Gone,
    /// The system does not let this process end it.
    Refused(io::Error),
}

/// Bytes of an environment read at a time: nearly every one is shorter.
const READ_BYTES: usize = 32 << 10;

/// The processes `/proc` shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcFs;

impl Processes for ProcFs {
    fn marked(&self, whose: Whose<'_>) -> io::Result<Scan> {
        let marks = Marks::new(whose);
        let mut buffer = Vec::new();
        let mut scan = Scan::default();
        let mut empty = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // The first process is older than any worker, and often hides.
            if pid != 1 && pid != std::process::id() {
                look(pid, &marks, &mut buffer, &mut scan, Some(&mut empty));
            }
        }
        // A process in the middle of an exec shows no environment for a moment.
        for pid in empty {
            look(pid, &marks, &mut buffer, &mut scan, None);
        }
        Ok(scan)
    }

    fn end(&self, process: &Found, whose: Whose<'_>) -> OrphanEnd {
        let Some(pid) = process.pid.try_into().ok().and_then(Pid::from_raw) else {
            return OrphanEnd::Gone;
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH | Errno::INVAL) => return OrphanEnd::Gone,
            Err(error) => return OrphanEnd::Refused(error.into()),
        };
        // Read after the pidfd holds on to the process: a number given to another one by then is
        // seen here, and one given away later is not signalled.
        let mut buffer = Vec::new();
        match read_environment(process.pid, &mut buffer) {
            Ok(()) if Marks::new(whose).are_on(&buffer) => {}
            Ok(()) => return OrphanEnd::Gone,
            Err(error) if is_gone(&error) => return OrphanEnd::Gone,
            Err(error) => return OrphanEnd::Refused(error),
        }
        match pidfd_send_signal(pidfd, Signal::KILL) {
            Ok(()) => OrphanEnd::Killed,
            Err(Errno::SRCH) => OrphanEnd::Gone,
            Err(error) => OrphanEnd::Refused(error.into()),
        }
    }
}

fn look(
    pid: u32,
    marks: &Marks,
    buffer: &mut Vec<u8>,
    scan: &mut Scan,
    empty: Option<&mut Vec<u32>>,
) {
    match read_environment(pid, buffer) {
        Ok(()) if buffer.is_empty() => {
            if let Some(empty) = empty {
                empty.push(pid);
            }
        }
        Ok(()) if marks.are_on(buffer) => scan.found.push(Found {
            pid,
            task: value(buffer, b"QUEUE_TASK_ID="),
        }),
        Err(error) if !is_gone(&error) && is_own(pid) => scan.hidden.push(pid),
        Ok(()) | Err(_) => {}
    }
}

/// Reads a process's environment; nothing for a zombie or a thread of the kernel.
fn read_environment(pid: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    let path = format!("/proc/{pid}/environ");
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    loop {
        buffer.reserve(READ_BYTES);
        let room = buffer.spare_capacity_mut().len();
        let length = rustix::io::read(&file, spare_capacity(buffer))?;
        // The system fills what it is given as long as there is something left.
        if length < room {
            return Ok(());
        }
    }
}

/// The marks looked for: an environment carries one if it has all of its variables.
struct Marks(Vec<Vec<Vec<u8>>>);

impl Marks {
    fn new(whose: Whose<'_>) -> Self {
        let of_worker = |worker: WorkerId| format!("QUEUE_WORKER={worker}").into_bytes();
        let of_claim = |claim: &Claim| {
            vec![
                of_worker(claim.worker),
                format!("QUEUE_TASK_ID={}", claim.task).into_bytes(),
                format!("QUEUE_TOKEN={}", claim.token).into_bytes(),
            ]
        };
        Self(match whose {
            Whose::Worker(worker) => vec![vec![of_worker(worker)]],
            Whose::Claims(claims) => claims.iter().map(of_claim).collect(),
        })
    }

    fn are_on(&self, environment: &[u8]) -> bool {
        let has = |variable: &Vec<u8>| {
            environment
                .split(|byte| *byte == 0)
                .any(|own| own == variable)
        };
        self.0.iter().any(|mark| mark.iter().all(has))
    }
}

fn value(environment: &[u8], name: &[u8]) -> Option<i64> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(name))
        .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// Whether a process that hides its memory runs as this user. The owner of its folder does not
/// say: that is root for all of them.
fn is_own(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let own = geteuid().as_raw().to_string();
    status.is_ok_and(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .is_some_and(|ids| ids.split_whitespace().any(|id| id == own))
    })
}
