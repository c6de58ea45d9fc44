//! `metrics`: the numbers of a file for Prometheus and other monitors.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::program::Context;
use super::{Failure, folded};
use crate::error::Error;
use crate::queue::Queue;
use crate::watch::{Metrics, MetricsFormat, judge_alerts, sync_time};

/// Mode of the file, so that the monitor, another user, can read it.
const MODE: u32 = 0o644;

/// Print metrics for Prometheus and other monitors
///
/// In a file of workflow-queue, new events are added to its counters, and its alerts are judged, first.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Write them to this file, such as one ending in .prom for the Prometheus node exporter; it is
    /// replaced as a whole
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    textfile: Option<PathBuf>,

    /// Use the format of `OpenMetrics` 1.0 in place of that of Prometheus
    #[arg(long)]
    openmetrics: bool,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let form = if arguments.openmetrics {
        MetricsFormat::OpenMetrics
    } else {
        MetricsFormat::Prometheus
    };
    let (queue, _) = folded::open(context)?;
    // A file that cannot be written now is judged by the next call.
    let _ = judge_alerts(&queue);
    let metrics = Metrics::read(&queue, context.program.name)?;
    let text = metrics.sync(sync_time(&queue)).text(form);
    match &arguments.textfile {
        None => context.printer.raw(text.as_bytes()),
        Some(path) => Ok(replace(path, text.as_bytes()).map_err(|error| {
            Error::io(
                format!("cannot write the metrics to {}", path.display()),
                error,
            )
        })?),
    }
}

/// Writes a file beside and renames it, so that nobody reads a part of it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Somebody may mean a device, which root would replace.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        let what = "it is there and no plain file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "it is no name of a file");
    // A collector reads the files whose names end in .prom, and not this one.
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or_else(no_name)?);
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a killed process of the same number left.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(path)?;
    // Whatever the umask says.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(bytes)
}
