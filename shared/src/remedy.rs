//! Commands that help where an error or a finding says that something is wrong. The library knows
//! neither the program that uses it nor how its user names the file, so a program completes them.

/// What a person can do, with the commands that do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Find out who holds the database.
    FindHolder,
    /// Look whether the write happened before repeating it.
    LookFirst,
    /// Check the database.
    Check,
    /// Check the disk, then the database.
    CheckDisk,
    /// Check the database once no process uses it any more.
    StopAndCheck,
    /// Put a backup in the place of the database, or save what can be read of it.
    RestoreOrSalvage,
    /// The same for a database in which nothing tells what is still right.
    CopyAndRestoreOrSalvage,
    /// Save what can be read of the database.
    Salvage,
    /// Put a backup in the place of the database.
    Restore,
    /// Use another file, or put a backup in the place of this one.
    UseAnotherOrRestore,
    /// Put a backup in the place of the database, or begin a new one.
    RestoreOrBegin,
    /// Compute anew what is derived from the tasks.
    Recompute,
    /// Empty the write-ahead log, which the next worker does too.
    EmptyLog,
    /// Empty the write-ahead log once its readers have ended.
    EndReadersAndEmptyLog,
}

impl Remedy {
    /// A clause in which `command` says how a verb with its arguments is called. Words in capitals
    /// stand for files that the reader chooses.
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

/// How the library, which knows no program, says a verb.
pub(crate) fn bare(verb: &str) -> String {
    format!("`{verb}`")
}
