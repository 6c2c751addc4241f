//! Everything that can be wrong with policies, all at once beside one that is right.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};

const PF: &str = "0000:01:00.0";
const OTHER_PF: &str = "0000:02:00.0";

const GOOD: &str = include_str!("bad_input/10-good.toml");

const FILES: [(&str, &str); 10] = [
    (
        "20-unknown-key.toml",
        include_str!("bad_input/20-unknown-key.toml"),
    ),
    (
        "21-wrong-type.toml",
        include_str!("bad_input/21-wrong-type.toml"),
    ),
    (
        "22-out-of-range.toml",
        include_str!("bad_input/22-out-of-range.toml"),
    ),
    (
        "23-vf-twice.toml",
        include_str!("bad_input/23-vf-twice.toml"),
    ),
    (
        "24-same-name.toml",
        include_str!("bad_input/24-same-name.toml"),
    ),
    ("25-slash.toml", include_str!("bad_input/25-slash.toml")),
    ("26-dots.toml", include_str!("bad_input/26-dots.toml")),
    (
        "27-no-such-pool.toml",
        include_str!("bad_input/27-no-such-pool.toml"),
    ),
    (
        "28-too-many.toml",
        include_str!("bad_input/28-too-many.toml"),
    ),
    (
        "29-two-networks.toml",
        include_str!("bad_input/29-two-networks.toml"),
    ),
];

/// What no text is, beside the place where the daemon looks: it shall see each as it is now.
const OTHERS: &str = r#"
cd /etc/staged
printf '[[policy]]\nname = "latin-\344"\n' > 30-latin1.toml
yes '# padding' | head -c 10000000 > 31-huge.toml
mkdir 32-directory.toml
mkfifo 33-fifo.toml
ln -s nowhere 34-dangling.toml
cp 21-wrong-type.toml 35-writable.toml
chmod 666 35-writable.toml
mv -- * /etc/sriov.d/
"#;

/// Each is said in the journal, once.
const SAID: [&str; 17] = [
    r#"/etc/sriov.d/20-unknown-key.toml:5:1: unknown key "trsut" in this policy; did you mean "trust"?"#,
    r#"/etc/sriov.d/21-wrong-type.toml:5:9: bad value for "trust": "yes"; write true without quotation marks"#,
    r#"/etc/sriov.d/22-out-of-range.toml:4:11: bad value for "num_vfs": 70000; expected"#,
    "/etc/sriov.d/23-vf-twice.toml:11:9: VF 1 is listed twice, first on line 7",
    r#"/etc/sriov.d/24-same-name.toml:2:8: a policy named "good" is already in /etc/sriov.d/10-good.toml:1"#,
    r#"/etc/sriov.d/25-slash.toml:2:8: bad value for "name": "../../tmp/evil"; expected"#,
    r#"/etc/sriov.d/26-dots.toml:2:8: bad value for "name": ".."; expected"#,
    r#"/etc/sriov.d/27-no-such-pool.toml:3:12: no policy forms the pool "poool"; did you mean "pool"?"#,
    "enp2s0 (0000:02:00.0) refused: 8 VFs are wanted, and the device offers 7",
    "/etc/cni/net.d/99-sriovd-second.conflist held back: every ready VF of pool pool has another network: first has VF 0 of enp1s0",
    "/etc/sriov.d/30-latin1.toml:2:15: byte 0xe4 is not UTF-8 text",
    "/etc/sriov.d/31-huge.toml: this file is too large: 10000000 bytes",
    "/etc/sriov.d/32-directory.toml: this is a directory",
    "/etc/sriov.d/33-fifo.toml: this is a FIFO",
    r#"/etc/sriov.d/34-dangling.toml: a symbolic link to "nowhere", where there is nothing"#,
    "/etc/sriov.d/35-writable.toml: this file is refused: everybody may write to it (mode 0666)",
    "/etc/cni/net.d/99-sriovd-poolless.conflist held back: no VF of pool poool is ready",
];

#[test]
fn whatever_is_wrong_is_named_with_its_place_and_all_that_is_right_goes_on() -> Result<()> {
    let host = Host::with_policy(GOOD)?;
    host.run("mv /etc/sriov.d/10-test.toml /etc/sriov.d/10-good.toml")?;
    host.plug_and_wait(Nic::igb(0), PF, 1)?;
    host.plug_and_wait_until_unmanaged(Nic::igb(1), OTHER_PF)?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-first.conflist")?;
    let vf = host.vf_interfaces(PF)?;

    for (name, text) in FILES {
        host.put(text, &format!("/etc/staged/{name}"), 0o644)?;
    }
    host.run(OTHERS)?;
    for text in SAID {
        host.wait_for_journal(text)?;
    }
    host.wait_for(OTHER_PF, "refused", 0)?;

    // As right as before, and still heeded.
    host.wait_for(PF, "ready", 1)?;
    host.policy(
        "10-good.toml",
        &GOOD.replace("num_vfs", "vlan = 100\nnum_vfs"),
    )?;
    host.wait("ip link show enp1s0 | grep -q 'vf 0.*vlan 100'")?;
    ensure!(host.vf_interfaces(PF)? == vf, "{}", host.journal()?);
    host.wait("test -e /etc/cni/net.d/99-sriovd-first.conflist")?;
    host.run("! test -e /tmp/evil && ! test -e /etc/cni/net.d/99-sriovd-second.conflist")?;
    host.assert_second_pass_is_empty()?;
    for text in SAID {
        let times = host.count_in_journal(text)?;
        ensure!(times == 1, "{times} times: {text}\n{}", host.journal()?);
    }

    let checked = host.try_run("sriovctl check")?;
    let expected = include_str!("bad_input/check.txt");
    ensure!(checked.status == 1, "{checked}");
    ensure!(
        checked.stdout == expected,
        "{}\ninstead of\n{expected}",
        checked.stdout
    );

    host.run("cd /etc/sriov.d && rm -r 2*.toml 3*.toml")?;
    host.wait_for(OTHER_PF, "unmanaged", 0)?;
    let checked = host.run("sriovctl check").context(host.journal()?)?;
    ensure!(checked == "no errors\n", "{checked}");
    ensure!(host.vf_interfaces(PF)? == vf, "{}", host.journal()?);
    host.assert_second_pass_is_empty()
}
