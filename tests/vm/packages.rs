//! The packages as a user meets them: installed, upgraded, removed, purged. No VF is lost on the way.

mod former;
mod of_a_node;

use crate::document::{self, Block};
use crate::host::{Host, PATIENCE};
use crate::lab::{self, Guest, Job, Nic};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Unpacking is slow under emulation.
const INSTALLATION: Duration = Duration::from_secs(300);
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";
const PF: &str = "0000:01:00.0";

/// The first policy of README.md, as it stands there.
fn first_policy() -> Result<Block> {
    let blocks = document::blocks("README.md");
    let policy = blocks.into_iter().find(|it| it.policy_file().is_some());
    policy.context("README.md has no policy")
}

/// The blocks of commands by which README.md installs.
fn installations() -> Vec<Block> {
    let blocks = document::blocks("README.md").into_iter();
    blocks.filter(|block| block.language == "sh").collect()
}

/// Runs a command of README.md on this machine, with the binaries under test.
fn on_this_machine(command: &str, target: &Path, revision: u32) -> Result<()> {
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(document::root())
        .env("SRIOVD_BINARIES", lab::binaries()?)
        .env("CARGO_TARGET_DIR", target)
        .env("REVISION", revision.to_string())
        // Quick to make here, and to read there.
        .env("DPKG_DEB_COMPRESSOR_TYPE", "zstd")
        .env("DPKG_DEB_COMPRESSOR_LEVEL", "1")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command}: {said}");
    Ok(())
}

/// The packages of one revision, in a directory of their own.
struct Packages(TempDir);

impl Packages {
    fn build(kind: &str, revision: u32) -> Result<Self> {
        let target = tempfile::tempdir()?;
        on_this_machine(&format!("packaging/build {kind}"), target.path(), revision)?;
        Ok(Self(target))
    }

    /// Those of two revisions.
    fn two(kind: &str) -> Result<[Self; 2]> {
        Ok([Self::build(kind, 1)?, Self::build(kind, 2)?])
    }

    /// Puts packages, and no others, where README.md has them.
    fn put(&self, host: &Guest, packages: &[&str]) -> Result<()> {
        let made = self.0.path().join("packages").read_dir()?;
        let made: Vec<_> = made.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
        let is = |file: &&PathBuf, package: &&str| {
            let name = file.file_name().and_then(|name| name.to_str());
            let version = name.and_then(|name| name.strip_prefix(*package));
            version.is_some_and(|it| it.starts_with('_') || it.starts_with("-0"))
        };
        let wanted = made
            .iter()
            .filter(|file| packages.iter().any(|it| is(file, it)));
        put_packages(host, wanted.map(PathBuf::as_path))
    }
}

fn put_packages<'a>(host: &Guest, files: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    host.run("rm -rf /root/target")?;
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str());
        let place = format!("/root/target/packages/{}", name.context("no name")?);
        host.put(std::fs::read(file)?, &place, 0o644)?;
    }
    Ok(())
}

