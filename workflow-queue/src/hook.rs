//! Hooks: deliveries of events to a program or a URL.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::hook::{HookSecret, HookStanding, HookTarget};
use queue_core::journal::{Cursor, EventKind};
use queue_core::task::{check_name, check_queue_name};

/// Most hooks of a file.
pub const MOST_HOOKS: usize = 100;
/// Longest time of a delivery unless another is set.
pub const DEFAULT_HOOK_LIMIT: Duration = Duration::from_secs(10);
/// Bounds of the longest time of a delivery.
const LIMITS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3_600);

/// A hook to add.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewHook {
    /// Name, 1 to 200 bytes.
    pub name: String,
    /// Kinds of its events, one at least.
    pub kinds: Vec<EventKind>,
    /// Queues of its events; all if there are none.
    pub queues: Vec<String>,
    /// Target.
    pub target: HookTarget,
    /// Secret that signs deliveries to a URL.
    pub secret: Option<HookSecret>,
    /// Longest time of a delivery, 100 ms to an hour.
    pub limit: Duration,
}

impl NewHook {
    /// A hook of that name for these events of all queues.
    pub fn new(name: impl Into<String>, kinds: Vec<EventKind>, target: HookTarget) -> Self {
        Self {
            name: name.into(),
            kinds,
            queues: Vec::new(),
            target,
            secret: None,
            limit: DEFAULT_HOOK_LIMIT,
        }
    }

    /// Sets the queues.
    #[must_use]
    pub fn queues(mut self, queues: Vec<String>) -> Self {
        self.queues = queues;
        self
    }

    /// Sets the secret.
    #[must_use]
    pub fn secret(mut self, secret: Option<HookSecret>) -> Self {
        self.secret = secret;
        self
    }

    /// Sets the longest time of a delivery.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Checks the values.
    pub(crate) fn check(&self) -> Result<()> {
        check_name("a hook's name", &self.name)?;
        for queue in &self.queues {
            check_queue_name(queue)?;
        }
        if self.kinds.is_empty() {
            return Err(Error::invalid("a hook is for one type of event at least"));
        }
        let refused = |kind: &&EventKind| !can_be_chosen(**kind);
        if let Some(kind) = self.kinds.iter().find(refused) {
            return Err(Error::invalid(if *kind == EventKind::Started {
                "starts are not delivered to hooks, since the log does not store them; the end of each \
                 execution has its start as `since`"
                    .to_owned()
            } else {
                format!(
                    "no hook is for {}, which is delivered by itself",
                    kind.name()
                )
            }));
        }
        if !LIMITS.contains(&self.limit) {
            return Err(Error::invalid("a delivery may take 100ms to 1h"));
        }
        if let HookTarget::Command { argv, .. } = &self.target {
            if argv.first().is_none_or(String::is_empty) {
                return Err(Error::invalid("the command of a hook has no program"));
            }
            if argv.iter().any(|word| word.contains('\0')) {
                return Err(Error::invalid("the command of a hook has a NUL byte"));
            }
            if self.secret.is_some() {
                let sentence = "only deliveries to a URL are signed; a command needs no secret";
                return Err(Error::invalid(sentence));
            }
        }
        Ok(())
    }
}

/// True for a kind that a hook can be for.
pub fn can_be_chosen(kind: EventKind) -> bool {
    (kind.is_stored() || kind == EventKind::Enqueued) && kind != EventKind::Unknown
}

/// A stored hook. Its secret is not read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Hook {
    /// Its name and state.
    pub standing: HookStanding,
    /// Kinds of its events.
    pub kinds: Vec<EventKind>,
    /// Queues of its events; all if there are none.
    pub queues: Vec<String>,
    /// Target; the reason if it cannot be read.
    pub target: std::result::Result<HookTarget, String>,
    /// True if deliveries are signed.
    pub is_signed: bool,
    /// Longest time of a delivery.
    pub limit: Duration,
    /// Time at which it was added.
    pub added_at: Timestamp,
    /// Position: it has been given, or was not for, all events up to it.
    pub at: Cursor,
    /// Time of the next try.
    pub next_try_at: Option<Timestamp>,
    /// Time of the last try.
    pub last_at: Option<Timestamp>,
    /// Reason why the last try failed.
    pub last_error: Option<String>,
}

/// Event that a hook gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Number.
    pub id: i64,
    /// Name of the hook.
    pub hook: String,
    /// Time of its last try.
    pub at: Timestamp,
    /// Id of the event.
    pub event: String,
    /// Name of the kind of the event.
    pub kind: String,
    /// The event as `CloudEvents` 1.0 JSON.
    pub body: String,
    /// Reason why it was not taken.
    pub error: String,
    /// True if it is to be delivered again.
    pub is_wanted: bool,
}
