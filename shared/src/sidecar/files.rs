//! Opens, creates and removes the files beside a database. Their owner may put anything there, and
//! another user, above all root, may use it. So no symbolic link is followed in any part of a path,
//! only regular files with one name are used, and files that root creates in another user's folder
//! are given to that user before they are used.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat, chownat, fchmod,
    fstat, mkdirat, mknodat, openat, openat2, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};

const FOLDER: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Non-blocking, since opening a named pipe in place of a file would block.
const FILE: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// User and group of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Owner {
    fn of(stat: &Stat) -> Self {
        Self {
            uid: stat.st_uid,
            gid: stat.st_gid,
        }
    }

    /// Owner of the file at `path`. Does not follow a link.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let found = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(Self::of(&found))
    }

    /// Returns true if files that this process creates here have to be given to the owner.
    pub(crate) fn is_another(self) -> bool {
        geteuid().is_root() && self.uid != 0
    }

    /// Gives a file that this process has just created to the owner, through its descriptor.
    pub(crate) fn take_over(self, made: BorrowedFd<'_>) -> io::Result<()> {
        if self.is_another() {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            chownat(made, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        }
        Ok(())
    }
}

/// Open folder. It is not a link and, except for [`whosever`](Self::whosever), belongs to this
/// user, to root, or to a user that root acts for, and not everybody may write to it. Names are
/// looked up in this folder, even if its path has changed since.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: OwnedFd,
    /// Owner of the folder, and of everything created in it.
    owner: Owner,
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Folder {
    /// Opens the folder at `path`. Follows no links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::checked(open_without_links(path).map_err(refused_link)?)
    }

    /// Opens the folder at `path`, whoever may write to it. Follows no links. Only for names: a
    /// file in it may belong to anybody.
    pub(crate) fn whosever(path: &Path) -> io::Result<Self> {
        let descriptor = open_without_links(path).map_err(refused_link)?;
        let owner = Owner::of(&fstat(&descriptor)?);
        Ok(Self { descriptor, owner })
    }

    /// Opens the folder at `path`, or creates it for `owner`.
    pub(crate) fn open_or_make(path: &Path, owner: Option<Owner>) -> io::Result<Self> {
        let (parent, name) = split(path)?;
        let parent = open_without_links(parent).map_err(refused_link)?;
        open_or_make(parent.as_fd(), name, owner)
    }

    /// Opens the folder `name` in this one, or creates it.
    pub(crate) fn folder(&self, name: &OsStr) -> io::Result<Self> {
        open_or_make(self.as_fd(), name, Some(self.owner))
    }

    /// Creates a folder that does not exist yet.
    pub(crate) fn new_folder(&self, name: &OsStr) -> io::Result<Self> {
        make(self.as_fd(), name, Some(self.owner))
    }

    fn checked(descriptor: OwnedFd) -> io::Result<Self> {
        let stat = fstat(&descriptor)?;
        let (own, owner) = (geteuid(), Owner::of(&stat));
        if !own.is_root() && ![0, own.as_raw()].contains(&owner.uid) {
            return Err(refused("the folder is another user's"));
        }
        if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
            return Err(refused(
                "everybody may write to the folder; make it private",
            ));
        }
        Ok(Self { descriptor, owner })
    }

    /// Opens a file to read and write, or creates it, private to its owner.
    pub(crate) fn file(&self, name: &OsStr) -> io::Result<File> {
        loop {
            match self.existing(name, OFlags::RDWR) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
            match self.new_file(name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
    }

    /// Opens an existing file to read it.
    pub(crate) fn existing_file(&self, name: &OsStr) -> io::Result<File> {
        self.existing(name, OFlags::RDONLY)
    }

    /// Opens an existing file.
    fn existing(&self, name: &OsStr, access: OFlags) -> io::Result<File> {
        let opened = openat(self, name, access | FILE, Mode::empty());
        let opened = File::from(opened.map_err(refused_link)?);
        self.check(&fstat(&opened)?)?;
        Ok(opened)
    }

    /// Creates a file that does not exist yet, private to its owner, to read and write.
    pub(crate) fn new_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | FILE;
        let file = openat(self, name, flags, Mode::RUSR | Mode::WUSR)?;
        if let Err(error) = self.owner.take_over(file.as_fd()) {
            let _ = self.remove(name);
            return Err(error);
        }
        Ok(file.into())
    }

    /// Checks the file. If it were a link to another file, that file would be written with this
    /// process's rights.
    fn check(&self, stat: &Stat) -> io::Result<()> {
        check(stat, &[0, geteuid().as_raw(), self.owner.uid])
    }

    /// Gives a socket that this process has just created to the owner of the folder.
    pub(crate) fn give_socket(&self, name: &OsStr) -> io::Result<()> {
        if !self.owner.is_another() {
            return Ok(());
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let socket = openat(self, name, flags, Mode::empty())?;
        let stat = fstat(&socket)?;
        let is_own = FileType::from_raw_mode(stat.st_mode) == FileType::Socket
            && stat.st_nlink == 1
            && stat.st_uid == geteuid().as_raw();
        if !is_own {
            return Err(refused("the socket was replaced"));
        }
        self.owner.take_over(socket.as_fd())
    }

    /// Removes a file, a link or a socket.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(self, name, AtFlags::empty())?)
    }

    /// Size of the file `name`; `None` if there is none. Does not follow a link.
    pub(crate) fn size(&self, name: &OsStr) -> Option<u64> {
        let found = statat(self, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(u64::try_from(found.st_size).unwrap_or_default())
    }

    /// Length of the regular file `name` and the time of its last change, in seconds and nanoseconds;
    /// `None` if there is none. Does not follow a link.
    pub(crate) fn length_and_change(&self, name: &OsStr) -> Option<(u64, (i64, i64))> {
        let found = statat(self, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let length = u64::try_from(found.st_size).unwrap_or_default();
        let changed = (
            found.st_mtime,
            i64::try_from(found.st_mtime_nsec).unwrap_or_default(),
        );
        is_file.then_some((length, changed))
    }

    /// Returns true if `name` is a name of this open file.
    pub(crate) fn holds(&self, name: &OsStr, file: &File) -> bool {
        let named = statat(self, name, AtFlags::SYMLINK_NOFOLLOW);
        let (Ok(named), Ok(opened)) = (named, fstat(file)) else {
            return false;
        };
        (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
    }

    /// Names of everything in this folder.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        // A folder that is only a path cannot be read.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(self, ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in Dir::new(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        Ok(names)
    }

    /// Renames a file, in this or to another folder.
    pub(crate) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(renameat(self, name, to, new)?)
    }

    /// Exchanges the names of two files.
    pub(crate) fn exchange(&self, name: &OsStr, with: &Self, other: &OsStr) -> io::Result<()> {
        Ok(renameat_with(
            self,
            name,
            with,
            other,
            RenameFlags::EXCHANGE,
        )?)
    }

    /// Syncs an existing file to disk.
    pub(crate) fn sync_file(&self, name: &OsStr) -> io::Result<()> {
        self.existing(name, OFlags::RDONLY)?.sync_all()
    }

    /// Syncs the names in this folder to disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        File::from(openat(self, ".", flags, Mode::empty())?).sync_all()
    }

    /// Removes a folder with its contents.
    pub(crate) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        std::fs::remove_dir_all(self.path_of(name))
    }

    /// Renames `new` to `name` atomically, and removes the old file. If the system can, the two
    /// exchange names first: replacing a file makes some file systems write the new one to disk at
    /// once.
    pub(crate) fn replace(&self, new: &OsStr, name: &OsStr) -> io::Result<()> {
        match renameat_with(self, new, self, name, RenameFlags::EXCHANGE) {
            Ok(()) => {
                let _ = self.remove(new);
                Ok(())
            }
            Err(_) => Ok(renameat(self, new, self, name)?),
        }
    }

    /// Path of `name` in this folder, valid while the folder is open.
    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        let folder = format!("/proc/self/fd/{}", self.descriptor.as_raw_fd());
        Path::new(&folder).join(name)
    }
}

