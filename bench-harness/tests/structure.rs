//! Imports are acyclic: no file of product code imports itself, directly or indirectly, and in
//! queue-core no layer imports one above it. No drop waits without a bound.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The packages whose imports are read, by their folders.
const PACKAGES: [&str; 5] = [
    "shared",
    "fast-queue",
    "workflow-queue",
    "bench-harness",
    "bench-harness/proof",
];

/// The layers of queue-core from the bottom, as ARCHITECTURE.md shows them: the modules of each, and
/// the layers below that it may import.
const LAYERS: [Layer; 12] = [
    Layer {
        name: "domain",
        modules: &[
            "ageing",
            "backoff",
            "claim",
            "clock",
            "coordination",
            "error",
            "hook",
            "ids",
            "in_turn",
            "journal",
            "location",
            "names",
            "options",
            "outcome",
            "output",
            "panics",
            "queue",
            "queue_ids",
            "random",
            "ready",
            "remedy",
            "served",
            "shares",
            "settings",
            "state",
            "task",
            "usage",
            "work",
            "worker_info",
            "workflow",
        ],
        below: &[],
    },
    Layer {
        name: "sidecar",
        modules: &["sidecar"],
        below: &["domain"],
    },
    Layer {
        name: "sqlite",
        modules: &["sqlite"],
        below: &["domain", "sidecar"],
    },
    Layer {
        name: "postgres",
        modules: &["postgres"],
        below: &["domain"],
    },
    Layer {
        name: "runtime",
        modules: &["runtime"],
        below: &["domain", "sidecar"],
    },
    Layer {
        name: "maintenance",
        modules: &["maintenance"],
        below: &["domain", "sidecar", "sqlite", "runtime"],
    },
    Layer {
        name: "text",
        modules: &["text"],
        below: &["domain"],
    },
    Layer {
        name: "services",
        modules: &["services"],
        below: &["domain", "text"],
    },
    Layer {
        name: "watch",
        modules: &["watch"],
        below: &["domain", "sidecar", "runtime", "text"],
    },
    Layer {
        name: "web",
        modules: &["web"],
        below: &["domain", "sidecar", "runtime", "text", "services", "watch"],
    },
    Layer {
        name: "cli",
        modules: &["cli"],
        below: &[
            "domain",
            "sidecar",
            "sqlite",
            "runtime",
            "maintenance",
            "text",
            "services",
            "watch",
            "web",
        ],
    },
    Layer {
        name: "internals",
        modules: &["internals"],
        below: &[
            "domain",
            "sidecar",
            "sqlite",
            "runtime",
            "maintenance",
            "text",
            "services",
            "watch",
            "web",
            "cli",
        ],
    },
];

struct Layer {
    name: &'static str,
    modules: &'static [&'static str],
    below: &'static [&'static str],
}

impl Layer {
    fn of(module: &str) -> Option<&'static Self> {
        LAYERS.iter().find(|layer| layer.modules.contains(&module))
    }

    /// Returns true if the layer may import from this module. Types and macros that the package root
    /// re-exports belong to no module, and count as the domain's.
    fn may_import(&self, module: &str) -> bool {
        let target = Self::of(module).map_or("domain", |layer| layer.name);
        target == self.name || self.below.contains(&target)
    }
}

