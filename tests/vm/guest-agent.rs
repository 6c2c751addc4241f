//! Runs inside the guest: shell scripts from the host's test in, their output and exit status out. Standard library only,
//! because the image is built with a bare `rustc`.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[path = "lab/wire.rs"]
mod wire;
use wire::{Frame, Kind};

/// The name the harness gives to its port.
const PORT: &str = "lab";
/// How long after its end a script's pipes are read on: a daemon that it left behind may hold them for ever.
const GRACE: Duration = Duration::from_millis(200);

fn main() {
    loop {
        // An error here is a host that went away; the next one starts afresh.
        if let Err(error) = open_port().and_then(serve) {
            eprintln!("{error}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Looks in sysfs rather than for udev's symlink, so as not to wait for udev.
fn open_port() -> io::Result<File> {
    for entry in fs::read_dir("/sys/class/virtio-ports")? {
        let entry = entry?;
        if fs::read_to_string(entry.path().join("name"))?.trim() == PORT {
            let device = format!("/dev/{}", entry.file_name().display());
            return OpenOptions::new().read(true).write(true).open(device);
        }
    }
    Err(io::Error::other("no port of the lab yet"))
}

struct Running {
    process_group: u32,
    input: Sender<Vec<u8>>,
}

type Jobs = Arc<Mutex<HashMap<u32, Running>>>;

#[derive(Clone)]
struct Host(Arc<Mutex<File>>);

impl Host {
    fn send(&self, kind: Kind, job: u32, body: &[u8]) {
        let mut port = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A host that does not listen any more has no use for the answer.
        let _ = Frame::new(kind, job, body).write_to(&mut *port);
    }
}

fn serve(port: File) -> io::Result<()> {
    let host = Host(Arc::new(Mutex::new(port.try_clone()?)));
    let jobs = Jobs::default();
    let mut port = BufReader::with_capacity(1 << 16, port);
    loop {
        let frame = Frame::read_from(&mut port)?;
        let mut running = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match frame.kind {
            Kind::Ping => host.send(Kind::Ping, frame.job, &[]),
            Kind::Run => match start(&frame, &host, &jobs) {
                Ok(job) => {
                    running.insert(frame.job, job);
                }
                Err(error) => {
                    host.send(Kind::Stderr, frame.job, error.to_string().as_bytes());
                    host.send(Kind::Exit, frame.job, b"127");
                }
            },
            Kind::Input => {
                if let Some(job) = running.get(&frame.job) {
                    let _ = job.input.send(frame.body);
                }
            }
            Kind::Kill => {
                if let Some(job) = running.get(&frame.job) {
                    let group = format!("-{}", job.process_group);
                    let _ = Command::new("/bin/kill")
                        .args(["-KILL", "--", &group])
                        .status();
                }
            }
            Kind::Stdout | Kind::Stderr | Kind::Exit => {}
        }
    }
}

fn start(frame: &Frame, host: &Host, jobs: &Jobs) -> io::Result<Running> {
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(String::from_utf8_lossy(&frame.body).as_ref())
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/root")
        .env("LANG", "C.UTF-8")
        .current_dir("/root")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let process_group = child.id();
    let (input, bytes) = mpsc::channel::<Vec<u8>>();
    let stdin = child.stdin.take();
    thread::spawn(move || {
        let Some(mut stdin) = stdin else { return };
        for chunk in bytes {
            if chunk.is_empty() || stdin.write_all(&chunk).is_err() {
                break;
            }
        }
    });
    let pipes = [
        forward(child.stdout.take(), Kind::Stdout, frame.job, host),
        forward(child.stderr.take(), Kind::Stderr, frame.job, host),
    ];
    let (job, host, jobs) = (frame.job, host.clone(), Arc::clone(jobs));
    thread::spawn(move || {
        let status = finish(&mut child, &pipes);
        jobs.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&job);
        host.send(Kind::Exit, job, status.to_string().as_bytes());
    });
    Ok(Running {
        process_group,
        input,
    })
}

fn forward<P: Read + Send + 'static>(
    pipe: Option<P>,
    kind: Kind,
    job: u32,
    host: &Host,
) -> JoinHandle<()> {
    let host = host.clone();
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 1 << 15];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            host.send(kind, job, &buffer[..length]);
        }
    })
}

fn finish(child: &mut Child, pipes: &[JoinHandle<()>]) -> i32 {
    let status = match child.wait() {
        Ok(status) => status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        Err(_) => 255,
    };
    let end = Instant::now() + GRACE;
    while !pipes.iter().all(JoinHandle::is_finished) && Instant::now() < end {
        thread::sleep(Duration::from_millis(2));
    }
    status
}
