//! Which outputs are on, by the settings and by the plugins that are installed.

use super::*;
use crate::daemon::tests::{coordinator, load, start, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::Cause;
use crate::settings::CniPlugin;
use sriovd_host::file::faults::below;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn plugins_find_the_node_state_wherever_else_it_is_or_not() {
    let default = settings::Outputs::default();
    let moved = settings::Outputs {
        node_state_file: "/srv/state.json".into(),
        ..default.clone()
    };
    let off = settings::Outputs {
        node_state: false,
        ..default.clone()
    };
    let by_hand = settings::Outputs {
        cni_plugin: CniPlugin::Sriov,
        podman: WhenInstalled::Never,
        ..off.clone()
    };
    let lists_only = settings::Outputs {
        cni_plugin: CniPlugin::Ours,
        ..off.clone()
    };
    let podman_only = settings::Outputs {
        podman: WhenInstalled::Always,
        ..off.clone()
    };
    let none = Plugins::default();
    let cni = Plugins { cni: true, ..none };
    let netavark = Plugins {
        netavark: true,
        ..none
    };
    let cases: [(_, _, &[&str]); 12] = [
        (&default, none, &[NODE_STATE]),
        (&default, cni, &[NODE_STATE]),
        (&moved, none, &["/srv/state.json"]),
        (&moved, cni, &[NODE_STATE, "/srv/state.json"]),
        (&moved, netavark, &[NODE_STATE, "/srv/state.json"]),
        (&off, none, &[]),
        (&off, cni, &[NODE_STATE]),
        (&off, netavark, &[NODE_STATE]),
        (&by_hand, cni, &[NODE_STATE]),
        (&by_hand, netavark, &[NODE_STATE]),
        (&lists_only, none, &[NODE_STATE]),
        (&podman_only, none, &[NODE_STATE]),
    ];
    for (settings, plugins, expected) in cases {
        let files = rendered_to(settings, plugins).node_state_files;
        let expected = expected.iter().map(PathBuf::from).collect();
        assert_eq!(files, expected, "{plugins:?} {settings:?}");
    }
}

fn policies(vlan: u16) -> String {
    format!(
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = 2\nmatch.driver = \"igb\"\n\
         [[network]]\nname = \"a\"\nresource = \"nics\"\nvlan = {vlan}\n"
    )
}

/// A file system that does not answer, as of a server that is away.
#[tokio::test]
async fn a_directory_that_does_not_answer_holds_up_no_other_output_and_is_written_when_it_does() {
    let root = tempfile::tempdir().unwrap();
    let lists = root.path().join("etc/cni/net.d");
    let is_away = Arc::new(AtomicBool::new(false));
    let (away, place) = (Arc::clone(&is_away), lists.clone());
    below(root.path(), move |path| {
        while path.starts_with(&place) && away.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(
        "0000:01:00.0".parse().unwrap(),
        DriverModel::IGB,
    ));
    let (mut daemon, mut finished) = coordinator(root.path(), &host);
    start(&mut daemon, &policies(7));
    until(&mut daemon, &mut finished, Value::is_ready).await;
    let list = lists.join("99-sriovd-a.conflist");
    let manifest = root.path().join("var/lib/sriovd/manifests/default.a.json");
    let says = |path: &PathBuf, vlan: &str| fs::read_to_string(path).unwrap().contains(vlan);
    assert!(says(&list, "\"vlan\": 7") && says(&manifest, "7"));

    is_away.store(true, Ordering::Relaxed);
    for vlan in [1234, 2345] {
        load(&mut daemon, &policies(vlan), Cause::PolicyFiles);
        let is_over = |it: &Value| !it.is_busy();
        until(&mut daemon, &mut finished, is_over).await;
        assert!(says(&manifest, &vlan.to_string()));
        let owned = daemon.shared.store.memory().files.clone();
        assert!(owned.contains(Path::new("/etc/cni/net.d/99-sriovd-a.conflist")));
        assert!(daemon.publisher.retry_at.is_some());
    }
    is_away.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    while !says(&list, "2345") {
        assert!(begun.elapsed() < Duration::from_secs(30));
        if let Some(due) = daemon.publisher.retry_at {
            daemon.publisher.retry_at = Some(Instant::now());
            turn(&mut daemon, Event::Time(due.max(Instant::now())));
        }
        until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
    }
    assert_eq!(daemon.publisher.retry_at, None);
}
