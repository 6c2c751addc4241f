//! Outputs together: what is on, what is held back, and that equal worlds give equal bytes.

use super::*;
use crate::policy;
use crate::policy::network::NetworkBody;
use crate::policy::resolve::Claim;
use fixture::*;
use proptest::prelude::*;
use serde_json::{Map, json};

fn everything_on() -> OutputSettings {
    OutputSettings {
        cni_dir: Some("/etc/cni/net.d".into()),
        device_plugin_file: Some("/etc/pcidp/config.json".into()),
        node_state_file: Some("/run/sriovd/state.json".into()),
        pools_file: Some("/run/sriovd/pools.json".into()),
        podman_dir: Some("/etc/containers/networks".into()),
        manifests_dir: Some("/var/lib/sriovd/manifests".into()),
        cdi_dir: Some("/run/cdi".into()),
        own_cni_plugin: false,
    }
}

fn outputs(
    world: &ManagedHost,
    networks: &[Network],
    previous: &BTreeMap<NetworkName, Assignment>,
    cni_directory: CniDirectory,
    settings: &OutputSettings,
) -> Outputs {
    render(&RenderInput {
        policies: &[],
        networks,
        world: &world.known(),
        previous,
        cni_directory,
        settings,
    })
}

fn paths(outputs: &Outputs) -> Vec<&str> {
    outputs
        .files
        .keys()
        .filter_map(|path| path.to_str())
        .collect()
}

fn small_world() -> ManagedHost {
    ManagedHost::of([(pf(1, 2), vec![claim("a", None)])])
}

#[test]
fn every_output_has_its_place() {
    let networks = [network("f1-u", Some("a")), network("plain", None)];
    let world = small_world();
    let none = BTreeMap::new();
    let found = outputs(
        &world,
        &networks,
        &none,
        CniDirectory::default(),
        &everything_on(),
    );
    let expected = [
        "/etc/cni/net.d/99-sriovd-f1-u.conflist",
        "/etc/cni/net.d/99-sriovd-plain.conflist",
        "/etc/containers/networks/f1-u.json",
        "/etc/pcidp/config.json",
        "/run/sriovd/pools.json",
        "/run/sriovd/state.json",
        "/var/lib/sriovd/manifests/default.f1-u.json",
        "/var/lib/sriovd/manifests/default.plain.json",
    ];
    assert_eq!(paths(&found), expected);
    assert_eq!(found.held_back, []);
    assert_eq!(found.assignments, remembered([("f1-u", at(1, 0))]));
    let directories = everything_on();
    let directories = directories.directories();
    for file in found.files.keys() {
        assert!(directories.contains(&file.parent().unwrap()));
    }
}

#[test]
fn plugins_are_told_of_every_pool_and_of_all_its_vfs_that_exist() {
    let front = |vfs: &str| Claim {
        policy: parse("front"),
        ..claim("front", Some(vfs))
    };
    let back = claim("back", Some("4-5"));
    let claims = vec![front("0-1"), back, front("3")];
    let other = vec![claim("front", None)];
    // Bound otherwise than is wanted: still a VF of its pool.
    let mut changed = pf(2, 2);
    changed
        .vfs
        .entry(crate::model::VfIndex(1))
        .and_modify(|vf| vf.driver = None);
    let world = ManagedHost::of([(pf(1, 4), claims), (changed, other)]);
    let settings = OutputSettings {
        pools_file: Some("/pools".into()),
        ..OutputSettings::default()
    };
    let none = BTreeMap::new();
    let found = outputs(&world, &[], &none, CniDirectory::default(), &settings);
    let text = &found.files[Path::new("/pools")];
    assert!(is_marked_ours(text.as_bytes()));
    let read = crate::model::PoolsFile::parse(text.as_bytes()).unwrap();
    let shown = |pool: &str| -> Vec<_> {
        let pfs = read.pools[&parse(pool)].iter();
        let vfs = |pf: &crate::model::PoolPf| pf.vfs.keys().map(|vf| vf.0).collect::<Vec<_>>();
        pfs.map(|pf| (pf.name.clone(), vfs(pf))).collect()
    };
    let (ens1, ens2) = ("ens1f0".to_owned(), "ens2f0".to_owned());
    assert_eq!(shown("front"), [(ens1, vec![0, 1, 3]), (ens2, vec![0, 1])]);
    assert_eq!(shown("back"), []);
    assert_eq!(read.pools.len(), 2);
}

