use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{HEAD_BYTES, LogError, LogReader, LogWriter, TAIL_AREA_BYTES, TAIL_BYTES};
use crate::output::{Chunk, Stream};

fn log() -> (tempfile::TempDir, PathBuf, LogWriter) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("7.1");
    let writer = LogWriter::create(path.clone(), 3).unwrap();
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
    proptest::collection::vec((any::<bool>(), size, any::<u8>()), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn head_and_tail_survive_and_the_rest_is_counted(pieces in pieces()) {
        let (_folder, path, mut writer) = log();
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
            prop_assert!(writer.length - writer.head_length <= TAIL_AREA_BYTES + 70_000);
        }
        writer.finish();
        followed.take(&mut follower).unwrap();
        prop_assert_eq!(followed.total(), all.len() as u64);

        let seen = Seen::of(path);
        prop_assert_eq!(seen.total(), all.len() as u64);
        let head = all.len().min(HEAD_BYTES);
        prop_assert_eq!(&seen.bytes[..head], &all[..head]);
        let tail = (all.len() - head).min(TAIL_BYTES);
        prop_assert!(seen.bytes[head..].ends_with(&all[all.len() - tail..]));
        prop_assert!(seen.gaps.iter().all(|(at, _)| *at == HEAD_BYTES));
        prop_assert!(seen.gaps.len() <= 1);
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
fn a_flood_of_single_bytes_does_not_fill_the_file_with_headers() {
    let (_folder, path, mut writer) = log();
    for number in 0..700_000_u32 {
        let stream = if number % 1000 == 0 {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        writer.append(stream, b"x");
    }
    writer.finish();
    assert_eq!(Seen::of(path.clone()).total(), 700_000);
    let most = HEAD_BYTES * 4 + TAIL_BYTES * 2;
    assert!(std::fs::metadata(path).unwrap().len() < most as u64);
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

#[test]
fn a_file_of_another_claim_is_read_from_its_beginning() {
    let (_folder, path, mut writer) = log();
    writer.append(Stream::Stdout, b"before");
    let mut reader = LogReader::new(path.clone());
    let mut seen = Seen::default();
    seen.take(&mut reader).unwrap();
    let mut again = LogWriter::create(path, 4).unwrap();
    again.append(Stream::Stdout, b"after");
    seen.take(&mut reader).unwrap();
    let bytes: Vec<_> = seen.bytes.iter().map(|(_, byte)| *byte).collect();
    assert_eq!(bytes, b"beforeafter");
    assert_eq!(reader.token(), Some(4));
}

#[test]
fn a_file_that_cannot_be_shortened_is_cut_after_its_head() {
    let (folder, path, mut writer) = log();
    writer.append(Stream::Stdout, &vec![b'h'; HEAD_BYTES]);
    // A folder with the name of the new file.
    std::fs::create_dir(folder.path().join("7.1.new")).unwrap();
    let total = HEAD_BYTES as u64 + 3 * TAIL_AREA_BYTES;
    for _ in 0..3 {
        writer.append(
            Stream::Stdout,
            &vec![b't'; usize::try_from(TAIL_AREA_BYTES).unwrap()],
        );
        assert!(writer.length - writer.head_length <= TAIL_AREA_BYTES);
    }
    writer.append(Stream::Stdout, b"end");
    writer.finish();
    let seen = Seen::of(path);
    assert_eq!(seen.total(), total + 3);
    assert_eq!(seen.bytes[HEAD_BYTES - 1], (Stream::Stdout, b'h'));
}

#[test]
fn there_may_be_no_file_yet() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = LogReader::new(folder.path().join("1.1"));
    assert!(!Seen::default().take(&mut reader).unwrap());
}
