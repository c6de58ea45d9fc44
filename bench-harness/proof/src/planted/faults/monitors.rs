//! Sums of the log and alerts.

use super::workflow;
use crate::planted::{Fault, Suite};

pub(super) const MONITORS: &[Fault] = &[
    Fault {
        name: "a fold that adds what another one has added",
        file: "workflow-queue/queries/fold_move.sql",
        find: "WHERE revision = ?1",
        replace: "WHERE ?1 IS NOT NULL",
        suite: Suite {
            package: "workflow-queue",
            test: None,
            filter: "sqlite::sums",
        },
    },
    Fault {
        name: "a fold that leaves out the last event it read",
        file: "workflow-queue/src/sqlite/sums.rs",
        find: "fold.ended(&attempt, seq > before.from_seq);",
        replace: "fold.ended(&attempt, seq > before.from_seq && seq % 7 > 0);",
        suite: workflow("engine", "rollups"),
    },
    Fault {
        name: "a prune of tasks that nobody has folded",
        file: "workflow-queue/src/sqlite/prune.rs",
        find: "sums::fold_pruned(connection, pruned, now)?;",
        replace: "",
        suite: workflow("engine", "rollups"),
    },
    Fault {
        name: "a retention that deletes events before their fold",
        file: "workflow-queue/src/sqlite/trim_log.rs",
        find: "sums::fold_to(connection, *last, now)?;",
        replace: "",
        suite: workflow("engine", "rollups"),
    },
    Fault {
        name: "counters that go back with a restore",
        file: "shared/queries/restore/rollups.sql",
        find: "WHERE span = 0",
        replace: "WHERE span = 7",
        suite: workflow("engine", "rollups"),
    },
    Fault {
        name: "an alert that fires again after a restart",
        file: "workflow-queue/src/sqlite/alert.rs",
        find: "AlertPhase::of_code(row.get(7)?)",
        replace: "AlertPhase::of_code(row.get::<_, i64>(7)? & 1)",
        suite: workflow("engine", "alerts"),
    },
    Fault {
        name: "a change of an alert that two processes tell of",
        file: "workflow-queue/queries/alert_state.sql",
        find: " AND revision = ?2",
        replace: " AND ?2 IS NOT NULL",
        suite: workflow("engine", "alerts"),
    },
];
