//! Result of a turn of a driver or of the lease keeper.

use std::convert::Infallible;

use crate::clock::BootTime;

/// How a turn left things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<C = Infallible> {
    /// There is more to do at once.
    Busy,
    /// Something that may take long is to be done first.
    Call(C),
    /// Nothing to do until something happens, or until then.
    Wait(BootTime),
    /// The worker has ended.
    Finished,
}
