//! Conditions under which the tasks of a dead worker return.

use rustix::io::Errno;

use super::{PATIENCE, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
use crate::claim::{Claim, Held, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
use crate::error::Error;
use crate::runtime::orphans::{ListedProcess, Orphan};
use crate::task::TaskId;

fn claim(task: i64) -> Claim {
    Claim {
        task: TaskId(task),
        token: 1,
        worker: WorkerId(7),
    }
}

fn at(boot: i64) -> Now {
    Now {
        boot: BootTime(boot),
        ..Now::default()
    }
}

/// Process of the task with the same number.
fn found(pid: u32) -> Orphan {
    Orphan {
        process: ListedProcess {
            pid,
            group: pid,
            session: pid,
            started: BootTime(0),
            runs: true,
        },
        claim: claim(i64::from(pid)),
    }
}

fn swept(signalled: &[u32], unreachable: &[u32]) -> RecoveryAnswer {
    RecoveryAnswer::Swept(Ok(Sweep {
        signalled: signalled.iter().copied().map(found).collect(),
        unreachable: unreachable.iter().copied().map(found).collect(),
        hidden: Vec::new(),
    }))
}

fn listed(tasks: &[i64]) -> RecoveryAnswer {
    RecoveryAnswer::Listed(Ok(tasks.iter().copied().map(claim).collect()))
}

/// Recovery of a worker that died here with tasks 40 and 99.
fn begun() -> Recovery {
    let mut recovery = Recovery::new(WorkerId(7), Origin::Here, at(0));
    assert_eq!(recovery.next(at(0)), RecoveryAction::ListClaims);
    recovery.answer(at(0), listed(&[40, 99]));
    recovery
}

/// Answers every scan with the result of `processes`, until the machine wants another action.
fn sweep_until_done(recovery: &mut Recovery, mut processes: impl FnMut(u32) -> Vec<u32>) -> Now {
    let (mut now, mut scans) = (at(0), 0);
    loop {
        match recovery.next(now) {
            RecoveryAction::Sweep => {
                recovery.answer(now, swept(&processes(scans), &[]));
                scans += 1;
            }
            RecoveryAction::Wait(until) => now.boot = until,
            RecoveryAction::ListClaims
            | RecoveryAction::Check
            | RecoveryAction::Reap
            | RecoveryAction::Release => {
                return now;
            }
        }
    }
}

#[test]
fn tasks_return_only_after_no_process_is_left() {
    let mut recovery = begun();
    let mut last = Vec::new();
    let now = sweep_until_done(&mut recovery, |scan| {
        last = if scan < 3 { vec![40, 41] } else { Vec::new() };
        last.clone()
    });
    assert_eq!(last, Vec::<u32>::new());
    assert_eq!(recovery.next(now), RecoveryAction::Reap);
    recovery.answer(now, RecoveryAnswer::Reaped(Ok(Vec::new())));
    assert_eq!(recovery.next(now), RecoveryAction::Release);
    let recovered = recovery.into_result().unwrap();
    assert_eq!((recovered.ended, recovered.unreachable), (2, vec![]));
}

/// During a scan, a process can start another one that the scan misses, and end before the scan
/// comes to it.
#[test]
fn one_empty_scan_does_not_end_the_search() {
    let mut recovery = begun();
    let mut scans = 0;
    sweep_until_done(&mut recovery, |scan| {
        scans = scan + 1;
        if scan == 1 { vec![41] } else { Vec::new() }
    });
    assert_eq!(scans, 4, "nothing, one, nothing, nothing");
    assert_eq!(recovery.recovered.ended, 1);
}

#[test]
fn recovery_goes_on_after_reporting_a_process_that_does_not_go() {
    let mut recovery = begun();
    let now = sweep_until_done(&mut recovery, |_| vec![40]);
    assert!(now.boot >= at(0).boot.after(PATIENCE));
    recovery.answer(now, RecoveryAnswer::Reaped(Ok(Vec::new())));
    let recovered = recovery.into_result().unwrap();
    assert_eq!((recovered.ended, recovered.unreachable), (0, vec![40]));
}

/// The time to wait was counted from the start of the recovery: a process that was stopped for
/// longer before its first scan returned tasks whose commands it had just sent KILL, so that they
/// could run twice for a moment. Now only the time between scans counts.
#[test]
fn a_recovery_that_was_suspended_still_waits_for_processes_to_go() {
    let mut recovery = begun();
    for stopped_until in [30_000, 60_000] {
        recovery.answer(at(stopped_until), swept(&[40], &[]));
        let next = recovery.next(at(stopped_until));
        assert!(matches!(next, RecoveryAction::Wait(_)), "{next:?}");
    }
    recovery.answer(at(60_100), swept(&[], &[]));
    recovery.answer(at(60_200), swept(&[], &[]));
    assert_eq!(recovery.next(at(60_200)), RecoveryAction::Reap);
}

/// A child that had changed its user outlived the recovery of its worker without a report, and its
/// task ran twice.
#[test]
fn a_task_with_a_process_that_cannot_be_ended_is_not_returned() {
    let mut recovery = begun();
    recovery.answer(at(0), swept(&[], &[99, 99]));
    recovery.answer(at(10), swept(&[], &[99, 99]));
    assert_eq!(recovery.next(at(10)), RecoveryAction::Reap);
    assert_eq!(recovery.kept(), [claim(99)]);
    recovery.answer(at(10), RecoveryAnswer::Reaped(Ok(Vec::new())));
    let recovered = recovery.into_result().unwrap();
    assert_eq!(recovered.unreachable, [99, 99]);
    assert_eq!(recovered.kept, [claim(99)]);
}

#[test]
fn an_earlier_boot_left_no_processes() {
    let mut recovery = Recovery::new(WorkerId(7), Origin::EarlierBoot, at(0));
    recovery.answer(at(0), listed(&[40]));
    assert_eq!(recovery.next(at(0)), RecoveryAction::Reap);
    assert_eq!(recovery.kept(), []);
}

#[test]
fn a_worker_without_claims_left_no_processes() {
    for origin in [Origin::Here, Origin::Elsewhere] {
        let mut recovery = Recovery::new(WorkerId(7), origin, at(0));
        recovery.answer(at(0), listed(&[]));
        assert_eq!(recovery.next(at(0)), RecoveryAction::Reap);
    }
}

/// With two containers on one volume, the processes of a worker killed in one were not seen from
/// the other, and its task ran twice.
#[test]
fn tasks_of_a_worker_whose_processes_cannot_be_seen_are_kept() {
    let mut recovery = Recovery::new(WorkerId(7), Origin::Elsewhere, at(0));
    recovery.answer(at(0), listed(&[40]));
    assert_eq!(recovery.next(at(0)), RecoveryAction::Release);
    let recovered = recovery.into_result().unwrap();
    assert!(recovered.elsewhere && recovered.tasks.is_empty());
    assert_eq!(recovered.kept, [claim(40)]);
}

#[test]
fn a_reap_is_repeated_if_the_database_is_busy_and_not_if_it_is_broken() {
    let mut recovery = Recovery::new(WorkerId(7), Origin::EarlierBoot, at(0));
    recovery.answer(at(0), listed(&[40]));
    let busy = Error::Busy {
        what: String::new(),
    };
    recovery.answer(at(0), RecoveryAnswer::Reaped(Err(busy)));
    let RecoveryAction::Wait(until) = recovery.next(at(0)) else {
        panic!("a refused reap must wait");
    };
    let later = Now {
        boot: until,
        ..at(0)
    };
    assert_eq!(recovery.next(later), RecoveryAction::Reap);
    recovery.answer(later, RecoveryAnswer::Reaped(Err(Error::invalid("broken"))));
    assert_eq!(recovery.next(later), RecoveryAction::Release);
    assert!(recovery.into_result().is_err());
}

#[test]
fn a_refused_list_of_claims_is_read_again() {
    let mut recovery = Recovery::new(WorkerId(7), Origin::Here, at(0));
    let busy = Error::Busy {
        what: String::new(),
    };
    recovery.answer(at(0), RecoveryAnswer::Listed(Err(busy)));
    let RecoveryAction::Wait(until) = recovery.next(at(0)) else {
        panic!("a refused list must wait");
    };
    let later = Now {
        boot: until,
        ..at(0)
    };
    assert_eq!(recovery.next(later), RecoveryAction::ListClaims);
}

#[test]
fn only_the_expired_claims_of_a_live_worker_are_searched() {
    let mut recovery = Recovery::of_expired(WorkerId(7), vec![claim(1), claim(99)], at(0));
    let held = |held: &[Held]| RecoveryAnswer::Held(Ok(held.to_vec()));
    assert_eq!(recovery.next(at(0)), RecoveryAction::Check);
    recovery.answer(at(0), held(&[Held::Held, Held::Held]));
    assert_eq!(recovery.next(at(0)), RecoveryAction::Sweep);
    assert_eq!(recovery.search().claims(), [claim(1), claim(99)]);
    recovery.answer(at(0), swept(&[], &[99]));
    assert_eq!(recovery.expired(), Some(vec![claim(1)]));
    let later = at(1_000);
    assert_eq!(recovery.next(later), RecoveryAction::Check);
    recovery.answer(later, held(&[Held::Lost, Held::Held]));
    assert_eq!(recovery.next(later), RecoveryAction::Sweep);
    assert_eq!(recovery.search().claims(), [claim(99)], "1 was settled");
    assert!(recovery.into_result().unwrap().expired);
}

fn refused(errno: Errno) -> RecoveryAnswer {
    RecoveryAnswer::Swept(Err(Error::io("cannot list processes", errno)))
}

/// A scan that the system refused counted as an empty one: after two of them the tasks returned
/// while their processes still ran.
#[test]
fn a_refused_scan_proves_nothing_and_is_repeated() {
    let mut recovery = begun();
    recovery.answer(at(0), swept(&[], &[]));
    let mut now = at(0);
    for _ in 0..5 {
        recovery.answer(now, refused(Errno::MFILE));
        let RecoveryAction::Wait(until) = recovery.next(now) else {
            panic!("a refused scan must wait");
        };
        now.boot = until;
        assert_eq!(recovery.next(now), RecoveryAction::Sweep);
    }
    recovery.answer(now, swept(&[], &[]));
    let next = recovery.next(now);
    assert!(matches!(next, RecoveryAction::Wait(_)), "{next:?}");
    recovery.answer(at(1_000), swept(&[], &[]));
    assert_eq!(recovery.next(at(1_000)), RecoveryAction::Reap);
}

#[test]
fn tasks_are_kept_if_processes_cannot_be_listed() {
    let mut recovery = begun();
    recovery.answer(at(0), refused(Errno::ACCESS));
    assert_eq!(recovery.next(at(0)), RecoveryAction::Release);
    assert!(recovery.is_blind());
    assert!(recovery.into_result().is_err());
}

/// Processes in another pid namespace cannot be found, so only the lease counts.
#[test]
fn an_expired_claim_returns_if_proc_shows_another_namespace() {
    let mut recovery = Recovery::of_expired(WorkerId(7), vec![claim(1)], at(0));
    for time in [0, 1_000] {
        let error = std::io::Error::from(std::io::ErrorKind::Unsupported);
        let answer = Err(Error::io("cannot list processes", error));
        recovery.answer(at(time), RecoveryAnswer::Swept(answer));
    }
    assert_eq!(recovery.next(at(1_000)), RecoveryAction::Reap);
}

/// A worker that left between the list of workers and its recovery was reported as dead.
#[test]
fn a_worker_that_has_left_is_not_recovered() {
    let mut recovery = Recovery::new(WorkerId(7), Origin::Here, at(0));
    assert_eq!(recovery.next(at(0)), RecoveryAction::ListClaims);
    recovery.answer(at(0), RecoveryAnswer::Left);
    assert!(recovery.has_left());
    assert_eq!(recovery.next(at(0)), RecoveryAction::Release);
    // Claims that are not in the file count all the same.
    let further = vec![claim(1)];
    let mut recovery = Recovery::new(WorkerId(7), Origin::Here, at(0)).and_of(further);
    recovery.answer(at(0), RecoveryAnswer::Left);
    assert!(!recovery.has_left());
    assert_ne!(recovery.next(at(0)), RecoveryAction::Release);
}
