//! A tree that is written, removed and replaced under a source that watches it.

use super::*;
use crate::events::Scope;
use crate::events::tests::{Ear, hearing};
use sriovd_core::model::PciAddress;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use tempfile::TempDir;
use tokio::sync::mpsc::{Receiver, channel};

struct Host {
    root: TempDir,
    ear: Ear,
    neighbours: Receiver<Neighbour>,
}

const MARK: Scope = Scope::VfioGroup(77);

impl Host {
    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn mkdir(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        let path = self.path(path);
        let temporary = path.with_extension("new");
        symlink(target, &temporary).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    /// What has been heard so far. inotify keeps the order, so whatever comes before our own
    /// mark is all there is.
    async fn heard(&mut self) -> Vec<Scope> {
        self.write("dev/vfio/77", "");
        let heard = self.ear.until(|trigger| trigger.scope == MARK).await;
        // Writing closes the file once.
        heard.into_iter().map(|trigger| trigger.scope).collect()
    }

    /// Nothing else may be heard.
    async fn neighbours(&mut self) -> Vec<Neighbour> {
        assert_eq!(self.heard().await, []);
        std::iter::from_fn(|| self.neighbours.try_recv().ok()).collect()
    }

    /// The file may tell of it, and its directory as well.
    async fn settings_changed(&mut self) -> bool {
        let heard = self.heard().await;
        assert!(heard.iter().all(|scope| *scope == Scope::Node), "{heard:?}");
        !heard.is_empty()
    }

    /// With `/etc` the settings may come and go, too.
    async fn policies_changed(&mut self) -> bool {
        let mut heard = self.heard().await;
        heard.retain(|scope| *scope != Scope::Node);
        assert!(
            heard.iter().all(|scope| *scope == Scope::Policies),
            "{heard:?}"
        );
        !heard.is_empty()
    }
}

/// `/dev/vfio` is there; `/etc/sriov.d` is if `policies`.
async fn on_host(policies: bool, test: impl AsyncFnOnce(Host)) {
    let root = TempDir::new().unwrap();
    fs::create_dir_all(root.path().join("dev/vfio")).unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    let directory = root.path().join("etc/sriov.d");
    if policies {
        fs::create_dir(&directory).unwrap();
    }
    let directories = Directories::new(root.path(), &[directory]);
    let directories = directories.and_settings(&root.path().join("etc/sriovd.toml"));
    let directories = directories.and_neighbours(
        vec![root.path().join("etc/cni/net.d")],
        vec![root.path().join("var/lib/kubelet")],
    );
    let source = FileEvents::subscribe(directories).await.unwrap();
    let (sender, neighbours) = channel(16);
    let test = async |ear| {
        let host = Host {
            root,
            ear,
            neighbours,
        };
        test(host).await;
    };
    hearing(|triggers| source.run(triggers, sender), test).await;
}

fn entry(name: &str) -> Neighbour {
    Neighbour::Entry(name.into())
}

#[tokio::test]
async fn a_policy_that_is_written_renamed_removed_or_made_readable_is_a_change() {
    on_host(true, async |mut host| {
        host.write("etc/sriov.d/10.toml", "x");
        assert!(host.policies_changed().await);
        host.write("etc/sriov.d/.10.toml.new", "y");
        assert!(!host.policies_changed().await);
        host.rename("etc/sriov.d/.10.toml.new", "etc/sriov.d/10.toml");
        assert!(host.policies_changed().await);
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(host.path("etc/sriov.d/10.toml"), readable).unwrap();
        assert!(host.policies_changed().await);
        host.rename("etc/sriov.d/10.toml", "etc/sriov.d/10.toml.off");
        assert!(host.policies_changed().await);
        host.rename("etc/sriov.d/10.toml.off", "etc/sriov.d/10.toml");
        assert!(host.policies_changed().await);
        fs::remove_file(host.path("etc/sriov.d/10.toml")).unwrap();
        assert!(host.policies_changed().await);
        host.link("/dev/null", "etc/sriov.d/20.toml");
        assert!(host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn settings_that_are_written_replaced_or_removed_are_a_change_and_their_neighbours_are_not() {
    on_host(true, async |mut host| {
        host.write("etc/sriovd.toml", "x");
        assert!(host.settings_changed().await);
        for other in ["etc/hosts", "etc/sriovd.toml.new", "etc/.sriovd.toml.swp"] {
            host.write(other, "x");
            assert_eq!(host.heard().await, []);
        }
        host.rename("etc/sriovd.toml.new", "etc/sriovd.toml");
        assert!(host.settings_changed().await);
        host.write("etc/sriovd.toml", "y");
        assert!(host.settings_changed().await);
        // An editor may have it open: the inode lives on without a name.
        let open = File::open(host.path("etc/sriovd.toml")).unwrap();
        host.write("etc/new", "z");
        host.rename("etc/new", "etc/sriovd.toml");
        assert!(host.settings_changed().await);
        drop(open);
        host.heard().await;
        host.write("etc/sriovd.toml", "z");
        assert!(host.settings_changed().await);
        fs::remove_file(host.path("etc/sriovd.toml")).unwrap();
        assert!(host.settings_changed().await);
        host.write("etc/sriovd.toml", "z");
        assert!(host.settings_changed().await);
        host.write("etc/sriov.d/10.toml", "x");
        assert!(host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn settings_behind_symbolic_links_are_heard_where_they_are() {
    on_host(true, async |mut host| {
        host.mkdir("srv/first");
        host.mkdir("srv/second");
        host.write("srv/first/a.toml", "x");
        host.write("srv/second/b.toml", "x");
        host.heard().await;
        host.link("../srv/first/a.toml", "etc/sriovd.toml");
        assert!(host.settings_changed().await);
        let edited = async |host: &mut Host, file: &str| {
            host.write(file, "y");
            assert!(host.settings_changed().await, "{file} is written");
            host.write("srv/new", "z");
            host.rename("srv/new", file);
            assert!(host.settings_changed().await, "{file} is replaced");
            fs::remove_file(host.path(file)).unwrap();
            assert!(host.settings_changed().await, "{file} is removed");
            host.write(file, "z");
            assert!(host.settings_changed().await, "{file} is there again");
        };
        edited(&mut host, "srv/first/a.toml").await;
        host.write("srv/first/other.toml", "x");
        host.write("etc/hosts", "x");
        assert_eq!(host.heard().await, []);

        // Another link, and one behind another.
        let absolute = host.path("srv/second/b.toml");
        host.link(absolute.to_str().unwrap(), "srv/first/link");
        host.link("../srv/first/link", "etc/sriovd.toml");
        assert!(host.settings_changed().await);
        edited(&mut host, "srv/second/b.toml").await;
        host.write("srv/first/a.toml", "x");
        assert_eq!(host.heard().await, []);
        host.link("a.toml", "srv/first/link");
        assert!(host.settings_changed().await);
        edited(&mut host, "srv/first/a.toml").await;
        fs::remove_file(host.path("etc/sriovd.toml")).unwrap();
        assert!(host.settings_changed().await);
        host.write("etc/sriovd.toml", "x");
        assert!(host.settings_changed().await);
        edited(&mut host, "etc/sriovd.toml").await;
    })
    .await;
}

#[tokio::test]
async fn what_editors_and_packages_leave_behind_is_no_change() {
    on_host(true, async |mut host| {
        for name in [
            ".10.toml.swp",
            "10.toml~",
            "10.toml.dpkg-new",
            "4913",
            ".toml",
            "toml",
        ] {
            host.write(&format!("etc/sriov.d/{name}"), "x");
        }
        host.mkdir("etc/other.d");
        host.write("etc/other.d/10.toml", "x");
        assert!(!host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_is_being_written_counts_once_it_is_whole() {
    on_host(true, async |mut host| {
        let file = File::create(host.path("etc/sriov.d/10.toml")).unwrap();
        assert!(!host.policies_changed().await);
        drop(file);
        assert!(host.policies_changed().await);
        symlink("/dev/null", host.path("etc/sriov.d/20.toml")).unwrap();
        assert!(host.policies_changed().await);
        fs::hard_link(
            host.path("etc/sriov.d/10.toml"),
            host.path("etc/sriov.d/30.toml"),
        )
        .unwrap();
        assert!(host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn a_directory_may_come_go_and_come_back() {
    on_host(false, async |mut host| {
        for _ in 0..2 {
            host.mkdir("etc/sriov.d");
            assert!(host.policies_changed().await);
            host.write("etc/sriov.d/10.toml", "x");
            assert!(host.policies_changed().await);
            // A shell may stand in it: the inode lives on without a name.
            let standing = File::open(host.path("etc/sriov.d")).unwrap();
            fs::remove_dir_all(host.path("etc/sriov.d")).unwrap();
            assert!(host.policies_changed().await);
            host.mkdir("etc/sriov.d");
            assert!(host.policies_changed().await);
            drop(standing);
            assert!(!host.policies_changed().await);
            host.rename("etc", "etc.old");
            assert!(host.policies_changed().await);
            host.write("etc.old/sriov.d/20.toml", "x");
            assert!(!host.policies_changed().await);
            host.mkdir("etc");
            host.policies_changed().await;
            fs::remove_dir_all(host.path("etc.old")).unwrap();
            assert!(!host.policies_changed().await);
        }
    })
    .await;
}

#[tokio::test]
async fn files_that_are_there_before_the_watch_are_not_missed() {
    on_host(false, async |mut host| {
        host.mkdir("staging/sriov.d");
        host.write("staging/sriov.d/10.toml", "x");
        host.rename("staging/sriov.d", "etc/sriov.d");
        assert!(host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn symbolic_links_on_the_way_are_followed_and_may_change() {
    on_host(false, async |mut host| {
        host.link("../policies/current", "etc/sriov.d");
        assert!(host.policies_changed().await);
        host.mkdir("policies/one");
        host.policies_changed().await;
        host.link("one", "policies/current");
        assert!(host.policies_changed().await);
        host.write("policies/one/10.toml", "x");
        assert!(host.policies_changed().await);
        host.mkdir("policies/two");
        host.link("two", "policies/current");
        assert!(host.policies_changed().await);
        host.write("policies/two/10.toml", "x");
        assert!(host.policies_changed().await);
        host.write("policies/one/10.toml", "y");
        assert!(!host.policies_changed().await);
        symlink("loop", host.path("policies/loop")).unwrap();
        host.link("loop", "policies/current");
        assert!(host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn a_config_map_is_replaced_by_renaming_a_link() {
    on_host(true, async |mut host| {
        host.mkdir("etc/sriov.d/..2026_01");
        host.write("etc/sriov.d/..2026_01/10.toml", "x");
        assert!(!host.policies_changed().await);
        symlink("..2026_01", host.path("etc/sriov.d/..data_tmp")).unwrap();
        assert!(!host.policies_changed().await);
        host.rename("etc/sriov.d/..data_tmp", "etc/sriov.d/..data");
        assert!(host.policies_changed().await);
    })
    .await;
}

#[tokio::test]
async fn closed_groups_and_cni_records_name_what_they_are_about() {
    on_host(true, async |mut host| {
        host.write("dev/vfio/vfio", "");
        host.write("dev/vfio/9", "");
        drop(File::open(host.path("dev/vfio/12")).err());
        assert_eq!(host.heard().await, [Scope::VfioGroup(9)]);
        // Our own look, which only reads.
        drop(File::open(host.path("dev/vfio/9")).unwrap());
        assert_eq!(host.heard().await, []);
        host.mkdir("dev/vfio/devices");
        assert_eq!(host.heard().await, []);
        host.write("dev/vfio/devices/vfio3", "");
        let closed = host.ear.next().await;
        assert_eq!(closed.scope, Scope::VfioDevice);
        assert_eq!(closed.cause.to_string(), "VFIO device vfio3 closed");

        host.mkdir("var/lib/cni/sriov/pci/vf_lock");
        assert_eq!(host.heard().await, []);
        host.write("var/lib/cni/sriov/pci/0000:01:10.2", "/run/netns/blue");
        host.write("var/lib/cni/sriov/pci/vf_lock/0000:01:10.4.lock", "");
        let vf: PciAddress = "0000:01:10.2".parse().unwrap();
        assert_eq!(host.heard().await, [Scope::Device(vf)]);
        fs::remove_file(host.path("var/lib/cni/sriov/pci/0000:01:10.2")).unwrap();
        assert_eq!(host.heard().await, [Scope::Device(vf)]);
        fs::remove_dir_all(host.path("var/lib/cni")).unwrap();
        assert_eq!(host.heard().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_vfio_directory_that_comes_with_the_module_is_noticed() {
    on_host(true, async |mut host| {
        fs::remove_dir_all(host.path("dev/vfio")).unwrap();
        host.mkdir("dev/vfio");
        // The directory is watched once this change has been heard.
        host.write("etc/sriov.d/10.toml", "x");
        assert_eq!(host.ear.next().await.scope, Scope::Policies);
        assert_eq!(host.heard().await, []);
    })
    .await;
}

#[tokio::test]
async fn what_lies_beside_outputs_is_told_once_it_is_whole() {
    on_host(true, async |mut host| {
        host.mkdir("etc/cni/net.d");
        host.neighbours().await;
        let file = File::create(host.path("etc/cni/net.d/10-a.conf")).unwrap();
        assert_eq!(host.neighbours().await, []);
        drop(file);
        assert_eq!(host.neighbours().await, [entry("10-a.conf")]);
        symlink("/srv/b.conf", host.path("etc/cni/net.d/20-b.conf")).unwrap();
        assert_eq!(host.neighbours().await, [entry("20-b.conf")]);
        host.rename("etc/cni/net.d/10-a.conf", "etc/10-a.conf");
        assert_eq!(host.neighbours().await, [entry("10-a.conf")]);
        host.rename("etc/10-a.conf", "etc/cni/net.d/30-c.conf");
        assert_eq!(host.neighbours().await, [entry("30-c.conf")]);
        fs::remove_file(host.path("etc/cni/net.d/30-c.conf")).unwrap();
        assert_eq!(host.neighbours().await, [entry("30-c.conf")]);
    })
    .await;
}

#[tokio::test]
async fn directories_beside_outputs_are_noticed_and_what_is_in_a_kubelets_is_not() {
    on_host(true, async |mut host| {
        for _ in 0..2 {
            for directory in ["etc/cni/net.d", "var/lib/kubelet"] {
                host.mkdir(directory);
                let found = host.neighbours().await;
                assert!(found.contains(&Neighbour::Directory), "{found:?}");
            }
            host.mkdir("var/lib/kubelet/pods/1");
            host.write("var/lib/kubelet/config.yaml", "");
            fs::remove_dir_all(host.path("var/lib/kubelet/pods")).unwrap();
            host.write("var/lib/other", "");
            assert_eq!(host.neighbours().await, []);
            for directory in ["etc/cni", "var/lib/kubelet"] {
                fs::remove_dir_all(host.path(directory)).unwrap();
                let found = host.neighbours().await;
                assert!(found.contains(&Neighbour::Directory), "{found:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_overflow_asks_for_a_full_look() {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    on_host(true, async |mut host| {
        // Equal events in a row become one, so two files in turn.
        for at in 0..=limit {
            host.write(&format!("etc/sriov.d/{}.toml", at % 2), "");
        }
        let is_overrun = |trigger: &Trigger| *trigger == Trigger::overrun("inotify");
        host.ear.until(is_overrun).await;
        assert!(!host.policies_changed().await);
        host.write("etc/sriov.d/10.toml", "x");
        assert!(host.policies_changed().await);
    })
    .await;
}

/// Such as one on a server that is away, or behind a limit of the kernel.
#[tokio::test]
async fn a_directory_that_cannot_be_looked_up_is_told_once_and_ends_and_delays_nothing() {
    on_host(false, async |mut host| {
        let unusable = "x".repeat(300);
        host.link(&unusable, "etc/sriov.d");
        assert!(host.policies_changed().await);
        let directory = host.path("etc/sriov.d");
        let told = host.neighbours.recv().await.unwrap();
        let Neighbour::Watched {
            directory: of,
            reason: Some(_),
        } = &told
        else {
            panic!("{told:?}");
        };
        assert_eq!(*of, directory);
        // It is tried again meanwhile.
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        assert_eq!(host.neighbours().await, []);

        host.mkdir("policies");
        host.link("../policies", "etc/sriov.d");
        assert!(host.policies_changed().await);
        let reason = None;
        assert_eq!(
            host.neighbours().await,
            [Neighbour::Watched { directory, reason }]
        );
        host.write("policies/10.toml", "x");
        assert!(host.policies_changed().await);
    })
    .await;
}
