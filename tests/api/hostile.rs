//! Requests that mean no good, to both sockets: answered with 4xx or not at all, and nothing is changed.

use crate::host::Host;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

const CHANGES: [&str; 4] = ["/v1/apply", "/v1/pause", "/v1/resume", "/v1/reload"];

/// Whatever bytes, and all that comes back.
fn talk(mut stream: impl Read + Write, bytes: &[u8]) -> String {
    // It may answer before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn over_socket(host: &Host, bytes: &[u8]) -> String {
    talk(UnixStream::connect(&host.socket).unwrap(), bytes)
}

fn over_tcp(host: &Host, bytes: &[u8]) -> String {
    talk(TcpStream::connect(host.tcp).unwrap(), bytes)
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body.as_bytes()].concat()
}

fn is_refusal(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 4")
}

fn is_well(host: &Host) {
    let request = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for answer in [over_socket(host, request), over_tcp(host, request)] {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("1 PF, 4 VFs ready"), "{answer}");
    }
    assert_eq!(host.asked(), [""; 0]);
}

#[test]
fn hostile_bodies_are_refused_and_change_nothing() {
    let host = Host::start(1, 4);
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let lists = format!("{{\"pfs\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let huge = format!(r#"{{"pfs": ["{}"]}}"#, "x".repeat(1 << 20));
    let named = |name: &str| serde_json::json!({"pfs": [name]}).to_string();
    let bodies = [
        deep,
        lists,
        huge,
        named("../../../etc/passwd"),
        named("a/b"),
        named(".."),
        named("a\nb"),
        named("a\0b"),
        named("0001:01:00.0 "),
        named("0000:ff:1f.7"),
        named(""),
        named(&"x".repeat(60_000)),
        r#"{"pfs": {"a": 1}}"#.to_owned(),
        r#"{"pfs": [1e999]}"#.to_owned(),
        r#"{"pfs": [], "pfs": []}"#.to_owned(),
        r#"{"force": "true"}"#.to_owned(),
        r#"{"seconds": -1}"#.to_owned(),
        r#"{"seconds": 1e30}"#.to_owned(),
        "\u{feff}{}".to_owned(),
        "[]".to_owned(),
        "\"enp1s0\"".to_owned(),
        "{} {}".to_owned(),
        "{".to_owned(),
    ];
    for body in &bodies {
        let shown: String = body.chars().take(60).collect();
        // A reload has no body: whatever comes with it is not looked at.
        for path in &CHANGES[..3] {
            let answer = over_socket(&host, &post(path, body));
            assert!(is_refusal(&answer), "{path} {shown}: {answer}");
        }
        for path in CHANGES {
            let answer = over_tcp(&host, &post(path, body));
            assert!(is_refusal(&answer), "{path} {shown}: {answer}");
        }
    }
    is_well(&host);
}

#[test]
fn hostile_paths_and_queries_find_nothing() {
    let host = Host::start(1, 4);
    let long = "x".repeat(12_000);
    for path in [
        "/v1/pfs/..",
        "/v1/pfs/%2e%2e%2f%2e%2e",
        "/v1/pfs/a%00b",
        "/v1/pfs/a%0ab",
        "/v1/pfs/%ff",
        "/v1/pfs/",
        "/v1/pfs//",
        &format!("/v1/pfs/{long}"),
        "/v1/../v1/statu",
        "/v1/plan?pfs=..",
        "/v1/plan?pfs=a%0ab",
        "/v1/plan?force=maybe",
        "/v1/plan?x=y",
        "/picture.svg/..",
        "/etc/passwd",
        "*",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for answer in [
            over_socket(&host, request.as_bytes()),
            over_tcp(&host, request.as_bytes()),
        ] {
            assert!(is_refusal(&answer), "{path}: {answer}");
        }
    }
    is_well(&host);
}

#[test]
fn what_is_no_http_is_no_request() {
    let host = Host::start(1, 4);
    let many_headers = format!("GET /v1/status HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(500));
    let long_header = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(1 << 20));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"\r\n\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        b"POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        many_headers.as_bytes(),
        long_header.as_bytes(),
        &[0xff; 4096],
    ] {
        // Who has said all ends what he says: half of a request is no request.
        let bytes = [bytes, b"\r\n\r\n"].concat();
        let mut stream = UnixStream::connect(&host.socket).unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let answer = talk(stream, b"");
        assert!(answer.is_empty() || is_refusal(&answer), "{answer}");
    }
    is_well(&host);
}

#[test]
fn half_a_request_takes_one_place_and_nobody_elses() {
    let host = Host::start(1, 4);
    let beginnings = [
        &b""[..],
        b"GET /v1/st",
        b"POST /v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{\"pfs\"",
    ];
    // So many that the API would be full with one more.
    let waiting: Vec<_> = (0..31)
        .map(|at| {
            let mut stream = UnixStream::connect(&host.socket).unwrap();
            stream.write_all(beginnings[at % beginnings.len()]).unwrap();
            stream
        })
        .collect();
    is_well(&host);
    // A pass is not what they wait for.
    host.plug(1);
    // Whoever goes without a word is not waited for.
    drop(waiting);
    for _ in 0..40 {
        let answer = over_socket(&host, b"GET /v1/pfs HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(host.asked(), [""; 0]);
}
