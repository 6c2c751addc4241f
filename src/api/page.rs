//! For a browser, where there is a TCP listener: the status as a page, and the API's description.
//!
//! Whole without JavaScript; with it, what happens shows by itself. Nothing comes from elsewhere.

use super::handlers::{Api, OPENAPI};
use super::picture::picture;
use crate::report::{AbsentPf, NetworkReport, PfName, PfReport, PfState, Status, sentence};
use axum::Router;
use axum::extract::State as Extract;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Should a text ever be taken for code, it does nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// By itself, so that the table does not wait for a look at the host.
const PICTURE: &str =
    "<p><img id=\"picture\" src=\"/picture.svg\" alt=\"PFs, VFs, pools and networks\"></p>\n";

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

fn page(title: &str, body: &str, is_live: bool) -> Response {
    let title = escaped(title);
    let script = match is_live {
        true => "<script src=\"/page.js\" defer></script>",
        false => "",
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/page.css\">{script}</head>\n<body>\n{body}</body></html>\n"
    );
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

pub(super) fn status_html(status: &Status) -> String {
    let summary = escaped(&status.summary);
    let pauses = status.pauses.all.iter();
    let pauses = pauses.map(|pause| paragraph(&format!("All PFs are paused {pause}.")));
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
    let pfs = pfs.chain(status.absent.iter().map(absent_row));
    let networks = status.networks.iter().map(network_row);
    let broken = status.files.iter().filter(|file| file.state.is_broken());
    let broken = broken.map(|file| {
        let path = file.path.display();
        paragraph(&format!("{path}: {}", file.state))
    });
    format!(
        "<main id=\"status\">\n<h1>{summary}</h1>\n{}{}{}{}</main>\n{}\
         <p><a href=\"/docs\">The API</a> · <a href=\"/metrics\">Metrics</a> · sriovd {}</p>\n",
        pauses.collect::<String>(),
        broken.collect::<String>(),
        table(&heads, pfs),
        table(&["Network", "Resource", "VF", "Note"], networks),
        PICTURE,
        escaped(&status.version),
    )
}

fn pf_row(pf: &PfReport) -> String {
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

fn absent_row(pf: &AbsentPf) -> String {
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

fn network_row(network: &NetworkReport) -> String {
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

pub(super) fn docs_html(openapi: &str) -> String {
    // It is ours: a test reads it.
    let document: Value = serde_json::from_str(openapi).unwrap_or_default();
    let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
    let mut html = format!(
        "<main><h1>{}</h1>\n<p>{}</p>\n",
        text(&document["info"]["summary"]),
        text(&document["info"]["description"]),
    );
    for (path, operations) in entries(&document["paths"]) {
        for (method, operation) in entries(operations) {
            let (method, path) = (escaped(&method.to_uppercase()), escaped(path));
            let summary = text(&operation["summary"]);
            html += &format!("<h2><code>{method} {path}</code></h2>\n<p>{summary}.</p>\n");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let rows = parameters.map(|it| {
                let cells = ["name", "in", "description"].map(|key| it[key].as_str());
                row("", &cells.map(|cell| cell.unwrap_or_default().to_owned()))
            });
            html += &table(&["Parameter", "in", ""], rows);
            let media = |of: &Value| shown_media(&of["content"]);
            let request = media(&operation["requestBody"]);
            let answer = media(&operation["responses"]["200"]);
            let of = |what: &str, media: String| match media.is_empty() {
                true => String::new(),
                false => format!("<p>{what}: {media}</p>\n"),
            };
            html += &of("Body", request);
            html += &of("Answer", answer);
        }
    }
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let (id, about) = (escaped(name), text(&schema["description"]));
        let rows = entries(&schema["properties"]).map(|(key, value)| {
            let about = value["description"].as_str().unwrap_or_default();
            format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                escaped(key),
                shown_type(value),
                escaped(about),
            )
        });
        html += &format!("<h2 id=\"{id}\">{id}</h2>\n<p>{about}</p>\n");
        html += &table(&["Key", "Type", ""], rows);
    }
    html + "</main>\n"
}

fn entries(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}

fn shown_media(content: &Value) -> String {
    let kinds = entries(content).map(|(kind, media)| {
        let (kind, of) = (escaped(kind), shown_type(&media["schema"]));
        format!("<code>{kind}</code> {of}")
    });
    kinds.collect::<Vec<_>>().join(", ")
}

fn shown_type(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = escaped(name.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(escaped);
        return words.collect::<Vec<_>>().join(" | ");
    }
    for key in ["anyOf", "allOf"] {
        if let Some(several) = schema[key].as_array() {
            let several = several.iter().map(shown_type);
            return several.collect::<Vec<_>>().join(" or ");
        }
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", shown_type(&schema["items"])),
        Some(kind) => escaped(kind),
        None => String::new(),
    }
}

fn table(heads: &[&str], rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = heads
        .iter()
        .map(|head| format!("<th>{}</th>", escaped(head)));
    let heads: String = heads.collect();
    format!("<table>\n<tr>{heads}</tr>\n{rows}</table>\n")
}

fn row(class: &str, cells: &[String]) -> String {
    let cells = cells
        .iter()
        .map(|cell| format!("<td>{}</td>", escaped(cell)));
    let cells: String = cells.collect();
    format!("<tr class=\"{class}\">{cells}</tr>\n")
}

fn paragraph(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
