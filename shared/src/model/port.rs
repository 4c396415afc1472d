//! The port of a mail server.

use super::field::{FieldCode, Invalid};
use super::network::DialPolicy;

/// A port that this deployment dials.
///
/// # Errors
/// When it isn't a port, or not one of the deployment's.
pub fn parse(number: i64, policy: &DialPolicy) -> Result<u16, Invalid> {
    u16::try_from(number)
        .ok()
        .filter(|port| policy.permits_port(*port))
        .ok_or_else(|| {
            let ports: Vec<_> = policy.ports().iter().map(u16::to_string).collect();
            Invalid::new(
                FieldCode::NotAllowed,
                format!("must be one of {}", ports.join(", ")),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_ports_are_allowed_and_no_others() {
        let policy = DialPolicy::default();
        assert!(
            [465, 587, 2525, 25]
                .iter()
                .all(|port| parse(*port, &policy).is_ok())
        );
        for port in [0, -1, 80, 65_536, i64::MAX] {
            assert_eq!(
                parse(port, &policy).map_err(|invalid| invalid.code),
                Err(FieldCode::NotAllowed)
            );
        }
    }

    #[test]
    fn a_deployment_may_have_ports_of_its_own() {
        assert_eq!(
            parse(2526, &DialPolicy::default().with_ports([2526])),
            Ok(2526)
        );
    }
}
