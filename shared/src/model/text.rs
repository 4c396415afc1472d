//! Short texts that people type: names, logins, subjects.

use super::field::{FieldCode, Invalid};

/// A required line of text: trimmed, at most `max` characters, no control characters.
///
/// # Errors
/// Which of these it breaks.
pub fn line(text: &str, max: usize) -> Result<String, Invalid> {
    let line = optional_line(text, max)?;
    if line.is_empty() {
        return Err(Invalid::new(FieldCode::Required, "must not be empty"));
    }
    Ok(line)
}

/// As [`line()`], but it may be empty.
///
/// # Errors
/// Which of the rules it breaks.
pub fn optional_line(text: &str, max: usize) -> Result<String, Invalid> {
    no_control_characters(text)?;
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Invalid::new(
            FieldCode::TooLong,
            format!("must have at most {max} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// Refuses control characters (line breaks, tabs and NUL among them), wherever they stand.
///
/// # Errors
/// When there is one.
pub fn no_control_characters(text: &str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(
            FieldCode::ControlCharacter,
            "must be one line without control characters: look for a pasted line break or tab",
        ));
    }
    Ok(())
}

/// The form in which two texts that differ by case or by Unicode composition alone are equal.
#[must_use]
pub fn fold(text: &str) -> String {
    // Upper case first: it spells out what lower case alone keeps apart (ß and ss, final sigma).
    let folded = text.to_uppercase().to_lowercase();
    icu_normalizer::ComposingNormalizerBorrowed::new_nfc()
        .normalize(&folded)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_by_case_or_composition_fold_together() {
        assert_eq!(fold("SMTP Ufficio"), fold("smtp UFFICIO"));
        assert_eq!(fold("Straße"), fold("STRASSE"));
        assert_eq!(fold("caf\u{e9}"), fold("CAFE\u{301}"));
        assert_ne!(fold("a"), fold("b"));
    }

    #[test]
    fn a_line_is_trimmed_and_counted_in_characters() {
        assert_eq!(line("  è  ", 1), Ok("è".to_owned()));
        assert_eq!(line("èè", 1).map_err(|e| e.code), Err(FieldCode::TooLong));
        assert_eq!(line("  ", 1).map_err(|e| e.code), Err(FieldCode::Required));
        assert_eq!(
            line("a\nb", 9).map_err(|e| e.code),
            Err(FieldCode::ControlCharacter)
        );
    }
}
