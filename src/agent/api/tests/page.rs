//! What a browser gets, over TCP.

use super::daemon::*;
use crate::api::context::Api;
use crate::api::handlers::OPENAPI;
use crate::api::page::{docs::docs_html, status_html};
use crate::api::server::pages;
use crate::api::{Feed, Kubelet, Sources, State, View};
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::memory::Memory;
use sriovd_core::model::{Action, Node, PciAddress, PfSnapshot};
use sriovd_core::report::{Happening, NetworkReport, PfReport, PfState, Status};
use sriovd_host::file::apart::Apart;
use sriovd_wire::serve::serve_tcp;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

fn status() -> Status {
    let mut pf = PfReport::unseen(pf());
    pf.interface = Some("<b>ens59".to_owned());
    pf.state = PfState::Ready;
    Status {
        summary: "1 PF & 4 VFs ready".to_owned(),
        pfs: vec![pf],
        networks: vec![NetworkReport {
            name: "f1-u".to_owned(),
            resource: None,
            vf: None,
            held_back: Some("\"none\"".to_owned()),
        }],
        ..Status::default()
    }
}

async fn server() -> (SocketAddr, mpsc::Receiver<crate::api::Request>, Feed) {
    server_over(Arc::new(Looked::default())).await
}

async fn server_over(
    host: Arc<dyn Host>,
) -> (SocketAddr, mpsc::Receiver<crate::api::Request>, Feed) {
    let (requests, asked) = mpsc::channel(4);
    let view = View {
        status: Arc::new(status()),
        ..View::default()
    };
    let (sender, view) = watch::channel(Arc::new(view));
    let feed = Feed::new().unwrap();
    let state = State {
        view,
        host,
        memory: Arc::new(Memory::default()),
        requests,
        feed: feed.clone(),
        admin_group: None,
        sources: Sources::new("/nonexistent".into(), Apart::default()),
        kubelet: Kubelet::new("/nonexistent".into(), Apart::default()),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = pages(Api::new(state, ROOMY));
    tokio::spawn(async move {
        let _sender = sender;
        serve_tcp(listener, router, ROOMY).await
    });
    (address, asked, feed)
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_page_is_whole_without_a_script_and_takes_nothing_from_elsewhere() {
    let (address, _asked, _) = server().await;
    let host = address.to_string();
    let page = ask(address, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(
        page.contains("content-security-policy: default-src 'none';"),
        "{page}"
    );
    for text in [
        "<h1>1 PF &amp; 4 VFs ready</h1>",
        "<td>&lt;b&gt;ens59</td>",
        "&quot;none&quot;",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let docs = ask(address, "GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    for text in [
        "<code>POST /v1/apply</code>",
        "<h2 id=\"PfSnapshot\">",
        "href=\"#Forecast\"",
    ] {
        assert!(docs.contains(text), "{text}");
    }
    for path in ["/page.css", "/page.js", "/v1/status", "/openapi.json"] {
        let answer = ask(
            address,
            &format!("GET {path} HTTP/1.1\r\nHost: localhost:1\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path} {answer}");
        assert!(
            !answer.contains("//cdn") && !answer.contains("https://"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn nothing_can_be_changed_over_tcp() {
    let (address, mut asked, _) = server().await;
    for path in ["/v1/apply", "/v1/pause", "/v1/resume", "/v1/reload"] {
        let answer = ask(
            address,
            &format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{path} {answer}");
        assert!(answer.contains("a client over TCP may read"), "{answer}");
    }
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn another_name_for_this_host_is_not_answered_to() {
    let (address, _asked, _) = server().await;
    for host in [
        "Host: evil.example",
        "Host: localhost.evil.example:8080",
        "X: y",
    ] {
        let answer = ask(address, &format!("GET / HTTP/1.1\r\n{host}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{host} {answer}");
        assert!(!answer.contains("VFs ready"), "{answer}");
    }
}

#[test]
fn nothing_that_is_shown_is_taken_for_markup() {
    let html = status_html(&status()).into_string() + &docs_html(OPENAPI).into_string();
    assert!(!html.contains("<b>") && !html.contains("<script"), "{html}");
    assert!(!html.contains("href=\"http"), "{html}");
}

/// Counts how often somebody looks at it.
#[derive(Debug, Default)]
struct Looked(AtomicUsize);

impl Host for Looked {
    fn node(&self) -> Result<Node, HostError> {
        Ok(Node::default())
    }
    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(BTreeSet::new())
    }
    fn pf_of(&self, _: PciAddress) -> Result<Option<PciAddress>, HostError> {
        Ok(None)
    }
    fn observe(&self, _: PciAddress, _: Look) -> Result<Option<PfSnapshot>, HostError> {
        Ok(None)
    }
    fn apply(&self, _: &Action) -> Result<(), HostError> {
        Ok(())
    }
}

#[tokio::test]
async fn the_picture_takes_a_look_when_something_has_happened() {
    let host = Arc::new(Looked::default());
    let (address, _asked, feed) = server_over(Arc::clone(&host) as _).await;
    let request = "GET /picture.svg HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let picture = async || {
        let answer = ask(address, request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        host.0.load(Ordering::SeqCst)
    };
    assert_eq!(picture().await, 1);
    assert_eq!(picture().await, 1);
    feed.tell(Happening::PfAppeared { pf: pf() });
    assert_eq!(picture().await, 2);
    // Who comes at the same time shares it.
    feed.tell(Happening::PfVanished { pf: pf() });
    let several = futures::future::join_all((0..4).map(|_| picture())).await;
    assert_eq!(several.into_iter().max(), Some(3));
}
