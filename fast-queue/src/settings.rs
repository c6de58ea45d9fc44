//! Settings: changes a setting of the file.

use queue_core::error::Result;
use queue_core::settings::FileSetting;
use queue_core::sqlite::verbs;

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Sets a setting, or returns it to its default. Returns true if that changed anything.
pub(crate) fn change_setting(
    queue: &FastQueue,
    setting: FileSetting,
    value: Option<u64>,
) -> Result<bool> {
    queue.change(Phase::Accepting, move |connection| {
        verbs::change_setting(connection, setting, value)
    })
}