/// Files and folders of tests within the product's source.
const TESTING: [&str; 3] = ["schedules", "simulation", "tests"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a package by the path of their module, `""` for its root, and what each imports.
struct Imports {
    of: BTreeMap<String, BTreeSet<String>>,
}

impl Imports {
    fn read(package: &str) -> Self {
        let src = root().join(package).join("src");
        let mut files = BTreeMap::new();
        list(&src, &src, &mut files);
        let modules: BTreeSet<String> = files.keys().cloned().collect();
        let of = files
            .iter()
            .map(|(module, file)| {
                let text = product(&fs::read_to_string(file).unwrap());
                let found = paths(&text, module).into_iter();
                let mut targets: BTreeSet<String> =
                    found.map(|path| nearest(&modules, path)).collect();
                targets.remove(module);
                targets.remove("");
                (module.clone(), targets)
            })
            .collect();
        Self { of }
    }

    /// A cycle of imports.
    fn cycle(&self) -> Option<Vec<&str>> {
        let mut done = BTreeSet::new();
        self.of.keys().find_map(|start| {
            let mut way = Vec::new();
            self.search(start, &mut way, &mut done)
        })
    }

    fn search<'a>(
        &'a self,
        module: &'a str,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(first) = way.iter().position(|one| *one == module) {
            let mut cycle = way.split_off(first);
            cycle.push(module);
            return Some(cycle);
        }
        if !done.insert(module) {
            return None;
        }
        way.push(module);
        let found = self.of.get(module).into_iter().flatten();
        let found = found
            .map(|target| self.search(target, way, done))
            .find(Option::is_some);
        way.pop();
        found.flatten()
    }
}

/// Lists the source files below a folder, but for those of tests.
fn list(src: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if !TESTING.contains(&name.as_str()) {
                list(src, &path, files);
            }
        } else if path.extension().is_some_and(|end| end == "rs")
            && !TESTING.contains(&name.as_str())
            && !name.ends_with("_tests")
        {
            let place = path.strip_prefix(src).unwrap().with_extension("");
            let parts = place.iter().map(|part| part.to_str().unwrap());
            let mut parts: Vec<&str> = parts.collect();
            if matches!(name.as_str(), "mod" | "lib" | "main") {
                parts.pop();
            }
            files.insert(parts.join("::"), path);
        }
    }
}

/// The text without comments, and without the tests at its end.
fn product(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines();
    let lines = lines.map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths within the package that a text names, each from the package's root.
fn paths(text: &str, module: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut base: Vec<String> = match start {
                "crate::" => Vec::new(),
                _ => module.split("::").map(str::to_owned).collect(),
            };
            if start == "super::" {
                base.pop();
            }
            let mut rest = &text[at + start.len()..];
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
            tree(&base, rest, &mut found);
        }
    }
    found
}