#[test]
fn an_output_that_is_off_leaves_nothing_but_memory() {
    let networks = [network("f1-u", Some("a")), network("lost", Some("b"))];
    let none = BTreeMap::new();
    let off = OutputSettings::default();
    let found = outputs(
        &small_world(),
        &networks,
        &none,
        CniDirectory::default(),
        &off,
    );
    assert_eq!((found.files, found.held_back), Default::default());
    assert_eq!(found.assignments, remembered([("f1-u", at(1, 0))]));
    let given = found.given.keys().map(ToString::to_string);
    assert_eq!(given.collect::<Vec<_>>(), ["f1-u"]);
}

#[test]
fn the_only_network_of_a_kubernetes_node_is_held_back() {
    let networks = [network("f1-u", Some("a"))];
    let none = BTreeMap::new();
    let cases = [
        (false, false, true),
        (false, true, false),
        (true, false, true),
        (true, true, true),
    ];
    for (other_conflists, kubelet, written) in cases {
        let directory = CniDirectory {
            other_conflists,
            kubelet,
        };
        let found = outputs(
            &small_world(),
            &networks,
            &none,
            directory,
            &everything_on(),
        );
        let path = Path::new("/etc/cni/net.d/99-sriovd-f1-u.conflist");
        assert_eq!(found.files.contains_key(path), written, "{directory:?}");
        let reasons: Vec<_> = found.held_back.iter().map(|held| &held.reason).collect();
        assert_eq!(
            reasons == [&Reason::WouldBeDefault],
            !written,
            "{directory:?}"
        );
        // It keeps its VF for the day on which another network is there.
        assert_eq!(found.assignments.len(), 1);
    }
}

#[test]
fn a_manifest_names_the_same_resource_wherever_its_vfs_are() {
    let claim = Claim {
        resource_prefix: Some(parse("example.com")),
        ..claim("a", None)
    };
    let policy = "[[policy]]\nname = \"dataplane\"\nresource = \"a\"\nnum_vfs = 2\n\
                  resource_prefix = \"example.com\"\nmatch.vendor = \"8086\"\n";
    let policies = policy::file::parse(Path::new(""), policy).unwrap().policies;
    let ready = ManagedHost::of([(pf(1, 2), vec![claim])]);
    let mut without_vfs = ready.clone();
    without_vfs
        .host
        .pfs
        .values_mut()
        .for_each(|pf| pf.vfs.clear());
    for world in [ready, without_vfs, ManagedHost::default()] {
        let found = render(&RenderInput {
            policies: &policies,
            networks: &[network("f1-u", Some("a"))],
            world: &world.known(),
            previous: &BTreeMap::new(),
            cni_directory: CniDirectory::default(),
            settings: &everything_on(),
        });
        let path = Path::new("/var/lib/sriovd/manifests/default.f1-u.json");
        let manifest: Value = serde_json::from_str(&found.files[path]).unwrap();
        let resource = &manifest["metadata"]["annotations"]["k8s.v1.cni.cncf.io/resourceName"];
        assert_eq!(resource, "example.com/a", "{:?}", world.host);
    }
}

#[test]
fn one_network_that_cannot_be_written_leaves_the_others() {
    let mut broken = network("broken", None);
    broken.body = NetworkBody::Raw(Map::new());
    let networks = [
        broken,
        network("lost", Some("b")),
        network("fine", Some("a")),
    ];
    let none = BTreeMap::new();
    let found = outputs(
        &small_world(),
        &networks,
        &none,
        CniDirectory::default(),
        &everything_on(),
    );
    let held: Vec<_> = found
        .held_back
        .iter()
        .map(|held| format!("{}: {}", held.path.display(), held.reason))
        .collect();
    let expected = [
        "/etc/cni/net.d/99-sriovd-broken.conflist: plugin 1 is not an object with a type",
        "/var/lib/sriovd/manifests/default.broken.json: plugin 1 is not an object with a type",
        "/etc/cni/net.d/99-sriovd-lost.conflist: no VF of pool b is ready",
    ];
    assert_eq!(held, expected);
    assert_eq!(paths(&found)[0], "/etc/cni/net.d/99-sriovd-fine.conflist");
}

