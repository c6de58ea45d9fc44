use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::Timespec;

use super::budget::Cut;
use super::cut::cut;
use super::{LogError, LogReader, LogWriter};
use crate::output::{Chunk, Stream};

/// Bound of the logs here: a head of 64 KiB and two later files of 32 KiB each.
const SIZE: u64 = 128 << 10;
const HEAD: usize = 64 << 10;
const TAIL: usize = 32 << 10;

fn log() -> (tempfile::TempDir, PathBuf, LogWriter) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("7.1");
    let writer = LogWriter::create(path.clone(), 3, SIZE).unwrap();
    (folder, path, writer)
}

/// Pieces that a reader passed on: bytes with their stream, and gaps with their length.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    bytes: Vec<(Stream, u8)>,
    gaps: Vec<(usize, u64)>,
}

impl Seen {
    fn take(&mut self, reader: &mut LogReader) -> Result<bool, LogError> {
        reader.read(|chunk| match chunk {
            Chunk::Written { stream, bytes } => {
                self.bytes.extend(bytes.iter().map(|byte| (stream, *byte)));
            }
            Chunk::Omitted(bytes) => self.gaps.push((self.bytes.len(), bytes)),
            Chunk::GivenUp => self.gaps.push((self.bytes.len(), 0)),
        })
    }

    fn of(path: PathBuf) -> Self {
        let mut seen = Self::default();
        assert!(seen.take(&mut LogReader::new(path)).unwrap());
        seen
    }

    fn total(&self) -> u64 {
        self.bytes.len() as u64 + self.gaps.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }
}

fn pieces() -> impl Strategy<Value = Vec<(bool, usize, u8)>> {
    let size = prop_oneof![3 => 1..300_usize, 1 => 10_000..140_000_usize];
    proptest::collection::vec((any::<bool>(), size, any::<u8>()), 1..80)
}

