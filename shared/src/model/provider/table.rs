//! The table of providers. What a provider doesn't publish, or publishes differently for each kind of account, is left out:
//! a connection without limits is better than one with wrong limits.

use super::super::connection::Limits;
use super::super::encryption::Encryption;
use super::{Login, Provider, ProviderId, Server};

const fn implicit_tls(host: &'static str) -> Server {
    Server {
        host,
        port: 465,
        encryption: Encryption::ImplicitTls,
    }
}

const fn starttls(host: &'static str) -> Server {
    Server {
        host,
        port: 587,
        encryption: Encryption::Starttls,
    }
}

const NO_LIMITS: Limits = Limits {
    per_minute: None,
    per_day: None,
    concurrency: None,
};

/// What the regions of Zoho have in common. An organisation's mailboxes send through `smtppro`, a person's through `smtp`.
const ZOHO: Provider = Provider {
    id: ProviderId::Zoho,
    name: "Zoho Mail",
    servers: &[],
    hosts: &[],
    domains: &[],
    exchanges: &[],
    spf: &[],
    own_return_path: false,
    login: Login::Address,
    limits: NO_LIMITS,
};

/// What the regions of IONOS have in common. The SPF domains are those of Europe and of America, now and when it was 1&1:
/// whoever has an account in America is to include those of America.
const IONOS: Provider = Provider {
    id: ProviderId::Ionos,
    name: "IONOS",
    servers: &[],
    hosts: &[],
    domains: &[],
    exchanges: &[],
    spf: &[
        "_spf-eu.ionos.com",
        "_spf-us.ionos.com",
        "_spf.kundenserver.de",
        "_spf.perfora.net",
    ],
    own_return_path: false,
    login: Login::Address,
    limits: NO_LIMITS,
};

