//! An agent that tells of a world, and records what kubelet has allocated, as the real one does.

use super::super::fixture::world;
use super::Process;
use serde_json::{Value, json};
use sriovd_core::model::KubeletAllocation;
use sriovd_wire::kubelet::{KubeletAllocate, KubeletAllocations};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// What is on its disk: it outlives the agent.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    allocations: BTreeMap<String, KubeletAllocation>,
    asked: Vec<String>,
    /// So many requests are done, and their answers get lost, as when it is killed then.
    killed: u32,
    refusal: Option<String>,
}

impl Disk {
    /// Each VF with the pod that has it.
    pub(super) fn held(&self) -> Vec<String> {
        let disk = self.0.lock().unwrap();
        let held = disk.allocations.values().map(|it| match &it.container {
            Some(by) => format!("{} {}/{} {}", it.vf, by.namespace, by.pod, by.container),
            None => it.vf.to_string(),
        });
        held.collect()
    }

    /// How often it was asked for something about allocations.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(super) fn lose_answers(&self, count: u32) {
        self.0.lock().unwrap().killed = count;
    }

    pub(super) fn refuse(&self, why: Option<&str>) {
        self.0.lock().unwrap().refusal = why.map(str::to_owned);
    }

    /// `None`: it is killed before it answers.
    fn answer(&self, method: &str, body: &[u8]) -> Option<(u16, Value)> {
        let mut disk = self.0.lock().unwrap();
        disk.asked.push(method.to_owned());
        if let Some(why) = disk.refusal.clone().filter(|_| method == "POST") {
            return Some((
                409,
                json!({ "title": "Conflict", "status": 409, "detail": why }),
            ));
        }
        let all = &mut disk.allocations;
        match method {
            "POST" => {
                let KubeletAllocate { resource, vfs } = serde_json::from_slice(body).unwrap();
                all.extend(vfs.into_iter().map(|vf| {
                    let allocation = KubeletAllocation {
                        vf,
                        resource: resource.clone(),
                        container: None,
                    };
                    (vf.to_string(), allocation)
                }));
            }
            "PUT" => {
                let now: KubeletAllocations = serde_json::from_slice(body).unwrap();
                let now = now.allocations.into_iter();
                *all = now.map(|it| (it.vf.to_string(), it)).collect();
            }
            _ => {}
        }
        let allocations: Vec<_> = all.values().cloned().collect();
        if method == "POST" && disk.killed > 0 {
            disk.killed -= 1;
            return None;
        }
        Some((200, json!({ "allocations": allocations })))
    }
}

pub(super) struct Agent {
    tell: watch::Sender<String>,
    _process: Process,
}

fn event(starting: bool, pfs: Vec<Value>) -> String {
    let world = world(starting, pfs).whole();
    format!("data: {}\n\n", serde_json::to_string(&world).unwrap())
}

impl Agent {
    pub(super) fn start(socket: &Path, disk: &Disk, starting: bool, pfs: Vec<Value>) -> Self {
        let (tell, told) = watch::channel(event(starting, pfs));
        fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let _ = fs::remove_file(socket);
        let (socket, disk) = (socket.to_owned(), disk.clone());
        let process = Process::new(async move {
            let listener = UnixListener::bind(socket).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, disk.clone(), told.clone()));
            }
        });
        Self {
            tell,
            _process: process,
        }
    }

    pub(super) fn tell(&self, starting: bool, pfs: Vec<Value>) {
        self.tell.send_replace(event(starting, pfs));
    }
}

async fn answer(
    mut stream: UnixStream,
    disk: Disk,
    mut told: watch::Receiver<String>,
) -> Option<()> {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await.ok()?);
    }
    let asked = String::from_utf8(asked).unwrap();
    let mut words = asked.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    if path == "/v1/kubelet/allocations" {
        let length = asked.split("content-length: ").nth(1);
        let length = length.map_or(0, |it| it.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let (status, answer) = disk.answer(method, &body)?;
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + &answer).as_bytes()).await.ok()?;
        return Some(());
    }
    assert_eq!((method, path), ("GET", "/v1/world"));
    assert!(asked.contains("accept: text/event-stream\r\n"), "{asked}");
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head).await.ok()?;
    loop {
        let event = told.borrow_and_update().clone();
        stream.write_all(event.as_bytes()).await.ok()?;
        told.changed().await.ok()?;
    }
}
