//! Search for the program of a command, as `execvp` would do in the child, but before the child
//! exists: the system's error does not name the missing file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::end::StartError;
use super::shortage;

/// Search path if `PATH` is not set, as in the C library.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Returns the absolute path of `program`. A name with a slash is relative to `cwd` (the worker's
/// own directory unless set); a bare name is searched in `path`.
///
/// # Errors
/// A sentence that names the missing file, or the resource that is short.
pub(super) fn program(
    program: &str,
    cwd: Option<&Path>,
    path: Option<&OsStr>,
) -> Result<PathBuf, StartError> {
    if program.is_empty() {
        return Err("the command's program is an empty name".to_owned().into());
    }
    if program.contains('/') {
        let file = absolute(cwd, Path::new(program))?;
        return match check(&file)? {
            FileKind::Program => Ok(file),
            FileKind::Nothing => Err(format!("there is no program {program:?}").into()),
            FileKind::NotExecutable => Err(not_executable(&file)),
        };
    }
    let mut unusable = None;
    for folder in std::env::split_paths(path.unwrap_or(OsStr::new(DEFAULT_PATH))) {
        let file = absolute(cwd, &folder.join(program))?;
        match check(&file)? {
            FileKind::Program => return Ok(file),
            FileKind::Nothing => {}
            FileKind::NotExecutable => unusable = unusable.or(Some(file)),
        }
    }
    Err(match unusable {
        Some(file) => not_executable(&file),
        None => format!(
            "there is no program {program:?} in the task's PATH; give its full path, or set PATH \
             with --env"
        )
        .into(),
    })
}

/// Problem with a task's directory; `None` if it can be used.
pub(super) fn directory_problem(cwd: &Path) -> Option<String> {
    match std::fs::metadata(cwd) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!(
            "the task's directory {} does not exist",
            quoted(cwd)
        )),
        Err(error) => Some(format!(
            "the task's directory {} cannot be entered: {error}",
            quoted(cwd)
        )),
        Ok(metadata) if !metadata.is_dir() => Some(format!(
            "the task's directory {} is not a directory",
            quoted(cwd)
        )),
        Ok(_) if access(cwd, Access::EXEC_OK).is_err() => Some(format!(
            "the task's directory {} cannot be entered: permission denied",
            quoted(cwd)
        )),
        Ok(_) => None,
    }
}

/// Formats a path for a message: quoted, with control characters escaped.
pub(super) fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

enum FileKind {
    Program,
    NotExecutable,
    Nothing,
}

fn check(file: &Path) -> Result<FileKind, StartError> {
    let metadata = match std::fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) => {
            return match Errno::from_io_error(&error) {
                Some(errno) if shortage::named(errno).is_some() => {
                    let what = format!("{} cannot be checked", quoted(file));
                    Err(shortage::refusal(&what, errno))
                }
                Some(_) | None => Ok(FileKind::Nothing),
            };
        }
    };
    if metadata.is_file() && access(file, Access::EXEC_OK).is_ok() {
        Ok(FileKind::Program)
    } else {
        Ok(FileKind::NotExecutable)
    }
}

fn not_executable(file: &Path) -> StartError {
    format!(
        "{} is not an executable file, or not for this user",
        quoted(file)
    )
    .into()
}

fn absolute(cwd: Option<&Path>, file: &Path) -> Result<PathBuf, StartError> {
    let joined = cwd.map_or_else(|| file.to_owned(), |cwd| cwd.join(file));
    std::path::absolute(&joined)
        .map_err(|error| format!("the worker's own directory is gone: {error}").into())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{directory_problem, program};

    fn script(path: &Path, mode: u32) {
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_bare_name_is_the_first_executable_in_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for folder in [&a, &b] {
            std::fs::create_dir(folder).unwrap();
        }
        script(&a.join("tool"), 0o644);
        script(&b.join("tool"), 0o755);
        std::fs::create_dir(a.join("folder")).unwrap();
        let path = std::env::join_paths([&a, &b]).unwrap();
        assert_eq!(program("tool", None, Some(&path)), Ok(b.join("tool")));
        let only_a = a.as_os_str();
        for name in ["tool", "folder"] {
            let problem = program(name, None, Some(only_a)).unwrap_err().to_string();
            assert!(problem.contains("not an executable file"), "{problem}");
        }
        let problem = program("nothing", None, Some(&path));
        let problem = problem.unwrap_err().to_string();
        assert!(problem.contains("no program \"nothing\""), "{problem}");
    }

    #[test]
    fn a_name_with_a_slash_and_an_empty_path_element_mean_the_tasks_directory() {
        let folder = tempfile::tempdir().unwrap();
        script(&folder.path().join("tool"), 0o755);
        let cwd = Some(folder.path());
        let expected = Ok(folder.path().join("tool"));
        assert_eq!(program("./tool", cwd, None), expected);
        assert_eq!(program("tool", cwd, Some(OsStr::new(""))), expected);
        assert!(program("./other", cwd, None).is_err());
        assert!(program("", cwd, None).is_err());
    }

    #[test]
    fn without_a_path_the_system_folders_are_searched() {
        assert!(program("sh", None, None).unwrap().is_absolute());
    }

    #[test]
    fn a_directory_that_is_missing_or_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(directory_problem(folder.path()), None);
        let missing = directory_problem(&folder.path().join("missing")).unwrap();
        assert!(missing.contains("does not exist"), "{missing}");
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let problem = directory_problem(&file).unwrap();
        assert!(problem.contains("is not a directory"), "{problem}");
    }
}
