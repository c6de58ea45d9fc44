//! The shipped programs as processes: their paths, a database for each proof, waiting and time.

pub mod arena;
pub mod fake_clock;
pub mod patience;
pub mod program;
pub mod rounds;
pub mod small_disk;
pub mod trace;

pub use arena::Arena;
pub use fake_clock::FakeClock;
pub use program::Program;
