//! The dashboard: pages about the tasks of one file, and actions on them, over HTTP.
//!
//! A request passes the limits of its connection (`server`), then the checks of `gate` and
//! `auth`, then the handler that `routes` names for it, on a thread that may wait for the file.
//! Handlers return a `reply::Reply`; nothing of a task reaches a page unescaped.

mod action;
mod actions;
mod auth;
mod checks;
mod counts;
mod dag;
mod dashboard;
mod download;
mod filter;
mod folding;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod hook_source;
mod hub;
mod listener;
mod live;
mod monitors;
mod output;
mod pages;
mod patient;
mod prune;
mod queue_rates;
mod reply;
mod report;
mod request;
mod router;
mod routes;
mod server;
mod service_readings;
mod sources;
mod sync;
mod words;

pub use dashboard::Options;
pub use hook_source::{
    HookRow, HookSource, LetterRow, ReadHooks, ReadLetters, RetryLetters, SetPaused,
};
pub use listener::{Address, Listener};
#[cfg(feature = "internals")]
#[doc(hidden)]
pub use routes::post_paths;
pub use server::serve;
pub use sources::{
    AttemptRow, FiringRow, LimitRow, Read, ReadEvents, ReadOf, ReadSchedule, ScheduleHistory,
    ScheduleRow, ScheduleSource, Sources,
};
