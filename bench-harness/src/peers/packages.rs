//! Peers that are Rust libraries. Each is a package in `bench-harness/peers`, outside the workspace,
//! because it may link another `SQLite` than the engines do; docs/decisions says more.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::driver::Driver;
use crate::Result;

/// Their names, which are their folders' names.
pub(super) const NAMES: [&str; 3] = ["effectum", "apalis-sqlite", "honker"];

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// Builds the driver with cargo, which prints its progress.
pub(super) fn build(name: &str) -> Result<()> {
    let manifest = Path::new(SOURCES).join(name).join("Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(&manifest)
        .env("CARGO_TARGET_DIR", target(name)?)
        .status()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("its driver could not be built: cargo ended with {status}").into())
}

/// Driver of a peer, if it has been built.
pub(super) fn driver(name: &str) -> Result<Driver> {
    let program = target(name)?.join("release").join(format!("peer-{name}"));
    if !program.is_file() {
        return Err("its driver is not built; add --build".into());
    }
    Ok(Driver {
        name: name.to_owned(),
        program,
        arguments: Vec::new(),
    })
}

/// Path of cargo's build output, within this workspace's target folder.
fn target(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    let target = target.ok_or("the harness does not lie in a target folder of cargo")?;
    Ok(target.join("peers").join(name))
}
