//! Answers, and the headers that all of them have.

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use maud::Markup;

use crate::error::Error;

/// What a page may load and where it may send: itself, nowhere else, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";

/// Headers of every answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Answer to a request.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Reply {
    fn new(kind: &'static str, body: impl Into<Body>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self {
            status: StatusCode::OK,
            headers,
            body: body.into(),
        }
    }

    /// A page.
    pub(super) fn page(page: Markup) -> Self {
        Self::new("text/html; charset=utf-8", page.into_string())
    }

    /// Text for the script, never shown as a page.
    pub(super) fn text(text: String) -> Self {
        Self::new("text/plain; charset=utf-8", text)
    }

    /// Events for the script.
    pub(super) fn events(body: Body) -> Self {
        // Proxies that buffer an answer would keep the events back.
        Self::new("text/event-stream", body).with("x-accel-buffering", "no")
    }

    /// Part of the program that pages load. Its address changes with its content.
    pub(super) fn asset(kind: &'static str, content: &'static str) -> Self {
        let mut reply = Self::new(kind, content);
        let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
        reply.headers.insert(header::CACHE_CONTROL, forever);
        reply
    }

    /// File to save, whatever it holds.
    pub(super) fn download(name: &str, content: Body) -> Self {
        let named = format!("attachment; filename=\"{name}\"");
        Self::new("text/plain; charset=utf-8", content).with("content-disposition", &named)
    }

    /// Sends the browser to another page with GET.
    pub(super) fn see(place: &str) -> Self {
        let mut reply = Self::text(String::new()).with("location", place);
        reply.status = StatusCode::SEE_OTHER;
        reply
    }

    /// The same answer with that status.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same answer with one more header; a value that no header can have is left out.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The answer as it is sent.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        for (name, value) in ALWAYS {
            let headers = response.headers_mut();
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Reason why a request is not answered as it wishes.
#[derive(Debug)]
pub(super) enum Problem {
    /// There is no such thing.
    NotFound(String),
    /// The request makes no sense.
    Invalid(String),
    /// The sender may not do that.
    Forbidden(String),
    /// The sender is not logged in.
    LoggedOut,
    /// The request names a host that is not this one.
    UnknownHost(String),
    /// The form is larger than any of this dashboard.
    TooLarge,
    /// The request, or its answer, took too long.
    TooLate,
    /// The engine failed.
    Queue(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if matches!(error, Error::NotFound { .. }) {
            Self::NotFound(error.to_string())
        } else if matches!(error, Error::Invalid { .. }) {
            Self::Invalid(error.to_string())
        } else {
            Self::Queue(error)
        }
    }
}

impl Problem {
    /// Status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::LoggedOut => StatusCode::UNAUTHORIZED,
            Self::UnknownHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooLate => StatusCode::REQUEST_TIMEOUT,
            Self::Queue(Error::Busy { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Queue(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Title of its page.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Invalid(_) => "This cannot be done",
            Self::Forbidden(_) => "Refused",
            Self::LoggedOut => "Log in",
            Self::UnknownHost(_) => "Unknown host",
            Self::TooLarge => "Too large",
            Self::TooLate => "Too late",
            Self::Queue(Error::Busy { .. }) => "Busy",
            Self::Queue(_) => "The file cannot be used",
        }
    }

    /// Sentence of its page.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::NotFound(what) | Self::Invalid(what) | Self::Forbidden(what) => what.clone(),
            Self::LoggedOut => {
                "open the link that `serve` printed at its start, or paste the token at its end"
                    .to_owned()
            }
            Self::UnknownHost(host) => format!(
                "this dashboard does not answer to the name `{host}`; if it is meant to, start it \
                 with --host {host}"
            ),
            Self::TooLarge => "a form may have 64 KiB at most".to_owned(),
            Self::TooLate => "the request took too long; send it again".to_owned(),
            Self::Queue(error) => error.to_string(),
        }
    }
}
