//! Environment variables of a started program.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::inputs::{FOLDER, VARIABLE};

/// Variables that are for the worker alone: those of its service manager, and the name of its
/// program. A command that used them would report for the worker, or take its descriptors.
const WORKERS_OWN: &[&str] = &[
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "_",
];

/// Variables that this program sets for commands and hooks. If the worker has them, they belong to
/// another task.
const TOLD: &[&str] = &[
    "QUEUE_TASK_ID",
    "QUEUE_TASK_NAME",
    "QUEUE_ATTEMPT",
    "QUEUE_TOKEN",
    "QUEUE_WORKER",
    "QUEUE_DB",
    "QUEUE_STATE",
    "QUEUE_EXIT_CODE",
    "QUEUE_SIGNAL",
    "QUEUE_HOOK",
    "QUEUE_EVENT_ID",
    "QUEUE_EVENT_TYPE",
    FOLDER,
];

/// Variables, each name once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Vec<Variable>);

#[derive(Clone, Debug)]
struct Variable {
    /// `NAME=value`.
    text: CString,
    /// Length of the name in bytes.
    name: usize,
}

impl Variable {
    fn name(&self) -> &[u8] {
        &self.text.as_bytes()[..self.name]
    }
}

impl Environment {
    /// This process's variables, as far as commands and hooks inherit them.
    pub(crate) fn handed_on() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            if !is_own(&name) {
                environment.set(&name, &value);
            }
        }
        if let Ok(folder) = folder() {
            environment.set("PWD", folder);
        }
        environment
    }

    /// Sets a variable. Leaves it out if it has a NUL byte, which cannot be passed to a program.
    pub(crate) fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        let mut text = OsString::with_capacity(name.len() + value.len() + 2);
        text.push(name);
        text.push("=");
        text.push(value);
        let Ok(text) = CString::new(text.into_vec()) else {
            return;
        };
        let variable = Variable {
            text,
            name: name.len(),
        };
        match self.0.iter_mut().find(|own| own.name() == name.as_bytes()) {
            Some(own) => *own = variable,
            None => self.0.push(variable),
        }
    }

    /// Value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let own = self.0.iter().find(|own| own.name() == name.as_bytes())?;
        Some(OsStr::from_bytes(&own.text.as_bytes()[own.name + 1..]))
    }

    /// These variables, and those of `base` that they do not replace.
    pub(super) fn over<'a>(&'a self, base: &'a Self) -> impl Iterator<Item = &'a CStr> {
        let kept = |of_base: &&Variable| {
            let replaces = |own: &Variable| own.name() == of_base.name();
            !self.0.iter().any(replaces)
        };
        let all = base.0.iter().filter(kept).chain(&self.0);
        all.map(|variable| variable.text.as_c_str())
    }
}

/// Path of the current directory: that in `PWD`, if it names the directory.
pub(super) fn folder() -> std::io::Result<PathBuf> {
    match std::env::var_os("PWD").filter(|name| is_here(name)) {
        Some(name) => Ok(name.into()),
        None => std::env::current_dir(),
    }
}

/// Returns true if the path names the current directory, as a shell checks before it uses `PWD`.
fn is_here(name: &OsStr) -> bool {
    let same = |own: Metadata, here: Metadata| (own.dev(), own.ino()) == (here.dev(), here.ino());
    Path::new(name).is_absolute()
        && std::fs::metadata(name)
            .and_then(|own| Ok(same(own, std::fs::metadata(".")?)))
            .unwrap_or(false)
}

/// True for a variable that is about the process which has it, or about its task, and means nothing
/// in another one.
pub(crate) fn is_of_one_process(name: &OsStr) -> bool {
    is_own(name) || name == "PWD" || name.as_bytes().starts_with(b"QUEUE_")
}

fn is_own(name: &OsStr) -> bool {
    WORKERS_OWN.iter().chain(TOLD).any(|own| name == *own)
        || name.as_bytes().starts_with(VARIABLE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Environment;

    fn texts(own: &Environment, base: &Environment) -> Vec<String> {
        let text = |variable: &std::ffi::CStr| variable.to_str().unwrap().to_owned();
        own.over(base).map(text).collect()
    }

    #[test]
    fn a_variable_is_passed_once_with_the_value_that_was_set_last() {
        let mut base = Environment::default();
        base.set("A", "1");
        base.set("AB", "2");
        let mut own = Environment::default();
        own.set("B", "3");
        own.set("A", "4");
        own.set("A", "x=5");
        assert_eq!(texts(&own, &base), ["AB=2", "B=3", "A=x=5"]);
        assert_eq!(own.get("A"), Some("x=5".as_ref()));
        assert_eq!(own.get("AB"), None);
    }

    #[test]
    fn a_variable_that_cannot_be_passed_is_left_out() {
        let mut own = Environment::default();
        own.set("A", "1");
        own.set("B", "a\0b");
        assert_eq!(texts(&own, &Environment::default()), ["A=1"]);
    }
}
