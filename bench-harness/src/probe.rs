//! Probes: what the machine itself takes, measured in the same run as the figure beside it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::Result;
use crate::measure::{Spread, Stopwatch, count};

/// Microseconds to append 4 KiB to a file and force it to disk with `fdatasync`, a sample each.
pub(crate) fn disk(folder: &Path, samples: usize) -> Result<Spread> {
    let path = folder.join("disk-probe");
    let mut file = File::create(&path)?;
    let page = [0xa5_u8; 4096];
    let mut micros = Vec::with_capacity(samples);
    for _ in 0..samples {
        let watch = Stopwatch::start();
        file.write_all(&page)?;
        file.sync_data()?;
        micros.push(watch.seconds() * 1e6);
    }
    std::fs::remove_file(&path)?;
    Ok(Spread::of(&micros))
}

/// The most megabytes of memory this process ever occupied.
pub(crate) fn own_peak_megabytes() -> f64 {
    status_kilobytes(std::process::id(), "VmHWM:")
        .map_or(0.0, |kilobytes| count(kilobytes) / 1024.0)
}

fn status_kilobytes(pid: u32, field: &str) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{disk, own_peak_megabytes};

    #[test]
    fn the_disk_probe_cleans_up_after_itself() {
        let folder = tempfile::tempdir().unwrap();
        let spread = disk(folder.path(), 3).unwrap();
        assert!(spread.min > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_peak_of_this_process_is_read() {
        assert!(own_peak_megabytes() > 0.1);
    }
}
