//! Leases, dependencies and limits of workflow-queue.

use super::{PROMOTION, workflow};
use crate::planted::{Fault, Suite};

pub(super) const WORKFLOW_QUEUE: &[Fault] = &[
    Fault {
        name: "leases by the wall clock",
        file: "workflow-queue/src/sqlite/claim.rs",
        find: "lease_until: now.boot.after(lease)",
        replace: "lease_until: BootTime(now.wall.0).after(lease)",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "no fence on a settle",
        file: "workflow-queue/src/sqlite/settle.rs",
        find: "if token != claim.token || worker.map(WorkerId) != Some(claim.worker) {",
        replace: "if token < claim.token && worker.map(WorkerId) != Some(claim.worker) {",
        suite: workflow("engine", "settle"),
    },
    Fault {
        name: "no fence on a heartbeat",
        file: "workflow-queue/queries/heartbeat.sql",
        find: " AND token = ?2 AND worker = ?3",
        replace: "",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "a late heartbeat shortens a lease",
        file: "workflow-queue/queries/heartbeat.sql",
        find: "max(coalesce(lease_until, ?4), ?4)",
        replace: "?4",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "a task with an extended lease is taken over",
        file: "workflow-queue/src/plan/settle.rs",
        find: "(only_expired && !found.is_expired)",
        replace: "(false && only_expired && !found.is_expired)",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "leases on each worker's own clock",
        file: "workflow-queue/src/sqlite/settle.rs",
        find: "lease::is_over(lease_until, now.boot)",
        replace: "lease::is_over(lease_until, BootTime(now.wall.0))",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "released before its last dependency",
        file: "workflow-queue/src/plan/ended.rs",
        find: "Standing::Met if pending > 1",
        replace: "Standing::Met if pending > 2",
        suite: workflow("engine", "dependency"),
    },
    Fault {
        name: "a skip that stops at the first",
        file: "workflow-queue/src/plan/ended.rs",
        find: "work.push((dependent.task, State::Skipped));",
        replace: "",
        suite: workflow("engine", "dependency"),
    },
    Fault {
        name: "a dependency that was re-opened still counts as met",
        file: "workflow-queue/src/plan/retry.rs",
        find: "or_insert(dependent.pending) += 1;",
        replace: "or_insert(dependent.pending) += 0;",
        suite: workflow("engine", "retry"),
    },
    Fault {
        name: "a key's limit that counts one too many",
        file: "workflow-queue/src/sqlite/limits.rs",
        find: "[key])? >= u64::from(bound))",
        replace: "[key])? > u64::from(bound))",
        suite: workflow("engine", "limit"),
    },
    Fault {
        name: "a queue's limit that forgets what runs",
        file: "workflow-queue/src/plan/limits.rs",
        find: "let free = u64::from(bound).saturating_sub(running);",
        replace: "let free = u64::from(bound).max(running);",
        suite: workflow("engine", "limit"),
    },
    Fault {
        name: "a rate that forgets earlier starts",
        file: "workflow-queue/src/plan/limits.rs",
        find: "micros(now) + missing + interval",
        replace: "micros(now) + interval",
        suite: workflow("engine", "rate"),
    },
    Fault {
        name: "a promotion that does not wait for workers",
        file: "workflow-queue/src/sqlite/promote.rs",
        find: "if !living.is_empty() {",
        replace: "if living.len() > MANY {",
        suite: PROMOTION,
    },
    Fault {
        name: "tasks that wait for each other in a circle",
        file: "workflow-queue/src/graph.rs",
        find: "if reached == tasks.len() {",
        replace: "if reached <= tasks.len() {",
        suite: Suite {
            package: "workflow-queue",
            test: None,
            filter: "graph",
        },
    },
];
