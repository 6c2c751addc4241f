//! Any access to a file of the daemon's own may fail, once or for a while: nothing is lost, it is told once, and it heals.

use super::{Told, coordinator, until};
use crate::daemon::message::Message;
use crate::daemon::turn::{Event as Happening, turn};
use crate::daemon::value::Daemon;
use crate::events::{Cause, Scope, Trigger};
use serde_json::json;
use sriovd_core::model::{Errno, PciAddress};
use sriovd_host::file::faults::below;
use sriovd_host::sysfs::faults::Faults;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::Receiver;

const ERRORS: [Errno; 4] = [
    Errno::IO,
    Errno::NOSPC,
    Errno::from_raw_os_error(30),
    Errno::ACCESS,
];

#[derive(Debug, Clone, Copy)]
enum Fault {
    Once(usize, Errno),
    From(usize, Errno),
}

/// Every file below the root, but for those that hold what fails.
type Files = BTreeMap<PathBuf, String>;

const PFS: [&str; 2] = ["0000:01:00.0", "0000:02:00.0"];

/// Both PFs with VFs and three networks, or one and two.
fn policies(is_more: bool) -> String {
    let (pfs, num_vfs, networks) = match is_more {
        true => (PFS.as_slice(), 4, ["a", "b", "c"].as_slice()),
        false => (&PFS[..1], 2, ["a", "b"].as_slice()),
    };
    let network = |name| format!("[[network]]\nname = \"{name}\"\nresource = \"pool0\"\n");
    let policy = |(number, pf)| {
        format!(
            "[[policy]]\nname = \"p{number}\"\nresource = \"pool{number}\"\nnum_vfs = {num_vfs}\nmatch.pci_address = \"{pf}\"\n"
        )
    };
    let policies = pfs.iter().enumerate().map(policy);
    policies.chain(networks.iter().map(network)).collect()
}

fn files(root: &Path) -> Files {
    let mut found = Files::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                let text = fs::read_to_string(path).unwrap();
                found.insert(name, text.replace(&root.display().to_string(), ""));
            }
        }
    }
    found
}

/// What happens while accesses fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The policy file asks for more.
    More,
    /// It asks for less.
    Fewer,
    /// The agent starts again.
    Restart,
}

impl Change {
    const ALL: [Self; 3] = [Self::More, Self::Fewer, Self::Restart];
}

/// What is due is done now.
async fn try_again(coordinator: &mut Daemon, finished: &mut Receiver<Message>) {
    let now = Instant::now();
    turn(coordinator, Happening::Time(now));
    for retry_at in [
        &mut coordinator.publisher.retry_at,
        &mut coordinator.loading.retry_at,
        &mut coordinator.collection.retry_at,
    ] {
        *retry_at = retry_at.map(|_| now);
    }
    turn(coordinator, Happening::Time(now));
    at_rest(coordinator, finished).await;
}

async fn at_rest(coordinator: &mut Daemon, finished: &mut Receiver<Message>) {
    let is_at_rest = |it: &Daemon| !it.is_busy() && !it.is_loading() && !it.listing.is_at_work;
    until(coordinator, finished, is_at_rest).await;
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
}

/// Records that this version does not understand: of a VF that is there, and of one that is gone.
const RECORDS: [&str; 2] = ["0000:09:10.0", "0000:09:10.1"];

/// A VF that is gone and was allocated, which sriov-cni was told.
const ALLOCATED: &str = "0000:09:10.2";

fn put_records(root: &Path) {
    let allocation = json!({
        "address": ALLOCATED, "pf": PFS[0], "vf": 2, "lent_at": 7,
        "borrower": {
            "container": "c", "network": "n", "namespace": "/run/netns/pod", "interface": "eth0",
        },
        "before": {},
    });
    let record = format!("var/lib/sriovd/allocations/{ALLOCATED}");
    write(root, &record, &allocation.to_string());
    write(root, &theirs(), "/run/netns/pod");
    fs::create_dir_all(root.join(RELEASED)).unwrap();
    for record in RECORDS {
        write(
            root,
            &format!("var/lib/sriovd/allocations/{record}"),
            "{\"of\": \"the next version\"}",
        );
    }
    fs::create_dir_all(root.join("sys/bus/pci/devices").join(RECORDS[0])).unwrap();
}

/// The last records of VFs that are not allocated any more.
const RELEASED: &str = "var/lib/sriovd/allocations/released";

/// What sriov-cni knows of it.
fn theirs() -> String {
    format!("var/lib/cni/sriov/pci/{ALLOCATED}")
}

