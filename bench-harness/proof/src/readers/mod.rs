//! Readers of the event log under kills: hooks and their deliverers, and followers that go on after
//! their last cursor. No event may be lost or arrive out of order.

mod check;
mod followers;
mod hooks;
mod load;

pub use followers::run as followers;
pub use hooks::run as hooks;