/// Everything that a package could leave, without what the package manager itself keeps.
fn tree(guest: &Guest) -> Result<BTreeSet<String>> {
    let listed = guest.run_for(
        r"find /etc /srv /usr /var /run/cdi /run/sriovd -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/rpm \
            -o -path /var/cache -o -path /var/log -o -path /var/tmp \) -prune -o -print 2>/dev/null || true",
        PATIENCE,
    )?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Settings that lead elsewhere, with the unit's leave to write there, as an administrator makes them.
fn write_elsewhere(host: &Host) -> Result<()> {
    host.run(
        "mkdir /srv/state /srv/manifests /etc/systemd/system/sriovd.service.d
         printf 'state_dir = \"/srv/state\"\n[outputs]\nmanifests_dir = \"/srv/manifests\"\n' > /etc/sriovd.toml
         printf '[Service]\nReadWritePaths=/srv/state /srv/manifests\n' > /etc/systemd/system/sriovd.service.d/elsewhere.conf
         systemctl daemon-reload",
    )?;
    host.run_for("systemctl restart sriovd", PATIENCE).map(drop)
}

fn pid(host: &Host) -> Result<String> {
    host.run("systemctl show --property MainPID --value sriovd")
}

/// What changes when a VF does: devices, interfaces and their settings.
fn vfs(host: &Host) -> Result<String> {
    host.run(&format!(
        "ls -l /sys/bus/pci/devices/{PF}/virtfn* | sed 's/.* //'
         ip -d -o link show enp1s0 | sed 's/state [A-Z]*//'
         ip netns exec blue ip -o link show enp1s0v1
         cat /sys/bus/pci/devices/{PF}/virtfn*/net/*/ifindex"
    ))
}

/// With the README's policy on a NIC that is plugged in, and a VF in a namespace.
fn use_vfs(host: &Host) -> Result<()> {
    let policy = first_policy()?;
    host.policy(policy.policy_file().context("no name")?, &policy.text)?;
    host.plug_and_wait(Nic::igb(0), PF, 7)?;
    host.wait(&format!("test -e {CONFLIST} -a -e /etc/pcidp/config.json"))?;
    host.run("ip netns add blue && ip link set enp1s0v1 netns blue && udevadm settle")?;
    host.assert_second_pass_is_empty()
}

/// The kernel's events of NICs, from here on.
fn listen(host: &Host) -> Result<Job> {
    let mut events =
        host.spawn("exec udevadm monitor --kernel --subsystem-match=net --subsystem-match=pci")?;
    events.wait_for("the kernel uevent", PATIENCE)?;
    Ok(events)
}

/// None was heard but the one that is caused here.
fn assert_silence(host: &Host, mut events: Job) -> Result<()> {
    host.run("ip link add heard type dummy")?;
    let heard = events.wait_for("/net/heard ", PATIENCE)?;
    host.run("ip link delete heard")?;
    let others = heard
        .lines()
        .filter(|line| line.starts_with("KERNEL[") && !line.contains("/heard"));
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "{others:#?}");
    Ok(())
}

/// Another process runs, and found everything as it is wanted.
fn assert_nothing_changed(host: &Host, before: &str, pid_before: &str, events: Job) -> Result<()> {
    host.wait("systemctl is-active sriovd && sriovctl status")?;
    assert_ne!(pid(host)?, pid_before);
    assert_eq!(vfs(host)?, before, "{}", host.journal()?);
    assert_silence(host, events)
}

/// All that a deb does on a host. Once it is installed, `look` sees the host.
pub(super) fn live_with_the_deb(host: &Host, look: impl FnOnce(&Host) -> Result<()>) -> Result<()> {
    let [first, second] = Packages::two("deb")?;
    let clean = tree(host)?;
    first.put(host, &["sriovd"])?;
    let commands = installations().remove(0).text;
    let install = commands
        .lines()
        .find(|line| line.starts_with("apt "))
        .context("no apt")?;
    let install = format!("cd /root && {install}");
    host.run_for(&install, INSTALLATION)?;
    // The distribution's scripts do not wait for services.
    host.wait("systemctl is-active sriovd && systemctl is-enabled sriovd")?;
    assert_eq!(host.status_text()?, "no policy names a PF of this host\n");
    look(host)?;

    write_elsewhere(host)?;
    use_vfs(host)?;
    let settings = host.run("cat /etc/sriovd.toml")?;
    let (before, pid_before) = (vfs(host)?, pid(host)?);
    let events = listen(host)?;
    second.put(host, &["sriovd"])?;
    host.run_for(&install, INSTALLATION)?;
    assert_eq!(host.run("dpkg-query -W -f '${Version}' sriovd")?, "0.1.0-2");
    assert_nothing_changed(host, &before, &pid_before, events)?;
    assert_eq!(host.run("cat /etc/sriovd.toml")?, settings);

    // Back to a version that does not know the state that it finds.
    host.run(
        "systemctl stop sriovd && sed -i 's/\"version\": 1/\"version\": 99/' /srv/state/state.json",
    )?;
    let pid_before = pid(host)?;
    let events = listen(host)?;
    first.put(host, &["sriovd"])?;
    let downgrade = install.replace("apt install", "apt install --yes --allow-downgrades");
    host.run_for(&downgrade, INSTALLATION)?;
    assert_nothing_changed(host, &before, &pid_before, events)?;
    host.wait_for_journal("was written by a newer sriovd (version 99, known is 1)")?;
    host.run("grep -q 99 /srv/state/state.json.version-99")?;
    let explained = host.run("journalctl -x -u sriovd | grep -A 8 'by a newer sriovd'")?;
    assert!(
        explained.contains("The memory of the SR-IOV agent is lost"),
        "{explained}"
    );
    host.assert_second_pass_is_empty()?;

    let said = host.run_for("apt remove --yes sriovd", INSTALLATION)?;
    assert!(
        said.contains("the VFs, and the files that describe them, stay as they are"),
        "{said}"
    );
    assert_eq!(vfs(host)?, before);
    host.run(&format!(
        "test -e {CONFLIST} -a -e /etc/pcidp/config.json -a -e /srv/state/state.json -a -e /srv/manifests/*.json"
    ))?;
    assert_ne!(host.try_run("systemctl is-active sriovd")?.status, 0);

    // What an administrator wrote is the administrator's.
    host.run_for(
        "touch /srv/state/own && apt purge --yes sriovd && ls /etc/sriov.d/20-dataplane.toml && rm /srv/state/own
         rm -r /etc/sriov.d /etc/systemd/system/sriovd.service.d && rmdir /srv/state /srv/manifests",
        INSTALLATION,
    )?;
    assert_eq!(vfs(host)?, before);
    let left: Vec<_> = tree(host)?.difference(&clean).cloned().collect();
    assert!(left.is_empty(), "{left:#?}");
    Ok(())
}

#[test]
fn the_deb_is_installed_upgraded_removed_and_purged_and_no_vf_is_lost() -> Result<()> {
    live_with_the_deb(&Host::from(Guest::resume()?), |_| Ok(()))
}

/// What Fedora and RHEL have, as a package: the other packages by their names, the libraries as the rpm asks for them.
const BASE_SYSTEM: &str = r"
    mkdir /root/base && cd /root/base && {
        printf '%s\n' 'Name: base' 'Version: 1' 'Release: 1' 'Summary: Base' 'License: none' 'BuildArch: noarch' \
            'Provides: systemd, systemd-udev, /bin/sh'
        rpm -qp --requires /root/target/packages/*.rpm | grep -e '^lib.*\.so' -e '^ld-linux' -e '^rtld' | sed 's/^/Provides: /'
        printf '%s\n' '%description' 'What a host has.' '%files'
    } > base.spec
    rpmbuild -bb --quiet --define '_topdir /root/base' --define '_rpmdir /root/base' --define '_rpmfilename base.rpm' base.spec
";

/// As when an image is made: nothing runs in that root.
fn assert_it_goes_into_a_prepared_root(host: &Host) -> Result<()> {
    let root = "/run/prepared/root";
    host.run(&format!(
        "mkdir /run/prepared && mount -t tmpfs tmpfs /run/prepared && cd /run/prepared && mkdir upper work root
         mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
         mount -t proc proc root/proc && mount -t sysfs -o ro sysfs root/sys
         rpm --root {root} --install /root/base/base.rpm"
    ))?;
    let rpm = |command: &str| host.run_for(&format!("rpm --root {root} {command}"), INSTALLATION);
    rpm("--install /root/target/packages/*.rpm")?;
    assert_eq!(rpm("--verify sriovd")?, "");
    host.run(&format!(
        "systemctl --root {root} is-enabled sriovd.service sriovd.socket
         grep -q ^sriovd: {root}/etc/passwd && test -d {root}/etc/cni/net.d -a -d {root}/etc/sriov.d"
    ))?;
    rpm("--erase sriovd")?;
    let left = host.run(&format!(
        "ls -d {root}/usr/sbin/sriovd {root}/usr/share/sriovd {root}/etc/systemd/system/*/sriovd* 2>/dev/null || true"
    ))?;
    assert_eq!(left, "");
    host.run("umount --recursive /run/prepared").map(drop)
}

#[test]
fn the_rpm_is_installed_upgraded_and_removed_and_no_vf_is_lost() -> Result<()> {
    let [first, second] = Packages::two("rpm")?;
    let host = Host::from(Guest::resume()?);
    let rpm = |command: &str| host.run_for(&format!("rpm {command}"), INSTALLATION);
    first.put(&host, &["sriovd"])?;
    host.run_for(BASE_SYSTEM, INSTALLATION)?;
    assert_it_goes_into_a_prepared_root(&host)?;

    rpm("--install /root/base/base.rpm")?;
    rpm("--install /root/target/packages/*.rpm")?;
    // Enabled by its preset, started by whoever installed it.
    assert_eq!(host.run("systemctl is-enabled sriovd")?, "enabled\n");
    assert_ne!(host.try_run("systemctl is-active sriovd")?.status, 0);
    assert_eq!(rpm("--verify sriovd")?, "");

    host.start()?;
    use_vfs(&host)?;
    host.run("echo '# edited' > /etc/sriovd.toml")?;
    let (before, pid_before) = (vfs(&host)?, pid(&host)?);
    let events = listen(&host)?;
    second.put(&host, &["sriovd"])?;
    rpm("--upgrade /root/target/packages/*.rpm")?;
    assert_eq!(host.run("rpm -q --qf '%{release}' sriovd")?, "2");
    assert_nothing_changed(&host, &before, &pid_before, events)?;
    assert_eq!(host.run("cat /etc/sriovd.toml")?, "# edited\n");
    let changed = host.try_run("rpm --verify sriovd")?.stdout;
    assert!(
        changed.ends_with("c /etc/sriovd.toml\n") && changed.lines().count() == 1,
        "{changed}"
    );
    host.assert_second_pass_is_empty()?;

    rpm("--erase sriovd")?;
    assert_eq!(vfs(&host)?, before);
    assert_ne!(host.try_run("systemctl is-active sriovd")?.status, 0);
    let left = host.run("ls /usr/lib/systemd/system/sriovd.service /usr/sbin/sriovd /etc/sriovd.toml* 2>/dev/null || true")?;
    assert_eq!(left, "/etc/sriovd.toml.rpmsave\n");
    host.run(&format!(
        "test -e {CONFLIST} -a -e /var/lib/sriovd/state.json"
    ))?;
    Ok(())
}

/// What `packaging/install` makes of the binaries under test.
pub(super) fn installed_tree() -> Result<TempDir> {
    let tree = tempfile::tempdir()?;
    let into_the_tree = format!("packaging/install {}", tree.path().display());
    on_this_machine(&into_the_tree, tree.path(), 1)?;
    Ok(tree)
}

/// Carries directories of a tree into a guest.
pub(super) fn carry(tree: &TempDir, directories: &[&str], guest: &Guest, to: &str) -> Result<()> {
    let tar = Command::new("tar")
        .args(["--owner=0", "--group=0", "--create", "--directory"])
        .arg(tree.path())
        .args(directories)
        .output()?;
    let unpack = format!("tar --extract --no-overwrite-dir --directory {to}");
    guest.feed(&tar.stdout, &unpack)
}

/// What takes the toolchain is run on this machine, and its result carried into the guest.
#[test]
fn without_a_package_manager_it_is_installed_as_the_readme_says() -> Result<()> {
    let host = Host::from(Guest::resume()?);
    let commands = installations().remove(1).text;
    let (here, there): (Vec<_>, Vec<_>) = commands
        .lines()
        .partition(|line| line.starts_with("cargo ") || line.starts_with("packaging/"));
    assert_eq!(
        here,
        ["cargo build --release --bins", "packaging/install /"]
    );
    carry(&installed_tree()?, &["etc", "usr"], &host, "/")?;
    host.run_for(&there.join(" && "), INSTALLATION)?;
    use_vfs(&host)
}
