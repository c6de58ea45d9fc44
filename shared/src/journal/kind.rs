//! Kinds of events.

/// Lists all kinds, each with its code in the database, its name and its meaning.
macro_rules! kinds {
    ($($kind:ident = $code:literal, $name:literal, $about:literal;)*) => {
        /// Kind of an event. The discriminant is the code in `queue_events.kind`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum EventKind {
            $(#[doc = $about] $kind = $code,)*
        }

        impl EventKind {
            /// Every kind, by code.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Name of the kind, such as `task.failed`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Meaning of the kind, in one sentence.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$kind => $about,)*
                }
            }
        }
    };
}

kinds! {
    Succeeded = 1, "task.succeeded", "An attempt ended well, and the task with it.";
    Failed = 2, "task.failed",
        "The task failed for good: by its last attempt, a crash too many, or a time limit.";
    Cancelled = 3, "task.cancelled", "The task was cancelled, or ended after a request to.";
    Skipped = 4, "task.skipped", "The condition of a dependency can no longer hold.";
    Retrying = 5, "task.retrying", "An attempt failed, and another one follows.";
    Crashed = 6, "task.crashed",
        "A worker died or lost its claim while the task ran, and the task went back.";
    Returned = 7, "task.returned", "The worker handed the task back without counting an attempt.";
    Snoozed = 8, "task.snoozed", "The handler asked to run again later.";
    CancelRequested = 9, "task.cancel-requested", "The worker was asked to end the running task.";
    Retried = 10, "task.retried", "The ended task was opened again, with fresh budgets.";
    Copied = 11, "task.copied", "The task is a copy of an ended one.";
    Reprioritized = 12, "task.reprioritized", "The task got another priority.";
    Edited = 13, "task.edited", "The task got other values; the event names them.";
    Held = 14, "task.held", "The task waits for its release.";
    Released = 15, "task.released", "The hold of the task ended.";
    Hastened = 16, "task.hastened", "The task no longer waits for its time.";
    Linked = 17, "task.linked", "The task got further dependencies.";
    SetAside = 18, "task.set-aside",
        "A worker could not read the task, so that it waits for a newer one.";
    Repaired = 19, "task.repaired", "A repair of the log recorded the state of the task anew.";
    QueuePaused = 20, "queue.paused", "Claims from the queue stopped.";
    QueueResumed = 21, "queue.resumed", "Claims from the queue go on.";
    AgeingSet = 22, "queue.ageing", "Waiting counts as priority in another way, or no longer.";
    LimitSet = 23, "limit.set", "A limit was set.";
    LimitRemoved = 24, "limit.removed", "A limit was removed.";
    SettingChanged = 25, "setting.changed", "A setting of the file changed.";
    AlertSet = 26, "alert.set", "An alert got another rule.";
    AlertRemoved = 27, "alert.removed", "An alert was removed.";
    AlertFired = 28, "alert.fired", "An alert fires: its reading is above its threshold.";
    AlertCleared = 29, "alert.cleared", "An alert does not fire any more.";
    ScheduleAdded = 30, "schedule.added", "A schedule was added.";
    ScheduleEdited = 31, "schedule.edited", "A schedule got other times or another task.";
    ScheduleRemoved = 32, "schedule.removed", "A schedule was removed.";
    SchedulePaused = 33, "schedule.paused", "A schedule stopped firing.";
    ScheduleResumed = 34, "schedule.resumed", "A schedule fires again.";
    ScheduleFired = 35, "schedule.fired", "A schedule enqueued the task.";
    ScheduleSkipped = 36, "schedule.skipped", "Slots of a schedule did not fire.";
    ScheduleSetAside = 37, "schedule.set-aside",
        "A schedule stopped because a worker could not read it.";
    SchedulesSetBack = 38, "schedule.set-back",
        "Schedules that a clock far ahead had moved on were moved back.";
    WorkerRegistered = 40, "worker.registered", "A worker joined.";
    WorkerEnded = 41, "worker.ended", "A worker left in order.";
    WorkerDied = 42, "worker.died", "A worker was gone, and its tasks were returned.";
    TasksPruned = 50, "tasks.pruned", "Ended tasks were deleted.";
    TasksTakenBack = 51, "tasks.taken-back",
        "Tasks that had been set aside wait in their queues again.";
    FileRestored = 52, "file.restored",
        "The file was restored or salvaged: a new epoch began, in which nothing runs.";
    FileRepaired = 53, "file.repaired", "A repair derived values anew.";
    FilePromoted = 54, "file.promoted", "The file became one of workflow-queue.";
    LogBegan = 60, "log.began", "The log began; nothing before it is known.";
    LogLost = 61, "log.lost", "An event is missing here, lost with a damaged part of the file.";
    Enqueued = 70, "task.enqueued", "The task was enqueued; read from the task itself.";
    Started = 71, "task.started",
        "An execution started; read from the running task or from the end.";
    HookAdded = 80, "hook.added", "A hook was added.";
    HookRemoved = 81, "hook.removed", "A hook was removed, and its dead letters with it.";
    HookPaused = 82, "hook.paused", "Deliveries to a hook stopped.";
    HookResumed = 83, "hook.resumed", "Deliveries to a hook go on.";
    HookReplayed = 84, "hook.replayed",
        "A hook was set back or forward: it gets the events after that cursor.";
    HookDead = 85, "hook.dead", "A hook gave up an event after its last try; a dead letter keeps it.";
    HookGap = 86, "hook.gap",
        "Events were deleted before the hook got them; delivered in their place, not stored.";
    HookTest = 87, "hook.test", "A test of a hook by a person; delivered to it alone, not stored.";
    Unknown = 255, "unknown", "An event of a kind that only a newer version knows.";
}

impl EventKind {
    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// Kind of a stored code.
    pub fn of_code(code: i64) -> Self {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.code() == code)
            .unwrap_or(Self::Unknown)
    }

    /// Kind of that name.
    pub fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.name() == name)
    }

    /// True if the log stores events of this kind; the others are read from tasks or made for a hook.
    pub const fn is_stored(self) -> bool {
        !matches!(
            self,
            Self::Enqueued | Self::Started | Self::HookGap | Self::HookTest
        )
    }

    /// True for an execution that ended and counts as no attempt.
    pub const fn is_hand_back(self) -> bool {
        matches!(self, Self::Returned | Self::Snoozed)
    }
}

#[cfg(test)]
mod tests {
    use super::EventKind;

    #[test]
    fn codes_and_names_are_distinct_and_lead_back_to_their_kind() {
        assert!(EventKind::ALL.is_sorted_by(|one, next| one.code() < next.code()));
        for kind in EventKind::ALL.iter().copied() {
            assert_eq!(EventKind::of_code(kind.code()), kind);
            assert_eq!(EventKind::of(kind.name()), Some(kind));
            assert!(kind.about().ends_with('.'));
        }
        assert_eq!(EventKind::of_code(200), EventKind::Unknown);
    }
}
