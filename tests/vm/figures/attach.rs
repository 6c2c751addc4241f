//! What it costs to give a container a VF and to take it back, beside the same operations done by `ip`.

use crate::lab::{self, Guest};
use crate::median;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

const PATIENCE: Duration = Duration::from_secs(300);
const STARTS: usize = 101;

/// Of a network that changes two attributes: through the PF, the way in, and there.
const CONFIGURATION: &str = r#"{"cniVersion": "1.0.0", "name": "figures", "type": "sriovd-cni", "pool": "figures",
    "vlan": 7, "spoofchk": "on"}"#;

/// Nothing else works meanwhile: the agent's own reaction to what it sees is not part of either.
const SCRIPT: &str = r#"
systemctl stop sriovd
ip netns add box
export CNI_CONTAINERID=box CNI_NETNS=/run/netns/box CNI_IFNAME=net1 CNI_PATH=/usr/lib/cni
cd /run/attach
printf '%s\n' 'link set enp1s0 vf 0 vlan 7' 'link set enp1s0 vf 0 spoofchk on' \
  'link set enp1s0v0 netns box name net1' > in.outside
printf '%s\n' 'link set net1 up' > in.inside
printf '%s\n' 'link set net1 down' 'link set net1 netns 1 name enp1s0v0' > out.inside
printf '%s\n' 'link set enp1s0 vf 0 spoofchk off' 'link set enp1s0 vf 0 vlan 100' > out.outside
plugin_in() { CNI_COMMAND=ADD /usr/lib/cni/sriovd-cni < conf > answer; }
plugin_out() { CNI_COMMAND=DEL /usr/lib/cni/sriovd-cni < conf > answer; }
plugin_version() { CNI_COMMAND=VERSION /usr/lib/cni/sriovd-cni < conf > answer; }
ip_in() { ip -batch in.outside && ip -n box -batch in.inside; }
ip_out() { ip -n box -batch out.inside && ip -batch out.outside; }
true_version() { /bin/true < conf > answer; }
for round in $(seq 15); do
  for who in ip_in ip_out plugin_in plugin_out true_version plugin_version; do
    udevadm settle
    start=$EPOCHREALTIME
    $who || { echo "$who failed: $(cat answer)" >&2; exit 1; }
    end=$EPOCHREALTIME
    echo "$who $((${end/./} - ${start/./}))"
  done
done
"#;

/// On a converged host whose one NIC is `enp1s0`.
pub(crate) fn print(guest: &Guest) -> Result<()> {
    guest.install_plugins()?;
    guest.put(CONFIGURATION, "/run/attach/conf", 0o644)?;
    guest.put(SCRIPT, "/run/attach/script", 0o644)?;
    let output = guest.run_for("bash /run/attach/script", PATIENCE)?;
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for line in output.lines() {
        let (who, microseconds) = line.split_once(' ').context("no time")?;
        let milliseconds = microseconds.parse::<f64>()? / 1000.0;
        times.entry(who).or_default().push(milliseconds);
    }
    let mut of = |who: &str| {
        let mut values = times.remove(who).unwrap_or_default();
        values.sort_by(f64::total_cmp);
        median(&values).with_context(|| format!("no times of {who}"))
    };
    println!(
        "\n| a container's VF (ms, median of 15) | `ip -batch` | sriovd-cni | ratio |\n|---|---|---|---|"
    );
    for (name, direction) in [("attach", "in"), ("detach", "out")] {
        let (ip, plugin) = (
            of(&format!("ip_{direction}"))?,
            of(&format!("plugin_{direction}"))?,
        );
        println!("| {name} | {ip:.1} | {plugin:.1} | {:.2} |", plugin / ip);
    }
    let (least, version) = (of("true_version")?, of("plugin_version")?);
    println!(
        "\n| start of a process, to its end (ms) | `true` | sriovd-cni (VERSION) |\n|---|---|---|"
    );
    println!("| in the guest, median of 15 | {least:.1} | {version:.1} |");
    let (least, version) = (
        start(Path::new("true"))?,
        start(&lab::binaries()?.join("sriovd-cni"))?,
    );
    println!("| on this machine, median of {STARTS} | {least:.1} | {version:.1} |");
    Ok(())
}

/// How long a process takes here, without emulation.
fn start(program: &Path) -> Result<f64> {
    let mut input = NamedTempFile::new()?;
    input.write_all(CONFIGURATION.as_bytes())?;
    let once = |_| -> Result<f64> {
        let input = input.reopen()?;
        let began = Instant::now();
        let status = Command::new(program)
            .env("CNI_COMMAND", "VERSION")
            .stdin(input)
            .stdout(Stdio::null())
            .status()
            .with_context(|| program.display().to_string())?;
        let took = began.elapsed();
        ensure!(status.success(), "{}: {status}", program.display());
        Ok(took.as_secs_f64() * 1000.0)
    };
    let mut times = (0..STARTS).map(once).collect::<Result<Vec<_>>>()?;
    times.sort_by(f64::total_cmp);
    median(&times).context("no times")
}
