//! The agent dies, is restarted, or loses its memory: what it set up stays, and what was half done is completed.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use crate::random::Random;
use anyhow::{Context, Result, ensure};
use std::time::Duration;

const PF: &str = "0000:01:00.0";

/// VFs for both kinds of driver, and all outputs.
fn policy(num_vfs: u16, fast: &str, user: &str, vlan: u16) -> String {
    format!(
        r#"
[[policy]]
name = "fast"
resource = "fast"
num_vfs = {num_vfs}
vfs = "{fast}"
trust = true
spoof_check = false
vlan = {vlan}
mac = "stable"
match.vendor = "8086"

[[policy]]
name = "user"
resource = "user"
num_vfs = {num_vfs}
vfs = "{user}"
device_type = "vfio-pci"
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "fast"
vlan = {vlan}
"#
    )
}

fn large() -> String {
    policy(7, "0-3", "4-6", 100)
}

fn small() -> String {
    policy(3, "0-1", "2", 200)
}

/// All that others can see of the PF and of what is written about it.
fn picture(host: &Host) -> Result<String> {
    host.run(&format!(
        "cd /sys/bus/pci/devices/{PF}
         for vf in virtfn*; do
           echo $vf $(readlink $vf) $(basename $(readlink $vf/driver)) $(cat $vf/driver_override)
           cat $vf/net/*/address 2>/dev/null
         done
         cat sriov_drivers_autoprobe
         ip -j -d link show enp1s0 | jq '.[0].vfinfo_list, .[0].mtu, .[0].flags'
         cat /etc/cni/net.d/99-sriovd-f1-u.conflist /etc/pcidp/config.json /run/sriovd/state.json
         ls /run/sriovd/managed"
    ))
}

/// What it remembers as its own.
/// An interface that comes back has another index.
const OWNED: &str = "jq '.pfs | map_values(.brought_up |= (. != null))' /var/lib/sriovd/state.json";

fn converge(host: &Host, vfs: u16) -> Result<String> {
    host.wait_for(PF, "ready", vfs)?;
    host.wait("grep -q 1 /sys/class/net/enp1s0/carrier")?;
    // The outputs follow the pass; a pass over all PFs is told of when they are written.
    host.run("udevadm settle; sriovctl apply")?;
    picture(host)
}

const LEFTOVERS: &str = "find /etc/cni /etc/pcidp /etc/sriov.d /run/sriovd /run/cdi /var/lib/sriovd -name '.*' ! -name '.'";

/// How often it is killed, unless `SRIOVD_VM_KILLS` says otherwise.
const KILLS: u64 = 4;

fn kills() -> Result<u64> {
    match std::env::var("SRIOVD_VM_KILLS") {
        Ok(kills) => kills.parse().context("SRIOVD_VM_KILLS"),
        Err(_) => Ok(KILLS),
    }
}

/// In place of the two seconds that it has on a real host.
const RESTARTS_AT_ONCE: &str = "[Service]\nRestartSec=100ms\n";

/// Kills it after a while, and every other time once more while it completes what was begun. Nobody starts it again: its
/// unit does.
fn killer(random: &mut Random, kill: u64) -> String {
    let mut script = "end() { systemctl kill --signal=KILL sriovd; }".to_owned();
    for _ in 0..=kill % 2 {
        let delay = Duration::from_millis(random.below(3000)).as_secs_f64();
        script += &format!("; sleep {delay}; end");
    }
    script
}

#[test]
fn killed_at_any_moment_it_completes_what_was_begun() -> Result<()> {
    let host = Host::installed()?;
    host.put(
        RESTARTS_AT_ONCE,
        "/run/systemd/system/sriovd.service.d/restart.conf",
        0o644,
    )?;
    host.run("systemctl daemon-reload")?;
    host.policy("10-test.toml", &large())?;
    host.start()?;
    host.plug_and_wait(Nic::igb(0), PF, 7)?;
    let variants = [(large(), 7), (small(), 3)];
    let mut pictures = Vec::new();
    for (text, vfs) in &variants {
        host.policy("10-test.toml", text)?;
        pictures.push(converge(&host, *vfs)? + &host.run(OWNED)?);
    }

    let mut random = Random::new(2);
    for kill in 0..kills()? {
        let variant = kill as usize % 2;
        let (text, vfs) = &variants[variant];
        let killer = host.spawn(&killer(&mut random, kill))?;
        // Not while its VFs are removed: Linux 6.12 would wait for itself for ever.
        let is_replugged = kill % 3 == 2;
        if is_replugged {
            host.unplug(&Nic::igb(0))?;
        }
        host.policy("10-test.toml", text)?;
        if is_replugged {
            host.plug(Nic::igb(0))?;
        }
        killer.wait(PATIENCE)?;
        let now = converge(&host, *vfs).with_context(|| format!("kill {kill}"))?;
        let now = now + &host.run(OWNED)?;
        let expected = &pictures[variant];
        ensure!(
            now == *expected,
            "kill {kill}: {now}\ninstead of\n{expected}\n{}",
            host.journal()?
        );
        let leftovers = host.run(LEFTOVERS)?;
        ensure!(leftovers.is_empty(), "kill {kill}: {leftovers}");
    }
    host.assert_second_pass_is_empty()
}

#[test]
fn what_a_killed_agent_left_unfinished_is_swept_away() -> Result<()> {
    let host = Host::with_policy(&large())?;
    host.plug_and_wait(Nic::igb(0), PF, 7)?;
    let before = converge(&host, 7)?;
    host.run("systemctl stop sriovd")?;
    host.run(
        "for file in /etc/cni/net.d/99-sriovd-f1-u.conflist /etc/pcidp/config.json /run/sriovd/state.json \
                     /var/lib/sriovd/state.json /var/lib/sriovd/last-good.json; do
           echo '{' > $(dirname $file)/.sriovd-$(basename $file).tmp
         done",
    )?;
    ensure!(!host.run(LEFTOVERS)?.is_empty());
    host.start()?;
    ensure!(host.run(LEFTOVERS)?.is_empty(), "{}", host.run(LEFTOVERS)?);
    ensure!(picture(&host)? == before);
    host.assert_second_pass_is_empty()
}

/// The shipped unit, with every call in its trace that could change something.
const TRACED: &str = "[Service]
SystemCallFilter=@debug
ExecStart=
ExecStart=/usr/bin/strace -D -f --seccomp-bpf -qq -s 64 -o /run/sriovd/trace \
-e trace=%%net,creat,openat,openat2,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,\
symlink,symlinkat,mknod,mknodat,truncate,ftruncate,chmod,fchmod,fchmodat,utimensat,setxattr,fallocate /usr/sbin/sriovd
";

const LOCK: &str = "/run/sriovd/lock";

/// Whether a line of the trace tells of a change, or of an attempt that had no end.
fn changes_something(line: &str) -> bool {
    let failed = line.contains(" = -1 E");
    let own_socket = line.contains("/run/sriovd/sriovd.sock");
    let Some((name, _)) = line.split_once('(') else {
        return false;
    };
    let name = name.rsplit(' ').next().unwrap_or_default();
    if failed || own_socket {
        return false;
    }
    match name {
        "openat" | "openat2" => ["O_WRONLY", "O_RDWR", "O_CREAT"]
            .iter()
            .any(|flag| line.contains(flag)),
        // Requests to rtnetlink: links and addresses are read, never set.
        "sendto" | "sendmsg" | "sendmmsg" => {
            let reads = [
                "0x12",
                "0x16",
                "0x5a",
                "RTM_GETLINK",
                "RTM_GETADDR",
                "RTM_GETNSID",
            ];
            // Of a generic family, every change is one that the kernel must acknowledge.
            let reads_generic = line.contains("NLMSG_???") && !line.contains("NLM_F_ACK");
            line.contains("nlmsg_type=")
                && !reads_generic
                && !reads
                    .iter()
                    .any(|read| line.contains(&format!("nlmsg_type={read}")))
        }
        "socket" | "bind" | "connect" | "listen" | "accept" | "accept4" | "getsockname"
        | "getsockopt" | "setsockopt" | "recvfrom" | "recvmsg" | "recvmmsg" | "socketpair"
        | "shutdown" | "getpeername" => false,
        _ => true,
    }
}

#[test]
fn restarted_on_a_host_that_is_as_it_should_be_it_writes_nothing() -> Result<()> {
    let host = Host::with_policy(&large())?;
    host.plug_and_wait(Nic::igb(0), PF, 7)?;
    converge(&host, 7)?;
    host.assert_second_pass_is_empty()?;
    host.run("systemctl stop sriovd")?;
    let state = "cat /sys/kernel/uevent_seqnum
         stat -c '%n %i %y %z' /etc/cni/net.d/* /etc/pcidp/* /run/sriovd/state.json /run/sriovd/managed/* /var/lib/sriovd/*";
    let before = host.run(state)?;

    host.put(
        TRACED,
        "/run/systemd/system/sriovd.service.d/traced.conf",
        0o644,
    )?;
    // It returns when READY=1 has come.
    host.run_for("systemctl daemon-reload; systemctl start sriovd", PATIENCE)?;
    host.wait_for(PF, "ready", 7)?;
    let after = host.run(state)?;
    ensure!(before == after, "{before}\n---\n{after}");

    let trace = host.run("cat /run/sriovd/trace")?;
    for expected in [
        "/sys/bus/pci/devices",
        "nlmsg_type=",
        "/etc/sriov.d/10-test.toml",
    ] {
        ensure!(
            trace.contains(expected),
            "{expected:?} is not in the trace:\n{trace}"
        );
    }
    // Which process is the one agent is written anew with every start.
    let others = trace.lines().filter(|line| !line.contains(LOCK));
    let changes: Vec<&str> = others.filter(|line| changes_something(line)).collect();
    ensure!(changes.is_empty(), "{changes:#?}");
    host.assert_second_pass_is_empty()
}

#[test]
fn a_damaged_or_foreign_memory_is_set_aside_and_told_of_and_nothing_is_torn_down() -> Result<()> {
    let host = Host::with_policy(&large())?;
    host.plug_and_wait(Nic::igb(0), PF, 7)?;
    let before = converge(&host, 7)?;
    let vfs = host.vf_interfaces(PF)?;
    let damages = [
        (
            "truncate -s -100 state.json",
            "is damaged",
            "state.json.broken",
        ),
        (
            "head -c 1000 /dev/urandom > state.json",
            "cannot be read",
            "state.json.broken",
        ),
        (": > state.json", "is damaged", "state.json.broken"),
        (
            "sed -i 's/\"version\": 1/\"version\": 9/' state.json",
            "was written by a newer sriovd (version 9, known is 1)",
            "state.json.version-9",
        ),
    ];
    for (damage, said, kept) in damages {
        host.run(&format!(
            "systemctl stop sriovd; journalctl --rotate --vacuum-time=1s -q; cd /var/lib/sriovd; rm -f state.json.*; {damage}; \
             cp state.json /run/damaged"
        ))?;
        host.start()?;
        let said = format!("/var/lib/sriovd/state.json {said}");
        host.wait_for_journal(&said)?;
        host.run(&format!("cmp /run/damaged /var/lib/sriovd/{kept}"))?;
        ensure!(
            converge(&host, 7)? == before,
            "{damage}: {}",
            picture(&host)?
        );
        ensure!(
            host.vf_interfaces(PF)? == vfs,
            "{damage}: {}",
            host.journal()?
        );
    }
    // What it set up is its own again: it goes when its policy does.
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.wait("! test -e /sys/bus/pci/devices/0000:01:00.0/virtfn0 && ! test -e /run/sriovd/managed/0000:01:00.0")?;
    host.assert_second_pass_is_empty()
}
