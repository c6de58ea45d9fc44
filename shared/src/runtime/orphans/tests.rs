//! Claims of processes, found by lists and records.

use std::io;
use std::os::fd::AsFd;

use super::{ListedProcess, OrphanEnd, Processes, Search};
use crate::claim::{Claim, WorkerId};
use crate::clock::{BootTime, Now};
use crate::runtime::recover::sweep;
use crate::runtime::recovery::Sweep;
use crate::sidecar::Sidecar;
use crate::sidecar::records::{CommandRecord, CommandRecords, RecordedProcess};
use crate::task::TaskId;

/// Session of the recorded command.
const SESSION: u32 = 40;
const RECORDED: i64 = 1_000;
const LOST: i64 = 2_000;

/// Processes made up by a test, with their environments; those without one hide it.
#[derive(Debug, Default)]
struct Fake {
    list: Vec<ListedProcess>,
    environments: Vec<(u32, String)>,
    foreign: Vec<u32>,
    pipes: Vec<(u32, [u64; 2])>,
}

impl Processes for Fake {
    fn list(&self) -> io::Result<Vec<ListedProcess>> {
        Ok(self.list.clone())
    }

    fn environment(&self, pid: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        match self.environments.iter().find(|(own, _)| *own == pid) {
            Some((_, text)) => buffer.extend(text.bytes()),
            None => return Err(io::ErrorKind::PermissionDenied.into()),
        }
        Ok(())
    }

    fn pipes(&self, pid: u32) -> [u64; 2] {
        let found = self.pipes.iter().find(|(own, _)| *own == pid);
        found.map_or([0, 0], |(_, pipes)| *pipes)
    }

    fn is_own(&self, pid: u32) -> bool {
        !self.foreign.contains(&pid)
    }

    fn is_reachable(&self, process: &ListedProcess) -> bool {
        !self.foreign.contains(&process.pid)
    }

    fn end(&self, process: &ListedProcess) -> OrphanEnd {
        if self.foreign.contains(&process.pid) {
            return OrphanEnd::Refused(io::ErrorKind::PermissionDenied.into());
        }
        OrphanEnd::Killed
    }
}

impl Fake {
    /// Adds a process of the session with that start time and an environment without a mark.
    fn member(mut self, pid: u32, started: i64) -> Self {
        self.list.push(ListedProcess {
            pid,
            group: pid,
            session: SESSION,
            started: BootTime(started),
            runs: true,
        });
        self.environments.push((pid, "PATH=/bin\0".to_owned()));
        self
    }
}

fn claim() -> Claim {
    Claim {
        task: TaskId(1),
        token: 2,
        worker: WorkerId(7),
    }
}

fn command() -> CommandRecord {
    CommandRecord {
        claim: claim(),
        process: Some(RecordedProcess {
            pid: SESSION,
            session: SESSION,
        }),
        pipes: [0, 0],
        recorded_at: BootTime(RECORDED),
        ended_at: None,
    }
}

fn scan(search: &mut Search, fake: &Fake, command: CommandRecord, now: i64) -> Vec<u32> {
    let scan = search.scan(fake, &[command], BootTime(now)).unwrap();
    scan.found.iter().map(|one| one.process.pid).collect()
}

fn found(fake: &Fake, command: CommandRecord) -> Vec<u32> {
    let mut search = Search::new(vec![claim()], BootTime(LOST));
    scan(&mut search, fake, command, LOST)
}

#[test]
fn all_members_of_a_recorded_leaders_session_belong_to_the_claim() {
    let fake = Fake::default()
        .member(SESSION, RECORDED)
        .member(41, RECORDED)
        .member(42, LOST + 5_000);
    assert_eq!(found(&fake, command()), [40, 41, 42]);
}

#[test]
fn a_session_whose_leader_began_after_the_record_is_another_one() {
    let fake = Fake::default()
        .member(SESSION, RECORDED + 1)
        .member(41, RECORDED + 2);
    assert_eq!(found(&fake, command()), [0; 0]);
}

#[test]
fn a_zombie_leader_still_identifies_its_session() {
    let mut fake = Fake::default()
        .member(SESSION, RECORDED)
        .member(41, LOST + 1);
    fake.list[0].runs = false;
    assert_eq!(found(&fake, command()), [41]);
}

#[test]
fn without_a_leader_only_processes_older_than_the_loss_hold_the_session() {
    let before = Fake::default().member(41, LOST).member(42, LOST + 1);
    assert_eq!(found(&before, command()), [41, 42]);
    let after = Fake::default().member(42, LOST + 1);
    assert_eq!(found(&after, command()), [0; 0], "the id may be another's");
    let ended = CommandRecord {
        ended_at: Some(BootTime(LOST - 500)),
        ..command()
    };
    assert_eq!(found(&before, ended), [0; 0], "its end was seen before");
}

