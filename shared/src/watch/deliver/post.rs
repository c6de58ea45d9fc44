//! Delivery to a URL: the event is the body of a POST request, and an answer of 2xx takes it.

use std::io::Read as _;
use std::sync::Arc;

use ureq::config::Config;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

use super::parcel::Parcel;
use super::signature::sign;
use crate::hook::HookUrl;
use crate::text::moment;

/// Bytes of an answer that are read, for the reason of a failure.
const ANSWER: u64 = 1 << 10;
/// Bytes of an answer's head that are read.
const HEAD: usize = 16 << 10;
/// Variable that names a file of the authorities of certificates.
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// Beginning of the reason why a certificate is refused.
const UNTRUSTED: &str = "invalid peer certificate: ";

/// Sends requests: follows no redirect, keeps no connection, reads the beginning of an answer.
#[derive(Clone, Debug)]
pub(super) struct Poster {
    agent: Agent,
}

impl Default for Poster {
    fn default() -> Self {
        let config = Config::builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .max_response_header_size(HEAD)
            .user_agent(concat!("workflow-queue/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(authorities()).build());
        Self {
            agent: config.build().into(),
        }
    }
}

/// The authorities of a file, if there is one that can be read; else those of this program.
fn authorities() -> RootCerts {
    let read = || {
        let pem = std::fs::read(std::env::var_os(AUTHORITIES)?).ok()?;
        let mut certificates = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.ok()? {
                certificates.push(certificate);
            }
        }
        (!certificates.is_empty()).then_some(certificates)
    };
    read().map_or(RootCerts::WebPki, |all| RootCerts::Specific(Arc::new(all)))
}

impl Poster {
    /// Sends one event.
    ///
    /// # Errors
    /// The reason why it was not taken, without the secrets of the URL.
    pub(super) fn post(&self, parcel: &Parcel<'_>, url: &HookUrl) -> Result<(), String> {
        let sent = self.send(parcel, url);
        sent.map_err(|reason| url.masked(&reason))
    }

    fn send(&self, parcel: &Parcel<'_>, url: &HookUrl) -> Result<(), String> {
        let id = message_id(parcel);
        let seconds = parcel.at.0.div_euclid(1_000);
        let mut request = self
            .agent
            .post(url.requested())
            .header(
                "content-type",
                "application/cloudevents+json; charset=utf-8",
            )
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds.to_string());
        let signed = parcel
            .secret
            .and_then(|secret| sign(secret, &id, seconds, parcel.body));
        if let Some(signature) = signed {
            request = request.header("webhook-signature", signature);
        }
        if let Some(authorization) = url.authorization() {
            request = request.header("authorization", authorization);
        }
        let request = request.config().timeout_global(Some(parcel.limit)).build();
        let mut response = request
            .send(parcel.body)
            .map_err(|error| sentence(&error, parcel))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            let to = response.headers().get("location");
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let to = without_secrets(to);
            return Err(format!(
                "it answered {} with a redirect to {to}, which hooks do not follow",
                status.as_u16()
            ));
        }
        let mut answer = Vec::new();
        let mut reader = response.body_mut().as_reader().take(ANSWER);
        // Of an answer that breaks off, the beginning is there.
        let _ = reader.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.lines().map(str::trim).find(|line| !line.is_empty());
        Err(match line {
            Some(line) => format!("it answered {status}: {line}"),
            None => format!("it answered {status}"),
        })
    }
}

/// The target of a redirect, shown as the URL of a hook is.
fn without_secrets(to: &str) -> String {
    let to = to.split_once('#').map_or(to, |(to, _)| to);
    match (to.parse::<HookUrl>(), to.split_once('?')) {
        (Ok(url), _) => url.to_string(),
        (Err(_), Some((path, _))) => format!("{path}?…"),
        (Err(_), None) => to.to_owned(),
    }
}

/// Id of the delivery, the same at every try and different for every file: the number of the file and
/// the id of the event, without the dots that separate the parts of a signed text.
fn message_id(parcel: &Parcel<'_>) -> String {
    let file = parcel.source.rsplit(':').next().unwrap_or_default();
    format!("{file}-{}", parcel.id).replace('.', "-")
}

fn sentence(error: &Error, parcel: &Parcel<'_>) -> String {
    let reason = if let Error::Io(error) = error {
        error.to_string()
    } else if let Error::Rustls(error) = error {
        error.to_string()
    } else {
        String::new()
    };
    if let Some(reason) = reason.strip_prefix(UNTRUSTED) {
        return format!(
            "the certificate of the server is not trusted: {reason}; {AUTHORITIES} names a file with \
             the certificate of its authority"
        );
    }
    if !reason.is_empty() {
        return format!("the connection failed: {reason}");
    }
    if matches!(error, Error::Timeout(_)) {
        return format!("it took longer than {}", moment::rough(parcel.limit));
    }
    error.to_string()
}
