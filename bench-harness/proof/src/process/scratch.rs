//! A database in a temporary folder, and the programs run on it.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use queue_core::sqlite::Durability;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};

use super::Program;
use super::program::word;
use crate::Result;

/// A database for one proof, removed on drop unless it is kept as evidence.
#[derive(Debug)]
pub struct ScratchFolder {
    folder: tempfile::TempDir,
    /// Durability passed to the programs.
    pub durability: Durability,
}

impl ScratchFolder {
    /// Makes a folder under `parent`, or under the system's temporary folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(parent: Option<&Path>, durability: Durability) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("prove-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent)?,
            None => builder.tempdir()?,
        };
        Ok(Self { folder, durability })
    }

    /// Copies the database and the files beside it into another folder, while no process uses it. The
    /// folder of locks and logs is left out: the programs make a new one.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self::new(self.folder.path().parent(), self.durability)?;
        for entry in std::fs::read_dir(self.folder.path())?.flatten() {
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), copy.folder.path().join(entry.file_name()))?;
            }
        }
        Ok(copy)
    }

    /// Path of the database.
    pub fn database(&self) -> PathBuf {
        self.file("queue.db")
    }

    /// Path of a file beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A verb of a program on this database, without input and with piped outputs.
    ///
    /// # Errors
    /// When the program does not exist.
    pub fn command(&self, program: Program, arguments: &[&str]) -> Result<Command> {
        self.command_on(&self.database(), program, arguments)
    }

    /// A verb of a program on another database in the same folder.
    ///
    /// # Errors
    /// When the program does not exist.
    pub fn command_on(
        &self,
        database: &Path,
        program: Program,
        arguments: &[&str],
    ) -> Result<Command> {
        let mut command = Command::new(program.path()?);
        let (verb, rest) = arguments.split_at(1);
        command.args(verb);
        command.args(["--durability", word(self.durability), "--db"]);
        command.arg(database).args(rest);
        command.current_dir(self.folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    /// Runs a verb to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, program: Program, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(program, arguments)?.output()?)
    }

    /// Runs a verb that must succeed, and returns its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub fn ok(&self, program: Program, arguments: &[&str]) -> Result<String> {
        let output = self.run(program, arguments)?;
        if !output.status.success() {
            return Err(format!("{arguments:?} failed: {}", describe_exit(&output)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Opens the database for reading. The connection may write: it recovers the log of a killed
    /// process, so open a copy if a program is to do that.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Connection::open_with_flags(self.database(), flags)?)
    }

    /// Invariants of the database that `verify` finds broken; empty if all hold.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn broken(&self, program: Program) -> Result<Vec<String>> {
        self.broken_in(&self.database(), program)
    }

    /// Invariants of another database in the folder that `verify` finds broken.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn broken_in(&self, database: &Path, program: Program) -> Result<Vec<String>> {
        let mut verify = self.command_on(database, program, &["verify", "-o", "json"])?;
        let output = verify.output()?;
        if output.status.success() {
            return Ok(Vec::new());
        }
        let mut found: Vec<serde_json::Value> =
            serde_json::from_slice(&output.stdout).unwrap_or_default();
        found.retain(|invariant| invariant["holds"] != true);
        let mut broken = vec![format!("verify ended with {}", describe_exit(&output))];
        broken.extend(found.iter().map(ToString::to_string));
        Ok(broken)
    }

    /// Processes that carry this database's mark: commands and their descendants.
    ///
    /// # Errors
    /// When the list of processes cannot be read.
    pub fn marked(&self) -> Result<Vec<u32>> {
        Ok(queue_testing::processes::marked(&self.database())?)
    }

    /// Keeps the folder as evidence and returns its path.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// A process that is killed on drop, so that a failing proof leaves none behind.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// Sends a signal; has no effect on a process that has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }

    /// Waits for the end of the process, and returns its piped output.
    ///
    /// # Errors
    /// When a pipe cannot be read.
    pub fn output(mut self) -> Result<Output> {
        let read = |pipe: Option<&mut dyn Read>| -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            if let Some(pipe) = pipe {
                pipe.read_to_end(&mut bytes)?;
            }
            Ok(bytes)
        };
        let stdout = read(self.0.stdout.as_mut().map(|pipe| pipe as _))?;
        let stderr = read(self.0.stderr.as_mut().map(|pipe| pipe as _))?;
        Ok(Output {
            status: self.0.wait()?,
            stdout,
            stderr,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Exit status and standard error of a process, in one line.
pub fn describe_exit(output: &Output) -> String {
    let how = match (output.status.code(), output.status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{how}: {}", text.trim().replace('\n', "; "))
}

/// Quotes a word for a shell's command line.
pub fn quoted(text: impl AsRef<OsStr>) -> String {
    let text = text.as_ref().to_string_lossy();
    format!("'{}'", text.replace('\'', r"'\''"))
}
