//! Hooks with a URL of https: which servers are trusted.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use queue_testing::command_line::program::{Sandbox, until};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Request, add, error, fail, hook, sandbox};

/// A certificate that no authority signed, and its key.
const PEM: &str = include_str!("self_signed.pem");

/// A server with that certificate, which takes every request.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn new() -> Self {
        let certificate = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(PEM.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let server = Self {
            url: format!("https://{}/in", listener.local_addr().unwrap()),
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream.unwrap());
                // A client that does not trust the server sends none.
                if let Some(request) = Request::read(&mut stream) {
                    requests.lock().unwrap().push(request);
                    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        server
    }

    fn bodies(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|one| one.body.clone()).collect()
    }
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing_until_its_authority_is_named() {
    let sandbox: Sandbox = sandbox();
    let server = Server::new();
    add(&sandbox, &server.url, &[]);
    fail(&sandbox);
    {
        let _deliverer = sandbox.start(&["hook", "run"]);
        until("it is tried", || !hook(&sandbox)["last_at"].is_null());
    }
    let refused = error(&sandbox);
    assert!(
        refused.starts_with("the certificate of the server is not trusted: "),
        "{refused}"
    );
    assert!(refused.contains("SSL_CERT_FILE"), "{refused}");
    assert_eq!(hook(&sandbox)["delivered"], 0);
    assert_eq!(server.bodies(), [""; 0]);

    let authority = sandbox.write("authority.pem", PEM);
    let mut command = sandbox.command(&["hook", "run"]);
    let _deliverer = Sandbox::begin(command.env("SSL_CERT_FILE", authority));
    until("it is taken", || hook(&sandbox)["delivered"] == 1);
    assert_eq!(server.bodies().len(), 1);
    assert!(server.bodies()[0].contains("task.failed"));
}
