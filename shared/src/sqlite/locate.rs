//! Path of a database file, and the checks that are possible before `SQLite` opens it. This module
//! never opens an existing database file, because closing any descriptor of it would drop
//! `SQLite`'s locks.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::options::OpenOptions;
use crate::error::{Error, Result, is_shortage};
use crate::sidecar::Sidecar;
use crate::sidecar::files::{self, Owner};

/// Suffixes of the files that `SQLite` keeps beside a database.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Checked path of a database, and its folder.
#[derive(Debug)]
pub(super) struct Located {
    /// Absolute and without symbolic links, so that one file has one sidecar.
    pub(super) path: PathBuf,
    pub(super) sidecar: Sidecar,
}

/// Finds the file at `path`, or creates an empty one, private to the owner, if `options` allow.
/// Leaves the folder beside it alone: see [`prepare_sidecar`].
pub(super) fn locate(path: &Path, options: &OpenOptions) -> Result<Located> {
    let found = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => missing(path, options)?,
        Err(error) => return Err(unreachable_path(path, error)),
    };
    let metadata = fs::metadata(&found).map_err(|error| unreachable_path(path, error))?;
    check_kind(&found, &metadata)?;
    if !options.force_network_fs {
        check_file_system(&found, options)?;
    }
    Ok(Located {
        sidecar: Sidecar::of(&found),
        path: found,
    })
}

/// Name of the file system, if processes on other machines may not see the locks and shared memory
/// on it.
pub(super) fn network_file_system(path: &Path, options: &OpenOptions) -> Option<&'static str> {
    let kind = (options.file_system)(path)?;
    NETWORK_FILE_SYSTEMS
        .iter()
        .find(|(magic, _)| *magic == kind)
        .map(|&(_, name)| name)
}

/// Magic numbers of statfs(2) for file systems that machines share, or may share.
const NETWORK_FILE_SYSTEMS: [(i64, &str); 15] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x786f_4256, "VirtualBox shared folders"),
];

fn missing(path: &Path, options: &OpenOptions) -> Result<PathBuf> {
    // Anything other than a link is a file that another process has created meanwhile.
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(unusable(
            path,
            "this is a symbolic link to a file that does not exist; create its target or remove it",
        ));
    }
    let Some(name) = path.file_name() else {
        return Err(unusable(path, "this does not name a file"));
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let folder = fs::canonicalize(parent).map_err(|error| {
        let what = format!(
            "its folder {} cannot be used; create it first",
            parent.display()
        );
        refused(path, &what, error)
    })?;
    if options.read_only || !options.create {
        return Err(unusable(
            path,
            "there is no database here yet; the first task added creates it, or name another file",
        ));
    }
    if !options.force_network_fs {
        check_file_system(&folder, options)?;
    }
    let file = folder.join(name);
    let sidecar = Sidecar::of(&file);
    check_folder(&file, sidecar.folder())?;
    let owner = owner_of_missing(&file, &folder, sidecar.folder())?;
    match files::make_unopened(&file, owner) {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(file),
        Err(error) => Err(cannot_create(path, error)),
    }
}

/// Owner for a new file at `file` beside the folder of an earlier one: the user who owns both
/// folders, and who could replace the file anyway.
fn owner_of_missing(file: &Path, parent: &Path, folder: &Path) -> Result<Option<Owner>> {
    let Some(owner) = Owner::at(folder).filter(|owner| owner.is_another()) else {
        return Ok(None);
    };
    if Owner::at(parent).is_some_and(|parent| parent.uid == owner.uid) {
        return Ok(Some(owner));
    }
    Err(foreign_folder(file, folder))
}

/// Sentence about the resource that is short; `None` for another error.
fn shortage(error: &std::io::Error) -> Option<&'static str> {
    Some(match Errno::from_io_error(error)? {
        Errno::NOSPC => "no space is left on the disk; free some and repeat the command",
        Errno::DQUOT => "the quota on the disk is used up; free some and repeat the command",
        Errno::MFILE => {
            "this process has no file descriptors left; raise `ulimit -n` and repeat the command"
        }
        Errno::NFILE => {
            "the machine has no file descriptors left; close some and repeat the command"
        }
        Errno::NOMEM => "no memory is left; free some and repeat the command",
        _ if is_shortage(error) => "the system is short of something; repeat the command",
        _ => return None,
    })
}

/// Error for the file at `path`: a shortage, or else the problem in `what`.
fn refused(path: &Path, what: &str, error: std::io::Error) -> Error {
    let path = path.to_owned();
    match shortage(&error) {
        Some(what) => Error::Shortage {
            path,
            what: what.to_owned(),
            source: Some(Box::new(error)),
        },
        None => Error::Unusable {
            path,
            what: what.to_owned(),
            remedy: None,
            source: Some(Box::new(error)),
        },
    }
}

