//! Settings: changes the settings of a file.

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::settings::FileSetting;
use queue_core::sqlite::verbs;

use super::transaction::Writing;
use crate::slice::Slice as _;

/// Sets one setting; `None` returns it to its default. Returns true if that changed anything.
pub(crate) fn change_setting(
    writing: &mut Writing<'_>,
    setting: FileSetting,
    value: Option<u64>,
) -> Result<bool> {
    let changed = verbs::change_setting(writing.slice.connection, setting, value)?;
    if changed {
        let data = serde_json::json!({ "setting": setting.name(), "value": value });
        writing.slice.note(EventKind::SettingChanged, &data)?;
    }
    Ok(changed)
}
