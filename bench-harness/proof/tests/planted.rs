//! The faults of `prove planted`, checked without planting them.

use std::path::Path;

use queue_proof::{Result, planted};

#[test]
fn the_code_of_every_fault_occurs_exactly_once() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert_eq!(planted::misfits(&root)?, [""; 0]);
    assert!(planted::FAULTS.into_iter().flatten().count() >= 70);
    Ok(())
}
