//! What the daemon takes to start, and what it keeps, on a host of up to 64 PFs with 16,384 VFs: the program itself, before
//! a made-up sysfs, in which everything is as wanted.
//!
//! `cargo bench --bench daemon` prints the figures. It wants root, as the daemon does, and a quiet machine.
#![allow(clippy::expect_used, reason = "nothing to measure without it")]

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const STARTS: usize = 9;
const PATIENCE: Duration = Duration::from_secs(60);

/// PFs without a netdev of their own, as netlink knows none of them, and VFs for user space.
const POLICY: &str = r#"
[[policy]]
name = "many"
resource = "many"
num_vfs = "max"
device_type = "vfio-pci"
match.vendor = "8086"

[[network]]
name = "many"
resource = "many"
"#;

fn main() {
    for (pfs, vfs) in [(1, 8), (8, 64), (64, 64), (64, 256)] {
        let host = Host::new(pfs, vfs).expect("there is room for a made-up sysfs");
        host.start().stop();
        let mut times: Vec<Duration> = (0..STARTS).map(|_| host.start().stop().took).collect();
        times.sort();
        let daemon = host.start();
        host.wait_for_outputs(usize::from(pfs) * usize::from(vfs));
        let kept = daemon.resident();
        daemon.stop();
        let (median, most) = (times[STARTS / 2], times[STARTS - 1]);
        println!(
            "{pfs} PFs with {vfs} VFs each: ready after {median:.1?} (at most {most:.1?}), resident {:.1} MiB",
            kept as f64 / 1024.0
        );
    }
}

/// As its unit gives it.
fn environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let unit = include_str!("../systemd/sriovd.service").lines();
    unit.filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
}

/// A root directory.
struct Host(TempDir);

impl Host {
    fn new(pfs: u16, vfs: u16) -> io::Result<Self> {
        let host = Self(TempDir::new()?);
        host.file("etc/sriov.d/10-many.toml", POLICY)?;
        host.file("sys/bus/pci/drivers/vfio-pci/unbind", "")?;
        for pf in 0..pfs {
            let address = address(pf, 0);
            host.function(&address, "0x1592")?;
            for (name, text) in [
                ("sriov_totalvfs", vfs),
                ("sriov_numvfs", vfs),
                ("sriov_drivers_autoprobe", 0),
            ] {
                host.file(
                    &format!("{}/{name}", device(&address)),
                    &format!("{text}\n"),
                )?;
            }
            for vf in 0..vfs {
                let of_vf = self::address(pf, 0x80 + vf);
                host.function(&of_vf, "0x1889")?;
                host.link(
                    &format!("{}/physfn", device(&of_vf)),
                    &format!("../{address}"),
                )?;
                let group = format!("kernel/iommu_groups/{}", pf * vfs + vf);
                host.link(
                    &format!("{}/iommu_group", device(&of_vf)),
                    &format!("../../../../{group}"),
                )?;
                host.link(
                    &format!("{}/virtfn{vf}", device(&address)),
                    &format!("../{of_vf}"),
                )?;
            }
        }
        Ok(host)
    }

    fn function(&self, address: &str, id: &str) -> io::Result<()> {
        let at = device(address);
        for (name, text) in [
            ("class", "0x020000"),
            ("vendor", "0x8086"),
            ("device", id),
            ("numa_node", "0"),
            ("driver_override", "vfio-pci"),
        ] {
            self.file(&format!("{at}/{name}"), &format!("{text}\n"))?;
        }
        self.link(&format!("{at}/driver"), "../../drivers/vfio-pci")
    }

    fn path(&self, path: &str) -> io::Result<PathBuf> {
        let path = self.0.path().join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        Ok(path)
    }

    fn file(&self, path: &str, text: &str) -> io::Result<()> {
        fs::write(self.path(path)?, text)
    }

    fn link(&self, path: &str, target: &str) -> io::Result<()> {
        symlink(target, self.path(path)?)
    }

    /// Returns when the daemon says that it is ready.
    fn start(&self) -> Daemon {
        let notified = self.0.path().join("notify");
        let _ = fs::remove_file(&notified);
        let socket = UnixDatagram::bind(&notified).expect("systemd's place is free");
        let timeout = socket.set_read_timeout(Some(PATIENCE));
        timeout.expect("a minute is a time");
        let since = Instant::now();
        let child = Command::new(sriovd_tests::binary("sriovd"))
            .arg("--root")
            .arg(self.0.path())
            .env("NOTIFY_SOCKET", &notified)
            .envs(environment())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("sriovd was built");
        let mut text = [0; 4096];
        loop {
            let length = socket.recv(&mut text).expect("sriovd becomes ready");
            let told = String::from_utf8_lossy(&text[..length]);
            if told.lines().any(|line| line == "READY=1") {
                break;
            }
        }
        let took = since.elapsed();
        Daemon { child, took }
    }

    /// All that is kept is there then. What rendered the files is let go a moment after they are written.
    fn wait_for_outputs(&self, vfs: usize) {
        let until = Instant::now() + PATIENCE;
        let count = |path: &str, what: &str| {
            let text = fs::read_to_string(self.0.path().join(path)).unwrap_or_default();
            text.matches(what).count()
        };
        while count("etc/pcidp/config.json", ".") <= vfs
            || count("run/sriovd/state.json", "\"vfID\"") < vfs
        {
            assert!(Instant::now() < until, "the outputs do not come");
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

struct Daemon {
    child: Child,
    took: Duration,
}

impl Daemon {
    /// KiB.
    fn resident(&self) -> usize {
        let status = Path::new("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(status.join("status")).expect("sriovd runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        size.expect("the kernel tells its size")
    }

    fn stop(mut self) -> Self {
        let killed = self.child.kill();
        killed.and_then(|()| self.child.wait()).expect("it ends");
        self
    }
}

/// A function so far behind the PF, on a bus of its domain.
fn address(pf: u16, behind: u16) -> String {
    let [bus, function] = (0x100 + behind).to_be_bytes();
    format!("{pf:04x}:{bus:02x}:{:02x}.{}", function >> 3, function & 7)
}

fn device(address: &str) -> String {
    format!("sys/bus/pci/devices/{address}")
}
