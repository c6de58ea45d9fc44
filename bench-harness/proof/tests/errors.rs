//! I/O errors, in their short form, and what they have found.

use queue_core::sqlite::Durability;
use queue_proof::disk::{Fault, Guess, Kind};
use queue_proof::errors::{Tally, sweep};
use queue_proof::rig::{Engine, Manner, Rig};

#[test]
fn whatever_fails_nothing_that_was_answered_for_is_lost() {
    let mut total = Tally::default();
    // Some make the file, some open it; some are at `full` and some at `fast`.
    for seed in [0, 1, 2, 3, 5, 8] {
        let enough = |tally: &Tally| tally.injections >= 150;
        let (tally, violations) = sweep(seed, 4, &enough).unwrap();
        assert_eq!(violations, []);
        total += tally;
    }
    assert!(total.injections >= 500, "{total:?}");
    assert!(total.failed > 100 && total.cut > 100, "{total:?}");
}

#[test]
fn after_a_failed_sync_nothing_is_answered_for() {
    let rig = Rig::new(1).unwrap();
    let manner = Manner {
        durability: Durability::Full,
        one_shot: true,
    };
    let opened = rig.open(Engine::Workflow, manner).unwrap();
    let task = |name: &str| queue_core::NewTask::shell(name, "true");
    opened.enqueue(task("before")).unwrap();
    let disk = rig.machine();
    disk.disk(|disk| disk.fail(Fault::once(Kind::Sync, 1)));
    opened.enqueue(task("meanwhile")).unwrap_err();
    opened.enqueue(task("afterwards")).unwrap_err();
}

/// A new file was left with a rollback journal if an error struck the commit that makes it one with a
/// write-ahead log: that commit comes after the statement's row, and nobody looked. At `full` a power
/// cut then lost the last task that was answered for. The statement is followed to its end now.
#[test]
fn a_new_file_that_cannot_be_given_a_log_is_refused() {
    for (kind, nth) in [(Kind::Write, 3), (Kind::Sync, 1), (Kind::Delete, 1)] {
        let mut rig = Rig::new(1).unwrap();
        let manner = Manner {
            durability: Durability::Full,
            one_shot: true,
        };
        let fault = Fault::once(kind, nth);
        rig.machine().disk(|disk| disk.fail(fault));
        rig.open(Engine::Fast, manner).unwrap_err();
        let image = rig
            .machine()
            .disk(|disk| disk.after_cut(&mut Guess::Nothing));
        rig.boot(&image);
        let opened = rig.open(Engine::Fast, manner).unwrap();
        let log = opened.database().read(|connection| {
            let mode: String =
                connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            Ok(mode)
        });
        assert_eq!(log.unwrap(), "wal", "{fault:?}");
    }
}
