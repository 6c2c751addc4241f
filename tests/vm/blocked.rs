//! What the agent needs stands still, or is short: it answers, configures what it can, and catches up.

use crate::host::{Host, PATIENCE};
use crate::lab::{Job, Nic};
use anyhow::{Context, Result, ensure};

const PF: &str = "0000:01:00.0";

const POLICY: &str = r#"
[[policy]]
name = "pool"
resource = "intelnics"
num_vfs = 6
vlan = 100
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
"#;

/// Answers come at once, while what the script makes stand still does.
fn answers_come_at_once(host: &Host) -> Result<()> {
    let asked = host.run(
        "for i in $(seq 6); do
           before=$(date +%s%3N); timeout 30 sriovctl status --json >/dev/null; [ $? -le 3 ] || echo failed
           echo $(($(date +%s%3N) - before)); sleep 0.5
         done",
    )?;
    for took in asked.lines() {
        let took: u32 = took.parse().with_context(|| asked.clone())?;
        ensure!(took < 2000, "an answer took {took} ms: {asked}");
    }
    Ok(())
}

/// By hand, and seen to be as before again.
fn drift_is_repaired(host: &Host, vf: usize) -> Result<()> {
    drift_is_repaired_to(host, vf, 100)
}

fn drift_is_repaired_to(host: &Host, vf: usize, vlan: u16) -> Result<()> {
    host.run(&format!("ip link set enp1s0 vf {vf} vlan 7"))?;
    let repaired = host.wait_for_vf("enp1s0", vf, &format!(".vlan_list[0].vlan == {vlan}"));
    repaired.with_context(|| format!("VF {vf}"))
}

/// Its socket takes 512 datagrams at most (`net.unix.max_dgram_qlen`), of each sender fewer.
#[test]
fn a_journal_that_takes_nothing_holds_nobody_up() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 6)?;
    let filled = host.run(
        r#"systemctl kill --signal=STOP systemd-journald
        perl -e '
            use Socket;
            my $all = 0;
            for (1 .. 40) {
                socket(my $socket, AF_UNIX, SOCK_DGRAM | 2048, 0) or die "socket: $!";
                push @sockets, $socket;
                my $journal = sockaddr_un("/run/systemd/journal/socket");
                while (defined send($socket, "MESSAGE=filling\n", 0, $journal)) { $all++ }
            }
            print "$all\n"'"#,
    )?;
    ensure!(filled.trim().parse::<u32>()? > 10, "{filled}");
    for vf in 0..3 {
        drift_is_repaired(&host, vf)?;
    }
    answers_come_at_once(&host)?;
    host.run("systemctl kill --signal=CONT systemd-journald")?;
    for vf in 0..3 {
        host.wait_for_journal(&format!("VF {vf}: vlan 100; in"))?;
    }
    // The threads that wrote end, then only the main one is there.
    host.wait("[ $(ls /proc/$(systemctl show -P MainPID sriovd)/task | wc -l) = 1 ]")?;
    host.assert_second_pass_is_empty()
}

/// A FUSE file system whose program never answers, as one of a server that is away; over what the directory has.
const HANG: &str = r#"
    modprobe fuse; mkdir -p DIRECTORY
    exec perl -e '
        $^F = 99;
        open(my $fuse, "+<", "/dev/fuse") or die "fuse: $!";
        my $options = "fd=" . fileno($fuse) . ",rootmode=40000,user_id=0,group_id=0,allow_other";
        system("mount", "-i", "-t", "fuse", "-o", $options, "away", "DIRECTORY") == 0 or die "mount";
        $| = 1;
        print "hangs\n";
        sleep(6000);
    '"#;

/// Until the job is killed and the directory unmounted.
fn hang(host: &Host, directory: &str) -> Result<Job> {
    let mut away = host.spawn(&HANG.replace("DIRECTORY", directory))?;
    away.wait_for("hangs", PATIENCE)?;
    Ok(away)
}

#[test]
fn a_directory_whose_file_system_does_not_answer_holds_nobody_up() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 6)?;
    let end = host.journal_end()?;
    let away = hang(&host, "/srv/away")?;
    host.run("mv /etc/cni/net.d /etc/cni/before; ln -s /srv/away/net.d /etc/cni/net.d")?;
    host.wait_for_news(
        &end,
        "changes in /etc/cni/net.d go unnoticed until it can be watched: its file system does not answer",
    )?;
    answers_come_at_once(&host)?;
    drift_is_repaired(&host, 1)?;
    // Other directories are heard.
    let another = "[[network]]\nname = \"f1-c\"\nresource = \"intelnics\"\n";
    host.policy(
        "10-test.toml",
        &format!("{}\n{another}", POLICY.replace("= 100", "= 200")),
    )?;
    host.wait_for_vf("enp1s0", 5, ".vlan_list[0].vlan == 200")?;
    // Nor do outputs elsewhere wait for it.
    host.wait("test -s /var/lib/sriovd/manifests/default.f1-c.json")?;
    host.wait_for_news(&end, "/etc/cni/net.d: its file system does not answer")?;
    drift_is_repaired_to(&host, 2, 200)?;

    // Its program ends, and it is taken away.
    away.kill();
    host.run("umount -l /srv/away; rm /etc/cni/net.d; mv /etc/cni/before /etc/cni/net.d")?;
    host.wait_for_news(&end, "/etc/cni/net.d is watched")?;
    // A directory that was put elsewhere can be written by the unit from its next start on.
    host.run_for("systemctl restart sriovd", PATIENCE)?;
    host.wait_for(PF, "ready", 6)?;
    host.assert_second_pass_is_empty()
}

