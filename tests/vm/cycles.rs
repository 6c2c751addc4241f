//! Many containers that come and go at once, while the agent comes and goes, too.

use crate::attachment::{conf, records};
use crate::containers::POLICY;
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result};
use serde_json::json;
use std::time::Duration;

/// Attaches and detaches, again and again. What a full pool refuses is no fault; that a VF is
/// given to two at once would be. Every program costs: the shell does what it can by itself.
const CYCLES: &str = r#"
set -C
worker() {
  done=0
  name=w$1
  ip netns add $name
  export CNI_CONTAINERID=$name CNI_NETNS=/run/netns/$name CNI_IFNAME=net1 CNI_PATH=/usr/lib/cni
  while [ $done -lt 25 ]; do
    CNI_COMMAND=ADD /usr/lib/cni/sriovd-cni < /run/cycles.json >| /run/$name.out 2>| /run/$name.err || {
      grep -qE '"code": ?101\b' /run/$name.out && sleep 1 && continue
      cat /run/$name.out; return 1
    }
    read -r answer < /run/$name.out
    vf=${answer#*'"pciID":"'}
    vf=${vf%%'"'*}
    true > /run/held/$vf || { echo "$vf was given twice"; return 1; }
    ip -n $name link show net1 >| /dev/null || return 1
    rm /run/held/$vf
    CNI_COMMAND=DEL /usr/lib/cni/sriovd-cni < /run/cycles.json >| /run/$name.out 2>| /run/$name.err || {
      cat /run/$name.out; return 1
    }
    done=$((done + 1))
  done
}
mkdir -p /run/held
(while sleep 5; do systemctl restart sriovd; done) & restarts=$!
pids=
for n in 1 2 3 4 5 6 7 8; do worker $n & pids="$pids $!"; done
bad=0
for pid in $pids; do wait $pid || bad=1; done
kill $restarts
wait $restarts
exit $bad
"#;

#[test]
fn eight_at_a_time_lose_no_vf_while_the_agent_restarts_all_the_while() -> Result<()> {
    let host = Host::with_plugins(&POLICY.replace("num_vfs = 3", "num_vfs = 7"))?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 7' /run/sriovd/state.json")?;
    let before = host.vfs(&nic.netdev())?;
    let mut conf = conf("1.1.0");
    conf["ipam"] = json!({});
    host.put(conf.to_string(), "/run/cycles.json", 0o644)?;
    host.run_for(CYCLES, Duration::from_secs(900))
        .with_context(|| host.journal().unwrap_or_default())?;
    host.run("systemctl restart sriovd && udevadm settle")?;
    assert_eq!(records(&host)?, "");
    host.wait_for(&nic.pci(), "ready", 7)?;
    assert_eq!(host.vfs(&nic.netdev())?, before);
    host.assert_second_pass_is_empty()
}
