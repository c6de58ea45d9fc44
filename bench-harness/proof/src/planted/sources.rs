//! Sources of the packages' tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Suite;
use crate::Result;

/// Folder of the tests that several packages run.
const SHARED: &str = "shared/testing/src";

/// The sources of packages, read when they are first asked for.
pub(super) struct Sources<'a> {
    root: &'a Path,
    of_packages: BTreeMap<&'static str, Vec<Source>>,
}

struct Source {
    path: PathBuf,
    text: String,
}

impl<'a> Sources<'a> {
    /// The sources of the workspace at `root`.
    pub(super) fn new(root: &'a Path) -> Self {
        Self {
            root,
            of_packages: BTreeMap::new(),
        }
    }

    /// True if a module or a function bears the name that the suite selects its tests by.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn have_test(&mut self, suite: Suite) -> Result<bool> {
        let name = suite.filter.rsplit("::").next().unwrap_or_default();
        if !self.of_packages.contains_key(suite.package) {
            let mut sources = Vec::new();
            let folder = match suite.package {
                "queue-core" => "shared",
                "queue-proof" => "bench-harness/proof",
                package => package,
            };
            for folder in ["src", "tests"].map(|part| self.root.join(folder).join(part)) {
                read(&folder, &mut sources)?;
            }
            read(&self.root.join(SHARED), &mut sources)?;
            self.of_packages.insert(suite.package, sources);
        }
        let sources = self.of_packages.get(suite.package);
        Ok(sources.is_some_and(|sources| sources.iter().any(|source| source.has(name))))
    }
}

impl Source {
    fn has(&self, name: &str) -> bool {
        let is_module = self.path.file_stem().is_some_and(|stem| stem == name);
        let mut functions = self.text.lines().filter_map(|line| line.split_once("fn "));
        is_module || functions.any(|(_, function)| function.contains(name))
    }
}

fn read(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            sources.push(Source { path, text });
        }
    }
    Ok(())
}
