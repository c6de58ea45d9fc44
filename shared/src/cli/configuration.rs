//! The configuration file: defaults of options, below flags and variables.

mod defaults;
mod file;

use std::ffi::OsString;
use std::path::PathBuf;

use super::Failure;
use super::own_variable::variable;
pub(super) use defaults::Setting;

/// The configuration file of a program, read.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Its path; none if it is ignored or there is no home folder.
    pub(super) path: Option<PathBuf>,
    /// True if there is one.
    pub(super) exists: bool,
    pub(super) settings: Vec<Setting>,
}

impl Config {
    /// Reads the file of the program, unless the arguments or a variable say to ignore it.
    ///
    /// # Errors
    /// [`Failure::Usage`] about a file that is not the caller's own, cannot be read, or has unknown
    /// options.
    pub(super) fn load(
        program: &str,
        command: fn() -> clap::Command,
        arguments: &[OsString],
    ) -> Result<Self, Failure> {
        if without_config(arguments) || variable(program, "NO_CONFIG").is_some() {
            return Ok(Self::default());
        }
        let Some(path) = path(program) else {
            return Ok(Self::default());
        };
        let refused = |what: &str| {
            Failure::Usage(format!(
                "{}: {what}; mend it, or pass --no-config",
                path.display()
            ))
        };
        let Some(text) = file::read(&path).map_err(|what| refused(&what))? else {
            let path = Some(path);
            return Ok(Self {
                path,
                ..Self::default()
            });
        };
        let settings = defaults::parse(&text, &command())
            .map_err(|wrong| refused(&format!("line {}: {}", wrong.line, wrong.sentence)))?;
        Ok(Self {
            path: Some(path),
            exists: true,
            settings,
        })
    }

    /// The value of a common option.
    pub(super) fn common(&self, option: &str) -> Option<&str> {
        self.common_setting(option)?
            .values
            .first()
            .map(String::as_str)
    }

    /// The setting of a common option.
    pub(super) fn common_setting(&self, option: &str) -> Option<&Setting> {
        let is_it = |one: &&Setting| one.verb.is_none() && one.option == option;
        self.settings.iter().find(is_it)
    }

    /// The command line with the defaults of the file.
    pub(super) fn apply(&self, command: clap::Command) -> clap::Command {
        defaults::apply(&self.settings, command)
    }
}

/// The folder of configuration files, and the file of the program in it.
fn path(program: &str) -> Option<PathBuf> {
    let absolute = |name| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(folder.join(program).join("config.toml"))
}

/// True if the arguments say to ignore the file, which is read before they are parsed.
fn without_config(arguments: &[OsString]) -> bool {
    let mut before = arguments.iter().take_while(|argument| *argument != "--");
    before.any(|argument| argument == "--no-config")
}
