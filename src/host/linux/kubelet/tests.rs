//! What kubelet allocated is on disk when that is said, and holds the VF that it was.

use super::super::LinuxHost;
use super::super::prepared::{Prepared, pci, pf, vf_address};
use super::super::records::kubelet_allocation;
use super::*;
use sriovd_core::host::{Host as _, Look};
use sriovd_core::model::Holder;
use sriovd_core::model::{Errno, PodContainer, VfIndex};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const RESOURCE: &str = "sriovd.io/fast";

struct Made {
    host: Prepared,
    records: KubeletRecords,
}

/// Two VFs.
fn made() -> Made {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    host.vf(1, "vfio-pci");
    let records = KubeletRecords::new(host.path(""), Apart::default());
    Made { host, records }
}

impl Made {
    fn add(&self, vfs: &[u16]) -> Result<(), NotRecorded> {
        let vfs = vfs.iter().map(|&index| vf_address(index)).collect();
        self.records.add(RESOURCE, &vfs)
    }

    fn replace(&self, all: &[KubeletAllocation], is_ready: bool) -> Result<(), NotRecorded> {
        let all = all.iter().map(|it| (it.vf, it.clone())).collect();
        self.records.replace(&all, |_| is_ready)
    }

    /// As passes and plugins find it.
    fn holder(&self, index: u16) -> Option<Holder> {
        kubelet_allocation(&self.records.tree, vf_address(index)).unwrap()
    }

    fn is_held(&self, index: u16) -> bool {
        self.holder(index).is_some()
    }

    fn record(&self, index: u16) -> String {
        format!("{KUBELET}/{}", vf_address(index))[1..].to_owned()
    }
}

fn of(index: u16, pod: Option<&str>) -> KubeletAllocation {
    KubeletAllocation {
        vf: vf_address(index),
        resource: RESOURCE.to_owned(),
        container: pod.map(|pod| PodContainer {
            namespace: "default".to_owned(),
            pod: pod.to_owned(),
            container: "main".to_owned(),
        }),
    }
}

#[test]
fn vfs_are_held_from_the_answer_on_until_kubelet_tells_of_them_no_more() {
    let made = made();
    made.add(&[0, 1]).unwrap();
    made.add(&[1]).unwrap();
    assert!(made.is_held(0) && made.is_held(1));
    assert_eq!(made.records.all().unwrap(), [of(0, None), of(1, None)]);
    made.replace(&[of(1, Some("idle"))], false).unwrap();
    assert_eq!(made.holder(0), None);
    let words = "pod default/idle, container main (resource sriovd.io/fast)";
    assert_eq!(made.holder(1).unwrap().to_string(), words);
    made.replace(&[], true).unwrap();
    assert!(!made.is_held(1));
    assert_eq!(made.records.all().unwrap(), []);
}

/// A VF that comes again is prepared as its policy wants it, and then held.
#[test]
fn a_record_holds_the_vf_that_it_was_written_for_and_a_new_one_when_that_is_ready() {
    let made = made();
    made.add(&[1]).unwrap();
    let device = pci(&vf_address(1).to_string());
    let keeps_the_inode = made.host.path(&device).with_extension("before");
    fs::rename(made.host.path(&device), keeps_the_inode).unwrap();
    assert!(!made.is_held(1), "it is gone");
    made.host.directory(&device);
    assert!(!made.is_held(1), "it is another one");
    assert_eq!(made.records.all().unwrap(), [of(1, None)]);
    made.replace(&[of(1, None)], false).unwrap();
    assert!(!made.is_held(1), "it is not ready");
    made.replace(&[of(1, None)], true).unwrap();
    assert!(made.is_held(1));
    // As after a reboot.
    fs::remove_dir_all(made.host.path("run/sriovd")).unwrap();
    assert!(!made.is_held(1));
}

#[test]
fn nothing_is_written_where_nothing_is_another() {
    let made = made();
    made.replace(&[of(1, Some("idle"))], true).unwrap();
    let written = || fs::metadata(made.host.path(&made.record(1))).unwrap().ino();
    let before = written();
    made.replace(&[of(1, Some("idle"))], true).unwrap();
    made.replace(&[of(1, Some("idle"))], false).unwrap();
    assert_eq!(written(), before);
}

