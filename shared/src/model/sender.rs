//! Who is the sender: the heart of the product, decided anew at every delivery attempt.
//!
//! 1. The tenant has a default: it is used, whatever the request names.
//! 2. Else the request names a connection: that one, which must exist and be active.
//! 3. Else the request's `from` is the sender address of exactly one active connection: that one.
//! 4. Else exactly one connection is active: that one.
//! 5. Else nobody.
//!
//! The From *address* is always the connection's (SPF alignment). With a default, From and Reply-To are the default's whole;
//! otherwise the request may give the display name and Reply-To.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::connection::Connection;
use super::email::Mailbox;
use super::ids::ConnectionId;

/// The sender that a request asks for.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Requested {
    /// The connection it names.
    #[schema(value_type = Option<String>)]
    pub connection_id: Option<ConnectionId>,
    /// The From it wants.
    pub from: Option<Mailbox>,
    /// The Reply-To it wants.
    #[schema(value_type = Option<String>)]
    #[serde(
        serialize_with = "string_unless_named",
        deserialize_with = "super::email::string_or_object"
    )]
    pub reply_to: Option<Mailbox>,
}

/// The sender that is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Effective {
    /// The connection that sends.
    #[schema(value_type = String)]
    pub connection_id: ConnectionId,
    /// The From header; its address is also the one in MAIL FROM.
    pub from: Mailbox,
    /// The Reply-To header.
    #[schema(value_type = Option<String>)]
    #[serde(
        serialize_with = "string_unless_named",
        deserialize_with = "super::email::string_or_object"
    )]
    pub reply_to: Option<Mailbox>,
}

/// Which rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The tenant's default overrides everything.
    Default,
    /// The request named the connection.
    Named,
    /// The request's `from` is the connection's sender address.
    From,
    /// No other connection is active.
    OnlyActive,
}

/// A part of the request that the rule set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Override {
    /// Another connection sends.
    ConnectionId,
    /// From differs.
    From,
    /// Reply-To differs.
    ReplyTo,
}

/// Who sends, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Which rule decided.
    pub rule: Rule,
    /// What the request asked for.
    pub requested: Requested,
    /// What is used.
    pub effective: Effective,
    /// What of the request was set aside.
    pub overrides: Vec<Override>,
}

/// Why nobody can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSender {
    /// The named connection doesn't exist.
    #[error("the connection named by connection_id does not exist")]
    UnknownConnection,
    /// The named connection is inactive.
    #[error("the connection named by connection_id is inactive: activate it, or name another")]
    InactiveConnection,
    /// No rule leads to a connection.
    #[error(
        "no connection can be chosen: make one the default, or name an active one by connection_id"
    )]
    NoneFits,
}

/// The connections among which the sender is chosen, read together.
#[derive(Debug, Default, Clone)]
pub struct Senders {
    /// All connections of the tenant.
    pub connections: Vec<Connection>,
    /// Which of them is the default.
    pub default: Option<ConnectionId>,
}

impl Senders {
    /// Applies the rules.
    ///
    /// # Errors
    /// Why no connection can be chosen.
    pub fn decide(&self, requested: Requested) -> Result<(Decision, &Connection), NoSender> {
        let (rule, connection) = self.choose(&requested)?;
        let settings = &connection.settings;
        let own_reply_to = || settings.reply_to.clone().map(Mailbox::from);
        let (name, reply_to) = if rule == Rule::Default {
            (settings.sender_name.clone(), own_reply_to())
        } else {
            let asked = requested.from.as_ref().and_then(|from| from.name.clone());
            (
                asked.or_else(|| settings.sender_name.clone()),
                requested.reply_to.clone().or_else(own_reply_to),
            )
        };
        let effective = Effective {
            connection_id: connection.id,
            from: Mailbox {
                email: settings.sender_email.clone(),
                name,
            },
            reply_to,
        };
        let overrides = overrides(&requested, &effective);
        Ok((
            Decision {
                rule,
                requested,
                effective,
                overrides,
            },
            connection,
        ))
    }

