//! A guest with sriovd on it, and what scenarios ask of both.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "several crates share this, and neither uses all of it"
)]

use crate::lab::{Guest, Hotplug, Nic};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ops::Deref;
use std::thread;
use std::time::{Duration, Instant};

/// Software emulation on a busy machine: generous, and never waited out when all is well.
pub const PATIENCE: Duration = Duration::from_secs(240);

const NODE_STATE: &str = "/run/sriovd/state.json";

/// A running guest whose agent is the one under test.
pub struct Host {
    guest: Guest,
}

/// A place in the journal.
pub struct JournalEnd(String);

/// What the agent holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Footprint {
    files: u64,
    /// In KiB; what it has of its own, without the pages of files that the kernel may drop.
    memory: u64,
}

impl Footprint {
    pub fn with_memory(self, more: u64) -> Self {
        Self {
            memory: self.memory + more,
            ..self
        }
    }

    /// The larger of each.
    pub fn or(self, other: &Self) -> Self {
        Self {
            files: self.files.max(other.files),
            memory: self.memory.max(other.memory),
        }
    }
}

impl JournalEnd {
    fn show(&self, how: &str) -> String {
        format!(
            "journalctl -u sriovd --no-pager {how} --after-cursor='{}'",
            self.0
        )
    }
}

impl Deref for Host {
    type Target = Guest;
    fn deref(&self) -> &Guest {
        &self.guest
    }
}

/// A guest that brought the agent up by itself.
impl From<Guest> for Host {
    fn from(guest: Guest) -> Self {
        Self { guest }
    }
}

impl Host {
    /// The agent running, with this policy file.
    pub fn with_policy(policy: &str) -> Result<Self> {
        let host = Self::running()?;
        host.policy("10-test.toml", policy)?;
        host.reload()?;
        Ok(host)
    }

    /// The same on a host that has the container plugins.
    pub fn with_plugins(policy: &str) -> Result<Self> {
        let host = Self::running()?;
        host.install_plugins()?;
        host.policy("10-test.toml", policy)?;
        host.reload()?;
        Ok(host)
    }

    pub fn running() -> Result<Self> {
        Guest::with_sriovd_running(Hotplug::Acpi).map(Self::from)
    }

    pub fn installed() -> Result<Self> {
        Guest::with_sriovd(Hotplug::Acpi).map(Self::from)
    }

    pub fn start(&self) -> Result<()> {
        self.run_for("systemctl start sriovd", PATIENCE).map(drop)
    }

    /// Fails for a file that cannot be used.
    fn reload(&self) -> Result<()> {
        self.run_for("sriovctl reload", PATIENCE).map(drop)
    }

    /// Replaces a file in `/etc/sriov.d`, as an editor does.
    pub fn policy(&self, name: &str, text: &str) -> Result<()> {
        self.put(text, &format!("/etc/sriov.d/.{name}.new"), 0o644)?;
        self.run(&format!("cd /etc/sriov.d && mv .{name}.new {name}"))
            .map(drop)
    }

    /// The PF's status as `sriovctl status --json` tells it.
    pub fn status(&self, pf: &str) -> Result<Value> {
        let output = self.try_run("sriovctl status --json")?;
        let status: Value = serde_json::from_str(&output.stdout)
            .with_context(|| format!("{}{}", output.stdout, output.stderr))?;
        let pfs = status["pfs"].as_array().context("no pfs")?;
        let is = |it: &&Value| it["address"] == pf || it["interface"] == pf;
        Ok(pfs.iter().find(is).cloned().unwrap_or(Value::Null))
    }

    /// Waits until the PF has this state and so many VFs ready; on time-out the journal is shown.
    pub fn wait_for(&self, pf: &str, state: &str, vfs_ready: u16) -> Result<()> {
        self.wait_for_pf(pf, |it| {
            it["state"] == state && it["vfs_ready"] == vfs_ready
        })
        .with_context(|| format!("{pf} is not {state} with {vfs_ready} VFs ready"))
    }

    /// Waits until the PF is refused what is wanted for these reasons and no other: what is only waited for comes and goes
    /// beside them.
    pub fn wait_for_refusal(&self, pf: &str, vfs_ready: u16, reasons: &[&str]) -> Result<()> {
        self.wait_for_pf(pf, |it| {
            let problems = it["problems"].as_array().into_iter().flatten();
            it["state"] == "refused"
                && it["vfs_ready"] == vfs_ready
                && problems.map(|it| &it["reason"]).eq(reasons)
        })
        .with_context(|| format!("{pf} is not refused with {vfs_ready} VFs ready: {reasons:?}"))
    }

    /// Waits until the PF is told of so; on time-out the journal is shown.
    pub fn wait_for_pf(&self, pf: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let is_told_so = |status: &Value| {
            let mut pfs = status["pfs"].as_array().into_iter().flatten();
            pfs.any(|it| (it["address"] == pf || it["interface"] == pf) && is_so(it))
        };
        self.wait_for_status(is_told_so)
            .with_context(|| self.journal().unwrap_or_default())
    }

