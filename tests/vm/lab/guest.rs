//! A running guest, and what a scenario does in it.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::agent::Agent;
use super::image::{Debian, Image};
use super::job::{Job, Output};
use super::machine::Hotplug;
use super::nic::Nic;
use super::permit::Permit;
use super::power_on::PowerOn;
use super::qemu::Qemu;
use super::qmp::Qmp;
use super::snapshot;

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// A cold boot takes seven seconds, and many times that where others work too.
const PATIENCE_AT_BOOT: Duration = Duration::from_secs(180);

/// A guest; it ends when this is dropped.
pub struct Guest {
    // First, so that it is dropped first: the others then see closed sockets.
    qemu: Qemu,
    pub(super) qmp: Qmp,
    agent: Agent,
    pub(super) hotplug: Hotplug,
    /// Slots whose virtio VFs are known to QEMU: they stay when their PF is unplugged.
    pub(super) described: Mutex<HashSet<u8>>,
    _permit: Permit,
}

impl Guest {
    /// A pristine guest, booted a while ago, without any NIC.
    pub fn resume() -> Result<Self> {
        snapshot::resume(Debian::default(), Hotplug::Acpi)
    }

    /// The same, of another Debian.
    pub fn resume_debian(debian: Debian) -> Result<Self> {
        snapshot::resume(debian, Hotplug::Acpi)
    }

    /// The same, with slots from which a NIC can be yanked.
    pub fn resume_with_native_hotplug() -> Result<Self> {
        snapshot::resume(Debian::default(), Hotplug::Native)
    }

    /// A guest that boots now, with these NICs present at power-on.
    pub fn boot(nics: &[Nic]) -> Result<Self> {
        nics.iter()
            .cloned()
            .fold(PowerOn::new(), PowerOn::nic)
            .boot()
    }

    pub(super) fn launch(
        image: &Image,
        arguments: &[String],
        hotplug: Hotplug,
        network: Option<OwnedFd>,
        permit: Permit,
    ) -> Result<Self> {
        let (qemu, connections) = Qemu::start(image, arguments, network)?;
        let qmp = Qmp::new(connections.qmp)
            .map_err(|error| anyhow!("{error:#}\n{}", qemu.diagnosis()))?;
        Ok(Self {
            agent: Agent::new(connections.agent)?,
            qemu,
            qmp,
            hotplug,
            described: Mutex::default(),
            _permit: permit,
        })
    }

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

    /// Waits until a shell condition holds, by trying it again and again: only for what gives no event. The dearer a try is
    /// under emulation, the longer the pause, so that what is waited for has the processors.
    pub fn wait_until(&self, condition: &str, patience: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let tried = Instant::now();
            let left = patience.saturating_sub(start.elapsed());
            if self.try_run_for(condition, left)?.status == 0 {
                return Ok(());
            }
            let pause =
                (tried.elapsed() * 3).clamp(Duration::from_millis(100), Duration::from_secs(2));
            ensure!(
                start.elapsed() + pause < patience,
                "in the guest: {condition}\ndid not come true in {patience:?}"
            );
            thread::sleep(pause);
        }
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

    /// Adds to an error what QEMU and the guest's console have to say.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| anyhow!("{error:#}\n{}", self.qemu.diagnosis()))
    }
}
