//! Orphans: processes of a dead worker's commands, or of a lost claim. Two things show the claim of
//! a process, and each alone was shown to fail: the worker's record of the command
//! ([`CommandRecord`]), with its session and the pipes it writes to, and the mark of the claim in
//! the environment, which child processes inherit. A command that cleans its environment has no
//! mark; a process that has left the session and writes elsewhere is not covered by the record.
//!
//! Only processes of the given claims are looked for: background processes of a task that ended
//! long ago are left alone.

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

/// Time for which a session that was seen counts as the same: its processes may have started others
/// since, and its id is not reused so soon.
const SIGHT: Duration = Duration::from_secs(1);

/// Processes of this machine, real or made up by a test.
pub trait Processes: fmt::Debug {
    /// Lists every process but the caller and process 1.
    ///
    /// # Errors
    /// When the system does not list processes.
    fn list(&self) -> io::Result<Vec<ListedProcess>>;

    /// Reads the environment that a process was started with; empty for a zombie.
    ///
    /// # Errors
    /// When the process has gone, or hides its environment.
    fn environment(&self, pid: u32, buffer: &mut Vec<u8>) -> io::Result<()>;

    /// Inodes of the pipes that are a process's standard output and standard error; 0 if there is
    /// none, or it is hidden.
    fn pipes(&self, pid: u32) -> [u64; 2];

    /// Returns true if a process that hides its environment runs as this user.
    fn is_own(&self, pid: u32) -> bool;

    /// Returns true if this user may end the process.
    fn is_reachable(&self, process: &ListedProcess) -> bool;

    /// Kills a process, if it is still the one that was listed.
    fn end(&self, process: &ListedProcess) -> OrphanEnd;
}

/// Process as listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedProcess {
    /// Process id.
    pub pid: u32,
    /// Process group.
    pub group: u32,
    /// Session.
    pub session: u32,
    /// Start time.
    pub started: BootTime,
    /// True if it runs: it is neither a zombie nor a kernel thread.
    pub runs: bool,
}

/// Search for the processes of claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    claims: Vec<Claim>,
    lost_at: BootTime,
    /// Sessions that were found to belong to these claims, with the time of the last sight.
    seen: Vec<(u32, BootTime)>,
}

impl Search {
    /// Creates a search for the processes of claims whose worker was lost at `lost_at` or before.
    pub fn new(claims: Vec<Claim>, lost_at: BootTime) -> Self {
        Self {
            claims,
            lost_at,
            seen: Vec::new(),
        }
    }

    /// Claims whose processes are looked for.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Removes the claims that are no longer held.
    pub(super) fn let_go(&mut self, held: &[Held]) {
        let mut held = held.iter();
        self.claims.retain(|_| held.next() != Some(&Held::Lost));
    }

    /// Scans all processes once. `commands` are the records of the claims' workers.
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
                scan.found.extend(members.map(|process| Orphan {
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

    /// Returns true if the session with the command's id is still the command's. A session's id is
    /// not reused while a process is in it. If the leader has gone, a process that started before
    /// the worker was lost, or before the command's end was seen, has kept the id in use.
    fn is_session_of(
        &self,
        command: &CommandRecord,
        own: RecordedProcess,
        list: &[ListedProcess],
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

    /// Adds the processes that carry the mark of one of the claims.
    fn add_marked(
        &self,
        processes: &impl Processes,
        list: &[ListedProcess],
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

    /// Adds the sessions that found processes lead: their members were started by the leader.
    fn add_sessions(&mut self, list: &[ListedProcess], now: BootTime, scan: &mut Scan) {
        let leads = |found: &&Orphan| found.process.pid == found.process.session;
        let leaders: Vec<Orphan> = scan.found.iter().filter(leads).copied().collect();
        for leader in leaders {
            let session = leader.process.session;
            self.saw(session, now);
            for process in list.iter().filter(|one| one.runs && one.session == session) {
                if !scan.has(process) {
                    scan.found.push(Orphan {
                        process: *process,
                        claim: leader.claim,
                    });
                }
            }
        }
    }

    /// Removes hidden processes that are older than the claims' commands.
    fn hidden(
        &self,
        mut hidden: Vec<u32>,
        commands: &[&CommandRecord],
        list: &[ListedProcess],
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

fn belongs(process: &ListedProcess, own: RecordedProcess) -> bool {
    process.session == own.session || process.group == own.session
}

/// Adds the processes that write to the pipes of one of the commands. No other process has these
/// pipes: an inode number is reused only after four thousand million others.
fn add_writing(
    processes: &impl Processes,
    list: &[ListedProcess],
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
            .extend(commands.iter().find(writes).map(|command| Orphan {
                process: *process,
                claim: command.claim,
            }));
    }
}

/// Result of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Processes of the claims.
    pub found: Vec<Orphan>,
    /// Ids of this user's processes that hide their environment. Key agents and the like do so.
    pub hidden: Vec<u32>,
}

impl Scan {
    fn has(&self, process: &ListedProcess) -> bool {
        self.found.iter().any(|one| one.process.pid == process.pid)
    }
}

/// Process of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Process.
    pub process: ListedProcess,
    /// Claim that it was started for.
    pub claim: Claim,
}

/// Result of ending an orphan.
#[derive(Debug)]
pub enum OrphanEnd {
    /// The process was sent SIGKILL.
    Killed,
    /// The process has ended, or its id was reused.
    Gone,
    /// The system does not allow this process to end it.
    Refused(io::Error),
}

/// Bytes of an environment read at a time: nearly all are shorter.
const READ_BYTES: usize = 32 << 10;

/// Processes that `/proc` shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcFs;

impl Processes for ProcFs {
    fn list(&self) -> io::Result<Vec<ListedProcess>> {
        if !Namespace::is_shown() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "/proc shows another pid namespace; mount one of this namespace",
            ));
        }
        let mut buffer = Vec::new();
        let mut list = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // Process 1 is older than any worker, and often hides.
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

    /// The owner of a process's folder is root for all that hide, so its status is read.
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

    fn is_reachable(&self, process: &ListedProcess) -> bool {
        let pid = process.pid.try_into().ok().and_then(Pid::from_raw);
        pid.is_none_or(|pid| test_kill_process(pid) != Err(Errno::PERM))
    }

    fn end(&self, process: &ListedProcess) -> OrphanEnd {
        let Some(pid) = process.pid.try_into().ok().and_then(Pid::from_raw) else {
            return OrphanEnd::Gone;
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(Errno::SRCH | Errno::INVAL) => return OrphanEnd::Gone,
            Err(error) => return OrphanEnd::Refused(error.into()),
        };
        // Read after the pidfd was opened: if the id was reused before that, this shows it, and if
        // it is reused later, the new process is not signalled.
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

/// Reads a process; `None` if it has gone, or may not be read.
fn stat_of(pid: u32, buffer: &mut Vec<u8>) -> io::Result<Option<ListedProcess>> {
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
        // A read that does not fill the buffer is the last one.
        if length < room {
            return Ok(());
        }
    }
}

/// Marks of claims. An environment carries a mark if it has all of its variables.
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

    fn on(&self, environment: &[u8], process: &ListedProcess) -> Option<Orphan> {
        let has = |variable: &Vec<u8>| {
            environment
                .split(|byte| *byte == 0)
                .any(|own| own == variable)
        };
        let carries = |(_, mark): &&(Claim, [Vec<u8>; 3])| mark.iter().all(has);
        self.0.iter().find(carries).map(|(claim, _)| Orphan {
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
