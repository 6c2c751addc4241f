//! The unit as systemd sees it: checked, scored, reloaded, and what it keeps the agent from, tried.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Context, Result};
use serde_json::Value;

const POLICY: &str = r#"
[[policy]]
name = "few"
num_vfs = 2
trust = true
match.vendor = "8086"
"#;

/// Those that go on.
const UNITS: [&str; 4] = [
    "sriovd.service",
    "sriovd-vf-operator.service",
    "sriovd-kube.service",
    "sriovd-kube-device-plugin.service",
];

#[test]
fn systemd_and_udev_find_nothing_wrong_with_what_is_shipped() -> Result<()> {
    let host = Host::installed()?;
    host.install_kube()?;
    // No manual pages in this guest.
    for unit in UNITS {
        let verify = "systemd-analyze verify --man=no --recursive-errors=yes";
        let found = host.try_run(&format!("{verify} {unit}"))?;
        assert_eq!((found.status, found.stderr.as_str()), (0, ""), "{unit}");
    }
    host.run("udevadm verify --no-summary /usr/lib/udev/rules.d/90-sriovd.rules")?;

    for unit in UNITS {
        let security = "systemd-analyze security --no-pager --threshold=15";
        let found = host.run_for(&format!("{security} {unit}"), PATIENCE)?;
        let exposure = found.lines().last().unwrap_or_default();
        assert!(exposure.contains("Overall exposure level"), "{found}");
        println!("{unit} {exposure}");
    }

    // Users and directories are there as the package's declarations say.
    let made = host.run(
        "getent passwd sriovd | cut -d: -f6,7; stat -c '%U %a %n' /etc/sriov.d /etc/cni/net.d /etc/pcidp /run/cdi",
    )?;
    assert_eq!(
        made,
        "/var/lib/sriovd:/usr/sbin/nologin\nroot 755 /etc/sriov.d\nroot 755 /etc/cni/net.d\n\
         root 755 /etc/pcidp\nroot 755 /run/cdi\n"
    );
    Ok(())
}

#[test]
fn a_reload_is_announced_and_waited_for_and_the_status_is_a_sentence() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    host.wait_for_status_text("1 PF, 2 VFs ready")?;
    assert_eq!(host.status_text()?, "1 PF, 2 VFs ready\n");

    let pid = host.run("systemctl show --property MainPID --value sriovd")?;
    let pid = pid.trim();
    let mut trace = host.spawn(&format!(
        "exec strace -f -qq -s 200 -e trace=sendto,sendmsg,write -p {pid} 2>&1"
    ))?;
    host.wait(&format!(
        "! grep -q 'TracerPid:[[:space:]]0' /proc/{pid}/task/*/status"
    ))?;
    let end = host.journal_end()?;
    host.policy(
        "10-test.toml",
        &POLICY.replace("trust = true", "trust = true\nspoof_check = false"),
    )?;
    host.run("systemctl reload sriovd")?;
    // Whoever asked for it goes on when it is done, not before.
    let journal = host.journal_after(&end)?;
    assert!(journal.contains("reloaded: "), "{journal}");
    let sent = trace.wait_for("STATUS=", PATIENCE)?;
    let at = |text: &str| {
        sent.find(text)
            .with_context(|| format!("no {text}: {sent}"))
    };
    assert!(at("RELOADING=1")? < at("READY=1")?, "{sent}");
    assert!(at("MONOTONIC_USEC=")? < at("READY=1")?, "{sent}");
    trace.kill();
    host.wait_for("enp1s0", "ready", 2)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn entries_in_the_journal_have_fields_for_programs_and_explanations_for_people() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    host.run("ip netns add blue && ip link set enp1s0v1 netns blue")?;
    host.policy(
        "10-test.toml",
        &POLICY.replace("num_vfs = 2", "num_vfs = 4"),
    )?;
    host.wait_for("enp1s0", "refused", 2)?;

    let entry = |kind: &str, which: &str| -> Result<Value> {
        let entries = format!("journalctl -u sriovd -o json MESSAGE_ID={kind}");
        let entry = format!("{entries} | grep -F '{which}' | tail -n 1");
        Ok(serde_json::from_str(&host.run(&entry)?)?)
    };
    // The PF may be up a pass later, where udev is slow.
    let done = entry("2a698c054a094f899361c5618442ae64", "set-numvfs")?;
    let refused = entry("7a8a38488c8544ca8d32b4cd6c52c96b", "")?;
    for entry in [&done, &refused] {
        assert_eq!(entry["SRIOV_PF"], "0000:01:00.0", "{entry:#}");
        assert_eq!(entry["SRIOV_INTERFACE"], "enp1s0", "{entry:#}");
        assert_eq!(entry["SRIOV_POLICY"], "few", "{entry:#}");
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "sriovd", "{entry:#}");
    }
    let text = |entry: &Value, field: &str| {
        entry[field]
            .as_str()
            .map(str::to_owned)
            .context(field.to_owned())
    };
    assert!(
        text(&done, "SRIOV_ACTION")?.contains("set-numvfs"),
        "{done:#}"
    );
    assert!(
        text(&done, "SRIOV_DURATION_USEC")?.parse::<u64>()? > 0,
        "{done:#}"
    );
    assert!(!text(&done, "SRIOV_TRIGGER")?.is_empty(), "{done:#}");
    assert!(text(&refused, "MESSAGE")?.contains("blue"), "{refused:#}");
    assert_eq!(
        (&done["PRIORITY"], &refused["PRIORITY"]),
        (&"6".into(), &"4".into())
    );

    let explained = host.run("journalctl -x -u sriovd -o cat MESSAGE_ID=7a8a38488c8544ca8d32b4cd6c52c96b; journalctl --no-pager -x -u sriovd")?;
    assert!(
        explained.contains("A change of PF 0000:01:00.0 is refused"),
        "{explained}"
    );
    assert!(
        explained.contains("sriovctl apply --force 0000:01:00.0"),
        "{explained}"
    );
    host.run("ip -n blue link set enp1s0v1 netns 1")?;
    host.wait_for("enp1s0", "ready", 4)?;
    host.assert_second_pass_is_empty()
}

