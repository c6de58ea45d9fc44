//! Runs the front page and the guide, which are about both programs, in a new home folder; and checks
//! that pages agree with each other.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a page's helpers fail as its test does")
)]

use std::path::{Path, PathBuf};

use queue_core::watch::FAMILIES;
use queue_testing::docs;
use queue_testing::docs::pages::markdown_in;
use queue_testing::docs::session::Session;
use queue_testing::skipped;
use workflow_queue::EventKind;

/// The page that reads a file with `sqlite3`.
const WITH_SQLITE3: &str = "from-the-originals.md";

/// Omits pages that cannot run on this machine.
fn runnable(mut pages: Vec<PathBuf>) -> Vec<PathBuf> {
    let sqlite3 = std::process::Command::new("sqlite3")
        .arg("-version")
        .output();
    if sqlite3.is_err() {
        skipped(&format!(
            "sqlite3, which {WITH_SQLITE3} needs, is not installed"
        ));
        pages.retain(|page| !page.ends_with(WITH_SQLITE3));
    }
    pages
}

/// The workspace, and the folder of the programs built with the tests.
fn workspace_and_programs() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tests = std::env::current_exe().unwrap();
    let programs = tests.ancestors().nth(2).unwrap();
    for name in ["fast-queue", "workflow-queue"] {
        let is_there = programs.join(name).is_file();
        assert!(is_there, "{name} is not built; test its package too");
    }
    (root.to_owned(), programs.to_owned())
}

/// The pages of `docs` that its index names, in that order.
fn indexed(root: &Path) -> Vec<PathBuf> {
    let docs = root.join("docs");
    let index = std::fs::read_to_string(docs.join("README.md")).unwrap();
    let links = index.split("](").skip(1);
    let links = links.map(|rest| rest.split([')', '#']).next().unwrap());
    let own = links.filter(|link| !link.is_empty() && !link.starts_with(".."));
    own.map(|link| docs.join(link)).collect()
}

/// The front page, and the pages of the guide in the order of the index.
fn in_order(root: &Path) -> Vec<PathBuf> {
    let guide = root.join("docs/guide");
    let pages = indexed(root).into_iter();
    let mut order = vec![root.join("README.md")];
    for page in pages.filter(|page| page.starts_with(&guide)) {
        if !order.contains(&page) {
            order.push(page);
        }
    }
    order
}

/// Bug: a newcomer who typed the README and then the first steps got other ids than the pages show, and
/// `why 3` described another task. Fix: every page has its own database.
#[test]
fn the_readme_and_the_guide_work_one_after_the_other_in_one_home() {
    let (root, programs) = workspace_and_programs();
    let mut session = Session::new(&root, &programs);
    for page in runnable(in_order(&root)) {
        docs::type_page(&mut session, &root, &page).unwrap();
    }
}

#[test]
fn pages_about_both_programs_work_alone() {
    let (root, programs) = workspace_and_programs();
    let pages = [
        root.join("README.md"),
        root.join("docs/guide/from-the-originals.md"),
    ];
    docs::type_each(&root, &programs, &pages);
}

#[test]
fn the_index_names_every_page() {
    let (root, _) = workspace_and_programs();
    let named = indexed(&root);
    for folder in ["guide", "concepts", "reference", "develop"] {
        for page in markdown_in(&root.join("docs").join(folder)) {
            assert!(named.contains(&page), "docs/README.md: {}", page.display());
        }
    }
}

#[test]
fn the_index_of_decisions_names_every_decision() {
    let (root, _) = workspace_and_programs();
    let folder = root.join("docs/decisions");
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for page in markdown_in(&folder) {
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        let (number, title) = match text.lines().next().unwrap().split_once(". ") {
            Some((number, title)) => (number.trim_start_matches("# "), title),
            None => continue,
        };
        let line = format!("{number}. [{title}]({name})");
        assert!(index.contains(&line), "docs/decisions/README.md: {line}");
    }
}

