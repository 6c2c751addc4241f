//! What scenarios with containers have in common.

use crate::host::{Host, PATIENCE};
use crate::lab::{Files, Nic, PowerOn};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// Three VFs, each with attributes that a container's network may change.
pub(crate) const POLICY: &str = r#"
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

/// Podman starts a dozen programs for each of its own.
pub(crate) const SLOW: Duration = Duration::from_secs(2 * PATIENCE.as_secs());

pub(crate) const RECORDS: &str = "/var/lib/sriovd/allocations";

/// Podman as it runs in these guests.
pub(crate) fn configure(host: &Host) -> Result<()> {
    // The guest's root is an overlay, on which there can be no other.
    host.put(
        "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/storage\"\n\
         graphroot = \"/var/lib/containers/storage\"\n",
        "/etc/containers/storage.conf",
        0o644,
    )?;
    host.put(
        "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
        "/etc/containers/containers.conf",
        0o644,
    )
}

/// A host with three VFs, podman, an image `box` with busybox in it, and a network.
pub(crate) struct Podman {
    pub(crate) host: Host,
    pub(crate) nic: Nic,
    before: Value,
}

impl Podman {
    pub(crate) fn ready(policy: &str) -> Result<Self> {
        Self::on(Host::with_plugins(policy)?)
    }

    /// With a host whose agent runs.
    pub(crate) fn on(host: Host) -> Result<Self> {
        let mut podman = Self::without_netdevs(host)?;
        podman.before = as_they_are(&podman.host, &podman.nic)?;
        Ok(podman)
    }

    /// For VFs that have none.
    pub(crate) fn without_netdevs(host: Host) -> Result<Self> {
        let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
        configure(&host)?;
        host.run_for(
            "mkdir -p /run/image/bin && cp /bin/busybox /run/image/bin && cd /run/image/bin &&
             for tool in sh sleep ip ping ls; do ln -s busybox $tool; done &&
             tar -C /run/image -c . | podman import - box",
            SLOW,
        )?;
        let before = Value::Null;
        Ok(Self { host, nic, before })
    }

    pub(crate) fn podman(&self, arguments: &str) -> Result<String> {
        let done = self.host.run_for(&format!("podman {arguments}"), SLOW);
        done.with_context(|| self.host.journal().unwrap_or_default())
    }

    /// What the user reads when it fails.
    pub(crate) fn refused(&self, arguments: &str) -> Result<String> {
        let output = self
            .host
            .try_run_for(&format!("podman {arguments}"), SLOW)?;
        ensure!(output.status != 0, "podman {arguments} succeeded: {output}");
        Ok(output.stderr)
    }

    pub(crate) fn start(&self, name: &str) -> Result<()> {
        self.podman(&format!(
            "run -d --cap-add net_raw --name {name} --network f1-u box sleep 10000"
        ))?;
        Ok(())
    }

    pub(crate) fn address(&self, name: &str) -> Result<String> {
        let format = "'{{(index .NetworkSettings.Networks \"f1-u\").IPAddress}}'";
        let address = self.podman(&format!("inspect -f {format} {name}"))?;
        Ok(address.trim().to_owned())
    }

    /// How many VFs are lent, by their records.
    pub(crate) fn lent(&self) -> Result<usize> {
        let files = self
            .host
            .run(&format!("ls -p {RECORDS} | grep -v / | wc -l"))?;
        Ok(files.trim().parse()?)
    }

    /// All VFs are here, with what the policy gave them.
    pub(crate) fn assert_as_before(&self) -> Result<()> {
        self.host.run("udevadm settle")?;
        self.host.wait_for(&self.nic.pci(), "ready", 3)?;
        assert_eq!(self.lent()?, 0);
        assert_eq!(as_they_are(&self.host, &self.nic)?, self.before);
        Ok(())
    }

    /// Three containers share the pool, two of them talk, and a fourth is told who has it.
    pub(crate) fn share_a_pool_of_three(&self) -> Result<()> {
        for name in ["a", "b", "c"] {
            self.start(name)?;
        }
        let vfs = self.host.vfs(&self.nic.netdev())?;
        assert!(
            vfs.iter().all(|vf| vf["vlan_list"][0]["vlan"] == 7),
            "{vfs:#?}"
        );
        let (a, b) = (self.address("a")?, self.address("b")?);
        ensure!(a.starts_with("10.56.217.") && a != b, "{a} {b}");
        self.podman(&format!("exec a ping -c 1 -W 20 {b}"))?;

        let error = self.refused("run --rm --name d --network f1-u box sleep 1")?;
        for says in [
            "pool intelnics has no free VF",
            "container a",
            "container b",
            "container c",
        ] {
            ensure!(error.contains(says), "{says:?} is not in: {error}");
        }
        assert_eq!(self.lent()?, 3);
        let left = self.podman("ps --all --format '{{.Names}}'")?;
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
        Ok(())
    }

    /// Each of them ends in its own way, and all VFs are as they were.
    pub(crate) fn end_each_in_its_own_way(&self) -> Result<()> {
        self.podman("stop -t 0 a")?;
        assert_eq!(self.lent()?, 2);
        self.podman("start a")?;
        assert_eq!(self.lent()?, 3);
        self.podman("kill -s KILL b")?;
        self.wait_until_lent(2)?;
        self.podman("rm -f -t 0 a b c")?;
        self.assert_as_before()
    }

    /// Ends the guest at once. Another one boots, with the NIC in its slot and these files on its disk.
    pub(crate) fn cut_the_power(self, files: &Files) -> Result<Self> {
        let Self { host, nic, before } = self;
        drop(host);
        let guest = PowerOn::new().nic(nic.clone()).files(files).boot()?;
        let host = Host::from(guest);
        Ok(Self { host, nic, before })
    }

    pub(crate) fn wait_until_lent(&self, vfs: usize) -> Result<()> {
        self.host.wait(&format!(
            "[ $(ls -p {RECORDS} | grep -v / | wc -l) = {vfs} ]"
        ))
    }
}

/// All VFs as the PF and the host's own interfaces show them.
pub(crate) fn as_they_are(host: &Host, nic: &Nic) -> Result<Value> {
    let own = (0..3).map(|vf| {
        let link = host.link(&nic.vf_netdev(vf))?;
        let keys = ["ifname", "address", "mtu", "operstate"];
        Ok(json!(keys.map(|key| link[key].clone())))
    });
    let own: Vec<_> = own.collect::<Result<_>>()?;
    Ok(json!([host.vfs(&nic.netdev())?, own]))
}
