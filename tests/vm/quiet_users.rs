//! Users of VFs that show in no namespace, address, master or VFIO group.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";

fn policy(num_vfs: u16) -> String {
    format!(
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = {num_vfs}\nmatch.vendor = \"8086\"\n"
    )
}

/// A packet socket that is bound to the interface, as tcpdump, a DHCP server or an IDS has one.
const PACKET_SOCKET: &str = r#"
use Socket;
socket(my $socket, 17, 3, 0x0300) or die $!;
my $index = `cat /sys/class/net/enp1s0v0/ifindex`;
bind($socket, pack("SnlSCCx8", 17, 3, $index, 0, 0, 0)) or die $!;
sleep 1000;
"#;

/// A program that lets every packet pass, linked to the interface for as long as this one lives.
const XDP: &str = r#"
my $code = pack("CCsl CCsl", 0xb7, 0, 0, 2, 0x95, 0, 0, 0);
my $licence = "GPL\0";
my $load = pack("LLPP", 6, 2, $code, $licence) . "\0" x 96;
my $program = syscall(321, 5, $load, length $load);
die "load: $!" if $program < 0;
my $index = `cat /sys/class/net/enp1s0v0/ifindex`;
my $attach = pack("LLLL", $program, $index, 37, 2) . "\0" x 48;
my $link = syscall(321, 28, $attach, length $attach);
die "attach: $!" if $link < 0;
sleep 1000;
"#;

/// A program on verbs: it has a context of the device (`IB_USER_VERBS_CMD_GET_CONTEXT`).
const VERBS: &str = r#"
sysopen(my $device, "/dev/infiniband/uverbs0", 2) or die "open: $!";
my $answer = "\0" x 8;
my $request = pack("LSSP", 0, 4, 2, $answer);
syswrite($device, $request) == length $request or die "context: $!";
sleep 1000;
"#;

/// Another number of VFs is refused for the holder, and made when it is gone.
fn is_in_the_way(host: &Host, num_vfs: u16, holder: &str, release: &str) -> Result<()> {
    let end = host.journal_end()?;
    let before = host.vf_interfaces(PF)?;
    host.policy("10-test.toml", &policy(num_vfs))?;
    host.wait_for_news(&end, &format!("VF 0 is in use by {holder}"))?;
    ensure!(host.vf_interfaces(PF)? == before, "{}", host.journal()?);
    host.run(release)?;
    host.wait_for(PF, "ready", num_vfs)?;
    host.run("udevadm settle").map(drop)
}

#[test]
fn who_uses_a_netdev_where_it_is_keeps_it() -> Result<()> {
    let host = Host::with_policy(&policy(2))?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    for (program, text) in [("packet", PACKET_SOCKET), ("xdp", XDP)] {
        host.put(text, &format!("/run/{program}"), 0o644)?;
    }
    let run = |program: &str| {
        host.run(&format!(
            "ip link set enp1s0v0 up; systemd-run -q --unit=user perl /run/{program}"
        ))
    };
    let stop = "systemctl stop user";
    run("packet")?;
    host.wait("[ $(wc -l < /proc/net/packet) -gt 1 ]")?;
    is_in_the_way(&host, 3, "a packet socket on this host", stop)?;
    run("xdp")?;
    host.wait("ip link show enp1s0v0 | grep -q xdp")?;
    is_in_the_way(&host, 2, "an XDP program on this host", stop)?;
    host.run("tc qdisc add dev enp1s0v0 clsact")?;
    let holder = "traffic control on this host, with qdisc clsact";
    is_in_the_way(&host, 3, holder, "tc qdisc del dev enp1s0v0 clsact")?;
    let route = "198.51.100.0/24 dev enp1s0v0";
    host.run(&format!("ip link set enp1s0v0 up; ip route add {route}"))?;
    let holder = "this host, with a route to 198.51.100.0/24";
    is_in_the_way(&host, 2, holder, &format!("ip route del {route}"))?;
    // What the kernel itself gives an interface that is up is nobody's.
    host.run("ip link set enp1s0v0 up; ip link set enp1s0v1 up")?;
    host.policy("10-test.toml", &policy(3))?;
    host.wait_for(PF, "ready", 3)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn who_has_an_rdma_device_on_a_vf_s_netdev_open_keeps_the_vf() -> Result<()> {
    let host = Host::with_policy(&policy(2))?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    host.put(VERBS, "/run/verbs", 0o644)?;
    // Software that makes one of any netdev, with the kernel's own count of its users.
    let add = "rdma link add rxe0 type rxe netdev enp1s0v0 && udevadm settle";
    host.run(&format!(
        "modprobe -a crc32_generic rdma_rxe ib_uverbs && ip link set enp1s0v0 up && {add}"
    ))?;
    host.run("systemd-run -q --unit=user perl /run/verbs")?;
    host.wait("rdma resource show | grep -q 'ctx 1'")?;
    let holder = "a program on RDMA device rxe0";
    is_in_the_way(&host, 3, holder, "systemctl stop user")?;

    // The device alone is nobody's use.
    host.run(&format!("ip link set enp1s0v0 up && {add}"))?;
    host.policy("10-test.toml", &policy(2))?;
    host.wait_for(PF, "ready", 2)?;
    host.assert_second_pass_is_empty()
}
