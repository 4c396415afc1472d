//! The commands of SMTP (RFC 5321 §4.1), read from their lines.

use super::MAX_MESSAGE;

/// A reply to one command: its code, enhanced code and text in one line.
pub(super) type Reply = &'static str;

pub(super) const SYNTAX: Reply = "501 5.5.4 Syntax: the argument is not valid";
const BAD_SENDER: Reply = "501 5.1.7 Bad sender address syntax";
const BAD_RECIPIENT: Reply = "501 5.1.3 Bad recipient address syntax";
const UNKNOWN_PARAMETER: Reply = "555 5.5.4 Parameter not recognized or not implemented";
pub(super) const NEEDS_SMTPUTF8: Reply = "553 5.6.7 The address needs SMTPUTF8";
pub(super) const TOO_LARGE: Reply = "552 5.3.4 The message is over the limit of 10485760 octets";

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Ehlo,
    Helo,
    StartTls,
    /// The mechanism, in capitals, and the initial response.
    Auth(String, Option<&'a str>),
    Mail {
        from: String,
        smtputf8: bool,
    },
    Rcpt(String),
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
}

/// Reads a command, or gives the reply that refuses it.
pub(super) fn parse(line: &str) -> Result<Command<'_>, Reply> {
    let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
    let argument = argument.trim_matches(' ');
    let alone = |command| {
        if argument.is_empty() {
            Ok(command)
        } else {
            Err(SYNTAX)
        }
    };
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" if argument.is_empty() => Err("501 5.5.4 Syntax: EHLO hostname"),
        "HELO" if argument.is_empty() => Err("501 5.5.4 Syntax: HELO hostname"),
        "EHLO" => Ok(Command::Ehlo),
        "HELO" => Ok(Command::Helo),
        "STARTTLS" => alone(Command::StartTls),
        "AUTH" => auth(argument),
        "MAIL" => mail(argument),
        "RCPT" => rcpt(argument),
        "DATA" => alone(Command::Data),
        "RSET" => alone(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(Command::Quit),
        "VRFY" if argument.is_empty() => Err("501 5.5.4 Syntax: VRFY address"),
        "VRFY" => Ok(Command::Vrfy),
        "EXPN" | "HELP" | "TURN" | "BDAT" | "ETRN" => Err("502 5.5.1 Command not implemented"),
        _ => Err("500 5.5.2 Command not recognized"),
    }
}

fn auth(argument: &str) -> Result<Command<'_>, Reply> {
    let mut words = argument.split(' ').filter(|word| !word.is_empty());
    let mechanism = words.next().ok_or("501 5.5.4 Syntax: AUTH mechanism")?;
    let initial = words.next();
    if words.next().is_some() {
        return Err(SYNTAX);
    }
    Ok(Command::Auth(mechanism.to_ascii_uppercase(), initial))
}

fn mail(argument: &str) -> Result<Command<'_>, Reply> {
    let rest = after_keyword(argument, "FROM:").ok_or("501 5.5.4 Syntax: MAIL FROM:<address>")?;
    let (from, parameters) = path(rest).ok_or(BAD_SENDER)?;
    if !from.is_empty() && !is_address(&from) {
        return Err(BAD_SENDER);
    }
    let mut smtputf8 = false;
    for parameter in parameters {
        let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("SIZE", value) => {
                let size: u64 = value.parse().map_err(|_| SYNTAX)?;
                if size > MAX_MESSAGE as u64 {
                    return Err(TOO_LARGE);
                }
            }
            ("BODY", value) if is_one_of(value, &["7BIT", "8BITMIME"]) => {}
            ("BODY", _) => return Err(SYNTAX),
            ("SMTPUTF8", "") => smtputf8 = true,
            // Who is said to have sent it (RFC 4954 §5) makes no difference here.
            ("AUTH", value) if !value.is_empty() => {}
            _ => return Err(UNKNOWN_PARAMETER),
        }
    }
    if !from.is_ascii() && !smtputf8 {
        return Err(NEEDS_SMTPUTF8);
    }
    Ok(Command::Mail { from, smtputf8 })
}

fn rcpt(argument: &str) -> Result<Command<'_>, Reply> {
    let rest = after_keyword(argument, "TO:").ok_or("501 5.5.4 Syntax: RCPT TO:<address>")?;
    let (to, mut parameters) = path(rest).ok_or(BAD_RECIPIENT)?;
    if !to.eq_ignore_ascii_case("postmaster") && !is_address(&to) {
        return Err(BAD_RECIPIENT);
    }
    if parameters.next().is_some() {
        return Err(UNKNOWN_PARAMETER);
    }
    Ok(Command::Rcpt(to))
}

