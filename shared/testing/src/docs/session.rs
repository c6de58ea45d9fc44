//! The shell of a reader.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Line after the output of a command, with its exit code.
const END: &str = "end of the command, exit";

/// A shell in a fresh home; ended when dropped.
pub struct Session {
    home: tempfile::TempDir,
    typed: tempfile::TempDir,
    shell: Child,
    input: ChildStdin,
    printed: BufReader<ChildStdout>,
}

impl Session {
    /// A shell with the folder of the programs in its PATH.
    pub fn new(root: &Path, programs: &Path) -> Self {
        let (home, typed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // The README is read in a clone.
        std::os::unix::fs::symlink(root.join("docs"), home.path().join("docs")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("timeout")
            .args(["300", "/bin/sh"])
            .current_dir(home.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("HOME", home.path())
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, printed) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let printed = BufReader::new(printed);
        let mut session = Self {
            home,
            typed,
            shell,
            input,
            printed,
        };
        assert_eq!(session.command(&format!("exec 2>&1\n{CARGO}")).0, 0);
        session
    }

    /// Runs a command and returns its exit code and output.
    pub fn command(&mut self, text: &str) -> (i32, String) {
        self.source("set +eu", text)
    }

    /// Runs a block in which every command has to succeed.
    pub fn block(&mut self, text: &str) -> (i32, String) {
        self.source("set -eu", text)
    }

    fn source(&mut self, options: &str, text: &str) -> (i32, String) {
        let path = self.typed.path().join("typed");
        std::fs::write(&path, text).unwrap();
        let path = path.display();
        let line = format!("{options}; . {path} </dev/null; set -- $?; set +eu");
        writeln!(self.input, "{line}; printf '\\n%s %s\\n' '{END}' $1").unwrap();
        let mut printed = String::new();
        let mut line = Vec::new();
        while self.printed.read_until(b'\n', &mut line).unwrap() > 0 {
            let text = String::from_utf8_lossy(&line);
            if let Some(code) = text.strip_prefix(END) {
                // The newline before the end line does not belong to the command.
                printed.pop();
                return (code.trim().parse().unwrap(), printed);
            }
            printed.push_str(&text);
            line.clear();
        }
        let status = self.shell.wait().unwrap();
        (status.code().unwrap_or(-1), printed)
    }
}

impl Drop for Session {
    /// Ends the shell, if it has not ended by itself, before `home` is deleted.
    fn drop(&mut self) {
        let _ = writeln!(self.input, "exit");
        let _ = self.shell.wait();
        let _ = self.home.path();
    }
}

/// Stand-in for cargo: the README builds and tests a fresh clone, but here the programs are built
/// already.
const CARGO: &str = r#"
cargo() {
    case "$*" in
        "run --profile quick -p fast-queue -- "*) shift 6; fast-queue "$@" ;;
        "build --release" | "test --workspace") ;;
        "install --path fast-queue" | "install --path workflow-queue") ;;
        *) echo "this test does not know: cargo $*"; return 99 ;;
    esac
}
"#;
