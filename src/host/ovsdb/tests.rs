//! The connection to the database: a peer that says what a database may say, and what it may not.

use super::client::Client;
use super::frame::Frames;
use super::{Ovsdb, SOCKET};
use serde_json::{Value, json};
use sriovd_core::host::HostError;
use sriovd_core::model::Persistence;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;
use tempfile::TempDir;

#[test]
fn messages_are_cut_wherever_they_are_broken() {
    let messages = [
        r#"{"a":"}{\"[","b":[1,{"c":[]}]}"#,
        r#"[]"#,
        r#"{"d":"\\"}"#,
    ];
    let stream = messages.join(" \n");
    for size in 1..stream.len() {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for piece in stream.as_bytes().chunks(size) {
            frames.push(piece).unwrap();
            while let Some(message) = frames.next_message() {
                found.push(String::from_utf8(message).unwrap().trim().to_owned());
            }
        }
        assert_eq!(found, messages, "in pieces of {size}");
    }
}

#[test]
fn no_message_is_longer_than_any_answer() {
    let mut frames = Frames::default();
    let megabyte = vec![b'['; 1 << 20];
    let pushed = (0..65).map(|_| frames.push(&megabyte)).find(Result::is_err);
    assert_eq!(
        pushed.unwrap().unwrap_err().to_string(),
        "a message of more than 64 MiB"
    );
}

struct Peer {
    directory: TempDir,
    thread: JoinHandle<()>,
}

impl Peer {
    fn new(talk: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        let directory = TempDir::new().unwrap();
        let listener = UnixListener::bind(directory.path().join("db.sock")).unwrap();
        let thread = spawn(move || talk(listener.accept().unwrap().0));
        Self { directory, thread }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("db.sock")
    }

    fn transact(self) -> Result<Vec<Value>, HostError> {
        let answer = Duration::from_millis(300);
        let client = Client::connect(&self.socket(), "asking", answer);
        let answers = client.and_then(|mut client| client.transact("d", vec![json!({"op": "x"})]));
        self.thread.join().unwrap();
        answers
    }
}

fn hear(stream: &mut UnixStream) -> Value {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes).unwrap();
    serde_json::from_slice(&bytes[..count]).unwrap()
}

fn say(stream: &mut UnixStream, message: &Value) {
    stream.write_all(message.to_string().as_bytes()).unwrap();
}

#[test]
fn an_answer_is_found_among_heartbeats_and_news() {
    let peer = Peer::new(|mut stream| {
        let asked = hear(&mut stream);
        assert_eq!(asked["params"], json!(["d", {"op": "x"}]));
        say(
            &mut stream,
            &json!({"method": "echo", "id": "echo", "params": ["you?"]}),
        );
        let heartbeat = hear(&mut stream);
        assert_eq!(
            heartbeat,
            json!({"id": "echo", "result": ["you?"], "error": null})
        );
        say(
            &mut stream,
            &json!({"method": "update", "id": null, "params": ["m", {}]}),
        );
        say(
            &mut stream,
            &json!({"id": 99, "result": ["of another"], "error": null}),
        );
        say(
            &mut stream,
            &json!({"id": asked["id"], "result": [{"count": 1}], "error": null}),
        );
    });
    assert_eq!(peer.transact().unwrap(), [json!({"count": 1})]);
}

#[test]
fn errors_tell_whether_another_try_helps() {
    let silent = Peer::new(|mut stream| {
        hear(&mut stream);
        // Until the other side has had enough.
        let _ = stream.read(&mut [0; 1]);
    });
    let error = silent.transact().unwrap_err();
    assert_eq!(error.to_string(), "asking: ovsdb-server: no answer in 0 s");
    assert_eq!(error.persistence(), Persistence::Service);

    let gone = Peer::new(|mut stream| drop(hear(&mut stream)));
    let error = gone.transact().unwrap_err();
    assert_eq!(
        error.to_string(),
        "asking: ovsdb-server: it closed the connection"
    );
    assert_eq!(error.persistence(), Persistence::Service);

    let refuses = Peer::new(|mut stream| {
        let asked = hear(&mut stream);
        say(
            &mut stream,
            &json!({"id": asked["id"], "result": null, "error": "unknown database"}),
        );
    });
    let error = refuses.transact().unwrap_err();
    assert_eq!(error.to_string(), "asking: \"unknown database\"");
    assert_eq!(error.persistence(), Persistence::UntilChange);

    let babbles = Peer::new(|mut stream| {
        hear(&mut stream);
        stream.write_all(b"[tru]").unwrap();
    });
    let error = babbles.transact().unwrap_err();
    assert!(matches!(error, HostError::Unreadable { .. }), "{error}");
}

#[test]
fn a_database_that_is_not_there_is_silent_and_not_empty() {
    let directory = TempDir::new().unwrap();
    let seen = Ovsdb::at(directory.path().join(&SOCKET[1..])).look();
    let why = seen.silent.unwrap();
    assert!(
        why.contains("No such file or directory")
            && why.ends_with("(openvswitch-switch.service is not running)"),
        "{why}"
    );
}
