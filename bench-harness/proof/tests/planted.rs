//! The faults of `prove planted`, without planting them.

use std::path::Path;

use queue_proof::{Result, planted};

#[test]
fn every_fault_still_has_exactly_one_place_in_the_code() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert_eq!(planted::misfits(&root)?, [""; 0]);
    assert!(planted::FAULTS.into_iter().flatten().count() >= 70);
    Ok(())
}
