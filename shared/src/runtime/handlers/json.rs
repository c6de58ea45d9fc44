//! Typed handlers: payload and result are JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Done, HandlerError, HandlerResult, HandlerTask, Handlers};

/// A result that is stored as no output, and read from there.
const NOTHING: &[u8] = b"null";

impl Handlers {
    /// Adds a handler that takes its payload as JSON and whose result is stored as JSON, as the
    /// task's output; or replaces the one of that name. A task whose payload is not the JSON of
    /// `Args` fails at once, without another attempt. `()` and `None` are stored as no output.
    ///
    /// ```
    /// # use queue_core::runtime::handlers::Handlers;
    /// let handlers = Handlers::new()
    ///     .register_json::<(u32, u32), u32>("add", |_, (left, right)| Ok(left + right));
    /// assert_eq!(handlers.names().collect::<Vec<_>>(), ["add"]);
    /// ```
    #[must_use]
    pub fn register_json<Args, Out>(
        self,
        name: impl Into<String>,
        handler: impl Fn(&HandlerTask, Args) -> Result<Out, HandlerError> + Send + Sync + 'static,
    ) -> Self
    where
        Args: DeserializeOwned,
        Out: Serialize,
    {
        self.register(name, move |task| {
            let arguments = task.arguments()?;
            Done::json(&handler(task, arguments)?)
        })
    }
}

impl HandlerTask {
    /// Payload as JSON.
    ///
    /// # Errors
    /// A [fatal](HandlerError::fatal) error if the payload is not the JSON of that type.
    pub fn arguments<Args: DeserializeOwned>(&self) -> Result<Args, HandlerError> {
        serde_json::from_slice(self.payload()).map_err(|error| {
            let what = format!("its payload is not the JSON that the handler expects: {error}");
            HandlerError::from(what).fatal()
        })
    }
}

impl Done {
    /// Makes a success with this value as the task's output, as JSON.
    ///
    /// # Errors
    /// A [fatal](HandlerError::fatal) error if the value has no JSON form, such as a map whose keys
    /// are not text.
    pub fn json(value: &impl Serialize) -> HandlerResult {
        match serde_json::to_vec(value) {
            Ok(bytes) if bytes == NOTHING => Ok(Self::Succeeded),
            Ok(bytes) => Ok(Self::Output(bytes)),
            Err(error) => {
                let what = format!("its result cannot be written as JSON: {error}");
                Err(HandlerError::from(what).fatal())
            }
        }
    }
}
