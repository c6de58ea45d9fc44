//! The way a person calls a program on a file, for sentences that name a command.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::task::Work;

/// A program and the file it works on.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The program's name.
    pub(super) program: &'static str,
    /// The file.
    pub(super) path: PathBuf,
    /// True if the file needs `--db`; false if the program finds it by itself.
    pub(super) by_option: bool,
}

impl Invocation {
    /// The call of a verb with its arguments, between backticks.
    pub fn command(&self, verb: &str) -> String {
        if self.by_option {
            let path = Work::Argv(vec![self.path.to_string_lossy().into_owned()]);
            format!("`{} --db {} {verb}`", self.program, path.display())
        } else {
            format!("`{} {verb}`", self.program)
        }
    }

    /// The sentence of an error: its message, its nearest cause unless the message has it, and
    /// commands that work on the file of the error.
    pub(super) fn sentence(&self, error: &Error) -> String {
        let text = self.complete(error);
        let cause = std::error::Error::source(error).map(|cause| match cause.downcast_ref() {
            Some(cause) => self.complete(cause),
            None => cause.to_string(),
        });
        match cause {
            Some(cause) if !text.contains(&cause) => format!("{text} ({cause})"),
            _ => text,
        }
    }

    fn complete(&self, error: &Error) -> String {
        let other = error.path().filter(|path| !is_same(path, &self.path));
        let of_other = other.map(|path| Self {
            program: self.program,
            path: path.to_owned(),
            by_option: true,
        });
        let invocation = of_other.as_ref().unwrap_or(self);
        error.told(&|verb| invocation.command(verb))
    }
}

/// True if both paths name one file, which may be gone.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| {
        let found = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        found.unwrap_or_else(|_| path.to_owned())
    };
    one == other || file(one) == file(other)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::Invocation;
    use crate::error::Error;
    use crate::remedy::Remedy;

    fn invocation(by_option: bool) -> Invocation {
        Invocation {
            program: "fast-queue",
            path: "it's.db".into(),
            by_option,
        }
    }

    fn damaged(path: &str) -> Error {
        Error::Unusable {
            path: path.into(),
            what: "it is damaged".to_owned(),
            remedy: Some(Remedy::Check),
            source: None,
        }
    }

    #[test]
    fn a_sentence_names_its_cause_once() {
        let error = Error::io("cannot create x", io::Error::other("boom"));
        assert_eq!(invocation(false).sentence(&error), "cannot create x: boom");
    }

    /// The library printed "run `doctor`", which is no command of a shell.
    #[test]
    fn the_commands_of_an_error_name_the_program_and_the_file_it_is_about() {
        let sentence = |by_option, path| invocation(by_option).sentence(&damaged(path));
        assert_eq!(
            sentence(false, "it's.db"),
            "it's.db: it is damaged; run `fast-queue doctor`"
        );
        assert_eq!(
            sentence(true, "it's.db"),
            "it's.db: it is damaged; run `fast-queue --db 'it'\\''s.db' doctor`"
        );
        assert_eq!(
            sentence(false, "backup.db"),
            "backup.db: it is damaged; run `fast-queue --db backup.db doctor`"
        );
        assert_eq!(
            damaged("backup.db").to_string(),
            "backup.db: it is damaged; run `doctor`"
        );
    }
}
