//! A running guest, and all that a scenario does to it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::agent::{Agent, Job, Output};
use super::image::Image;
use super::machine;
use super::nic::Nic;
use super::permit::Permit;
use super::power_on::PowerOn;
use super::qemu::Qemu;
use super::qmp::Qmp;
use super::snapshot;

const PATIENCE: Duration = Duration::from_secs(60);
/// A cold boot takes seven seconds, and many times that where others work too.
const PATIENCE_AT_BOOT: Duration = Duration::from_secs(180);

/// A guest; it ends when this is dropped.
pub struct Guest {
    // First, so that it is dropped first: the others then see closed sockets.
    qemu: Qemu,
    qmp: Qmp,
    agent: Agent,
    /// Slots whose virtio VFs are known to QEMU: they stay when their PF is unplugged.
    described: Mutex<HashSet<u8>>,
    _permit: Permit,
}

impl Guest {
    /// A pristine guest, booted a while ago, without any NIC.
    pub fn resume() -> Result<Self> {
        snapshot::resume()
    }

    /// A guest that boots now, with these NICs present at power-on.
    pub fn boot(nics: &[Nic]) -> Result<Self> {
        nics.iter()
            .cloned()
            .fold(PowerOn::new(), PowerOn::nic)
            .boot()
    }

    pub(super) fn launch(image: &Image, arguments: &[String], permit: Permit) -> Result<Self> {
        let (qemu, connections) = Qemu::start(image, arguments)?;
        let qmp = Qmp::new(connections.qmp)
            .map_err(|error| anyhow!("{error:#}\n{}", qemu.diagnosis()))?;
        Ok(Self {
            agent: Agent::new(connections.agent)?,
            qemu,
            qmp,
            described: Mutex::default(),
            _permit: permit,
        })
    }

    // ------------------------------------------------------------------------------------------------------ commands

    /// Runs a shell script and returns its standard output; any status but 0 is an error that shows everything.
    pub fn run(&self, script: &str) -> Result<String> {
        self.run_for(script, PATIENCE)
    }

    pub fn run_for(&self, script: &str, patience: Duration) -> Result<String> {
        let output = self.try_run_for(script, patience)?;
        ensure!(output.status == 0, "in the guest: {script}\n{output}");
        Ok(output.stdout)
    }

    /// Runs a shell script that may fail.
    pub fn try_run(&self, script: &str) -> Result<Output> {
        self.try_run_for(script, PATIENCE)
    }

    pub fn try_run_for(&self, script: &str, patience: Duration) -> Result<Output> {
        let output = self
            .agent
            .start(script, b"")
            .and_then(|job| job.wait(patience));
        self.explain(output.with_context(|| format!("in the guest: {script}")))
    }

    /// Starts a shell script that runs beside what follows. It is killed when the job is dropped.
    pub fn spawn(&self, script: &str) -> Result<Job> {
        self.explain(self.agent.start(script, b""))
    }

    /// Writes a file as careful programs do: complete or not at all. Directories are made.
    pub fn put(&self, bytes: impl AsRef<[u8]>, path: &str, mode: u32) -> Result<()> {
        let new = format!("{path}.lab-new");
        self.feed(
            bytes.as_ref(),
            &format!("mkdir -p \"$(dirname {path})\" && cat > {new} && chmod {mode:o} {new} && mv {new} {path}"),
        )
    }

    pub fn get(&self, path: &str) -> Result<Vec<u8>> {
        let job = self.spawn(&format!("cat {path}"))?;
        let (output, bytes) = self.explain(job.wait_for_bytes(PATIENCE))?;
        ensure!(output.status == 0, "cannot read {path}: {}", output.stderr);
        Ok(bytes)
    }

    /// Runs a shell script with something to read.
    pub fn feed(&self, input: &[u8], script: &str) -> Result<()> {
        let output = self
            .agent
            .start(script, input)
            .and_then(|job| job.wait(PATIENCE));
        let output = self.explain(output)?;
        ensure!(output.status == 0, "in the guest: {script}\n{output}");
        Ok(())
    }

