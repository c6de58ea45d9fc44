//! Scenarios killed at their system calls, in a short form.

use queue_proof::{Result, syscalls};
use queue_testing::{not_permitted, skipped};

#[test]
fn a_program_killed_at_a_system_call_leaves_the_file_as_before_or_as_after() -> Result<()> {
    if std::process::Command::new("strace")
        .arg("-V")
        .output()
        .is_err()
    {
        skipped("there is no strace");
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