    fn choose(&self, requested: &Requested) -> Result<(Rule, &Connection), NoSender> {
        if let Some(default) = self.default {
            // The protocol of the default role keeps its holder in existence and active; if it ever isn't, sending through
            // another connection would be a silent fall-through.
            return self
                .connections
                .iter()
                .find(|c| c.id == default && c.settings.active)
                .map(|c| (Rule::Default, c))
                .ok_or(NoSender::NoneFits);
        }
        if let Some(named) = requested.connection_id {
            let connection = self
                .connections
                .iter()
                .find(|c| c.id == named)
                .ok_or(NoSender::UnknownConnection)?;
            return if connection.settings.active {
                Ok((Rule::Named, connection))
            } else {
                Err(NoSender::InactiveConnection)
            };
        }
        let active = || self.connections.iter().filter(|c| c.settings.active);
        let by_from = requested.from.as_ref().and_then(|from| {
            only(active().filter(|c| c.settings.sender_email.same_as(&from.email)))
        });
        by_from
            .map(|c| (Rule::From, c))
            .or_else(|| only(active()).map(|c| (Rule::OnlyActive, c)))
            .ok_or(NoSender::NoneFits)
    }
}

fn only<T>(mut candidates: impl Iterator<Item = T>) -> Option<T> {
    let first = candidates.next()?;
    candidates.next().is_none().then_some(first)
}

fn overrides(requested: &Requested, effective: &Effective) -> Vec<Override> {
    let connection_id = requested
        .connection_id
        .is_some_and(|id| id != effective.connection_id);
    let from = requested.from.as_ref().is_some_and(|from| {
        let name_differs = from.name.is_some() && from.name != effective.from.name;
        name_differs || !from.email.same_as(&effective.from.email)
    });
    let reply_to = requested.reply_to.is_some() && requested.reply_to != effective.reply_to;
    [
        (connection_id, Override::ConnectionId),
        (from, Override::From),
        (reply_to, Override::ReplyTo),
    ]
    .into_iter()
    .filter_map(|(differs, part)| differs.then_some(part))
    .collect()
}

