//! Hooks and events as the driver reads them from an engine.

use std::sync::Arc;
use std::time::Duration;

use super::letter::Choice;
use super::{HookChange, HookId, HookProgress};
use crate::clock::Now;
use crate::coordination::Coordination;
use crate::error::Result;
use crate::hook::{HookSecret, HookTarget};
use crate::journal::{Cursor, EventPage};

/// A hook, with all that its deliveries need.
#[derive(Clone, Debug)]
pub struct StoredHook {
    /// Its position and its failures.
    pub progress: HookProgress,
    /// Its name, and its events.
    pub choice: Choice,
    /// Target.
    pub target: HookTarget,
    /// Secret that signs its deliveries, if it has one.
    pub secret: Option<HookSecret>,
    /// Longest time of a delivery.
    pub limit: Duration,
}

/// Dead letter, as it is delivered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLetter {
    /// Id of its event.
    pub event: String,
    /// Name of the kind of its event.
    pub kind: String,
    /// The event as `CloudEvents` 1.0 JSON.
    pub body: String,
}

/// Hooks and events of a file. Every method may fail as those of [`Queue`](crate::Queue).
pub trait HookStore: Send + Sync {
    /// The clock of the file.
    fn now(&self) -> Now;

    /// Coordination of the processes that use the file.
    fn coordination(&self) -> &Arc<dyn Coordination>;

    /// A number that differs after every change of the file.
    fn change_counter(&self) -> Result<i64>;

    /// Name of the file as the source of events.
    fn source(&self) -> Result<String>;

    /// All hooks.
    fn hooks(&self) -> Result<Vec<StoredHook>>;

    /// Up to `limit` events after a position.
    fn events(&self, after: Cursor, limit: usize) -> Result<EventPage>;

    /// A dead letter; `None` if it is gone.
    fn dead_letter(&self, hook: HookId, letter: i64) -> Result<Option<KeptLetter>>;

    /// Records a change of a hook, if its position still is `from`. Returns true if it did.
    fn record(&self, hook: HookId, from: Cursor, change: &HookChange) -> Result<bool>;
}
