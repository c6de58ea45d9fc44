//! Runs the shell blocks of pages as a reader would: in order, in one shell, so that folders,
//! variables and background workers carry over from block to block. The shell starts in a fresh
//! home, with the built programs in PATH.
//!
//! - `sh` blocks must exit with 0, and so must each of their commands.
//! - `console` blocks are lines of `$ command`, each followed by its output, stdout and stderr
//!   together; `…` stands for anything within a line, a line of `…` alone for any lines, and a run of
//!   spaces for any run of spaces, since a column is as wide as its widest value. A command that ends
//!   with another code than 0 is followed by a line `# exit CODE`.
//! - `rust` blocks are doc tests (of the package in `docs`), `text`, `toml` and `json` blocks are not
//!   code.

pub mod pages;
pub mod session;

use std::path::{Path, PathBuf};

use session::Session;

/// The folder of the workspace.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap().to_owned()
}

/// Runs every page that is about this program only.
pub fn type_pages_about(program: &Path) {
    let root = root();
    let pages = pages::about(&root, program);
    type_each(&root, program.parent().unwrap(), &pages);
}

/// Runs every page, each in a new shell.
pub fn type_each(root: &Path, programs: &Path, pages: &[PathBuf]) {
    let faults = pages.iter().filter_map(|page| {
        let mut session = Session::new(root, programs);
        type_page(&mut session, root, page).err()
    });
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Runs a page to its end or to the first difference.
pub fn type_page(session: &mut Session, root: &Path, page: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(page).unwrap();
    for block in blocks(&text) {
        type_block(session, &block).map_err(|fault| {
            let page = page.strip_prefix(root).unwrap();
            format!("{}:{}: {fault}", page.display(), block.line)
        })?;
    }
    Ok(())
}

fn type_block(session: &mut Session, block: &Block) -> Result<(), String> {
    match block.language.split(',').next().unwrap() {
        "sh" => match session.block(&block.text) {
            (0, _) => Ok(()),
            (code, printed) => Err(format!("exit {code}\n{printed}")),
        },
        "console" => exchanges(&block.text)
            .iter()
            .try_for_each(|exchange| converse(session, exchange)),
        "rust" | "text" | "toml" | "json" => Ok(()),
        other => Err(format!("a block of language {other:?} is not tested")),
    }
}

fn converse(session: &mut Session, exchange: &Exchange) -> Result<(), String> {
    let (code, printed) = session.command(&exchange.command);
    if code == exchange.code && matches(&exchange.printed, &printed) {
        return Ok(());
    }
    Err(format!(
        "$ {}\nexpected (exit {}):\n{}printed (exit {code}):\n{printed}",
        exchange.command, exchange.code, exchange.printed
    ))
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

/// A command of a `console` block with its expected output and exit code.
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

/// True if `printed` matches `expected`, in which `…` stands for anything.
fn matches(expected: &str, printed: &str) -> bool {
    let (expected, printed) = (narrowed(expected), narrowed(printed));
    let lines = |text| str::lines(text).map(str::trim_end).collect::<Vec<&str>>();
    lines_match(&lines(&expected), &lines(&printed))
}

/// The text with each run of spaces replaced by one space.
fn narrowed(text: &str) -> String {
    let mut narrow = String::with_capacity(text.len());
    for c in text.chars() {
        if c != ' ' || !narrow.ends_with(' ') {
            narrow.push(c);
        }
    }
    narrow
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

#[test]
fn a_column_may_be_wider_than_a_page_shows() {
    assert!(matches(
        "ID  WHEN    NAME\n 1  …s ago  a\n",
        "ID  WHEN       NAME\n 1  12.5s ago  a\n"
    ));
    assert!(!matches("two words\n", "twowords\n"));
}
