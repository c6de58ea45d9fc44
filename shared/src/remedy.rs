//! Commands that help with an error or a finding. The library knows neither the program that uses
//! it nor the user's name for the file, so a program completes them.

/// Advice to a person, with the commands to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Find out who holds the database.
    FindHolder,
    /// Check if the write happened before repeating it.
    LookFirst,
    /// Check the database.
    Check,
    /// Check the disk, then the database.
    CheckDisk,
    /// Check the database once no process uses it any more.
    StopAndCheck,
    /// Replace the database with a backup, or save its readable rows.
    RestoreOrSalvage,
    /// The same for a database whose contents cannot be trusted.
    CopyAndRestoreOrSalvage,
    /// Save the readable rows of the database.
    Salvage,
    /// Replace the database with a backup.
    Restore,
    /// Use another file, or replace this one with a backup.
    UseAnotherOrRestore,
    /// Replace the database with a backup, or begin a new one.
    RestoreOrBegin,
    /// Compute rows anew that follow from the tasks.
    Recompute,
    /// Empty the write-ahead log; the next worker does so too.
    EmptyLog,
    /// Empty the write-ahead log once its readers have ended.
    EndReadersAndEmptyLog,
}

impl Remedy {
    /// Clause for the end of a sentence. `command` turns a verb with its arguments into a command
    /// line. Words in capitals stand for files that the reader chooses.
    pub fn clause(self, command: &dyn Fn(&str) -> String) -> String {
        let check = || command("doctor");
        let restore = || {
            format!(
                "put a backup in its place with {}",
                command("restore BACKUP")
            )
        };
        let salvage = || {
            format!(
                "save what can be read to a new file with {}",
                command("salvage NEW_FILE")
            )
        };
        match self {
            Self::FindHolder => format!("{} shows who holds it", check()),
            Self::LookFirst => format!("look with {} before you repeat it", command("list")),
            Self::Check => format!("run {}", check()),
            Self::CheckDisk => format!("check the disk, then run {}", check()),
            Self::StopAndCheck => {
                format!("stop every process that uses this file and run {}", check())
            }
            Self::RestoreOrSalvage => {
                format!("stop its workers, then {}, or {}", restore(), salvage())
            }
            Self::CopyAndRestoreOrSalvage => {
                format!(
                    "stop its workers and keep a copy, then {}, or {}",
                    restore(),
                    salvage()
                )
            }
            Self::Salvage => salvage(),
            Self::Restore => restore(),
            Self::UseAnotherOrRestore => format!("name another file, or {}", restore()),
            Self::RestoreOrBegin => format!("{}, or start again with a new one", restore()),
            Self::Recompute => format!("{} computes it anew", command("doctor --repair")),
            Self::EmptyLog => {
                format!(
                    "{} empties it, or the next worker does",
                    command("doctor --repair")
                )
            }
            Self::EndReadersAndEmptyLog => {
                format!("end that, then {} empties it", command("doctor --repair"))
            }
        }
    }
}

/// Verb as the library, which knows no program, shows it.
pub(crate) fn bare(verb: &str) -> String {
    format!("`{verb}`")
}
