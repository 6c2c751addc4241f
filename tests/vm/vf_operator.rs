//! vf-operator's README, with curl, on a real NIC.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::Result;
use serde_json::{Value, json};

const PF: &str = "0000:01:00.0";
const SETTINGS: &str = "[vf_operator]\nenabled = true\n";
/// As the comment in the unit says.
const UNIT: &str = "\
[Service]
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressAllow=localhost
";

fn get(host: &Host, path: &str) -> Result<Value> {
    let text = host.run(&format!(
        "curl -sS -X 'GET' 'http://localhost:15001/api/v1/{path}' -H 'accept: application/json'"
    ))?;
    Ok(serde_json::from_str(&text)?)
}

/// The status, and what came with it.
fn post(host: &Host, path: &str, body: &Value) -> Result<(String, Value)> {
    host.put(body.to_string(), "/tmp/body", 0o644)?;
    let text = host.run_for(
        &format!(
            "curl -sS -w '\\n%{{http_code}}' -X 'POST' 'http://localhost:15001/api/v1/config/{path}' \
             -H 'accept: application/json' -H 'Content-Type: application/json' -d @/tmp/body"
        ),
        PATIENCE,
    )?;
    let (answer, status) = text.rsplit_once('\n').unwrap_or_default();
    Ok((status.to_owned(), serde_json::from_str(answer)?))
}

#[test]
fn the_readme_of_vf_operator_does_what_it_says() -> Result<()> {
    let host = Host::installed()?;
    host.put(SETTINGS, "/etc/sriovd.toml", 0o644)?;
    host.put(UNIT, "/etc/systemd/system/sriovd.service.d/tcp.conf", 0o644)?;
    host.run("systemctl daemon-reload")?;
    host.start()?;
    let nic = host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;

    let config = json!({
        "name": "eth3-vfs",
        "mtu": 1500,
        "needVhostNet": false,
        "numVfs": 4,
        "nicSelector": {"drivers": ["igb"], "pfNames": ["enp1s0"]},
        "deviceType": "netdevice",
    });
    let (status, made) = post(&host, "resources", &config)?;
    assert_eq!(status, "200", "{made:#}");
    assert_eq!(made["spec"]["devices"], json!([PF]));
    assert_eq!(host.num_vfs(&nic)?, 4);
    let configs = get(&host, "config/resources")?;
    let configured = &configs["resourceConfigs"][0];
    assert_eq!(
        configured["nicSelector"]["pfNames"],
        json!(["enp1s0"]),
        "{configs:#}"
    );
    assert_eq!(configured["numVfs"], 4);
    let resources = get(&host, "resources")?;
    let pf = &resources["resources"][0]["status"][0];
    assert_eq!(
        (&pf["name"], &pf["numVfs"]),
        (&json!("enp1s0"), &json!(4)),
        "{resources:#}"
    );
    assert_eq!(pf["vfs"][0]["driver"], "igbvf", "{resources:#}");
    assert_eq!(pf["vfs"][0]["device"], json!(nic.vf_pci(0)));

    let attachment = json!({
        "name": "f1-u",
        "resourceName": "eth3-vfs",
        "config": {"cniVersion": "1.0.0", "plugins": [{"type": "sriov"}]},
    });
    assert_eq!(
        post(&host, "networkattachments", &attachment)?,
        ("200".to_owned(), json!({}))
    );
    let attachments = get(&host, "networkattachments")?;
    let f1_u = &attachments["networkattachments"][0];
    let device = &f1_u["config"]["plugins"][0]["deviceID"];
    assert_eq!(
        (&f1_u["name"], device),
        (&json!("f1-u"), &json!(nic.vf_pci(0))),
        "{attachments:#}"
    );
    let conflist = host.json("/etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    assert_eq!(&conflist["plugins"][0]["deviceID"], device);

    // They are ordinary policies, with an origin, and they stay.
    let policies =
        host.run("curl -sS --unix-socket /run/sriovd/sriovd.sock http://sriovd/v1/policies")?;
    let policies: Value = serde_json::from_str(&policies)?;
    let file = "/var/lib/sriovd/vf-operator.d/resource-eth3-vfs.toml";
    assert_eq!(policies[0]["source"]["file"], file, "{policies:#}");
    host.run("sriovctl check")?;
    host.run_for("systemctl restart sriovd", PATIENCE)?;
    assert_eq!(get(&host, "networkattachments")?, attachments);
    let again = post(&host, "resources", &config)?;
    let exists =
        json!({"code": 6, "message": "resource id=eth3-vfs already exists", "details": []});
    assert_eq!(again, ("409".to_owned(), exists));
    host.assert_second_pass_is_empty()?;

    let delete = "curl -sS -X DELETE http://localhost:15001/api/v1/config";
    assert_eq!(
        host.run(&format!("{delete}/networkattachments/f1-u"))?,
        "{}"
    );
    assert_eq!(
        host.run_for(&format!("{delete}/resources/eth3-vfs"), PATIENCE)?,
        "{}"
    );
    assert_eq!(host.num_vfs(&nic)?, 0);
    host.wait("! test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    host.assert_second_pass_is_empty()
}
