//! Settings: reads and changes the settings of a file.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::error::Result;
use crate::settings::{FileSetting, FileSettings};

const SETTINGS: &str = statement(include_str!("../../../queries/settings.sql"));
const SETTINGS_SET: &str = statement(include_str!("../../../queries/settings_set.sql"));
const SETTINGS_UNSET: &str = statement(include_str!("../../../queries/settings_unset.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("settings", SETTINGS),
    ("settings_set", SETTINGS_SET),
    ("settings_unset", SETTINGS_UNSET),
];

/// All settings. Names of a newer version are ignored.
pub fn settings(connection: &Connection) -> Result<FileSettings> {
    let stored = rows::all(connection, SETTINGS, [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    })?;
    let mut settings = FileSettings::default();
    for (name, value) in stored {
        if let Some(setting) = FileSetting::of(&name) {
            settings.set(setting, u64::try_from(value).unwrap_or(0));
        }
    }
    Ok(settings)
}

/// Sets one setting, or returns it to its default. Returns true if that changed anything.
///
/// # Errors
/// [`Error::Invalid`](crate::error::Error::Invalid) for a value out of bounds.
pub fn change_setting(
    connection: &Connection,
    setting: FileSetting,
    value: Option<u64>,
) -> Result<bool> {
    let changed = if let Some(value) = value {
        setting.check(value)?;
        // The bounds are below the largest i64.
        let stored = i64::try_from(value).unwrap_or(i64::MAX);
        let mut set = connection.prepare_cached(SETTINGS_SET)?;
        set.execute((setting.name(), stored))?
    } else {
        let mut unset = connection.prepare_cached(SETTINGS_UNSET)?;
        unset.execute([setting.name()])?
    };
    Ok(changed > 0)
}
