//! Links, refusals and owners.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::{Folder, open, open_without_links, read, remove, walk};

fn refusal<T: std::fmt::Debug>(result: std::io::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_file_is_created_private_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let made = open(&path).unwrap().metadata().unwrap();
    assert_eq!(made.mode() & 0o777, 0o600);
    assert_eq!(open(&path).unwrap().metadata().unwrap().ino(), made.ino());
    assert_eq!(read(&path).unwrap().metadata().unwrap().ino(), made.ino());
    remove(&path).unwrap();
    assert_eq!(
        read(&path).unwrap_err().kind(),
        std::io::ErrorKind::NotFound
    );
}

#[test]
fn only_regular_files_are_opened_and_no_open_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("precious"), "x").unwrap();
    symlink(at("precious"), at("link")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    std::fs::hard_link(at("precious"), at("second")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), fifo, mode, 0).unwrap();
    let _socket = std::os::unix::net::UnixDatagram::bind(at("socket")).unwrap();
    for (name, what) in [
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("second", "second name"),
        ("folder", ""),
        ("pipe", "not a regular file"),
        ("socket", "not a regular file"),
    ] {
        for refused in [open(&at(name)), read(&at(name))] {
            let said = refusal(refused);
            assert!(said.contains(what), "{name}: {said}");
        }
    }
    assert!(!at("nothing").exists());
}

#[test]
fn a_link_in_any_part_of_the_path_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir_all(at("real/inner")).unwrap();
    symlink(at("real"), at("link")).unwrap();
    assert!(refusal(open(&at("link/inner/file"))).contains("path"));
    assert!(refusal(open(&at("link/file"))).contains("path"));
    assert!(!at("real/inner/file").exists() && !at("real/file").exists());
    for opens in [open_without_links, walk] {
        assert!(opens(&at("real/inner")).is_ok());
        assert!(opens(&at("link/inner")).is_err());
        assert!(opens(Path::new(".")).is_ok());
    }
    let folder = Folder::open(directory.path()).unwrap();
    assert!(folder.folder("link".as_ref()).is_err());
    assert!(folder.folder("real".as_ref()).is_ok());
}

#[test]
fn a_folder_that_everybody_may_write_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open_to_all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(directory.path(), open_to_all).unwrap();
    assert!(refusal(Folder::open(directory.path())).contains("everybody"));
}

#[test]
fn a_file_keeps_to_the_folder_it_was_looked_up_in() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::create_dir(at("before")).unwrap();
    let folder = Folder::open(&at("before")).unwrap();
    std::fs::rename(at("before"), at("after")).unwrap();
    folder.file("file".as_ref()).unwrap();
    assert!(at("after/file").exists());
    folder.new_folder("inner".as_ref()).unwrap();
    assert!(folder.new_folder("inner".as_ref()).is_err());
    folder.remove_folder("inner".as_ref()).unwrap();
    assert!(!at("after/inner").exists());
}
