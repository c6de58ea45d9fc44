//! A program as its users meet it: processes, signals, files, exit codes. What stands here holds
//! for every program; each names itself in `crate::PROGRAM`.

mod bad_input;
mod committed;
mod completions;
mod environment;
mod full_disk;
mod held;
mod hints;
mod interrupted_run;
mod lasting;
mod logs;
mod orphans;
mod other_users;
mod ownership;
pub(crate) mod program;
mod remedies;
mod safekeeping;
mod service;
mod shortages;
mod shown;
mod shrinking;
mod signals;
#[path = "../skipped/mod.rs"]
pub(crate) mod skipped;
mod steps;
mod taken_away;
mod unhurried;
