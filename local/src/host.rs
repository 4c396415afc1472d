//! Who may be asked for: this machine, by its own names.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses a request for another host than `localhost` or a loopback address. There is no login, and a page from elsewhere
/// whose name was pointed at 127.0.0.1 (DNS rebinding) names itself in `Host`.
pub(crate) async fn only_this_machine(request: Request, next: Next) -> Response {
    if names_this_machine(request.headers()) {
        next.run(request).await
    } else {
        (
            StatusCode::FORBIDDEN,
            "The Host header must be localhost, 127.0.0.1 or [::1]\n",
        )
            .into_response()
    }
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().expect("a header value"));
        }
        names_this_machine(&headers)
    }

    #[test]
    fn this_machine_goes_by_localhost_and_loopback_addresses() {
        for host in [
            "localhost",
            "LOCALHOST:8025",
            "127.0.0.1",
            "127.0.0.1:8025",
            "[::1]",
            "[::1]:8025",
        ] {
            assert!(names(&[host]), "{host}");
        }
    }

    #[test]
    fn any_other_name_is_somebody_elses() {
        for host in [
            "",
            "evil.example",
            "evil.example:8025",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0:8025",
            "10.0.0.1",
            "localhost:8025@evil.example",
        ] {
            assert!(!names(&[host]), "{host}");
        }
        assert!(!names(&[]));
        assert!(!names(&["localhost", "evil.example"]));
    }
}