    /// Waits for a status that is so, by the agent's own events.
    fn wait_for_status(&self, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut watch = self.spawn("exec sriovctl status --watch --json")?;
            let left = || deadline.saturating_duration_since(Instant::now());
            while let Some(line) = watch.next_line(left())? {
                if is_so(&serde_json::from_str(&line)?) {
                    return Ok(());
                }
            }
            // An agent that has just started, or ended, does not answer yet, or any more.
            thread::sleep(Duration::from_millis(300));
        }
        bail!("out of time")
    }

    pub fn footprint(&self) -> Result<Footprint> {
        let numbers = self.run(
            "process=/proc/$(systemctl show -P MainPID sriovd)
             ls $process/fd | wc -l; awk '/RssAnon/ { print $2 }' $process/status",
        )?;
        let mut numbers = numbers.split_whitespace();
        let mut next = || numbers.next().context("too few numbers");
        Ok(Footprint {
            files: next()?.parse()?,
            memory: next()?.parse()?,
        })
    }

    /// Waits until it holds no more than then: files of what is just ending are still open for a moment.
    pub fn wait_until_no_larger_than(&self, then: &Footprint) -> Result<()> {
        let Footprint { files, memory } = then;
        let waited = self.wait(&format!(
            "process=/proc/$(systemctl show -P MainPID sriovd)
             [ $(ls $process/fd | wc -l) -le {files} ] \\
             && [ $(awk '/RssAnon/ {{ print $2 }}' $process/status) -le $(({memory} + 512)) ]"
        ));
        waited.with_context(|| format!("{then:?} became {:?}", self.footprint()))
    }

    /// Runs a script while the agent stands still.
    pub fn behind_the_agents_back(&self, script: &str) -> Result<()> {
        self.run(&format!(
            "systemctl kill --signal=STOP sriovd; {script}; udevadm settle; systemctl kill --signal=CONT sriovd"
        ))
        .map(drop)
    }

    /// Waits for a shell condition; on time-out the journal is shown.
    pub fn wait(&self, condition: &str) -> Result<()> {
        let waited = self.wait_until(&format!("{{ {condition}; }} >/dev/null 2>&1"), PATIENCE);
        waited.with_context(|| self.journal().unwrap_or_default())
    }

    pub fn wait_for_journal(&self, text: &str) -> Result<()> {
        self.wait(&format!(
            "journalctl -u sriovd -o cat | grep -qF -- '{text}'"
        ))
    }

    /// The journal's end: what comes later can be told from what was there.
    pub fn journal_end(&self) -> Result<JournalEnd> {
        let shown = self.run("journalctl -u sriovd -n 0 --show-cursor -o cat")?;
        let cursor = shown.trim().strip_prefix("-- cursor: ");
        Ok(JournalEnd(cursor.context(shown.clone())?.to_owned()))
    }

    pub fn journal_after(&self, end: &JournalEnd) -> Result<String> {
        self.run(&end.show("-o cat"))
    }

    /// Waits for a new entry that contains a text.
    pub fn wait_for_news(&self, end: &JournalEnd, text: &str) -> Result<()> {
        self.wait(&format!("{} | grep -qF -- '{text}'", end.show("-o cat")))
    }

    /// What made the agent do the last of its new changes of this kind.
    pub fn trigger_of(&self, end: &JournalEnd, action: &str) -> Result<String> {
        let select = format!(
            r#"select((.SRIOV_ACTION // "" | contains("{action}")) and .SRIOV_TRIGGER) | .SRIOV_TRIGGER"#
        );
        let triggers = self.run(&format!("{} | jq -r '{select}'", end.show("-o json")))?;
        let last = triggers.lines().last();
        Ok(last
            .with_context(|| format!("nobody did {action}"))?
            .to_owned())
    }

    /// Waits until a condition of jq holds for a VF as its PF reports it.
    pub fn wait_for_vf(&self, pf: &str, index: usize, condition: &str) -> Result<()> {
        let select = format!(".[0].vfinfo_list[{index}] | {condition}");
        self.wait(&format!("ip -j -d link show {pf} | jq -e '{select}'"))
    }

    /// The sentence of `systemctl status`.
    pub fn status_text(&self) -> Result<String> {
        self.run("systemctl show --property StatusText --value sriovd")
    }

    /// Waits until that sentence contains a text. It goes out behind a queue.
    pub fn wait_for_status_text(&self, text: &str) -> Result<()> {
        let show = "systemctl show --property StatusText --value sriovd";
        self.wait(&format!("{show} | grep -qF -- '{text}'"))
            .with_context(|| format!("{text}: {}", self.status_text().unwrap_or_default()))
    }

    /// How many entries contain a text.
    pub fn count_in_journal(&self, text: &str) -> Result<usize> {
        let count = format!("journalctl -u sriovd -o cat | grep -cF -- '{text}' || true");
        Ok(self.run(&count)?.trim().parse()?)
    }

    pub fn journal(&self) -> Result<String> {
        self.run("journalctl -u sriovd -o short-monotonic --no-pager; sriovctl status; dmesg | grep -e igb -e vfio | tail -n 40")
    }

    /// `ip -j -d link show` of one interface, which udev may be about to give its name.
    pub fn link(&self, interface: &str) -> Result<Value> {
        let show = format!("ip -j -d link show {interface}");
        let text = self.run(&format!(
            "{show} 2>/dev/null || {{ udevadm settle; {show}; }}"
        ))?;
        let mut links: Vec<Value> = serde_json::from_str(&text)?;
        links.pop().context("no such link")
    }

    /// One VF as its PF reports it: an entry of `vfinfo_list`.
    pub fn vf(&self, pf: &str, index: usize) -> Result<Value> {
        let link = self.link(pf)?;
        Ok(link["vfinfo_list"][index].clone())
    }

    /// All VFs as their PF reports them.
    pub fn vfs(&self, pf: &str) -> Result<Vec<Value>> {
        let vfs = self.link(pf)?["vfinfo_list"].take();
        Ok(serde_json::from_value(vfs).unwrap_or_default())
    }

    pub fn num_vfs(&self, nic: &Nic) -> Result<u16> {
        let file = format!("cat /sys/bus/pci/devices/{}/sriov_numvfs", nic.pci());
        Ok(self.run(&file)?.trim().parse()?)
    }

    /// The driver bound to a PCI device, empty for none.
    pub fn driver(&self, device: &str) -> Result<String> {
        let link = format!("readlink /sys/bus/pci/devices/{device}/driver || true");
        let target = self.run(&link)?;
        Ok(target
            .trim()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned())
    }

    /// The PCI address of a VF.
    pub fn vf_address(&self, pf: &str, index: u16) -> Result<String> {
        let link = format!("basename $(readlink /sys/bus/pci/devices/{pf}/virtfn{index})");
        Ok(self.run(&link)?.trim().to_owned())
    }

    /// The interface indexes of the VFs: others than before are other VFs.
    pub fn vf_interfaces(&self, pf: &str) -> Result<String> {
        self.run(&format!(
            "cat /sys/bus/pci/devices/{pf}/virtfn*/net/*/ifindex"
        ))
    }

    pub fn json(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.get(path)?)?)
    }

    /// Every scenario ends with this: one more pass over everything writes nothing, sets nothing,
    /// and says nothing.
    pub fn assert_second_pass_is_empty(&self) -> Result<()> {
        self.run("udevadm settle")?;
        // What those events set off is over when another pass is.
        self.try_run("sriovctl apply")?;
        // A link that comes up meanwhile is in the node state, and no pass's doing: that file, and
        // no other, may be written once more.
        let but_node_state = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.starts_with(NODE_STATE));
            lines.map(str::to_owned).collect()
        };
        for attempt in 1.. {
            let before = self.fingerprint()?;
            self.try_run("sriovctl apply")?;
            let after = self.fingerprint()?;
            if before == after {
                break;
            }
            ensure!(
                attempt < 4 && but_node_state(&before) == but_node_state(&after),
                "the second pass did something:\n{before}\n---\n{after}"
            );
        }
        let plan = self.try_run("sriovctl plan --json")?;
        let plan: Value = serde_json::from_str(&plan.stdout)?;
        for pf in plan["pfs"].as_array().context("no pfs")? {
            ensure!(
                pf["steps"] == Value::Array(Vec::new()),
                "steps are left: {pf:#}"
            );
        }
        Ok(())
    }

    /// Files with their inodes, the journal's length, and the number of kernel events so far.
    fn fingerprint(&self) -> Result<String> {
        self.run(
            "stat -c '%n %i %y' /etc/cni/net.d/* /etc/pcidp/* /run/sriovd/state.json \
                 /var/lib/sriovd/* /run/sriovd/managed/* 2>/dev/null
             journalctl -u sriovd -o cat | wc -l
             cat /sys/kernel/uevent_seqnum",
        )
    }

    pub fn plug_and_wait_until_unmanaged(&self, nic: Nic, pf: &str) -> Result<Nic> {
        let nic = self.plug(nic)?;
        self.wait_for(pf, "unmanaged", 0)?;
        Ok(nic)
    }

    pub fn plug_and_wait(&self, nic: Nic, pf: &str, vfs: u16) -> Result<Nic> {
        let nic = self.plug(nic)?;
        self.wait_for(pf, "ready", vfs)?;
        // The VFs' netdevs have their names when udev is done.
        self.run("udevadm settle")?;
        Ok(nic)
    }
}
