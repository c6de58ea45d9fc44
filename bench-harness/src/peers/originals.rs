//! The Python programs that the engines go back to, driven through their own classes.

use std::path::Path;

use super::driver::Driver;
use crate::Result;

/// Their names, which are those of their files without `.py`.
pub(super) const NAMES: [&str; 5] = [
    "claude1",
    "claudeCode2",
    "claudeCode3",
    "claudeCode4",
    "deepseek2",
];

const SCRIPT: &str = include_str!("originals.py");

/// Its driver, if `folder` has its file.
pub(super) fn driver(name: &str, folder: Option<&Path>) -> Result<Driver> {
    let folder = folder.ok_or("name the folder that has its file with --originals")?;
    let file = std::path::absolute(folder.join(format!("{name}.py")))?;
    if !file.is_file() {
        return Err(format!("there is no {}", file.display()).into());
    }
    Ok(Driver {
        name: name.to_owned(),
        program: "python3".into(),
        arguments: vec!["-B".into(), "-c".into(), SCRIPT.into(), file.into()],
    })
}
