//! Owners, links, files that are taken away and `shrink`, in short form.

use queue_proof::Result;
use queue_proof::files::{self, Found};
use queue_proof::process::Program;
use queue_testing::not_permitted;

/// Both programs.
const BOTH: [Program; 2] = [Program::Fast, Program::Workflow];

/// Number of attempts; `None`, with a message, if they cannot be made here.
fn tried(found: &Found) -> Option<Vec<u64>> {
    assert_eq!(found.faults, [""; 0]);
    for reason in &found.skipped {
        not_permitted(reason);
    }
    let counts = found.figures.iter().map(|figure| figure.count).collect();
    found.skipped.is_empty().then_some(counts)
}

#[test]
fn root_beside_another_users_file_locks_no_owner_out_and_follows_no_link() -> Result<()> {
    let found = files::owners_and_links(&BOTH, 10)?;
    let counts = tried(&found);
    assert!(counts.is_none_or(|counts| counts == [12, 11]), "{found:?}");
    Ok(())
}

#[test]
fn a_worker_whose_database_is_taken_away_lists_unrecorded_outcomes_and_exits() -> Result<()> {
    let found = files::take_away(&BOTH, 1)?;
    assert_eq!(tried(&found), Some(vec![8]));
    Ok(())
}

#[test]
fn a_shrink_killed_at_a_system_call_changes_no_row() -> Result<()> {
    let found = files::shrink(&BOTH, 20)?;
    let counts = tried(&found);
    assert!(
        counts.is_none_or(|counts| counts[0] > 20 && counts[1] > 2),
        "{found:?}"
    );
    Ok(())
}