/// Each line: what it is about, and a command that tells whether it can be done.
const PROBE: &str = r#"#!/bin/bash
can() { local what=$1; shift; if ("$@") >/dev/null 2>&1; then echo "can $what"; else echo "cannot $what"; fi; }
write() { echo >"$1"; }
new() { : >"$1/probe" && rm "$1/probe"; }
pf=/sys/bus/pci/devices/0000:01:00.0
can "write outputs for CNI" new /etc/cni/net.d
can "write outputs for the device plugin" new /etc/pcidp
can "write CDI specs" new /run/cdi
can "write its own state" new /var/lib/sriovd
can "write to its runtime directory" new /run/sriovd
can "write attributes of PCI devices" bash -c "cat $pf/sriov_drivers_autoprobe >$pf/sriov_drivers_autoprobe"
can "change links" ip link set enp1s0 alias probe
can "write policies" new /etc/sriov.d
can "write to /etc" new /etc
can "write to /usr" new /usr/local
can "write to /var" new /var/lib
can "write to /run" new /run
can "write to /run/systemd" new /run/systemd/system
can "write to /boot" new /boot
can "write to /root" new /root
can "write to /home" new /home
can "write kernel settings" bash -c 'cat /proc/sys/kernel/panic >/proc/sys/kernel/panic'
can "write network settings" bash -c 'cat /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv4/ip_forward'
can "write module parameters" bash -c 'cat /sys/module/kernel/parameters/panic >/sys/module/kernel/parameters/panic'
can "write to cgroups" bash -c 'mkdir /sys/fs/cgroup/probe && rmdir /sys/fs/cgroup/probe'
can "write to /sys/kernel" bash -c 'cat /sys/kernel/mm/ksm/run >/sys/kernel/mm/ksm/run'
can "write to /sys/power" bash -c 'cat /sys/power/pm_async >/sys/power/pm_async'
can "read passwords" grep root /etc/shadow
can "see other processes" test -e /proc/1/status
can "open disks" dd if=/dev/vda of=/dev/null count=1
can "open memory" dd if=/dev/mem of=/dev/null count=1
can "read the kernel's log" dmesg
can "load modules" modprobe dummy
can "mount" mount -t tmpfs none /mnt
can "make namespaces" unshare --net true
can "become root" setpriv --reuid 0 true
can "set the clock" date --set now
can "connect to the network" bash -c ': </dev/tcp/127.0.0.1/22'
can "make set-user-id programs" bash -c 'cp /bin/true /run/sriovd/probe && chmod u+s /run/sriovd/probe'
rm -f /run/sriovd/probe
umount /mnt 2>/dev/null
exit 0
"#;

