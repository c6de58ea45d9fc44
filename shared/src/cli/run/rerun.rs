//! The command that repeats a `run`, derived from the name of its queue.

use std::path::Path;

use super::super::invocation::Invocation;
use super::group_name::{Identity, STDIN, identity_of, of_path};
use crate::task::Work;

/// Arguments that repeat a `run`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rerun {
    pub(in crate::cli) arguments: String,
    /// Clause that has to follow the command, such as ` in its folder`.
    pub(in crate::cli) remark: &'static str,
}

impl Rerun {
    /// The arguments for the lines in that queue; `None` for a queue of other tasks.
    pub(crate) fn of(queue: &str) -> Option<Self> {
        let here = std::env::current_dir().ok();
        Self::from(queue, here.as_deref())
    }

    /// As [`of`](Self::of), for a call from the folder `here`.
    pub(in crate::cli) fn from(queue: &str, here: Option<&Path>) -> Option<Self> {
        let of = |path: &str, remark| Self {
            arguments: quoted(path),
            remark,
        };
        Some(match identity_of(queue)? {
            Identity::Name(name) => Self {
                arguments: format!("--name {} FILE", quoted(name)),
                remark: "",
            },
            Identity::Path(path) => {
                let path = Path::new(path);
                let name = path.file_name().and_then(std::ffi::OsStr::to_str);
                match name {
                    Some(name) if path.parent() == here => of(name, ""),
                    _ => of(&path.to_string_lossy(), ""),
                }
            }
            Identity::Content => Self {
                arguments: STDIN.to_owned(),
                remark: " with the same lines",
            },
            Identity::File { name, fingerprint } => {
                let is_here = here.is_some_and(|here| of_path(&here.join(name)) == fingerprint);
                of(name, if is_here { "" } else { " in its folder" })
            }
        })
    }

    /// The call, as a person types it.
    pub(crate) fn command(&self, invocation: &Invocation) -> String {
        let command = invocation.command(&format!("run {}", self.arguments));
        format!("{command}{}", self.remark)
    }
}

/// A file's name as an argument that is neither an option nor standard input.
pub(in crate::cli) fn quoted(path: &str) -> String {
    let path = if path.starts_with('-') {
        format!("./{path}")
    } else {
        path.to_owned()
    };
    Work::Argv(vec![path]).display()
}
