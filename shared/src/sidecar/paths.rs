//! Paths in the folder beside the database, `<db>.d/`. Never the database itself: closing any
//! descriptor of that file drops `SQLite`'s POSIX locks on it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::files::{self, Folder, Owner};
use crate::claim::WorkerId;
use crate::error::{Error, Result};
use crate::task::TaskId;

/// Paths of all files in `<db>.d/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar {
    folder: PathBuf,
}

impl Sidecar {
    /// Sidecar of the database at `path`. Creates nothing yet.
    pub fn of(path: &Path) -> Self {
        let mut folder = path.as_os_str().to_owned();
        folder.push(".d");
        Self {
            folder: folder.into(),
        }
    }

    /// Sidecar in this folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The folder itself, mode 0700.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lock of the process that writes to the database.
    pub fn writer_lock(&self) -> PathBuf {
        self.folder.join("writer.lock")
    }

    /// Lock shared by all processes that have the database open; a process that replaces it holds
    /// it alone.
    pub fn in_use_lock(&self) -> PathBuf {
        self.folder.join("in-use.lock")
    }

    /// Folder in which a replacement of the database is built.
    pub fn staging(&self) -> PathBuf {
        self.folder.join("restore")
    }

    /// List of idle workers: per slot the id and the set of what the worker serves, 8 bytes each and
    /// little-endian, zeros if it is free.
    pub fn idle_file(&self) -> PathBuf {
        self.folder.join("idle")
    }

    /// List of listeners for ends of tasks: one 8-byte little-endian id per slot, 0 if it is free.
    pub fn listening_file(&self) -> PathBuf {
        self.folder.join("listening")
    }

    /// Folder of the workers' lock files and sockets.
    pub fn workers(&self) -> PathBuf {
        self.folder.join("workers")
    }

    /// Lock of a worker, held while its process is alive.
    pub fn worker_lock(&self, worker: WorkerId) -> PathBuf {
        self.workers().join(format!("{worker}.lock"))
    }

    /// Wake socket of a worker.
    pub fn worker_socket(&self, worker: WorkerId) -> PathBuf {
        self.workers().join(format!("{worker}.sock"))
    }

    /// Records of the commands that a worker runs, as `RecordFile` reads them.
    pub fn worker_records(&self, worker: WorkerId) -> PathBuf {
        self.workers().join(format!("{worker}.procs"))
    }

    /// Folder of task logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Log of one attempt. Its name consists of numbers, never of the task's name.
    pub fn log(&self, task: TaskId, attempt: u32) -> PathBuf {
        self.logs().join(format!("{task}.{attempt}"))
    }

    /// Lock of the process that keeps the logs within their total.
    pub(crate) fn logs_lock(&self) -> PathBuf {
        self.folder.join("logs.lock")
    }

    /// Lock of the process that delivers events to hooks; exists once there was one.
    pub(crate) fn hooks_lock(&self) -> PathBuf {
        self.folder.join("hooks.lock")
    }

    /// Token that admits browsers to the dashboard; exists once that was started.
    #[cfg(feature = "web")]
    pub(crate) fn web_token(&self) -> PathBuf {
        self.folder.join("web.token")
    }

    /// Folder of the inputs of running commands; exists once a command has had inputs.
    pub fn inputs(&self) -> PathBuf {
        self.folder.join("inputs")
    }

    /// Folder of the inputs of one claim's command. Its name consists of numbers.
    pub fn input_folder(&self, task: TaskId, token: i64) -> PathBuf {
        self.inputs().join(format!("{task}.{token}"))
    }

    /// Database that the folder is beside.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.with_extension("")
    }

    /// Creates the folder and the files that every process uses, private to the owner of the
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
        // A missing file would be searched at every commit.
        for path in [self.idle_file(), self.listening_file()] {
            folder.file(name_of(&path)).map_err(refused(&path))?;
        }
        Ok(())
    }
}

/// Last component of a path.
fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

/// Opens or creates a file that only its user reads.
pub(crate) fn open_private(path: &Path) -> Result<File> {
    files::open(path).map_err(|error| Error::io(format!("cannot open {}", path.display()), error))
}
