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
use crate::settings::Settings;
use crate::state::Store;
use crate::state::last_seen::LastSeen;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::file::parse;
use sriovd_host::file;
use sriovd_host::file::apart::Apart;
use sriovd_plugins::attach::Allocator;
use sriovd_sim::SimHost;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver};
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

pub(super) fn coordinator(root: &Path, host: &Arc<SimHost>) -> (Value, Receiver<Message>) {
    // A busy machine is no file system that does not answer.
    patient_coordinator(root, host, Duration::from_secs(30))
}

/// Waits for so long for a file system that does not answer.
pub(super) fn patient_coordinator(
    root: &Path,
    host: &Arc<SimHost>,
    patience: Duration,
) -> (Value, Receiver<Message>) {
    let settings = Settings::default();
    let apart = Apart::with_patience(patience);
    let (store, lost) = Store::open(&file::under(root, &settings.state_dir), apart.clone());
    let store = Arc::new(store);
    let shared = Shared {
        feed: Feed::new().unwrap(),
        host: Arc::clone(host) as _,
        allocator: Allocator::new(root.to_owned()),
        apart,
        ledger: StateLedger::new(Arc::clone(&store), root, lost.is_some()),
        last_seen: Arc::new(LastSeen::below(root)),
        store,
        addresses: Arc::default(),
        settings: Arc::new(settings),
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

/// Sentences of warnings and errors.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
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

impl Told {
    /// On this thread, until what is returned is dropped.
    pub(super) fn listen(&self) -> DefaultGuard {
        let subscriber = tracing_subscriber::registry().with(self.clone());
        tracing::subscriber::set_default(subscriber)
    }

    pub(super) fn sentences(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
