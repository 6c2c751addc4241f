//! What the tests of the sources share: a network namespace of their own, and a listener.

use super::Trigger;
use netlink_sys::{Socket, SocketAddr};
use std::convert::Infallible;
use std::future::Future;
use std::process::Command;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Runs the body in a private network namespace: the test starts itself again under `unshare`.
pub(super) fn in_private_network(module: &str, test: &str, body: impl Future<Output = ()>) {
    const INSIDE: &str = "SRIOVD_TEST_IN_PRIVATE_NETWORK";
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(body);
    }
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.arg("--net");
        if !rustix::process::geteuid().is_root() {
            unshare.arg("--map-root-user");
        }
        unshare
    };
    let possible = unshare().arg("true").output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespaces here");
        return;
    }
    let (_, path) = module.split_once("::").unwrap();
    let output = unshare()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{path}::{test}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    assert!(said.contains("1 passed"), "{said}");
}

/// As the kernel itself sends it; it adds a sequence number.
pub(super) fn uevent(kernel: &Socket, action: &str, devpath: &str, subsystem: &str) {
    let text =
        format!("{action}@{devpath}\0ACTION={action}\0DEVPATH={devpath}\0SUBSYSTEM={subsystem}\0");
    let length = u32::try_from(16 + text.len()).unwrap();
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(0x10_u16.to_ne_bytes());
    message.extend(1_u16.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(text.bytes());
    kernel.send_to(&message, &SocketAddr::new(0, 0), 0).unwrap();
}

/// Runs a source beside a test that hears its triggers.
pub(super) async fn hearing<S, T>(
    source: impl FnOnce(Sender<Trigger>) -> S,
    test: impl AsyncFnOnce(Ear) -> T,
) -> T
where
    S: Future<Output = anyhow::Result<Infallible>>,
{
    let (sender, receiver) = channel(16);
    tokio::select! {
        Err(error) = source(sender) => panic!("the source ended: {error:#}"),
        done = test(Ear(receiver)) => done,
    }
}

pub(super) struct Ear(Receiver<Trigger>);

impl Ear {
    pub(super) async fn next(&mut self) -> Trigger {
        tokio::time::timeout(Duration::from_secs(30), self.0.recv())
            .await
            .expect("a trigger within 30 s")
            .expect("the source to live")
    }

    /// Everything up to the first trigger that is `last`, which is left out.
    pub(super) async fn until(&mut self, last: impl Fn(&Trigger) -> bool) -> Vec<Trigger> {
        let mut heard = Vec::new();
        loop {
            match self.next().await {
                trigger if last(&trigger) => return heard,
                trigger => heard.push(trigger),
            }
        }
    }
}