/// Opens the file at `path` to read and write, or creates it, private to its owner.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let (folder, name) = split(path)?;
    Folder::open(folder)?.file(name)
}

/// Like [`open`], to append.
#[cfg(feature = "cli")]
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

/// Creates a folder that does not exist yet, private to its owner.
pub(crate) fn new_folder(path: &Path) -> io::Result<Folder> {
    let (folder, name) = split(path)?;
    Folder::open(folder)?.new_folder(name)
}

/// Creates an empty file that does not exist yet, private to `owner`, without opening it: closing a
/// descriptor of a database drops the locks of this process on it.
pub(crate) fn make_unopened(path: &Path, owner: Option<Owner>) -> io::Result<()> {
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, path, FileType::RegularFile, mode, 0)?;
    let Some(owner) = owner.filter(|owner| owner.is_another()) else {
        return Ok(());
    };
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty())?;
    check(&fstat(&file)?, &[geteuid().as_raw()])?;
    owner.take_over(file.as_fd())
}

/// Opens the file at `path` to read it.
pub(crate) fn read(path: &Path) -> io::Result<File> {
    let (folder, name) = split(path)?;
    Folder::open(folder)?.existing_file(name)
}

/// Makes an existing folder private to its owner.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(CWD, path, flags, Mode::empty()).map_err(refused_link)?;
    Ok(fchmod(&folder, Mode::RWXU)?)
}

