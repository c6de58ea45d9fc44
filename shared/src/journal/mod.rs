//! Event log: kinds of events, their fields, positions in the log, and the order in which events of the
//! log and events read from tasks follow each other. Independent of any database.

mod cursor;
mod event;
mod kind;
mod merge;
mod of_task;
mod older;
mod origin;
mod starts;

pub use cursor::Cursor;
pub use event::Event;
pub use kind::EventKind;
pub use merge::{EventPage, Portion, merge};
pub use of_task::of_task;
pub use older::{EventFilter, OlderEvents, OlderSource, older};
pub use origin::Origin;
pub use starts::Starts;
