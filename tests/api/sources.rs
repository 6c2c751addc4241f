//! What programs put: in force when it is answered, whatever is wrong with the rest of it.

use crate::host::{Host, POLICIES};
use serde_json::{Value, json};
use sriovd_agent::load::SOURCES;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

const KUBE: &str = "/v1/sources/kube";
const WORDS: &str = "SriovNetworkNodePolicy sriov-system/policy-1";

impl Host {
    /// The status and the body of the answer.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        self.say(&[head.as_bytes(), body].concat())
    }

    fn say(&self, bytes: &[u8]) -> (u16, Value) {
        answer(UnixStream::connect(&self.socket).unwrap(), bytes)
    }

    pub fn put(&self, source: &Value) -> (u16, Value) {
        self.ask("PUT", KUBE, source.to_string().as_bytes())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, b"");
        assert_eq!(status, 200, "{body}");
        body
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join(SOURCES).join("kube.json")
    }

    fn vfs(&self) -> usize {
        let vfs = &self.get("/v1/pfs")[0]["seen"]["vfs"];
        vfs.as_object().unwrap().len()
    }
}

fn answer(mut stream: impl Read + Write, bytes: &[u8]) -> (u16, Value) {
    // It may answer before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
    let status = head[9..12].parse().unwrap();
    let kind = match status {
        200 => "content-type: application/json",
        _ => "content-type: application/problem+json",
    };
    assert!(head.contains(kind), "{head}");
    (status, serde_json::from_str(body).expect(body))
}

/// Stronger than the policy file.
fn policy(name: &str, vfs: u16) -> Value {
    json!({
        "name": name, "origin": WORDS, "priority": 1, "num_vfs": vfs, "resource": "kube",
        "match": {"vendor": "8086"},
    })
}

#[test]
fn what_is_put_is_in_force_and_on_disk_when_it_is_answered() {
    let host = Host::start(1, 4);
    assert_eq!((host.vfs(), host.get("/v1/sources")), (4, json!([])));
    let network = json!({"name": "blue", "resource": "kube"});
    let source = json!({"policy": [policy("strong", 2)], "network": [network]});
    let (status, report) = host.put(&source);
    assert_eq!(
        (status, &report["state"]),
        (200, &json!("used")),
        "{report}"
    );
    assert_eq!(host.vfs(), 2);
    let kept: Value = serde_json::from_slice(&fs::read(host.file()).unwrap()).unwrap();
    assert_eq!(kept["policy"], source["policy"]);

    assert_eq!(host.get(KUBE), report);
    assert_eq!(report["items"][0]["wanted"], source["policy"][0]);
    assert_eq!(report["items"][1]["state"], "in_force");
    let summary = json!([{"name": "kube", "policies": 1, "networks": 1, "errors": 0}]);
    assert_eq!(host.get("/v1/sources"), summary);
    let origin = json!({"source": "kube", "origin": WORDS});
    assert_eq!(host.get("/v1/policies")[0]["source"], origin);

    // The same again, whatever the order of keys and the white space, writes and reads nothing.
    let inode = fs::metadata(host.file()).unwrap().ino();
    let asked = host.asked();
    let spaced = serde_json::to_string_pretty(&source).unwrap();
    assert_eq!(host.ask("PUT", KUBE, spaced.as_bytes()), (200, report));
    assert_eq!(fs::metadata(host.file()).unwrap().ino(), inode);
    assert_eq!(host.asked(), asked);

    assert_eq!(host.ask("DELETE", KUBE, b""), (200, json!([])));
    assert!(!host.file().exists());
    assert_eq!(host.vfs(), 4);
    for method in ["DELETE", "GET"] {
        let (status, problem) = host.ask(method, KUBE, b"");
        assert_eq!(status, 404);
        assert_eq!(problem["detail"], "there is no source named kube");
    }
}

