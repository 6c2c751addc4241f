//! sriovd at its main job, narrated: one NIC is plugged into a guest, and what the policy says of it comes true.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

#[path = "lab/mod.rs"]
mod lab;
use lab::{Guest, Nic};

const POLICY: &str = r#"[[policy]]
name        = "dataplane"
resource    = "intelnics"
num_vfs     = 7
trust       = true
spoof_check = false
mac         = "stable"          # derived from the NIC's own: the same VF is the same VF after a re-plug
vlan        = 100

[policy.match]
vendor = "8086"
driver = "igb"

[[policy.vf]]
index    = 6
vlan     = 200
vlan_qos = 3

[[network]]
name     = "f1-u"
resource = "intelnics"
vlan     = 100
ipam     = { type = "host-local", subnet = "10.56.217.0/24" }
"#;
const POLICY_FILE: &str = "/etc/sriov.d/20-dataplane.toml";
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";
const DEVICE_PLUGIN: &str = "/etc/pcidp/config.json";

/// True once the last thing that the policy asks of the NIC is so, and both files are written.
const DONE: &str = r#"ip -j link show enp1s0 | jq -e '.[0].vfinfo_list | length == 7 and
    all(.[]; .trust and (.spoofchk | not)) and .[0].vlan_list[0].vlan == 100 and .[6].vlan_list[0].vlan == 200' >/dev/null 2>&1"#;

fn main() -> Result<()> {
    say("A Debian 13 guest: real kernel, systemd and udev, without any NIC.");
    let guest = Guest::resume()?;
    show(&guest, "uname -sr; systemctl --version | head -n 1")?;

    say("sriovd is installed, and told what is wanted.");
    guest.install_sriovd()?;
    guest.put(POLICY, POLICY_FILE, 0o644)?;
    show(&guest, &format!("cat {POLICY_FILE}"))?;

    say("It starts, and has nothing to do yet.");
    show(&guest, "systemctl start sriovd && sriovctl status")?;

    say("Now an SR-IOV NIC is plugged in.");
    let plugged = Instant::now();
    let nic = guest.plug(Nic::igb(0).mac("52:54:00:00:01:00"))?;
    guest.wait_until(
        // The files come last and are cheap to look for; the guest's processor is better spent on sriovd.
        &format!("[ -e {CONFLIST} ] && [ -e {DEVICE_PLUGIN} ] && {DONE}"),
        Duration::from_secs(60),
    )?;
    let took = plugged.elapsed().as_secs_f64();
    show(&guest, &format!("lspci -s {}", nic.pci()))?;

    say(&format!(
        "{took:.1} s later its 7 VFs are as the policy wants them. The kernel's view:"
    ));
    show(&guest, &format!("ip link show {}", nic.netdev()))?;

    say("sriovd's view:");
    show(&guest, "sriovctl status")?;
    show(&guest, "journalctl --unit sriovd --output cat --no-pager")?;

    say("What container runtimes and the SR-IOV device plugin read:");
    show(&guest, &format!("jq . {CONFLIST}"))?;
    show(&guest, &format!("jq . {DEVICE_PLUGIN}"))?;
    Ok(())
}

fn say(what: &str) {
    let (bold, plain) = if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        ("\x1b[1m", "\x1b[0m")
    } else {
        ("", "")
    };
    println!("\n{bold}{what}{plain}\n");
}

/// A command as one would type it, and its output.
fn show(guest: &Guest, command: &str) -> Result<()> {
    println!("    # {command}");
    for line in guest.run(command)?.lines() {
        println!("    {line}");
    }
    Ok(io::stdout().flush()?)
}
