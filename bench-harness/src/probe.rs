//! Probes: the time that the machine itself needs, measured in the same run as the figure beside it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

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

/// Seconds to run `/bin/sh -c true` `total` times, `at_once` at a time, by `posix_spawn` and `wait`,
/// without storing any result.
pub(crate) fn spawns(total: usize, at_once: usize) -> Result<f64> {
    let watch = Stopwatch::start();
    let (mut started, mut ended) = (0, 0);
    while ended < total {
        while started < total && started - ended < at_once {
            Command::new("/bin/sh")
                .args(["-c", "true"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            started += 1;
        }
        // Waits for any child: the bare loop has no bookkeeping of its children. So it runs in a process
        // without others.
        rustix::process::wait(rustix::process::WaitOptions::empty())?;
        ended += 1;
    }
    Ok(watch.seconds())
}

/// Seconds of one run of `command`, which must exit 0.
pub(crate) fn process(command: &mut Command) -> Result<f64> {
    let watch = Stopwatch::start();
    let output = command.stdin(Stdio::null()).output()?;
    let seconds = watch.seconds();
    if output.status.success() {
        return Ok(seconds);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}: {said}", output.status).into())
}

/// Resident memory of a process in megabytes; `None` once it is gone.
pub(crate) fn resident_megabytes(pid: u32) -> Option<f64> {
    status_kilobytes(pid, "VmRSS:").map(|kilobytes| count(kilobytes) / 1024.0)
}

/// Peak memory of this process in megabytes.
pub(crate) fn own_peak_megabytes() -> f64 {
    status_kilobytes(std::process::id(), "VmHWM:")
        .map_or(0.0, |kilobytes| count(kilobytes) / 1024.0)
}

fn status_kilobytes(pid: u32, field: &str) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Processor time of this process in seconds, with that of threads that have ended.
pub(crate) fn own_processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).map_or(0.0, |time| time.as_secs_f64())
}

/// Processor time of a process and its threads in seconds.
pub(crate) fn processor_seconds(pid: u32) -> Option<f64> {
    let mut nanos = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let path = thread.ok()?.path().join("schedstat");
        let text = std::fs::read_to_string(path).ok()?;
        nanos += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(nanos / 1e9)
}

#[cfg(test)]
mod tests {
    use super::{
        disk, own_peak_megabytes, own_processor_seconds, processor_seconds, resident_megabytes,
    };

    #[test]
    fn the_disk_probe_cleans_up_after_itself() {
        let folder = tempfile::tempdir().unwrap();
        let spread = disk(folder.path(), 3).unwrap();
        assert!(spread.min > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn memory_and_processor_time_are_read_of_a_living_process() {
        let me = std::process::id();
        assert!(resident_megabytes(me).unwrap() > 0.1);
        assert!(own_peak_megabytes() > 0.1);
        assert!(processor_seconds(me).unwrap() >= 0.0);
        assert!(own_processor_seconds() > 0.0);
        assert!(resident_megabytes(u32::MAX).is_none());
    }
}
