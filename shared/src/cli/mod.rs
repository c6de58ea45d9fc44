//! The common part of both command lines: the verbs that both programs have.
//!
//! A program's `main` describes itself as a [`Program`], parses its arguments with [`main`] and
//! hands the [`Common`] options and the verb to [`Program::run`]. Each verb is a file of its name.
//! [`Verb`] has the verbs that are the same in every program; `add-task`, `run`, `worker`,
//! `systemd`, `retry`, `list` and `queues` are functions that take the options a program adds to
//! them, or [`Plain`].

mod argument_tips;
mod arguments;
mod command_line;
mod command_name;
mod common;
mod exit;
mod extra;
mod folded;
#[cfg(feature = "internals")]
pub(crate) mod fuzzing;
pub mod json;
pub mod number;
mod option_values;
pub mod overview;
pub mod possible_values;
mod print_thread;
pub(crate) mod printer;
mod program;
pub mod select;
pub mod table;
pub mod tasks;

pub mod add_task;
mod backup;
mod cancel;
mod change_selected;
mod complete;
mod completions;
mod config;
mod configuration;
mod doctor;
mod edit;
mod health;
mod history;
mod hold;
mod interrupt;
mod invocation;
mod likeness;
pub mod list;
mod log;
mod man;
mod metrics;
mod own_variable;
mod pause;
mod pause_report;
mod process_setup;
mod prune;
mod queue_name;
pub mod queues;
mod reap;
mod release;
mod reprioritize;
mod rerun;
mod restore;
pub mod retry;
pub mod run;
mod salvage;
#[cfg(feature = "web")]
pub mod serve;
mod served;
mod service;
mod settings;
mod show;
mod shrink;
mod skip_cause;
mod start;
pub mod status;
mod stop_signals;
pub mod systemd;
mod terminal;
#[cfg(feature = "top")]
mod top;
mod variables;
mod verify;
mod wait;
mod watch;
mod why;
pub mod worker;
mod worker_id;
mod workers;
mod workflow_verbs;

pub use crate::text::{duration, escape, moment, size, usage};
pub use crate::watch::event_view;
pub use arguments::Verb;
pub use command_line::main;
pub use common::Common;
pub use configuration::Config;
pub use exit::Failure;
pub use extra::Plain;
pub use invocation::Invocation;
pub use pause_report::PauseReport;
pub use printer::{Format, note};
pub use program::{Access, Context, Program};
pub use show::{find, show_settings};
pub use stop_signals::stop_on_signals;
pub use workflow_verbs::WORKFLOW_VERBS;
