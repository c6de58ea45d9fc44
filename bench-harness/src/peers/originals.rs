//! The Python programs from which the engines derive, driven through their own classes.

use std::path::Path;

use super::driver::Driver;
use crate::Result;

/// Their names, which are their file names without `.py`.
pub(super) const NAMES: [&str; 5] = [
    "claude1",
    "claudeCode2",
    "claudeCode3",
    "claudeCode4",
    "deepseek2",
];

const SCRIPT: &str = include_str!("originals.py");

/// Driver of a program, if `folder` holds its file.
pub(super) fn driver(name: &str, folder: Option<&Path>) -> Result<Driver> {
    let folder = folder.ok_or("name the folder of its file with --originals")?;
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
