//! Runs the program on a database in a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

pub use crate::patience::{present, until};
pub use crate::processes::Process;

/// The program that the suite is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderTest {
    /// Path of the program.
    pub path: &'static str,
    /// True if `full` is its default durability.
    pub is_full: bool,
}

/// Program under test in this process: a test binary runs the suite for one program.
static UNDER_TEST: OnceLock<UnderTest> = OnceLock::new();

/// Sets the program before a test begins.
///
/// # Panics
/// If tests of one process set two programs.
pub fn under_test(program: UnderTest) {
    let first = UNDER_TEST.get_or_init(|| program);
    assert_eq!(*first, program, "one process tests one program");
}

fn program() -> UnderTest {
    *UNDER_TEST.get().expect("the test named its program")
}

/// Path of the program.
pub fn path() -> &'static str {
    program().path
}

/// True if `full` is its default durability.
pub fn is_full() -> bool {
    program().is_full
}

/// The program's name.
pub fn name() -> &'static str {
    let name = Path::new(path()).file_name();
    name.and_then(std::ffi::OsStr::to_str).unwrap()
}

/// A variable of the program's environment.
pub fn variable(of: &str) -> String {
    format!("{}_{of}", name().to_uppercase().replace('-', "_"))
}

/// A folder for a database and other files of a test.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// A sandbox of a test that is not among the cases: it names its program itself.
    pub fn of(program: UnderTest) -> Self {
        under_test(program);
        Self::new()
    }

    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The folder's path.
    pub fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(path());
        command
            .args(words)
            .current_dir(self.folder.path())
            .env(variable("DB"), self.path("queue.db"))
            .env("TZ", "UTC")
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env_remove(variable("OUTPUT"))
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, words: &[&str]) -> Done {
        Done(self.command(words).output().unwrap())
    }

    /// Runs the program to its end and expects success.
    pub fn ok(&self, words: &[&str]) -> String {
        let done = self.run(words);
        assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr());
        done.stdout()
    }

    /// Runs the program with `-o json` and returns the printed value.
    pub fn json(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.extend(["-o", "json"]);
        serde_json::from_str(&self.ok(&words)).unwrap()
    }

    /// The state of a task.
    pub fn state(&self, id: &str) -> String {
        self.json(&["show", id])["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, words: &[&str]) -> Running {
        Self::begin(&mut self.command(words))
    }

    /// Starts the program from a shell that runs `first` before.
    pub fn start_after(&self, first: &str, words: &[&str]) -> Running {
        let program = self.command(words);
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(self.folder.path())
            .envs(
                program
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null());
        Self::begin(&mut shell)
    }

    /// Starts any program and leaves it running.
    pub fn begin(command: &mut Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// Starts any program whose standard input is a pipe, and leaves it running.
    pub fn begin_with_input(command: &mut Command) -> (Running, ChildStdin) {
        let mut running = Self::begin(command);
        let input = running.child.stdin.take().unwrap();
        (running, input)
    }

    /// Enqueues one task for each line.
    pub fn enqueue(&self, lines: &str) {
        let mut child = self
            .command(&["add-task", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
    }
}

/// A program that has ended.
pub struct Done(pub Output);

impl Done {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}

/// A running program, killed when dropped.
pub struct Running {
    pub child: Child,
    stdout: Collected,
    stderr: Collected,
}

impl Running {
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until it has ended and its output is collected, and returns its exit code; `None` if a signal
    /// ended it. Processes that it left may hold its pipes: their output is waited for during a second.
    pub fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let ended = present();
        until("its output is collected", || {
            let is_whole = self.stdout.is_whole() && self.stderr.is_whole();
            is_whole || ended.elapsed() > Duration::from_secs(1)
        });
        status.unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Text read from a pipe so far, by a thread that ends with the pipe.
struct Collected(
    std::sync::Arc<std::sync::Mutex<String>>,
    std::thread::JoinHandle<()>,
);

impl Collected {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn is_whole(&self) -> bool {
        self.1.is_finished()
    }
}

fn collect(pipe: impl Read + Send + 'static) -> Collected {
    let text = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let writer = std::sync::Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            writer
                .lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    Collected(text, reader)
}