/// Bytes of all files in the folder.
fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn head_and_tail_survive_and_the_rest_is_counted(pieces in pieces()) {
        let (folder, path, mut writer) = log();
        let mut all = Vec::new();
        let mut follower = LogReader::new(path.clone());
        let mut followed = Seen::default();
        for (index, (is_error, size, byte)) in pieces.into_iter().enumerate() {
            let stream = if is_error { Stream::Stderr } else { Stream::Stdout };
            writer.append(stream, &vec![byte; size]);
            all.extend(std::iter::repeat_n((stream, byte), size));
            if index % 3 == 0 {
                followed.take(&mut follower).unwrap();
            }
            prop_assert!(folder_bytes(folder.path()) <= SIZE + 2048);
        }
        writer.finish();
        prop_assert_eq!(writer.length_of_all(), folder_bytes(folder.path()));
        followed.take(&mut follower).unwrap();
        prop_assert_eq!(followed.total(), all.len() as u64);

        let seen = Seen::of(path);
        prop_assert_eq!(seen.total(), all.len() as u64);
        let head = all.len().min(HEAD);
        prop_assert_eq!(&seen.bytes[..head], &all[..head]);
        let tail = (all.len() - head).min(TAIL);
        prop_assert!(seen.bytes[head..].ends_with(&all[all.len() - tail..]));
        prop_assert!(seen.gaps.iter().all(|(at, _)| *at == HEAD));
        prop_assert_eq!(seen.gaps.is_empty(), all.len() as u64 <= SIZE || seen.total() == seen.bytes.len() as u64);
    }

    #[test]
    fn a_log_that_ends_anywhere_is_read_up_to_its_end(pieces in pieces(), cut: prop::sample::Index) {
        let (_folder, path, mut writer) = log();
        let mut all = Vec::new();
        for (is_error, size, byte) in pieces {
            let stream = if is_error { Stream::Stderr } else { Stream::Stdout };
            writer.append(stream, &vec![byte; size]);
            all.extend(std::iter::repeat_n((stream, byte), size));
        }
        // The file written last, as if the machine had lost its end.
        let files = [".a", ".b"].map(|ending| PathBuf::from(format!("{}{ending}", path.display())));
        let files = files.into_iter().chain([path.clone()]).filter(|file| file.exists());
        let last = files.max_by_key(|file| std::fs::metadata(file).unwrap().modified().unwrap()).unwrap();
        let bytes = std::fs::read(&last).unwrap();
        std::fs::write(&last, &bytes[..cut.index(bytes.len() + 1)]).unwrap();
        let mut seen = Seen::default();
        seen.take(&mut LogReader::new(path)).unwrap();
        prop_assert!(seen.total() <= all.len() as u64);
        let mut position = 0;
        let mut gaps = seen.gaps.iter().peekable();
        for (index, byte) in seen.bytes.iter().enumerate() {
            while let Some((_, gap)) = gaps.next_if(|(at, _)| *at == index) {
                position += usize::try_from(*gap).unwrap();
            }
            prop_assert_eq!(*byte, all[position]);
            position += 1;
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_a_panic(
        at in 0..2_000_usize, byte: u8, cut in 0..2_000_usize,
    ) {
        let (_folder, path, mut writer) = log();
        for _ in 0..20 {
            writer.append(Stream::Stdout, &[b'a'; 90]);
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        bytes.truncate(cut);
        std::fs::write(&path, &bytes).unwrap();
        let mut seen = Seen::default();
        // Damaged or not, the bytes read lie within the file.
        let _ = seen.take(&mut LogReader::new(path));
        prop_assert!(seen.bytes.len() <= bytes.len());
    }
}

#[test]
fn a_log_up_to_its_bound_is_kept_whole() {
    let (_folder, path, mut writer) = log();
    let all: Vec<u8> = (0..SIZE)
        .map(|index| (index % 251).to_le_bytes()[0])
        .collect();
    for piece in all.chunks(10_007) {
        writer.append(Stream::Stdout, piece);
    }
    writer.finish();
    let seen = Seen::of(path.clone());
    assert_eq!(seen.gaps, []);
    assert!(seen.bytes.iter().map(|(_, byte)| byte).eq(&all));
    // One byte more, and the oldest later file goes.
    writer.append(Stream::Stdout, b"+");
    let seen = Seen::of(path);
    assert_eq!(seen.gaps, [(HEAD, TAIL as u64)]);
    assert_eq!(seen.total(), SIZE + 1);
}

#[test]
fn a_flood_of_single_bytes_does_not_fill_the_files_with_headers() {
    let (folder, path, mut writer) = log();
    for number in 0..700_000_u32 {
        let stream = if number % 1000 == 0 {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        writer.append(stream, b"x");
    }
    writer.finish();
    assert_eq!(Seen::of(path).total(), 700_000);
    assert!(folder_bytes(folder.path()) < 2 * SIZE + 200);
}

#[test]
fn a_frame_that_is_not_whole_yet_is_left_for_the_next_read() {
    let (_folder, path, mut writer) = log();
    writer.append(Stream::Stdout, b"first");
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(b"e6\nsec").unwrap();
    let mut reader = LogReader::new(path);
    let mut seen = Seen::default();
    seen.take(&mut reader).unwrap();
    assert_eq!(seen.bytes.len(), 5);
    file.write_all(b"ond").unwrap();
    seen.take(&mut reader).unwrap();
    assert_eq!(seen.bytes.len(), 11);
    assert_eq!(seen.bytes[10], (Stream::Stderr, b'd'));
}

/// Writes more than the first file takes.
fn overfill(writer: &mut LogWriter, byte: u8) {
    writer.append(Stream::Stdout, &vec![byte; HEAD + 10]);
}

#[test]
fn a_log_of_another_claim_is_read_from_its_beginning() {
    let (folder, path, mut writer) = log();
    overfill(&mut writer, b'b');
    let mut reader = LogReader::new(path.clone());
    let mut seen = Seen::default();
    seen.take(&mut reader).unwrap();
    let mut again = LogWriter::create(path.clone(), 4, SIZE).unwrap();
    again.append(Stream::Stdout, b"after");
    seen.take(&mut reader).unwrap();
    let bytes: Vec<_> = seen.bytes.iter().map(|(_, byte)| *byte).collect();
    assert_eq!(bytes[..HEAD + 10], vec![b'b'; HEAD + 10]);
    assert_eq!(bytes[HEAD + 10..], *b"after");
    assert_eq!(reader.token(), Some(4));
    assert!(!folder.path().join("7.1.a").exists());
    // A later file that the other claim left is no part of this log.
    overfill(&mut writer, b'b');
    std::fs::write(folder.path().join("7.1.a"), "t3\np2\no1\n-").unwrap();
    assert_eq!(Seen::of(path).bytes.len(), 5);
}

#[test]
fn without_a_next_file_the_rest_is_counted_and_the_log_goes_on_once_there_is_one() {
    let (folder, path, mut writer) = log();
    let blocked = folder.path().join("7.1.new");
    std::fs::create_dir(&blocked).unwrap();
    overfill(&mut writer, b'h');
    writer.append(Stream::Stdout, b"lost");
    assert_eq!(Seen::of(path.clone()).total(), HEAD as u64);
    std::fs::remove_dir(&blocked).unwrap();
    writer.append(Stream::Stderr, b"kept");
    let seen = Seen::of(path.clone());
    assert_eq!(seen.gaps, [(HEAD, 14)]);
    assert_eq!(seen.bytes.len(), HEAD + 4);
    // What is left out at the end is counted too.
    std::fs::create_dir(&blocked).unwrap();
    writer.append(Stream::Stdout, &vec![b't'; 2 * TAIL]);
    writer.finish();
    assert_eq!(Seen::of(path).total(), (HEAD + 14 + 4 + 2 * TAIL) as u64);
}

#[test]
fn there_may_be_no_file_yet() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = LogReader::new(folder.path().join("1.1"));
    assert!(!Seen::default().take(&mut reader).unwrap());
}

fn cut_to(path: &Path, extent: Cut) -> Option<u64> {
    let modified = Timespec {
        tv_sec: 1_000_000,
        tv_nsec: 0,
    };
    cut(path, extent, modified).unwrap()
}

#[test]
fn a_log_is_cut_only_once_its_writer_is_gone() {
    let (folder, path, mut writer) = log();
    overfill(&mut writer, b'w');
    for extent in [Cut::Short, Cut::Note, Cut::Removed] {
        assert_eq!(cut_to(&path, extent), None);
    }
    drop(writer);
    let all = Seen::of(path.clone());
    let mut reader = LogReader::new(path.clone());
    let mut followed = Seen::default();
    followed.take(&mut reader).unwrap();

    assert!(cut_to(&path, Cut::Short).unwrap() <= 64 << 10);
    let seen = Seen::of(path.clone());
    assert_eq!((seen.total(), seen.gaps.len()), (all.total(), 1));
    assert!(seen.bytes.len() > 60_000);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(since.as_secs(), 1_000_000, "its age stays");

    assert_eq!(cut_to(&path, Cut::Note), Some(4096));
    let seen = Seen::of(path.clone());
    assert_eq!((seen.bytes.len(), seen.total()), (0, all.total()));
    // Whoever has read it all sees nothing new.
    followed.take(&mut reader).unwrap();
    assert_eq!(followed, all);
    assert_eq!(cut_to(&path, Cut::Removed), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_log_is_only_removed() {
    let (_folder, path, mut writer) = log();
    overfill(&mut writer, b'w');
    drop(writer);
    std::fs::write(path.with_file_name("7.1.a"), "t3\np65536\n?").unwrap();
    assert_eq!(cut_to(&path, Cut::Short), None);
    assert_eq!(cut_to(&path, Cut::Note), None);
    assert_eq!(cut_to(&path, Cut::Removed), Some(0));
}

#[test]
fn a_link_in_place_of_a_log_is_not_followed() {
    let (folder, path, writer) = log();
    drop(writer);
    let target = folder.path().join("target");
    std::fs::write(&target, "t3\no1\na").unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    for extent in [Cut::Short, Cut::Note, Cut::Removed] {
        cut(
            &path,
            extent,
            Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            },
        )
        .unwrap_err();
    }
    assert_eq!(std::fs::read(target).unwrap(), b"t3\no1\na");
}
