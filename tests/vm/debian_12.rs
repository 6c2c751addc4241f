//! What has to work on Debian 12 too: Linux 6.1, systemd 252, and podman 4 with its CNI networks.

use crate::containers::{CONFLIST, Podman, described};
use crate::host::{Host, PATIENCE};
use crate::lab::{Debian, Guest};
use crate::packages;
use anyhow::{Result, ensure};

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
fn the_deb_does_on_debian_12_what_it_does_on_13() -> Result<()> {
    packages::live_with_the_deb(&host()?, |host| {
        // 252 knows no other one that waits, and keeps what it knows of the unit's two.
        assert_eq!(host.run("systemctl show -P Type sriovd")?, "notify\n");
        let unknown = host.run("journalctl -o cat | grep 'sriovd[.].*nknown' || true")?;
        assert_eq!(unknown, "");
        host.run_for("systemctl reload sriovd", PATIENCE)?;
        host.wait_for_journal("reloaded: no policy names a PF of this host")
    })
}
