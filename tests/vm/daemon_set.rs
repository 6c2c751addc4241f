//! sriovd in a container: the image that its Containerfile makes, run from its manifest by podman.

use crate::containers::{self, SLOW};
use crate::document;
use crate::host::Host;
use crate::lab::{Guest, Nic};
use crate::packages::{carry, installed_tree};
use anyhow::{Result, ensure};
use std::fs;

const PF: &str = "0000:01:00.0";
const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 3
trust = true
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 100
"#;

/// In place of Debian's image, and of the one that holds a pod's namespaces: what the programs are linked with.
const BASE: &str = "\
    mkdir /root/base && cd /root/base
    for library in $(ldd /root/tree/usr/sbin/sriovd | grep -o '/[^ ]*'); do install -D $library ./$library; done
    mkdir -p usr/sbin usr/bin usr/share/doc bin && cp /bin/busybox bin
    printf '#!/bin/busybox sh\\nexec /bin/busybox sleep 100000\\n' > pause && chmod +x pause
    sed -i '/^.engine/a infra_image = \"localhost/debian\"' /etc/containers/containers.conf
    tar -c . | podman import --change 'ENTRYPOINT [\"/pause\"]' - debian";

#[test]
fn the_image_has_vfs_made_with_the_mounts_and_rights_of_its_manifest() -> Result<()> {
    let host = Host::from(Guest::resume()?);
    containers::configure(&host)?;
    // Each layer is a whole copy, and the guest's root has half of its memory.
    host.run("mkdir /root/tree && mount -t tmpfs -o mode=755 tmpfs /var/lib/containers")?;
    let parts = ["usr/sbin", "usr/bin", "usr/lib/cni", "usr/share/doc"];
    carry(&installed_tree()?, &parts, &host, "/root/tree")?;
    for file in ["Containerfile", "daemonset.yaml"] {
        let text = fs::read(document::root().join("packaging/container").join(file))?;
        host.put(text, &format!("/root/{file}"), 0o644)?;
    }
    host.run_for(BASE, SLOW)?;
    host.run_for(
        "podman build --layers=false --build-arg BASE=localhost/debian -f /root/Containerfile -t sriovd /root/tree",
        SLOW,
    )?;
    host.policy("10-test.toml", POLICY)?;
    host.put(
        "{\"cniVersion\": \"1.0.0\", \"name\": \"cluster\", \"plugins\": [{\"type\": \"bridge\"}]}",
        "/etc/cni/net.d/10-cluster.conflist",
        0o644,
    )?;
    host.run_for("podman kube play /root/daemonset.yaml", SLOW)?;
    host.run("cp /root/tree/usr/bin/sriovctl /usr/bin")?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -a -e /etc/pcidp/config.json")?;
    host.assert_second_pass_is_empty()?;

    let rights = host.run("grep -e CapEff -e CapBnd -e NoNewPrivs /proc/$(pidof sriovd)/status")?;
    // CAP_NET_ADMIN and CAP_DAC_OVERRIDE.
    let two = format!("{:016x}", (1 << 12) | (1 << 1));
    ensure!(rights.matches(&two).count() == 2, "{rights}");
    ensure!(rights.contains("NoNewPrivs:\t1"), "{rights}");
    Ok(())
}
