//! Stopped workers, commands that resist being ended, a full disk and others, in short form.

use std::time::Duration;

use queue_proof::process::Program;
use queue_proof::shortage::{self, Shortage};
use queue_proof::{
    Result, backup, children, clock, environment, full, identity, readers, schedules, zombies,
};
use queue_testing::{not_permitted, skipped};

/// Both programs.
const BOTH: [Program; 2] = [Program::Fast, Program::Workflow];

#[test]
fn the_outcome_of_a_worker_stopped_beyond_its_lease_is_refused() -> Result<()> {
    let (figure, faults) = zombies::run(5)?;
    assert_eq!(faults, [""; 0]);
    assert_eq!(figure.count, 5);
    Ok(())
}

#[test]
fn no_process_outlives_the_end_of_its_task() -> Result<()> {
    let (_, faults) = children::run(&[Program::Workflow])?;
    assert_eq!(faults, [""; 0]);
    Ok(())
}

#[test]
fn a_full_disk_is_reported_and_loses_no_acknowledged_task() -> Result<()> {
    let Some((figure, faults)) = full::run()? else {
        not_permitted("this user may not mount a small file system");
        return Ok(());
    };
    assert_eq!(faults, [""; 0]);
    assert!(figure.count >= 4, "{figure:?}");
    Ok(())
}

#[test]
fn setting_the_clock_loses_no_task_and_runs_none_twice() -> Result<()> {
    let Some((figure, faults)) = clock::run(1, &clock::FEW_STEPS)? else {
        skipped("libfaketime is not installed");
        return Ok(());
    };
    assert_eq!(faults, [""; 0]);
    assert_eq!(figure.count, 48);
    Ok(())
}

#[test]
fn all_commands_of_a_worker_with_few_descriptors_have_the_same_environment() -> Result<()> {
    let (figure, faults) = environment::run(&BOTH, 150, 64)?;
    assert_eq!(faults, [""; 0]);
    assert_eq!((figure.count, figure.violations), (300, 0));
    Ok(())
}

#[test]
fn hidden_commands_end_with_their_worker_and_daemons_of_ended_tasks_go_on() -> Result<()> {
    let (figure, faults) = identity::run(&BOTH, 2)?;
    assert_eq!(faults, [""; 0]);
    assert_eq!(figure.count, 4);
    Ok(())
}

#[test]
fn every_slot_of_a_schedule_fires_once_while_workers_are_killed() -> Result<()> {
    let (figure, faults) = schedules::run(8, 1)?;
    assert_eq!(faults, [""; 0]);
    assert!(figure.count >= 20, "{figure:?}");
    Ok(())
}

/// Longer than the five seconds for which other programs wait for a lock.
const SHORTAGE: Duration = Duration::from_secs(6);

#[test]
fn a_foreign_writer_changes_no_verdict() -> Result<()> {
    let found = shortage::run(&BOTH, &[Shortage::File], SHORTAGE)?;
    assert_eq!(found.faults, [""; 0]);
    assert!(found.figure.count > 400, "{found:?}");
    Ok(())
}

#[test]
fn a_shortage_of_descriptors_changes_no_verdict() -> Result<()> {
    let found = shortage::run(&BOTH, &[Shortage::Descriptors], SHORTAGE / 3)?;
    assert_eq!(found.faults, [""; 0]);
    assert!(found.figure.count > 400, "{found:?}");
    Ok(())
}

#[test]
fn a_disk_that_is_full_for_a_time_changes_no_verdict() -> Result<()> {
    let found = shortage::run(&BOTH, &[Shortage::Disk], SHORTAGE / 3)?;
    assert_eq!(found.faults, [""; 0]);
    if let Some(reason) = found.skipped.first() {
        not_permitted(reason);
        return Ok(());
    }
    assert!(found.figure.count > 400, "{found:?}");
    Ok(())
}

#[test]
fn a_backup_under_its_final_name_is_whole_and_holds_every_acknowledged_task() -> Result<()> {
    let (figure, faults) = backup::run(24, 1)?;
    assert_eq!(faults, [""; 0]);
    assert!(figure.count >= 24, "{figure:?}");
    Ok(())
}

#[test]
fn no_kill_loses_an_event_of_a_hook_or_changes_their_order() -> Result<()> {
    let (figure, faults) = readers::hooks(60, 1)?;
    assert_eq!(faults, [""; 0]);
    assert!(figure.count > 20, "{figure:?}");
    Ok(())
}

#[test]
fn no_kill_loses_an_event_of_a_follower_or_changes_their_order() -> Result<()> {
    let (figure, faults) = readers::followers(60, 1)?;
    assert_eq!(faults, [""; 0]);
    assert!(figure.count > 20, "{figure:?}");
    Ok(())
}
