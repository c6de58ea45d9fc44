//! Records of running commands, in which a recovery finds the commands of a dead worker.
//!
//! Every worker that runs commands has a file, `<db>.d/workers/ID.procs`. It is written in full
//! when the worker registers, with a record for each slot, so that a disk that is full later
//! refuses none. A start then costs two writes of 64 bytes and an end one, about a microsecond
//! each, while a start takes a millisecond.
//!
//! Before the start the record names the pipes that the command will write to, so that a command
//! never runs without a record. After the start it names the command's process, its session and the
//! time: the process with that id that started by then is the command, since the id is not reused
//! before its worker has seen its end. So nothing has to be read from `/proc`.
//!
//! The file may hold any bytes: a record counts only with a valid checksum.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Pid;

use super::boot::boot_id;
use super::files;
use super::paths::{Sidecar, open_private};
use crate::claim::{Claim, WorkerId};
use crate::clock::{BootTime, Clock, SystemClock};
use crate::error::{Error, Result};
use crate::task::TaskId;

/// First bytes of the file: its kind and the version of its format.
const MAGIC: [u8; 8] = *b"qprocs\0\x01";
/// Bytes of the header: the magic, the worker, the inode of its pid namespace, its boot id, zeros,
/// and the checksum.
const HEADER_BYTES: usize = 128;
/// Bytes of a record: task, token, process id, session, when it was recorded, when its end was
/// seen, the inodes of its output pipes, and the checksum.
const RECORD_BYTES: usize = 64;
const CHECK_BYTES: usize = 8;
/// Position of the boot id in the header.
const BOOT_ID: std::ops::Range<usize> = 24..64;
/// Largest number of bytes read of a file: a million records.
const MOST_BYTES: u64 = 64 << 20;

/// Scope of process ids: one boot of one kernel, and one pid namespace in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Boot id of the machine.
    pub boot_id: String,
    /// Inode of `/proc/self/ns/pid`.
    pub inode: u64,
}

impl Namespace {
    /// Reads this process's own namespace.
    ///
    /// # Errors
    /// When `/proc` does not show it.
    pub fn own() -> Result<Self> {
        let path = "/proc/self/ns/pid";
        let inode = std::fs::metadata(path)
            .map_err(|error| Error::io(format!("cannot read {path}"), error))?
            .ino();
        Ok(Self {
            boot_id: boot_id()?,
            inode,
        })
    }

    /// Returns true if `/proc` shows the processes of this namespace. In a namespace that was
    /// created without mounting `/proc` it shows those of another.
    pub fn is_shown() -> bool {
        let own = std::process::id().to_string();
        std::fs::read_link("/proc/self").is_ok_and(|shown| shown == Path::new(&own))
    }
}

/// Record of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// Claim that it was started for.
    pub claim: Claim,
    /// Its process and its session, once it was started.
    pub process: Option<RecordedProcess>,
    /// Time of the record: just after the start, or just before it while there is no process.
    pub recorded_at: BootTime,
    /// Inodes of the pipes that are its standard output and standard error; 0 for none.
    pub pipes: [u64; 2],
    /// Time at which its worker saw its end.
    pub ended_at: Option<BootTime>,
}

/// Process of a recorded command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedProcess {
    /// Process id.
    pub pid: u32,
    /// Id of its session, or of its process group.
    pub session: u32,
}

/// Contents of a worker's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFile {
    /// Pid namespace of the worker.
    pub namespace: Namespace,
    /// Records of its last commands.
    pub commands: Vec<CommandRecord>,
}

impl RecordFile {
    /// Reads a worker's records; `None` if it has no file, like workers of older versions, or one
    /// of another format.
    ///
    /// # Errors
    /// When the system refuses to read the file.
    pub fn read(sidecar: &Sidecar, worker: WorkerId) -> Result<Option<Self>> {
        use std::io::Read;
        let path = sidecar.worker_records(worker);
        let refused = |error| Error::io(format!("cannot read {}", path.display()), error);
        let mut bytes = Vec::new();
        match files::read(&path) {
            Ok(file) => file
                .take(MOST_BYTES)
                .read_to_end(&mut bytes)
                .map_err(refused)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(error)),
        };
        Ok(Self::parse(worker, &bytes))
    }

    /// Parses a worker's file; `None` if the bytes are none.
    pub fn parse(worker: WorkerId, bytes: &[u8]) -> Option<Self> {
        let (header, records) = bytes.split_at_checked(HEADER_BYTES)?;
        let is_own = header.starts_with(&MAGIC)
            && number(header, 8) == worker.0
            && is_checked(header, worker);
        if !is_own {
            return None;
        }
        let boot_id = header.get(BOOT_ID)?.split(|byte| *byte == 0).next()?;
        Some(Self {
            namespace: Namespace {
                boot_id: String::from_utf8(boot_id.to_vec()).ok()?,
                inode: number(header, 16).cast_unsigned(),
            },
            commands: records
                .chunks_exact(RECORD_BYTES)
                .filter_map(|bytes| CommandRecord::parse(worker, bytes))
                .collect(),
        })
    }
}

