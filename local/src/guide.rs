//! What is printed at the start.

use crate::Running;

/// Where everything is, and commands that try it, to be pasted into a shell.
#[must_use]
pub fn guide(running: &Running) -> String {
    let Running {
        api,
        inbox_starttls,
        inbox_tls,
        ..
    } = running;
    let tenant = &running.tenant;
    let (starttls, tls) = (inbox_starttls.port(), inbox_tls.port());
    let login = if running.login_demanded {
        "\n(Put the login of --inbox-login in the place of the one below.)"
    } else {
        ""
    };
    format!(
        r#"Mittente is running for the tenant {tenant}. Ctrl-C ends it.

  API    http://{api}/v1
  Inbox  http://{api}/inbox, filled by SMTP on localhost:{starttls} (STARTTLS) and localhost:{tls} (implicit TLS)

To try it, paste this: a connection is created, verified and made the default, and a mail is sent through it.{login}

api=http://{api}
id=$(curl -s "$api/v1/connections" -H 'content-type: application/json' -d '{{"name": "Demo '"$(date +%s)"'", "sender_email": "demo@example.com", "host": "localhost", "port": {starttls}, "encryption": "starttls", "username": "demo@example.com", "password": "demo-password"}}' | sed -n 's/.*"id": *"\(conn_[0-9A-Z]*\)".*/\1/p')
curl -sw '\n' -X POST "$api/v1/connections/$id/verify"
curl -sw '\n' -X PATCH "$api/v1/connections/$id" -H 'content-type: application/merge-patch+json' -d '{{"default": true}}'
curl -sw '\n' "$api/v1/messages" -H 'content-type: application/json' -d '{{"to": ["you@example.com"], "subject": "Hello", "text": "It works."}}'
sleep 2; curl -sw '\n' "$api/inbox"
"#
    )
}
