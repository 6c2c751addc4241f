//! What becomes of work that is over.

use super::device_plugin;
use super::list::on_listed;
use super::load::on_loaded;
use super::message::Message;
use super::node::on_node;
use super::outputs::publish_if_wanted;
use super::passes::on_pass;
use super::publisher::Published;
use super::suspects::{look_at_suspects, on_looked};
use super::value::Daemon;

pub(super) fn on_message(daemon: &mut Daemon, message: Message) {
    match message {
        Message::Pass {
            pf,
            outcome,
            allocated,
            collected,
        } => {
            daemon.collection.announce(&collected, false);
            on_pass(daemon, pf, *outcome, allocated);
        }
        Message::Listed {
            listed,
            collected,
            waiting,
        } => {
            daemon.collection.announce(&collected, true);
            on_listed(daemon, listed, &waiting);
        }
        Message::Node { node, cause } => on_node(daemon, node, &cause),
        Message::Loaded {
            loaded,
            cause,
            unsaved,
            tls,
            node,
        } => {
            daemon.loading.note_tls(tls);
            if let Some(node) = node {
                on_node(daemon, node, &cause);
            }
            on_loaded(daemon, *loaded, &cause, unsaved.as_ref());
        }
        Message::Published(published) => on_published(daemon, *published),
        Message::Looked(drifted) => on_looked(daemon, &drifted),
    }
}

fn on_published(daemon: &mut Daemon, published: Published) {
    daemon.held_back.clone_from(&published.held_back);
    daemon.given.clone_from(&published.given);
    // What an agent before us has not come to is done now.
    let plugin = daemon.publisher.is_first()
        || published.has_changed(&daemon.shared.settings.outputs.device_plugin_file);
    daemon
        .publisher
        .drift
        .note(&published.repaired, published.begun);
    let contested = daemon.publisher.drift.contested();
    let node_state = &daemon.shared.settings.outputs.node_state_file;
    daemon
        .announced
        .announce(&published, contested, node_state, &daemon.shared.feed);
    daemon.publisher.ended(published);
    publish_if_wanted(daemon);
    look_at_suspects(daemon);
    daemon.has_news = true;
    let outputs = &daemon.shared.settings.outputs;
    if let Some(unit) = outputs.device_plugin_unit.clone().filter(|_| plugin) {
        device_plugin::request(&daemon.shared.root, unit);
    }
}
