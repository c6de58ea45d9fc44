//! Settings of a file. They hold for every program that uses it, and a worker takes up a change
//! within seconds.

use crate::error::{Error, Result};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Setting of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileSetting {
    /// Bytes of output kept of an attempt: the beginning and the end of a longer one.
    LogSize,
    /// Bytes of all logs of the file. Beyond it the oldest logs of ended attempts are shortened,
    /// then removed.
    LogsTotal,
    /// Milliseconds for which the event log is kept.
    Retain,
}

/// Every setting of a file, with its value or default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSettings {
    /// Value of [`FileSetting::LogSize`].
    pub log_size: u64,
    /// Value of [`FileSetting::LogsTotal`].
    pub logs_total: u64,
    /// Value of [`FileSetting::Retain`].
    pub retain: u64,
}

impl FileSetting {
    /// All settings, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::LogSize, Self::LogsTotal, Self::Retain];

    /// Name in the file and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogSize => "log-size",
            Self::LogsTotal => "logs-total",
            Self::Retain => "retain",
        }
    }

    /// Setting of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// Value in a file that does not set it.
    pub const fn default_value(self) -> u64 {
        match self {
            Self::LogSize => 16 << 20,
            Self::LogsTotal => 1 << 30,
            Self::Retain => 90 * DAY_MS,
        }
    }

    /// Smallest and largest value.
    pub const fn bounds(self) -> (u64, u64) {
        match self {
            Self::LogSize => (64 << 10, 1 << 40),
            Self::LogsTotal => (1 << 20, 1 << 50),
            Self::Retain => (HOUR_MS, 36_500 * DAY_MS),
        }
    }

    /// Unit of the value.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::LogSize | Self::LogsTotal => "bytes",
            Self::Retain => "milliseconds",
        }
    }

    /// Checks a value.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the bounds.
    pub fn check(self, value: u64) -> Result<()> {
        let (least, most) = self.bounds();
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} is {least} to {most} {}; set a value within that",
            self.name(),
            self.unit()
        )))
    }
}

impl FileSettings {
    /// Value of one setting.
    pub const fn get(&self, setting: FileSetting) -> u64 {
        match setting {
            FileSetting::LogSize => self.log_size,
            FileSetting::LogsTotal => self.logs_total,
            FileSetting::Retain => self.retain,
        }
    }

    /// Sets one value. A value of another version that is out of bounds becomes the nearest bound.
    pub(crate) fn set(&mut self, setting: FileSetting, value: u64) {
        let (least, most) = setting.bounds();
        let value = value.clamp(least, most);
        match setting {
            FileSetting::LogSize => self.log_size = value,
            FileSetting::LogsTotal => self.logs_total = value,
            FileSetting::Retain => self.retain = value,
        }
    }
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            log_size: FileSetting::LogSize.default_value(),
            logs_total: FileSetting::LogsTotal.default_value(),
            retain: FileSetting::Retain.default_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FileSetting, FileSettings};

    #[test]
    fn every_setting_has_a_name_and_a_default_within_its_bounds() {
        let defaults = FileSettings::default();
        for setting in FileSetting::ALL {
            assert_eq!(FileSetting::of(setting.name()), Some(setting));
            assert_eq!(defaults.get(setting), setting.default_value());
            setting.check(setting.default_value()).unwrap();
            let (least, most) = setting.bounds();
            setting.check(least - 1).unwrap_err();
            setting.check(most + 1).unwrap_err();
        }
        assert_eq!(FileSetting::of("log_size"), None);
    }

    #[test]
    fn a_stored_value_out_of_bounds_becomes_the_nearest_bound() {
        let mut settings = FileSettings::default();
        settings.set(FileSetting::LogSize, 0);
        settings.set(FileSetting::LogsTotal, u64::MAX);
        assert_eq!(
            (settings.log_size, settings.logs_total),
            (64 << 10, 1 << 50)
        );
    }
}
