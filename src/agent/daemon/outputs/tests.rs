//! Which outputs are on, by the settings and by the plugins that are installed.

use super::*;
use crate::daemon::tests::{Told, patient_coordinator, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::{Cause, Scope, Trigger};
use crate::settings::CniPlugin;
use sriovd_host::file::faults::below;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

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
    // There is something else to be remembered each time.
    let num_vfs = 2 + vlan % 5;
    format!(
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = {num_vfs}\nmatch.driver = \"igb\"\n\
         [[network]]\nname = \"a\"\nresource = \"nics\"\nvlan = {vlan}\n"
    )
}

/// An agent at rest, and a directory of which the file system can stop to answer, as that of a server that is away.
struct Lab {
    root: TempDir,
    is_away: Arc<AtomicBool>,
    daemon: Value,
    finished: Receiver<Message>,
}

impl Lab {
    async fn new(directory: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let is_away = Arc::new(AtomicBool::new(false));
        let (away, place) = (Arc::clone(&is_away), root.path().join(directory));
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
        let patience = Duration::from_secs(2);
        let (daemon, finished) = patient_coordinator(root.path(), &host, patience);
        let mut lab = Self {
            root,
            is_away,
            daemon,
            finished,
        };
        lab.write_policies(7);
        turn(&mut lab.daemon, Event::Start);
        until(&mut lab.daemon, &mut lab.finished, Value::is_ready).await;
        assert!(lab.says(LIST, "\"vlan\": 7") && lab.says(MANIFEST, "7"));
        lab
    }

    fn write_policies(&self, vlan: u16) {
        let path = self.root.path().join("etc/sriov.d/10-test.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, policies(vlan)).unwrap();
    }

    /// To its end.
    async fn change(&mut self, vlan: u16) {
        self.write_policies(vlan);
        turn(
            &mut self.daemon,
            Event::Trigger(Trigger {
                scope: Scope::Policies,
                cause: Cause::PolicyFiles,
            }),
        );
        self.rest().await;
    }

    async fn rest(&mut self) {
        let is_over = |it: &Value| !it.is_busy() && !it.is_loading();
        until(&mut self.daemon, &mut self.finished, is_over).await;
    }

    /// What is due is done until the disk has all.
    async fn answers_again(&mut self) {
        self.is_away.store(false, Ordering::Relaxed);
        let begun = Instant::now();
        while self.daemon.publisher.retry_at.is_some() || self.daemon.shared.store.is_unsaved() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            if let Some(due) = self.daemon.publisher.retry_at {
                self.daemon.publisher.retry_at = Some(Instant::now());
                turn(&mut self.daemon, Event::Time(due.max(Instant::now())));
            }
            self.rest().await;
        }
    }

    fn says(&self, path: &str, text: &str) -> bool {
        let read = fs::read_to_string(self.root.path().join(path));
        read.unwrap().contains(text)
    }
}

const LIST: &str = "etc/cni/net.d/99-sriovd-a.conflist";
const MANIFEST: &str = "var/lib/sriovd/manifests/default.a.json";

#[tokio::test]
async fn a_directory_that_does_not_answer_holds_up_no_other_output_and_is_written_when_it_does() {
    let mut lab = Lab::new("etc/cni/net.d").await;
    lab.is_away.store(true, Ordering::Relaxed);
    for vlan in [1234, 2345] {
        lab.change(vlan).await;
        assert!(lab.says(MANIFEST, &vlan.to_string()));
        let owned = lab.daemon.shared.store.memory().files.clone();
        assert!(owned.contains(&Path::new("/").join(LIST)));
        assert!(lab.daemon.publisher.retry_at.is_some());
    }
    lab.answers_again().await;
    assert!(lab.says(LIST, "2345"));
}

/// Passes, policies and outputs need it all.
#[tokio::test]
async fn a_state_directory_that_does_not_answer_holds_up_nothing_else_and_is_written_when_it_does()
{
    let told = Told::default();
    let _guard = told.listen();
    let mut lab = Lab::new("var/lib/sriovd").await;
    lab.is_away.store(true, Ordering::Relaxed);
    for vlan in [1234, 2345] {
        lab.change(vlan).await;
        assert!(lab.says(LIST, &vlan.to_string()));
        assert!(lab.daemon.shared.store.is_unsaved());
        assert!(lab.daemon.publisher.retry_at.is_some());
    }
    let sentences = told.sentences();
    let unsaved = sentences
        .iter()
        .filter(|it| it.contains("the state cannot be saved"));
    assert!((1..=2).contains(&unsaved.count()), "{sentences:#?}");
    lab.answers_again().await;
    assert!(lab.says(MANIFEST, "2345"));
    assert!(lab.says("var/lib/sriovd/state.json", "0000:01:00.0"));
}
