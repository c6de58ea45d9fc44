//! Text for people and programs: untrusted text made safe to show, points in time, durations, ends of
//! attempts, JSON.

pub mod duration;
pub(crate) mod ending;
pub mod escape;
pub(crate) mod events;
pub(crate) mod json;
pub mod moment;
pub mod size;
pub(crate) mod tasks;
pub mod usage;
pub(crate) mod waiting;
