//! From the package of a former version to this one, and back, on a host whose VFs are in use: none of them changes, and
//! the settings, policies and what was posted hold in both.

use super::{
    INSTALLATION, Packages, assert_nothing_changed, installations, listen, pid, put_packages,
    use_vfs, vfs,
};
use crate::host::{Host, PATIENCE};
use crate::lab::{Guest, Nic};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One program served all APIs, and no source was known.
const FORMER: &str = "bf327e2e08fb02ae943851eed26e87497c05357c";
const OTHER_PF: &str = "0000:02:00.0";
const POSTED: &str = "/var/lib/sriovd/vf-operator.d";
const SETTINGS: &str = "[vf_operator]\nenabled = true\n";
/// As the former unit's comment said: it serves no TCP without.
const UNIT: &str = "\
[Service]
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressAllow=localhost
";

fn former() -> Result<PathBuf> {
    let script = sriovd_tests::root().join("tests/vm/former");
    let output = Command::new(script)
        .arg(FORMER)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "no package of {FORMER}");
    Ok(String::from_utf8(output.stdout)?.trim_end().into())
}

/// What somebody posted through vf-operator's API, and what became of it.
fn posted(host: &Host) -> Result<Value> {
    let url = "http://localhost:15001/api/v1";
    host.wait(&format!("curl -sS --fail {url}/config/resources"))?;
    let resources = host.run(&format!("curl -sS --fail {url}/resources"))?;
    Ok(serde_json::from_str(&resources)?)
}

fn other_vfs(host: &Host) -> Result<String> {
    host.run(&format!(
        "ls -l /sys/bus/pci/devices/{OTHER_PF}/virtfn* | sed 's/.* //'
         cat /sys/bus/pci/devices/{OTHER_PF}/virtfn*/net/*/ifindex"
    ))
}

#[test]
fn from_the_package_of_a_former_version_and_back_no_vf_changes_and_what_was_posted_holds()
-> Result<()> {
    let new = Packages::build("deb", 2)?;
    let host = Host::from(Guest::resume()?);
    let commands = installations().remove(0).text;
    let mut commands = commands.lines();
    let install = commands.find(|line| line.starts_with("apt "));
    // The settings that are shipped are others now: the administrator's stay, which is what dpkg suggests.
    let keep = "apt --option Dpkg::Options::=--force-confold ";
    let install = install.context("no apt")?.replacen("apt ", keep, 1);
    let install = format!("cd /root && {install}");
    put_packages(&host, [former()?.as_path()])?;
    host.run_for(&install, INSTALLATION)?;
    host.run("! test -e /usr/sbin/sriovd-vf-operator")?;
    host.put(SETTINGS, "/etc/sriovd.toml", 0o644)?;
    host.put(UNIT, "/etc/systemd/system/sriovd.service.d/tcp.conf", 0o644)?;
    host.run_for(
        "systemctl daemon-reload && systemctl restart sriovd",
        PATIENCE,
    )?;
    use_vfs(&host)?;
    host.plug_and_wait_until_unmanaged(Nic::igb(1), OTHER_PF)?;
    let body = json!({"name": "other", "numVfs": 2, "nicSelector": {"pfNames": ["enp2s0"]}});
    host.put(body.to_string(), "/tmp/body", 0o644)?;
    host.run_for(
        "curl -sS --fail -H 'Content-Type: application/json' -d @/tmp/body \
         http://localhost:15001/api/v1/config/resources && udevadm settle",
        PATIENCE,
    )?;
    host.wait_for(OTHER_PF, "ready", 2)?;
    host.assert_second_pass_is_empty()?;

    let (before, other, was_posted) = (vfs(&host)?, other_vfs(&host)?, posted(&host)?);
    let pid_before = pid(&host)?;
    let events = listen(&host)?;
    new.put(&host, &["sriovd"])?;
    host.run_for(&install, INSTALLATION)?;
    assert_nothing_changed(&host, &before, &pid_before, events)?;
    assert_eq!(other_vfs(&host)?, other);
    assert_eq!(posted(&host)?, was_posted);
    assert_eq!(host.run("cat /etc/sriovd.toml")?, SETTINGS);
    host.run(
        "systemctl is-active sriovd-vf-operator
         sriovctl sources show vf-operator | grep 'policy *other *in force'",
    )?;
    host.wait_for(OTHER_PF, "ready", 2)?;
    host.assert_second_pass_is_empty()?;

    // The former version reads files, and these are still there.
    host.run_for(
        &format!(
            "systemctl stop sriovd && cd {POSTED} && for file in *.taken-over; do mv $file ${{file%.taken-over}}; done"
        ),
        PATIENCE,
    )?;
    let pid_before = pid(&host)?;
    let events = listen(&host)?;
    put_packages(&host, [former()?.as_path()])?;
    let downgrade = install.replace(" install ", " install --yes --allow-downgrades ");
    host.run_for(&downgrade, INSTALLATION)?;
    host.run("! test -e /usr/sbin/sriovd-vf-operator")?;
    assert_nothing_changed(&host, &before, &pid_before, events)?;
    assert_eq!(other_vfs(&host)?, other);
    assert_eq!(posted(&host)?, was_posted);
    host.assert_second_pass_is_empty()
}
