//! The paths of the folder beside the database, `<db>.d/`. Never the database itself:
//! closing any descriptor of that file drops `SQLite`'s POSIX locks on it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::files::{self, Folder, Owner};
use crate::claim::WorkerId;
use crate::error::{Error, Result};
use crate::task::TaskId;

/// Names every file in `<db>.d/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    folder: PathBuf,
}

impl Sidecar {
    /// The sidecar of the database at `path`; nothing is created yet.
    pub fn of(path: &Path) -> Self {
        let mut folder = path.as_os_str().to_owned();
        folder.push(".d");
        Self {
            folder: folder.into(),
        }
    }

    /// The sidecar that is this folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The folder itself, mode 0700.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Locked by whoever writes to the database, between processes.
    pub fn writer_lock(&self) -> PathBuf {
        self.folder.join("writer.lock")
    }

    /// Locked by everybody who has the database open, and by who puts another in its place.
    pub fn in_use_lock(&self) -> PathBuf {
        self.folder.join("in-use.lock")
    }

    /// The folder in which a database is made that is to take this one's place.
    pub fn staging(&self) -> PathBuf {
        self.folder.join("restore")
    }

    /// Which workers are idle: one 8-byte little-endian worker id per place, 0 where none is.
    pub fn idle_file(&self) -> PathBuf {
        self.folder.join("idle")
    }

    /// Who waits for tasks to end: one 8-byte little-endian id per listener, 0 where none is.
    pub fn listening_file(&self) -> PathBuf {
        self.folder.join("listening")
    }

    /// The folder of the workers' lock files and sockets.
    pub fn workers(&self) -> PathBuf {
        self.folder.join("workers")
    }

    /// Locked by the worker as long as its process lives.
    pub fn worker_lock(&self, worker: WorkerId) -> PathBuf {
        self.workers().join(format!("{worker}.lock"))
    }

    /// The worker's wake socket.
    pub fn worker_socket(&self, worker: WorkerId) -> PathBuf {
        self.workers().join(format!("{worker}.sock"))
    }

    /// The commands that the worker runs, as `RecordFile` reads them.
    pub fn worker_records(&self, worker: WorkerId) -> PathBuf {
        self.workers().join(format!("{worker}.procs"))
    }

    /// The folder of task logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The log of one attempt; made of numbers only, whatever the task is called.
    pub fn log(&self, task: TaskId, attempt: u32) -> PathBuf {
        self.logs().join(format!("{task}.{attempt}"))
    }

    /// The folder of what running commands are given of the tasks theirs depend on; there only once
    /// one was given something.
    pub fn inputs(&self) -> PathBuf {
        self.folder.join("inputs")
    }

    /// What the command of one claim is given; made of numbers only.
    pub fn input_folder(&self, task: TaskId, token: i64) -> PathBuf {
        self.inputs().join(format!("{task}.{token}"))
    }

    /// The database that the folder is beside.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.with_extension("")
    }

    /// Creates the folder and what every process looks for in it, private to the owner of the
    /// database.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses, or something is in the way.
    pub fn create(&self) -> crate::Result<()> {
        let refused = |path: &Path| {
            let what = format!("cannot create {}", path.display());
            move |error| crate::Error::io(what, error)
        };
        let owner = Owner::at(&self.database());
        let folder = Folder::open_or_make(&self.folder, owner).map_err(refused(&self.folder))?;
        for path in [self.workers(), self.logs()] {
            folder.folder(name_of(&path)).map_err(refused(&path))?;
        }
        // A file that is missing would be looked for at every commit.
        for path in [self.idle_file(), self.listening_file()] {
            folder.file(name_of(&path)).map_err(refused(&path))?;
        }
        Ok(())
    }
}

/// The name of something in the folder.
fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// Opens or creates a file that only its user reads.
pub(crate) fn open_private(path: &Path) -> Result<File> {
    files::open(path).map_err(|error| Error::io(format!("cannot open {}", path.display()), error))
}
