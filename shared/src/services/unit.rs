//! Text of the unit file of a service. Pure.

use std::fmt::Write as _;

use super::marks::{COMMAND_KEY, FILE_KEY, NAME_KEY, file_word};
use super::quoting::{describe, is_noncharacter, one_line, quote, quote_assignment};
use super::scope::Scope;
use crate::error::{Error, Result};
use crate::work::Work;

/// Most bytes in the name of a service: its unit's name stays well below the 255 that systemd allows.
const MAX_NAME_BYTES: usize = 100;
/// Most bytes in a line of a unit file, which systemd reads to one mebibyte.
const MAX_LINE_BYTES: usize = 1 << 20;
/// Least memory limit, in bytes: a program below it does not start.
const MIN_MEMORY_BYTES: u64 = 1 << 20;

/// Ends of a service after which it is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Ends other than exit code 0 and a stop: exit codes, signals, a lack of memory.
    #[default]
    OnFailure,
    /// Every end but a stop.
    Always,
    /// None.
    No,
}

impl Restart {
    /// Words of the command line and of systemd.
    pub(crate) const WORDS: [(&'static str, Self); 3] = [
        ("on-failure", Self::OnFailure),
        ("always", Self::Always),
        ("no", Self::No),
    ];

    fn word(self) -> &'static str {
        let word = Self::WORDS.iter().find(|(_, restart)| *restart == self);
        word.map_or("no", |(word, _)| word)
    }
}

/// A service as its unit file describes it.
#[derive(Clone, Debug)]
pub(crate) struct Definition<'a> {
    /// The program that adds it.
    pub(crate) owner: &'a str,
    /// Name.
    pub(crate) name: &'a str,
    /// Absolute path of the database.
    pub(crate) database: &'a str,
    /// Id of the database.
    pub(crate) file: i64,
    /// Absolute path of its program, and its arguments.
    pub(crate) command: &'a [String],
    /// Absolute path of the folder it runs in.
    pub(crate) folder: &'a str,
    /// Variables of its environment.
    pub(crate) variables: &'a [(String, String)],
    /// Account of a system's service.
    pub(crate) run_as: Option<&'a str>,
    pub(crate) restart: Restart,
    /// Most memory of all its processes, in bytes.
    pub(crate) memory_max: Option<u64>,
    pub(crate) scope: Scope,
}

/// Checks the name of a service.
///
/// # Errors
/// A sentence that says how names are written.
pub(crate) fn check_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name = text.strip_suffix(".service").unwrap_or(text);
    if name.is_empty() || name.starts_with(['.', '-']) || !name.chars().all(is_plain) {
        return Err(
            "a service's name has letters, digits, `_`, `-` and `.`, and begins with none of `-` \
             and `.`"
                .to_owned(),
        );
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(format!(
            "a service's name has at most {MAX_NAME_BYTES} characters"
        ));
    }
    Ok(name.to_owned())
}

/// Name of the unit file of a service.
pub(crate) fn unit_file(owner: &str, name: &str) -> String {
    format!("{owner}-{name}.service")
}

impl Definition<'_> {
    /// The text.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values that systemd would not take literally.
    pub(crate) fn render(&self) -> Result<String> {
        self.check()?;
        let mut text = String::new();
        let shown = Work::Argv(self.command.to_vec()).display();
        let _ = writeln!(
            text,
            "[Unit]\nDescription={} service {} of {}\nStartLimitIntervalSec=0",
            self.owner,
            self.name,
            describe(self.database),
        );
        let _ = writeln!(text, "{FILE_KEY}={}", file_word(self.file));
        let _ = writeln!(text, "{NAME_KEY}={}", self.name);
        let _ = writeln!(text, "{COMMAND_KEY}={}", one_line(&shown));
        let words: Vec<String> = self.command.iter().map(|word| quote(word)).collect();
        let folder = self.folder.replace('%', "%%");
        let _ = writeln!(
            text,
            "\n[Service]\nType=exec\nExecStart={}\nWorkingDirectory={folder}",
            words.join(" ")
        );
        for (name, value) in self.variables {
            let assignment = quote_assignment(&format!("{name}={value}"));
            let _ = writeln!(text, "Environment={assignment}");
        }
        if let Some(account) = self.run_as {
            let _ = writeln!(text, "User={account}");
        }
        let _ = writeln!(text, "Restart={}\nRestartSec=1", self.restart.word());
        if let Some(bytes) = self.memory_max {
            let _ = writeln!(text, "MemoryMax={bytes}");
        }
        let target = self.scope.target();
        let _ = writeln!(text, "\n[Install]\nWantedBy={target}");
        if text.lines().any(|line| line.len() >= MAX_LINE_BYTES) {
            return Err(Error::invalid(
                "the command of a service, or a value, is longer than the 1 MiB that systemd reads",
            ));
        }
        Ok(text)
    }

    fn check(&self) -> Result<()> {
        check_name(self.name).map_err(Error::invalid)?;
        let program = self.command.first().map_or("", String::as_str);
        let is_unknown = |c: char| c.is_control() || is_noncharacter(c);
        let is_odd = |c: char| is_unknown(c) || "$\"'\\".contains(c);
        if program.contains(is_odd) {
            return Err(Error::invalid(
                "systemd cannot start a program whose path contains `$`, a quote, a backslash, a \
                 control character or one that Unicode leaves out; start it with /bin/sh -c",
            ));
        }
        let folder = self.folder;
        let is_kept = folder.trim() == folder && !folder.ends_with('\\');
        if !is_kept || folder.contains(is_unknown) {
            return Err(Error::invalid(
                "systemd cannot enter a folder whose path contains a control character or one that \
                 Unicode leaves out, or ends in a space or a backslash; name another with --cwd",
            ));
        }
        for (name, value) in self.variables {
            check_variable(name, value)?;
        }
        if self.memory_max.is_some_and(|most| most < MIN_MEMORY_BYTES) {
            return Err(Error::invalid("--memory-max is at least 1M"));
        }
        Ok(())
    }
}

/// Checks a variable against the rules of systemd, which leaves out others with a warning in its log.
fn check_variable(name: &str, value: &str) -> Result<()> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_word) {
        return Err(Error::invalid(format!(
            "systemd sets no variable named {name:?}; a name has letters, digits and `_`"
        )));
    }
    let is_odd = |c: char| (c.is_ascii_control() && !"\t\n".contains(c)) || is_noncharacter(c);
    if value.contains(is_odd) {
        return Err(Error::invalid(format!(
            "systemd does not take the value of {name}: of control characters it may contain only tabs \
             and line ends, and none of those that Unicode leaves out"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