/// Removes the file at `path`.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = split(path)?;
    Folder::open(folder)?.remove(name)
}

/// Removes the folder at `path` with its contents.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    let (folder, name) = split(path)?;
    Folder::open(folder)?.remove_folder(name)
}

/// Checks that a file that was opened or created outside a [`Folder`] is a regular file of this
/// user.
pub(crate) fn check_own(file: &File) -> io::Result<()> {
    check(&fstat(file)?, &[geteuid().as_raw()])
}

fn check(stat: &Stat, owners: &[u32]) -> io::Result<()> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refused("this is not a regular file; remove it"));
    }
    if stat.st_nlink > 1 {
        return Err(refused(
            "the file has a second name (a hard link); remove it",
        ));
    }
    if !owners.contains(&stat.st_uid) {
        return Err(refused("the file is another user's; remove it"));
    }
    Ok(())
}

/// Splits a path into its folder and the name in it.
pub(crate) fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => Ok((Path::new("."), name)),
        (Some(parent), Some(name)) => Ok((parent, name)),
        (None | Some(_), None) | (None, Some(_)) => Err(refused("this does not name a file")),
    }
}

fn open_or_make(parent: BorrowedFd<'_>, name: &OsStr, owner: Option<Owner>) -> io::Result<Folder> {
    loop {
        match openat(parent, name, FOLDER, Mode::empty()) {
            Ok(found) => return Folder::checked(found),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(refused_link(error)),
        }
        match make(parent, name, owner) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}

fn make(parent: BorrowedFd<'_>, name: &OsStr, owner: Option<Owner>) -> io::Result<Folder> {
    mkdirat(parent, name, Mode::RWXU)?;
    let made = openat(parent, name, FOLDER, Mode::empty()).map_err(refused_link)?;
    if let Some(owner) = owner {
        if fstat(&made)?.st_uid != geteuid().as_raw() {
            return Err(refused("the folder was replaced while it was made"));
        }
        owner.take_over(made.as_fd())?;
    }
    Folder::checked(made)
}

/// Opens a folder and follows no links. Links in a database's path are followed only once, when it
/// is opened.
fn open_without_links(path: &Path) -> rustix::io::Result<OwnedFd> {
    match openat2(CWD, path, FOLDER, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // An older kernel, or a container that forbids system calls it does not know.
        Err(Errno::NOSYS | Errno::PERM) => walk(path),
        opened => opened,
    }
}

fn walk(path: &Path) -> rustix::io::Result<OwnedFd> {
    let start = if path.is_absolute() { "/" } else { "." };
    let mut folder = openat(CWD, start, FOLDER, Mode::empty())?;
    for component in path.components() {
        match component {
            Component::Normal(_) | Component::ParentDir => {
                folder = openat(&folder, component.as_os_str(), FOLDER, Mode::empty())?;
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(folder)
}

fn refused(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}

/// Explains a refused link. The error is `ELOOP`, or `ENOTDIR` when a folder is opened.
fn refused_link(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => refused("a symbolic link is in its place or in its path; remove it"),
        Errno::NOTDIR => refused("something that is not a folder is in its path; remove it"),
        // A socket in place of a file.
        Errno::NXIO => refused("this is not a regular file; remove it"),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests;