/// The files before the change and after it, and what was struck.
async fn run(
    change: Change,
    fault: Option<Fault>,
    stays: &BTreeSet<PathBuf>,
) -> (Files, Files, Option<PathBuf>) {
    // Where there is memory for files: all of them are synced hundreds of times.
    let memory = Path::new("/dev/shm");
    let root = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let root = root.unwrap();
    let faults = Faults::default();
    let struck = faults.clone();
    below(root.path(), move |path| struck.strike(path));
    let told = Told::default();
    let _guard = told.listen();
    let host = Arc::new(SimHost::default());
    for pf in PFS {
        host.plug(SimPf::new(pf.parse().unwrap(), DriverModel::IGB));
    }
    let policy_file = |is_more| {
        write(root.path(), "etc/sriov.d/10-test.toml", &policies(is_more));
    };
    policy_file(change != Change::More);
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    turn(&mut coordinator, Happening::Start);
    until(&mut coordinator, &mut finished, |it| {
        it.is_ready() && !it.is_busy() && !it.is_loading()
    })
    .await;
    put_records(root.path());
    let before = files(root.path());
    if change == Change::Restart {
        (coordinator, finished) = super::coordinator(root.path(), &host);
    }
    let coordinator = &mut coordinator;

    match fault {
        Some(Fault::Once(number, errno)) => faults.fail(number, errno),
        Some(Fault::From(number, errno)) => faults.fail_from(number, errno),
        None => {}
    }
    let happening = match change {
        Change::Restart => Happening::Start,
        Change::More => Happening::Trigger(Trigger {
            scope: Scope::Policies,
            cause: Cause::PolicyFiles,
        }),
        // What vanishes is believed at once only where somebody asks.
        Change::Fewer => Happening::Reload,
    };
    policy_file(change != Change::Fewer);
    turn(coordinator, happening);
    at_rest(coordinator, &mut finished).await;
    if fault.is_some() {
        for _ in 0..3 {
            nothing_is_lost(coordinator, stays, &files(root.path()), fault);
            try_again(coordinator, &mut finished).await;
        }
        let told = told.sentences();
        let once: BTreeSet<_> = told.iter().collect();
        assert_eq!(once.len(), told.len(), "{fault:?}: {told:#?}");
    }
    let struck = faults.end();
    let begun = Instant::now();
    let heals = |it: &Daemon| {
        it.publisher.retry_at.is_some()
            || it.loading.retry_at.is_some()
            || it.collection.retry_at.is_some()
            || it.shared.store.is_unsaved()
            || !it.is_ready()
    };
    while heals(coordinator) {
        assert!(begun.elapsed().as_secs() < 30, "{fault:?}: {struck:?}");
        try_again(coordinator, &mut finished).await;
    }
    (before, files(root.path()), struck)
}

/// Of what stays wanted.
fn nothing_is_lost(
    coordinator: &Daemon,
    stays: &BTreeSet<PathBuf>,
    now: &Files,
    fault: Option<Fault>,
) {
    let memory = coordinator.shared.store.memory();
    let state = crate::state::parse(&now[Path::new("var/lib/sriovd/state.json")]).unwrap();
    let pf: PciAddress = PFS[0].parse().unwrap();
    assert!(memory.pfs.contains_key(&pf) && state.pfs.contains_key(&pf));
    // Who has a VF stands in our record until nobody else believes that it is taken.
    let ours = format!("var/lib/sriovd/allocations/{ALLOCATED}");
    let is_there = |path: &str| now.contains_key(Path::new(path));
    assert!(is_there(&ours) || !is_there(&theirs()), "{fault:?}");
    for path in stays {
        let text = now.get(path);
        let is_mark = path.starts_with("run/sriovd/managed");
        let is_whole = text.is_some_and(|text| is_mark || text.ends_with(['\n', '}']));
        assert!(is_whole, "{fault:?}: {} is {text:?}", path.display());
        let known = Path::new("/").join(path);
        // After a crash, too.
        let is_known = state.files.contains(&known) || !memory.files.contains(&known);
        assert!(
            is_known,
            "{fault:?}: {} is not known as ours",
            path.display()
        );
    }
}

#[test]
fn any_access_to_files_may_fail_and_nothing_is_lost_and_it_heals() {
    let run = |change, fault, stays: &BTreeSet<PathBuf>| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(change, fault, stays))
    };
    for change in Change::ALL {
        let (before, wanted, _) = run(change, None, &BTreeSet::new());
        // What was seen before is not better than nothing.
        let is_kept =
            |path: &&PathBuf| wanted.contains_key(*path) && !path.starts_with("run/sriovd/seen");
        let both = before.keys().filter(is_kept);
        let stays: BTreeSet<_> = both.cloned().collect();
        let is_other = change == Change::Restart || before.len() != wanted.len();
        assert!(stays.len() > 5 && is_other, "{stays:?}");
        let mut number = 0;
        loop {
            let errno = ERRORS[number % ERRORS.len()];
            let mut was_struck = false;
            // A disk that fails for a while looks much the same from any access on.
            let lasting = (number % 4 == 0).then_some(Fault::From(number, errno));
            for fault in [Fault::Once(number, errno)].into_iter().chain(lasting) {
                let (_, healed, struck) = run(change, Some(fault), &stays);
                was_struck |= struck.is_some();
                // Who had a VF last is worth less than that it is free.
                let is_worth = |path: &&PathBuf| !path.starts_with(RELEASED);
                let paths: BTreeSet<_> = healed.keys().filter(is_worth).collect();
                let wanted_paths: BTreeSet<_> = wanted.keys().filter(is_worth).collect();
                assert_eq!(paths, wanted_paths, "{change:?}: {fault:?}: {struck:?}");
                // Which interface index a VF got hangs on which PF was the first.
                let has_indexes = |path: &Path| {
                    path.starts_with("run/sriovd/seen")
                        || path == Path::new("run/sriovd/state.json")
                };
                for (path, text) in healed.iter().filter(|(path, _)| !has_indexes(path)) {
                    let shown = path.display();
                    assert_eq!(
                        text, &wanted[path],
                        "{change:?}: {fault:?}: {struck:?}: {shown}"
                    );
                }
            }
            if !was_struck {
                break;
            }
            number += 1;
        }
        println!("{change:?}: {number} accesses");
        assert!(number > 40, "{number}");
    }
}
