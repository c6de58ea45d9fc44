//! The pages in `tests/cli/` are the reference of the command line, and every transcript in them
//! is run: each page on a database of its own, its commands one after the other. `[..]` stands
//! for what differs from run to run. `TRYCMD=overwrite cargo test --test transcripts` writes them
//! anew.

use std::path::Path;

#[test]
fn every_page_says_what_the_program_does() {
    let program = Path::new(env!("CARGO_BIN_EXE_fast-queue"));
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut count = 0;
    for page in std::fs::read_dir(pages).unwrap() {
        let page = page.unwrap().path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let variable = |name: &str| folder.path().join(name).display().to_string();
        let cases = trycmd::TestCases::new();
        cases
            .env("FAST_QUEUE_DB", variable("queue.db"))
            .env("HOME", variable("home"))
            .env("XDG_CONFIG_HOME", variable("config"))
            .env("FOLDER", variable(""))
            .env("TZ", "UTC")
            .env("PATH", path_with(program.parent().unwrap()))
            .register_bin("sh", Path::new("/bin/sh"))
            .case(page)
            .run();
        count += 1;
    }
    assert!(count > 15, "only {count} pages were found");
}

fn path_with(folder: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}
