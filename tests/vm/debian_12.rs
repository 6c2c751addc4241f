//! What has to work on Debian 12 too: Linux 6.1, systemd 252, and podman 4 with its CNI networks.

use crate::containers::{CONFLIST, Podman, described};
use crate::document;
use crate::host::{Host, PATIENCE};
use crate::lab::{self, Debian, Guest, Nic};
use anyhow::{Context, Result, ensure};
use std::process::Command;

fn host() -> Result<Host> {
    Guest::resume_debian(Debian::Bookworm).map(Host::from)
}

/// With podman, the agent and its plugins, and a network.
fn podman() -> Result<Podman> {
    let host = host()?;
    host.install_sriovd()?;
    host.install_plugins()?;
    host.policy("10-test.toml", &described())?;
    host.start()?;
    Podman::on(host)
}

#[test]
fn podman_4_of_debian_12_gives_each_container_a_vf_of_a_cni_network() -> Result<()> {
    let podman = podman()?;
    let host = &podman.host;
    host.wait(&format!("test -e {CONFLIST}"))?;
    let plugin = host.json(CONFLIST)?["plugins"][0].clone();
    assert_eq!(
        [&plugin["type"], &plugin["pool"]],
        ["sriovd-cni", "intelnics"]
    );
    let version = podman.podman("--version")?;
    ensure!(version.contains("version 4."), "{version}");

    podman.share_a_pool_of_three()?;
    // Nobody but the IPAM plugin of a CNI network writes there.
    let addresses = "ls /var/lib/cni/networks/f1-u | grep -c '^10[.]' || true";
    assert_eq!(host.run(addresses)?, "3\n");
    podman.end_each_in_its_own_way()?;
    assert_eq!(host.run(addresses)?, "0\n");

    podman.join_a_second_network()?;
    podman.assert_as_before()?;
    host.assert_second_pass_is_empty()
}

#[test]
fn containers_of_debian_12_outlive_neither_their_nic_nor_a_power_cut() -> Result<()> {
    let podman = podman()?;
    podman.lose_the_nic()?;
    let podman = podman.lose_the_power(Debian::Bookworm)?;
    podman.host.assert_second_pass_is_empty()
}

#[test]
fn the_deb_works_on_a_debian_12_from_the_first_policy_on() -> Result<()> {
    let target = tempfile::tempdir()?;
    let built = Command::new("packaging/build")
        .arg("deb")
        .current_dir(document::root())
        .env("SRIOVD_BINARIES", lab::binaries()?)
        .env("CARGO_TARGET_DIR", target.path())
        .output()?;
    let said = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success(), "packaging/build deb: {said}");
    let mut packages = target.path().join("packages").read_dir()?;
    let deb = packages.next().context("no package")??.path();

    let host = host()?;
    host.put(std::fs::read(deb)?, "/root/sriovd.deb", 0o644)?;
    host.run_for("apt install --yes /root/sriovd.deb", PATIENCE)?;
    // The distribution's scripts do not wait for services.
    host.wait("systemctl is-active sriovd && systemctl is-enabled sriovd")?;
    assert_eq!(host.status_text()?, "no policy names a PF of this host\n");
    // 252 knows no other one that waits, and keeps what it knows of the unit's two.
    assert_eq!(host.run("systemctl show -P Type sriovd")?, "notify\n");
    let unknown = host.run("journalctl -o cat | grep 'sriovd[.].*nknown' || true")?;
    assert_eq!(unknown, "");

    let blocks = document::blocks("README.md");
    let policy = blocks.iter().find(|block| block.policy_file().is_some());
    let policy = policy.context("README.md has no policy")?;
    let file = policy.policy_file().context("no name")?;
    host.policy(file, &policy.text)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;
    host.wait(&format!("test -e {CONFLIST} -a -e /etc/pcidp/config.json"))?;
    let status = host.run("systemctl status --no-pager sriovd")?;
    ensure!(status.contains("Status: \"1 PF, 7 VFs ready\""), "{status}");

    // A reload, and another process, find everything as it is wanted.
    let before = [
        host.vf_interfaces(&nic.pci())?,
        host.run("cat /sys/kernel/uevent_seqnum")?,
    ];
    host.run_for(
        "systemctl reload sriovd && systemctl restart sriovd",
        PATIENCE,
    )?;
    host.wait_for(&nic.pci(), "ready", 7)?;
    let after = [
        host.vf_interfaces(&nic.pci())?,
        host.run("cat /sys/kernel/uevent_seqnum")?,
    ];
    assert_eq!(after, before);
    host.assert_second_pass_is_empty()
}
