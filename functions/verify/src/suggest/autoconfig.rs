//! Mozilla's autoconfiguration: a file about its mail servers that a domain offers by HTTPS, at either of two places
//! (<https://wiki.mozilla.org/Thunderbird:Autoconfiguration>). Thunderbird adds the user's address to the question; we don't, so that
//! nobody's address leaves. Nor do we ask by plain HTTP, where anybody on the way could answer.

use std::pin::pin;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use axum::http::uri::Scheme;
use axum::http::{Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use shared::model::email::EmailAddress;
use shared::model::host::Host;
use shared::smtp::Dialer;
use tokio::time::{Instant, timeout_at};

use super::{Source, SuggestedSettings, xml};

/// The largest file that is read, in octets; an honest one has a few thousand.
const MAX_FILE: usize = 64 * 1024;
/// The most octets that are read at once, and so the largest head of an answer.
const MAX_BUFFER: usize = 16 * 1024;
/// The most headers of an answer.
const MAX_HEADERS: usize = 64;
/// How often an answer may send us on.
const MAX_REDIRECTS: usize = 2;

/// The servers in the files of the address's domain: those of `autoconfig.DOMAIN` first, then those of the well-known path.
pub(super) async fn look_up(
    dialer: &Dialer,
    port: u16,
    email: &EmailAddress,
    until: Instant,
) -> Vec<SuggestedSettings> {
    let domain = email.ascii_domain();
    let fetched = async |host: &str, path| {
        let fetching = fetch(dialer, port, host, Uri::from_static(path), until);
        timeout_at(until, fetching).await.ok().flatten()
    };
    let subdomain = format!("autoconfig.{domain}");
    let (subdomain, well_known) = tokio::join!(
        fetched(&subdomain, "/mail/config-v1.1.xml"),
        fetched(&domain, "/.well-known/autoconfig/mail/config-v1.1.xml"),
    );
    let files = [subdomain, well_known].into_iter().flatten();
    let servers = files.flat_map(|file| xml::servers(&file, email));
    let settings = servers.map(|server| {
        let source = Source::Autoconfig;
        let settings = SuggestedSettings::of_server(
            server.host,
            server.port,
            server.encryption,
            source,
            email,
        );
        SuggestedSettings {
            username: server.username.or(settings.username),
            ..settings
        }
    });
    settings.collect()
}

/// What a web server answered.
enum Answer {
    File(Bytes),
    Elsewhere(Uri),
}

/// The file at this place, or where it leads to. Every place is dialled through the guard.
async fn fetch(
    dialer: &Dialer,
    port: u16,
    host: &str,
    mut path: Uri,
    until: Instant,
) -> Option<Bytes> {
    let mut host = Host::parse(host).ok()?;
    for _ in 0..=MAX_REDIRECTS {
        match get(dialer, port, &host, &path, until).await? {
            Answer::File(file) => return Some(file),
            Answer::Elsewhere(uri) => {
                (host, path) = place(&uri, host, port)?;
            }
        }
    }
    None
}

async fn get(
    dialer: &Dialer,
    port: u16,
    host: &Host,
    path: &Uri,
    until: Instant,
) -> Option<Answer> {
    let stream = dialer.open_tls(host, port, until).await.ok()?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_BUFFER)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let authority = match host {
        Host::Ip(ip @ std::net::IpAddr::V6(_)) => format!("[{ip}]"),
        _ => host.to_ascii(),
    };
    let request = Request::get(path.clone())
        .header(HOST, authority)
        .header(USER_AGENT, "Mittente")
        .header(ACCEPT, "application/xml, text/xml")
        .header(CONNECTION, "close")
        .body(Body::empty())
        .ok()?;
    let mut exchange = pin!(async move {
        let response = sender.send_request(request).await.ok()?;
        match response.status() {
            StatusCode::OK => to_bytes(Body::new(response.into_body()), MAX_FILE)
                .await
                .ok()
                .map(Answer::File),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let location = response.headers().get(LOCATION)?.to_str().ok()?;
                location.parse().ok().map(Answer::Elsewhere)
            }
            _ => None,
        }
    });
    tokio::select! {
        answer = &mut exchange => answer,
        // The server has closed; what it said before may still have to be read.
        _ = connection => exchange.await,
    }
}

/// Where a redirection leads from `host`: by HTTPS and on its own port alone.
fn place(uri: &Uri, host: Host, port: u16) -> Option<(Host, Uri)> {
    let path = uri.path_and_query()?.clone();
    if !path.as_str().starts_with('/') {
        return None;
    }
    let host = match (uri.scheme(), uri.authority()) {
        (None, None) => host,
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTPS => {
            let (text, host) = (authority.as_str(), authority.host());
            if text != host && text != format!("{host}:{port}") {
                return None;
            }
            Host::parse(host).ok()?
        }
        _ => return None,
    };
    Some((host, Uri::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(location: &str) -> Option<String> {
        let host = Host::parse("from.example.com").expect("a host");
        let (host, path) = place(&location.parse().ok()?, host, 443)?;
        Some(format!("{host} {path}"))
    }

    #[test]
    fn a_redirection_may_lead_to_another_path_or_another_host_by_https() {
        assert_eq!(
            led("/mail.xml?a=b").as_deref(),
            Some("from.example.com /mail.xml?a=b")
        );
        assert_eq!(
            led("https://To.example.com/a").as_deref(),
            Some("to.example.com /a")
        );
        assert_eq!(
            led("https://to.example.com:443").as_deref(),
            Some("to.example.com /")
        );
    }

    #[test]
    fn a_redirection_to_anything_else_is_not_followed() {
        for location in [
            "http://to.example.com/a",
            "https://to.example.com:8443/a",
            "https://to.example.com:0/a",
            "https://to.example.com:99999/a",
            "https://user@to.example.com/a",
            "https://user:443@to.example.com/a",
            "https://2130706433/a",
            "https://0x7f.1/a",
            "ftp://to.example.com/a",
            "file:///etc/passwd",
            "to.example.com",
            "to.example.com:443",
            "*",
            "",
            "?a",
        ] {
            assert_eq!(led(location), None, "{location}");
        }
    }
}
