//! A host on which something happens all the time, at random: after every few events the agent has come to rest, and over
//! the whole time it does not grow.

#[path = "host.rs"]
mod host;
#[path = "lab/mod.rs"]
mod lab;
#[path = "random.rs"]
mod random;

use anyhow::{Context, Result};
use host::{Footprint, Host};
use lab::Nic;
use random::Random;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

const SLOTS: u64 = 3;
/// Events between two looks at whether all is well.
const EVENTS: u32 = 8;
/// Looks after which nothing new is kept.
const WARM_UP: u32 = 4;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let minutes: u64 = arguments
        .next()
        .map_or(Ok(30), |it| it.parse())
        .context("minutes")?;
    let seed = match arguments.next() {
        Some(seed) => seed.parse().context("seed")?,
        None => SystemTime::UNIX_EPOCH.elapsed()?.as_secs(),
    };
    println!("{minutes} minutes from seed {seed}");
    let mut soak = Soak::new(seed)?;
    soak.run(Duration::from_secs(60 * minutes))
        .inspect_err(|_| {
            let waiting = "ps axH -o pid,stat,wchan:30,args | grep ' D'; dmesg | tail -n 50";
            let said = soak.host.try_run(waiting).map(|it| it.stdout);
            eprintln!("{}", soak.host.journal().unwrap_or_default());
            eprintln!("{}", said.unwrap_or_default());
        })
}

struct Soak {
    random: Random,
    host: Host,
    plugged: BTreeSet<u8>,
    num_vfs: u16,
}

impl Soak {
    fn new(seed: u64) -> Result<Self> {
        let mut soak = Self {
            random: Random::new(seed),
            host: Host::installed()?,
            plugged: BTreeSet::new(),
            num_vfs: 0,
        };
        soak.host.run("ip netns add blue")?;
        soak.edit()?;
        soak.host.start()?;
        Ok(soak)
    }

    fn run(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        let mut before: Option<Footprint> = None;
        for look in 1.. {
            for _ in 0..EVENTS {
                self.event()?;
            }
            let footprint = self.come_to_rest()?;
            println!("all is well; {footprint:?}");
            match &before {
                Some(before) => self.host.wait_until_no_larger_than(before)?,
                None if look == WARM_UP => before = Some(footprint),
                None => {}
            }
            if before.is_some() && Instant::now() > end {
                break;
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<()> {
        let slot = self.random.below(SLOTS) as u8;
        let nic = Nic::igb(slot);
        let (pf, vf) = (nic.netdev(), nic.vf_netdev(0));
        let kind = self.random.below(8);
        let pause = Duration::from_millis(self.random.below(2000));
        let what = match kind {
            0..=2 if self.plugged.remove(&slot) => {
                // Linux 6.12 waits for itself for ever if a NIC is unplugged just when its VFs are about to be made or
                // removed: who does that takes the lock of the PF and then that of all PCI hotplug, who unplugs the
                // other way round. So no pass is at work meanwhile.
                self.wait_until_at_rest(&nic)?;
                self.host.unplug(&nic)?;
                format!("unplug {pf}")
            }
            0..=2 => {
                self.plugged.insert(slot);
                self.host.plug(nic)?;
                format!("plug {pf}")
            }
            3 | 4 => self.edit()?,
            // The others may come at a time when there is no such VF: then nothing happens.
            5 => self.attempt(&format!("ip link set {vf} netns blue"))?,
            6 => self.attempt(&format!("ip -n blue link set {vf} netns 1"))?,
            _ => self.attempt(&format!("ip link set {pf} vf 0 vlan 7 trust on"))?,
        };
        println!("{what}; {pause:?}");
        std::thread::sleep(pause);
        Ok(())
    }

    fn wait_until_at_rest(&self, nic: &Nic) -> Result<()> {
        let pci = nic.pci();
        self.host.wait(&format!(
            r#"sriovctl status --json | jq -e '.pfs[] | select(.address == "{pci}")
               | .state == "ready" or .state == "refused"'"#
        ))?;
        self.host.try_run(&format!("sriovctl apply {pci}"))?;
        Ok(())
    }

    fn attempt(&self, command: &str) -> Result<String> {
        let output = self.host.try_run(command)?;
        let result = if output.status == 0 { "" } else { " (in vain)" };
        Ok(format!("{command}{result}"))
    }

    fn edit(&mut self) -> Result<String> {
        self.num_vfs = 2 + self.random.below(6) as u16;
        let vlan = 100 + self.random.below(3);
        let driver = ["netdevice", "vfio-pci"][self.random.below(2) as usize];
        let policy = format!(
            r#"
[[policy]]
name = "fast"
resource = "fast"
num_vfs = {num_vfs}
vfs = "0"
vlan = {vlan}
trust = false
match.vendor = "8086"

[[policy]]
name = "rest"
resource = "rest"
num_vfs = {num_vfs}
vfs = "1-{last}"
device_type = "{driver}"
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "fast"
"#,
            num_vfs = self.num_vfs,
            last = self.num_vfs - 1,
        );
        self.host.policy("10-soak.toml", &policy)?;
        let num_vfs = self.num_vfs;
        Ok(format!("edit: {num_vfs} VFs, VLAN {vlan}, {driver}"))
    }

    /// Everybody lets go of everything, and nothing else happens: then all is as the policies want it.
    fn come_to_rest(&mut self) -> Result<Footprint> {
        self.host.run(
            "for vf in $(ip -n blue -o link | awk -F '[ :]+' '/enp/ { print $2 }'); do
               ip -n blue link set $vf netns 1 || exit
             done",
        )?;
        for &slot in &self.plugged {
            self.host
                .wait_for(&Nic::igb(slot).pci(), "ready", self.num_vfs)?;
        }
        let count = self.plugged.len();
        self.host.wait(&format!(
            "sriovctl status --json | jq -e '.pfs | length == {count}'"
        ))?;
        self.host.assert_second_pass_is_empty()?;
        self.host.footprint()
    }
}