#[test]
fn files_without_a_name_of_ours_say_that_they_are_ours() {
    let found = outputs(
        &small_world(),
        &[],
        &BTreeMap::new(),
        CniDirectory::default(),
        &everything_on(),
    );
    assert_eq!(found.files.len(), 3);
    assert!(
        found
            .files
            .values()
            .all(|text| is_marked_ours(text.as_bytes()))
    );
    for foreign in [
        "",
        "[]",
        "[null, null, \"sriovd\"]",
        "{\"resourceList\": []}",
        "{\"managedBy\": \"me\"}",
        "\"sriovd\"",
    ] {
        assert!(!is_marked_ours(foreign.as_bytes()), "{foreign}");
    }
}

proptest! {
    #[test]
    fn the_order_of_discovery_and_of_policy_files_gives_the_same_bytes(
        world in any_world(), networks in any_networks(), previous in any_memory()
    ) {
        let settings = everything_on();
        let mut discovered_otherwise = ManagedHost::default();
        discovered_otherwise.host.node = world.host.node.clone();
        for (address, pf) in world.host.pfs.iter().rev() {
            let mut pf = pf.clone();
            pf.vfs = pf.vfs.into_iter().rev().collect();
            discovered_otherwise.host.pfs.insert(*address, pf);
        }
        discovered_otherwise.resolutions = world.resolutions.clone().into_iter().rev().collect();
        let reversed: Vec<_> = networks.iter().rev().cloned().collect();
        let directory = CniDirectory::default();
        let first = outputs(&world, &networks, &previous, directory, &settings);
        let second = outputs(&discovered_otherwise, &reversed, &previous, directory, &settings);
        prop_assert_eq!(&first, &second);
        // And with what the first run left behind nothing changes any more.
        let third = outputs(&world, &networks, &first.assignments, directory, &settings);
        prop_assert_eq!(first, third);
    }

    #[test]
    fn only_vfs_that_are_ready_are_described(
        world in any_world(), networks in any_networks(), previous in any_memory()
    ) {
        let outputs_only = OutputSettings { node_state_file: None, pools_file: None, ..everything_on() };
        let found = outputs(&world, &networks, &previous, CniDirectory::default(), &outputs_only);
        let known = world.known();
        let pools = pools::pools(&known);
        let ready: Vec<_> = pools.values().flatten().map(|member| member.vf.address).collect();
        for vf in world.host.pfs.values().flat_map(|pf| pf.vfs.values()) {
            if !ready.contains(&vf.address) {
                let named = found.files.values().any(|text| text.contains(&vf.address.to_string()));
                prop_assert!(!named, "{}", vf.address);
            }
        }
    }
}

#[test]
fn with_our_own_plugin_networks_share_their_pool() {
    let networks = [
        network("f1-c", Some("a")),
        network("f1-u", Some("a")),
        network("lost", Some("b")),
    ];
    let settings = OutputSettings {
        own_cni_plugin: true,
        ..everything_on()
    };
    let none = BTreeMap::new();
    let directory = CniDirectory::default();
    let found = outputs(&small_world(), &networks, &none, directory, &settings);
    for name in ["f1-c", "f1-u"] {
        let path = format!("/etc/cni/net.d/99-sriovd-{name}.conflist");
        let text: Value = serde_json::from_str(&found.files[Path::new(&path)]).unwrap();
        let plugin = &text["plugins"][0];
        assert_eq!(
            (&plugin["type"], &plugin["pool"]),
            (&json!("sriovd-cni"), &json!("a"))
        );
        assert_eq!(plugin["deviceID"], Value::Null);
    }
    let [held] = &found.held_back[..] else {
        panic!("{:?}", found.held_back)
    };
    assert_eq!(
        held.path,
        Path::new("/etc/cni/net.d/99-sriovd-lost.conflist")
    );
    assert_eq!(held.reason.to_string(), "no VF of pool b is ready");
    assert_eq!(found.assignments, BTreeMap::new());
}
