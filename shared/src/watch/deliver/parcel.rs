//! Parcels: everything that one try of a delivery needs.

use std::path::Path;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::hook::{HookSecret, HookTarget};

/// Event for a target.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// Name of the hook.
    pub hook: &'a str,
    /// Target.
    pub target: &'a HookTarget,
    /// Secret that signs it.
    pub secret: Option<&'a HookSecret>,
    /// Longest time of the delivery.
    pub limit: Duration,
    /// The database.
    pub database: &'a Path,
    /// Name of the file as the source of events.
    pub source: &'a str,
    /// Id of the event.
    pub id: &'a str,
    /// Name of the kind of the event.
    pub kind: &'a str,
    /// The event as `CloudEvents` 1.0 JSON.
    pub body: &'a str,
    /// Time of this try.
    pub at: Timestamp,
}