fn after_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword)
        .then(|| rest.trim_start_matches(' '))
}

/// The address between the angle brackets, without a source route, and the parameters after them.
fn path(text: &str) -> Option<(String, impl Iterator<Item = &str>)> {
    let inside = text.strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inside.find(|character| {
        let closes = character == '>' && !quoted;
        if escaped {
            escaped = false;
        } else {
            match character {
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                _ => {}
            }
        }
        closes
    })?;
    let (mut address, rest) = (&inside[..end], &inside[end + 1..]);
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    if address.starts_with('@') {
        address = address.split_once(':')?.1;
    }
    Some((
        address.to_owned(),
        rest.split(' ').filter(|word| !word.is_empty()),
    ))
}

/// Whether it could be a mailbox. The inbox takes mail for all of them, so it needn't be stricter.
fn is_address(text: &str) -> bool {
    text.len() <= 320
        && !text.chars().any(char::is_control)
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
            !local.is_empty()
                && (quoted || !local.contains([' ', '"', '<', '>', '@']))
                && !domain.is_empty()
                && !domain.contains([' ', '<', '>', '"'])
        })
}

fn is_one_of(value: &str, values: &[&str]) -> bool {
    values.iter().any(|other| value.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail_from(from: &str, smtputf8: bool) -> Command<'_> {
        Command::Mail {
            from: from.to_owned(),
            smtputf8,
        }
    }

    #[test]
    fn commands_are_read_without_regard_to_case() {
        assert_eq!(parse("ehlo client.example"), Ok(Command::Ehlo));
        assert_eq!(parse("StartTLS"), Ok(Command::StartTls));
        assert_eq!(parse("data "), Ok(Command::Data));
        assert_eq!(
            parse("auth plain AGE="),
            Ok(Command::Auth("PLAIN".to_owned(), Some("AGE=")))
        );
        assert_eq!(
            parse("rcpt to:<a@example.com>"),
            Ok(Command::Rcpt("a@example.com".to_owned()))
        );
    }

    #[test]
    fn senders_come_with_the_parameters_that_are_offered() {
        for line in [
            "MAIL FROM:<a@example.com>",
            "MAIL FROM: <a@example.com> BODY=8BITMIME SIZE=10485760",
            "mail from:<@relay.example:a@example.com> auth=<>",
        ] {
            assert_eq!(parse(line), Ok(mail_from("a@example.com", false)), "{line}");
        }
        assert_eq!(parse("MAIL FROM:<>"), Ok(mail_from("", false)));
        assert_eq!(
            parse("MAIL FROM:<è@example.com> SMTPUTF8"),
            Ok(mail_from("è@example.com", true))
        );
        assert_eq!(
            parse(r#"MAIL FROM:<"a\">b"@example.com>"#),
            Ok(mail_from(r#""a\">b"@example.com"#, false))
        );
    }

    #[test]
    fn what_is_wrong_with_a_command_decides_its_code() {
        for (line, code) in [
            ("", "500 5.5.2"),
            ("GET / HTTP/1.1", "500 5.5.2"),
            ("EXPN list", "502 5.5.1"),
            ("EHLO", "501 5.5.4"),
            ("STARTTLS now", "501 5.5.4"),
            ("AUTH", "501 5.5.4"),
            ("MAIL <a@example.com>", "501 5.5.4"),
            ("MAIL FROM:a@example.com", "501 5.1.7"),
            ("MAIL FROM:<a@example.com", "501 5.1.7"),
            ("MAIL FROM:<a@example.com>x", "501 5.1.7"),
            ("MAIL FROM:<a b@example.com>", "501 5.1.7"),
            ("MAIL FROM:<è@example.com>", "553 5.6.7"),
            ("MAIL FROM:<a@example.com> SIZE=10485761", "552 5.3.4"),
            ("MAIL FROM:<a@example.com> SIZE=x", "501 5.5.4"),
            ("MAIL FROM:<a@example.com> BODY=BINARYMIME", "501 5.5.4"),
            ("MAIL FROM:<a@example.com> RET=HDRS", "555 5.5.4"),
            ("RCPT TO:<>", "501 5.1.3"),
            ("RCPT TO:<a>", "501 5.1.3"),
            ("RCPT TO:<a@example.com> NOTIFY=NEVER", "555 5.5.4"),
        ] {
            let reply = parse(line).expect_err(line);
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
    }
}
