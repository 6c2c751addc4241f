//! For a browser, where there is a TCP listener: the status as a page, and the API's description.
//!
//! Whole without JavaScript; with it, what happens shows by itself. Nothing comes from elsewhere.

pub(super) mod docs;
mod table;

use super::context::Api;
use super::handlers::OPENAPI;
use super::picture::picture;
use axum::Router;
use axum::extract::State as Extract;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use docs::docs_html;
use maud::{DOCTYPE, Markup, html};
use sriovd_core::report::{AbsentPf, NetworkReport, PfName, PfReport, PfState, Status, sentence};
use table::{row, table};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Should a text ever be taken for code, it does nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/", get(status))
        .route("/docs", get(docs))
        .route("/picture.svg", get(picture))
        .route("/page.css", get(async || asset("text/css", STYLE)))
        .route("/page.js", get(async || asset("text/javascript", SCRIPT)))
}

async fn status(Extract(api): Extract<Api>) -> Response {
    page("SR-IOV", &status_html(&api.status()), true)
}

async fn docs() -> Response {
    page("The API of sriovd", &docs_html(OPENAPI), false)
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

fn page(title: &str, body: &Markup, is_live: bool) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                link rel="stylesheet" href="/page.css";
                @if is_live { script src="/page.js" defer {} }
            }
            body { (body) }
        }
    };
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page.into_string()).into_response()
}

pub(super) fn status_html(status: &Status) -> Markup {
    let heads = [
        "Address",
        "Interface",
        "Driver",
        "VFs ready",
        "wanted",
        "possible",
        "State",
        "Policies",
        "Pools",
        "Why",
    ];
    let pfs = status.pfs.iter().map(pf_row);
    let pfs = pfs
        .chain(status.absent.iter().map(absent_row))
        .collect::<Vec<_>>();
    let networks = status.networks.iter().map(network_row).collect::<Vec<_>>();
    let broken = status.files.iter().filter(|file| file.state.is_broken());
    html! {
        main id="status" {
            h1 { (status.summary) }
            @if let Some(pause) = &status.pauses.all { p.note { "All PFs are paused " (pause) "." } }
            @for file in broken { p.note { (file.path.display()) ": " (file.state) } }
            (table(&heads, &pfs))
            (table(&["Network", "Resource", "VF", "Note"], &networks))
        }
        // By itself, so that the table does not wait for a look at the host.
        p { img id="picture" src="/picture.svg" alt="PFs, VFs, pools and networks"; }
        p {
            a href="/docs" { "The API" } " · "
            a href="/metrics" { "Metrics" } " · sriovd " (status.version)
        }
    }
}

fn pf_row(pf: &PfReport) -> Markup {
    let listed = |names: Vec<String>| names.join(", ");
    let cells = [
        pf.address.to_string(),
        pf.interface.clone().unwrap_or_default(),
        pf.driver.clone().unwrap_or_default(),
        pf.vfs_ready.to_string(),
        pf.vfs_wanted.to_string(),
        pf.vfs_possible.to_string(),
        word(pf.state).to_owned(),
        listed(pf.policies.iter().map(ToString::to_string).collect()),
        listed(pf.pools.iter().map(ToString::to_string).collect()),
        sentence::reason(pf).unwrap_or_default(),
    ];
    row(word(pf.state), &cells)
}

fn absent_row(pf: &AbsentPf) -> Markup {
    let (address, interface) = match &pf.name {
        PfName::Interface(name) => (String::new(), name.clone()),
        PfName::Address(_) | PfName::Mac(_) => (pf.name.to_string(), String::new()),
    };
    let policies: Vec<_> = pf.policies.iter().map(ToString::to_string).collect();
    let none = String::new;
    let cells = [
        address,
        interface,
        none(),
        none(),
        none(),
        none(),
        "absent".to_owned(),
        policies.join(", "),
        none(),
        sentence::absent(pf),
    ];
    row("absent", &cells)
}

fn network_row(network: &NetworkReport) -> Markup {
    let cells = [
        network.name.clone(),
        network.resource.clone().unwrap_or_default(),
        network.vf.map_or_else(String::new, |vf| vf.to_string()),
        network.held_back.clone().unwrap_or_default(),
    ];
    row("", &cells)
}

fn word(state: PfState) -> &'static str {
    match state {
        PfState::Ready => "ready",
        PfState::Paused => "paused",
        PfState::Changing => "changing",
        PfState::Refused => "refused",
        PfState::Failed => "failed",
        PfState::Hung => "hung",
        PfState::Unmanaged => "unmanaged",
    }
}
