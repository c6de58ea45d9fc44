//! Reads the configuration file, if it is the caller's own: what it says decides the database, the
//! shell and the environment of commands.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Most bytes of the file.
const MOST_BYTES: u64 = 1 << 20;
/// Write permission of the group and of everybody.
const BY_OTHERS: u32 = 0o022;
/// A folder in which only the owner of a file may remove it.
const STICKY: u32 = 0o1000;

/// The text of the file; none if there is no file.
///
/// # Errors
/// A clause about a file that is not the caller's own or cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    // A named pipe in its place must not block.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        // The home folder is of another user, as under `sudo -u`.
        Err(Errno::ACCESS) if path.symlink_metadata().is_err() => return Ok(None),
        Err(error) => return Err(format!("it cannot be read ({error})")),
    };
    let refused = |error| format!("it cannot be read ({error})");
    let found = file.metadata().map_err(refused)?;
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if found.uid() != geteuid().as_raw() {
        return Err(format!(
            "it belongs to user {}, and only one's own file is read",
            found.uid()
        ));
    }
    if found.mode() & BY_OTHERS != 0 {
        return Err("others can write to it; `chmod go-w` it".to_owned());
    }
    // The file may be a link: both its folder and that of its target count.
    let target = path.canonicalize().map_err(refused)?;
    for folder in [path.parent(), target.parent()].into_iter().flatten() {
        check_folder(folder)?;
    }
    let mut bytes = Vec::new();
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(refused)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("it is longer than {MOST_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())?;
    Ok(Some(text))
}

/// Refuses a folder in which somebody else could put another file.
fn check_folder(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    let found = folder
        .metadata()
        .map_err(|error| format!("its folder {shown} cannot be read ({error})"))?;
    let owner = found.uid();
    if owner != geteuid().as_raw() && owner != 0 {
        return Err(format!("its folder {shown} belongs to user {owner}"));
    }
    if found.mode() & BY_OTHERS != 0 && found.mode() & STICKY == 0 {
        return Err(format!(
            "others can write to its folder {shown}; `chmod go-w` it"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::read;

    #[test]
    fn a_file_that_others_can_change_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("program");
        let path = folder.join("config.toml");
        assert_eq!(read(&path), Ok(None));
        create_dir(&folder).unwrap();
        assert_eq!(read(&path), Ok(None));
        write(&path, "a = 1").unwrap();
        let mode = |path: &std::path::Path, mode| {
            set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        mode(&folder, 0o755);
        mode(&path, 0o644);
        assert_eq!(read(&path), Ok(Some("a = 1".to_owned())));
        for wrong in [0o664, 0o646] {
            mode(&path, wrong);
            assert!(read(&path).unwrap_err().contains("others can write to it"));
        }
        mode(&path, 0o600);
        mode(&folder, 0o775);
        assert!(read(&path).unwrap_err().contains("write to its folder"));
        mode(&folder, 0o755);
        let open = home.path().join("open");
        create_dir(&open).unwrap();
        mode(&open, 0o777);
        symlink(&path, open.join("config.toml")).unwrap();
        assert!(read(&open.join("config.toml")).is_err());
        let link = folder.join("link.toml");
        symlink(open.join("target.toml"), &link).unwrap();
        write(open.join("target.toml"), "").unwrap();
        mode(&open.join("target.toml"), 0o600);
        assert!(read(&link).unwrap_err().contains("write to its folder"));
        mode(&open, 0o700);
        assert_eq!(
            read(&link),
            Ok(Some(String::new())),
            "a link to a private file"
        );
    }

    #[test]
    fn what_is_no_text_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("config.toml");
        write(&path, b"\xff").unwrap();
        assert!(read(&path).unwrap_err().contains("UTF-8"));
        let folder = home.path().join("folder");
        create_dir(&folder).unwrap();
        assert!(read(&folder).unwrap_err().contains("not a regular file"));
    }
}
