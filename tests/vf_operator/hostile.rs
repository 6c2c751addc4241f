//! Requests that mean no good: answered with 4xx or not at all, and nothing is changed.

use crate::host::Host;
use serde_json::json;

const RESOURCES: &str = "/api/v1/config/resources";
const ATTACHMENTS: &str = "/api/v1/config/networkattachments";

fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status)
}

#[test]
fn hostile_bodies_change_nothing() {
    let host = Host::start();
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let huge = "x".repeat(1 << 20);
    let names = [
        "../../etc/passwd",
        "a\nb",
        "a\0b",
        "..",
        ".",
        "-",
        "a b",
        "ä",
        &huge,
        "a\"]\n[[policy]]",
    ];
    for name in names {
        let resource = json!({"name": name, "numVfs": 1}).to_string();
        let attachment = json!({"name": name, "config": {"type": "bridge"}}).to_string();
        for (path, body) in [(RESOURCES, &resource), (ATTACHMENTS, &attachment)] {
            let (status, _) = host.ask("POST", path, body);
            assert!(
                is_refusal(status),
                "{status} {path} {}",
                &name[..name.len().min(40)]
            );
        }
    }
    for body in [
        deep.as_str(),
        &format!(r#"{{"name": "a", "config": {deep}}}"#),
        &format!(r#"{{"name": "a", "nicSelector": {{"pfNames": ["{huge}"]}}}}"#),
        "null",
        "\"a\"",
        "\u{feff}{}",
        r#"{"name": "a", "name": "b", "numVfs": 1}"#,
    ] {
        for path in [RESOURCES, ATTACHMENTS] {
            let (status, _) = host.ask("POST", path, body);
            assert!(
                is_refusal(status),
                "{status} {path} {}",
                &body[..body.len().min(60)]
            );
        }
    }
    assert_eq!(host.posted(), [""; 0]);
}

#[test]
fn hostile_paths_find_nothing() {
    let host = Host::start();
    for name in [
        "..",
        "%2e%2e%2f10-own",
        "a%00b",
        "a%0ab",
        "%ff",
        &"x".repeat(10_000),
    ] {
        for (method, path) in [
            ("GET", format!("{RESOURCES}/{name}")),
            ("DELETE", format!("{RESOURCES}/{name}")),
            ("DELETE", format!("{ATTACHMENTS}/{name}")),
            ("GET", format!("/api/v1/networkattachments/{name}")),
        ] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let answer = host.send(request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 4"), "{method} {name} {answer}");
        }
    }
}

#[test]
fn pages_in_a_browser_change_nothing() {
    let host = Host::start();
    let body = r#"{"name": "a", "numVfs": 1}"#;
    let length = body.len();
    for headers in [
        "Host: localhost\r\nOrigin: http://evil.example",
        "Host: evil.example:15001",
        "X: no host",
    ] {
        let head = format!(
            "POST {RESOURCES} HTTP/1.1\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let answer = host.send(head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403"), "{headers} {answer}");
    }
    assert_eq!(host.posted(), [""; 0]);
}

#[test]
fn no_http_is_no_request() {
    let host = Host::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        &[0xff; 4096],
    ] {
        let answer = host.send(&[bytes, b"\r\n\r\n"].concat());
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert_eq!(host.ask("GET", RESOURCES, "").0, 200);
    assert_eq!(host.ask("PUT", RESOURCES, "").0, 501);
    assert_eq!(host.ask("GET", "/", "").0, 404);
}
