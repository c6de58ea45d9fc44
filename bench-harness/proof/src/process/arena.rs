//! A database in a folder of its own, and the programs on it.

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

/// A database that a proof has for itself; gone with the value unless it is kept as evidence.
#[derive(Debug)]
pub struct Arena {
    folder: tempfile::TempDir,
    /// How the programs are told to write.
    pub durability: Durability,
}

impl Arena {
    /// A new folder under `parent`, or under the system's folder for such.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(parent: Option<&Path>, durability: Durability) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("prove-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent)?,
            None => builder.tempdir()?,
        };
        Ok(Self { folder, durability })
    }

    /// The same database and the files beside it in another folder; nobody may use it meanwhile. The
    /// folder of locks and logs is left out: the programs make it anew.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self::new(self.folder.path().parent(), self.durability)?;
        for entry in std::fs::read_dir(self.folder.path())?.flatten() {
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), copy.folder.path().join(entry.file_name()))?;
            }
        }
        Ok(copy)
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.file("queue.db")
    }

    /// A file beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A verb of a program on this database, without input; outputs are piped.
    ///
    /// # Errors
    /// If the program is not there.
    pub fn command(&self, program: Program, arguments: &[&str]) -> Result<Command> {
        self.command_on(&self.database(), program, arguments)
    }

    /// A verb of a program on another database, in the same folder.
    ///
    /// # Errors
    /// If the program is not there.
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
    /// If it cannot be started.
    pub fn run(&self, program: Program, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(program, arguments)?.output()?)
    }

    /// Runs a verb that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// If it does not.
    pub fn ok(&self, program: Program, arguments: &[&str]) -> Result<String> {
        let output = self.run(program, arguments)?;
        if !output.status.success() {
            return Err(format!("{arguments:?} failed: {}", said(&output)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The database, to be looked at. It may write: what a killed process left is put right first, so
    /// look at a copy where that is a program's business.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn reader(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Connection::open_with_flags(self.database(), flags)?)
    }

    /// What a program's `verify` finds broken in the database; empty if every invariant holds.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn broken(&self, program: Program) -> Result<Vec<String>> {
        self.broken_in(&self.database(), program)
    }

    /// What a program's `verify` finds broken in another database beside that one.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn broken_in(&self, database: &Path, program: Program) -> Result<Vec<String>> {
        let mut verify = self.command_on(database, program, &["verify", "-o", "json"])?;
        let output = verify.output()?;
        if output.status.success() {
            return Ok(Vec::new());
        }
        let mut found: Vec<serde_json::Value> =
            serde_json::from_slice(&output.stdout).unwrap_or_default();
        found.retain(|invariant| invariant["holds"] != true);
        let mut broken = vec![format!("verify ended with {}", said(&output))];
        broken.extend(found.iter().map(ToString::to_string));
        Ok(broken)
    }

    /// Processes that carry this database's mark: commands, and what they left behind.
    ///
    /// # Errors
    /// If the list of processes cannot be read.
    pub fn marked(&self) -> Result<Vec<u32>> {
        Ok(queue_testing::processes::marked(&self.database())?)
    }

    /// Keeps the folder as evidence and returns where it is.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// A process that is killed with the value, so that a proof that fails leaves none behind.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// Sends a signal. One that has ended hears nothing.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }

    /// Waits for its end; what it wrote to pipes until then.
    ///
    /// # Errors
    /// If a pipe cannot be read.
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

/// How a process ended and what it said, in one line.
pub fn said(output: &Output) -> String {
    let how = match (output.status.code(), output.status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or(0)),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{how}: {}", text.trim().replace('\n', "; "))
}

/// A word of a shell's command line.
pub fn quoted(text: impl AsRef<OsStr>) -> String {
    let text = text.as_ref().to_string_lossy();
    format!("'{}'", text.replace('\'', r"'\''"))
}