/// A Reply-To without a name is shown as the plain string that most requests give.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn string_unless_named<S: Serializer>(
    mailbox: &Option<Mailbox>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match mailbox {
        Some(Mailbox { email, name: None }) => serializer.serialize_some(email),
        other => other.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ulid::Ulid;

    use super::super::connection::{Health, Verification};
    use super::super::email::EmailAddress;
    use super::super::network::DialPolicy;
    use super::super::settings::ConnectionInput;
    use super::super::timestamp::Timestamp;
    use super::*;

    fn connection(number: u128, sender: &str, active: bool) -> Connection {
        let input: ConnectionInput = serde_json::from_value(json!({
            "name": format!("c{number}"), "sender_email": sender, "sender_name": "Acme", "reply_to": "replies@example.com",
            "host": "smtp.example.com", "encryption": "starttls", "active": active,
        }))
        .expect("an object");
        let now = Timestamp::from_millis(0);
        Connection {
            id: id(number),
            settings: input
                .create(&DialPolicy::default())
                .expect("valid")
                .settings,
            secret: None,
            verification: Verification::NEVER,
            health: Health::ok(now),
            version: 1,
            limits_version: 1,
            created_at: now,
            updated_at: now,
            updated_by: None,
        }
    }

    fn id(number: u128) -> ConnectionId {
        ConnectionId::new(Ulid::from_parts(0, number))
    }

    fn mailbox(email: &str, name: Option<&str>) -> Mailbox {
        Mailbox {
            email: EmailAddress::parse(email).expect("valid"),
            name: name.map(str::to_owned),
        }
    }

    fn two(default: Option<u128>) -> Senders {
        Senders {
            connections: vec![
                connection(1, "info@example.com", true),
                connection(2, "sales@example.com", true),
            ],
            default: default.map(id),
        }
    }

    fn third_party() -> Requested {
        Requested {
            connection_id: Some(id(2)),
            from: Some(mailbox("forms@third.test", Some("Form"))),
            reply_to: Some(mailbox("visitor@third.test", None)),
        }
    }

    #[test]
    fn the_default_is_used_whatever_the_request_names() {
        let (decision, connection) = two(Some(1))
            .decide(third_party())
            .map(|(d, c)| (d, c.id))
            .expect("a sender");
        assert_eq!((decision.rule, connection), (Rule::Default, id(1)));
        assert_eq!(
            decision.effective.from,
            mailbox("info@example.com", Some("Acme"))
        );
        assert_eq!(
            decision.effective.reply_to,
            Some(mailbox("replies@example.com", None))
        );
        assert_eq!(
            decision.overrides,
            [Override::ConnectionId, Override::From, Override::ReplyTo]
        );
        assert_eq!(decision.requested, third_party());
    }

    #[test]
    fn a_default_without_reply_to_removes_the_one_requested() {
        let mut senders = two(Some(1));
        senders.connections[0].settings.reply_to = None;
        let (decision, _) = senders.decide(third_party()).expect("a sender");
        assert_eq!(decision.effective.reply_to, None);
    }

    #[test]
    fn without_a_default_the_named_connection_sends_with_the_requests_name_and_reply_to() {
        let (decision, _) = two(None)
            .decide(third_party())
            .map(|(d, c)| (d, c.id))
            .expect("a sender");
        assert_eq!(
            (decision.rule, decision.effective.connection_id),
            (Rule::Named, id(2))
        );
        assert_eq!(
            decision.effective.from,
            mailbox("sales@example.com", Some("Form"))
        );
        assert_eq!(
            decision.effective.reply_to,
            Some(mailbox("visitor@third.test", None))
        );
        assert_eq!(decision.overrides, [Override::From]);
    }

    #[test]
    fn a_named_connection_that_is_missing_or_inactive_is_an_error_and_no_fall_through() {
        let mut senders = two(None);
        senders.connections[1].settings.active = false;
        let named = |number| Requested {
            connection_id: Some(id(number)),
            ..Requested::default()
        };
        assert_eq!(
            senders.decide(named(2)).map(|_| ()),
            Err(NoSender::InactiveConnection)
        );
        assert_eq!(
            senders.decide(named(3)).map(|_| ()),
            Err(NoSender::UnknownConnection)
        );
    }

    #[test]
    fn without_a_default_or_a_name_the_from_address_chooses_without_regard_to_case() {
        let requested = Requested {
            from: Some(mailbox("SALES@Example.com", None)),
            ..Requested::default()
        };
        let (decision, _) = two(None).decide(requested).expect("a sender");
        assert_eq!(
            (decision.rule, decision.effective.connection_id),
            (Rule::From, id(2))
        );
        assert_eq!(decision.overrides, []);
    }

    #[test]
    fn two_active_connections_with_the_same_sender_are_not_chosen_by_from() {
        let senders = Senders {
            connections: vec![
                connection(1, "a@example.com", true),
                connection(2, "a@example.com", true),
            ],
            default: None,
        };
        let requested = Requested {
            from: Some(mailbox("a@example.com", None)),
            ..Requested::default()
        };
        assert_eq!(
            senders.decide(requested).map(|_| ()),
            Err(NoSender::NoneFits)
        );
    }

    #[test]
    fn the_only_active_connection_sends_whatever_from_says() {
        let senders = Senders {
            connections: vec![
                connection(1, "a@example.com", true),
                connection(2, "b@example.com", false),
            ],
            default: None,
        };
        let requested = Requested {
            from: Some(mailbox("b@example.com", None)),
            ..Requested::default()
        };
        let (decision, _) = senders.decide(requested).expect("a sender");
        assert_eq!(
            (decision.rule, decision.effective.connection_id),
            (Rule::OnlyActive, id(1))
        );
        assert_eq!(decision.effective.from.email.as_str(), "a@example.com");
        assert_eq!(decision.overrides, [Override::From]);
    }

    #[test]
    fn with_no_active_connection_or_several_nobody_sends() {
        assert_eq!(
            two(None).decide(Requested::default()).map(|_| ()),
            Err(NoSender::NoneFits)
        );
        assert_eq!(
            Senders::default().decide(Requested::default()).map(|_| ()),
            Err(NoSender::NoneFits)
        );
        let inactive = Senders {
            connections: vec![connection(1, "a@example.com", false)],
            default: None,
        };
        assert_eq!(
            inactive.decide(Requested::default()).map(|_| ()),
            Err(NoSender::NoneFits)
        );
    }

    #[test]
    fn a_reply_to_without_a_name_is_shown_as_a_string() {
        let value = serde_json::to_value(third_party()).expect("serialises");
        assert_eq!(value["reply_to"], "visitor@third.test");
        assert_eq!(
            value["from"],
            json!({"email": "forms@third.test", "name": "Form"})
        );
        assert_eq!(
            serde_json::from_value::<Requested>(value).expect("reads back"),
            third_party()
        );
    }
}
