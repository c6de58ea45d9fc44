use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use queue_core::postgres::{Commits, Connection, Query};
use queue_testing::postgres_server::{ESCAPED_PASSWORD, PostgresServer};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::{Home, sentence};

/// Writes the certificate of an authority, and one that it signed for `name` with its key.
fn certificates(folder: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("root.crt"), root.pem()).unwrap();
    std::fs::write(folder.join("server.crt"), leaf.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

/// A server that offers encryption, and asks for it where it has a password.
fn server(folder: &Path) -> Option<PostgresServer> {
    certificates(folder, "localhost");
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    // The server wants to own its key: it reads a copy that it made itself.
    let server = PostgresServer::start(&[])?;
    for name in ["server.crt", "server.key"] {
        let data = server.folder().join("data").join(name);
        let copy = format!(
            "COPY (SELECT pg_read_file('{}')) TO PROGRAM 'umask 077; sed ''s/\\\\n/\\n/g'' > {}'",
            file(name),
            data.display()
        );
        server.psql("postgres", &copy).unwrap();
    }
    server
        .psql("postgres", "ALTER SYSTEM SET ssl = on")
        .unwrap();
    server.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    queue_testing::patience::until("the server offers encryption", || {
        server.psql("postgres", "SHOW ssl").unwrap() == "on"
    });
    Some(server)
}

#[test]
fn each_mode_checks_as_much_as_it_says() {
    let folder = TempDir::new().unwrap();
    let Some(server) = server(folder.path()) else {
        return;
    };
    let port = server.port();
    let root = folder.path().join("root.crt").display().to_string();
    let open = |host: &str, parameters: &str| {
        let text =
            format!("postgres://postgres:{ESCAPED_PASSWORD}@{host}:{port}/postgres?{parameters}");
        queue_core::postgres::Address::parse(&text, &Home::default())
            .and_then(|address| Connection::open(&address, Commits::Synchronous))
    };
    let is_encrypted = |host: &str, parameters: &str| {
        const LOOK: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let mut connection = open(host, parameters).unwrap();
        let replies = connection.trip(&[Query::new(LOOK, [])]).unwrap();
        replies[0][0].get::<_, bool>(0)
    };
    assert!(!is_encrypted("localhost", "sslmode=disable"));
    assert!(!is_encrypted("localhost", "sslmode=allow"));
    assert!(is_encrypted("localhost", ""));
    assert!(is_encrypted("127.0.0.1", "sslmode=require"));
    assert!(is_encrypted(
        "127.0.0.1",
        &format!("sslmode=verify-ca&sslrootcert={root}")
    ));
    assert!(is_encrypted(
        "localhost",
        &format!("sslmode=verify-full&sslrootcert={root}")
    ));

    let error = sentence(open(
        "127.0.0.1",
        &format!("sslmode=verify-full&sslrootcert={root}"),
    ));
    assert!(
        error.contains("certificate") && error.contains("name"),
        "{error}"
    );
    let other = TempDir::new().unwrap();
    certificates(other.path(), "localhost");
    let root = other.path().join("root.crt").display().to_string();
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = sentence(open(
            "localhost",
            &format!("sslmode={mode}&sslrootcert={root}"),
        ));
        assert!(error.contains("certificate"), "{mode}: {error}");
    }
    let error = sentence(open("localhost", "sslmode=verify-full"));
    assert!(error.contains("sslrootcert=FILE"), "{error}");
    let error = sentence(open(
        "localhost",
        "sslmode=verify-full&sslrootcert=/missing/root.crt",
    ));
    assert!(
        error.contains("/missing/root.crt cannot be read"),
        "{error}"
    );
}
