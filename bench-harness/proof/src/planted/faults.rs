//! The faults: over every layer, each of a kind that loses, doubles or blocks work.

use super::{Fault, Suite};

const fn core(filter: &'static str) -> Suite {
    Suite {
        package: "queue-core",
        test: None,
        filter,
    }
}

const fn fast(test: &'static str) -> Suite {
    Suite {
        package: "fast-queue",
        test: Some(test),
        filter: "",
    }
}

const fn workflow(test: &'static str, filter: &'static str) -> Suite {
    Suite {
        package: "workflow-queue",
        test: Some(test),
        filter,
    }
}

/// The executor with real processes.
const fn executor(filter: &'static str) -> Suite {
    Suite {
        package: "queue-core",
        test: Some("executor"),
        filter,
    }
}

/// The program itself, with real commands.
const fn program(filter: &'static str) -> Suite {
    Suite {
        package: "fast-queue",
        test: Some("command_line"),
        filter,
    }
}

/// What a command finds, however its worker was started.
const ENVIRONMENT: Suite = Suite {
    package: "fast-queue",
    test: Some("command_line"),
    filter: "environment",
};

/// Both programs on one file.
const PROMOTION: Suite = Suite {
    package: "bench-harness",
    test: Some("promotion"),
    filter: "",
};

/// An engine on a disk that fails.
const FAILED_SYNC: Suite = Suite {
    package: "queue-proof",
    test: Some("errors"),
    filter: "a_failed_sync",
};

