//! Sends an event to the target of a hook, once.

use std::sync::atomic::AtomicBool;

use super::command;
use super::parcel::Parcel;
#[cfg(feature = "webhooks")]
use super::post::Poster;
use crate::hook::HookTarget;

/// Sender of events. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    #[cfg(feature = "webhooks")]
    poster: Poster,
}

impl Sender {
    /// A sender that knows the authorities of certificates: those in the file that `SSL_CERT_FILE`
    /// names, else those of this program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends an event and waits until it was taken: a program exits with 0, a URL answers with 2xx. Ends
    /// a program early once `stop` is set.
    ///
    /// # Errors
    /// The reason why it was not taken, in a few words. Not escaped.
    pub fn send(&self, parcel: &Parcel<'_>, stop: &AtomicBool) -> Result<(), String> {
        match parcel.target {
            HookTarget::Command { argv, cwd } => command::run(parcel, (argv, cwd.as_deref()), stop),
            #[cfg(feature = "webhooks")]
            HookTarget::Url(url) => self.poster.post(parcel, url),
            #[cfg(not(feature = "webhooks"))]
            HookTarget::Url(_) => {
                Err("this program was built without the feature `webhooks`".to_owned())
            }
        }
    }
}