#[test]
fn the_sandbox_leaves_what_is_needed_and_nothing_else() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    host.run(
        "systemctl stop sriovd; modprobe -r dummy; (busybox nc -l -p 22 >/dev/null 2>&1 &) ; true",
    )?;
    host.put(PROBE, "/usr/local/sbin/sriovd-probe", 0o755)?;
    // The unit itself, with another program.
    host.run(
        "mkdir -p /etc/systemd/system/sriovd.service.d
         printf '[Service]\nExecStart=\nExecStart=/usr/local/sbin/sriovd-probe\nType=oneshot\nExecReload=\nRestart=no\nWatchdogSec=0\n' \
           >/etc/systemd/system/sriovd.service.d/probe.conf
         systemctl daemon-reload",
    )?;
    let end = host.journal_end()?;
    host.run_for("systemctl start sriovd", PATIENCE)?;
    let said = host.journal_after(&end)?;
    let tried = |prefix: &str| -> Vec<&str> {
        said.lines()
            .filter_map(|it| it.strip_prefix(prefix))
            .collect()
    };
    assert_eq!(
        tried("can "),
        [
            "write outputs for CNI",
            "write outputs for the device plugin",
            "write CDI specs",
            "write its own state",
            "write to its runtime directory",
            "write attributes of PCI devices",
            "change links",
        ],
        "{said}"
    );
    assert_eq!(
        tried("cannot ").len(),
        PROBE.matches("\ncan \"").count() - 7,
        "{said}"
    );
    // Each would be possible for root without the unit, so that the probe itself is right.
    let outside = host.run("/usr/local/sbin/sriovd-probe | grep ^cannot || true")?;
    assert_eq!(outside, "", "the probe asks for the impossible");
    Ok(())
}

const POOL: &str = r#"
[[policy]]
name = "pool"
resource = "intelnics"
num_vfs = 2
match.vendor = "8086"
"#;

#[test]
fn the_device_plugin_is_restarted_after_a_change_although_the_agent_may_not() -> Result<()> {
    let host = Host::with_policy(POOL)?;
    let settings = |unit: &str| format!("[outputs]\ndevice_plugin_unit = \"{unit}\"\n");
    host.put(settings("plugin.service"), "/etc/sriovd.toml", 0o644)?;
    host.put(
        "[Service]\nExecStart=sleep infinity\n",
        "/etc/systemd/system/plugin.service",
        0o644,
    )?;
    host.run_for(
        "systemctl daemon-reload; systemctl start plugin; systemctl restart sriovd",
        PATIENCE,
    )?;
    let process = "systemctl show --property MainPID --value plugin";
    let before = host.run(process)?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    let other = format!(
        "[ $({process}) -gt 0 -a $({process}) != {} ]",
        before.trim()
    );
    host.wait(&other)?;

    // A unit that somebody stops stays so, and of what is not there the journal tells.
    host.run("systemctl stop plugin")?;
    host.policy("10-test.toml", &POOL.replace("= 2", "= 3"))?;
    host.wait_for("enp1s0", "ready", 3)?;
    let idle =
        "! test -e /run/sriovd/restart-device-plugin && ! systemctl is-active sriovd-device-plugin";
    host.wait(idle)?;
    assert_eq!(host.run(process)?, "0\n");
    host.put(settings("nowhere.service"), "/etc/sriovd.toml", 0o644)?;
    host.run_for("systemctl restart sriovd", PATIENCE)?;
    host.policy("10-test.toml", POOL)?;
    host.wait_for("enp1s0", "ready", 2)?;
    host.wait(
        "journalctl -u sriovd-device-plugin -o cat | grep -F 'nowhere.service was not restarted'",
    )
}

