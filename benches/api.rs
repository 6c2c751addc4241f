//! What reading costs: `sriovctl status` on a host with 64 PFs and 4,096 VFs, and a NIC that is set up while 200 requests
//! are answered each second.
//!
//! `cargo bench --bench api` prints the figures. It takes two minutes and wants a quiet machine.
#![allow(clippy::expect_used, reason = "nothing to measure without it")]
#![allow(dead_code, unreachable_pub, reason = "tests use more of the host")]

#[path = "../tests/api/host.rs"]
mod host;

use host::Host;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Simulated kernels take no time, so that all of a pass is the agent's own.
const VFS: u16 = 64;
const QUIET: Duration = Duration::from_secs(30);
const LOADED: Duration = Duration::from_secs(60);
const CLIENTS: u32 = 4;
const EACH_SECOND: u32 = 200;
const READS: [&str; 5] = [
    "/v1/status",
    "/v1/pfs",
    "/v1/networks",
    "/v1/policies",
    "/metrics",
];

fn main() {
    status();
    load();
}

fn status() {
    let host = Host::start(64, VFS);
    let times = (0..50).map(|_| {
        let since = Instant::now();
        let status = Command::new(sriovd_tests::binary("sriovctl"))
            .arg("--socket")
            .arg(&host.socket)
            .arg("status")
            .stdout(Stdio::null())
            .status();
        let status = status.expect("sriovctl was built");
        assert!(status.success(), "{status}");
        since.elapsed()
    });
    let times = Times::of(times.collect());
    println!("sriovctl status, 64 PFs and 4,096 VFs: {times}");
}

fn load() {
    let host = Host::start(2, VFS);
    let quiet = Times::of(set_up_for(&host, QUIET));
    let (socket, (tell, answered)) = (host.socket.clone(), channel());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (socket, tell) = (socket.clone(), tell.clone());
            thread::spawn(move || tell.send(read_for(&socket, LOADED)))
        })
        .collect();
    drop(tell);
    let loaded = Times::of(set_up_for(&host, LOADED));
    let answers = Times::of(answered.iter().flatten().collect());
    for client in clients {
        let told = client.join().expect("no client failed");
        assert!(told.is_ok(), "somebody listens");
    }
    let each_second = answers.count() as f64 / LOADED.as_secs_f64();
    let ratio = loaded.median().as_secs_f64() / quiet.median().as_secs_f64();
    println!("a NIC with {VFS} VFs set up, nobody asks: {quiet}");
    println!("the same while {each_second:.0} requests are answered each second: {loaded}");
    println!("ratio of the medians: {ratio:.2}");
    println!("the answers meanwhile: {answers}");
}

/// A new NIC again and again.
fn set_up_for(host: &Host, time: Duration) -> Vec<Duration> {
    let until = Instant::now() + time;
    let passes = std::iter::from_fn(|| (Instant::now() < until).then(|| host.plug(9)));
    passes.collect()
}

/// At a steady rate: who is answered late asks at once again.
fn read_for(socket: &Path, time: Duration) -> Vec<Duration> {
    let pace = Duration::from_secs(1) * CLIENTS / EACH_SECOND;
    let start = Instant::now();
    let mut times = Vec::new();
    for (path, turn) in READS.iter().cycle().zip(1..) {
        let since = Instant::now();
        if since - start >= time {
            break;
        }
        read(socket, path);
        times.push(since.elapsed());
        thread::sleep((start + pace * turn).saturating_duration_since(Instant::now()));
    }
    times
}

fn read(socket: &Path, path: &str) {
    let mut stream = UnixStream::connect(socket).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = Vec::new();
    let sent = stream.write_all(request.as_bytes());
    let read = sent.and_then(|()| stream.read_to_end(&mut answer));
    read.expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}");
}

/// How long something took each time, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort();
        Self(times)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    fn median(&self) -> Duration {
        self.at(50)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.at(percent));
        let count = self.count();
        write!(
            f,
            "median {half:.1?}, 99 % within {most:.1?}, at most {all:.1?} ({count} times)"
        )
    }
}