    // ------------------------------------------------------------------------------------------------------- hardware

    /// Plugs a NIC in. Returns at once: the kernel finds it about half a second later.
    pub fn plug(&self, nic: Nic) -> Result<Nic> {
        let vfs = if self.remember(&nic) {
            nic.vfs()
        } else {
            Vec::new()
        };
        for function in vfs.into_iter().chain([nic.pf()]) {
            self.qmp("netdev_add", function.netdev)?;
            self.qmp("device_add", function.device)?;
        }
        Ok(nic)
    }

    /// Asks the guest to let a NIC go (as the button beside the slot does) and waits until it is gone.
    pub fn unplug(&self, nic: &Nic) -> Result<()> {
        let id = nic.id();
        self.qmp.forget_events();
        self.qmp("device_del", json!({ "id": id }))?;
        self.wait_for_event("DEVICE_DELETED", PATIENCE, |data| {
            data["device"] == id.as_str()
        })
        .with_context(|| format!("the guest does not let go of {id}"))?;
        self.qmp("netdev_del", json!({ "id": nic.cable() }))?;
        Ok(())
    }

    /// Plugs in an SR-IOV NVMe controller with 4 VFs: an SR-IOV device that is no NIC and that sriovd has to leave alone.
    /// Returns its address.
    pub fn plug_nvme(&self) -> Result<&'static str> {
        self.qmp("device_add", machine::nvme())?;
        Ok(machine::NVME)
    }

    /// Pulls or plugs the network cable of a PF.
    pub fn set_link(&self, nic: &Nic, up: bool) -> Result<()> {
        self.qmp("set_link", json!({ "name": nic.id(), "up": up }))?;
        Ok(())
    }

    /// For what has no method here.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "calls read better without a & before json!"
    )]
    pub fn qmp(&self, command: &str, arguments: Value) -> Result<Value> {
        self.explain(self.qmp.execute(command, &arguments))
    }

    pub fn wait_for_event(
        &self,
        event: &str,
        patience: Duration,
        matches: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.explain(self.qmp.wait_for(event, patience, matches))
    }

    /// Notes that a NIC is in its slot; false if QEMU knows its VFs from before.
    pub(super) fn remember(&self, nic: &Nic) -> bool {
        let mut described = self
            .described
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !nic.is_virtio() || described.insert(nic.slot())
    }

    // -------------------------------------------------------------------------------------------------------- waiting

    /// Waits, on udev's events, until a network interface is there and udev is done with it.
    pub fn wait_for_netdev(&self, name: &str) -> Result<()> {
        self.run(&format!("udevadm wait --timeout=55 /sys/class/net/{name}"))?;
        Ok(())
    }

    /// Waits, on udev's events, until a PCI device is gone.
    pub fn wait_until_gone(&self, pci: &str) -> Result<()> {
        self.run(&format!(
            "udevadm wait --timeout=55 --removed /sys/bus/pci/devices/{pci}"
        ))?;
        Ok(())
    }

    /// Waits until a shell condition holds, by trying it again and again: only for what gives no event.
    pub fn wait_until(&self, condition: &str, patience: Duration) -> Result<()> {
        self.run_for(&format!("until {condition}; do sleep 0.05; done"), patience)
            .with_context(|| format!("did not come true in {patience:?}"))?;
        Ok(())
    }

    pub(super) fn wait_for_agent(&self) -> Result<()> {
        self.agent.wait_until_up(PATIENCE_AT_BOOT)
    }

    /// Waits until all units have started or failed, and udev has seen every device.
    pub fn wait_for_boot(&self) -> Result<()> {
        let script = "systemctl is-system-running --wait; udevadm settle --timeout=120";
        self.run_for(script, PATIENCE_AT_BOOT)?;
        Ok(())
    }

    /// A resumed guest's clock stands where it was saved.
    pub(super) fn set_clock(&self) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        self.run(&format!("date --set=@{}", now.as_secs_f64()))?;
        Ok(())
    }

    /// Adds to an error what QEMU and the guest's console have to say.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| anyhow!("{error:#}\n{}", self.qemu.diagnosis()))
    }
}
