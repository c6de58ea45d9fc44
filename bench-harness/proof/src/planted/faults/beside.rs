//! Files: owners, links, removed files, and `shrink`.

use super::{core, program};
use crate::planted::Fault;

pub(super) const BESIDE: &[Fault] = &[
    Fault {
        name: "a file that root makes beside another user's stays root's",
        file: "shared/src/sidecar/files.rs",
        find: "if let Err(error) = self.owner.take_over(file.as_fd()) {",
        replace: "if let Err(error) = io::Result::Ok(()) {",
        suite: program("ownership"),
    },
    Fault {
        name: "a link in a file's place is followed",
        file: "shared/src/sidecar/files.rs",
        find: "const FILE: OFlags = OFlags::NOFOLLOW",
        replace: "const FILE: OFlags = OFlags::CLOEXEC",
        suite: core("sidecar"),
    },
    Fault {
        name: "a link in a folder's path is followed",
        file: "shared/src/sidecar/files.rs",
        find: "ResolveFlags::NO_SYMLINKS",
        replace: "ResolveFlags::empty()",
        suite: core("sidecar"),
    },
    Fault {
        name: "root runs commands from a file that everybody may write",
        file: "shared/src/runtime/trust.rs",
        find: "self.mode & OTHERS_WRITE != 0",
        replace: "self.mode & OTHERS_WRITE > OTHERS_WRITE",
        suite: program("ownership"),
    },
    Fault {
        name: "root runs commands from another user's file",
        file: "shared/src/runtime/trust.rs",
        find: "if self.user != 0 && self.user != user {",
        replace: "if self.user != 0 && self.user == user {",
        suite: program("ownership"),
    },
    Fault {
        name: "a worker goes on in a file that was deleted",
        file: "shared/src/sqlite/in_place.rs",
        find: "Ok(None) => Gone::Deleted,",
        replace: "Ok(None) => return,",
        suite: program("lost_database"),
    },
    Fault {
        name: "a worker goes on in a file that was replaced",
        file: "shared/src/sqlite/in_place.rs",
        find: "Ok(Some(_)) => Gone::Replaced,",
        replace: "Ok(Some(_)) => return,",
        suite: program("lost_database"),
    },
    Fault {
        name: "the deletion of its file ends a worker's commands",
        file: "shared/src/runtime/machine.rs",
        find: "if matches!(error, Error::Gone { .. }) {",
        replace: "if matches!(error, Error::Promoted { .. }) {",
        suite: core("runtime::machine"),
    },
    Fault {
        name: "outcomes just recorded in a deleted file are not listed",
        file: "shared/src/runtime/machine/recent.rs",
        find: "self.is_lost |=",
        replace: "self.is_lost &=",
        suite: core("runtime::machine"),
    },
    Fault {
        name: "a restore follows a link that is put in its path",
        file: "shared/src/sidecar/files.rs",
        find: "let descriptor = open_without_links(path)",
        replace: "let descriptor = openat(CWD, path, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())",
        suite: core("sqlite::exchange"),
    },
    Fault {
        name: "shrink of a file that others have open",
        file: "shared/src/sqlite/shrink.rs",
        find: "WholeLock::take(&sidecar)?;",
        replace: "WholeLock::take(&sidecar).ok();",
        suite: program("shrinking"),
    },
    Fault {
        name: "a killed shrink damages the file",
        file: "shared/src/sqlite/shrink.rs",
        find: "connection.execute(VACUUM, [])",
        replace: "connection.execute_batch(&format!(\"PRAGMA journal_mode = OFF; {VACUUM}\"))",
        suite: program("a_shrink_killed"),
    },
    Fault {
        name: "shrink changes rowids without being told to",
        file: "shared/src/sqlite/shrink.rs",
        find: "if tables.is_empty() {",
        replace: "if tables.len() < 99 {",
        suite: core("shrink"),
    },
];
