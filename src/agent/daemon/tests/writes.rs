//! Any access to a file of the daemon's own may fail, once or for a while: nothing is lost, it is told once, and it heals.

use super::{coordinator, load, start, until};
use crate::daemon::message::Message;
use crate::daemon::turn::{Event as Happening, turn};
use crate::daemon::value::Daemon;
use crate::events::Cause;
use sriovd_core::model::{Errno, PciAddress};
use sriovd_host::file::faults::below;
use sriovd_host::sysfs::faults::Faults;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::mpsc::Receiver;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

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
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// Sentences of warnings and errors.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        if *event.metadata().level() <= tracing::Level::WARN {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }
    }
}

/// What is due is done now.
async fn try_again(coordinator: &mut Daemon, finished: &mut Receiver<Message>) {
    turn(coordinator, Happening::Time(Instant::now()));
    if coordinator.publisher.retry_at.is_some() {
        coordinator.publisher.retry_at = Some(Instant::now());
        turn(coordinator, Happening::Time(Instant::now()));
    }
    until(coordinator, finished, |it| !it.is_busy()).await;
}

/// The files before the change and after it, and what was struck.
async fn change(
    to_more: bool,
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
    let subscriber = tracing_subscriber::registry().with(told.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let host = Arc::new(SimHost::default());
    for pf in PFS {
        host.plug(SimPf::new(pf.parse().unwrap(), DriverModel::IGB));
    }
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    let coordinator = &mut coordinator;
    start(coordinator, &policies(!to_more));
    until(coordinator, &mut finished, |it| {
        it.is_ready() && !it.is_busy()
    })
    .await;
    let before = files(root.path());

    match fault {
        Some(Fault::Once(number, errno)) => faults.fail(number, errno),
        Some(Fault::From(number, errno)) => faults.fail_from(number, errno),
        None => {}
    }
    // What vanishes is believed at once only where somebody asks.
    let cause = match to_more {
        true => Cause::PolicyFiles,
        false => Cause::Reload,
    };
    load(coordinator, &policies(to_more), cause);
    until(coordinator, &mut finished, |it| !it.is_busy()).await;
    if fault.is_some() {
        for _ in 0..3 {
            nothing_is_lost(coordinator, stays, &files(root.path()), fault);
            try_again(coordinator, &mut finished).await;
        }
        let told = told.0.lock().unwrap();
        let once: BTreeSet<_> = told.iter().collect();
        assert_eq!(once.len(), told.len(), "{fault:?}: {told:#?}");
    }
    let struck = faults.end();
    let begun = Instant::now();
    while coordinator.publisher.retry_at.is_some() || coordinator.shared.store.is_unsaved() {
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
    let state = crate::state::parse(&now[Path::new("state.json")]).unwrap();
    let pf: PciAddress = PFS[0].parse().unwrap();
    assert!(memory.pfs.contains_key(&pf) && state.pfs.contains_key(&pf));
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
    let run = |to_more, fault, stays: &BTreeSet<PathBuf>| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(change(to_more, fault, stays))
    };
    for to_more in [true, false] {
        let (before, wanted, _) = run(to_more, None, &BTreeSet::new());
        let both = before.keys().filter(|path| wanted.contains_key(*path));
        let stays: BTreeSet<_> = both.cloned().collect();
        assert!(stays.len() > 5 && before.len() != wanted.len(), "{stays:?}");
        let mut number = 0;
        loop {
            let errno = ERRORS[number % ERRORS.len()];
            let mut was_struck = false;
            // A disk that fails for a while looks much the same from any access on.
            let lasting = (number % 4 == 0).then_some(Fault::From(number, errno));
            for fault in [Fault::Once(number, errno)].into_iter().chain(lasting) {
                let (_, healed, struck) = run(to_more, Some(fault), &stays);
                was_struck |= struck.is_some();
                let paths: BTreeSet<_> = healed.keys().collect();
                let wanted_paths: BTreeSet<_> = wanted.keys().collect();
                assert_eq!(paths, wanted_paths, "{fault:?}: {struck:?}");
                // Which interface index a VF got hangs on which PF was the first.
                let node_state = Path::new("run/sriovd/state.json");
                for (path, text) in healed.iter().filter(|(path, _)| *path != node_state) {
                    let shown = path.display();
                    assert_eq!(text, &wanted[path], "{fault:?}: {struck:?}: {shown}");
                }
            }
            if !was_struck {
                break;
            }
            number += 1;
        }
        println!("{number} accesses");
        assert!(number > 50, "{number}");
    }
}
