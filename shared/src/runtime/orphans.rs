//! Orphans: what a dead worker's commands left running, or those of a claim that was lost. Two things
//! tell whose a process is, and either alone was shown to fail: what the worker recorded of the
//! command ([`CommandRecord`]), its session and the pipes it writes to, and the mark of the claim in
//! the environment, which a process hands on to whatever it starts. A command that cleans its
//! environment has no mark; what left the session and writes elsewhere is not covered by the record.
//!
//! Only processes of the claims in question are looked for: what a task left running that ended long
//! ago is nobody's orphan.

mod stat;

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal, test_kill_process,
};

use crate::claim::{Claim, Held};
use crate::clock::BootTime;
use crate::error::is_shortage;
use crate::sidecar::records::{CommandRecord, Namespace, RecordedProcess};

/// A session that was seen may have had processes added until it was looked at again, and its id be
/// given away only after that.
const SIGHT: Duration = Duration::from_secs(1);

/// The processes of this machine: the real ones, or a test's.
pub trait Processes: fmt::Debug {
    /// Every process but the caller and the first of all.
    ///
    /// # Errors
    /// When the system does not list processes.
    fn list(&self) -> io::Result<Vec<Process>>;

    /// Reads the environment a process was started with; nothing for a zombie.
    ///
    /// # Errors
    /// When there is no such process any more, or it does not show its environment.
    fn environment(&self, pid: u32, buffer: &mut Vec<u8>) -> io::Result<()>;

    /// The inodes of the pipes that are a process's standard output and standard error; 0 where it has
    /// none or does not show it.
    fn pipes(&self, pid: u32) -> [u64; 2];

    /// Whether a process that hides its environment runs as this user.
    fn is_own(&self, pid: u32) -> bool;

    /// Whether this user may end a process.
    fn is_reachable(&self, process: &Process) -> bool;

    /// Kills a process, if it still is the one that was listed.
    fn end(&self, process: &Process) -> OrphanEnd;
}

/// A process as listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// When it began.
    pub started: BootTime,
    /// Whether it runs: it is neither a zombie nor the kernel's.
    pub runs: bool,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    claims: Vec<Claim>,
    lost_at: BootTime,
    /// The sessions that were found to be of these claims, and when last.
    seen: Vec<(u32, BootTime)>,
}

impl Search {
    /// A search for the processes of claims whose worker was lost by then at the latest.
    pub fn new(claims: Vec<Claim>, lost_at: BootTime) -> Self {
        Self {
            claims,
            lost_at,
            seen: Vec::new(),
        }
    }

    /// Whose processes are looked for.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Leaves those alone that are held no more.
    pub(super) fn let_go(&mut self, held: &[Held]) {
        let mut held = held.iter();
        self.claims.retain(|_| held.next() != Some(&Held::Lost));
    }

    /// Looks once at every process. `commands` is what the claims' workers recorded.
    ///
    /// # Errors
    /// When the system does not list processes.
    pub fn scan(
        &mut self,
        processes: &impl Processes,
        commands: &[CommandRecord],
        now: BootTime,
    ) -> io::Result<Scan> {
        let list = processes.list()?;
        let commands: Vec<_> = commands
            .iter()
            .filter(|command| self.claims.contains(&command.claim))
            .collect();
        let mut scan = Scan::default();
        for command in &commands {
            if let Some(own) = command.process
                && self.is_session_of(command, own, &list)
            {
                self.saw(own.session, now);
                let members = list.iter().filter(|one| one.runs && belongs(one, own));
                scan.found.extend(members.map(|process| Found {
                    process: *process,
                    claim: command.claim,
                }));
            }
        }
        add_writing(processes, &list, &commands, &mut scan);
        self.add_marked(processes, &list, &mut scan)?;
        self.add_sessions(&list, now, &mut scan);
        scan.hidden = self.hidden(scan.hidden, &commands, &list);
        Ok(scan)
    }

