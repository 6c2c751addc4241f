//! Fields as programs read them, and a catalog that explains every kind of entry.

use super::*;
use sriovd_core::model::{PfStep, Step, VfIndex};
use sriovd_core::report::PfState;
use sriovd_core::report::Problem;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

type Entry = BTreeMap<&'static str, String>;

#[derive(Default, Clone)]
struct Capture(Arc<Mutex<Vec<Entry>>>);

struct Fields(Entry);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = event.metadata().level().to_string();
        let mut fields = Fields(Entry::from([("level", level)]));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }
}

fn entries(write: impl FnOnce()) -> Vec<Entry> {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    tracing::subscriber::with_default(subscriber, write);
    capture.0.lock().unwrap().clone()
}

fn entry(fields: &[(&'static str, &str)]) -> Entry {
    fields.iter().map(|&(k, v)| (k, v.to_owned())).collect()
}

fn pf() -> PfReport {
    PfReport {
        address: "0000:3b:00.0".parse().unwrap(),
        interface: Some("ens1f0".to_owned()),
        driver: None,
        state: PfState::Ready,
        vfs_ready: 8,
        vfs_wanted: 8,
        vfs_possible: 64,
        policies: vec!["dataplane".parse().unwrap(), "base".parse().unwrap()],
        pools: BTreeSet::new(),
        problems: Vec::new(),
    }
}

#[test]
fn a_pass_has_its_fields_and_an_empty_one_is_silent() {
    let step = Step::Pf(PfStep::SetNumVfs { from: 0, to: 8 });
    let duration = Duration::from_millis(1600);
    let performed = [Performed { step, duration }];
    let written = entries(|| {
        pass_done(&pf(), &[], &Cause::Start, duration);
        pass_done(&pf(), &performed, &Cause::Start, duration);
    });
    let wanted = entry(&[
        ("level", "INFO"),
        (
            "message",
            "ens1f0 (0000:3b:00.0): 8 VFs created; in 1.6 s [start]",
        ),
        ("MESSAGE_ID", id::PASS_DONE),
        ("SRIOV_PF", "0000:3b:00.0"),
        ("SRIOV_INTERFACE", "ens1f0"),
        ("SRIOV_POLICY", "dataplane,base"),
        ("SRIOV_ACTION", "set-numvfs"),
        ("SRIOV_TRIGGER", "start"),
        ("SRIOV_DURATION_USEC", "1600000"),
    ]);
    assert_eq!(written, [wanted]);
}

/// Writes what it gets as the thread does that is between the agent and the journal.
struct Relay(tracing::Dispatch);

impl<S: Subscriber> Layer<S> for Relay {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        entry::Entry::of(event).write_to(&self.0);
    }
}

#[test]
fn what_another_thread_writes_has_the_same_fields() {
    let write = || {
        let problem = Problem {
            kind: ProblemKind::Failed,
            vf: Some(VfIndex(3)),
            step: Some(Step::Pf(PfStep::SetNumVfs { from: 4, to: 0 })),
            reason: "\"because\"\nof that".to_owned(),
            hint: None,
        };
        started("0.1.0");
        pf_vanished(pf().address, None);
        problem_appeared(&pf(), &Trouble::group(&[&problem]).remove(0));
    };
    let capture = Capture::default();
    let writer = tracing_subscriber::registry().with(capture.clone());
    let relay = Relay(tracing::Dispatch::new(writer));
    let agent = tracing_subscriber::registry().with(relay);
    tracing::subscriber::with_default(agent, write);
    let relayed = capture.0.lock().unwrap().clone();
    assert_eq!(relayed.len(), 3);
    assert_eq!(relayed, entries(write));
}

#[test]
fn a_problem_has_the_weight_and_the_id_of_its_kind() {
    for (kind, level, id) in [
        (ProblemKind::Hung, "ERROR", id::HUNG),
        (ProblemKind::Failed, "WARN", id::FAILED),
        (ProblemKind::InUse, "WARN", id::REFUSED),
        (ProblemKind::NoDriver, "INFO", id::WAITING),
        (ProblemKind::Awaits, "DEBUG", id::WAITING),
    ] {
        let problem = Problem {
            kind,
            vf: Some(VfIndex(3)),
            step: Some(Step::Pf(PfStep::SetNumVfs { from: 4, to: 0 })),
            reason: "because".to_owned(),
            hint: None,
        };
        let written = entries(|| {
            let trouble = Trouble::group(&[&problem]).remove(0);
            problem_appeared(&pf(), &trouble);
            problem_cleared(&pf(), &trouble);
        });
        let [appeared, cleared] = &written[..] else {
            panic!("{written:?}");
        };
        assert_eq!(
            (appeared["level"].as_str(), appeared["MESSAGE_ID"].as_str()),
            (level, id)
        );
        assert_eq!(appeared["SRIOV_VF"], "3");
        assert_eq!(appeared["SRIOV_ACTION"], "set-numvfs");
        assert_eq!(cleared["MESSAGE_ID"], id::CLEARED);
        assert_eq!(
            cleared["message"],
            "ens1f0 (0000:3b:00.0) cleared: VF 3: because"
        );
    }
}

#[test]
fn every_kind_of_entry_is_in_the_catalog_and_nothing_else() {
    let catalog = include_str!("../../../../systemd/sriovd.catalog");
    let explained: Vec<_> = catalog
        .lines()
        .filter_map(|line| line.strip_prefix("-- "))
        .collect();
    let known: Vec<_> = id::ALL.iter().map(|(_, id)| *id).collect();
    assert_eq!(explained, known);
    assert_eq!(BTreeSet::from_iter(&known).len(), known.len());
    for (name, id) in id::ALL {
        assert!(
            id.len() == 32 && id.bytes().all(|b| b"0123456789abcdef".contains(&b)),
            "{name}"
        );
        let (_, after) = catalog.split_once(id).unwrap();
        let text = after.split("\n-- ").next().unwrap();
        let (head, body) = text.trim().split_once("\n\n").expect(name);
        assert!(head.starts_with("Subject: "), "{name}");
        assert!(head.contains("\nDefined-By: sriovd"), "{name}");
        assert!(!body.trim().is_empty(), "{name}");
    }
}
