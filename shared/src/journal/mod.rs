//! Event log: kinds of events, their fields, positions in the log, the order in which events of the log
//! and events read from tasks follow each other, and sums of them. Independent of any database.

mod actor;
mod attempt_end;
mod cursor;
mod event;
mod fold;
mod histogram;
mod kind;
mod merge;
mod of_task;
mod older;
mod starts;
mod sums;

pub use actor::Actor;
pub use attempt_end::AttemptEnd;
pub use cursor::Cursor;
pub use event::Event;
pub use fold::{EndedAttempt, Fold, Portions, Rollup, Span};
pub use histogram::Histogram;
pub use kind::EventKind;
pub use merge::{EventPage, Portion, merge};
pub use of_task::of_task;
pub use older::{EventFilter, OlderEvents, OlderSource, older};
pub use starts::Starts;
pub use sums::Sums;
