//! How a `run` is called again, as the queue of its lines tells.

use std::path::Path;

use super::super::program::Context;
use super::group::{Known, known_by};
use super::source::STDIN;
use crate::queue::Queue;
use crate::task::Work;

/// The arguments that repeat a `run`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Again {
    words: String,
    /// What they need beside them.
    given: &'static str,
}

impl Again {
    /// How the lines in that queue are run again; `None` for a queue of other tasks.
    pub(crate) fn of(queue: &str) -> Option<Self> {
        let here = std::env::current_dir().ok();
        Self::from(queue, here.as_deref())
    }

    /// The same, called from the folder `here`.
    fn from(queue: &str, here: Option<&Path>) -> Option<Self> {
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
                let is_here =
                    here.is_some_and(|here| super::group::of_path(&here.join(name)) == fingerprint);
                of(name, if is_here { "" } else { " in its folder" })
            }
        })
    }

    /// The call, as a person types it.
    pub(crate) fn command<Q: Queue>(&self, context: &Context<Q>) -> String {
        let command = context.command(&format!("run {}", self.words));
        format!("{command}{}", self.given)
    }
}

/// A file's name as an argument that is no option and not standard input.
pub(super) fn quoted(path: &str) -> String {
    let path = if path.starts_with('-') {
        format!("./{path}")
    } else {
        path.to_owned()
    };
    Work::Argv(vec![path]).display()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::group::Group;
    use super::super::source::Origin;
    use super::Again;

    fn again(queue: &str, here: &str) -> String {
        let again = Again::from(queue, Some(Path::new(here))).unwrap();
        format!("{}{}", again.words, again.given)
    }

    #[test]
    fn a_run_is_called_again_by_what_its_lines_are_known_by() {
        let queue = |path: &str| Group::named(&Origin::File(path.into()), b"", None).queue;
        assert_eq!(again(&queue("/a b/c's"), "/a b"), r"'c'\''s'");
        assert_eq!(again(&queue("/a b/c"), "/x"), "'/a b/c'");
        assert_eq!(again(&queue("/a/-c"), "/a"), "./-c");
        let long = format!("/{}/tasks", "d".repeat(200));
        let folder = long.strip_suffix("/tasks").unwrap();
        assert_eq!(again(&queue(&long), folder), "tasks");
        assert_eq!(again(&queue(&long), "/x"), "tasks in its folder");
        let stream = Group::named(&Origin::Stream, b"true\n", None).queue;
        assert_eq!(again(&stream, "/"), "- with the same lines");
        let named = Group::named(&Origin::Stream, b"true\n", Some("my jobs")).queue;
        assert_eq!(again(&named, "/"), "--name 'my jobs' FILE");
        for other in ["default", "run:x", "run:0123456789abcdef", "run"] {
            assert_eq!(Again::from(other, None), None, "{other}");
        }
    }
}
