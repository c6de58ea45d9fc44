//! `report` as a program, on the committed figures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of docs/benchmarks.
fn of_benchmarks(name: &str) -> PathBuf {
    root().join("docs/benchmarks").join(name)
}

fn kept() -> PathBuf {
    of_benchmarks("suite.json")
}

fn report(file: &Path, form: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-harness"))
        .arg("report")
        .arg(file)
        .args(form)
        .output()
        .expect("the harness starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_table_of_figures_matches_the_committed_ones() {
    let printed = report(&kept(), &["--markdown"]);
    assert!(printed.status.success(), "{}", said(&printed));
    let table = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(table.lines().count() > 20, "{table}");
    let page = fs::read_to_string(of_benchmarks("README.md")).expect("a README");
    let (_, rest) = page
        .split_once("<!-- figures: begin -->\n")
        .expect("the mark before the table");
    let (in_page, _) = rest
        .split_once("<!-- figures: end -->")
        .expect("the mark after the table");
    assert_eq!(
        in_page, table,
        "`bench-harness report docs/benchmarks/suite.json --readme docs/benchmarks/README.md` puts \
         it right"
    );
}

#[test]
fn the_chart_of_peers_matches_the_committed_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("peers.svg");
    let image = image.to_str().expect("UTF-8");
    let output = report(&of_benchmarks("peers.json"), &["--chart", image]);
    assert!(output.status.success(), "{}", said(&output));
    let chart = fs::read_to_string(image).expect("a chart");
    for name in ["fast-queue", "workflow-queue", "bare SQLite"] {
        assert!(chart.contains(&format!(">{name}</text>")), "{name}");
    }
    for foreign in ["<script", "https:", "href", "@import", "url("] {
        assert!(!chart.contains(foreign), "{foreign}");
    }
    let kept = fs::read_to_string(of_benchmarks("peers.svg")).expect("the kept chart");
    assert!(
        kept == chart,
        "`bench-harness report docs/benchmarks/peers.json --chart docs/benchmarks/peers.svg` puts \
         it right"
    );
}

#[test]
fn a_chart_of_peers_needs_a_document_of_peers() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("peers.svg");
    let image = image.to_str().expect("UTF-8");
    let output = report(&kept(), &["--chart", image]);
    assert_eq!(output.status.code(), Some(70));
    assert!(said(&output).contains("no document is of `peers`"));
}

#[test]
fn a_page_is_written_as_a_whole_and_a_readme_is_updated_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (page, readme) = (path("page.html"), path("README.md"));
    let marked = "# Own\n<!-- figures: begin -->\n<!-- figures: end -->\nrest\n";
    fs::write(&readme, marked).expect("written");
    let output = report(&kept(), &["--html", &page, "--readme", &readme]);
    assert!(output.status.success(), "{}", said(&output));
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let readme = fs::read_to_string(readme).expect("a README");
    assert!(readme.starts_with("# Own\n<!-- figures: begin -->\n| what |"));
    assert!(readme.ends_with("<!-- figures: end -->\nrest\n"));
    let names = fs::read_dir(folder.path()).expect("listed").count();
    assert_eq!(names, 2, "no temporary file remains");
}

#[test]
fn a_readme_without_a_section_is_not_changed() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "# Own\n").expect("written");
    let output = report(&kept(), &["--readme", file.path().to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(70));
    assert!(
        said(&output).contains("figures: begin"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::read_to_string(file.path()).expect("there"), "# Own\n");
}

#[test]
fn an_unreadable_or_unwritable_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = report(&folder.path().join("suite.json"), &["--markdown"]);
    assert_eq!(missing.status.code(), Some(70));
    assert!(said(&missing).contains("/suite.json cannot be read"));
    let page = folder.path().join("missing/page.html");
    let nowhere = report(&kept(), &["--html", page.to_str().expect("UTF-8")]);
    assert_eq!(nowhere.status.code(), Some(70));
    assert!(said(&nowhere).contains("/missing/page.html cannot be written"));
    assert_eq!(
        report(&kept(), &[]).status.code(),
        Some(2),
        "no form is asked for"
    );
}
