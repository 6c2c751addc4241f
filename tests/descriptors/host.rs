//! A made-up /sys below a root of its own, with the daemon, and whatever makes and removes VFs there in the kernel's
//! place: it acts while the write to `sriov_numvfs` is held up, which is a pipe that is full until then.

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const PFS: [&str; 2] = ["0000:01:00.0", "0000:02:00.0"];

const DEVICES: &str = "sys/bus/pci/devices";
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Host {
    root: TempDir,
    daemon: Child,
}

impl Host {
    pub(crate) fn start(policies: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for pf in PFS {
            make_pf(root.path(), pf);
        }
        // The SR-IOV CNI plugin has been at work here: VFs are locked.
        fs::create_dir_all(root.path().join("var/lib/cni/sriov/pci")).unwrap();
        put(root.path(), "etc/sriov.d/10-test.toml", policies);
        put(
            root.path(),
            "etc/sriovd.toml",
            "[outputs]\npodman = \"always\"\n",
        );
        let log = File::create(root.path().join("log")).unwrap();
        let daemon = Command::new(sriovd_tests::binary("sriovd"))
            .arg("--root")
            .arg(root.path())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { root, daemon }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(crate) fn policy(&self, policies: &str) {
        put(self.root.path(), ".new", policies);
        fs::rename(self.path(".new"), self.path("etc/sriov.d/10-test.toml")).unwrap();
    }

    pub(crate) fn wait(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            let is_late = begun.elapsed() > PATIENCE;
            let ended = self.daemon.try_wait().unwrap();
            assert!(
                !is_late && ended.is_none(),
                "no {what}: {ended:?} {}",
                self.log()
            );
            sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    pub(crate) fn num_vfs(&self) -> [u16; 2] {
        PFS.map(|pf| vfs(&self.path(DEVICES).join(pf)))
    }

    /// Every file that others read, with what it says.
    pub(crate) fn outputs(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        for directory in [
            "etc/cni/net.d",
            "etc/pcidp",
            "etc/containers/networks",
            "var/lib/sriovd/manifests",
            "run/sriovd/managed",
        ] {
            for entry in fs::read_dir(self.path(directory)).into_iter().flatten() {
                let path = entry.unwrap().path();
                files.insert(path.clone(), fs::read_to_string(path).unwrap());
            }
        }
        files
    }

    /// In the configuration of the device plugin.
    pub(crate) fn vfs_in_outputs(&self) -> usize {
        let config = fs::read_to_string(self.path("etc/pcidp/config.json"));
        config.map_or(0, |text| text.matches("\"0000:").count())
    }

    pub(crate) fn is_remembered(&self, pf: &str) -> bool {
        let state = fs::read_to_string(self.path("var/lib/sriovd/state.json")).unwrap();
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        state["pfs"][pf].is_object()
    }

    fn process(&self) -> PathBuf {
        Path::new("/proc").join(self.daemon.id().to_string())
    }

    pub(crate) fn open_files(&self) -> u64 {
        fs::read_dir(self.process().join("fd")).unwrap().count() as u64
    }

    /// In user space and in the kernel.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(self.process().join("stat")).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields = fields.split(' ').skip(11).take(2);
        // In the ticks of times(2), of which Linux has 100 in a second.
        let ticks: u64 = fields.map(|it| it.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    fn limit(&self, new: Option<u64>) -> Rlimit {
        let pid = Pid::from_child(&self.daemon);
        // Asked for by setting what the parent has, which the daemon raised for itself.
        let text = fs::read_to_string(self.process().join("limits")).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap();
        let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
        let (current, maximum) = (numbers.next(), numbers.next());
        if let Some(new) = new {
            let limit = Rlimit {
                current: Some(new),
                maximum,
            };
            prlimit(Some(pid), Resource::Nofile, limit).unwrap();
        }
        Rlimit { current, maximum }
    }

    pub(crate) fn open_files_limit(&self) -> u64 {
        self.limit(None).current.unwrap()
    }

    pub(crate) fn most_open_files(&self) -> u64 {
        self.limit(None).maximum.unwrap()
    }

    pub(crate) fn allow_open_files(&self, count: u64) {
        self.limit(Some(count));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// With a driver that makes VFs and no interface.
fn make_pf(root: &Path, pf: &str) {
    let device = root.join(DEVICES).join(pf);
    for (name, text) in [
        ("class", "0x020000\n"),
        ("vendor", "0x8086\n"),
        ("device", "0x10c9\n"),
        ("sriov_totalvfs", "100\n"),
        ("sriov_drivers_autoprobe", "1\n"),
    ] {
        put(&device, name, text);
    }
    symlink(
        "../../../bus/pci/drivers/pci-pf-stub",
        device.join("driver"),
    )
    .unwrap();
    let gate = Gate::shut(&device).unwrap();
    let root = root.to_owned();
    let pf = pf.to_owned();
    spawn(move || be_the_kernel(&root, &pf, gate));
}

/// Until the host goes.
fn be_the_kernel(root: &Path, pf: &str, mut gate: Gate) -> Option<()> {
    let device = root.join(DEVICES).join(pf);
    loop {
        let mut room = [0; 1024];
        gate.opened.read_events_blocking(&mut room).ok()?;
        // What is going to be written can only be one thing.
        let wanted = wanted(root);
        let to = if vfs(&device) == 0 { wanted } else { 0 };
        for index in 0..100 {
            set_vf(root, pf, index, index < to);
        }
        // The next write may come as soon as this one is through.
        let next = Gate::shut(&device)?;
        assert_eq!(gate.let_through()?, to.to_string());
        gate = next;
    }
}

/// A pipe in the place of `sriov_numvfs`, with no room for a write.
struct Gate {
    pipe: File,
    filled: usize,
    opened: inotify::Inotify,
}

impl Gate {
    fn shut(device: &Path) -> Option<Self> {
        let new = device.join(".sriov_numvfs");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &new,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .ok()?;
        let mut pipe = OpenOptions::new().read(true).write(true).open(&new).ok()?;
        let filled = fill(&mut pipe)?;
        let opened = inotify::Inotify::init().ok()?;
        let mut watches = opened.watches();
        watches.add(&new, inotify::WatchMask::OPEN).ok()?;
        fs::rename(new, device.join("sriov_numvfs")).ok()?;
        Some(Self {
            pipe,
            filled,
            opened,
        })
    }

    /// What is written.
    fn let_through(&mut self) -> Option<String> {
        self.pipe.read_exact(&mut vec![0; self.filled]).ok()?;
        let mut written = [0; 8];
        let length = self.pipe.read(&mut written).ok()?;
        String::from_utf8(written.get(..length)?.to_vec()).ok()
    }
}

/// As many bytes as fit.
fn fill(pipe: &mut File) -> Option<usize> {
    fcntl_setfl(&*pipe, OFlags::NONBLOCK).ok()?;
    let mut filled = 0;
    loop {
        match pipe.write(&[0; 4096]) {
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => return None,
        }
    }
    fcntl_setfl(&*pipe, OFlags::empty()).ok()?;
    Some(filled)
}

fn wanted(root: &Path) -> u16 {
    let policies = fs::read_to_string(root.join("etc/sriov.d/10-test.toml")).unwrap();
    let line = policies
        .lines()
        .find_map(|line| line.strip_prefix("num_vfs = "));
    line.unwrap().parse().unwrap()
}

fn vfs(device: &Path) -> u16 {
    let names = fs::read_dir(device)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let vfs = names.filter(|name| name.to_string_lossy().starts_with("virtfn"));
    u16::try_from(vfs.count()).unwrap()
}

fn set_vf(root: &Path, pf: &str, index: u16, is_there: bool) {
    let (bus, _) = pf.rsplit_once(':').unwrap();
    let vf = format!("{bus}:{:02x}.{}", 1 + index / 8, index % 8);
    let link = root.join(DEVICES).join(pf).join(format!("virtfn{index}"));
    let device = root.join(DEVICES).join(&vf);
    if is_there && !device.exists() {
        put(&device, "class", "0x020000\n");
        put(&device, "vendor", "0x8086\n");
        put(&device, "device", "0x10ca\n");
        put(&device, "driver_override", "(null)\n");
        put(&device, "enable", "0\n");
        symlink("../../../bus/pci/drivers/vfio-pci", device.join("driver")).unwrap();
        symlink(format!("../{pf}"), device.join("physfn")).unwrap();
        symlink(format!("../{vf}"), link).unwrap();
    } else if !is_there && device.exists() {
        fs::remove_file(link).unwrap();
        fs::remove_dir_all(device).unwrap();
    }
}
