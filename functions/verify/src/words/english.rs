//! English.

use shared::model::provider::ProviderId;
use shared::smtp::FailureCode;

use super::{Additions, Words, words};

pub(super) const ADDITIONS: Additions = Additions {
    port_25: "This service usually can't send through port 25, which its cloud provider, AWS, blocks until asked: use port 587 \
              or 465.",
    egress_ips: "The addresses to let in are",
    certificate_names: "The certificate is for",
    not_before: "The server refused this very login a short while ago, so it was not tried again. It will be once one of these \
                 settings changes, or after",
};

#[rustfmt::skip] // a table: one code, its two texts
pub(super) const fn general(code: FailureCode) -> Words {
    use FailureCode as F;
    match code {
        F::NameNotResolved => words("The server could not be found",
            "Check the spelling of the host. It must be a public name: names and addresses inside a private network can't be \
             used. If it is right, ask whoever manages the domain's DNS."),
        F::ConnectionRefused => words("The server refused the connection",
            "Check the port: 465 with SSL and 587 with TLS are the usual ones. If it is right, ask whoever runs the server \
             whether a firewall stands in the way."),
        F::ConnectTimedOut => words("The server did not answer",
            "Check host and port. If they are right, a firewall may be dropping the connection: ask whoever runs the server."),
        F::Unreachable => words("The server can't be reached",
            "Check the host. If it is right, the server's network may be down: try again later, or ask whoever runs the \
             server."),
        F::NotAMailServer => words("What answered is not a mail server",
            "Check host and port: 465 with SSL and 587 with TLS are the usual ones. The mail provider's help page gives both, \
             often under \"outgoing mail\" or \"SMTP\"."),
        F::HttpServer => words("A web server answered, not a mail server",
            "Check host and port: this port belongs to a website. Mail is sent through port 465 with SSL or 587 with TLS; the \
             mail provider's help page names the host."),
        F::ImapServer => words("This is a server for reading mail (IMAP), not for sending",
            "Enter the server for sending: its name often begins with \"smtp\", and its port is 465 or 587. The mail provider's \
             help page names it, under \"outgoing mail\" or \"SMTP\"."),
        F::Pop3Server => words("This is a server for reading mail (POP3), not for sending",
            "Enter the server for sending: its name often begins with \"smtp\", and its port is 465 or 587. The mail provider's \
             help page names it, under \"outgoing mail\" or \"SMTP\"."),
        F::GreetingRefused => words("The server turned the connection away",
            "The server refused before any login: it may only let in addresses that it knows. Check the host; if it is right, \
             ask whoever runs the server to let us in."),
        F::BlockedByPolicy => words("The server blocks the address that we connect from",
            "A rule or a block list stopped the connection: username and password have no part in it. Ask whoever runs the \
             server to let us in."),
        F::EhloRefused => words("The server refused to start a session",
            "Check host and port. If they are right, ask whoever runs the server whether it takes mail from outside its \
             network."),
        F::Intercepted => words("Something on the way takes the encryption out of the session",
            "A firewall or an antivirus rewrites what the server says, so no password was sent. Choose SSL with port 465, \
             where the session is encrypted from the start. Otherwise ask whoever runs the server's network to switch off its inspection of SMTP."),
        F::TlsExpected => words("The server expects SSL on this port",
            "Choose SSL as encryption, or TLS together with port 587. If neither works, ask whoever runs the server."),
        F::TlsNotSpoken => words("The server does not use SSL on this port",
            "Choose TLS as encryption, or SSL together with port 465. If neither works, ask whoever runs the server."),
        F::StarttlsNotOffered => words("The server does not offer TLS on this port",
            "Choose SSL together with port 465, or TLS with port 587. If neither works, ask whoever runs the server to switch on \
             STARTTLS."),
        F::StarttlsRefused => words("The server refused to switch to TLS",
            "Try again later, or choose SSL together with port 465. If it keeps happening, ask whoever runs the server."),
        F::CertificateExpired => words("The server's certificate has expired",
            "Check that the host is the one that the mail provider gives. If it is, whoever runs the server must renew the \
             certificate."),
        F::CertificateNotYetValid => words("The server's certificate is not valid yet",
            "Nothing in these settings can mend it: whoever runs the server must check its certificate and its clock."),
        F::CertificateSelfSigned => words("The server's certificate is self-signed",
            "Nobody vouches for this server, so no password was sent. If the mail provider gives another host, use that one; \
             otherwise whoever runs the server must install a certificate of a public authority."),
        F::CertificateUnknownIssuer => words("The server's certificate is not from a known authority",
            "If the mail provider gives another host, use that one. Otherwise whoever runs the server must install a certificate \
             of a public authority, with its whole chain."),
        F::CertificateWrongName => words("The server's certificate is for another name",
            "Enter as host a name that the certificate is for: often the provider's own, rather than one under your domain. If \
             the host is right, whoever runs the server must replace the certificate."),
        F::CertificateInvalid => words("The server's certificate can't be used",
            "Nothing in these settings can mend it: whoever runs the server must install a valid certificate of a public \
             authority."),
        F::TlsTooOld => words("The server's encryption is too old",
            "The server must speak TLS 1.2 or newer. Check whether the mail provider gives a newer host; otherwise whoever runs \
             the server must update it."),
        F::TlsFailed => words("The encrypted connection could not be set up",
            "Check port and encryption: 465 goes with SSL, 587 with TLS. If they are right, try again later, or ask whoever runs \
             the server."),
        F::EncryptionRequired => words("The server wants encryption",
            "Choose TLS with port 587, or SSL with port 465. If neither works, ask whoever runs the server."),
        F::AuthNeedsEncryption => words("A password is never sent without encryption",
            "Choose SSL or TLS as encryption. If the server wants no login, leave username and password empty."),
        F::NoAuthOffered => words("The server offers no login on this port",
            "Try port 587 or 465, where servers take logins. If the server wants no login, leave username and password empty. In \
             doubt, ask whoever runs the server."),
        F::NoCommonMechanism => words("The server offers no login with a password",
            "Some providers take no passwords for sending until that is allowed in the account. Ask whoever runs the server to \
             offer the login PLAIN or LOGIN."),
        F::AuthenticationRejected => words("The server refused username or password",
            "Check both: no spaces before or after, and usually the whole address as username. With two-step verification many \
             providers want an app password. Otherwise ask whoever manages the mailbox."),
        F::AppPasswordRequired => words("The account needs an app password",
            "Create an app password in the security settings of the account, and enter it in place of the usual one. If there is \
             no such setting, ask whoever manages the mailbox."),
        F::PasswordLoginDisabled => words("Login with a password is switched off",
            "The provider, or an administrator of the account, allows no passwords for sending. Ask the administrator to allow \
             SMTP with a password for this mailbox, or use another server."),
        F::AuthenticationTemporarilyFailed => words("The server can't check the login now",
            "Username and password may well be right: try again in a few minutes. If it keeps happening, ask whoever runs the \
             server."),
        F::AuthenticationRequired => words("The server wants a login",
            "Enter username and password. If you don't have them, ask whoever manages the mailbox."),
        F::TooManyConnections => words("The server has too many connections open",
            "Try again in a few minutes. If it keeps happening, ask whoever runs the server how many it allows, and lower the \
             connection's limits."),
        F::TooManyLogins => words("The server has seen too many logins",
            "Wait before you try again, as each attempt may prolong the block, and check that no other program uses an old \
             password. If it lasts, ask whoever runs the server."),
        F::SenderRefused => words("The server refused the sender address",
            "The sender address must exist, and this login must be allowed to send from it: often only the login's own address \
             is. Otherwise ask whoever manages the mailbox."),
        F::SenderNotOwned => words("This login may not send from the sender address",
            "Enter the login's own address as sender address, or ask whoever manages the mailbox to let this login send from the \
             other one."),
        F::Smtputf8NotOffered => words("The server can't send from an address with such characters",
            "Use a sender address with only unaccented letters, digits and plain signs before the @. Otherwise ask whoever runs \
             the server to support SMTPUTF8."),
        F::RecipientRefused => words("The server refused the recipient of the test message",
            "Check the address that the test message goes to. If it is right, ask whoever runs the server to which addresses \
             this login may send."),
        F::MessageRefused => words("The server refused the message",
            "The connection works, but the server did not accept the message: its reply says why. Ask whoever runs the server, \
             and quote the reply."),
        F::TemporarilyUnavailable => words("The server is not available now",
            "The server asks to come back later: try again in a few minutes. If it keeps happening, ask whoever runs the \
             server."),
        F::ConnectionLost => words("The server closed the connection",
            "Try again. If it keeps happening, check port and encryption (465 goes with SSL, 587 with TLS), then ask whoever \
             runs the server."),
        F::ProtocolError => words("The server answered in a way that is not SMTP",
            "Check host and port. If they are right, something on the way may be changing the session: ask whoever runs the \
             server."),
        F::TimedOut => words("The server took too long to answer",
            "Try again later. If it never answers, check port and encryption (465 goes with SSL, 587 with TLS), then ask whoever \
             runs the server."),
    }
}

