//! The resume file: finished cases, with which an interrupted run continues.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::findings::Findings;
use crate::measure::Spread;
use crate::report::Document;
use crate::report::environment::Environment;
use crate::{Result, write_whole};

/// A file of finished cases.
pub(super) struct Kept {
    path: PathBuf,
    run: Run,
}

/// Content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    quick: bool,
    /// Build time of the program if its sources differ from their commit: then the commit does not
    /// identify the measured program.
    built: Option<u128>,
    environment: Environment,
    disk_probe_us: Spread,
    done: Vec<Done>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Done {
    case: String,
    findings: Findings,
}

impl Kept {
    /// Opens the file at `path`, or creates it. `document` takes the environment and probe of an
    /// existing file.
    ///
    /// # Errors
    /// When the file belongs to another commit, other options or another machine, or is not such a
    /// file.
    pub(super) fn open(path: &Path, quick: bool, document: &mut Document) -> Result<Self> {
        let run = Run {
            quick,
            built: built(document.environment.changed)?,
            environment: document.environment.clone(),
            disk_probe_us: document.disk_probe_us,
            done: Vec::new(),
        };
        let run = match std::fs::read_to_string(path) {
            Ok(text) => run.resume(path, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => run,
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display()).into()),
        };
        document.environment = run.environment.clone();
        document.disk_probe_us = run.disk_probe_us;
        let kept = Self {
            path: path.to_owned(),
            run,
        };
        // A write error is better reported before measuring.
        kept.write()?;
        Ok(kept)
    }

    /// Results of a finished case.
    pub(super) fn findings(&self, case: &str) -> Option<&Findings> {
        let done = self.run.done.iter().find(|done| done.case == case);
        done.map(|done| &done.findings)
    }

    /// Stores the results of a case.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn add(&mut self, case: String, findings: Findings) -> Result<()> {
        self.run.done.push(Done { case, findings });
        self.write()
    }

    /// Replaces the file atomically.
    fn write(&self) -> Result<()> {
        write_whole(&self.path, &serde_json::to_vec_pretty(&self.run)?)
    }
}

impl Run {
    /// The run stored in `text`, if it can be continued by this one.
    fn resume(self, path: &Path, text: &str) -> Result<Self> {
        let shown = path.display();
        let old: Self = serde_json::from_str(text).map_err(|error| {
            format!("{shown} is not the file of an interrupted run: {error}; name another file")
        })?;
        let other = if old.quick != self.quick {
            "with other options"
        } else if (old.environment.sources(), old.built) != (self.environment.sources(), self.built)
        {
            "of other sources"
        } else if !old.environment.is_same_machine(&self.environment) {
            "on another machine, system or disk"
        } else {
            return Ok(old);
        };
        Err(
            format!("{shown} was measured {other}; name another file, or remove it to begin anew")
                .into(),
        )
    }
}

/// Build time of the program in nanoseconds, if the commit does not identify it.
fn built(changed: bool) -> Result<Option<u128>> {
    if !changed {
        return Ok(None);
    }
    let modified = std::env::current_exe()?.metadata()?.modified()?;
    Ok(Some(modified.duration_since(UNIX_EPOCH)?.as_nanos()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::document::Kind;

    fn document(folder: &Path) -> Document {
        Document::begin(Kind::Suite, folder).unwrap()
    }

    #[test]
    fn stored_results_are_found_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let mut first = document(folder.path());
        let mut kept = Kept::open(&path, true, &mut first).unwrap();
        kept.add("bulk".to_owned(), Findings::default()).unwrap();
        let mut second = document(folder.path());
        let kept = Kept::open(&path, true, &mut second).unwrap();
        assert_eq!(kept.findings("bulk"), Some(&Findings::default()));
        assert_eq!(kept.findings("depth"), None);
        assert_eq!(second, first, "the run began with the first start");
    }

    #[test]
    fn a_run_does_not_resume_a_different_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        Kept::open(&path, true, &mut document(folder.path())).unwrap();
        let said = |quick, document: &mut Document| {
            let error = Kept::open(&path, quick, document).err().unwrap();
            error.to_string()
        };
        let mut own = document(folder.path());
        assert!(said(false, &mut own).contains("with other options"));
        own.environment.commit = Some("another".to_owned());
        assert!(said(true, &mut own).contains("of other sources"));
        let mut own = document(folder.path());
        own.environment.cpu = "another".to_owned();
        assert!(said(true, &mut own).contains("on another machine"));
    }

    #[test]
    fn a_foreign_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "important").unwrap();
        let error = Kept::open(&path, true, &mut document(folder.path())).err();
        assert!(error.unwrap().to_string().contains("notes.txt is not"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "important");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_before_measuring() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/run.json");
        let error = Kept::open(&path, true, &mut document(folder.path())).err();
        assert!(
            error
                .unwrap()
                .to_string()
                .contains("run.json cannot be written")
        );
    }
}
