//! Report of `pause` and `resume`, be it of a queue, a schedule or a hook.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::printer::Printer;
use super::{Failure, escape};

/// Result of a pause or a resumption.
#[derive(Clone, Copy, Debug)]
pub struct PauseReport<'a> {
    /// `queue`, `schedule` or `hook`.
    pub noun: &'static str,
    /// Its name.
    pub name: &'a str,
    /// True if it is paused now.
    pub paused: bool,
    /// True if it was not so before.
    pub changed: bool,
}

impl PauseReport<'_> {
    /// Prints the report.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub fn print(&self, printer: Printer) -> Result<(), Failure> {
        printer.of_done().say(&self.sentence(), self)
    }

    fn sentence(&self) -> String {
        let named = format!("{} {}", self.noun, escape::line(self.name));
        let capitalized = named[..1].to_uppercase() + &named[1..];
        match (self.paused, self.changed) {
            (true, true) => format!("Paused {named}"),
            (true, false) => format!("{capitalized} is paused already"),
            (false, true) => format!("Resumed {named}"),
            (false, false) => format!("{capitalized} is not paused"),
        }
    }
}

impl Serialize for PauseReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry(self.noun, self.name)?;
        map.serialize_entry("paused", &self.paused)?;
        map.serialize_entry("changed", &self.changed)?;
        map.end()
    }
}
