//! The targets on the committed corpus, and on short random inputs.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use queue_fuzz::{TARGETS, target};

/// Longest committed input in bytes, so that the corpus stays readable.
const LONGEST_INPUT: usize = 1024;

#[test]
fn every_committed_input_keeps_its_promises() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, check) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(
                bytes.len() <= LONGEST_INPUT,
                "{name}: {} bytes",
                bytes.len()
            );
            check(&bytes);
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no inputs");
    }
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(target(&name).is_some(), "{name} is not a target");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_keep_the_promises(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, check) in TARGETS {
            check(&bytes);
        }
    }

    #[test]
    fn any_text_keeps_the_promises(text in "\\PC{0,80}") {
        for (_, check) in TARGETS {
            check(text.as_bytes());
        }
    }

    /// Text made of the programs' tokens, in any order.
    #[test]
    fn nearly_right_text_keeps_the_promises(
        text in "([0-9]{1,3}|[:,.@/=-]|ms|[smhdw]|any|last|all|none|T|Z| |\n){0,12}",
    ) {
        for (_, check) in TARGETS {
            check(text.as_bytes());
        }
    }
}
