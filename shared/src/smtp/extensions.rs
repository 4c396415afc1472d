//! What a server offers in its answer to EHLO (RFC 5321 §4.1.1.1).

/// The extensions that a session can use. A server greeted with HELO offers none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one keyword, there or not"
)]
pub struct Extensions {
    lines: Vec<String>,
    mechanisms: Vec<String>,
    /// PIPELINING, RFC 2920.
    pub pipelining: bool,
    /// STARTTLS, RFC 3207.
    pub starttls: bool,
    /// 8BITMIME, RFC 6152.
    pub eight_bit_mime: bool,
    /// SMTPUTF8, RFC 6531.
    pub smtputf8: bool,
    /// SIZE, RFC 1870, whether or not it names a limit.
    pub size: bool,
    /// The most octets of one message, where SIZE names a limit.
    pub max_size: Option<u64>,
}

impl Extensions {
    /// Reads the lines after the first of an answer to EHLO. Keywords are case-insensitive.
    pub(crate) fn parse(lines: &[String]) -> Self {
        let mut extensions = Self {
            lines: lines
                .iter()
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect(),
            ..Self::default()
        };
        for line in lines {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next() else {
                continue;
            };
            match keyword {
                "PIPELINING" => extensions.pipelining = true,
                "STARTTLS" => extensions.starttls = true,
                "8BITMIME" => extensions.eight_bit_mime = true,
                "SMTPUTF8" => extensions.smtputf8 = true,
                "SIZE" => {
                    extensions.size = true;
                    // RFC 1870 §4: zero is no fixed limit.
                    extensions.max_size = words
                        .next()
                        .and_then(|limit| limit.parse().ok())
                        .filter(|limit| *limit > 0);
                }
                "AUTH" => extensions.add_mechanisms(words),
                // Written by servers for clients older than RFC 2554: `AUTH=LOGIN PLAIN`.
                _ => {
                    if let Some(first) = keyword.strip_prefix("AUTH=") {
                        extensions.add_mechanisms(std::iter::once(first).chain(words));
                    }
                }
            }
        }
        extensions
    }

    fn add_mechanisms<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names.filter(|name| !name.is_empty()) {
            if !self.mechanisms.iter().any(|known| known == name) {
                self.mechanisms.push(name.to_owned());
            }
        }
    }

    /// The lines as the server wrote them.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The names of the mechanisms of AUTH, in upper case.
    #[must_use]
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// Whether AUTH offers this mechanism.
    #[must_use]
    pub fn offers_auth(&self, mechanism: &str) -> bool {
        self.mechanisms.iter().any(|known| known == mechanism)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Extensions {
        Extensions::parse(
            &lines
                .iter()
                .map(|&line| line.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn keywords_are_read_without_regard_to_case() {
        let extensions = parse(&["pipelining", "StartTLS", "size 100", "auth plain", "", "x"]);
        assert!(extensions.pipelining && extensions.starttls && extensions.size);
        assert_eq!(extensions.max_size, Some(100));
        assert!(extensions.offers_auth("PLAIN"));
        assert_eq!(extensions.lines().len(), 5);
    }

    #[test]
    fn both_forms_of_auth_add_up() {
        let extensions = parse(&["AUTH PLAIN LOGIN", "AUTH=LOGIN XOAUTH2", "AUTH="]);
        assert_eq!(extensions.mechanisms(), ["PLAIN", "LOGIN", "XOAUTH2"]);
    }

    #[test]
    fn a_size_of_zero_none_or_nonsense_is_no_limit() {
        for line in ["SIZE", "SIZE 0", "SIZE x", "SIZE -1"] {
            let extensions = parse(&[line]);
            assert_eq!((extensions.size, extensions.max_size), (true, None));
        }
    }

    #[test]
    fn a_keyword_that_only_starts_like_another_is_another() {
        let extensions = parse(&["AUTHX PLAIN", "PIPELININGX", "XAUTH PLAIN"]);
        assert!(extensions.mechanisms().is_empty() && !extensions.pipelining);
    }
}