/// The status of the answer, and what it says, within a bound.
const PUT: &str = r#"
    before=$(date +%s)
    curl --unix-socket /run/sriovd/sriovd.sock -sS --max-time 60 -X PUT -H 'Content-Type: application/json' \
        -d '{"network": [{"name": "put", "resource": "intelnics"}]}' http://sriovd/v1/sources/cluster | jq -r '.status, .detail'
    echo $(($(date +%s) - before))"#;

/// What is remembered, and who has which VF, is on a file system that does not answer: what can be done without it is done.
#[test]
fn a_state_directory_whose_file_system_does_not_answer_holds_up_no_answer_and_no_output()
-> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 6)?;
    let end = host.journal_end()?;
    let away = hang(&host, "/var/lib/sriovd")?;
    let another = "[[network]]\nname = \"f1-c\"\nresource = \"intelnics\"\n";
    host.policy(
        "10-test.toml",
        &format!("{}\n{another}", POLICY.replace("= 100", "= 200")),
    )?;
    answers_come_at_once(&host)?;
    host.wait("test -s /etc/cni/net.d/99-sriovd-f1-c.conflist")?;
    host.wait_for_news(&end, "the state cannot be saved")?;
    // What cannot be read is in use: no VF is touched, and the PF is told what does not answer.
    let said = "it cannot be looked at: what is in /var/lib/sriovd/allocations cannot be read: its file system does not answer";
    host.wait_for_pf(PF, |it| {
        let problems = it["problems"].as_array().into_iter().flatten();
        it["state"] == "failed"
            && it["vfs_ready"] == 6
            && problems.map(|it| &it["reason"]).eq([said])
    })?;
    host.wait_for_vf("enp1s0", 5, ".vlan_list[0].vlan == 100")?;
    let put = host.run_for(PUT, PATIENCE)?;
    let unanswered = "503\nsources are kept in /var/lib/sriovd/sources.d, and its file system does not answer: this change may still take effect when it does\n";
    let took = put.strip_prefix(unanswered).with_context(|| put.clone())?;
    ensure!(took.trim().parse::<u32>()? < 30, "{put}");
    answers_come_at_once(&host)?;
    let told = host.journal_after(&end)?;
    ensure!(!told.contains(" hung: "), "{told}");
    ensure!(told.matches(said).count() == 1, "{told}");

    // Its program ends, and it is taken away: the rest is done without being asked.
    away.kill();
    host.run("umount -l /var/lib/sriovd")?;
    host.wait_for(PF, "ready", 6)?;
    host.wait_for_vf("enp1s0", 5, ".vlan_list[0].vlan == 200")?;
    host.wait_for_news(&end, &format!("cleared: {said}"))?;
    host.wait("grep -q f1-c /var/lib/sriovd/state.json")?;
    ensure!(host.run(PUT)?.starts_with("null\nnull\n"));
    host.wait("test -s /etc/cni/net.d/99-sriovd-put.conflist")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn with_too_few_open_files_allowed_nics_keep_their_vfs_until_there_are_more() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let nics = [Nic::igb(0), Nic::igb(1)];
    for nic in &nics {
        host.plug_and_wait(nic.clone(), &nic.pci(), 6)?;
    }
    let limits = |host: &Host| {
        host.run("awk '/Max open files/ { print $4, $5 }' /proc/$(systemctl show -P MainPID sriovd)/limits")
    };
    let shipped = limits(&host)?;
    ensure!(shipped == "65536 65536\n", "{shipped}");
    // sriov-cni has been at work here: every VF is locked before its PF's are made anew.
    host.run("mkdir -p /var/lib/cni/sriov/pci")?;
    host.put(
        "[Service]\nLimitNOFILE=16:256\n",
        "/run/systemd/system/sriovd.service.d/files.conf",
        0o644,
    )?;
    host.run_for(
        "systemctl daemon-reload; systemctl restart sriovd",
        PATIENCE,
    )?;
    let raised = limits(&host)?;
    ensure!(raised == "256 256\n", "{raised}");
    for nic in &nics {
        host.wait_for(&nic.pci(), "ready", 6)?;
    }
    // Enough for what it does at rest, and not for a descriptor for each VF.
    host.run("udevadm settle; sriovctl apply")?;
    // Threads have sockets of their own, and end after a while.
    host.wait("[ $(ls /proc/$(systemctl show -P MainPID sriovd)/task | wc -l) = 1 ]")?;
    host.run(
        "process=$(systemctl show -P MainPID sriovd)
         prlimit --pid $process --nofile=$(($(ls /proc/$process/fd | wc -l) + 4)):256",
    )?;
    let published = "cat /etc/cni/net.d/99-sriovd-f1-u.conflist; jq -S .resourceList /etc/pcidp/config.json; ls /run/sriovd/managed";
    let before = host.run(published)?;

    host.policy("10-test.toml", &POLICY.replace("= 6", "= 7"))?;
    host.wait_for_journal(
        "no more files can be opened (LimitNOFILE= of sriovd.service is too low)",
    )?;
    host.run("sleep 5")?;
    for nic in &nics {
        ensure!(host.num_vfs(nic)? == 6, "{}", host.journal()?);
    }
    let then = host.run(published)?;
    ensure!(then == before, "{before}{then}{}", host.journal()?);
    ensure!(
        host.count_in_journal("sriovd ends")? == 0,
        "{}",
        host.journal()?
    );

    host.run("prlimit --pid $(systemctl show -P MainPID sriovd) --nofile=256:256")?;
    for nic in &nics {
        host.wait_for(&nic.pci(), "ready", 7)?;
    }
    host.assert_second_pass_is_empty()
}
