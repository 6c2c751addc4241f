//! NICs that come and go while the agent runs.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::Result;
use serde_json::json;

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 7
trust = true
spoof_check = false
vlan = 100
mac = "stable"

[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 100
"#;

#[test]
fn a_hot_added_nic_is_configured_without_any_command() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;

    let link = host.link("enp1s0")?;
    for vf in link["vfinfo_list"].as_array().into_iter().flatten() {
        assert_eq!(vf["vlan_list"][0]["vlan"], 100, "{vf}");
        assert_eq!(
            (&vf["trust"], &vf["spoofchk"]),
            (&json!(true), &json!(false)),
            "{vf}"
        );
    }
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -a -e /etc/pcidp/config.json")?;
    let conflist = host.json("/etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    assert_eq!(
        conflist["plugins"][0]["deviceID"],
        json!(host.vf_address("0000:01:00.0", 0)?)
    );
    host.wait_for_journal("7 VFs created")?;
    host.assert_second_pass_is_empty()
}