#[test]
fn a_bad_item_is_named_and_keeps_its_last_good_while_the_others_hold() {
    let host = Host::start(1, 4);
    host.put(&json!({"policy": [policy("strong", 2)]}));
    let mut bad = policy("strong", 1);
    bad["trsut"] = json!(true);
    let mut other = policy("weak", 8);
    other["priority"] = json!(50);
    // The name of the policy file's policy.
    let taken = policy("dataplane", 1);
    let (status, problem) = host.put(&json!({"policy": [bad, other, taken, 5]}));
    assert_eq!(status, 422, "{problem}");
    let faults = problem["faults"].as_array().unwrap();
    let pointers: Vec<_> = faults
        .iter()
        .map(|it| it["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/policy/0/trsut", "/policy/2/name", "/policy/3"]);
    assert_eq!(faults[0]["suggestion"], "did you mean \"trust\"?");
    let said = faults[1]["message"].as_str().unwrap();
    assert!(said.ends_with("/sriov.d/10-test.toml:2"), "{said}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("source kube: 3 of 4 items broken, the last good content of 1 is in force: /policy/0/trsut: unknown key"), "{detail}");
    assert_eq!(host.vfs(), 2);
    let items = host.get(KUBE)["items"].clone();
    let states: Vec<_> = (0..4).map(|at| items[at]["state"].clone()).collect();
    assert_eq!(
        states,
        ["kept_last_good", "in_force", "no_effect", "no_effect"]
    );
    assert_eq!(host.get("/v1/policies").as_array().unwrap().len(), 3);
}

#[test]
fn a_body_that_is_no_source_changes_nothing() {
    let host = Host::start(1, 4);
    host.put(&json!({"policy": [policy("strong", 2)]}));
    let before = fs::read(host.file()).unwrap();
    let asked = host.asked();
    let huge = format!("{{\"policy\": [\"{}\"]}}", "x".repeat(10 << 20));
    // Each character becomes six.
    let growing = format!("{{\"policy\": [\"{}\"]}}", "\\u0001".repeat(100_000));
    let lists = format!(
        "{{\"policy\": {}{}}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let cases: [(&str, u16, &str, &str); 10] = [
        ("", 400, "this source: this is not JSON", ""),
        ("{\"policy\": [", 400, "this source: this is not JSON", ""),
        (
            "[[policy]]\nname = \"a\"\n",
            400,
            "this source: this is not JSON",
            "",
        ),
        ("[]", 400, "this source: this is a list", ""),
        (
            "{\"policies\": []}",
            400,
            "/policies: unknown key",
            "/policies",
        ),
        ("{\"policy\": {}}", 400, "/policy: bad value", "/policy"),
        (
            "{\"policy\": [], \"policy\": []}",
            400,
            "this source: this is not JSON: key \"policy\" is given twice",
            "",
        ),
        ("{\"version\": 2}", 400, "/version: bad value", "/version"),
        (
            &lists,
            400,
            "this source: this is not JSON: recursion limit",
            "",
        ),
        (&huge, 413, "the body is larger than 1048576 bytes", "-"),
    ];
    for (body, code, detail, pointer) in cases {
        let shown: String = body.chars().take(40).collect();
        let (status, problem) = host.ask("PUT", KUBE, body.as_bytes());
        assert_eq!(status, code, "{shown}: {problem}");
        let said = problem["detail"].as_str().unwrap();
        let said = said
            .strip_prefix("source kube stays as it is: ")
            .unwrap_or(said);
        assert!(said.starts_with(detail), "{shown}: {said}");
        if pointer != "-" {
            assert_eq!(problem["faults"][0]["pointer"], pointer, "{shown}");
        }
    }
    assert_eq!(host.put(&serde_json::from_str(&growing).unwrap()).0, 422);
    host.put(&json!({"policy": [policy("strong", 2)]}));
    for (path, code) in [
        ("/v1/sources/..%2Fkube", 400),
        ("/v1/sources/%2Fetc%2Fpasswd", 400),
        ("/v1/sources/..", 400),
        ("/v1/sources/.hidden", 400),
        ("/v1/sources/a%00b", 400),
        ("/v1/sources/", 404),
        ("/v1/sources/a/b", 404),
    ] {
        for method in ["PUT", "GET", "DELETE"] {
            let (status, problem) = host.ask(method, path, b"{}");
            assert_eq!(status, code, "{method} {path}: {problem}");
        }
    }
    let head = format!("PUT {KUBE} HTTP/1.1\r\nHost: localhost\r\n");
    let body = "{\"policy\": []}";
    for kind in [
        "text/plain",
        "application/toml",
        "application/x-www-form-urlencoded",
        "",
        "\u{e9}",
    ] {
        let (length, head) = (body.len(), &head);
        let said = format!("{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}");
        let (status, problem) = host.say(said.as_bytes());
        assert_eq!(status, 415, "{kind}: {problem}");
    }
    // It says that there is more, and is gone.
    let half = format!("{head}Content-Length: 1000\r\n\r\n{body}");
    let mut stream = UnixStream::connect(&host.socket).unwrap();
    stream.write_all(half.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    // From a browser on this host, which may only read.
    let said = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let tcp = TcpStream::connect(host.tcp).unwrap();
    let (status, _) = self::answer(tcp, said.as_bytes());
    assert_eq!(status, 403);

    assert_eq!(fs::read(host.file()).unwrap(), before);
    assert_eq!((host.vfs(), host.asked().len()), (2, asked.len() + 2));
}

#[test]
fn what_the_disk_refuses_is_not_in_force() {
    let host = Host::start(1, 4);
    let first = json!({"policy": [policy("strong", 2)]});
    // In the place of the directory.
    let sources = host.directory.path().join(SOURCES);
    fs::write(&sources, "").unwrap();
    let (status, problem) = host.put(&first);
    assert_eq!(status, 500, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("nothing was changed: cannot create directory"),
        "{detail}"
    );
    assert_eq!((host.vfs(), host.asked().len()), (4, 0));
    fs::remove_file(&sources).unwrap();
    assert_eq!(host.put(&first).0, 200);
    // Where a file is written before it is moved into its place.
    fs::create_dir(sources.join(".sriovd-kube.json.tmp")).unwrap();
    let before = fs::read(host.file()).unwrap();
    let (status, problem) = host.put(&json!({"policy": [policy("strong", 6)]}));
    assert_eq!(status, 500, "{problem}");
    assert_eq!(fs::read(host.file()).unwrap(), before);
    assert_eq!(host.vfs(), 2);
}

#[test]
fn a_name_that_a_file_takes_later_is_the_files() {
    let host = Host::start(1, 4);
    host.put(&json!({"policy": [policy("strong", 2)]}));
    let file = host.directory.path().join(POLICIES).join("20-own.toml");
    let text =
        "[[policy]]\nname = \"strong\"\nnum_vfs = 6\npriority = 1\nmatch.vendor = \"8086\"\n";
    fs::write(&file, text).unwrap();
    assert_eq!(host.ask("POST", "/v1/reload", b"").0, 200);
    assert_eq!(host.vfs(), 6);
    let item = host.get(KUBE)["items"][0].clone();
    assert_eq!(item["state"], "no_effect");
    assert_eq!(item["faults"][0]["pointer"], "/policy/0/name");
    fs::remove_file(&file).unwrap();
    host.ask("POST", "/v1/reload", b"");
    assert_eq!(
        (host.vfs(), host.get(KUBE)["state"].clone()),
        (2, json!("used"))
    );
}
