//! (draft)
use crate::lab::{Guest, Nic};
use anyhow::Result;

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 7
trust = true
spoof_check = false
mac = "stable"
vlan = 100
[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 100
"#;

#[test]
fn draft() -> Result<()> {
    let guest = Guest::resume()?;
    guest.install_sriovd()?;
    guest.run("mkdir -p /etc/sriov.d")?;
    guest.put(POLICY, "/etc/sriov.d/10-test.toml", 0o644)?;
    guest.run("systemctl start sriovd")?;
    guest.plug(Nic::igb(0))?;
    let r = guest.wait_until(
        "test -e /etc/cni/net.d/99-sriovd-f1-u.conflist",
        std::time::Duration::from_secs(30),
    );
    println!("{}", guest.run("journalctl -b -u sriovd --no-pager -o short-monotonic; sriovctl status; echo rc $?; sriovctl plan; echo rc $?; ip link show; cat /etc/cni/net.d/* /etc/pcidp/*; cat /run/sriovd/state.json; cat /var/lib/sriovd/state.json; systemctl status sriovd | head -12; dmesg | grep igb | tail -30; sleep 2; A=$(cat /proc/$(pidof sriovd)/stat); sleep 5; echo CPU $A; cat /proc/$(pidof sriovd)/stat; timeout 3 strace -f -c -p $(pidof sriovd); timeout 1 strace -f -p $(pidof sriovd) 2>&1 | tail -60")?);
    r
}
