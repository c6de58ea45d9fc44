//! Owners of a database's files, and the commands that correct them. Files of another user keep the
//! owner of the database out.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::file_identity::beside;
use super::locate::COMPANIONS;
use crate::error::Error;
use crate::sidecar::Sidecar;
use crate::task::Work;

/// Most files that are looked at.
const MOST_FILES: usize = 100_000;

/// Most files that a command names; for more it takes all.
const MOST_NAMED: usize = 3;

/// Problems with the files of a database.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// Number of files and folders that were looked at.
    pub(super) seen: usize,
    owner: (u32, u32),
    of_others: Vec<PathBuf>,
    links: Vec<PathBuf>,
    folders_for_files: Vec<PathBuf>,
    files_for_folders: Vec<PathBuf>,
    open_to_others: Vec<PathBuf>,
    all: Vec<PathBuf>,
}

impl Owners {
    /// Looks at the database at `path` and all files beside it.
    pub(super) fn of(path: &Path, sidecar: &Sidecar) -> Self {
        let Ok(database) = fs::metadata(path) else {
            return Self::default();
        };
        let mut owners = Self {
            owner: (database.uid(), database.gid()),
            ..Self::default()
        };
        let companions = COMPANIONS.iter().map(|suffix| beside(path, suffix));
        owners.all = companions.chain([sidecar.folder().to_owned()]).collect();
        owners.all.retain(|path| fs::symlink_metadata(path).is_ok());
        let mut paths = owners.all.clone();
        while let Some(path) = paths.pop() {
            let Ok(found) = fs::symlink_metadata(&path) else {
                continue;
            };
            owners.seen += 1;
            if owners.seen >= MOST_FILES {
                break;
            }
            if found.is_dir() {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                paths.extend(entries.map(|entry| entry.path()));
            }
            let kind = FileKind::of(&path, sidecar);
            owners.judge(path, kind, &found);
        }
        owners
    }

    fn judge(&mut self, path: PathBuf, kind: Option<FileKind>, found: &Metadata) {
        let forbidden = if found.is_dir() { 0o077 } else { 0o022 };
        if found.is_symlink() {
            self.links.push(path);
        } else if found.uid() != self.owner.0 {
            self.of_others.push(path);
        } else if kind == Some(FileKind::File) && found.is_dir() {
            self.folders_for_files.push(path);
        } else if kind == Some(FileKind::Folder) && !found.is_dir() {
            self.files_for_folders.push(path);
        } else if is_file_or_folder(found) && found.mode() & forbidden != 0 {
            self.open_to_others.push(path);
        }
    }

    /// Problem, with the commands that solve it.
    pub(super) fn problem(&self) -> Option<String> {
        let parts = [
            self.foreign(),
            self.misplaced(),
            cure(&self.links, "a symbolic link, which is not followed", "rm"),
            cure(
                &self.open_to_others,
                "open to others",
                "chmod --recursive go-rwx",
            ),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Problem with files of the wrong kind, and the commands that remove them.
    fn misplaced(&self) -> Option<String> {
        let parts = [
            cure(
                &self.folders_for_files,
                "a folder where a file belongs, which the queue did not make",
                "rm --recursive",
            ),
            cure(
                &self.files_for_folders,
                "a file where a folder belongs, which the queue did not make",
                "rm",
            ),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Problem with files of other users, and the command that gives them to the owner of the
    /// database.
    pub(super) fn foreign(&self) -> Option<String> {
        let (user, group) = self.owner;
        let give = format!("chown --no-dereference --recursive {user}:{group}");
        let what = "not the property of the database's owner, who may be kept out by it";
        if self.of_others.len() <= MOST_NAMED {
            return cure(&self.of_others, what, &give).map(|cure| format!("{cure} (as root)"));
        }
        Some(format!(
            "{} files are {what}; `{}` helps (as root)",
            self.of_others.len(),
            command(&give, &self.all)
        ))
    }
}

/// Kind of file that belongs at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    File,
    Folder,
}

impl FileKind {
    /// Kind at a path; `None` for files that the queue does not create itself, or creates in a
    /// folder that is restored.
    fn of(path: &Path, sidecar: &Sidecar) -> Option<Self> {
        let (folders, files) = (
            [
                sidecar.folder().to_owned(),
                sidecar.workers(),
                sidecar.logs(),
                sidecar.inputs(),
                sidecar.staging(),
            ],
            [sidecar.workers(), sidecar.logs()],
        );
        if folders.iter().any(|folder| folder == path) {
            return Some(Self::Folder);
        }
        let parent = path.parent()?;
        let is_named = || {
            let name = path.file_name()?.to_str()?;
            Some(FILES.contains(&name))
        };
        if parent == sidecar.folder() {
            return is_named()?.then_some(Self::File);
        }
        let is_companion = sidecar.folder().parent() == Some(parent);
        (is_companion || files.iter().any(|folder| folder == parent)).then_some(Self::File)
    }
}

/// Files of the folder beside the database.
const FILES: [&str; 8] = [
    "writer.lock",
    "writer.waiting",
    "open.lock",
    "in-use.lock",
    "idle",
    "listening",
    "logs.lock",
    "worker.log",
];

fn is_file_or_folder(found: &Metadata) -> bool {
    found.is_file() || found.is_dir()
}

fn cure(paths: &[PathBuf], what: &str, give: &str) -> Option<String> {
    let first = paths.first()?.display();
    let and_more = match paths.len() {
        1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    let named = &paths[..paths.len().min(MOST_NAMED)];
    Some(format!(
        "{first}{and_more}: {what}; `{}` helps",
        command(give, named)
    ))
}

/// Command line with these paths, quoted for a shell.
fn command(words: &str, paths: &[PathBuf]) -> String {
    let mut arguments = vec!["--".to_owned()];
    arguments.extend(paths.iter().map(|path| path.to_string_lossy().into_owned()));
    format!("{words} {}", Work::Argv(arguments).display())
}

/// Explains an error of opening the database at `path` that comes from files of another user or of
/// the wrong kind, and names the commands that help.
pub(super) fn explained(path: &Path, error: Error) -> Error {
    if !is_refusal(&error) {
        return error;
    }
    let owners = Owners::of(path, &Sidecar::of(path));
    match owners.foreign().or_else(|| owners.misplaced()) {
        None => error,
        Some(what) => Error::Unusable {
            path: path.to_owned(),
            what,
            remedy: None,
            source: Some(Box::new(error)),
        },
    }
}

/// True if the system refused a file for lack of a permission, or because of its kind.
fn is_refusal(error: &Error) -> bool {
    let denied = |error: &std::io::Error| {
        matches!(
            error.kind(),
            ErrorKind::PermissionDenied | ErrorKind::IsADirectory | ErrorKind::NotADirectory
        )
    };
    if let Error::Io { source, .. } = error {
        return denied(source);
    }
    let (Error::Unusable { source, .. } | Error::Shortage { source, .. }) = error else {
        return false;
    };
    source.as_ref().is_some_and(|source| {
        let by_sqlite = source.downcast_ref().map(Fault::of);
        matches!(
            by_sqlite,
            Some(Fault::CannotOpen | Fault::ReadOnly | Fault::Denied)
        ) || source.downcast_ref().is_some_and(is_refusal)
            || source.downcast_ref().is_some_and(denied)
    })
}