impl CommandRecord {
    fn parse(worker: WorkerId, bytes: &[u8]) -> Option<Self> {
        if !is_checked(bytes, worker) {
            return None;
        }
        let process = |at| u32::try_from(number(bytes, at) & 0xffff_ffff).ok();
        let (pid, session) = (process(16)?, process(20)?);
        // Process 1 is never a command.
        let is_started = pid > 1 && session > 1;
        let ended_at = number(bytes, 32);
        Some(Self {
            claim: Claim {
                task: TaskId(number(bytes, 0)),
                token: number(bytes, 8),
                worker,
            },
            process: is_started.then_some(RecordedProcess { pid, session }),
            recorded_at: BootTime(number(bytes, 24)),
            ended_at: (ended_at != 0).then_some(BootTime(ended_at)),
            pipes: [40, 48].map(|at| number(bytes, at).cast_unsigned()),
        })
    }

    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let ended_at = self.ended_at.map_or(0, |at| at.0);
        bytes[0..8].copy_from_slice(&self.claim.task.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.claim.token.to_le_bytes());
        if let Some(RecordedProcess { pid, session }) = self.process {
            bytes[16..20].copy_from_slice(&pid.to_le_bytes());
            bytes[20..24].copy_from_slice(&session.to_le_bytes());
        }
        bytes[24..32].copy_from_slice(&self.recorded_at.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&ended_at.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.pipes[0].to_le_bytes());
        bytes[48..56].copy_from_slice(&self.pipes[1].to_le_bytes());
        check(&mut bytes, self.claim.worker);
        bytes
    }
}

/// Completes the record of a command whose worker died before it could, once the process was found.
/// The caller holds the worker's lock, or the worker is about to do the same.
pub(crate) fn complete(sidecar: &Sidecar, claim: Claim, pid: u32, now: BootTime) {
    let path = sidecar.worker_records(claim.worker);
    let (Ok(bytes), Ok(file)) = (std::fs::read(&path), open_private(&path)) else {
        return;
    };
    let records = bytes.get(HEADER_BYTES..).unwrap_or_default();
    for (index, bytes) in records.chunks_exact(RECORD_BYTES).enumerate() {
        let record = CommandRecord::parse(claim.worker, bytes);
        let waits = |record: &CommandRecord| record.claim == claim && record.process.is_none();
        if let Some(record) = record.filter(waits) {
            let completed = CommandRecord {
                process: Some(RecordedProcess { pid, session: pid }),
                recorded_at: now,
                ..record
            };
            // If it cannot be written, the next scan may find less.
            let at = HEADER_BYTES + index * RECORD_BYTES;
            let _ = file.write_all_at(&completed.to_bytes(), at as u64);
        }
    }
}

/// Record file of a registered worker.
#[derive(Debug)]
pub struct CommandRecords {
    worker: WorkerId,
    file: File,
    free: Mutex<FreeRecords>,
}

/// Free records of the file.
#[derive(Debug)]
struct FreeRecords {
    free: Vec<u64>,
    length: u64,
}

impl CommandRecords {
    /// Creates the file of a worker, with a record for each slot.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses, for instance because the disk is full.
    pub fn create(sidecar: &Sidecar, worker: WorkerId, slots: u32) -> Result<Self> {
        let path = sidecar.worker_records(worker);
        let file = open_private(&path)?;
        let length = u64::from(slots);
        let room = usize::try_from(slots).unwrap_or(0) * RECORD_BYTES;
        let mut bytes = vec![0; HEADER_BYTES + room];
        header(&mut bytes[..HEADER_BYTES], worker, &Namespace::own()?);
        file.write_all_at(&bytes, 0)
            .map_err(|error| Error::io(format!("cannot write {}", path.display()), error))?;
        Ok(Self {
            worker,
            file,
            free: Mutex::new(FreeRecords {
                free: (0..length).rev().collect(),
                length,
            }),
        })
    }