#[rustfmt::skip] // a table: a provider, a code, its hint
pub(super) fn for_provider(provider: ProviderId, code: FailureCode, enhanced: Option<&str>) -> Option<&'static str> {
    use FailureCode as F;
    use ProviderId as P;
    Some(match (provider, code) {
        (P::Microsoft365, F::AuthenticationRejected) =>
            "Enter the whole address as username. With multi-factor authentication, the password must be an app password. If \
             both are right, ask a Microsoft 365 administrator whether \"Authenticated SMTP\" is ticked for the mailbox: \
             admin.microsoft.com, Active users, the user, Mail, Manage email apps.",
        (P::Microsoft365, F::AppPasswordRequired) =>
            "With multi-factor authentication, Microsoft 365 wants an app password: create one at \
             mysignins.microsoft.com/security-info and enter it as password. If the page offers none, ask a Microsoft 365 \
             administrator.",
        (P::Microsoft365, F::PasswordLoginDisabled) if enhanced == Some("5.7.30") =>
            "Microsoft 365 is retiring passwords for SMTP, and no longer takes them for this organisation. Ask a Microsoft 365 \
             administrator whether they can still be allowed; otherwise use another provider's server.",
        (P::Microsoft365, F::PasswordLoginDisabled | F::NoCommonMechanism) =>
            "A Microsoft 365 administrator must tick \"Authenticated SMTP\" for the mailbox (admin.microsoft.com, Active users, \
             the user, Mail, Manage email apps). Where security defaults are on, they forbid it: Conditional Access must take \
             their place. Microsoft is retiring passwords for SMTP, so plan for another server.",
        (P::Microsoft365, F::TooManyLogins) =>
            "Microsoft 365 refuses this login for a while, as there were too many attempts. Check that no device or program uses \
             an old password, and try again later. A Microsoft 365 administrator can see the attempts in the sign-in logs.",
        (P::Microsoft365, F::TooManyConnections) =>
            "Microsoft 365 allows three connections at once and 30 messages a minute for each mailbox: keep the connection's \
             limits within these, and try again in a few minutes. Other programs that use the mailbox count too.",
        (P::Microsoft365, F::SenderRefused | F::SenderNotOwned) =>
            "Enter the mailbox's own address as sender address. To send from another mailbox, a Microsoft 365 administrator must \
             give this login the \"Send as\" permission on it (Exchange admin center, Mailboxes, Delegation).",

        (P::OutlookCom, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled | F::NoCommonMechanism) =>
            "In September 2024 Microsoft switched off passwords for Outlook.com, Hotmail and Live, app passwords included: other \
             programs can't send through these mailboxes with a password. Use another provider's server.",
        (P::OutlookCom, F::SenderRefused | F::SenderNotOwned) =>
            "Outlook.com sends only from the account's own address and its aliases: enter one of these as sender address, or use \
             another provider's server.",

        (P::Google, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Google takes only app passwords here. Turn on 2-Step Verification in the Google account, create an app password at \
             myaccount.google.com/apppasswords, and enter it with the whole address as username. If the page offers none, ask \
             your Google Workspace administrator.",
        (P::Google, F::TooManyLogins) =>
            "Google refuses this login for a while, as there were too many attempts. Check that no device or program uses an old \
             password, and try again later. If it lasts, ask your Google Workspace administrator.",
        (P::Google, F::SenderRefused | F::SenderNotOwned) =>
            "Enter the account's own address as sender address. To send from another one, add it in Gmail under Settings, \
             Accounts, \"Send mail as\", or ask your Google Workspace administrator for an alias.",

        (P::Yahoo, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Yahoo takes only app passwords here. Create one in the Yahoo account under Security, \"Generate and manage app \
             passwords\", and enter it with the whole address as username.",
        (P::Yahoo, F::SenderRefused | F::SenderNotOwned) =>
            "Yahoo sends only from the account's own addresses: enter the one that is the username as sender address.",

        (P::Icloud, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "iCloud takes only app-specific passwords here. Create one at account.apple.com under Sign-In and Security, and \
             enter it with the whole iCloud Mail address as username.",
        (P::Icloud, F::SenderRefused | F::SenderNotOwned) =>
            "iCloud sends only from the account's own address, its aliases, and domains that were added to iCloud Mail: enter \
             one of these as sender address.",

        (P::Zoho, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Enter the whole address as username. With multi-factor authentication, create an application-specific password in \
             the Zoho account under Security. The host must be that of your region and plan, such as smtppro.zoho.eu: your Zoho \
             Mail administrator can tell.",
        (P::Zoho, F::SenderRefused | F::SenderNotOwned) =>
            "Zoho sends only from the mailbox's own address and its aliases: enter one of these as sender address, or ask your \
             Zoho Mail administrator to add an alias.",

        (P::Aruba, F::AuthenticationRejected) =>
            "Enter the whole address as username, and the mailbox's password rather than that of the Aruba account. The host is \
             smtps.aruba.it, with port 465 and SSL. If the password is lost, the domain's postmaster sets a new one at \
             webmail.aruba.it.",
        (P::Aruba, F::SenderRefused | F::SenderNotOwned) =>
            "With Aruba, enter the mailbox whose address is the username as sender address too. For another sender, use that \
             mailbox's own login: the domain's postmaster manages them at webmail.aruba.it.",

        (P::RegisterIt, F::AuthenticationRejected) =>
            "Enter the whole address as username, and the mailbox's password rather than that of the Register.it account. The \
             host is authsmtp.securemail.pro, rather than a name under your own domain. If the password is lost, ask whoever \
             manages the domain.",
        (P::RegisterIt, F::SenderRefused | F::SenderNotOwned) =>
            "With Register.it, enter the mailbox whose address is the username as sender address too. For another sender, use \
             that mailbox's own login, or ask whoever manages the domain.",

        (P::Libero, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Enter the whole address as username. With two-step verification (\"Password Sicura\"), create a password for mail \
             programs in the Libero account's security settings. Libero may also have let the password expire: sign in at \
             login.libero.it, which then asks for a new one.",
        (P::Libero, F::SenderRefused | F::SenderNotOwned) =>
            "With Libero, enter the mailbox whose address is the username as sender address too. For another sender, use the \
             login of that mailbox.",

        (P::Ovh, F::AuthenticationRejected) =>
            "Enter the whole address as username. The host is the one that the OVHcloud control panel names: smtp.mail.ovh.net \
             for MX Plan and Zimbra, one like pro1.mail.ovh.net or ex4.mail.ovh.net for Email Pro and Exchange. Otherwise ask \
             whoever manages the mailbox.",
        (P::Ovh, F::SenderRefused | F::SenderNotOwned) =>
            "With OVHcloud, enter the mailbox whose address is the username as sender address too. For another sender, ask \
             whoever manages the OVHcloud service.",

        (P::Ionos, F::AuthenticationRejected) =>
            "Enter the whole address as username, and the mailbox's password rather than that of the IONOS account. The host is \
             that of your country, such as smtp.ionos.it, rather than a name under your own domain. Otherwise ask whoever \
             manages the mailbox.",
        (P::Ionos, F::SenderRefused | F::SenderNotOwned) =>
            "IONOS sends only if the sender address has the same domain as the mailbox of the login. For another domain, use a \
             mailbox of that domain, or ask whoever manages it.",

        (P::AmazonSes, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Use SMTP credentials, which the Amazon SES console creates under \"SMTP settings\": access keys of IAM don't work \
             as they are. They hold for one region, the one that the host names. Otherwise ask whoever manages the AWS \
             account.",
        (P::AmazonSes, F::SenderRefused | F::SenderNotOwned | F::RecipientRefused | F::MessageRefused) =>
            "Verify the sender address or its domain in the Amazon SES console under \"Identities\", in the region that the host \
             names. In the sandbox the recipients must be verified too: whoever manages the AWS account can ask for production \
             access.",

        (P::SendGrid, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "The username is the word apikey, and the password is an API key with the permission \"Mail Send\": SendGrid creates \
             it under Settings, API Keys. Otherwise ask whoever manages the SendGrid account.",
        (P::SendGrid, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Verify the sender address, or authenticate its domain, in SendGrid under Settings, Sender Authentication. Otherwise \
             ask whoever manages the SendGrid account.",

        (P::Mailgun, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Use the SMTP credentials of the sending domain, in Mailgun under Sending, Domain settings: the username is a whole \
             address. Domains of the EU region need the host smtp.eu.mailgun.org. Otherwise ask whoever manages the Mailgun \
             account.",
        (P::Mailgun, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "The sender address should be of a domain that is verified in Mailgun under Sending, Domains, and the login of the \
             same domain. A sandbox domain sends only to authorised recipients. Otherwise ask whoever manages the Mailgun \
             account.",

        (P::Brevo, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Use the login and an SMTP key from Brevo's page \"SMTP & API\", rather than the account's password or an API key. \
             If Brevo blocks unknown IP addresses, authorise ours in its security settings. Otherwise ask whoever manages the \
             Brevo account.",
        (P::Brevo, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Add and verify the sender address, or authenticate its domain, in Brevo under \"Senders & domains\". Otherwise ask \
             whoever manages the Brevo account.",

        (P::Mailjet, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "The username is Mailjet's API key, and the password its secret key: both are in the account settings under \"SMTP \
             and SEND API Settings\". Otherwise ask whoever manages the Mailjet account.",
        (P::Mailjet, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Add and validate the sender address or its domain in Mailjet's account settings under \"Senders & Domains\". \
             Otherwise ask whoever manages the Mailjet account.",

        (P::Postmark, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Username and password are both the Server API Token, which Postmark shows under the server's API Tokens. Otherwise \
             ask whoever manages the Postmark account.",
        (P::Postmark, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Confirm the sender address as a Sender Signature, or verify its domain, in Postmark under Sender Signatures. \
             Otherwise ask whoever manages the Postmark account.",

        _ => return None,
    })
}
