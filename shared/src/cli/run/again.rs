//! How a `run` is called again, as the queue of its lines tells.

use std::path::Path;

use super::super::invocation::Invocation;
use super::group_name::{Known, STDIN, known_by, of_path};
use crate::task::Work;

/// The arguments that repeat a `run`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Again {
    pub(in crate::cli) words: String,
    /// What they need beside them.
    pub(in crate::cli) given: &'static str,
}

impl Again {
    /// How the lines in that queue are run again; `None` for a queue of other tasks.
    pub(crate) fn of(queue: &str) -> Option<Self> {
        let here = std::env::current_dir().ok();
        Self::from(queue, here.as_deref())
    }

    /// The same, called from the folder `here`.
    pub(in crate::cli) fn from(queue: &str, here: Option<&Path>) -> Option<Self> {
        let of = |path: &str, given| Self {
            words: quoted(path),
            given,
        };
        Some(match known_by(queue)? {
            Known::Name(name) => Self {
                words: format!("--name {} FILE", quoted(name)),
                given: "",
            },
            Known::Path(path) => {
                let path = Path::new(path);
                let name = path.file_name().and_then(std::ffi::OsStr::to_str);
                match name {
                    Some(name) if path.parent() == here => of(name, ""),
                    _ => of(&path.to_string_lossy(), ""),
                }
            }
            Known::Content => Self {
                words: STDIN.to_owned(),
                given: " with the same lines",
            },
            Known::File { name, fingerprint } => {
                let is_here = here.is_some_and(|here| of_path(&here.join(name)) == fingerprint);
                of(name, if is_here { "" } else { " in its folder" })
            }
        })
    }

    /// The call, as a person types it.
    pub(crate) fn command(&self, invocation: &Invocation) -> String {
        let command = invocation.command(&format!("run {}", self.words));
        format!("{command}{}", self.given)
    }
}

/// A file's name as an argument that is no option and not standard input.
pub(in crate::cli) fn quoted(path: &str) -> String {
    let path = if path.starts_with('-') {
        format!("./{path}")
    } else {
        path.to_owned()
    };
    Work::Argv(vec![path]).display()
}
