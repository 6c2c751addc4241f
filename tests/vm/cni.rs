//! Containers that get VFs from the CNI plugin, called as libcni calls it.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 3
trust = true
spoof_check = false
vlan = 100
mac = "stable"

[policy.match]
vendor = "8086"
"#;
const RECORDS: &str = "/var/lib/sriovd/allocations";

/// One attachment: a container is a network namespace of its name.
struct Box<'a> {
    host: &'a Host,
    name: &'static str,
    conf: Value,
}

impl Box<'_> {
    /// The plugin's exit status and what it printed.
    fn call(&self, command: &str, more: &Value) -> Result<(i32, Value)> {
        let mut conf = self.conf.clone();
        if let (Some(conf), Some(more)) = (conf.as_object_mut(), more.as_object()) {
            conf.extend(more.clone());
        }
        let name = self.name;
        let file = format!("/run/{name}.json");
        self.host.put(conf.to_string(), &file, 0o644)?;
        let output = self.host.try_run(&format!(
            "CNI_COMMAND={command} CNI_CONTAINERID={name} CNI_NETNS=/run/netns/{name} CNI_IFNAME=net1 \
             CNI_PATH=/usr/lib/cni /usr/lib/cni/sriovd-cni < {file}"
        ))?;
        let answer = serde_json::from_str(&output.stdout).unwrap_or_default();
        if output.status != 0 {
            ensure!(answer != Value::Null, "no error object: {output}");
        }
        Ok((output.status, answer))
    }

    fn add(&self) -> Result<Value> {
        let (status, answer) = self.call("ADD", &json!({}))?;
        ensure!(status == 0, "{answer:#}\n{}", self.host.journal()?);
        Ok(answer)
    }

    fn del(&self) -> Result<()> {
        let (status, answer) = self.call("DEL", &json!({}))?;
        ensure!(status == 0, "{answer:#}");
        Ok(())
    }

    /// The code and the sentence of the error that is expected.
    fn refused(&self, command: &str, more: &Value) -> Result<(u64, String)> {
        let (status, answer) = self.call(command, more)?;
        ensure!(status != 0, "{command} succeeded: {answer:#}");
        let message = answer["msg"].as_str().context("no msg")?;
        Ok((
            answer["code"].as_u64().context("no code")?,
            message.to_owned(),
        ))
    }
}

fn conf(version: &str) -> Value {
    json!({
        "cniVersion": version,
        "name": "f1-u",
        "type": "sriovd-cni",
        "pool": "intelnics",
        "vlan": 7,
        "spoofchk": "on",
        "ipam": {
            "type": "host-local",
            "subnet": "10.56.217.0/24",
            "routes": [{"dst": "192.0.2.0/24"}],
        },
    })
}

/// All VFs as the PF and the host's own interfaces show them.
fn as_they_are(host: &Host, nic: &Nic) -> Result<(Vec<Value>, Vec<Value>)> {
    let own = (0..3).map(|vf| {
        let link = host.link(&nic.vf_netdev(vf))?;
        let keys = ["ifname", "address", "mtu", "operstate"];
        Ok(json!(keys.map(|key| link[key].clone())))
    });
    Ok((host.vfs(&nic.netdev())?, own.collect::<Result<_>>()?))
}

fn records(host: &Host) -> Result<String> {
    host.run(&format!(
        "cd {RECORDS} 2>/dev/null && ls -p | grep -v / || true"
    ))
}

#[test]
fn every_version_of_the_protocol_attaches_checks_and_gives_back() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = as_they_are(&host, &nic)?;
    for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        host.run("ip netns add box")?;
        let container = Box {
            host: &host,
            name: "box",
            conf: conf(version),
        };
        let result = container.add().context(version)?;
        assert_eq!(result["cniVersion"], version);
        let link = host.run("ip -j -n box -d link show net1")?;
        let link: Value = serde_json::from_str(&link)?;
        assert_eq!(
            result["interfaces"][0]["mac"], link[0]["address"],
            "{link:#}"
        );
        ensure!(
            host.run("ip -n box route")?
                .contains("192.0.2.0/24 via 10.56.217.1 dev net1")
        );
        let address = result["ips"][0]["address"].as_str().context("no address")?;
        ensure!(host.run("ip -n box address show net1")?.contains(address));
        let vfs = host.vfs(&nic.netdev())?;
        let lent = vfs.iter().filter(|vf| vf["vlan_list"][0]["vlan"] == 7);
        assert_eq!(lent.count(), 1, "{vfs:#?}");

        let was = json!({"prevResult": result});
        if version != "0.3.1" {
            let (status, answer) = container.call("CHECK", &was)?;
            assert_eq!((status, answer), (0, Value::Null));
        }
        if version == "1.1.0" {
            assert_eq!(result["interfaces"][0]["mtu"], 1500);
            host.run("ip -n box address flush dev net1")?;
            let (code, message) = container.refused("CHECK", &was)?;
            ensure!(
                code == 100 && message.contains("is gone"),
                "{code} {message}"
            );
            assert_eq!(container.call("STATUS", &json!({}))?.0, 0);
        }
        // Twice, and the second time without a namespace to look at.
        container.del()?;
        host.run("ip netns delete box")?;
        container.del()?;
        assert_eq!(records(&host)?, "", "{version}");
        host.run("udevadm settle")?;
        host.wait_for(&nic.pci(), "ready", 3)?;
        assert_eq!(as_they_are(&host, &nic)?, before, "{version}");
    }
    host.assert_second_pass_is_empty()
}