/// All of them.
#[rustfmt::skip] // a table: a provider, its facts in the same order
pub const PROVIDERS: &[Provider] = &[
    // https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission;
    // MX with DNSSEC: https://learn.microsoft.com/purview/how-smtp-dane-works; limits:
    // https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits
    Provider {
        id: ProviderId::Microsoft365,
        name: "Microsoft 365",
        servers: &[starttls("smtp.office365.com")],
        hosts: &["smtp.office365.com", "smtp-legacy.office365.com", "smtp.office365.us", "outlook.office365.com"],
        domains: &[".onmicrosoft.com"],
        exchanges: &[".mail.protection.outlook.com", ".mx.microsoft"],
        spf: &["spf.protection.outlook.com"],
        own_return_path: false,
        login: Login::Address,
        limits: Limits { per_minute: Some(30), per_day: Some(10_000), concurrency: Some(3) },
    },
    // https://support.microsoft.com/office/pop-imap-and-smtp-settings-for-outlook-com-d088b986-291d-42b8-9564-9c414e2aa040;
    // the domains are those of https://github.com/thunderbird/autoconfig/blob/master/ispdb/hotmail.com.xml
    Provider {
        id: ProviderId::OutlookCom,
        name: "Outlook.com",
        servers: &[], // since September 2024 smtp-mail.outlook.com takes OAuth alone, which a password can't give
        hosts: &["smtp-mail.outlook.com"],
        domains: &[
            "hotmail.com", "live.com", "msn.com", "outlook.com", "windowslive.com", "outlook.at", "outlook.be", "outlook.cl",
            "outlook.cz", "outlook.de", "outlook.dk", "outlook.es", "outlook.fr", "outlook.hu", "outlook.ie", "outlook.in",
            "outlook.it", "outlook.jp", "outlook.kr", "outlook.lv", "outlook.my", "outlook.ph", "outlook.pt", "outlook.sa",
            "outlook.sg", "outlook.sk", "outlook.co.id", "outlook.co.il", "outlook.co.th", "outlook.com.ar", "outlook.com.au",
            "outlook.com.br", "outlook.com.gr", "outlook.com.tr", "outlook.com.vn", "hotmail.be", "hotmail.ca", "hotmail.cl",
            "hotmail.cz", "hotmail.de", "hotmail.dk", "hotmail.es", "hotmail.fi", "hotmail.fr", "hotmail.gr", "hotmail.hu",
            "hotmail.it", "hotmail.lt", "hotmail.lv", "hotmail.my", "hotmail.nl", "hotmail.no", "hotmail.ph", "hotmail.rs",
            "hotmail.se", "hotmail.sg", "hotmail.sk", "hotmail.co.id", "hotmail.co.il", "hotmail.co.in", "hotmail.co.jp",
            "hotmail.co.kr", "hotmail.co.th", "hotmail.co.uk", "hotmail.co.za", "hotmail.com.ar", "hotmail.com.au",
            "hotmail.com.br", "hotmail.com.hk", "hotmail.com.tr", "hotmail.com.tw", "hotmail.com.vn", "live.at", "live.be",
            "live.ca", "live.cl", "live.cn", "live.de", "live.dk", "live.fi", "live.fr", "live.hk", "live.ie", "live.in",
            "live.it", "live.jp", "live.nl", "live.no", "live.ru", "live.se", "live.co.jp", "live.co.kr", "live.co.uk",
            "live.co.za", "live.com.ar", "live.com.au", "live.com.mx", "live.com.my", "live.com.ph", "live.com.pt",
            "live.com.sg", "livemail.tw",
        ],
        exchanges: &[".olc.protection.outlook.com"],
        spf: &[],
        own_return_path: false,
        login: Login::Never,
        limits: NO_LIMITS,
    },
    // https://support.google.com/a/answer/176600; MX: https://support.google.com/a/answer/174125; SPF:
    // https://support.google.com/a/answer/10684623. A day's limit is 500 for Gmail and 2,000 for Workspace, on the same server.
    Provider {
        id: ProviderId::Google,
        name: "Google",
        servers: &[implicit_tls("smtp.gmail.com"), starttls("smtp.gmail.com")],
        hosts: &["smtp.gmail.com", "smtp.googlemail.com", "smtp-relay.gmail.com"],
        domains: &["gmail.com", "googlemail.com"],
        exchanges: &[
            "smtp.google.com", "aspmx.l.google.com", ".aspmx.l.google.com", ".googlemail.com", "gmail-smtp-in.l.google.com",
            ".gmail-smtp-in.l.google.com",
        ],
        spf: &["_spf.google.com"],
        own_return_path: false,
        login: Login::Address,
        limits: NO_LIMITS,
    },
    // https://help.yahoo.com/kb/SLN4075.html; the domains are those of
    // https://github.com/thunderbird/autoconfig/blob/master/ispdb/yahoo.com.xml
    Provider {
        id: ProviderId::Yahoo,
        name: "Yahoo Mail",
        servers: &[implicit_tls("smtp.mail.yahoo.com"), starttls("smtp.mail.yahoo.com")],
        hosts: &["smtp.mail.yahoo.com"],
        domains: &[
            "yahoo.com", "yahoo.ca", "yahoo.de", "yahoo.it", "yahoo.fr", "yahoo.es", "yahoo.se", "yahoo.co.in", "yahoo.co.uk",
            "yahoo.co.nz", "yahoo.com.au", "yahoo.com.ar", "yahoo.com.br", "yahoo.com.mx", "ymail.com", "myyahoo.com",
            "rocketmail.com",
        ],
        exchanges: &[".am0.yahoodns.net"],
        spf: &["_spf.mail.yahoo.com"],
        own_return_path: false,
        login: Login::Address,
        limits: NO_LIMITS,
    },
    // https://support.apple.com/102525; limits: https://support.apple.com/102198
    Provider {
        id: ProviderId::Icloud,
        name: "iCloud Mail",
        servers: &[starttls("smtp.mail.me.com")],
        hosts: &["smtp.mail.me.com"],
        domains: &["icloud.com", "me.com", "mac.com"],
        exchanges: &[".mail.icloud.com"],
        spf: &["icloud.com"],
        own_return_path: false,
        login: Login::Address,
        limits: Limits { per_minute: None, per_day: Some(1_000), concurrency: None },
    },
    // https://www.zoho.com/mail/help/zoho-smtp.html. An account is in one region, and the servers of the others don't know it.
    Provider {
        servers: &[
            implicit_tls("smtppro.zoho.com"),
            implicit_tls("smtp.zoho.com"),
            starttls("smtppro.zoho.com"),
            starttls("smtp.zoho.com"),
        ],
        hosts: &["smtppro.zoho.com", "smtp.zoho.com"],
        domains: &["zoho.com", "zohomail.com"],
        exchanges: &[".zoho.com"],
        spf: &["zohomail.com", "zoho.com"],
        ..ZOHO
    },
    Provider {
        servers: &[
            implicit_tls("smtppro.zoho.eu"),
            implicit_tls("smtp.zoho.eu"),
            starttls("smtppro.zoho.eu"),
            starttls("smtp.zoho.eu"),
        ],
        hosts: &["smtppro.zoho.eu", "smtp.zoho.eu"],
        domains: &["zoho.eu", "zohomail.eu"],
        exchanges: &[".zoho.eu"],
        spf: &["zohomail.eu", "zoho.eu"],
        ..ZOHO
    },
    Provider {
        servers: &[
            implicit_tls("smtppro.zoho.in"),
            implicit_tls("smtp.zoho.in"),
            starttls("smtppro.zoho.in"),
            starttls("smtp.zoho.in"),
        ],
        hosts: &["smtppro.zoho.in", "smtp.zoho.in"],
        domains: &["zoho.in", "zohomail.in"],
        exchanges: &[".zoho.in"],
        spf: &["zohomail.in", "zoho.in"],
        ..ZOHO
    },
    Provider {
        servers: &[
            implicit_tls("smtppro.zoho.com.au"),
            implicit_tls("smtp.zoho.com.au"),
            starttls("smtppro.zoho.com.au"),
            starttls("smtp.zoho.com.au"),
        ],
        hosts: &["smtppro.zoho.com.au", "smtp.zoho.com.au"],
        domains: &["zoho.com.au", "zohomail.com.au"],
        exchanges: &[".zoho.com.au"],
        spf: &["zohomail.com.au", "zoho.com.au"],
        ..ZOHO
    },
    Provider {
        servers: &[
            implicit_tls("smtppro.zoho.jp"),
            implicit_tls("smtp.zoho.jp"),
            starttls("smtppro.zoho.jp"),
            starttls("smtp.zoho.jp"),
        ],
        hosts: &["smtppro.zoho.jp", "smtp.zoho.jp"],
        domains: &["zoho.jp", "zohomail.jp"],
        exchanges: &[".zoho.jp"],
        spf: &["zohomail.jp", "zoho.jp"],
        ..ZOHO
    },
    Provider {
        servers: &[
            implicit_tls("smtppro.zohocloud.ca"),
            implicit_tls("smtp.zohocloud.ca"),
            starttls("smtppro.zohocloud.ca"),
            starttls("smtp.zohocloud.ca"),
        ],
        hosts: &["smtppro.zohocloud.ca", "smtp.zohocloud.ca"],
        domains: &["zohocloud.ca", "zohomailcloud.ca"],
        exchanges: &[".zohocloud.ca"],
        spf: &["zohocloud.ca"],
        ..ZOHO
    },
    // https://guide.hosting.aruba.it/email/configurazione-email-pc-dispositivi-mobili/configurazione-casella-dominio-pc-mac-pop.aspx.
    // A customer's MX is a name under its own domain; certified mail (PEC) has servers of its own.
    Provider {
        id: ProviderId::Aruba,
        name: "Aruba",
        servers: &[implicit_tls("smtps.aruba.it")],
        hosts: &["smtps.aruba.it", "smtp.aruba.it"],
        domains: &["aruba.it"],
        exchanges: &["mx.aruba.it"],
        spf: &["_spf.aruba.it"],
        own_return_path: false,
        login: Login::Address,
        limits: NO_LIMITS,
    },
    // No page of Register.it was at hand: these are the names in the zones that it sets up for its customers.
    Provider {
        id: ProviderId::RegisterIt,
        name: "Register.it",
        servers: &[implicit_tls("authsmtp.securemail.pro"), starttls("authsmtp.securemail.pro")],
        hosts: &[".securemail.pro", "authsmtp.register.it"],
        domains: &[],
        exchanges: &["mail.register.it"],
        spf: &["spf.webapps.net"],
        own_return_path: false,
        login: Login::Address,
        limits: NO_LIMITS,
    },
    // https://github.com/thunderbird/autoconfig/blob/master/ispdb/libero.it.xml; help: https://aiuto.libero.it/mail/
    Provider {
        id: ProviderId::Libero,
        name: "Libero Mail",
        servers: &[implicit_tls("smtp.libero.it")],
        hosts: &["smtp.libero.it"],
        domains: &["libero.it", "iol.it", "blu.it", "inwind.it", "giallo.it"],
        exchanges: &["smtp-in.libero.it"],
        spf: &[],
        own_return_path: false,
        login: Login::Address,
        limits: NO_LIMITS,
    },
    // https://github.com/ovh/docs/tree/develop/pages/web_cloud/email_and_collaborative_solutions; SPF:
    // https://docs.ovh.com/it/domains/hosting_condiviso_il_record_spf/. Email Pro and Exchange have numbered servers: pro1, ex4.
    // Accounts of America and Asia send through smtp.mail.ovh.ca.
    Provider {
        id: ProviderId::Ovh,
        name: "OVHcloud",
        servers: &[implicit_tls("smtp.mail.ovh.net"), starttls("smtp.mail.ovh.net")],
        hosts: &["ssl0.ovh.net", ".mail.ovh.net", ".mail.ovh.ca"],
        domains: &[],
        exchanges: &[".mail.ovh.net"],
        spf: &["mx.ovh.com"],
        own_return_path: false,
        login: Login::Address,
        limits: NO_LIMITS,
    },
    // https://www.ionos.it/aiuto/e-mail/; SPF:
    // https://www.ionos.it/aiuto/domini/configurare-un-server-di-posta-e-i-relativi-record/
    Provider {
        servers: &[implicit_tls("smtp.ionos.it"), starttls("smtp.ionos.it")],
        hosts: &["smtp.ionos.it", "smtp.1and1.it"],
        exchanges: &[".ionos.it"],
        ..IONOS
    },
    Provider {
        servers: &[implicit_tls("smtp.ionos.de"), starttls("smtp.ionos.de")],
        hosts: &["smtp.ionos.de", "smtp.1und1.de"],
        exchanges: &[".ionos.de"],
        ..IONOS
    },
    Provider {
        servers: &[implicit_tls("smtp.ionos.fr"), starttls("smtp.ionos.fr")],
        hosts: &["smtp.ionos.fr", "smtp.1and1.fr", "auth.smtp.1and1.fr"],
        exchanges: &[".ionos.fr"],
        ..IONOS
    },
    Provider {
        servers: &[implicit_tls("smtp.ionos.es"), starttls("smtp.ionos.es")],
        hosts: &["smtp.ionos.es", "smtp.1and1.es"],
        exchanges: &[".ionos.es"],
        ..IONOS
    },
    Provider {
        servers: &[implicit_tls("smtp.ionos.co.uk"), starttls("smtp.ionos.co.uk")],
        hosts: &["smtp.ionos.co.uk", "auth.smtp.1and1.co.uk"],
        exchanges: &[".ionos.co.uk"],
        ..IONOS
    },
    Provider {
        servers: &[implicit_tls("smtp.ionos.com"), starttls("smtp.ionos.com")],
        hosts: &["smtp.ionos.com", "smtp.1and1.com"],
        exchanges: &[".ionos.com"],
        spf: &["_spf-us.ionos.com", "_spf-eu.ionos.com", "_spf.perfora.net", "_spf.kundenserver.de"],
        ..IONOS
    },
    // https://docs.aws.amazon.com/ses/latest/dg/smtp-connect.html. Each region has its own server, and its own credentials.
    Provider {
        id: ProviderId::AmazonSes,
        name: "Amazon SES",
        servers: &[],
        hosts: &["email-smtp.*.amazonaws.com", "email-smtp-fips.*.amazonaws.com"],
        domains: &[],
        exchanges: &["inbound-smtp.*.amazonaws.com"],
        spf: &["amazonses.com"],
        own_return_path: true,
        login: Login::Credentials,
        limits: NO_LIMITS,
    },
    // https://www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api
    Provider {
        id: ProviderId::SendGrid,
        name: "SendGrid",
        servers: &[implicit_tls("smtp.sendgrid.net"), starttls("smtp.sendgrid.net")],
        hosts: &["smtp.sendgrid.net", "smtp.eu.sendgrid.net"],
        domains: &[],
        exchanges: &["mx.sendgrid.net"],
        spf: &["sendgrid.net"],
        own_return_path: true,
        login: Login::Word("apikey"),
        limits: NO_LIMITS,
    },
    // https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-smtp. A domain is in one of two regions,
    // and the record of the one includes the other's. Its return path is in the domain that is set up there, mostly the sender's own.
    Provider {
        id: ProviderId::Mailgun,
        name: "Mailgun",
        servers: &[implicit_tls("smtp.mailgun.org"), starttls("smtp.mailgun.org")],
        hosts: &["smtp.mailgun.org", "smtp.eu.mailgun.org"],
        domains: &[],
        exchanges: &[".mailgun.org"],
        spf: &["mailgun.org", "eu.mailgun.org"],
        own_return_path: false,
        login: Login::Credentials,
        limits: NO_LIMITS,
    },
    // https://developers.brevo.com/docs/smtp-integration
    Provider {
        id: ProviderId::Brevo,
        name: "Brevo",
        servers: &[implicit_tls("smtp-relay.brevo.com"), starttls("smtp-relay.brevo.com")],
        hosts: &["smtp-relay.brevo.com", "smtp-relay.sendinblue.com"],
        domains: &[],
        exchanges: &[],
        spf: &["spf.brevo.com", "spf.sendinblue.com"],
        own_return_path: true,
        login: Login::Credentials,
        limits: NO_LIMITS,
    },
    // https://dev.mailjet.com/smtp-relay/configuration/
    Provider {
        id: ProviderId::Mailjet,
        name: "Mailjet",
        servers: &[implicit_tls("in-v3.mailjet.com"), starttls("in-v3.mailjet.com")],
        hosts: &["in-v3.mailjet.com", "in.mailjet.com"],
        domains: &[],
        exchanges: &[],
        spf: &["spf.mailjet.com"],
        own_return_path: true,
        login: Login::Credentials,
        limits: NO_LIMITS,
    },
    // https://postmarkapp.com/support/article/811-what-are-the-smtp-details-api-tokens-i-should-be-using. There is no implicit TLS.
    Provider {
        id: ProviderId::Postmark,
        name: "Postmark",
        servers: &[starttls("smtp.postmarkapp.com")],
        hosts: &["smtp.postmarkapp.com", "smtp-broadcasts.postmarkapp.com"],
        domains: &[],
        exchanges: &["inbound.postmarkapp.com"],
        spf: &["spf.mtasv.net"],
        own_return_path: true,
        login: Login::Credentials,
        limits: NO_LIMITS,
    },
];
