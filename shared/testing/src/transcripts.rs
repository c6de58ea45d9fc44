//! Runs pages of transcripts, each on a new database, its commands one after the other. `[..]`
//! stands for text that differs between runs. The pages in `shared/testing/cli/` hold for every
//! program; they are written for fast-queue, and other programs run them under their own names.
//! Pages about one program are in its `tests/cli/`. `TRYCMD=overwrite cargo test --test
//! transcripts` writes them again.

use std::path::{Path, PathBuf};

/// Name of the program in the shared pages.
const WRITTEN_FOR: &str = "fast-queue";

/// Runs every shared page and every page of the program itself.
pub fn run_all(program: &Path, package: &Path) {
    let shared = pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cli"));
    assert!(shared.len() > 15, "only {} pages were found", shared.len());
    for page in shared {
        run(program, &page, true);
    }
    for page in pages(&package.join("tests/cli")) {
        run(program, &page, false);
    }
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|page| page.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

fn run(program: &Path, page: &Path, is_shared: bool) {
    let name = program.file_name().unwrap().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let variable = |name: &str| folder.path().join(name).display().to_string();
    let database = format!("{}_DB", name.to_uppercase().replace('-', "_"));
    let page = if is_shared && name != WRITTEN_FOR {
        renamed(page, name, folder.path())
    } else {
        page.to_owned()
    };
    let cases = trycmd::TestCases::new();
    cases
        .env(database, variable("queue.db"))
        .env("HOME", variable("home"))
        .env("XDG_CONFIG_HOME", variable("config"))
        .env("FOLDER", variable(""))
        .env("TZ", "UTC")
        .env("PATH", path_with(program.parent().unwrap()))
        .register_bin("sh", Path::new("/bin/sh"))
        .case(page)
        .run();
}

/// A copy of the page in which the program has that name.
fn renamed(page: &Path, name: &str, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(page).unwrap();
    let mangled = |name: &str| name.replace('-', "__");
    let text = text
        .replace(WRITTEN_FOR, name)
        .replace(&mangled(WRITTEN_FOR), &mangled(name));
    let copy = folder.join(page.file_name().unwrap());
    std::fs::write(&copy, text).unwrap();
    copy
}

fn path_with(folder: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}
