//! People at the command line and programs at the API: who may what, and what they see of it.

use crate::host::{Host, PATIENCE};
use crate::lab::{Job, Nic};
use anyhow::{Context, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::time::Duration;

const PF: &str = "0000:01:00.0";

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 4
trust = true
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
"#;

/// As the comment in the unit says.
const UNIT: &str = "\
[Service]
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressAllow=localhost
";

const CERTIFICATES: &str = "/etc/sriovd/tls";
const TLS: &str = r#"
tls_certificate = "/etc/sriovd/tls/localhost.pem"
tls_key = "/etc/sriovd/tls/localhost.key"
tls_client_ca = "/etc/sriovd/tls/ca.pem"
tls_admins = ["admin"]
"#;

/// A CA, and what it signed: for this host, for one who reads and for one who changes.
fn put_certificates(host: &Host) -> Result<()> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Who has the name of who signed counts as having signed for itself.
    ca.distinguished_name.push(DnType::CommonName, "CA");
    let certificate = ca.self_signed(&ca_key)?;
    host.put(certificate.pem(), &format!("{CERTIFICATES}/ca.pem"), 0o644)?;
    let issuer = Issuer::new(ca, ca_key);
    for name in ["localhost", "reader", "admin"] {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?;
        let certificate = certificate.signed_by(&key, &issuer)?;
        host.put(
            certificate.pem(),
            &format!("{CERTIFICATES}/{name}.pem"),
            0o644,
        )?;
        host.put(
            key.serialize_pem(),
            &format!("{CERTIFICATES}/{name}.key"),
            0o600,
        )?;
    }
    Ok(())
}

#[test]
fn a_pause_holds_changes_over_a_restart_and_ends_by_itself() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let mut monitor = host.spawn("exec sriovctl monitor --json")?;
    let begun = |monitor: &mut Job| -> Result<String> {
        host.run("sriovctl reload")?;
        monitor.wait_for("\"event\":\"policies_loaded\"", Duration::from_secs(2))
    };
    (0..20)
        .find_map(|_| begun(&mut monitor).ok())
        .context("the monitor shows nothing")?;
    let nic = host.plug_and_wait(Nic::igb(0), PF, 4)?;
    // Plans, steps and files were told as they happened.
    let told = monitor.wait_for("\"event\":\"output_written\"", PATIENCE)?;
    for event in [
        "trigger",
        "pass_begun",
        "plan",
        "progress",
        "step_done",
        "pass_done",
        "pf_appeared",
    ] {
        assert!(
            told.contains(&format!("\"event\":\"{event}\"")),
            "{event}\n{told}"
        );
    }
    for line in told.lines().filter(|line| line.ends_with('}')) {
        serde_json::from_str::<Value>(line)?;
    }

    // A long pause over a restart: what the host is made of by hand stays so.
    host.run("sriovctl pause enp1s0 --for 1h")?;
    monitor.wait_for("\"event\":\"paused\"", PATIENCE)?;
    monitor.kill();
    host.wait_for(PF, "paused", 4)?;
    host.run("ip link set enp1s0 vf 1 trust off")?;
    host.wait("sriovctl status enp1s0 | grep -q '1 step waits'")?;
    host.wait_for_status_text("enp1s0 paused: by user 0 until 20")?;
    let mut watch = host.spawn("exec sriovctl status --watch 2>&1")?;
    watch.wait_for("1 step waits", PATIENCE)?;
    host.run_for("systemctl restart sriovd", PATIENCE)?;
    host.wait("sriovctl status enp1s0 | grep -q '1 step waits'")?;
    watch.wait_for("waiting for it to come back", PATIENCE)?;
    assert_eq!(host.vf("enp1s0", 1)?["trust"], json!(false));
    let plan = host.try_run("sriovctl apply enp1s0 --dry-run")?;
    assert_eq!(plan.status, 3, "{plan}");
    assert!(plan.stdout.contains("+ VF 1 trust on"), "{plan}");

    // Somebody who names the PF means it, and the pause goes on.
    let applied = host.run("sriovctl apply enp1s0; sriovctl status enp1s0 --json || true")?;
    assert_eq!(host.vf("enp1s0", 1)?["trust"], json!(true), "{applied}");
    host.wait_for(PF, "paused", 4)?;
    // Whoever waits sees how far it is.
    let numvfs = "/sys/class/net/enp1s0/device/sriov_numvfs";
    let shown = format!("echo 0 > {numvfs}; sriovctl apply --wait enp1s0 2>&1; cat {numvfs}");
    let shown = host.run_for(&shown, PATIENCE)?;
    assert!(shown.contains("enp1s0: VFs made "), "{shown}");
    assert!(shown.ends_with("\n4\n"), "{shown}");
    host.wait_for(PF, "paused", 4)?;
    host.run("ip link set enp1s0 vf 1 trust off")?;
    host.wait("sriovctl status enp1s0 | grep -q '1 step waits'")?;
    let resumed = host.run("sriovctl resume")?;
    assert_eq!(resumed, "Nothing is paused.\n");
    // Who watched before the restart sees it, and saw nothing vanish.
    let watched = watch.wait_for("4/4/7 VFs, ready", PATIENCE)?;
    ensure!(!watched.contains("is gone"), "{watched}");
    watch.kill();
    host.wait_for_vf("enp1s0", 1, ".trust == true")?;

    // A short one ends without anybody.
    let paused = host.run("sriovctl pause all --for 4s")?;
    assert!(
        paused.starts_with("All PFs are paused by user 0 until 20"),
        "{paused}"
    );
    host.run("ip link set enp1s0 vf 2 trust off")?;
    host.wait_for_vf("enp1s0", 2, ".trust == true")?;
    host.wait_for(PF, "ready", 4)?;
    assert_eq!(host.num_vfs(&nic)?, 4);
    host.assert_second_pass_is_empty()
}

