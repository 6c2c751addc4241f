//! A host on which something happens all the time, at random: after every few events the agent has come to rest, what is
//! in use and what others read is still there, and over the whole time it does not grow.

#[path = "soak/fault.rs"]
mod fault;
#[path = "host.rs"]
mod host;
#[path = "lab/mod.rs"]
mod lab;
#[path = "soak/outside.rs"]
mod outside;
#[path = "random.rs"]
mod random;
#[path = "soak/stranger.rs"]
mod stranger;

use anyhow::{Context, Result, ensure};
use fault::Fault;
use host::{Footprint, Host};
use lab::Nic;
use outside::Outside;
use random::Random;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};
use stranger::Stranger;

const SLOTS: u64 = 3;
/// Events between two looks at whether all is well.
const EVENTS: u32 = 8;
/// Looks after which nothing new is kept. The largest of them counts: memory differs by a megabyte from look to look, also
/// right after a restart of the agent.
const WARM_UP: u32 = 6;
/// In KiB: within 20 looks of one process, the allocator's arenas of its threads reach their size, and stay so.
const ALLOCATOR_GROWTH: u64 = 768;

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
    /// Whose first VF is in another network namespace.
    held: BTreeSet<u8>,
    /// What lasts until all comes to rest.
    faults: Vec<Fault>,
    strangers: Vec<(Stranger, u8)>,
}

impl Soak {
    fn new(seed: u64) -> Result<Self> {
        let mut soak = Self {
            random: Random::new(seed),
            host: Host::installed()?,
            plugged: BTreeSet::new(),
            num_vfs: 0,
            held: BTreeSet::new(),
            faults: Vec::new(),
            strangers: Vec::new(),
        };
        soak.host.run("ip netns add blue")?;
        soak.edit()?;
        soak.host.start()?;
        Ok(soak)
    }