/// Collects a path, and every branch of its braces. Returns the text behind it.
fn tree<'a>(base: &[String], text: &'a str, found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = base.to_vec();
    let mut rest = text;
    loop {
        if let Some(mut branch) = rest.strip_prefix('{') {
            loop {
                branch = tree(&path, branch.trim_start(), found).trim_start();
                match branch.chars().next() {
                    Some(',') => branch = &branch[1..],
                    Some('}') => return &branch[1..],
                    _ => return branch,
                }
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if !name.is_empty() {
            path.push(name.to_owned());
        }
        match behind.strip_prefix("::") {
            Some(further) if !name.is_empty() => rest = further,
            _ => {
                found.push(path);
                // A name it is given here.
                let stop = behind.find([',', '}', ';', '\n']);
                return &behind[stop.unwrap_or(behind.len())..];
            }
        }
    }
}

/// The file that a path leads to.
fn nearest(modules: &BTreeSet<String>, mut path: Vec<String>) -> String {
    while !path.is_empty() && !modules.contains(&path.join("::")) {
        path.pop();
    }
    path.join("::")
}

/// The imports of a file that its layer does not allow.
fn against_the_order(module: &str, text: &str) -> Vec<String> {
    let own = module.split("::").next().unwrap_or_default();
    let Some(layer) = Layer::of(own) else {
        return vec!["it is in no layer".to_owned()];
    };
    let imports = paths(&product(text), module).into_iter();
    let refused = imports.filter(|path| !layer.may_import(&path[0]));
    refused
        .map(|path| format!("{} imports {}", layer.name, path.join("::")))
        .collect()
}

#[test]
fn no_layer_of_queue_core_imports_one_above_it() {
    let src = root().join("shared/src");
    let mut files = BTreeMap::new();
    list(&src, &src, &mut files);
    files.remove("");
    let mut found = Vec::new();
    for (module, file) in &files {
        let text = fs::read_to_string(file).unwrap();
        let file = file.strip_prefix(&src).unwrap().display();
        let refused = against_the_order(module, &text).into_iter();
        found.extend(refused.map(|what| format!("shared/src/{file}: {what}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_import_against_the_order_is_found_and_named() {
    let text = "use crate::error::Error;\nuse crate::{Result, runtime::log::LogReader};";
    assert_eq!(
        against_the_order("sqlite::prune", text),
        ["sqlite imports runtime::log::LogReader"]
    );
    assert_eq!(
        against_the_order("queue", "use super::sidecar::Sidecar;"),
        ["domain imports sidecar::Sidecar"]
    );
    let between = "fn tell() -> crate::sqlite::Fault { super::end::told() }";
    assert_eq!(
        against_the_order("runtime::end", between),
        ["runtime imports sqlite::Fault"]
    );
    assert_eq!(against_the_order("cli::why", text), [""; 0]);
    assert_eq!(against_the_order("elsewhere", ""), ["it is in no layer"]);
}

#[test]
fn no_file_imports_itself_indirectly() {
    for package in PACKAGES {
        let imports = Imports::read(package);
        assert!(imports.of.len() > 1, "{package} has files");
        assert_eq!(imports.cycle(), None, "{package}");
    }
}

#[test]
fn a_cycle_is_found_through_branches_and_renamed_imports() {
    let files = [
        ("a", "use super::b::{self, C as D};"),
        ("b", "use crate::c::d::{E, f};"),
    ];
    let modules = ["a", "b", "c", "c::d"].map(str::to_owned).into();
    let imports = |back: &str| {
        let files = files.into_iter().chain([("c::d", back), ("c", "")]);
        let of = files.map(|(module, text)| {
            let found = paths(text, module).into_iter();
            let mut targets: BTreeSet<String> = found.map(|path| nearest(&modules, path)).collect();
            targets.remove(module);
            targets.remove("");
            (module.to_owned(), targets)
        });
        Imports { of: of.collect() }
    };
    assert_eq!(imports("use super::super::x::Y;").cycle(), None);
    let cycle = imports("use super::super::a::G;");
    assert_eq!(cycle.cycle(), Some(vec!["a", "b", "c::d", "a"]));
}

/// Calls that wait for another thread or process for as long as it takes.
const UNBOUNDED: [&str; 4] = [".join()", ".recv()", ".wait_while(", "Duration::MAX"];

/// Lines of a text that may wait for ever when something is dropped.
fn unbounded_drops(text: &str) -> Vec<&str> {
    let blocks = text.split("\nimpl").skip(1);
    let blocks = blocks.filter(|block| {
        block
            .lines()
            .next()
            .is_some_and(|head| head.contains("Drop for "))
    });
    let bodies = blocks.map(|block| block.split_once("\n}").map_or(block, |(body, _)| body));
    let lines = bodies.flat_map(str::lines);
    lines
        .filter(|line| UNBOUNDED.iter().any(|call| line.contains(call)))
        .map(str::trim)
        .collect()
}

#[test]
fn no_drop_waits_without_a_bound() {
    for package in ["shared", "fast-queue", "workflow-queue"] {
        let src = root().join(package).join("src");
        let mut files = BTreeMap::new();
        list(&src, &src, &mut files);
        for path in files.values() {
            let text = fs::read_to_string(path).unwrap();
            let found = unbounded_drops(&product(&text)).join("\n");
            assert_eq!(
                found,
                "",
                "{}: use recv_timeout, or an AwaitedThread",
                path.display()
            );
        }
    }
}

#[test]
fn a_drop_that_joins_a_thread_is_found() {
    let text = "\nimpl<T> Drop for Pool<T> {\n    fn drop(&mut self) {\n        thread.join();\n    }\n}\n";
    assert_eq!(unbounded_drops(text), ["thread.join();"]);
    let elsewhere =
        "\nimpl Drop for One {\n    fn drop(&mut self) {}\n}\nfn run() {\n    thread.join();\n}\n";
    assert_eq!(unbounded_drops(elsewhere), [""; 0]);
}
