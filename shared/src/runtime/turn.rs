//! Result of one turn of a driver or of a lease keeper.

use std::convert::Infallible;

use crate::clock::BootTime;

/// State after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<C = Infallible> {
    /// More can be done at once.
    Busy,
    /// A call that may take long has to be made first.
    Call(C),
    /// Nothing to do until something happens, or until this time.
    Wait(BootTime),
    /// The worker has ended.
    Finished,
}
