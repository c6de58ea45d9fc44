//! Sleeping processes that print the time of their wakeup.

use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU32;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Observer, Worker as LibraryWorker, WorkerEvent, WorkerOptions};
use queue_core::sqlite::Durability;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::systems::raw::Raw;
use crate::systems::{Engine, EngineName, Fast, Workflow};
use crate::workload::System;
use crate::{Result, Verdict, print};

/// Arguments of a sleeping process.
#[derive(Debug, clap::Args)]
pub(crate) struct StampArgs {
    #[command(subcommand)]
    how: How,
}

#[derive(Debug, clap::Subcommand)]
enum How {
    /// An engine's worker: prints the time when it has claimed and started a task
    Worker {
        #[arg(long)]
        engine: EngineName,
        #[arg(long)]
        db: PathBuf,
        #[arg(long, default_value_t = NonZeroU32::MIN)]
        slots: NonZeroU32,
    },
    /// A bare connection: waits for a datagram, claims a task, prints the time when it has read it
    Bare {
        #[arg(long)]
        db: PathBuf,
        #[arg(long)]
        socket: PathBuf,
    },
    /// An idle process that wakes once a second
    Sleep,
    /// Keep a processor from halting, at the priority it was started with
    Spin {
        #[arg(long)]
        processor: usize,
    },
}

/// The sleeping process, killed on drop.
pub(super) struct Sleeper {
    child: Child,
    stamps: BufReader<ChildStdout>,
}

impl Sleeper {
    /// A worker of an engine on its file, for tasks of the handler `stamp`.
    pub(super) fn worker(engine: EngineName, db: &Path, slots: NonZeroU32) -> Result<Self> {
        let (engine, slots) = (engine.as_str(), slots.to_string());
        let how = ["worker", "--engine", engine, "--slots", &slots];
        Self::spawn(&how, &[("--db", db)])
    }

    /// A bare connection to a file, once it listens at `socket`.
    pub(super) fn bare(db: &Path, socket: &Path) -> Result<Self> {
        let mut sleeper = Self::spawn(&["bare"], &[("--db", db), ("--socket", socket)])?;
        sleeper.next()?;
        Ok(sleeper)
    }

    /// An idle process.
    pub(super) fn start() -> Result<Self> {
        Self::spawn(&["sleep"], &[])
    }

    fn spawn(how: &[&str], paths: &[(&str, &Path)]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", "stamp"]).args(how);
        for (flag, path) in paths {
            command.arg(flag).arg(path);
        }
        Self::run(&mut command)
    }

    fn run(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        Ok(Self {
            child,
            stamps: BufReader::new(stdout),
        })
    }

    /// Process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Time of the next wakeup, by the clock of [`monotonic_nanos`].
    pub(super) fn next(&mut self) -> Result<i64> {
        let mut line = String::new();
        self.stamps.read_line(&mut line)?;
        let stamp = line.trim().parse();
        stamp.map_err(|_| "the sleeping process has ended".into())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes that keep every processor from halting, but yield to any other process. Killed on drop.
pub(super) struct KeptAwake(#[expect(dead_code, reason = "killed on drop")] Vec<Sleeper>);

impl KeptAwake {
    /// Starts one process per available processor; `None` if no program can start them at idle
    /// priority.
    pub(super) fn start() -> Result<Option<Self>> {
        let allowed = sched_getaffinity(None)?;
        let mut spinning = Vec::new();
        for processor in (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)) {
            let mut command = Command::new("chrt");
            command.args(["--idle", "0"]).arg(std::env::current_exe()?);
            command.args(["child", "stamp", "spin", "--processor"]);
            command.arg(processor.to_string());
            // The process prints a line once it spins.
            let spins =
                Sleeper::run(&mut command).and_then(|mut sleeper| sleeper.next().map(|_| sleeper));
            let Ok(sleeper) = spins else {
                return Ok(None);
            };
            spinning.push(sleeper);
        }
        Ok(Some(Self(spinning)))
    }
}

/// Main function of the process: runs until it is killed or, where possible, until its standard input
/// ends.
pub(crate) fn run_stamp(args: &StampArgs) -> Result<Verdict> {
    match &args.how {
        How::Worker { engine, db, slots } => match engine {
            EngineName::Fast => work::<Fast>(db, *slots)?,
            EngineName::Workflow => work::<Workflow>(db, *slots)?,
        },
        How::Bare { db, socket } => claim_after_datagram(db, socket)?,
        How::Sleep => sleep()?,
        How::Spin { processor } => spin(*processor)?,
    }
    Ok(Verdict::Passed)
}

fn work<E: Engine>(path: &Path, slots: NonZeroU32) -> Result<()> {
    let queue = E::open(path, Durability::Fast)?;
    let handlers = Handlers::new().register("stamp", |_| Ok(Done::Succeeded));
    let options = WorkerOptions::new(slots).handlers(handlers);
    LibraryWorker::new(Arc::new(queue), options)?.run(&mut Stamps)?;
    Ok(())
}

/// Prints the time when the worker has claimed and started a task. If printing fails, the process ends,
/// which the reader of the line notices.
struct Stamps;

impl Observer for Stamps {
    fn on(&mut self, event: &WorkerEvent) {
        if matches!(event, WorkerEvent::Started { .. }) {
            let _ = stamp();
        }
    }
}

fn claim_after_datagram(db: &Path, socket: &Path) -> Result<()> {
    let raw = Raw::open(db, Durability::Fast)?;
    let socket = UnixDatagram::bind(socket)?;
    stamp()?;
    let stdin = std::io::stdin();
    loop {
        let mut ready = [
            PollFd::new(&socket, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
        ];
        poll(&mut ready, None)?;
        if !ready[1].revents().is_empty() {
            return Ok(());
        }
        socket.recv(&mut [0])?;
        let claims = raw.claim(1)?;
        stamp()?;
        raw.settle(&claims)?;
    }
}

fn sleep() -> Result<()> {
    let stdin = std::io::stdin();
    let second = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&second)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn spin(processor: usize) -> Result<()> {
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(None, &one)?;
    stamp()?;
    let stdin = std::io::stdin();
    let now = Timespec::default();
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&now)) {
            Ok(0) | Err(Errno::INTR) => (0..100_000).for_each(|step| {
                std::hint::black_box(step);
            }),
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn stamp() -> Result<()> {
    print(&format!("{}\n", monotonic_nanos()))
}

/// A monotonic clock that all processes of a machine share.
pub(super) fn monotonic_nanos() -> i64 {
    nanos(ClockId::Monotonic)
}

/// Wall time of a reading of [`monotonic_nanos`], if no one has set the clock since.
pub(super) fn wall_nanos(stamp: i64) -> i64 {
    nanos(ClockId::Realtime) - monotonic_nanos() + stamp
}

fn nanos(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
