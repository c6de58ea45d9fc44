//! Settings of the file as a worker uses them, read again after a while.

use std::fmt;
use std::sync::Arc;

use crate::clock::BootTime;
use crate::error::Result;
use crate::settings::FileSettings;

/// Age in milliseconds from which settings are read again.
const FRESH_MS: i64 = 2_000;

/// Reads the settings of the file.
pub(crate) type ReadSettings = Arc<dyn Fn() -> Result<FileSettings> + Send + Sync>;

/// Settings of the file, as they were at the last reading. They are the defaults until a source is
/// set, and stay as they are while the file cannot be read.
#[derive(Clone, Default)]
pub(super) struct CurrentSettings {
    read: Option<ReadSettings>,
    settings: FileSettings,
    read_at: Option<BootTime>,
}

impl CurrentSettings {
    pub(super) fn read_with(&mut self, read: ReadSettings) {
        self.read = Some(read);
        self.read_at = None;
    }

    /// Settings of the last reading.
    pub(super) fn last(&self) -> FileSettings {
        self.settings
    }

    /// Reads the settings, unless that was done a moment before `now`.
    pub(super) fn refresh(&mut self, now: BootTime) {
        let is_fresh = |at: BootTime| (0..FRESH_MS).contains(&(now.0 - at.0));
        if self.read_at.is_some_and(is_fresh) {
            return;
        }
        if let Some(read) = &self.read {
            self.read_at = Some(now);
            self.settings = read().unwrap_or(self.settings);
        }
    }
}

impl fmt::Debug for CurrentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentSettings")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{BootTime, CurrentSettings, FileSettings};
    use crate::error::Error;

    #[test]
    fn settings_are_read_again_after_two_seconds_and_stay_while_they_cannot_be_read() {
        let size = Arc::new(AtomicU64::new(1));
        let source = Arc::clone(&size);
        let mut settings = CurrentSettings::default();
        settings.refresh(BootTime(0));
        assert_eq!(settings.last(), FileSettings::default());
        settings.read_with(Arc::new(move || match source.load(Ordering::Relaxed) {
            0 => Err(Error::invalid("planted")),
            log_size => Ok(FileSettings {
                log_size,
                ..FileSettings::default()
            }),
        }));
        let mut log_size_at = |at: i64| {
            settings.refresh(BootTime(at));
            settings.last().log_size
        };
        assert_eq!(log_size_at(0), 1);
        size.store(2, Ordering::Relaxed);
        assert_eq!((log_size_at(1_999), log_size_at(2_000)), (1, 2));
        size.store(0, Ordering::Relaxed);
        assert_eq!(log_size_at(9_000), 2);
    }
}