#[test]
fn a_child_started_during_a_kill_is_found_in_the_next_scan() {
    let mut search = Search::new(vec![claim()], BootTime(LOST));
    let first = Fake::default().member(41, LOST);
    assert_eq!(scan(&mut search, &first, command(), LOST + 10), [41]);
    let second = Fake::default().member(42, LOST + 11);
    assert_eq!(scan(&mut search, &second, command(), LOST + 20), [42]);
    let much_later = Fake::default().member(43, LOST + 60_000);
    let found = scan(&mut search, &much_later, command(), LOST + 60_000);
    assert_eq!(found, [0; 0]);
}

/// A worker was killed after it had started a command and before it recorded the process; the
/// command had cleaned its environment, so that it was not found.
#[test]
fn a_command_without_a_recorded_process_is_found_by_its_pipes() {
    let mut fake = Fake::default()
        .member(41, RECORDED)
        .member(42, RECORDED)
        .member(43, RECORDED);
    fake.pipes = vec![(41, [0, 7]), (42, [9, 9])];
    let about_to_start = CommandRecord {
        process: None,
        pipes: [6, 7],
        ..command()
    };
    assert_eq!(found(&fake, about_to_start), [41]);
    let without_pipes = CommandRecord {
        pipes: [0, 0],
        ..about_to_start
    };
    assert_eq!(found(&fake, without_pipes), [0; 0]);
}

/// A worker was killed before it could record a command's process; a child of the command had
/// become another user's, so that its environment and pipes were hidden, and it ran on beside the
/// next attempt.
#[test]
fn the_session_of_a_found_leader_is_recorded_before_anything_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::of(&folder.path().join("q.db"));
    sidecar.create().unwrap();
    let records = CommandRecords::create(&sidecar, WorkerId(7), 1).unwrap();
    let output = std::io::stdout();
    let _about_to_start = std::sync::Arc::new(records).add(claim(), [output.as_fd(); 2]);
    let mut fake = Fake::default()
        .member(SESSION, RECORDED)
        .member(41, RECORDED);
    let mark = "QUEUE_WORKER=0000000000000007\0QUEUE_TASK_ID=1\0QUEUE_TOKEN=2\0";
    fake.environments = vec![(SESSION, mark.to_owned())];
    fake.foreign.push(41);
    let now = Now {
        boot: BootTime(LOST),
        ..Now::default()
    };
    for has_leader in [true, false] {
        if !has_leader {
            fake.list.remove(0);
        }
        let mut search = Search::new(vec![claim()], now.boot);
        let sweep = sweep(&fake, &sidecar, &mut search, now).unwrap();
        let left: Vec<_> = sweep
            .unreachable
            .iter()
            .map(|one| one.process.pid)
            .collect();
        assert_eq!(left, [41]);
        assert_eq!(sweep.signalled.len(), usize::from(has_leader));
    }
}

#[test]
fn records_of_other_claims_are_skipped() {
    let fake = Fake::default().member(SESSION, RECORDED);
    let mut settled = command();
    settled.claim.token -= 1;
    assert_eq!(found(&fake, settled), [0; 0]);
}

#[test]
fn hidden_processes_are_reported_unless_they_are_older_than_the_commands() {
    let mut fake = Fake::default()
        .member(50, LOST)
        .member(51, RECORDED - 5_000);
    for process in &mut fake.list {
        process.session = 1;
    }
    fake.environments.clear();
    let hidden = |commands: &[CommandRecord]| {
        let mut search = Search::new(vec![claim()], BootTime(LOST));
        search.scan(&fake, commands, BootTime(LOST)).unwrap().hidden
    };
    assert_eq!(hidden(&[command()]), [50]);
    assert_eq!(hidden(&[]), [50, 51], "nothing tells when it began");
}

/// A child that had changed its user hides its environment and cannot be signalled; it was skipped
/// without a report.
#[test]
fn a_process_of_another_user_is_reported_with_its_claim() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Sidecar::of(&folder.path().join("q.db"));
    sidecar.create().unwrap();
    let records = CommandRecords::create(&sidecar, WorkerId(7), 1).unwrap();
    let output = std::io::stdout();
    let mut recorded = std::sync::Arc::new(records).add(claim(), [output.as_fd(); 2]);
    recorded.started(rustix::process::Pid::from_raw(40).unwrap());
    let started = recorded.recorded_at().0;
    let mut fake = Fake::default().member(SESSION, started).member(41, started);
    fake.environments.pop();
    fake.foreign.push(41);
    let now = Now {
        boot: recorded.recorded_at(),
        ..Now::default()
    };
    let mut search = Search::new(vec![claim()], now.boot);
    let Sweep {
        signalled,
        unreachable,
        hidden,
    } = sweep(&fake, &sidecar, &mut search, now).unwrap();
    assert_eq!((signalled.len(), hidden), (1, vec![]));
    assert_eq!(unreachable.len(), 1);
    assert_eq!(
        (unreachable[0].process.pid, unreachable[0].claim),
        (41, claim())
    );
}
