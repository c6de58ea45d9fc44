//! The shipped programs as processes: their paths, a database for each proof, waiting and time.

pub mod fake_clock;
pub mod killing;
pub mod patience;
pub mod program;
pub mod rounds;
pub mod scratch;
pub mod small_disk;
pub mod trace;

pub use fake_clock::FakeClock;
pub use program::Program;
pub use scratch::ScratchFolder;
