//! Datagrams as systemd gets them. The socket is named by the environment, so the test runs itself again.

use super::super::readiness::Readiness;
use super::*;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

const TEST: &str = "daemon::notify::tests::every_word_is_one_datagram";

#[test]
fn every_word_is_one_datagram() {
    if std::env::var_os("SRIOVD_TEST_INSIDE").is_some() {
        let day = Duration::from_secs(86_400);
        drop(Readiness::new(day));
        ready("3 PFs,\n24 VFs ready");
        status("1 PF");
        reloading().unwrap();
        alive();
        stopping();
        flush(Duration::from_secs(30));
        assert_eq!(watchdog_interval(), Some(Duration::from_secs(30)));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST])
        .env("SRIOVD_TEST_INSIDE", "1")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "60000000")
        .env_remove("WATCHDOG_PID")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");

    let mut buffer = [0; 512];
    let mut next = || {
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    // A day, and what being late may take.
    assert_eq!(next(), "EXTEND_TIMEOUT_USEC=86430000000\n");
    assert_eq!(next(), "READY=1\nSTATUS=3 PFs, 24 VFs ready\n");
    assert_eq!(next(), "STATUS=1 PF\n");
    let reload = next();
    let usec = reload.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(usec.trim_end().parse::<u64>().unwrap() > 0, "{reload}");
    assert_eq!(next(), "WATCHDOG=1\n");
    assert_eq!(next(), "STOPPING=1\n");
}
