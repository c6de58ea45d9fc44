//! What I/O errors have found.

use queue_core::sqlite::Durability;
use queue_proof::disk::{Fault, Guess, Kind};
use queue_proof::rig::{Engine, Manner, Rig};

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
