//! What is asked for over the API.

use super::load::load_policies;
use super::loading::Load;
use super::passes::ask;
use super::pausing;
use super::slot::{Retry, Waiting, tell_done};
use super::value::Daemon;
use crate::api::Request;
use crate::events::Cause;
use sriovd_core::model::PciAddress;
use sriovd_core::report::TakenVf;
use tokio::sync::oneshot;

/// What somebody asked for, beside which PFs it is for.
struct Wish {
    by_name: bool,
    force: bool,
    by: String,
}

pub(super) fn on_request(daemon: &mut Daemon, request: Request) {
    match request {
        Request::Apply {
            pfs,
            by_name,
            force,
            by,
            done,
        } => on_apply(daemon, &pfs, &Wish { by_name, force, by }, done),
        Request::Reload { by, done } => {
            load_policies(daemon, Load::asked_for(Cause::Request { by }, done));
        }
        Request::Settle { done } => {
            daemon.settling.push(done);
        }
        Request::Pause { scope, pause, done } => pausing::pause(daemon, scope, &pause, done),
        Request::Resume { scope, by, done } => pausing::resume(daemon, scope, &by, done),
    }
}

/// Passes over some PFs, and a word when they are all over.
fn on_apply(
    daemon: &mut Daemon,
    pfs: &[PciAddress],
    wish: &Wish,
    done: oneshot::Sender<Vec<TakenVf>>,
) {
    // Also what no pass sees.
    daemon.publisher.mark_all_by_wish();
    let mut waits = Vec::new();
    for &pf in pfs {
        let (told, wait) = oneshot::channel();
        waits.push(wait);
        let cause = Cause::Request {
            by: wish.by.clone(),
        };
        ask(
            daemon,
            pf,
            Waiting {
                force: wish.force,
                though_paused: wish.by_name,
                retry: Retry::Everything,
                tell: vec![told],
                ..Waiting::new(cause)
            },
        );
    }
    tokio::spawn(async move {
        let taken = futures::future::join_all(waits).await;
        tell_done(done, taken.into_iter().flatten().flatten().collect());
    });
}

/// Those who wait for everything to be done, when it is.
pub(super) fn tell_settled(daemon: &mut Daemon) {
    if !daemon.settling.is_empty() && !daemon.is_busy() && !daemon.is_loading() {
        for done in daemon.settling.drain(..) {
            tell_done(done, ());
        }
    }
}
