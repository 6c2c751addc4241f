//! Puts sriovd into a guest, as its package would.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use super::guest::Guest;
use super::machine::Hotplug;
use super::snapshot;

/// Files for a guest's root, and a script to run once they are there.
pub struct Files {
    staging: TempDir,
    paths: Vec<PathBuf>,
    /// Runs in the guest's root at power-on, before systemd.
    prepare: String,
}

impl Files {
    pub fn new() -> Result<Self> {
        Ok(Self {
            staging: tempfile::Builder::new().prefix("sriovd-vm-").tempdir()?,
            paths: Vec::new(),
            prepare: "#!/bin/sh\nset -e\n".to_owned(),
        })
    }

    /// Binaries, units and the like, with the service enabled.
    pub fn sriovd() -> Result<Self> {
        let mut files = Self::new()?;
        files.binary("sriovd", "/usr/sbin/sriovd")?;
        files.binary("sriovctl", "/usr/bin/sriovctl")?;
        files.binary("sriovd-vf-operator", "/usr/sbin/sriovd-vf-operator")?;
        let units = sriovd_tests::root().join("systemd");
        if units.exists() {
            for entry in fs::read_dir(&units)? {
                let path = entry?.path();
                if is_of_kube(&path) {
                    continue;
                }
                if let Some(place) = place(&path)? {
                    files.copy(&path, &place, 0o644)?;
                }
            }
        }
        files.prepare("systemd-sysusers; journalctl --update-catalog");
        files.prepare(
            "! [ -e /usr/lib/systemd/system/sriovd.service ] || systemctl enable sriovd.service",
        );
        Ok(files)
    }

    /// And the container plugins, where their callers look for them.
    pub fn with_plugins(mut self) -> Result<Self> {
        self.binary("sriovd-cni", "/usr/lib/cni/sriovd-cni")?;
        self.binary("sriovd-netavark", "/usr/libexec/netavark/sriov")?;
        Ok(self)
    }

    pub fn add(&mut self, bytes: impl AsRef<[u8]>, path: &str, mode: u32) -> Result<()> {
        let relative = path.strip_prefix('/').context("not an absolute path")?;
        let file = self.staging.path().join(relative);
        fs::create_dir_all(file.parent().context("no parent")?)?;
        fs::write(&file, bytes)?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
        self.paths.push(PathBuf::from(relative));
        Ok(())
    }

    /// One more command of the script.
    pub fn prepare(&mut self, command: &str) {
        self.prepare += command;
        self.prepare += "\n";
    }

    /// Without its debug information, which is most of it, slow to move and of no use in a guest.
    fn binary(&mut self, name: &str, to: &str) -> Result<()> {
        let binary = binaries()?.join(name);
        let stripped = NamedTempFile::new()?;
        let status = Command::new("strip")
            .args(["--strip-debug", "-o"])
            .args([stripped.path(), &binary])
            .status()
            .context("cannot run strip")?;
        ensure!(status.success(), "strip {}: {status}", binary.display());
        self.copy(stripped.path(), to, 0o755)
    }

    /// Changes with the content.
    fn digest(&self) -> Result<String> {
        let mut digest = Sha256::new();
        for path in &self.paths {
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update(fs::read(self.staging.path().join(path))?);
        }
        Ok(format!("{:.8x}", digest.finalize()))
    }

    fn copy(&mut self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let bytes = fs::read(from).with_context(|| from.display().to_string())?;
        self.add(bytes, to, mode)
    }

    /// All of it for a guest at power-on. No directories: those of the guest keep their modes.
    pub fn tar(&self) -> Result<NamedTempFile> {
        let prepare = self.staging.path().join("prepare");
        fs::write(&prepare, &self.prepare)?;
        fs::set_permissions(&prepare, Permissions::from_mode(0o755))?;
        self.pack([Path::new("prepare")])
    }

    fn pack<'a>(&'a self, more: impl IntoIterator<Item = &'a Path>) -> Result<NamedTempFile> {
        let tar = NamedTempFile::new()?;
        let status = Command::new("tar")
            .args([
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "--create",
                "--file",
            ])
            .arg(tar.path())
            .arg("--directory")
            .arg(self.staging.path())
            .args(&self.paths)
            .args(more)
            .status()
            .context("cannot run tar")?;
        ensure!(status.success(), "tar: {status}");
        Ok(tar)
    }
}

impl Guest {
    /// A pristine guest, booted a while ago, without any NIC, with sriovd installed.
    pub fn with_sriovd(hotplug: Hotplug) -> Result<Self> {
        let (files, digest) = sriovd()?;
        snapshot::resume_after(hotplug, digest, |guest| guest.install(files))
    }

    /// The same, and it runs, without a policy.
    pub fn with_sriovd_running(hotplug: Hotplug) -> Result<Self> {
        let (files, digest) = sriovd()?;
        snapshot::resume_after(hotplug, &format!("{digest}-running"), |guest| {
            guest.install(files)?;
            guest.run("systemctl start sriovd").map(drop)
        })
    }

