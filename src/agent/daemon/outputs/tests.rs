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
fn plugins_find_the_pools_whatever_outputs_are_for_others() {
    let default = settings::Outputs::default();
    let off = settings::Outputs {
        cni: false,
        cni_plugin: CniPlugin::Sriov,
        node_state: false,
        podman: WhenInstalled::Never,
        ..default.clone()
    };
    let moved = settings::Outputs {
        node_state_file: "/srv/state.json".into(),
        ..default.clone()
    };
    let all = Plugins {
        cni: true,
        netavark: true,
    };
    for (settings, node_state) in [
        (default, Some("/run/sriovd/state.json")),
        (off, None),
        (moved, Some("/srv/state.json")),
    ] {
        for plugins in [Plugins::default(), all] {
            let outputs = rendered_to(&settings, plugins);
            assert_eq!(outputs.pools_file, Some(POOLS.into()), "{settings:?}");
            assert_eq!(outputs.node_state_file, node_state.map(PathBuf::from));
        }
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
