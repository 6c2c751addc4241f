//! What scenarios with containers have in common.

use crate::host::{Host, PATIENCE};
use crate::lab::{Debian, Files, Nic, PowerOn};
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

/// The same, and a network of that pool which the agent describes.
pub(crate) fn described() -> String {
    format!(
        "{POLICY}[[network]]\nname = \"f1-u\"\nresource = \"intelnics\"\nvlan = 7\nspoof_check = true\n\
         ipam = {{ type = \"host-local\", subnet = \"10.56.217.0/24\" }}\n"
    )
}

/// For who has CNI; the network of podman itself is no VF's.
pub(crate) const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";

/// What a host keeps when its power goes, as far as it matters here.
const DISK: &str = "/etc/sriov.d /etc/containers /var/lib/containers /var/lib/cni /var/lib/sriovd";

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
        Ok(self.addresses(name)?.trim().to_owned())
    }

    /// One a line.
    fn addresses(&self, names: &str) -> Result<String> {
        let format = "'{{(index .NetworkSettings.Networks \"f1-u\").IPAddress}}'";
        self.podman(&format!("inspect -f {format} {names}"))
    }

    /// How many VFs are allocated, by their records.
    pub(crate) fn allocated(&self) -> Result<usize> {
        let files = self
            .host
            .run(&format!("ls -p {RECORDS} | grep -v / | wc -l"))?;
        Ok(files.trim().parse()?)
    }

    /// All VFs are here, with what the policy gave them.
    pub(crate) fn assert_as_before(&self) -> Result<()> {
        self.host.run("udevadm settle")?;
        self.host.wait_for(&self.nic.pci(), "ready", 3)?;
        assert_eq!(self.allocated()?, 0);
        assert_eq!(as_they_are(&self.host, &self.nic)?, self.before);
        Ok(())
    }

    /// Three containers share the pool, two of them talk, and a fourth is told who has it. Returns what one of them sees of
    /// its interface.
    pub(crate) fn share_a_pool_of_three(&self) -> Result<String> {
        for name in ["a", "b", "c"] {
            self.start(name)?;
        }
        let vfs = self.host.vfs(&self.nic.netdev())?;
        assert!(
            vfs.iter().all(|vf| vf["vlan_list"][0]["vlan"] == 7),
            "{vfs:#?}"
        );
        let addresses = self.addresses("a b")?;
        let (a, b) = addresses.trim().split_once('\n').context("not two")?;
        ensure!(a.starts_with("10.56.217.") && a != b, "{a} {b}");
        let seen = self.podman(&format!(
            "exec a sh -c 'ping -c 1 -W 20 {b} && ip link show eth0'"
        ))?;

        let error = self.refused("run --rm --name d --network f1-u box sleep 1")?;
        for says in [
            "pool intelnics has no free VF",
            "container a",
            "container b",
            "container c",
        ] {
            ensure!(error.contains(says), "{says:?} is not in: {error}");
        }
        assert_eq!(self.allocated()?, 3);
        let left = self.podman("ps --all --format '{{.Names}}'")?;
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
        Ok(seen)
    }

    /// Each of them ends in its own way, and all VFs are as they were.
    pub(crate) fn end_each_in_its_own_way(&self) -> Result<()> {
        self.podman("stop -t 0 a")?;
        assert_eq!(self.allocated()?, 2);
        self.podman("start a")?;
        assert_eq!(self.allocated()?, 3);
        self.podman("kill -s KILL b")?;
        self.wait_until_lent(2)?;
        self.podman("rm -f -t 0 a b c")?;
        self.assert_as_before()
    }

    /// As vf-operator's README has it: beside podman's own network, under a name of the user's choice or none.
    pub(crate) fn join_a_second_network(&self) -> Result<()> {
        let listed = self.podman("network ls --format '{{.Name}}'")?;
        ensure!(listed.lines().any(|name| name == "f1-u"), "{listed}");
        let links = |network: &str| {
            self.podman(&format!(
                "run --rm --net podman --net {network} box ip -o link"
            ))
        };
        // Podman 4 numbers them in any order. That of podman's own network has a peer, and shows it.
        let unnamed = links("f1-u")?;
        let is_there = |text: &str| unnamed.contains(text);
        ensure!(
            is_there(" eth0: ") && is_there(" eth1@") || is_there(" eth1: ") && is_there(" eth0@"),
            "{unnamed}"
        );
        let named = links("f1-u:interface_name=f1-u")?;
        ensure!(named.contains(" f1-u: "), "{named}");
        assert_eq!(self.allocated()?, 0);
        Ok(())
    }

    /// The NIC is pulled from under two running containers, and put back.
    pub(crate) fn lose_the_nic(&self) -> Result<()> {
        let host = &self.host;
        self.start("a")?;
        self.start("b")?;
        host.unplug(&self.nic)?;
        host.wait(&format!(
            "test ! -e {CONFLIST} -a ! -e /etc/pcidp/config.json"
        ))?;
        self.wait_until_lent(0)?;
        self.podman("rm -f -t 0 b")?;
        host.plug_and_wait(self.nic.clone(), &self.nic.pci(), 3)?;
        self.assert_as_before()?;
        self.wait_until_published()
    }

    /// The power goes while two containers run: `a`, which is there, and `b`. Another guest boots, with the NIC in its
    /// slot and the disk as it was.
    pub(crate) fn lose_the_power(self, debian: Debian) -> Result<Self> {
        self.podman("restart -t 0 a")?;
        self.start("b")?;
        assert_eq!(self.allocated()?, 2);
        let mut files = Files::sriovd()?.with_plugins()?;
        self.host.run(&format!(
            "tar --create --file /run/disk.tar {DISK} 2>/dev/null"
        ))?;
        files.add(self.host.get("/run/disk.tar")?, "/disk.tar", 0o600)?;
        files.prepare("tar --extract --file /disk.tar --directory / && rm /disk.tar");
        let Self { host, nic, before } = self;
        drop(host);
        let power_on = PowerOn::new().debian(debian).nic(nic.clone());
        let host = Host::from(power_on.files(&files).boot()?);
        let again = Self { host, nic, before };
        again.assert_as_before()?;
        let host = &again.host;
        host.wait_for_journal("released: container a (network f1-u) ended")?;
        again.wait_until_published()?;
        again.podman("start a")?;
        assert_eq!(again.allocated()?, 1);
        again.podman("rm -f -t 0 a b")?;
        again.assert_as_before()?;
        Ok(again)
    }

    fn wait_until_published(&self) -> Result<()> {
        self.host
            .wait(&format!("test -e {CONFLIST} -a -e /etc/pcidp/config.json"))
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
