//! A coordinator over a simulated host, for the tests of its parts.

mod writes;

use super::ledger::StateLedger;
use super::message::{MESSAGE_QUEUE, Message};
use super::shared::Shared;
use super::turn::{Event, turn};
use super::value::Daemon as Value;
use crate::api::Feed;
use crate::events::Cause;
use crate::load::Loaded;
use crate::publish::apart::Apart;
use crate::settings::Settings;
use crate::state::Store;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::file::parse;
use sriovd_plugins::attach::Lender;
use sriovd_sim::SimHost;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver};

pub(super) fn coordinator(root: &Path, host: &Arc<SimHost>) -> (Value, Receiver<Message>) {
    let (store, lost) = Store::open(root);
    let store = Arc::new(store);
    let shared = Shared {
        feed: Feed::new().unwrap(),
        host: Arc::clone(host) as _,
        lender: Lender::new(root.to_owned()),
        apart: Apart::with_patience(Duration::from_millis(500)),
        ledger: StateLedger::new(Arc::clone(&store), root, lost.is_some()),
        store,
        addresses: Arc::default(),
        settings: Arc::new(Settings::default()),
        root: Arc::new(root.to_owned()),
        node: Arc::default(),
        policies: Arc::new(PolicySet::default()),
        tls: None,
    };
    let (messages, finished) = mpsc::channel(MESSAGE_QUEUE);
    (Value::new(shared, messages), finished)
}

/// The first look, with these policies in force.
pub(super) fn start(coordinator: &mut Value, policies: &str) {
    load(coordinator, policies, Cause::Start);
}

pub(super) fn load(coordinator: &mut Value, policies: &str, cause: Cause) {
    let file = parse(Path::new("10-test.toml"), policies).unwrap();
    let mut loaded = Loaded::default();
    loaded.set.policies = file.policies;
    loaded.set.networks = file.networks;
    turn(
        coordinator,
        Event::Message(Message::Loaded {
            loaded: Box::new(loaded),
            cause,
            unsaved: None,
            tls: None,
            node: None,
        }),
    );
}

pub(super) async fn until(
    coordinator: &mut Value,
    finished: &mut Receiver<Message>,
    is_over: impl Fn(&Value) -> bool,
) {
    while !is_over(coordinator) {
        let message = tokio::time::timeout(Duration::from_secs(30), finished.recv());
        let message = message.await.expect("something to be over within 30 s");
        turn(coordinator, Event::Message(message.unwrap()));
    }
}
