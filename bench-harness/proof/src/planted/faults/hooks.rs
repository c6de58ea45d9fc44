//! Faults in hooks.

use super::{Fault, core, workflow};

/// Faults of deliveries, of the election, and of the events kept for hooks.
pub(super) const HOOKS: &[Fault] = &[
    Fault {
        name: "the position of a hook moves before the delivery",
        file: "shared/src/watch/deliver.rs",
        find: "self.task = Some(Task::Delivering);",
        replace: "self.task = Some(Task::Recording(HookChange::Delivered(letter.after)));",
        suite: core("watch::deliver"),
    },
    Fault {
        name: "the position of a hook moves although the delivery failed",
        file: "shared/src/watch/deliver.rs",
        find: "Err(reason) => self.failed(now, Arc::clone(letter), reason),",
        replace: "Err(_) => HookChange::Delivered(letter.after),",
        suite: core("watch::deliver"),
    },
    Fault {
        name: "two processes deliver",
        file: "shared/src/watch/deliver/election.rs",
        find: "let is_locked = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();",
        replace: "let is_locked = flock(&lock, FlockOperation::NonBlockingLockShared).is_ok();",
        suite: core("watch::deliver"),
    },
    Fault {
        name: "a dead letter is forgotten",
        file: "workflow-queue/src/deliver.rs",
        find: "put.execute((hook, now.0, &letter.id, kind, &letter.body, reason))?;",
        replace: "drop((put, kind));",
        suite: workflow("engine", "hooks"),
    },
    Fault {
        name: "two hooks that fail give each other work for ever",
        file: "workflow-queue/src/deliver.rs",
        find: "if letter.kind == EventKind::HookDead {",
        replace: "if letter.kind == EventKind::HookTest {",
        suite: workflow("engine", "hooks"),
    },
    Fault {
        name: "events are deleted that a hook has not seen",
        file: "workflow-queue/src/sqlite/trim_log.rs",
        find: "let is_seen = *seq <= seen || *age < for_hooks;",
        replace: "let is_seen = *seq <= seen || *age < before.max(for_hooks);",
        suite: workflow("engine", "hooks"),
    },
    Fault {
        name: "a redirect takes an event",
        file: "shared/src/watch/deliver/post.rs",
        find: "if status.is_success() {",
        replace: "if status.is_success() || status.is_redirection() {",
        suite: workflow("command_line", "hooks::a_redirect"),
    },
];