#[test]
fn a_vf_that_is_gone_or_in_a_container_is_not_recorded_and_no_other_with_it() {
    let made = made();
    let refused = made.add(&[0, 2]).unwrap_err().to_string();
    assert_eq!(refused, "there is no VF 0000:01:10.2 on this host any more");
    let netns = format!("{}/{}", lock::PLUGIN_STATE, vf_address(1));
    made.host.file(&netns[1..], "/run/netns/blue");
    made.host.file("run/netns/blue", "");
    let refused = made.add(&[0, 1]).unwrap_err().to_string();
    let held = "VF 0000:01:10.1 is not free: it is held by CNI, for /run/netns/blue";
    assert_eq!(refused, held);
    assert_eq!(made.records.all().unwrap(), []);
    // That of its own pod is no obstacle when another container of the pod gets it.
    made.host.remove(&netns[1..]);
    made.add(&[1]).unwrap();
    made.host.file(&netns[1..], "/run/netns/blue");
    made.add(&[1]).unwrap();
}

#[test]
fn a_record_that_is_not_understood_holds_its_vf_until_kubelet_tells_what_it_has() {
    let made = made();
    made.add(&[1]).unwrap();
    made.host.file(&made.record(1), "{");
    let words = made.holder(1).unwrap().to_string();
    assert!(
        words.contains("/var/lib/sriovd/kubelet/0000:01:10.1 is not understood"),
        "{words}"
    );
    assert_eq!(made.records.all().unwrap(), []);
    made.replace(&[of(1, Some("idle"))], true).unwrap();
    assert_eq!(made.records.all().unwrap(), [of(1, Some("idle"))]);
    made.host.file(&made.record(1), "{");
    made.replace(&[], true).unwrap();
    assert!(!made.is_held(1));
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_and_not_free() {
    let made = made();
    made.add(&[1]).unwrap();
    made.host.remove(&made.record(1));
    made.host.directory(&made.record(1));
    assert!(kubelet_allocation(&made.records.tree, vf_address(1)).is_err());
    assert!(made.add(&[1]).is_err() && made.records.all().is_err());
    let linux = LinuxHost {
        tree: made.records.tree.clone(),
    };
    assert!(linux.observe(pf(), Look::WithHolders).is_err());
    assert!(
        linux
            .observe(pf(), Look::WithHoldersOf(VfIndex(1)))
            .is_err()
    );
}

/// The disk refuses at every place in turn, once or from then on as when the agent is killed: what was answered is so.
#[test]
fn whatever_fails_what_was_answered_is_on_disk_and_what_was_refused_is_done_later() {
    for for_good in [false, true] {
        for number in 0.. {
            let made = made();
            let accesses = Arc::new(AtomicUsize::new(0));
            let (counted, struck) = (Arc::clone(&accesses), Arc::new(AtomicUsize::new(0)));
            let hits = Arc::clone(&struck);
            file::faults::below(&made.host.path(""), move |_| {
                let now = counted.fetch_add(1, Ordering::Relaxed);
                let fails = now == number || (for_good && now > number && now < usize::MAX / 2);
                match fails {
                    true => {
                        hits.fetch_add(1, Ordering::Relaxed);
                        Err(Errno::IO.into())
                    }
                    false => Ok(()),
                }
            });
            let added = made.add(&[0, 1]);
            let was_struck = struck.load(Ordering::Relaxed) > 0;
            // Nothing fails any more.
            accesses.store(usize::MAX / 2, Ordering::Relaxed);
            let at = format!("access {number}, for good: {for_good}");
            match added {
                Ok(()) => assert!(made.is_held(0) && made.is_held(1), "{at}"),
                Err(error) => {
                    assert!(was_struck, "{at}: {error}");
                    made.add(&[0, 1]).unwrap();
                    assert!(made.is_held(0) && made.is_held(1), "{at}");
                }
            }
            made.replace(&[], true).unwrap();
            assert!(!made.is_held(0) && !made.is_held(1), "{at}");
            if !was_struck {
                assert!(number > 4, "{number} accesses");
                break;
            }
        }
    }
}

/// Whether the plugin of others has ever run or not.
#[test]
fn no_vf_is_given_while_it_is_taken_away() {
    for plugin_has_run in [false, true] {
        let made = made();
        if plugin_has_run {
            made.host.directory(&lock::PLUGIN_STATE[1..]);
        }
        made.replace(&[], true).unwrap();
        let held = lock::lock(&made.records.tree, VfIndex(1), vf_address(1)).unwrap();
        assert!(held.is_some(), "a pass takes no lock");
        let refused = made.add(&[0, 1]).unwrap_err().to_string();
        assert_eq!(
            refused,
            "VF 0000:01:10.1 is being changed by another program"
        );
        assert_eq!(made.records.all().unwrap(), []);
        drop(held);
        made.add(&[0, 1]).unwrap();
    }
}
