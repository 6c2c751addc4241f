//! A coordinator over a simulated host, for the tests of its parts.

use super::*;
use crate::policy::file::parse;
use crate::sim::SimHost;

pub(super) fn coordinator(root: &Path, host: &Arc<SimHost>) -> (Coordinator, Receiver<Message>) {
    let (store, lost) = Store::open(root);
    let store = Arc::new(store);
    let shared = Shared {
        feed: Feed::new().unwrap(),
        host: Arc::clone(host) as _,
        lender: Lender::new(root.to_owned()),
        ledger: StateLedger::new(Arc::clone(&store), root, lost.is_some()),
        store,
        settings: Arc::new(Settings::default()),
        root: Arc::new(root.to_owned()),
        node: Arc::default(),
        policies: Arc::new(PolicySet::default()),
        tls: None,
    };
    let (messages, finished) = mpsc::channel(MESSAGE_QUEUE);
    (Coordinator::new(shared, messages), finished)
}

/// The first look, with these policies in force.
pub(super) fn start(coordinator: &mut Coordinator, policies: &str) {
    load(coordinator, policies, Cause::Start);
}

pub(super) fn load(coordinator: &mut Coordinator, policies: &str, cause: Cause) {
    let file = parse(Path::new("10-test.toml"), policies).unwrap();
    let mut loaded = Loaded::default();
    loaded.set.policies = file.policies;
    loaded.set.networks = file.networks;
    coordinator.on_message(Message::Loaded {
        loaded: Box::new(loaded),
        cause,
        unsaved: None,
        tls: None,
    });
}

pub(super) async fn until(
    coordinator: &mut Coordinator,
    finished: &mut Receiver<Message>,
    is_over: impl Fn(&Coordinator) -> bool,
) {
    while !is_over(coordinator) {
        let message = tokio::time::timeout(Duration::from_secs(30), finished.recv());
        let message = message.await.expect("something to be over within 30 s");
        coordinator.on_message(message.unwrap());
    }
}
