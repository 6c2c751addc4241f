//! What happens to a NIC on a real kernel is what is kept of it; `UPDATE=1` keeps it anew.

use crate::host::Host;
use crate::lab::Nic;
use crate::recorded::{DRIFT, DRIFTED, PF, PLUGGED, POLICIES, Stage, UNPLUGGED, file};
use anyhow::{Context, Result, ensure};
use sriovd_core::model::{HostSnapshot, PciAddress};
use sriovd_core::report::{Event, Happening};
use std::collections::BTreeSet;
use std::fs;

/// Everything that the agent tells of what it does.
const HAPPENED: &str = "/run/happened";

struct Recorder<'a> {
    host: &'a Host,
    stages: Vec<Stage>,
    told: usize,
}

impl Recorder<'_> {
    /// Waits until the PF is as it should be, and keeps what happened since the stage before.
    fn stage(&mut self, name: &str, state: &str, vfs: u16) -> Result<()> {
        let host = self.host;
        host.wait_for(PF, state, vfs)?;
        host.run("udevadm settle")?;
        host.wait_for(PF, state, vfs)?;
        self.keep(name)
    }

    fn keep(&mut self, name: &str) -> Result<()> {
        let (mut triggers, mut steps) = (Vec::new(), BTreeSet::new());
        let told = self.host.run(&format!("cat {HAPPENED}"))?;
        for line in told.lines().skip(self.told) {
            let event: Event = serde_json::from_str(line).context(line.to_owned())?;
            match event.happening {
                Happening::Trigger { trigger, .. } => triggers.push(trigger),
                Happening::StepDone { step, .. } => drop(steps.insert(step)),
                _ => {}
            }
        }
        self.told = told.lines().count();
        let snapshot = self.host.run("sriovctl snapshot")?;
        let mut snapshot: HostSnapshot = serde_json::from_str(&snapshot)?;
        let pf: PciAddress = PF.parse()?;
        self.stages.push(Stage {
            name: name.to_owned(),
            triggers,
            steps,
            pf: snapshot.pfs.remove(&pf),
        });
        Ok(())
    }
}

/// A trusted VF makes an address up where its PF is slow to answer, and is not trusted while it gets ours.
fn forget_repairs(steps: &mut BTreeSet<String>) {
    let trusted = steps.iter().filter_map(|it| it.strip_suffix("trust on"));
    let repairs: Vec<String> = trusted.map(|vf| format!("{vf}trust off")).collect();
    steps.retain(|step| !repairs.contains(step));
}

#[test]
fn a_nic_goes_through_what_was_recorded() -> Result<()> {
    let host = Host::installed()?;
    host.start()?;
    host.run(&format!(
        "systemd-run --quiet sh -c 'exec sriovctl monitor --json > {HAPPENED}'"
    ))?;
    // It has heard of something, so it will hear of the rest.
    host.wait("touch /etc/sriov.d/01-nothing.toml; test -s /run/happened")?;
    let mut recorder = Recorder {
        host: &host,
        stages: Vec::new(),
        told: 0,
    };
    let nic = host.plug(Nic::igb(0))?;
    host.wait_for_netdev(&nic.netdev())?;
    recorder.stage(PLUGGED, "unmanaged", 0)?;
    for (name, policy) in POLICIES {
        host.policy("10-test.toml", policy)?;
        let vfs = if policy.contains("num_vfs = 7") { 7 } else { 3 };
        let vlan = if policy.contains("vlan = 100") {
            100
        } else {
            200
        };
        let last = usize::from(vfs) - 1;
        let with_all = format!(
            ".vlan_list[0].vlan == {vlan} and .spoofchk == {}",
            vlan == 200
        );
        host.wait_for_vf(&nic.netdev(), last, &with_all)?;
        if policy.contains("vfio-pci") {
            let driver = format!("readlink /sys/bus/pci/devices/{PF}/virtfn{last}/driver");
            host.wait(&format!("{driver} | grep vfio-pci"))?;
        }
        recorder.stage(name, "ready", vfs)?;
    }
    let (vf, vlan) = DRIFT;
    let end = host.journal_end()?;
    host.run(&format!("ip link set {} vf {vf} vlan {vlan}", nic.netdev()))?;
    host.wait_for_news(&end, "vlan 200")?;
    recorder.stage(DRIFTED, "ready", 3)?;
    host.unplug(&nic)?;
    host.wait_for_journal(" is gone")?;
    recorder.keep(UNPLUGGED)?;
    let stages = recorder.stages;

    for stage in &stages {
        ensure!(!stage.triggers.is_empty(), "{} by no event", stage.name);
    }
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        fs::write(file(), serde_json::to_string_pretty(&stages)? + "\n")?;
    }
    let kept: Vec<Stage> = serde_json::from_slice(&fs::read(file())?)?;
    ensure!(kept.len() == stages.len());
    for (kept, now) in kept.into_iter().zip(stages) {
        let (kept, mut now) = (kept.essence(), now.essence());
        forget_repairs(&mut now.steps);
        ensure!(kept == now, "{now:#?}\ninstead of\n{kept:#?}");
    }
    host.assert_second_pass_is_empty()
}
