//! What a person sees in a browser.

use crate::browser::Browser;
use crate::host::{Host, POLICY};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

const IS_DRAWN: &str = "document.getElementById('picture').decode().then(
    () => document.getElementById('picture').naturalWidth > 400)";

fn url(host: &Host, path: &str) -> String {
    format!("http://{}{path}", host.tcp)
}

#[test]
fn the_table_and_the_picture_are_there_without_javascript() {
    let host = Host::start(2, 8);
    let mut browser = Browser::start();
    let mut page = browser.open(&url(&host, "/"), false);
    assert_eq!(
        page.ask("document.querySelector('h1').innerText"),
        "2 PFs, 16 VFs ready"
    );
    let rows = "[...document.querySelectorAll('#status tr.ready')].map(row => row.innerText)";
    let rows = page.ask(rows).to_string();
    for text in ["0000:01:00.0", "0001:01:00.0", "dataplane", "pool", "ready"] {
        assert!(rows.contains(text), "{text}: {rows}");
    }
    assert_eq!(page.ask(IS_DRAWN), true);
    // Its script had no chance: nothing changes.
    host.plug(2);
    assert_eq!(
        page.ask("document.getElementById('picture').src.includes('?')"),
        false
    );
    assert_eq!(page.complaints(), [""; 0]);
}

#[test]
fn what_happens_shows_by_itself() {
    let host = Host::start(1, 4);
    let mut browser = Browser::start();
    let mut page = browser.open(&url(&host, "/"), true);
    // It follows from now on.
    page.wait("document.getElementById('picture').src.includes('?')");
    host.plug(7);
    page.wait("document.getElementById('status').innerText.includes('0007:01:00.0')");
    assert_eq!(
        page.ask("document.querySelector('h1').innerText"),
        "2 PFs, 8 VFs ready"
    );
    assert_eq!(page.ask(IS_DRAWN), true);
    let elsewhere = "performance.getEntriesByType('resource')
        .filter(it => !it.name.startsWith(location.origin)).map(it => it.name)";
    assert_eq!(page.ask(elsewhere), serde_json::json!([]));
    assert_eq!(page.complaints(), [""; 0]);
}

#[test]
fn the_description_of_the_api_can_be_read_and_its_links_lead_somewhere() {
    let host = Host::start(1, 4);
    let mut browser = Browser::start();
    let mut page = browser.open(&url(&host, "/docs"), true);
    let heads = page.ask("[...document.querySelectorAll('h2 code')].map(it => it.innerText)");
    let heads = heads.to_string();
    for path in ["GET /v1/status", "POST /v1/apply", "GET /v1/events"] {
        assert!(heads.contains(path), "{path}: {heads}");
    }
    let links = "document.querySelectorAll('a[href^=\"#\"]').length";
    assert!(page.ask(links).as_u64().unwrap() > 20);
    let lost = "[...document.querySelectorAll('a[href^=\"#\"]')]
        .filter(it => !document.getElementById(it.hash.slice(1))).map(it => it.hash)";
    assert_eq!(page.ask(lost), serde_json::json!([]));
    assert_eq!(page.complaints(), [""; 0]);
}

#[test]
fn the_picture_is_that_of_draw() {
    let host = Host::start(2, 8);
    let mut stream = TcpStream::connect(host.tcp).unwrap();
    let request = b"GET /picture.svg HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, picture) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: image/svg+xml"), "{head}");

    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("etc/sriov.d");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("10-test.toml"), POLICY.replace("VFS", "8")).unwrap();
    let drawn = Command::new(sriovd_tests::binary("sriovctl"))
        .args(["draw", "--svg", "--root"])
        .arg(root.path())
        .arg("--socket")
        .arg(&host.socket)
        .output()
        .unwrap();
    assert!(drawn.status.success(), "{drawn:?}");
    assert_eq!(picture, String::from_utf8(drawn.stdout).unwrap());
    assert!(picture.contains("f1-u"), "{picture}");
}