/// Names that the root of a library re-exports.
fn exported(lib: &str) -> Vec<&str> {
    let exports = lib.split("\npub use ").skip(1);
    let paths = exports.map(|rest| rest.split(';').next().unwrap());
    let names = paths.flat_map(|path| {
        let list = path
            .split_once('{')
            .map(|(_, list)| list.trim_end_matches('}'));
        list.unwrap_or_else(|| path.rsplit("::").next().unwrap())
            .split(',')
    });
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn the_page_of_the_library_names_every_item() {
    let (root, _) = workspace_and_programs();
    let page = std::fs::read_to_string(root.join("docs/reference/library.md")).unwrap();
    let words: Vec<&str> = page
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .collect();
    for package in ["fast-queue", "workflow-queue"] {
        let lib = std::fs::read_to_string(root.join(package).join("src/lib.rs")).unwrap();
        let items = exported(&lib);
        assert!(
            items.contains(&"NewTask") && items.contains(&"rusqlite"),
            "{items:?}"
        );
        for item in items {
            assert!(
                words.contains(&item),
                "docs/reference/library.md: {item} of {package}"
            );
        }
    }
}

/// A link to a missing file is worse than none.
#[test]
fn every_link_between_pages_has_a_target() {
    let (root, _) = workspace_and_programs();
    let docs = root.join("docs");
    let mut pages = markdown_in(&root);
    for package in ["fast-queue", "workflow-queue", "shared"] {
        pages.extend(markdown_in(&root.join(package)));
    }
    pages.extend(markdown_in(&docs));
    for entry in std::fs::read_dir(&docs).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            pages.extend(markdown_in(&folder));
        }
    }
    let mut broken = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") {
                continue;
            }
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let is_there = target.exists() && (anchor.is_empty() || has_heading(&target, anchor));
            if !is_there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Returns true if a page has a heading with that anchor.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.replace(' ', "-");
        kept.replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "")
    });
    let found = anchors.filter(|one| one == anchor).count();
    found > 0
}

/// The front page rounds down the counts of the scorecard, and claims no broken promise.
#[test]
fn the_front_page_claims_no_more_than_the_scorecard() {
    let (root, _) = workspace_and_programs();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let number = |cell: &str| -> u64 { cell.replace(',', "").parse().unwrap() };
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split('|').map(|cell| cell.trim().to_owned());
        cells.collect()
    };
    let (front, scorecard) = (read("README.md"), read("docs/concepts/reliability.md"));
    let rows = [
        (
            "images of what a power cut leaves",
            "images of what a power cut leaves",
        ),
        (
            "processes killed with SIGKILL",
            "processes killed with SIGKILL",
        ),
        ("simulated hours", "simulated hours with work"),
    ];
    for (here, there) in rows {
        let row = |text: &str, what: &str| {
            let start = format!("| {what}");
            let line = text.lines().find(|line| line.starts_with(&start));
            cells(line.unwrap_or_else(|| panic!("there is no row {what:?}")))
        };
        let (said, counted) = (row(&front, here), row(&scorecard, there));
        let said_times = number(said[2].strip_prefix("over ").expect("a lower bound"));
        assert!(number(&counted[2]) > said_times, "{there}");
        assert_eq!(said[3], counted[3], "{there}");
    }
}

#[test]
fn the_page_of_events_has_every_type_with_its_meaning() {
    let (root, _) = workspace_and_programs();
    let page = std::fs::read_to_string(root.join("docs/reference/events.md")).unwrap();
    let known = EventKind::ALL
        .iter()
        .filter(|kind| **kind != EventKind::Unknown);
    let expected: Vec<String> = known
        .map(|kind| format!("| `{}` | {} |", kind.name(), kind.about()))
        .collect();
    let rows = page
        .lines()
        .skip_while(|line| *line != "| type | meaning |")
        .skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_page_of_metrics_has_every_family_with_its_meaning() {
    let (root, _) = workspace_and_programs();
    let page = std::fs::read_to_string(root.join("docs/reference/metrics.md")).unwrap();
    let row = |family: &&queue_core::watch::Family| {
        let labels = family.labels.iter().map(|label| format!("`{label}`"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let cells = [
            &format!("`{}`", family.name),
            family.kind.as_str(),
            &labels,
            family.help,
        ];
        let cells = cells.map(|cell| {
            if cell.is_empty() {
                String::new()
            } else {
                format!(" {cell}")
            }
        });
        format!("|{} |", cells.join(" |"))
    };
    let expected: Vec<String> = FAMILIES.iter().map(row).collect();
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| metric |"))
        .skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_dashboard_for_grafana_asks_for_exported_metrics_alone() {
    let (root, _) = workspace_and_programs();
    let path = root.join("docs/guide/monitoring/grafana.json");
    let dashboard = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let endings = ["_bucket", "_sum", "_count"];
    let is_exported = |name: &str| {
        let times = endings.iter().find_map(|ending| name.strip_suffix(ending));
        FAMILIES.iter().any(|family| {
            family.name == name
                || (family.kind == queue_core::watch::MetricKind::Histogram
                    && Some(family.name) == times)
        })
    };
    let words = dashboard.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: Vec<&str> = words.filter(|word| word.starts_with("queue_")).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(is_exported(name), "{name}");
    }
}
