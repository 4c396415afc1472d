//! The file of Mozilla's autoconfiguration (<https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat>), as far as it
//! tells of servers for sending. Whoever owns a domain writes it, so anything may be in there: it is read once from front to end, no
//! entity is expanded but XML's own five, and a file that declares some is not read at all.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::model::host::Host;
use shared::model::text;

/// How deep elements may lie in each other; those of the format lie four deep.
const MAX_DEPTH: usize = 16;
/// The most octets of a value.
const MAX_VALUE: usize = 512;
/// The most characters of a login, as for a connection.
const MAX_USERNAME: usize = 320;
/// Where a server is described.
const SERVER: [&str; 3] = ["clientConfig", "emailProvider", "outgoingServer"];

/// A server for sending, with an encryption and a login by password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) username: Option<String>,
}

/// The servers in a file, in its order. None where it is not the file it should be, in UTF-8.
pub(super) fn servers(file: &[u8], email: &EmailAddress) -> Vec<Server> {
    let read = std::str::from_utf8(file).ok();
    read.and_then(|file| read_all(file, email))
        .unwrap_or_default()
}

fn read_all(file: &str, email: &EmailAddress) -> Option<Vec<Server>> {
    let mut reader = Reader::from_str(file);
    let mut servers = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut draft = Draft::default();
    let mut value = Value::default();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                if path.len() == MAX_DEPTH {
                    return None;
                }
                path.push(tag.name().0.to_owned());
                value = Value::default();
                if path == SERVER {
                    draft = Draft::new(&tag);
                }
            }
            Event::End(_) => {
                if path == SERVER {
                    servers.extend(std::mem::take(&mut draft).server(email));
                } else if let Some((field, parents)) = path.split_last()
                    && parents == SERVER
                {
                    draft.take(field, std::mem::take(&mut value));
                }
                path.pop();
            }
            Event::Text(text) => value.push(&text),
            Event::CData(text) => value.push(&text),
            Event::GeneralRef(reference) => value.push_reference(&reference),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if path.is_empty() => return Some(servers),
            Event::Eof | Event::DocType(_) => return None,
        }
    }
}

/// The text of an element.
struct Value(Option<String>);

impl Default for Value {
    fn default() -> Self {
        Self(Some(String::new()))
    }
}

impl Value {
    /// Too long a value is none.
    fn push(&mut self, text: &str) {
        self.0 = self
            .0
            .take()
            .filter(|value| value.len() + text.len() <= MAX_VALUE);
        if let Some(value) = &mut self.0 {
            value.push_str(text);
        }
    }

    /// So is one that needs an entity which XML itself doesn't know.
    fn push_reference(&mut self, reference: &BytesRef<'_>) {
        match reference.resolve_char_ref() {
            Ok(Some(character)) => self.push(character.encode_utf8(&mut [0; 4])),
            Ok(None) => match resolve_xml_entity(reference) {
                Some(text) => self.push(text),
                None => self.0 = None,
            },
            Err(_) => self.0 = None,
        }
    }

    fn text(self) -> Option<String> {
        let text = self.0?.trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}

/// A server as far as it has been read. Of an element that stands there twice, the first counts.
#[derive(Default)]
struct Draft {
    is_smtp: bool,
    hostname: Option<String>,
    port: Option<String>,
    socket_type: Option<String>,
    username: Option<String>,
    logins: Logins,
}

/// The kinds of login that a server is said to take.
#[derive(Default, PartialEq, Eq)]
enum Logins {
    #[default]
    Unsaid,
    /// None of them with a password: `OAuth2`, certificates, by the client's address.
    Others,
    Password,
}

impl Draft {
    fn new(tag: &BytesStart<'_>) -> Self {
        let kind = tag.try_get_attribute("type").ok().flatten();
        Self {
            is_smtp: kind.is_some_and(|kind| kind.value.eq_ignore_ascii_case("smtp")),
            ..Self::default()
        }
    }

    fn take(&mut self, element: &str, value: Value) {
        let field = match element {
            "hostname" => &mut self.hostname,
            "port" => &mut self.port,
            "socketType" => &mut self.socket_type,
            "username" => &mut self.username,
            "authentication" => {
                let password = [
                    "password-cleartext",
                    "plain",
                    "password-encrypted",
                    "secure",
                ];
                if value
                    .text()
                    .is_some_and(|kind| password.contains(&kind.as_str()))
                {
                    self.logins = Logins::Password;
                } else if self.logins == Logins::Unsaid {
                    self.logins = Logins::Others;
                }
                return;
            }
            _ => return,
        };
        if field.is_none() {
            *field = value.text();
        }
    }

    fn server(self, email: &EmailAddress) -> Option<Server> {
        if !self.is_smtp || self.logins == Logins::Others {
            return None;
        }
        let encryption = match self.socket_type?.to_ascii_uppercase().as_str() {
            "SSL" => Encryption::ImplicitTls,
            "STARTTLS" => Encryption::Starttls,
            _ => return None,
        };
        let username = self.username.map(|template| fill(&template, email));
        Some(Server {
            host: Host::parse(&fill(&self.hostname?, email)).ok()?,
            port: self.port?.parse().ok()?,
            encryption,
            username: username.and_then(|name| text::line(&name, MAX_USERNAME).ok()),
        })
    }
}

/// Puts the address into a template. In one pass: a local part may itself look like a placeholder.
fn fill(template: &str, email: &EmailAddress) -> String {
    let domain = email.as_str().rsplit('@').next().unwrap_or_default();
    let placeholders = [
        ("%EMAILADDRESS%", email.as_str()),
        ("%EMAILLOCALPART%", email.local_part()),
        ("%EMAILDOMAIN%", domain),
    ];
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let found = placeholders
            .iter()
            .find_map(|(name, value)| Some((*value, from.strip_prefix(name)?)));
        let (value, after) = found.unwrap_or(("%", &from[1..]));
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests;
