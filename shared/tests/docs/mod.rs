//! Runs shell blocks of pages. A page is a story: its blocks run in order, in one fresh folder, with
//! the built program in PATH and a home of its own.
//!
//! - `sh` blocks must exit 0.
//! - `console` blocks are lines of `$ command`, each followed by what it prints, stdout and stderr
//!   together; `…` stands for anything within a line, a line of `…` alone for any lines. A command
//!   that ends with another code than 0 is followed by a line `# exit CODE`.
//! - `rust` blocks are doc tests (`src/lib.rs` of each program), `text`, `toml` and `json` blocks are
//!   not code.
//!
//! The README and the pages are for fast-queue; those whose names begin with `workflow` are for
//! workflow-queue.

#![expect(clippy::unwrap_used, reason = "a page's helpers fail as its test does")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the names of pages about workflow-queue begin with.
const OF_WORKFLOWS: &str = "workflow";

/// Runs every block of every page that is about the program.
pub(crate) fn run_all(program: &Path, package: &Path) {
    let root = package.parent().unwrap();
    let mut pages = vec![root.join("README.md")];
    for folder in ["guide", "concepts", "reference"] {
        pages.extend(markdown_in(&root.join("docs").join(folder)));
    }
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let is_wanted = name(program).starts_with(OF_WORKFLOWS);
    pages.retain(|page| name(page).starts_with(OF_WORKFLOWS) == is_wanted);
    assert!(!pages.is_empty(), "no page is about {}", program.display());
    let mut faults = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let stage = Stage::new(root, program);
        for block in blocks(&text) {
            if let Err(fault) = stage.run(&block) {
                let page = page.strip_prefix(root).unwrap();
                faults.push(format!("{}:{}: {fault}", page.display(), block.line));
                break;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn markdown_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.to_owned(),
                    line: index + 1,
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a block is not closed");
    blocks
}

/// A command of a `console` block, what it prints and how it exits.
#[derive(Debug, Default, PartialEq, Eq)]
struct Exchange {
    command: String,
    printed: String,
    code: i32,
}

fn exchanges(text: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            exchanges.push(Exchange {
                command: command.to_owned(),
                ..Exchange::default()
            });
            continue;
        }
        let last = exchanges
            .last_mut()
            .expect("a console block begins with `$ `");
        if let Some(more) = line.strip_prefix("> ") {
            last.command.push('\n');
            last.command.push_str(more);
        } else if let Some(code) = line.strip_prefix("# exit ") {
            last.code = code.parse().unwrap();
        } else {
            last.printed.push_str(line);
            last.printed.push('\n');
        }
    }
    exchanges
}

/// Whether `printed` is what `expected` says, `…` standing for anything.
fn matches(expected: &str, printed: &str) -> bool {
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
    lines_match(&expected, &printed)
}

fn lines_match(expected: &[&str], printed: &[&str]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        (Some((line, rest)), Some((found, others))) => {
            line_matches(line, found) && lines_match(rest, others)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn line_matches(expected: &str, printed: &str) -> bool {
    match expected.split_once('…') {
        None => expected == printed,
        Some((before, after)) => printed.strip_prefix(before).is_some_and(|rest| {
            let mut tails = rest.char_indices().map(|(index, _)| &rest[index..]);
            tails.any(|tail| line_matches(after, tail)) || line_matches(after, "")
        }),
    }
}

/// A fresh folder with a copy of what the pages refer to.
struct Stage {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Stage {
    fn new(root: &Path, program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.join("docs"), folder.path().join("docs")).unwrap();
        Self {
            folder,
            program: program.to_owned(),
        }
    }

    fn run(&self, block: &Block) -> Result<(), String> {
        match block.language.as_str() {
            "sh" => match self.shell(&format!("set -eu\n{}", block.text)) {
                (0, _) => Ok(()),
                (code, printed) => Err(format!("exit {code}\n{printed}")),
            },
            "console" => exchanges(&block.text)
                .iter()
                .try_for_each(|exchange| self.converse(exchange)),
            "rust" | "text" | "toml" | "json" => Ok(()),
            other => Err(format!("a block of language {other:?} is not tested")),
        }
    }

    fn converse(&self, exchange: &Exchange) -> Result<(), String> {
        let (code, printed) = self.shell(&exchange.command);
        if code == exchange.code && matches(&exchange.printed, &printed) {
            return Ok(());
        }
        Err(format!(
            "$ {}\nexpected (exit {}):\n{}printed (exit {code}):\n{printed}",
            exchange.command, exchange.code, exchange.printed
        ))
    }

    /// Runs a script and returns its exit code and what it printed.
    fn shell(&self, script: &str) -> (i32, String) {
        let path = format!(
            "{}:{}",
            self.program.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("exec 2>&1\n{CARGO}\n{script}"))
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap_or(-1), printed)
    }
}

/// The README's commands on a fresh clone: the program is built already, and its tests are running.
const CARGO: &str = r#"
cargo() {
    case "$*" in
        "run --release -p fast-queue -- "*) shift 5; fast-queue "$@" ;;
        "build --release" | "test --workspace") ;;
        *) echo "this test does not know: cargo $*"; return 99 ;;
    esac
}
"#;

#[test]
fn blocks_are_found_with_their_language_and_line() {
    let found = blocks("a\n```sh\nls\n```\n\n```text\nx\n```\n");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].language.as_str(), found[0].line), ("sh", 2));
    assert_eq!(found[0].text, "ls\n");
}

#[test]
fn a_conversation_is_read_command_by_command() {
    let found = exchanges("$ a \\\n> b\nx\n# exit 3\n$ c\n");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].command, "a \\\nb");
    assert_eq!((found[0].printed.as_str(), found[0].code), ("x\n", 3));
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    assert!(matches("Added task …\n", "Added task 17\n"));
    assert!(matches("a…c…e\n", "abcde\n"));
    assert!(matches("first\n…\nlast\n", "first\nx\ny\nlast\n"));
    assert!(!matches("Added task 1\n", "Added task 2\n"));
    assert!(!matches("a\n", "a\nb\n"));
    assert!(!matches("a…\n", "b\n"));
}
