//! The language of what people read in a report.

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;

/// The languages that reports are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Italian,
}

impl Language {
    /// The language tag (RFC 5646).
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Italian => "it",
        }
    }

    /// The one that fits `Accept-Language` best (RFC 9110 §12.5.4), by its first subtag; English where none does.
    fn accepted(header: &str) -> Self {
        let mut best = (0_u16, Self::English);
        for element in header.split(',') {
            let mut parts = element.split(';');
            let range = parts.next().unwrap_or_default().trim();
            let language = match range.split('-').next() {
                Some(primary) if primary.eq_ignore_ascii_case("it") => Self::Italian,
                Some(primary) if primary.eq_ignore_ascii_case("en") || primary == "*" => {
                    Self::English
                }
                _ => continue,
            };
            let quality = parts.next().map_or(1000, quality);
            // Of two that are wanted alike, the first.
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }
}

/// The weight in thousandths; 0 where it can't be read.
fn quality(parameter: &str) -> u16 {
    let weight = parameter.trim().strip_prefix("q=").map(str::trim);
    let weight = weight.and_then(|weight| weight.parse::<f32>().ok());
    match weight {
        Some(weight) if (0.0..=1.0).contains(&weight) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 0 to 1000"
            )]
            let thousandths = (weight * 1000.0) as u16;
            thousandths
        }
        _ => 0,
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let headers = parts.headers.get_all(ACCEPT_LANGUAGE).iter();
        let values: Vec<_> = headers.filter_map(|value| value.to_str().ok()).collect();
        Ok(Self::accepted(&values.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_wanted_most_is_chosen_and_english_where_none_is_known() {
        for (header, tag) in [
            ("", "en"),
            ("it", "it"),
            ("it-IT,it;q=0.9,en-US;q=0.8", "it"),
            ("en-US,en;q=0.9,it;q=0.8", "en"),
            ("de, it;q=0.5", "it"),
            ("en;q=0.3, IT-ch; q=0.7", "it"),
            ("it;q=0, *", "en"),
            ("de;q=1", "en"),
            ("it;q=x", "en"),
            ("italian", "en"),
        ] {
            assert_eq!(Language::accepted(header).tag(), tag, "{header}");
        }
    }
}