    pub fn install_sriovd(&self) -> Result<()> {
        self.install(&Files::sriovd()?)
    }

    /// Files and user in place, units known to systemd. Nothing is started or enabled.
    fn install(&self, sriovd: &Files) -> Result<()> {
        let tar = fs::read(sriovd.pack([])?.path())?;
        self.feed(
            &tar,
            "tar --extract --directory / && systemd-sysusers && \
             if [ -e /usr/lib/tmpfiles.d/sriovd.conf ]; then systemd-tmpfiles --create sriovd.conf; fi && \
             journalctl --update-catalog && udevadm control --reload && systemctl daemon-reload",
        )
        .context("cannot install sriovd")
    }

    /// The program of a node of a cluster, its units and user. Nothing is started or enabled.
    pub fn install_kube(&self) -> Result<()> {
        let mut files = Files::new()?;
        files.binary("sriovd-kube", "/usr/bin/sriovd-kube")?;
        for entry in fs::read_dir(sriovd_tests::root().join("systemd"))? {
            let path = entry?.path();
            if is_of_kube(&path) {
                files.copy(&path, &place(&path)?.context("no place")?, 0o644)?;
            }
        }
        let tar = fs::read(files.pack([])?.path())?;
        self.feed(
            &tar,
            "tar --extract --directory / && systemd-sysusers && systemd-tmpfiles --create sriovd-kube.conf && \
             systemctl daemon-reload",
        )
        .context("cannot install sriovd-kube")
    }

    pub fn install_plugins(&self) -> Result<()> {
        let tar = fs::read(Files::new()?.with_plugins()?.pack([])?.path())?;
        self.feed(&tar, "tar --extract --directory /")
            .context("cannot install the container plugins")
    }

    /// Simulated netdevs with that many VFs on one PF, whose name is returned. They have every VF attribute, but no PCI
    /// devices.
    pub fn load_netdevsim(&self, vfs: u32) -> Result<String> {
        let script = format!(
            "set -e; modprobe netdevsim
             mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
             echo '1 1' > /sys/bus/netdevsim/new_device
             echo {vfs} > /sys/kernel/debug/netdevsim/netdevsim1/max_vfs
             echo {vfs} > /sys/bus/netdevsim/devices/netdevsim1/sriov_numvfs
             udevadm settle
             ls /sys/bus/netdevsim/devices/netdevsim1/net"
        );
        Ok(self.run(&script)?.trim().to_owned())
    }
}

/// Today's files, and what tells them from other days'.
fn sriovd() -> Result<&'static (Files, String)> {
    static SRIOVD: OnceLock<Result<(Files, String), String>> = OnceLock::new();
    let sriovd = SRIOVD.get_or_init(|| {
        let packed = Files::sriovd().and_then(|files| {
            let digest = files.digest()?;
            Ok((files, digest))
        });
        packed.map_err(|error| format!("{error:#}"))
    });
    sriovd.as_ref().map_err(|error| anyhow!("{error}"))
}

/// Whether a file of `systemd/` is in the package sriovd-kube.
fn is_of_kube(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("sriovd-kube"))
}

/// Where the package puts a file of `systemd/`.
fn place(file: &Path) -> Result<Option<String>> {
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .context("file name")?;
    let extension = file.extension().and_then(|extension| extension.to_str());
    Ok(Some(match (name, extension) {
        ("sriovd.sysusers.conf", _) => "/usr/lib/sysusers.d/sriovd.conf".to_owned(),
        ("sriovd.tmpfiles.conf", _) => "/usr/lib/tmpfiles.d/sriovd.conf".to_owned(),
        ("sriovd-kube.sysusers.conf", _) => "/usr/lib/sysusers.d/sriovd-kube.conf".to_owned(),
        ("sriovd-kube.tmpfiles.conf", _) => "/usr/lib/tmpfiles.d/sriovd-kube.conf".to_owned(),
        (_, Some("service" | "socket" | "target" | "path" | "timer")) => {
            format!("/usr/lib/systemd/system/{name}")
        }
        (_, Some("catalog")) => format!("/usr/lib/systemd/catalog/{name}"),
        (_, Some("network")) => format!("/usr/lib/systemd/network/{name}"),
        (_, Some("rules")) => format!("/usr/lib/udev/rules.d/{name}"),
        (_, Some("md")) => return Ok(None),
        _ => {
            bail!("systemd/{name}: the lab does not know where that goes (tests/vm/lab/install.rs)")
        }
    }))
}

/// Where the binaries are: as `SRIOVD_BINARIES` says, or as they are built for tests.
pub fn binaries() -> Result<PathBuf> {
    Ok(sriovd_tests::binaries().to_owned())
}
