//! Faults in schedules.

use super::{Fault, Suite, workflow};

/// The library's own tests of a module of schedules.
const fn unit(filter: &'static str) -> Suite {
    Suite {
        package: "workflow-queue",
        test: None,
        filter,
    }
}

/// Faults of the times, the firings and their records.
pub(super) const SCHEDULES: &[Fault] = &[
    Fault {
        name: "a slot that fires twice",
        file: "workflow-queue/src/plan/fire.rs",
        find: "if !self.slice.has_fired(schedule.id, slot)? {",
        replace: "if self.slice.has_fired(schedule.id, slot).is_ok() {",
        suite: workflow("engine", "schedules"),
    },
    Fault {
        name: "a slot that is lost",
        file: "workflow-queue/src/plan/fire.rs",
        find: "for slot in fire {",
        replace: "for slot in fire.into_iter().skip(1) {",
        suite: workflow("engine", "schedules"),
    },
    Fault {
        name: "an hour that the clock leaves out",
        file: "workflow-queue/src/schedule/cron.rs",
        find: ".filter(|_| new > old)",
        replace: ".filter(|_| new < old)",
        suite: unit("schedule::cron"),
    },
    Fault {
        name: "an hour that comes twice",
        file: "workflow-queue/src/schedule/cron.rs",
        find: "self.next_civil(begin.max(old), end)",
        replace: "self.next_civil(begin, end)",
        suite: unit("schedule::cron"),
    },
    Fault {
        name: "an overlap that forgets a retry",
        file: "workflow-queue/queries/schedule_unfinished.sql",
        find: "task.state < 4",
        replace: "task.state = 3",
        suite: workflow("engine", "schedules"),
    },
    Fault {
        name: "a clock set back that skips what was due",
        file: "workflow-queue/src/sqlite/schedules.rs",
        find: "next.filter(|(slot, _)| *slot <= now)",
        replace: "next.filter(|(slot, _)| *slot > now)",
        suite: workflow("engine", "schedules"),
    },
    Fault {
        name: "a floor that is forgotten",
        file: "workflow-queue/src/schedule/policy.rs",
        find: "position.next.max(above_floor)",
        replace: "position.next.min(above_floor)",
        suite: unit("schedule::policy"),
    },
    Fault {
        name: "missed slots that are not recorded",
        file: "workflow-queue/src/plan/fire.rs",
        find: "for range in between(&spec, (first, last), &fired) {",
        replace: "for range in between(&spec, (first, last), &fired).into_iter().skip(1) {",
        suite: workflow("engine", "firings"),
    },
    Fault {
        name: "a restore that fires again",
        file: "shared/queries/restore/schedules.sql",
        find: "max(floor, ?1)",
        replace: "min(floor, ?1)",
        suite: workflow("engine", "firings"),
    },
];
