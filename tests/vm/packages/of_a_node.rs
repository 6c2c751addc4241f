//! The package of a cluster's node, as its administrator meets it: it waits for a cluster, and no VF is lost on the way.

use super::{INSTALLATION, Packages, assert_silence, listen, tree, use_vfs, vfs};
use crate::host::{Host, PATIENCE};
use crate::lab::Guest;
use anyhow::{Result, ensure};
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

const UNITS: [&str; 2] = ["sriovd-kube", "sriovd-kube-device-plugin"];
const INSTALL: &str = "cd /root && apt install --yes ./target/packages/*.deb";
/// Nobody listens there.
const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "https://127.0.0.1:6443", certificate-authority: /etc/kubernetes/ca.pem}}]
users: [{name: node, user: {token: none}}]
contexts: [{name: node, context: {cluster: none, user: node}}]
current-context: node
"#;

/// What the unit's own processes said.
fn said(host: &Host, unit: &str) -> Result<Vec<String>> {
    let said = host.run(&format!(
        "journalctl --no-pager -o cat _SYSTEMD_UNIT={unit}.service"
    ))?;
    Ok(said.lines().map(str::to_owned).collect())
}

fn pids(host: &Host) -> Result<BTreeSet<String>> {
    let shown = host.run(&format!("systemctl show -P MainPID {}", UNITS.join(" ")))?;
    Ok(shown.split_whitespace().map(str::to_owned).collect())
}

/// A request to the agent, as the user of these units; the status.
fn asks(host: &Host, method: &str, path: &str) -> Result<String> {
    let body = r#"{"version": 1, "policy": [], "network": []}"#;
    host.run(&format!(
        "setpriv --reuid sriovd-kube --regid sriovd-kube --groups sriovd curl -sS -o /dev/null -w '%{{http_code}}' \
         -X {method} -H 'Content-Type: application/json' -d '{body}' \
         --unix-socket /run/sriovd/sriovd.sock http://localhost{path}"
    ))
}

/// Neither enabled nor started by who installs it; then as the manual page has it.
fn start(host: &Host) -> Result<()> {
    for unit in UNITS {
        let state = host.try_run(&format!("systemctl is-enabled {unit}"))?;
        ensure!(state.stdout == "disabled\n", "{unit}: {state:?}");
        ensure!(host.try_run(&format!("systemctl is-active {unit}"))?.status != 0);
    }
    host.run_for(
        "systemctl enable --now sriovd-kube.service sriovd-kube-device-plugin.service",
        PATIENCE,
    )?;
    for unit in UNITS {
        let order = format!(
            "systemctl show -P Before {unit} | grep -w kubelet.service && systemctl show -P After {unit} | grep -w sriovd.service"
        );
        host.run(&order)?;
        let user = host.run(&format!(
            "ps -o user:20= $(systemctl show -P MainPID {unit})"
        ))?;
        ensure!(user.trim() == "sriovd-kube", "{unit}: {user}");
    }
    Ok(())
}

#[test]
fn it_waits_for_a_cluster_and_vfs_stay_while_it_comes_and_goes() -> Result<()> {
    let [first, second] = Packages::two("deb")?;
    let host = Host::from(Guest::resume()?);
    first.put(&host, &["sriovd"])?;
    host.run_for(INSTALL, INSTALLATION)?;
    use_vfs(&host)?;
    let (clean, before) = (tree(&host)?, vfs(&host)?);
    let events = listen(&host)?;

    first.put(&host, &["sriovd-kube"])?;
    host.run_for(INSTALL, INSTALLATION)?;
    start(&host)?;
    // There is no kubeconfig: that is said, once.
    let missing = "no credential yet: cannot read /etc/kubernetes/kubelet.conf";
    host.wait(&format!(
        "journalctl -u sriovd-kube -o cat | grep -F '{missing}'"
    ))?;
    sleep(Duration::from_secs(5));
    let said_first = said(&host, UNITS[0])?;
    ensure!(said_first.len() == 1, "{said_first:#?}");
    // There is one, and nobody who answers.
    let ca = rcgen::generate_simple_self_signed(["cluster".to_owned()])?;
    host.put(ca.cert.pem(), "/etc/kubernetes/ca.pem", 0o644)?;
    host.put(KUBECONFIG, "/etc/kubernetes/kubelet.conf", 0o600)?;
    host.wait("journalctl -u sriovd-kube -o cat | grep -F 'cannot ask the API server'")?;
    sleep(Duration::from_secs(5));
    let said_then = said(&host, UNITS[0])?;
    ensure!(said_then.len() == 2, "{said_then:#?}");
    let said_of_plugin = said(&host, UNITS[1])?;
    ensure!(said_of_plugin.is_empty(), "{said_of_plugin:#?}");

    // As their user, one source may be changed, and nothing else.
    for (method, path, status) in [
        ("PUT", "/v1/sources/kubernetes", "200"),
        ("PUT", "/v1/sources/other", "403"),
        ("DELETE", "/v1/sources/other", "403"),
        ("POST", "/v1/apply", "403"),
        ("POST", "/v1/reload", "403"),
        ("POST", "/v1/pause", "403"),
        ("DELETE", "/v1/sources/kubernetes", "200"),
    ] {
        let answer = asks(&host, method, path)?;
        ensure!(answer == status, "{method} {path}: {answer}");
    }

    let old = pids(&host)?;
    second.put(&host, &["sriovd", "sriovd-kube"])?;
    host.run_for(INSTALL, INSTALLATION)?;
    let both = format!(
        "systemctl is-active {0} && systemctl is-enabled {0}",
        UNITS.join(" ")
    );
    host.wait(&both)?;
    let new = pids(&host)?;
    ensure!(old.is_disjoint(&new), "{old:?} {new:?}");
    ensure!(vfs(&host)? == before, "{}", host.journal()?);

    host.run_for("apt remove --yes sriovd-kube", INSTALLATION)?;
    ensure!(host.try_run(&both)?.status != 0);
    host.run("test -e /etc/default/sriovd-kube")?;
    host.run_for(
        "apt purge --yes sriovd-kube && rm -r /etc/kubernetes",
        INSTALLATION,
    )?;
    host.wait("systemctl is-active sriovd && sriovctl status")?;
    ensure!(vfs(&host)? == before, "{}", host.journal()?);
    assert_silence(&host, events)?;
    let left: Vec<_> = tree(&host)?.difference(&clean).cloned().collect();
    ensure!(left.is_empty(), "{left:#?}");
    Ok(())
}
