//! Health of a file, its workers and its machine; events as programs read them; and the delivery of
//! events to hooks.

pub mod deliver;
pub mod event_view;
mod health;
mod machine;
mod readings;

pub use health::{Check, Level, Measure, judge, worst};
pub use readings::Readings;
