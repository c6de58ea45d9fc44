//! `settings`: shows and changes the settings of a file.

use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::program::{Access, Context};
use super::table::{Column, Table, left};
use super::{Failure, duration, size};
use crate::error::Error;
use crate::queue::Queue;
use crate::settings::FileSetting;

/// Show or change the settings of this database
///
/// They hold for every program that uses the database. Workers take up a change within seconds.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    change: Option<ChangeSetting>,
}

#[derive(Debug, Subcommand)]
enum ChangeSetting {
    /// Set one of them
    Set {
        /// Its name
        setting: SettingName,
        /// The size, such as 65536, 64K, 16M or 1.5G, or the time, such as 90d
        value: String,
    },
    /// Return one to its default
    Unset {
        /// Its name
        setting: SettingName,
    },
}

/// Name of a setting on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SettingName {
    /// Output kept of each attempt, 64 KiB to 1 TiB: of more, the first half and the last quarter or
    /// more
    LogSize,
    /// All logs together, 1 MiB to 1,024 TiB: beyond that, the oldest of ended attempts are
    /// shortened to 64 KiB, then removed
    LogsTotal,
    /// Time for which events are kept, an hour to 36,500 days; fast-queue keeps none
    Retain,
}

impl SettingName {
    fn setting(self) -> FileSetting {
        match self {
            Self::LogSize => FileSetting::LogSize,
            Self::LogsTotal => FileSetting::LogsTotal,
            Self::Retain => FileSetting::Retain,
        }
    }
}

#[derive(Serialize)]
struct View {
    name: &'static str,
    value: u64,
    default: u64,
}

#[derive(Serialize)]
struct ChangedView {
    name: &'static str,
    value: u64,
    default: u64,
    changed: bool,
}

const DAY_MS: u64 = 86_400_000;

const COLUMNS: [Column; 3] = [left("SETTING"), left("VALUE"), left("DEFAULT")];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.change {
        None => show(context),
        Some(ChangeSetting::Set { setting, value }) => {
            let setting = setting.setting();
            change(context, setting, Some(parse(setting, value)?))
        }
        Some(ChangeSetting::Unset { setting }) => change(context, setting.setting(), None),
    }
}

fn show<Q: Queue>(context: &Context<Q>) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let settings = queue.settings()?;
    let has_effect = |setting: &FileSetting| queue.keeps_log() || *setting != FileSetting::Retain;
    let all: Vec<FileSetting> = FileSetting::ALL.into_iter().filter(has_effect).collect();
    let view = |setting: &FileSetting| View {
        name: setting.name(),
        value: settings.get(*setting),
        default: setting.default_value(),
    };
    let views: Vec<View> = all.iter().map(view).collect();
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    let mut table = Table::new(&COLUMNS);
    for (setting, view) in all.into_iter().zip(&views) {
        let (value, default) = (shown(setting, view.value), shown(setting, view.default));
        table.row([view.name, &value, &default]);
    }
    context.printer.table(&table)
}

fn change<Q: Queue>(
    context: &Context<Q>,
    setting: FileSetting,
    value: Option<u64>,
) -> Result<(), Failure> {
    if let Some(value) = value {
        check(setting, value)?;
    }
    let queue = context.open(Access::Write)?;
    if setting == FileSetting::Retain && !queue.keeps_log() {
        let sentence = "a file of fast-queue has no event log to retain";
        return Err(Error::invalid(sentence).into());
    }
    let changed = queue.change_setting(setting, value)?;
    let (name, default) = (setting.name(), setting.default_value());
    let now = value.unwrap_or(default);
    let shown = shown(setting, now);
    let sentence = match (value, changed) {
        (Some(_), true) => format!("Set {name} to {shown}"),
        (Some(_), false) => format!("{name} is {shown} already"),
        (None, true) => format!("Returned {name} to its default, {shown}"),
        (None, false) => format!("{name} has its default, {shown}"),
    };
    let view = ChangedView {
        name,
        value: now,
        default,
        changed,
    };
    context.printer.of_done().say(&sentence, &view)
}

/// Reads a value in the unit of its setting.
fn parse(setting: FileSetting, text: &str) -> Result<u64, Failure> {
    let value = match setting {
        FileSetting::LogSize | FileSetting::LogsTotal => size::parse(text),
        FileSetting::Retain => {
            duration::parse(text).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
        }
    };
    value.map_err(|why| Failure::Usage(format!("invalid value '{text}' for '<VALUE>': {why}")))
}

/// A value as people write it.
fn shown(setting: FileSetting, value: u64) -> String {
    match setting {
        FileSetting::LogSize | FileSetting::LogsTotal => size::show(value),
        FileSetting::Retain if value.is_multiple_of(DAY_MS) => format!("{}d", value / DAY_MS),
        FileSetting::Retain => duration::show(Duration::from_millis(value)),
    }
}

/// Refuses a value out of bounds, with the bounds as people write them.
fn check(setting: FileSetting, value: u64) -> Result<(), Failure> {
    setting.check(value).map_err(|_| {
        let (least, most) = setting.bounds();
        let sentence = format!(
            "{} is {} to {}; {} is out of that",
            setting.name(),
            shown(setting, least),
            shown(setting, most),
            shown(setting, value)
        );
        Failure::from(Error::invalid(sentence))
    })
}
