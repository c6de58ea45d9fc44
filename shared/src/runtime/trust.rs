//! Check for other users who can put commands into a database: a worker runs all of them, as its
//! own user.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};

use crate::coordination::Coordination;
use crate::error::{Error, Result};

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Owner and permissions of a file or folder.
#[derive(Clone, Debug)]
struct Permissions {
    path: PathBuf,
    is_folder: bool,
    user: u32,
    group: u32,
    mode: u32,
}

impl Permissions {
    fn at(path: PathBuf) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(&path)?;
        Ok(Self {
            path,
            is_folder: found.is_dir(),
            user: found.uid(),
            group: found.gid(),
            mode: found.mode(),
        })
    }

    /// Describes who can change or replace it, besides root and `user`. Members of `group` are
    /// trusted.
    fn open_to(&self, user: u32, group: u32) -> Option<String> {
        let path = self.path.display();
        // In a sticky folder everybody may create files, but not replace those of others.
        let is_shared = self.is_folder && self.mode & STICKY != 0;
        if self.user != 0 && self.user != user {
            Some(format!("{path} belongs to user {}", self.user))
        } else if is_shared {
            None
        } else if self.mode & OTHERS_WRITE != 0 {
            Some(format!("everybody may write to {path}"))
        } else if self.mode & GROUP_WRITES != 0 && ![0, group].contains(&self.group) {
            Some(format!("group {} may write to {path}", self.group))
        } else {
            None
        }
    }
}

/// Refuses to let root run commands from a database that others can change: the database, the files
/// beside it and all folders above it have to belong to root and not to be writable by others.
///
/// # Errors
/// [`Error::Unusable`] that names the path and who can change it.
pub(crate) fn check(coordination: &dyn Coordination) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let database = coordination.location().path();
    let folders = database.ancestors().skip(1);
    let all = parts(database, coordination.folder()).chain(folders.map(Path::to_owned));
    match open_to_others(all, 0, 0) {
        None => Ok(()),
        Some(what) => Err(Error::Unusable {
            path: database.to_owned(),
            what: format!(
                "root would run commands that others can put here, since {what}; run the worker as \
                 another user, take that permission away, or, if you trust them all, start it with \
                 --trust-file"
            ),
            remedy: None,
            source: None,
        }),
    }
}

/// Warns a worker of a user other than root if others can put commands into its database, judged by
/// the file, the files beside it and its folder.
pub(crate) fn warning(coordination: &dyn Coordination) -> Option<String> {
    let user = geteuid();
    if user.is_root() {
        return None;
    }
    let database = coordination.location().path();
    let folder = database.parent().map(Path::to_owned);
    let all = parts(database, coordination.folder()).chain(folder);
    let what = open_to_others(all, user.as_raw(), getegid().as_raw())?;
    Some(format!(
        "others can put commands into {}, which this worker runs as you: {what}",
        database.display()
    ))
}

/// Paths of the database and of the files beside it.
fn parts(database: &Path, folder: &Path) -> impl Iterator<Item = PathBuf> {
    let beside = ["", "-wal", "-shm"].map(|suffix| {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    });
    beside.into_iter().chain([folder.to_owned()])
}

fn open_to_others(paths: impl Iterator<Item = PathBuf>, user: u32, group: u32) -> Option<String> {
    // A missing file can be created by anyone who may write to the folder.
    let mut found = paths.filter_map(|path| Permissions::at(path).ok());
    found.find_map(|one| one.open_to(user, group))
}

#[cfg(test)]
mod tests {
    use super::Permissions;

    fn found(is_folder: bool, user: u32, group: u32, mode: u32) -> Permissions {
        Permissions {
            path: "/q".into(),
            is_folder,
            user,
            group,
            mode,
        }
    }

    #[test]
    fn root_trusts_files_that_only_root_can_change() {
        for (is_folder, user, group, mode) in [
            (false, 0, 0, 0o600),
            (false, 0, 0, 0o664),
            (false, 0, 50, 0o644),
            (true, 0, 0, 0o755),
            (true, 0, 0, 0o1777),
            (true, 0, 50, 0o1775),
        ] {
            assert_eq!(found(is_folder, user, group, mode).open_to(0, 0), None);
        }
        for (is_folder, user, group, mode, what) in [
            (false, 1000, 0, 0o600, "belongs to user 1000"),
            (true, 1000, 0, 0o1777, "belongs to user 1000"),
            (false, 0, 0, 0o602, "everybody may write"),
            (false, 0, 0, 0o1602, "everybody may write"),
            (true, 0, 0, 0o777, "everybody may write"),
            (true, 0, 50, 0o775, "group 50 may write"),
        ] {
            let said = found(is_folder, user, group, mode).open_to(0, 0).unwrap();
            assert!(said.contains(what) && said.contains("/q"), "{said}");
        }
    }

    #[test]
    fn a_users_own_group_is_trusted() {
        assert_eq!(found(true, 1000, 1000, 0o775).open_to(1000, 1000), None);
        assert!(found(true, 1000, 100, 0o775).open_to(1000, 1000).is_some());
        assert!(found(true, 1001, 1000, 0o755).open_to(1000, 1000).is_some());
        assert_eq!(found(true, 0, 0, 0o755).open_to(1000, 1000), None);
    }
}