    fn run(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        let mut largest = Footprint::default();
        for look in 1.. {
            for _ in 0..EVENTS {
                self.event()?;
                self.assert_held()?;
            }
            self.come_to_rest()?;
            self.fail_a_read()?;
            self.come_to_rest()?;
            self.let_a_stranger_in()?;
            let footprint = self.come_to_rest()?;
            println!("all is well; {footprint:?}");
            if look <= WARM_UP {
                largest = largest.or(&footprint);
                continue;
            }
            let allowed = largest.with_memory(ALLOCATOR_GROWTH);
            self.host.wait_until_no_larger_than(&allowed)?;
            if Instant::now() > end {
                break;
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<()> {
        let slot = self.random.below(SLOTS) as u8;
        let nic = Nic::igb(slot);
        let (pf, vf) = (nic.netdev(), nic.vf_netdev(0));
        let kind = self.random.below(11);
        let pause = Duration::from_millis(self.random.below(2000));
        let what = match kind {
            0..=2 if self.plugged.contains(&slot) => {
                // Linux 6.12 waits for itself for ever if a NIC is unplugged just when its VFs are about to be made or
                // removed: who does that takes the lock of the PF and then that of all PCI hotplug, who unplugs the
                // other way round. So no pass is at work meanwhile.
                self.end_faults()?;
                self.wait_until_at_rest(&nic)?;
                self.host.unplug(&nic)?;
                self.plugged.remove(&slot);
                self.held.remove(&slot);
                self.strangers.retain(|(_, of)| *of != slot);
                format!("unplug {pf}")
            }
            0..=2 => {
                self.plugged.insert(slot);
                self.host.plug(nic)?;
                format!("plug {pf}")
            }
            3 | 4 => self.edit()?,
            // The others may come at a time when there is no such VF: then nothing happens.
            5 => {
                // VFs that are just being removed can be taken, and go all the same: the kernel's own affair.
                let (what, is_done) = self.attempt(&format!(
                    "timeout 20 sriovctl reload && {{ timeout 60 sriovctl apply {pf} || [ $? = 3 ]; }} \\
                     && ip link set {vf} netns blue"
                ))?;
                if is_done {
                    self.held.insert(slot);
                }
                what
            }
            6 => {
                let (what, is_done) = self.attempt(&format!("ip -n blue link set {vf} netns 1"))?;
                if is_done {
                    self.held.remove(&slot);
                }
                what
            }
            7 => {
                self.attempt(&format!("ip link set {pf} vf 0 vlan 7 trust on"))?
                    .0
            }
            8 => {
                let stranger = Stranger::any_of_pf(&mut self.random);
                match stranger.begin(&self.host, &nic) {
                    Ok(_) => {
                        self.strangers.push((stranger, slot));
                        format!("{stranger} {pf}")
                    }
                    Err(_) => format!("{stranger} {pf} (in vain)"),
                }
            }
            9 => self.attempt("systemctl restart sriovd")?.0,
            _ => {
                let fault = Fault::any(&mut self.random, &nic);
                let what = fault.to_string();
                let begun = fault.begin(&self.host)?;
                let vain = if begun.is_some() { "" } else { " (in vain)" };
                self.faults.extend(begun);
                format!("{what}{vain}")
            }
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

    /// What was tried, and whether it was done.
    fn attempt(&self, command: &str) -> Result<(String, bool)> {
        let output = self.host.try_run(command)?;
        let is_done = output.status == 0;
        let result = if is_done { "" } else { " (in vain)" };
        Ok((format!("{command}{result}"), is_done))
    }

    fn edit(&mut self) -> Result<String> {
        self.num_vfs = 2 + self.random.below(6) as u16;
        let vlan = 100 + self.random.below(3);
        let driver = self.random.one_of(&["netdevice", "vfio-pci"]);
        let none = self.random.one_of(&["", "device_type = \"any\""]);
        let matching = self
            .random
            .one_of(&["vendor = \"8086\"", "pf_name = \"enp*\""]);
        let policy = format!(
            r#"
[[policy]]
name = "fast"
resource = "fast"
num_vfs = {num_vfs}
vfs = "0"
{none}
vlan = {vlan}
trust = false
match.{matching}

[[policy]]
name = "rest"
resource = "rest"
num_vfs = {num_vfs}
vfs = "1-{last}"
device_type = "{driver}"
match.{matching}

[[network]]
name = "f1-u"
resource = "fast"
"#,
            num_vfs = self.num_vfs,
            last = self.num_vfs - 1,
        );
        self.host.policy("10-soak.toml", &policy)?;
        let num_vfs = self.num_vfs;
        Ok(format!(
            "edit: {num_vfs} VFs, VLAN {vlan}, {driver} {none}, {matching}"
        ))
    }

    /// A VF in use stays, whatever happens.
    fn assert_held(&self) -> Result<()> {
        for &slot in &self.held {
            let vf = Nic::igb(slot).vf_netdev(0);
            let there = self.host.try_run(&format!("ip -n blue link show {vf}"))?;
            ensure!(there.status == 0, "{vf} was lost while it was in use");
        }
        Ok(())
    }

    /// One that is plugged.
    fn any_nic(&mut self) -> Option<Nic> {
        let plugged: Vec<u8> = self.plugged.iter().copied().collect();
        (!plugged.is_empty()).then(|| Nic::igb(self.random.one_of(&plugged)))
    }

    /// What makes the agent look and read again.
    fn poke(&mut self, nic: &Nic) -> Result<()> {
        let trigger = format!(
            "udevadm trigger -c change /sys/bus/pci/devices/{}",
            nic.pci()
        );
        let poke = self.random.one_of(&[
            "timeout 10 sriovctl apply",
            "timeout 10 sriovctl reload",
            "touch /etc/sriov.d/10-soak.toml",
            &trigger,
        ]);
        self.host.try_run(poke)?;
        std::thread::sleep(Duration::from_millis(500 + self.random.below(2000)));
        Ok(())
    }

    /// Nothing that is there is withdrawn for it.
    fn fail_a_read(&mut self) -> Result<()> {
        let Some(nic) = self.any_nic() else {
            return Ok(());
        };
        let outside = Outside::now(&self.host)?;
        let fault = Fault::any(&mut self.random, &nic);
        let what = fault.to_string();
        let Some(fault) = fault.begin(&self.host)? else {
            println!("at rest: {what} (in vain)");
            return Ok(());
        };
        println!("at rest: {what}");
        for _ in 0..2 {
            self.poke(&nic)?;
            outside.assert_still(&self.host, &what)?;
        }
        fault.end(&self.host)?;
        self.poke(&nic)?;
        outside.assert_still(&self.host, &format!("{what}, and no more"))
    }

    /// What is his stays his, and all is as before when he has gone.
    fn let_a_stranger_in(&mut self) -> Result<()> {
        let Some(nic) = self.any_nic() else {
            return Ok(());
        };
        let outside = Outside::now(&self.host)?;
        let stranger = Stranger::any(&mut self.random);
        let what = format!("{stranger} of {}", nic.netdev());
        println!("at rest: {what}");
        let stays = stranger.begin(&self.host, &nic)?;
        for _ in 0..2 {
            self.poke(&nic)?;
            self.host.run(&stays).with_context(|| what.clone())?;
            if !stranger.takes_a_vf() {
                outside.assert_again(&self.host, &what)?;
            }
        }
        stranger.end(&self.host, &nic)?;
        outside.assert_again(&self.host, &format!("{what}, and no more"))
    }

    fn end_faults(&mut self) -> Result<()> {
        for fault in self.faults.drain(..) {
            fault.end(&self.host)?;
        }
        Ok(())
    }

    /// Everybody lets go of everything, and nothing else happens: then all is as the policies want it.
    fn come_to_rest(&mut self) -> Result<Footprint> {
        self.end_faults()?;
        for (stranger, slot) in std::mem::take(&mut self.strangers) {
            stranger.end(&self.host, &Nic::igb(slot))?;
        }
        self.assert_held()?;
        self.held.clear();
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
        self.assert_nothing_waits()?;
        self.host.footprint()
    }

    /// No event that the kernel has told of waits to be read.
    fn assert_nothing_waits(&self) -> Result<()> {
        self.host.wait(
            "process=$(systemctl show -P MainPID sriovd)
             for socket in $(ls -l /proc/$process/fd | sed -n 's/.*socket:\\[\\([0-9]*\\)\\]/\\1/p'); do
               awk -v socket=$socket '$10 == socket && $5 > 0 { exit 1 }' /proc/net/netlink || exit 1
             done",
        )
    }
}