#[test]
fn reading_is_for_the_group_and_changing_for_admins() -> Result<()> {
    let host = Host::installed()?;
    let open = "[api]\nadmin_group = \"netadmin\"\nlisten = \"0.0.0.0:8443\"\n";
    host.put(open, "/etc/sriovd.toml", 0o644)?;
    let refused = host.try_run("/usr/sbin/sriovd")?;
    ensure!(refused.status == 78, "{refused}");
    let why = "other hosts can reach this address, and there is no \"tls_certificate\"";
    ensure!(refused.stderr.contains(why), "{refused}");
    put_certificates(&host)?;
    host.put(format!("{open}{TLS}"), "/etc/sriovd.toml", 0o644)?;
    host.put(UNIT, "/etc/systemd/system/sriovd.service.d/tcp.conf", 0o644)?;
    host.run("systemctl daemon-reload")?;
    let policy = POLICY.replace(
        "match.vendor = \"8086\"",
        "match.pci_address = \"0000:01:00.0\"",
    );
    host.policy("10-test.toml", &policy)?;
    // systemd holds the socket; the daemon starts when it is told to, not before.
    host.run("systemctl start sriovd.socket; stat -c '%a %G' /run/sriovd/sriovd.sock | grep -x '660 sriovd'")?;
    host.start()?;

    // What the policy names is awaited, and watched when it comes.
    ensure!(host.run("sriovctl status")?.contains("absent"));
    let absent = host.try_run(&format!("sriovctl status {PF}"))?;
    ensure!(absent.status == 3, "{absent}");
    let why = format!("{PF} absent: policy dataplane names it, and it is not here");
    ensure!(absent.stdout.contains(&why), "{absent}");
    let mut watch = host.spawn("exec sriovctl status --watch")?;
    watch.wait_for(&why, PATIENCE)?;
    host.plug_and_wait(Nic::igb(0), PF, 4)?;
    watch.wait_for(&format!("({PF}) 4/4/7 VFs, ready"), PATIENCE)?;
    watch.kill();

    host.run(
        "groupadd netadmin
         useradd -G sriovd reader; useradd -G sriovd,netadmin admin; useradd stranger",
    )?;
    let as_user = |user: &str, command: &str| {
        host.try_run(&format!(
            "setpriv --reuid {user} --regid {user} --init-groups {command}"
        ))
    };
    let read = as_user("reader", "sriovctl status")?;
    assert_eq!(read.status, 0, "{read}");
    for change in [
        "apply",
        "reload",
        "pause all",
        "resume",
        "apply --force enp1s0",
    ] {
        let refused = as_user("reader", &format!("sriovctl {change}"))?;
        assert_eq!(refused.status, 1, "{refused}");
        let said = "may read; changing is for root and the group netadmin\n";
        assert!(refused.stderr.ends_with(said), "{refused}");
        let done = as_user("admin", &format!("sriovctl {change}"))?;
        assert_eq!(done.status, 0, "{change}: {done}");
    }
    let turned_away = as_user("stranger", "sriovctl status")?;
    assert!(
        turned_away.stderr.contains("you may not talk to sriovd"),
        "{turned_away}"
    );

    // Other hosts show certificates.
    let with = |who: &str, request: &str| {
        let identity = format!("--cert {CERTIFICATES}/{who}.pem --key {CERTIFICATES}/{who}.key");
        let answer = "-w '%{http_code}' -o /dev/null";
        host.try_run(&format!(
            "curl -sS --cacert {CERTIFICATES}/ca.pem {identity} {answer} https://localhost:8443{request}"
        ))
    };
    for (who, request, status) in [
        ("reader", "/v1/status", "200"),
        ("reader", "/picture.svg", "200"),
        ("reader", "/v1/apply -X POST", "403"),
        ("admin", "/v1/apply -X POST", "200"),
    ] {
        let answered = with(who, request)?;
        ensure!(answered.stdout == status, "{who} {request}: {answered}");
    }
    // Certificates are renewed while it runs; what cannot be used changes nothing.
    let key = format!("{CERTIFICATES}/localhost.key");
    host.run(&format!("mv {key} {key}.good; echo x > {key}"))?;
    let reloaded = host.try_run("sriovctl reload")?;
    let why = format!("{key}  broken, its last good content is in force");
    ensure!(
        reloaded.status == 1 && reloaded.stdout.contains(&why),
        "{reloaded}"
    );
    host.wait_for_journal(&format!("cannot read a private key from {key}"))?;
    ensure!(with("reader", "/v1/status")?.stdout == "200");
    put_certificates(&host)?;
    host.run("sriovctl reload")?;
    ensure!(with("reader", "/v1/status")?.stdout == "200");
    let unknown = host.try_run(&format!(
        "curl -sS --cacert {CERTIFICATES}/ca.pem https://localhost:8443/v1/status"
    ))?;
    ensure!(
        unknown.status != 0 && unknown.stdout.is_empty(),
        "{unknown}"
    );

    // The socket outlives the daemon: who asks meanwhile waits, and is answered.
    host.run("systemctl stop sriovd 2>/dev/null; test -S /run/sriovd/sriovd.sock")?;
    let answered = host.run_for("sriovctl status --json | jq -r .pfs[0].state", PATIENCE)?;
    assert!(!answered.is_empty());
    host.wait_for(PF, "ready", 4)?;

    // Without both, one pass by itself.
    host.run("systemctl stop sriovd.socket sriovd; ip link set enp1s0 vf 3 trust off")?;
    let seen = host.try_run("sriovctl status")?;
    ensure!(seen.status == 1, "{seen}");
    ensure!(seen.stderr.contains("sriovd is not running"), "{seen}");
    ensure!(seen.stdout.contains("changing"), "{seen}");
    let alone = host.try_run("sriovctl apply")?;
    assert_eq!(alone.status, 0, "{alone}");
    assert_eq!(host.vf("enp1s0", 3)?["trust"], json!(true), "{alone}");
    host.start()?;
    host.assert_second_pass_is_empty()
}