/// Every fault, by layer from the writer up to the workflow.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "NORMAL where full is promised",
        file: "shared/src/sqlite/connection.rs",
        find: "Self::Full => 2",
        replace: "Self::Full => 1",
        suite: workflow("command_line", "shown"),
    },
    Fault {
        name: "a refused commit is acknowledged",
        file: "shared/src/sqlite/combine.rs",
        find: "Refusal::Error | Refusal::Fatal => Verdict::Unknown",
        replace: "Refusal::Error | Refusal::Fatal => Verdict::Committed",
        suite: core("sqlite::"),
    },
    Fault {
        name: "the reply comes before the commit",
        file: "shared/src/sqlite/combine.rs",
        find: "self.phase = Phase::Committing;\n                Action::Commit",
        replace: "self.tell(self.current.end, Verdict::Committed)",
        suite: core("sqlite::"),
    },
    Fault {
        name: "writing goes on after a failed fsync",
        file: "shared/src/sqlite/writer.rs",
        find: "Fault::of(&source.0) == Fault::Sync",
        replace: "Fault::of(&source.0) == Fault::Full",
        suite: core("sqlite::"),
    },
    Fault {
        name: "a neighbour's failure takes the whole transaction down",
        file: "shared/src/sqlite/combine.rs",
        find: "self.roll_back(alone.then_some(Verdict::Failed))",
        replace: "self.roll_back((alone || self.total > 1).then_some(Verdict::Failed))",
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
        name: "tasks return while their commands may still run",
        file: "shared/src/runtime/recovery.rs",
        find: "impatient || empty >= EMPTY_SCANS",
        replace: "impatient || empty > 0",
        suite: core("runtime::recovery"),
    },
    Fault {
        name: "a task returns beside a process that cannot be ended",
        file: "shared/src/runtime/recovery.rs",
        find: "self.recovered.kept = sweep.unreachable.iter().map(|found| found.claim).collect();",
        replace: "self.recovered.kept = Vec::new();",
        suite: core("runtime::recovery"),
    },
    Fault {
        name: "tasks of another pid namespace return at once",
        file: "shared/src/runtime/recovery.rs",
        find: "Origin::Elsewhere if !claims.is_empty()",
        replace: "Origin::Elsewhere if claims.is_empty()",
        suite: core("runtime::recovery"),
    },
    Fault {
        name: "a command that cleans its environment is not found",
        file: "shared/src/runtime/orphans.rs",
        find: ".filter(|command| self.claims.contains(&command.claim))",
        replace: ".filter(|_| false)",
        suite: core("runtime::orphans"),
    },
    Fault {
        name: "a session is taken for the dead command's whoever has it now",
        file: "shared/src/runtime/orphans.rs",
        find: "belongs(one, own) && one.started <= until",
        replace: "belongs(one, own) && one.started <= until.max(BootTime(i64::MAX))",
        suite: core("runtime::orphans"),
    },
    Fault {
        name: "a living worker is taken for dead",
        file: "shared/src/runtime/presence.rs",
        find: "Err(Errno::WOULDBLOCK) => Ok(true)",
        replace: "Err(Errno::WOULDBLOCK) => Ok(false)",
        suite: PROMOTION,
    },
    Fault {
        name: "an attempt beyond the budget",
        file: "shared/src/outcome.rs",
        find: "spent >= row.options.max_attempts",
        replace: "spent > row.options.max_attempts",
        suite: core("outcome"),
    },
    Fault {
        name: "a crash beyond the budget",
        file: "shared/src/outcome.rs",
        find: "row.crashes >= row.options.max_crashes",
        replace: "row.crashes > row.options.max_crashes",
        suite: core("outcome"),
    },
    Fault {
        name: "a lease counted from its answer",
        file: "shared/src/runtime/heart.rs",
        find: "*until = began.after(self.lease);",
        replace: "*until = now.after(self.lease);",
        suite: core("runtime::heart"),
    },
    Fault {
        name: "a worker that cannot write gives up its claims",
        file: "shared/src/runtime/heart.rs",
        find: "        if may_pass {",
        replace: "        if may_pass && self.lease.is_zero() {",
        suite: core("runtime::heart"),
    },
    Fault {
        name: "a lease runs out while nobody can write",
        file: "shared/src/runtime/overdue.rs",
        find: "could.min(self.pause)",
        replace: "could.max(self.third)",
        suite: core("runtime::overdue"),
    },
    Fault {
        name: "time in which a write was refused counts",
        file: "shared/src/runtime/overdue.rs",
        find: "self.seen.clear();",
        replace: "",
        suite: core("runtime::overdue"),
    },
    Fault {
        name: "an idle worker does not look once more",
        file: "shared/src/runtime/machine/answers.rs",
        find: "self.want_claim |= !self.idle;",
        replace: "",
        suite: core("runtime::machine"),
    },
    Fault {
        name: "a worker that stops keeps a wake for itself",
        file: "shared/src/runtime/machine.rs",
        find: "self.actions.push(Action::PassOn);",
        replace: "",
        suite: core("runtime::machine"),
    },
    Fault {
        name: "a drained worker leaves what it has not recorded",
        file: "shared/src/runtime/machine.rs",
        find: "self.unusable || (ends && self.unsettled.is_empty() && !self.want_review)",
        replace: "self.unusable || ends",
        suite: core("runtime::machine"),
    },
    Fault {
        name: "a worker does not hear that its task is called off",
        file: "shared/src/sqlite/write.rs",
        find: "update.execute((id.0, now.0))?;",
        replace: "",
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
        name: "a restore goes on in the epoch of the backup",
        file: "shared/src/sqlite/restore.rs",
        find: "epoch::begin(&tx, replaced, now, random)?;",
        replace: "let _ = (replaced, now, random);",
        suite: fast("restore"),
    },
    Fault {
        name: "leases by the wall clock",
        file: "workflow-queue/src/sqlite/claim.rs",
        find: "lease_until: now.boot.after(lease)",
        replace: "lease_until: BootTime(now.wall.0).after(lease)",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "a retry keeps the time of a clock that was set back",
        file: "fast-queue/src/claim.rs",
        find: "if self.is_set_back {",
        replace: "if false {",
        suite: fast("conformance"),
    },
    Fault {
        name: "prune takes what a dependent needs",
        file: "shared/src/sqlite/prune.rs",
        find: "if !keeper.keeps(connection, task)? && update",
        replace: "if update",
        suite: workflow("engine", "prune"),
    },
    Fault {
        name: "no fence on a lone success",
        file: "fast-queue/queries/settle_one.sql",
        find: " AND token = ?2 AND worker = ?3",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "no fence on a success",
        file: "fast-queue/queries/settle_success.sql",
        find: " AND token = ?2 AND worker = ?3",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "an attempt is not counted at the claim",
        file: "fast-queue/queries/claim.sql",
        find: "attempt = attempt + 1, ",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "a crash is not counted at the claim",
        file: "fast-queue/queries/claim_one.sql",
        find: "crashes = crashes + 1, ",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "a token that does not rise",
        file: "fast-queue/queries/claim_one.sql",
        find: "token = token + 1, ",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "a running worker ignores the promotion",
        file: "fast-queue/queries/claim_one.sql",
        find: " AND fast = 1",
        replace: "",
        suite: fast("promotion"),
    },
    Fault {
        name: "a program goes on in a file that a newer one migrated",
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
        find: ".execute((task.0, lane.id))?;",
        replace: ".execute((task.0, from))?;",
        suite: fast("conformance"),
    },
    Fault {
        name: "a success is recorded in a promoted file",
        file: "fast-queue/queries/settle_one.sql",
        find: "+line = 'workflow'",
        replace: "0",
        suite: fast("promotion"),
    },
    Fault {
        name: "a retry begins again with the first token",
        file: "fast-queue/queries/retry.sql",
        find: "SET state = 2, attempt = attempt",
        replace: "SET state = 2, token = 0, attempt = attempt",
        suite: fast("conformance"),
    },
    Fault {
        name: "a retry makes the first attempt again",
        file: "fast-queue/queries/retry.sql",
        find: "SET state = 2, attempt = attempt",
        replace: "SET state = 2, attempt = 0",
        suite: fast("conformance"),
    },
    Fault {
        name: "a key taken already is inserted again",
        file: "fast-queue/queries/enqueue_one.sql",
        find: "INSERT OR IGNORE",
        replace: "INSERT OR REPLACE",
        suite: fast("conformance"),
    },
    Fault {
        name: "a command in its worker's session",
        file: "shared/src/runtime/spawn/system.rs",
        find: "        libc::setsid();",
        replace: "",
        suite: executor("leads_a_session"),
    },
    Fault {
        name: "descriptors are handed on",
        file: "shared/src/runtime/spawn/system.rs",
        find: "libc::SYS_close_range",
        replace: "libc::SYS_getpid",
        suite: ENVIRONMENT,
    },
    Fault {
        name: "signals stay ignored",
        file: "shared/src/runtime/spawn/system.rs",
        find: "for signal in 1..=SIGNALS",
        replace: "for signal in 1..1",
        suite: ENVIRONMENT,
    },
    Fault {
        name: "a raised limit is handed on",
        file: "shared/src/runtime/spawn/system.rs",
        find: "limit.rlim_max.min(soft)",
        replace: "limit.rlim_cur.max(soft)",
        suite: ENVIRONMENT,
    },
    Fault {
        name: "what systemd told the worker is handed on",
        file: "shared/src/runtime/spawn/environment.rs",
        find: "if !is_own(&name)",
        replace: "if !is_own(&name) || true",
        suite: ENVIRONMENT,
    },
    Fault {
        name: "a stopped command is not continued",
        file: "shared/src/runtime/child.rs",
        find: "self.send(Signal::CONT);",
        replace: "",
        suite: executor("terminate_ends_a_stopped"),
    },
    Fault {
        name: "output is given up at the exit",
        file: "shared/src/runtime/executor/follow.rs",
        find: "if !process.is_open() {\n            return self.end_command",
        replace: "if true {\n            return self.end_command",
        suite: executor("output_is_read_to_its_end"),
    },
    Fault {
        name: "an end is judged by what came after it",
        file: "shared/src/runtime/execution.rs",
        find: "self.cause.filter(|_| asked)",
        replace: "self.cause.filter(|_| asked || true)",
        suite: core("runtime::machine"),
    },
    Fault {
        name: "a shortage is a verdict",
        file: "shared/src/runtime/shortage.rs",
        find: "Errno::MFILE => {",
        replace: "Errno::MFILE if false => {",
        suite: core("runtime::shortage"),
    },
    Fault {
        name: "a paused queue is worked",
        file: "fast-queue/queries/claim_next.sql",
        find: " AND paused_at IS NULL",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "no fence on a settle",
        file: "workflow-queue/src/sqlite/settle.rs",
        find: "self.token == claim.token && self.worker == Some(claim.worker)",
        replace: "self.token >= claim.token || self.worker == Some(claim.worker)",
        suite: workflow("engine", "settle"),
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
        name: "a lease that was extended is taken",
        file: "workflow-queue/src/sqlite/settle.rs",
        find: "if only_expired && !",
        replace: "if false && only_expired && !",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "leases on each worker's own clock",
        file: "workflow-queue/src/sqlite/settle.rs",
        find: "is_over(found.lease_until, self.now.boot)",
        replace: "is_over(found.lease_until, BootTime(self.now.wall.0))",
        suite: workflow("engine", "lease"),
    },
    Fault {
        name: "released before its last dependency",
        file: "workflow-queue/src/sqlite/edges.rs",
        find: "Standing::Met if dependent.pending > 1",
        replace: "Standing::Met if dependent.pending > 2",
        suite: workflow("engine", "dependency"),
    },
    Fault {
        name: "a skip that stops at the first",
        file: "workflow-queue/src/sqlite/edges.rs",
        find: "work.push((dependent.id, State::Skipped));",
        replace: "",
        suite: workflow("engine", "dependency"),
    },
    Fault {
        name: "a dependency that was re-opened still counts as met",
        file: "workflow-queue/src/sqlite/edges.rs",
        find: "dependent.pending + 1",
        replace: "dependent.pending",
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
        file: "workflow-queue/src/sqlite/limits.rs",
        find: "let free = u64::from(bound).saturating_sub(running);",
        replace: "let free = u64::from(bound).max(running);",
        suite: workflow("engine", "limit"),
    },
    Fault {
        name: "a rate without a memory",
        file: "workflow-queue/src/sqlite/limits.rs",
        find: "micros(now) + missing + interval",
        replace: "micros(now) + interval",
        suite: workflow("engine", "rate"),
    },
    Fault {
        name: "a promotion that does not wait for workers",
        file: "workflow-queue/src/sqlite/promotion.rs",
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
    Fault {
        name: "a raised limit on open files is handed on",
        file: "shared/src/runtime/inherited.rs",
        find: "STARTED_WITH.get().copied()",
        replace: "STARTED_WITH.get().copied().filter(|limit| *limit > 1 << 30)",
        suite: ENVIRONMENT,
    },
    Fault {
        name: "a full disk ends the worker",
        file: "shared/src/error.rs",
        find: "Self::Busy { .. } | Self::Shortage { .. } | Self::CommitUnknown { .. } => true,",
        replace: "Self::Shortage { .. } => false,\n            \
                  Self::Busy { .. } | Self::CommitUnknown { .. } => true,",
        suite: core("fault"),
    },
    Fault {
        name: "nobody looks after commands while the file is held",
        file: "shared/src/runtime/standby.rs",
        find: "if calls == seen && !calls.is_multiple_of(2) {",
        replace: "if calls == seen && calls > u64::MAX / 2 {",
        suite: program("held"),
    },
];
