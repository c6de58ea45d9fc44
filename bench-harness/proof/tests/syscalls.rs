//! Scenarios killed at their system calls, in short form.

use queue_proof::{Result, syscalls};
use queue_testing::{not_permitted, skipped};

#[test]
fn a_program_killed_at_a_system_call_leaves_the_state_before_or_after_it() -> Result<()> {
    if std::process::Command::new("strace")
        .arg("-V")
        .output()
        .is_err()
    {
        skipped("strace is not installed");
        return Ok(());
    }
    let Some(found) = syscalls::run(100)? else {
        not_permitted("strace may not trace");
        return Ok(());
    };
    assert_eq!(found.faults, [""; 0]);
    assert!(found.kills.count > 30 && found.syncs.count > 0, "{found:?}");
    Ok(())
}