    /// Whether the session with the command's id is still the command's. An id is given to no other
    /// session as long as a process is in the one that has it. Where the leader has gone, a process
    /// that began before the worker was lost, or its end was seen, holds on to the id.
    fn is_session_of(
        &self,
        command: &CommandRecord,
        own: RecordedProcess,
        list: &[Process],
    ) -> bool {
        if let Some(leader) = list.iter().find(|one| one.pid == own.pid) {
            return leader.started <= command.recorded_at;
        }
        let seen = self.seen.iter().find(|(id, _)| *id == own.session);
        let seen = seen.map_or(BootTime::default(), |(_, at)| at.after(SIGHT));
        let until = command.ended_at.unwrap_or(self.lost_at).max(seen);
        list.iter()
            .any(|one| belongs(one, own) && one.started <= until)
    }

    fn saw(&mut self, session: u32, now: BootTime) {
        match self.seen.iter_mut().find(|(id, _)| *id == session) {
            Some((_, at)) => *at = now,
            None => self.seen.push((session, now)),
        }
    }

    /// Adds those that carry the mark of one of the claims.
    fn add_marked(
        &self,
        processes: &impl Processes,
        list: &[Process],
        scan: &mut Scan,
    ) -> io::Result<()> {
        let marks = Marks::new(&self.claims);
        let mut buffer = Vec::new();
        let mut empty = Vec::new();
        for process in list.iter().filter(|process| process.runs) {
            if scan.has(process) {
                continue;
            }
            match processes.environment(process.pid, &mut buffer) {
                Ok(()) if buffer.is_empty() => empty.push(process),
                Ok(()) => scan.found.extend(marks.on(&buffer, process)),
                Err(error) if is_shortage(&error) => return Err(error),
                Err(error) if !is_gone(&error) && processes.is_own(process.pid) => {
                    scan.hidden.push(process.pid);
                }
                Err(_) => {}
            }
        }
        // A process in the middle of an exec shows no environment for a moment.
        for process in empty {
            match processes.environment(process.pid, &mut buffer) {
                Ok(()) => scan.found.extend(marks.on(&buffer, process)),
                Err(error) if is_shortage(&error) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Adds the sessions that those found lead: whatever is in one was started by its leader.
    fn add_sessions(&mut self, list: &[Process], now: BootTime, scan: &mut Scan) {
        let leads = |found: &&Found| found.process.pid == found.process.session;
        let leaders: Vec<Found> = scan.found.iter().filter(leads).copied().collect();
        for leader in leaders {
            let session = leader.process.session;
            self.saw(session, now);
            for process in list.iter().filter(|one| one.runs && one.session == session) {
                if !scan.has(process) {
                    scan.found.push(Found {
                        process: *process,
                        claim: leader.claim,
                    });
                }
            }
        }
    }

    /// What hides and is older than the claims' commands is of none of them.
    fn hidden(
        &self,
        mut hidden: Vec<u32>,
        commands: &[&CommandRecord],
        list: &[Process],
    ) -> Vec<u32> {
        let of = |claim| commands.iter().find(|command| command.claim == claim);
        let starts = self.claims.iter().map(|claim| of(*claim));
        let starts: Option<Vec<_>> = starts
            .map(|command| command.map(|command| command.recorded_at))
            .collect();
        let Some(first) = starts.and_then(|starts| starts.into_iter().min()) else {
            return hidden;
        };
        let is_older = |pid: &u32| {
            let process = list.iter().find(|one| one.pid == *pid);
            process.is_some_and(|one| one.started.after(SIGHT) < first)
        };
        hidden.retain(|pid| !is_older(pid));
        hidden
    }
}

fn belongs(process: &Process, own: RecordedProcess) -> bool {
    process.session == own.session || process.group == own.session
}

/// Adds those that write to the pipes of one of the commands. Nobody else was handed these: a pipe's
/// number is given away again only after four thousand million others.
fn add_writing(
    processes: &impl Processes,
    list: &[Process],
    commands: &[&CommandRecord],
    scan: &mut Scan,
) {
    if commands.is_empty() {
        return;
    }
    for process in list.iter().filter(|process| process.runs) {
        if scan.has(process) {
            continue;
        }
        let pipes = processes.pipes(process.pid);
        let writes = |command: &&&CommandRecord| {
            let is_own = |pipe: &u64| *pipe != 0 && command.pipes.contains(pipe);
            pipes.iter().any(is_own)
        };
        scan.found
            .extend(commands.iter().find(writes).map(|command| Found {
                process: *process,
                claim: command.claim,
            }));
    }
}

/// What a look at every process came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Those of the claims.
    pub found: Vec<Found>,
    /// The numbers of this user's processes that do not show whether they carry a mark. Ordinary
    /// among them are key agents and the like, which hide their memory.
    pub hidden: Vec<u32>,
}

impl Scan {
    fn has(&self, process: &Process) -> bool {
        self.found.iter().any(|one| one.process.pid == process.pid)
    }
}

/// A process of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The process.
    pub process: Process,
    /// The claim it was started for.
    pub claim: Claim,
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
    fn list(&self) -> io::Result<Vec<Process>> {
        if !Namespace::is_shown() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "/proc shows those of another pid namespace; mount one of this",
            ));
        }
        let mut buffer = Vec::new();
        let mut list = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // The first process is older than any worker, and often hides.
            if pid != 1 && pid != std::process::id() {
                list.extend(stat_of(pid, &mut buffer)?);
            }
        }
        Ok(list)
    }

    fn environment(&self, pid: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        read(&format!("/proc/{pid}/environ"), buffer)
    }

    fn pipes(&self, pid: u32) -> [u64; 2] {
        [1, 2].map(|descriptor| {
            let link = std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}"));
            let link = link.unwrap_or_default();
            let name = link.to_str().unwrap_or_default();
            let inode = name
                .strip_prefix("pipe:[")
                .and_then(|name| name.strip_suffix(']'));
            inode.and_then(|inode| inode.parse().ok()).unwrap_or(0)
        })
    }

    /// The owner of a process's folder does not say: that is root for all that hide.
    fn is_own(&self, pid: u32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        let own = geteuid().as_raw().to_string();
        status.is_ok_and(|status| {
            status
                .lines()
                .find_map(|line| line.strip_prefix("Uid:"))
                .is_some_and(|ids| ids.split_whitespace().any(|id| id == own))
        })
    }

    fn is_reachable(&self, process: &Process) -> bool {
        let pid = process.pid.try_into().ok().and_then(Pid::from_raw);
        pid.is_none_or(|pid| test_kill_process(pid) != Err(Errno::PERM))
    }

    fn end(&self, process: &Process) -> OrphanEnd {
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
        match stat_of(process.pid, &mut Vec::new()) {
            Ok(Some(now)) if now.runs && now.started == process.started => {}
            Ok(Some(_) | None) => return OrphanEnd::Gone,
            Err(error) => return OrphanEnd::Refused(error),
        }
        match pidfd_send_signal(pidfd, Signal::KILL) {
            Ok(()) => OrphanEnd::Killed,
            Err(Errno::SRCH) => OrphanEnd::Gone,
            Err(error) => OrphanEnd::Refused(error.into()),
        }
    }
}

