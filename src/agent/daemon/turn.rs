//! The loop on one screen: an event names what to look at, passes look and do, what they saw is
//! published, and everyone is told. Nothing here blocks: what may is done on threads of its own,
//! and comes back as an event.

use super::load::load_policies;
use super::message::Message;
use super::messages::on_message;
use super::neighbours::on_neighbour;
use super::outputs::publish_if_wanted;
use super::requests::{on_request, tell_settled};
use super::status::tell_news;
use super::timers::on_time;
use super::triggers::on_trigger;
use super::value::Daemon;
use crate::api::Request;
use crate::events::{Cause, Neighbour, Trigger};
use std::time::Instant;

/// What the loop takes in.
pub(super) enum Event {
    /// The agent has just started: the policies are read.
    Start,
    /// The service manager wants the policies read again.
    Reload,
    /// Something happened on the host: where to look, and why.
    Trigger(Trigger),
    /// Something happened beside our outputs.
    Neighbour(Neighbour),
    /// Something is asked for over the API.
    Request(Request),
    /// Work on another thread is over: a pass, a listing, a reading, a publication.
    Message(Message),
    /// Something is due.
    Time(Instant),
}

/// One event, and all that follows from it.
pub(super) fn turn(daemon: &mut Daemon, event: Event) {
    // What is worth a look gets a pass; what a pass saw becomes what is known.
    match event {
        Event::Start => load_policies(daemon, Cause::Start),
        Event::Reload => load_policies(daemon, Cause::Reload),
        Event::Trigger(trigger) => on_trigger(daemon, trigger),
        Event::Neighbour(neighbour) => on_neighbour(daemon, &neighbour),
        Event::Request(request) => on_request(daemon, request),
        Event::Message(message) => on_message(daemon, message),
        Event::Time(now) => on_time(daemon, now),
    }
    publish_if_wanted(daemon);
    tell_news(daemon);
    tell_settled(daemon);
}