/// As the SR-IOV network device plugin does: it ends without a file, and else runs until it is stopped.
const PLUGIN: &str = "[Service]
ExecStart=sh -c 'echo started >>/run/starts; test -e /etc/pcidp/config.json || exit 0; exec sleep infinity'
Restart=always
RestartSec=100ms

[Install]
WantedBy=multi-user.target
";

#[test]
fn the_device_plugin_runs_while_there_is_something_to_serve() -> Result<()> {
    const CONFIG: &str = "/etc/pcidp/config.json";
    let host = Host::with_policy(POOL)?;
    let settings = "[outputs]\ndevice_plugin_unit = \"plugin.service\"\n";
    for restart in ["always", "on-failure"] {
        let unit = PLUGIN.replace("=always", &format!("={restart}"));
        host.put(&unit, "/etc/systemd/system/plugin.service", 0o644)?;
        host.put(settings, "/etc/sriovd.toml", 0o644)?;
        host.run(&format!(
            "rm -f {CONFIG} /run/starts /run/sriovd/device-plugin-serves"
        ))?;
        // There is nothing yet: it ends at once, and with that it reaches its start limit.
        host.run("systemctl daemon-reload; systemctl enable --now plugin; sleep 3")?;
        host.run_for("systemctl restart sriovd", PATIENCE)?;
        let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
        host.wait("systemctl is-active plugin")?;
        host.policy("10-test.toml", &POOL.replace("= 2", "= 7"))?;
        host.wait_for("enp1s0", "ready", 7)?;
        host.wait(&format!(
            "jq -e '.resourceList[0].selectors[0].pciAddresses | length == 7' {CONFIG}"
        ))?;
        host.wait("! test -e /run/sriovd/restart-device-plugin; systemctl is-active plugin")?;

        // The NIC leaves with all its VFs: one change, and no more.
        let end = host.journal_end()?;
        host.unplug(&nic)?;
        host.wait(&format!("! test -e {CONFIG}"))?;
        host.wait("[ $(systemctl show -P ActiveState plugin) = inactive ]")?;
        let said = host.journal_after(&end)?;
        assert_eq!(said.matches(CONFIG).count(), 1, "{said}");
        let starts = host.run("wc -l < /run/starts")?;
        host.run("sleep 2")?;
        assert_eq!(
            host.run("wc -l < /run/starts")?,
            starts,
            "it was started for nothing"
        );

        let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;
        host.wait("systemctl is-active plugin")?;
        // A new agent changes nothing, and bad settings do no more than that.
        let process = host.run("systemctl show -P MainPID plugin")?;
        host.run_for("systemctl restart sriovd", PATIENCE)?;
        host.put("nonsense = 1\n", "/etc/sriovd.toml", 0o644)?;
        host.policy("10-test.toml", POOL)?;
        host.wait_for("enp1s0", "ready", 2)?;
        host.wait("! test -e /run/sriovd/restart-device-plugin && [ $(systemctl show -P ActiveState sriovd-device-plugin) = failed ]")?;
        let runs = "journalctl -u sriovd-device-plugin -o cat | grep -c 'unknown key' || true";
        let before = host.run(runs)?;
        host.run("sleep 3")?;
        assert_eq!(host.run(runs)?, before, "it is started without end");
        assert_eq!(host.run("systemctl show -P MainPID plugin")?, process);
        // Once they are good, what was missed is done.
        host.put(settings, "/etc/sriovd.toml", 0o644)?;
        host.run_for("systemctl restart sriovd", PATIENCE)?;
        host.wait(&format!("[ $(systemctl show -P MainPID plugin) -gt 0 -a $(systemctl show -P MainPID plugin) != {} ]", process.trim()))?;
        host.unplug(&nic)?;
        host.wait("[ $(systemctl show -P ActiveState plugin) = inactive ]")?;
        host.run("systemctl disable --now plugin")?;
    }
    Ok(())
}
