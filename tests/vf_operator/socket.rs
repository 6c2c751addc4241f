//! On Unix sockets instead of TCP.

use crate::grpc::all_as_expected;
use crate::host::{Host, exchange};
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;

/// By whatever name programs call it: no browser comes here.
#[test]
fn rest_is_on_a_socket_for_its_owner_and_group() {
    let host = Host::on_sockets();
    let file = fs::metadata(host.socket("rest")).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    let ask = |method: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} /api/v1/config/resources HTTP/1.1\r\nHost: sriovd\r\n");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        let stream = UnixStream::connect(host.socket("rest")).unwrap();
        exchange(stream, request.as_bytes())
    };
    let made = ask("POST", r#"{"name": "any", "numVfs": 2}"#);
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    let read = ask("GET", "");
    assert!(read.contains("\"name\":\"any\""), "{read}");
}

#[test]
fn a_client_in_python_finds_grpc_on_a_socket() {
    let host = Host::on_sockets();
    let file = fs::metadata(host.socket("grpc")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o660);
    all_as_expected(&host, &format!("unix:{}", host.socket("grpc").display()));
}