fn cannot_create(path: &Path, error: std::io::Error) -> Error {
    let denied = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];
    let what = if denied.contains(&error.kind()) {
        "its folder cannot be written; give yourself write permission or name another"
    } else {
        "the file cannot be created; name another"
    };
    refused(path, what, error)
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_dir() {
        return Err(unusable(path, "this is a directory; name a file in it"));
    }
    if !metadata.is_file() {
        return Err(unusable(path, "this is not a regular file; name another"));
    }
    // The names of the log and the locks follow from the file's name: under a second name they
    // would be others.
    if metadata.nlink() > 1 {
        return Err(unusable(
            path,
            "the file has several names (hard links), which damages databases; remove the others",
        ));
    }
    Ok(())
}

fn check_file_system(path: &Path, options: &OpenOptions) -> Result<()> {
    match network_file_system(path, options) {
        None => Ok(()),
        Some(name) => Err(unusable(
            path,
            &format!(
                "it is on a network file system ({name}), where locks cannot be relied on; use a \
                 local disk, or force it if no other machine ever opens the file"
            ),
        )),
    }
}

/// Creates the folder beside the file at `path`, once that is known to be a database to write to. A
/// refused file stays as it was found.
pub(super) fn prepare_sidecar(path: &Path, sidecar: &Sidecar) -> Result<()> {
    let folder = sidecar.folder();
    check_folder(path, folder)?;
    make_private(path, folder)?;
    // `create` makes this folder last: if it exists, the others do.
    if !sidecar.logs().is_dir() {
        sidecar
            .create()
            .map_err(|error| sidecar_refused(path, error))?;
    }
    let owner = Owner::at(path).zip(Owner::at(folder));
    // Root may act for the owner of the database, and for no other user.
    if owner.is_some_and(|(own, found)| found.is_another() && found.uid != own.uid) {
        return Err(foreign_folder(path, folder));
    }
    Ok(())
}

/// Removes the permissions of others from the folder, if it exists.
fn make_private(path: &Path, folder: &Path) -> Result<()> {
    let is_open = |found: Metadata| found.mode() & 0o077 != 0;
    if !fs::symlink_metadata(folder).is_ok_and(is_open) {
        return Ok(());
    }
    files::make_private(folder).map_err(|error| {
        let what = format!(
            "the folder {} beside it is open to others and cannot be made private; run this as \
             its owner, or remove the others' permissions",
            folder.display()
        );
        refused(path, &what, error)
    })
}

fn foreign_folder(path: &Path, folder: &Path) -> Error {
    let what = format!(
        "the folder {} beside it is another user's; remove it, or give it to the owner of the \
         database",
        folder.display()
    );
    unusable(path, &what)
}

/// Refuses a file or a link at the path of the folder.
fn check_folder(path: &Path, folder: &Path) -> Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => Err(unusable(
            path,
            &format!("{} is not a folder; remove it", folder.display()),
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Error for a file beside the database that a writer needs and that cannot be created or opened.
pub(super) fn sidecar_refused(path: &Path, error: Error) -> Error {
    let short = if let Error::Io { source, .. } = &error {
        shortage(source)
    } else {
        None
    };
    let (path, source) = (path.to_owned(), Some(Box::new(error) as Box<_>));
    match short {
        Some(what) => Error::Shortage {
            path,
            what: what.to_owned(),
            source,
        },
        None => Error::Unusable {
            path,
            what: "the folder beside it cannot be used; give yourself write permission, or use a \
                   command that only reads"
                .to_owned(),
            remedy: None,
            source,
        },
    }
}

fn unreachable_path(path: &Path, error: std::io::Error) -> Error {
    let what = if error.kind() == ErrorKind::PermissionDenied {
        "you may not look into its folder; check permissions"
    } else if error.kind() == ErrorKind::NotADirectory {
        "a part of its path is a file, not a folder; name another"
    } else {
        "the path cannot be followed; name another"
    };
    refused(path, what, error)
}

pub(super) fn unusable(path: &Path, what: &str) -> Error {
    Error::Unusable {
        path: path.to_owned(),
        what: what.to_owned(),
        remedy: None,
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustix::io::Errno;

    use super::{cannot_create, sidecar_refused};
    use crate::error::Error;

    /// Bug: a file that could not be created because the disk was full was reported as unusable,
    /// and callers that would try again later gave up.
    #[test]
    fn a_refusal_for_want_of_space_or_descriptors_may_succeed_later() {
        let path = Path::new("x.db");
        for short in [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE] {
            for error in [
                cannot_create(path, short.into()),
                sidecar_refused(path, Error::io("cannot create x.db.d", short)),
            ] {
                assert!(matches!(error, Error::Shortage { .. }), "{error:?}");
            }
        }
        for denied in [Errno::ACCESS, Errno::ROFS] {
            let error = cannot_create(path, denied.into());
            assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
        }
    }
}
