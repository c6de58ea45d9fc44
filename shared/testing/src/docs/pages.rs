//! Pages that are about one program.
//!
//! Pages whose names begin with `workflow`, and those about schedules, are about workflow-queue, other
//! pages about fast-queue.
//! The tests of bench-harness, which have both programs, run the pages about both.

use std::path::{Path, PathBuf};

/// Prefixes of pages about workflow-queue.
const OF_WORKFLOWS: [&str; 3] = ["workflow", "schedules", "cron"];
/// Pages about both programs.
const OF_BOTH: [&str; 2] = ["README.md", "from-the-originals.md"];

/// Every page that is about this program only.
pub fn about(root: &Path, program: &Path) -> Vec<PathBuf> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let of_workflows = |name: &str| OF_WORKFLOWS.iter().any(|prefix| name.starts_with(prefix));
    let is_wanted = of_workflows(&name(program));
    let mut pages = Vec::new();
    for folder in ["guide", "concepts", "reference"] {
        pages.extend(markdown_in(&root.join("docs").join(folder)));
    }
    pages.retain(|page| {
        let name = name(page);
        of_workflows(&name) == is_wanted && !OF_BOTH.contains(&name.as_str())
    });
    assert!(!pages.is_empty(), "no page is about {}", program.display());
    pages
}

/// The pages of a folder.
pub fn markdown_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}
