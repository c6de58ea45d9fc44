//! The file: writer, locks, durability, backup and restore.

use super::{FAILED_SYNC, core, fast, workflow};
use crate::planted::{Fault, Suite};

pub(super) const STORAGE: &[Fault] = &[
    Fault {
        name: "NORMAL where full is promised",
        file: "shared/src/sqlite/connection.rs",
        find: "Self::Full => 2",
        replace: "Self::Full => 1",
        suite: workflow("command_line", "durability_asked_for"),
    },
    Fault {
        name: "a refused commit is acknowledged",
        file: "shared/src/sqlite/combine.rs",
        find: "Refusal::Error | Refusal::Fatal => Answer::Unknown",
        replace: "Refusal::Error | Refusal::Fatal => Answer::Committed",
        suite: core("sqlite::"),
    },
    Fault {
        name: "the reply comes before the commit",
        file: "shared/src/sqlite/combine.rs",
        find: "self.phase = Phase::Committing;\n                Action::Commit",
        replace: "self.tell(self.current.end, Answer::Committed)",
        suite: core("sqlite::"),
    },
    Fault {
        name: "writing goes on after a failed fsync",
        file: "shared/src/sqlite/writer_core.rs",
        find: "Fault::of(&source.0) == Fault::Sync",
        replace: "Fault::of(&source.0) == Fault::Full",
        suite: core("sqlite::"),
    },
    Fault {
        name: "the failure of one operation rolls back the whole transaction",
        file: "shared/src/sqlite/combine.rs",
        find: "self.roll_back(alone.then_some(Answer::Failed))",
        replace: "self.roll_back((alone || self.total > 1).then_some(Answer::Failed))",
        suite: core("sqlite::"),
    },
    Fault {
        name: "two processes hold the writer's lock",
        file: "shared/src/sqlite/lock.rs",
        find: "Err(Errno::WOULDBLOCK) => return Ok(false)",
        replace: "Err(Errno::WOULDBLOCK) => return Ok(true)",
        suite: core("sqlite::lock"),
    },
    Fault {
        name: "a worker does not hear that its task is cancelled",
        file: "shared/src/sqlite/verbs/cancel.rs",
        find: "Ok(update.execute((id.0, now.0))? > 0)",
        replace: "Ok(true)",
        suite: fast("conformance"),
    },
    Fault {
        name: "a backup has its name before it is complete",
        file: "shared/src/sqlite/backup.rs",
        find: "copy(source, self.path(), &partial.path)?;\n        partial.publish(&target, replace)",
        replace: "partial.publish(&target, replace)?;\n        copy(source, self.path(), &target).map(|()| 0)",
        suite: Suite {
            package: "fast-queue",
            test: Some("command_line"),
            filter: "a_backup_killed",
        },
    },
    Fault {
        name: "a restore keeps the epoch of the backup",
        file: "shared/src/sqlite/restore.rs",
        find: "epoch::begin(&tx, replaced, now, random)?;",
        replace: "let _ = (replaced, now, random);",
        suite: fast("restore"),
    },
    Fault {
        name: "prune deletes a task that a dependent needs",
        file: "shared/src/sqlite/verbs/prune.rs",
        find: "if keeper.keeps(connection, task)? {",
        replace: "if false && keeper.keeps(connection, task)? {",
        suite: workflow("engine", "prune"),
    },
    Fault {
        name: "a program continues in a file that a newer one migrated",
        file: "shared/src/sqlite/lines.rs",
        find: "(version > known)",
        replace: "(version > known + 1)",
        suite: fast("conformance"),
    },
    Fault {
        name: "a running worker ignores a migration",
        file: "shared/src/sqlite/operation.rs",
        find: "ALONE.set(Alone::Undone);",
        replace: "return false;",
        suite: fast("conformance"),
    },
    Fault {
        name: "a task of a newer version is met at every claim",
        file: "shared/src/sqlite/aside.rs",
        find: ".execute((task.0, aside.id))?;",
        replace: ".execute((task.0, from))?;",
        suite: fast("conformance"),
    },
    Fault {
        name: "heartbeats that no sync has made durable",
        file: "shared/src/sqlite/heartbeats.rs",
        find: "open_writer(path, options)?",
        replace: "open_writer(path, &OpenOptions { durability: super::options::Durability::Fast, \
                  ..options.clone() })?",
        suite: FAILED_SYNC,
    },
    Fault {
        name: "a full disk ends the worker",
        file: "shared/src/error.rs",
        find: "Self::Busy { .. } | Self::Shortage { .. } | Self::CommitUnknown { .. } => true,",
        replace: "Self::Shortage { .. } => false,\n            \
                  Self::Busy { .. } | Self::CommitUnknown { .. } => true,",
        suite: core("fault"),
    },
];
