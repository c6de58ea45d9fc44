//! `settings`: shows and changes the settings of a file.

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::program::{Access, Context};
use super::table::{Column, Table, left};
use super::{Failure, size};
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
        /// The size, such as 65536, 64K, 16M or 1.5G
        #[arg(value_parser = size::parse)]
        value: u64,
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
}

impl SettingName {
    fn setting(self) -> FileSetting {
        match self {
            Self::LogSize => FileSetting::LogSize,
            Self::LogsTotal => FileSetting::LogsTotal,
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

const COLUMNS: [Column; 3] = [left("SETTING"), left("VALUE"), left("DEFAULT")];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.change {
        None => show(context),
        Some(ChangeSetting::Set { setting, value }) => {
            change(context, setting.setting(), Some(*value))
        }
        Some(ChangeSetting::Unset { setting }) => change(context, setting.setting(), None),
    }
}

fn show<Q: Queue>(context: &Context<Q>) -> Result<(), Failure> {
    let settings = context.open(Access::Read)?.settings()?;
    let views = FileSetting::ALL.map(|setting| View {
        name: setting.name(),
        value: settings.get(setting),
        default: setting.default_value(),
    });
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    let mut table = Table::new(&COLUMNS);
    for view in &views {
        let (value, default) = (size::show(view.value), size::show(view.default));
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
    let changed = queue.change_setting(setting, value)?;
    let (name, default) = (setting.name(), setting.default_value());
    let now = value.unwrap_or(default);
    let shown = size::show(now);
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

/// Refuses a value out of bounds, with the bounds as people write them.
fn check(setting: FileSetting, value: u64) -> Result<(), Failure> {
    setting.check(value).map_err(|_| {
        let (least, most) = setting.bounds();
        let sentence = format!(
            "{} is {} to {}; {} is out of that",
            setting.name(),
            size::show(least),
            size::show(most),
            size::show(value)
        );
        Failure::from(Error::invalid(sentence))
    })
}