    /// Records a command that is about to be started with `outputs` as its standard output and
    /// standard error. If the write fails, the command is found by its mark alone.
    pub(crate) fn add(self: &Arc<Self>, claim: Claim, outputs: [BorrowedFd<'_>; 2]) -> Recorded {
        let inode = |output| rustix::fs::fstat(output).map_or(0, |found| found.st_ino);
        let index = {
            let mut records = self.lock();
            let FreeRecords { free, length } = &mut *records;
            free.pop().unwrap_or_else(|| {
                *length += 1;
                *length - 1
            })
        };
        let recorded = Recorded {
            records: Arc::clone(self),
            index,
            record: CommandRecord {
                claim: Claim {
                    worker: self.worker,
                    ..claim
                },
                process: None,
                recorded_at: SystemClock.now().boot,
                ended_at: None,
                pipes: outputs.map(inode),
            },
        };
        recorded.write();
        recorded
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FreeRecords> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Record of a command, held while the worker has the command. When dropped, the record is free for
/// another.
#[derive(Debug)]
pub(crate) struct Recorded {
    records: Arc<CommandRecords>,
    index: u64,
    record: CommandRecord,
}

impl Recorded {
    /// Records the command's process, which leads a session.
    pub(crate) fn started(&mut self, pid: Pid) {
        let pid = pid.as_raw_nonzero().get().unsigned_abs();
        self.record.process = Some(RecordedProcess { pid, session: pid });
        self.record.recorded_at = SystemClock.now().boot;
        self.write();
    }

    /// Records that the worker has seen the command's end: its process id may be reused from now
    /// on.
    pub(crate) fn ended(&mut self) {
        self.record.ended_at = Some(SystemClock.now().boot);
        self.write();
    }

    #[cfg(test)]
    pub(crate) fn recorded_at(&self) -> BootTime {
        self.record.recorded_at
    }

    fn write(&self) {
        let at = HEADER_BYTES as u64 + self.index * RECORD_BYTES as u64;
        // If the write fails, the command is found by its mark.
        let _ = self.records.file.write_all_at(&self.record.to_bytes(), at);
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        self.records.lock().free.push(self.index);
    }
}

fn header(bytes: &mut [u8], worker: WorkerId, namespace: &Namespace) {
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&worker.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&namespace.inode.to_le_bytes());
    let boot_id = namespace.boot_id.bytes().take(BOOT_ID.len());
    for (slot, byte) in bytes[BOOT_ID].iter_mut().zip(boot_id) {
        *slot = byte;
    }
    check(bytes, worker);
}

/// Number in the eight bytes at `at`; missing bytes count as zero.
fn number(bytes: &[u8], at: usize) -> i64 {
    let mut number = [0; 8];
    for (to, from) in number.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    i64::from_le_bytes(number)
}

fn check(bytes: &mut [u8], worker: WorkerId) {
    let end = bytes.len() - CHECK_BYTES;
    let sum = check_sum(&bytes[..end], worker);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
}

fn is_checked(bytes: &[u8], worker: WorkerId) -> bool {
    let end = bytes.len().saturating_sub(CHECK_BYTES);
    number(bytes, end).cast_unsigned() == check_sum(&bytes[..end], worker)
}

/// Checksum of a record: FNV-1a, seeded with the worker. A record torn by a crash, or of another
/// file, does not match.
fn check_sum(bytes: &[u8], worker: WorkerId) -> u64 {
    let begin = 0xcbf2_9ce4_8422_2325 ^ worker.0.cast_unsigned();
    bytes.iter().fold(begin, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustix::process::Pid;

    use super::{CommandRecords, HEADER_BYTES, Namespace, RECORD_BYTES, RecordFile, Recorded};
    use crate::claim::{Claim, WorkerId};
    use crate::sidecar::Sidecar;
    use crate::task::TaskId;

    const WORKER: WorkerId = WorkerId(7);

    fn start(records: &Arc<CommandRecords>, task: i64, pid: i32) -> Recorded {
        let output = std::io::stdout();
        let mut recorded = records.add(claim(task), [output.as_fd(); 2]);
        recorded.started(Pid::from_raw(pid).unwrap());
        recorded
    }

    fn claim(task: i64) -> Claim {
        Claim {
            task: TaskId(task),
            token: 3,
            worker: WORKER,
        }
    }

    fn folder() -> (tempfile::TempDir, Sidecar) {
        let folder = tempfile::tempdir().unwrap();
        let sidecar = Sidecar::of(&folder.path().join("q.db"));
        sidecar.create().unwrap();
        (folder, sidecar)
    }

    fn read(sidecar: &Sidecar) -> RecordFile {
        RecordFile::read(sidecar, WORKER).unwrap().unwrap()
    }

    #[test]
    fn a_start_and_an_end_are_recorded_in_preallocated_space() {
        let (_folder, sidecar) = folder();
        let records = Arc::new(CommandRecords::create(&sidecar, WORKER, 2).unwrap());
        let length = || {
            std::fs::metadata(sidecar.worker_records(WORKER))
                .unwrap()
                .len()
        };
        let made = length();
        assert_eq!(read(&sidecar).namespace, Namespace::own().unwrap());
        let mut first = start(&records, 1, 40);
        let _second = start(&records, 2, 41);
        let found = read(&sidecar).commands;
        let found = found
            .iter()
            .map(|one| (one.claim, one.process.unwrap().pid));
        assert_eq!(found.collect::<Vec<_>>(), [(claim(1), 40), (claim(2), 41)]);
        first.ended();
        assert!(read(&sidecar).commands[0].ended_at.is_some());
        drop(first);
        let _third = start(&records, 3, 42);
        assert_eq!(read(&sidecar).commands[0].claim, claim(3));
        assert_eq!(length(), made);
        let _fourth = start(&records, 4, 43);
        assert_eq!(length(), made + RECORD_BYTES as u64, "by a whole record");
        assert_eq!(read(&sidecar).commands.len(), 3);
    }

    #[test]
    fn a_command_is_known_by_its_pipes_before_it_has_a_process() {
        let (_folder, sidecar) = folder();
        let records = Arc::new(CommandRecords::create(&sidecar, WORKER, 1).unwrap());
        let [(_out, out), (_err, err)] = [(), ()].map(|()| std::io::pipe().unwrap());
        let _recorded = records.add(claim(1), [out.as_fd(), err.as_fd()]);
        let found = read(&sidecar).commands[0];
        let inode = |pipe| rustix::fs::fstat(pipe).unwrap().st_ino;
        assert_eq!(found.pipes, [inode(out.as_fd()), inode(err.as_fd())]);
        assert_eq!((found.claim, found.process), (claim(1), None));
    }

    #[test]
    fn a_torn_record_is_ignored_and_its_neighbours_are_read() {
        let (_folder, sidecar) = folder();
        let records = Arc::new(CommandRecords::create(&sidecar, WORKER, 3).unwrap());
        let _commands = [1, 2, 3].map(|task| start(&records, task, 40));
        let path = sidecar.worker_records(WORKER);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEADER_BYTES + RECORD_BYTES] ^= 1;
        let tasks = |bytes: &[u8]| -> Vec<i64> {
            let read = RecordFile::parse(WORKER, bytes).unwrap().commands;
            read.iter().map(|one| one.claim.task.0).collect()
        };
        assert_eq!(tasks(&bytes), [1, 3]);
        bytes.truncate(HEADER_BYTES + 3 * RECORD_BYTES - 1);
        assert_eq!(tasks(&bytes), [1]);
        assert_eq!(RecordFile::parse(WorkerId(8), &bytes), None, "another's");
        bytes[0] ^= 1;
        assert_eq!(RecordFile::parse(WORKER, &bytes), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut bytes: Vec<u8>, flip: usize) {
            RecordFile::parse(WORKER, &bytes);
            let (_folder, sidecar) = folder();
            CommandRecords::create(&sidecar, WORKER, 1).unwrap();
            let mut file = std::fs::read(sidecar.worker_records(WORKER)).unwrap();
            file.append(&mut bytes);
            let flip = flip % file.len();
            file[flip] ^= 0x10;
            RecordFile::parse(WORKER, &file);
        }
    }
}
