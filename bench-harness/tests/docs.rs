//! The README and the guide, which are about both programs, are typed from a fresh home.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a page's helpers fail as its test does")
)]

use std::path::{Path, PathBuf};

#[path = "../../shared/tests/docs/mod.rs"]
mod docs;
#[path = "../../shared/tests/skipped/mod.rs"]
mod skipped;

use docs::session::Session;
use skipped::skipped;

/// The page that reads a file with `sqlite3`.
const WITH_SQLITE3: &str = "from-the-originals.md";

/// Leaves out what cannot be typed on this machine.
fn typable(mut pages: Vec<PathBuf>) -> Vec<PathBuf> {
    let sqlite3 = std::process::Command::new("sqlite3")
        .arg("-version")
        .output();
    if sqlite3.is_err() {
        skipped(&format!("there is no sqlite3 to type {WITH_SQLITE3} with"));
        pages.retain(|page| !page.ends_with(WITH_SQLITE3));
    }
    pages
}

/// The workspace, and the folder of the programs that were built with the tests.
fn places() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tests = std::env::current_exe().unwrap();
    let programs = tests.ancestors().nth(2).unwrap();
    for name in ["fast-queue", "workflow-queue"] {
        let is_there = programs.join(name).is_file();
        assert!(is_there, "{name} is not built; test its package too");
    }
    (root.to_owned(), programs.to_owned())
}

/// The README, and the pages of the guide in the order in which it names them.
fn in_order(root: &Path) -> Vec<PathBuf> {
    let readme = root.join("README.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let (_, list) = text.split_once("## Documentation").unwrap();
    let named = list.split("(docs/guide/").skip(1);
    let named = named.map(|rest| {
        root.join("docs/guide")
            .join(rest.split(')').next().unwrap())
    });
    std::iter::once(readme).chain(named).collect()
}

/// Bug: a newcomer who typed the README and then the first steps was shown other ids than the pages
/// say, and `why 3` told of another task. Every page now has a database of its own.
#[test]
fn the_readme_and_the_guide_can_be_typed_one_after_the_other_in_one_home() {
    let (root, programs) = places();
    let mut session = Session::new(&root, &programs);
    for page in typable(in_order(&root)) {
        docs::type_page(&mut session, &root, &page).unwrap();
    }
}

#[test]
fn pages_about_both_programs_can_be_typed_alone() {
    let (root, programs) = places();
    let pages = [
        root.join("README.md"),
        root.join("docs/guide/from-the-originals.md"),
    ];
    docs::type_each(&root, &programs, &pages);
}

#[test]
fn the_readme_names_every_page_of_the_guide() {
    let (root, _) = places();
    let mut named = in_order(&root);
    named.remove(0);
    named.sort();
    let entries = std::fs::read_dir(root.join("docs/guide")).unwrap();
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    assert_eq!(named, pages);
}
