//! Other programs that want something else of the same NIC, and do not stop.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";

const POLICY: &str = r#"
[[policy]]
name = "tagged"
num_vfs = 3
vlan = 100
spoof_check = false
match.vendor = "8086"
"#;

/// What the journal says of an attribute of VF 0 that somebody else changes.
fn contested(attribute: &str) -> String {
    format!("enp1s0 (0000:01:00.0) contested: VF 0: another program keeps undoing {attribute}; ")
}

fn over(attribute: &str) -> String {
    format!("enp1s0 (0000:01:00.0) cleared: VF 0: another program keeps undoing {attribute}")
}

fn wait_for_vlan(host: &Host, vf: usize, vlan: u16) -> Result<()> {
    host.wait_for_vf("enp1s0", vf, &format!(".vlan_list[0].vlan == {vlan}"))
}

/// It is over by itself now that the other one ended, and both were told once.
fn wait_until_over(host: &Host, attribute: &str) -> Result<()> {
    host.wait_for_journal(&over(attribute))?;
    host.wait_for(PF, "ready", 3)?;
    for said in [contested(attribute), over(attribute)] {
        ensure!(host.count_in_journal(&said)? == 1, "{}", host.journal()?);
    }
    ensure!(
        host.count_in_journal(" failed: ")? == 0,
        "{}",
        host.journal()?
    );
    Ok(())
}

#[test]
fn a_rival_is_answered_less_and_less_often_and_told_of_once() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let rival = host.spawn(
        "while :; do ip link set enp1s0 vf 0 vlan 7; echo changed >> /run/changes; sleep 0.2; done",
    )?;
    host.wait_for_journal(&contested("vlan 100"))?;
    host.wait_for_pf(PF, |it| it["problems"][0]["kind"] == "contested")?;
    // What nobody else wants is put back at once.
    host.run("ip link set enp1s0 vf 1 vlan 7")?;
    wait_for_vlan(&host, 1, 100)?;
    // Setting the clock changes nothing.
    host.run("date --set '+1 day'; sleep 6; date --set '-3 days'")?;
    rival.kill();
    let changes: usize = host.run("wc -l < /run/changes")?.trim().parse()?;
    let answers = host.count_in_journal("VF 0: vlan 100; in")?;
    ensure!(
        answers <= 10 && changes > answers,
        "{answers} answers to {changes} changes: {}",
        host.journal()?
    );
    wait_for_vlan(&host, 0, 100)?;
    wait_until_over(&host, "vlan 100")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_rival_who_never_rests_is_no_failure_of_the_driver() -> Result<()> {
    let host = Host::installed()?;
    host.put("log_level = \"debug\"\n", "/etc/sriovd.toml", 0o644)?;
    host.policy("10-test.toml", POLICY)?;
    host.start()?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    // Undone before it can be read back.
    let rival =
        host.spawn("while :; do echo link set enp1s0 vf 0 spoofchk on; done | ip -batch -")?;
    host.wait_for_journal(&contested("spoofchk off"))?;
    host.run("timeout 20 sriovctl status || [ $? = 3 ]")?;
    // Thousands of events are not worth as many looks.
    let end = host.journal_end()?;
    host.run("sleep 5")?;
    let passes = host.journal_after(&end)?.matches("a pass begins").count();
    ensure!((1..40).contains(&passes), "{passes} in 5 s");
    rival.kill();
    host.wait_for_vf("enp1s0", 0, ".spoofchk == false")?;
    wait_until_over(&host, "spoofchk off")?;
    host.run_for("rm /etc/sriovd.toml; systemctl restart sriovd", PATIENCE)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn outputs_that_somebody_changes_or_removes_are_put_back_and_a_rival_is_told_of_once() -> Result<()>
{
    const LIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";
    const OTHERS: [&str; 4] = [
        "/etc/pcidp/config.json",
        "/run/sriovd/state.json",
        "/var/lib/sriovd/manifests/default.f1-u.json",
        "/run/sriovd/managed/0000:01:00.0",
    ];
    let network = "resource = \"intelnics\"\n[policy.match]\nvendor = \"8086\"\n[[network]]\nname = \"f1-u\"\nresource = \"intelnics\"\n";
    let host = Host::installed()?;
    host.put("[outputs]\nmanifests = true\n", "/etc/sriovd.toml", 0o644)?;
    host.policy(
        "10-test.toml",
        &POLICY.replace("match.vendor = \"8086\"\n", network),
    )?;
    host.start()?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.wait(&format!("test -e {LIST}"))?;
    // What udev names meanwhile stands in them.
    host.run("udevadm settle; sriovctl apply")?;
    let texts = |host: &Host| -> Result<Vec<Vec<u8>>> {
        let paths = OTHERS.iter().chain([&LIST]);
        paths.map(|path| host.get(path)).collect()
    };
    let before = texts(&host)?;
    let said = |path: &str| format!("{path} was changed or removed by another program");
    for path in OTHERS {
        host.run(&format!("rm {path}"))?;
        host.wait(&format!("test -e {path}"))?;
        host.wait_for_journal(&said(path))?;
    }
    host.run(&format!("echo '{{}}' > {LIST}"))?;
    host.wait(&format!("grep -q deviceID {LIST}"))?;
    host.wait_for_journal(&said(LIST))?;
    ensure!(texts(&host)? == before, "{}", host.journal()?);
    for path in OTHERS.iter().chain([&LIST]) {
        let times = host.count_in_journal(&said(path))?;
        ensure!(times == 1, "{path}: {times}: {}", host.journal()?);
    }

    let rival = host.spawn(&format!(
        "while :; do echo '{{}}' > {LIST}; echo changed >> /run/changes; sleep 0.2; done"
    ))?;
    let contested = format!("{LIST} contested: another program keeps changing or removing it");
    host.wait_for_journal(&contested)?;
    host.run("sleep 6")?;
    rival.kill();
    let changes: usize = host.run("wc -l < /run/changes")?.trim().parse()?;
    let answers = host.count_in_journal(&said(LIST))?;
    ensure!(answers <= 6 && changes > 20, "{answers} to {changes}");
    host.wait(&format!("grep -q deviceID {LIST}"))?;
    host.wait_for_journal(&format!("{LIST} is contested no longer"))?;
    ensure!(
        host.count_in_journal(&contested)? == 1,
        "{}",
        host.journal()?
    );
    ensure!(texts(&host)? == before, "{}", host.journal()?);
    host.assert_second_pass_is_empty()
}
