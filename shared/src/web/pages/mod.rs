//! Pages. Each is a file of its name; `layout` is around all of them.

mod assets;
mod confirm;
mod enqueue;
mod events;
mod health;
mod hooks;
mod layout;
mod limits;
mod login;
mod overview;
mod problem;
mod queues;
mod rates;
mod schedules;
mod services;
mod task;
mod tasks;
mod workers;
mod workflow;

pub(super) use assets::{icon, script, style};
pub(super) use confirm::{confirm, done};
pub(super) use enqueue::enqueue;
pub(super) use events::events;
pub(super) use health::health;
pub(super) use hooks::{address as hook_address, confirm as confirm_letters, hooks, letters};
pub(super) use limits::limits;
pub(super) use login::login;
pub(super) use overview::{live, overview};
pub(super) use problem::problem;
pub(super) use queues::queues;
pub(super) use schedules::{address as schedule_address, history as schedule, schedules};
pub(super) use services::services;
pub(super) use task::{output, tail, task};
pub(super) use tasks::tasks;
pub(super) use workers::workers;
pub(super) use workflow::workflow;
