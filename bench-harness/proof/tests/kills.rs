//! Killed processes, in short form.

use queue_proof::{Result, kills};

#[test]
fn no_kill_loses_an_acknowledged_task_or_records_two_successes() -> Result<()> {
    let killed = kills::run(250, 1)?;
    assert_eq!(killed.faults, [""; 0]);
    assert!(killed.figure.count >= 250 && killed.acknowledged > 0);
    Ok(())
}

#[test]
fn the_task_of_a_killed_worker_runs_elsewhere_within_a_second() -> Result<()> {
    let recovered = kills::recoveries(10)?;
    assert_eq!(recovered.figure.violations, 0, "{recovered:?}");
    Ok(())
}