/// A process; nothing for one that has gone, or that others may not look at.
fn stat_of(pid: u32, buffer: &mut Vec<u8>) -> io::Result<Option<Process>> {
    match read(&format!("/proc/{pid}/stat"), buffer) {
        Ok(()) => Ok(stat::parse(pid, buffer)),
        Err(error) if is_shortage(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

fn read(path: &str, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
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
struct Marks(Vec<(Claim, [Vec<u8>; 3])>);

impl Marks {
    fn new(claims: &[Claim]) -> Self {
        let of_claim = |claim: &Claim| {
            let mark = [
                format!("QUEUE_WORKER={}", claim.worker).into_bytes(),
                format!("QUEUE_TASK_ID={}", claim.task).into_bytes(),
                format!("QUEUE_TOKEN={}", claim.token).into_bytes(),
            ];
            (*claim, mark)
        };
        Self(claims.iter().map(of_claim).collect())
    }

    fn on(&self, environment: &[u8], process: &Process) -> Option<Found> {
        let has = |variable: &Vec<u8>| {
            environment
                .split(|byte| *byte == 0)
                .any(|own| own == variable)
        };
        let carries = |(_, mark): &&(Claim, [Vec<u8>; 3])| mark.iter().all(has);
        self.0.iter().find(carries).map(|(claim, _)| Found {
            process: *process,
            claim: *claim,
        })
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests;
