//! Italian.

use shared::model::provider::ProviderId;
use shared::smtp::FailureCode;

use super::{Additions, Words, words};

pub(super) const ADDITIONS: Additions = Additions {
    port_25: "Di norma questo servizio non può inviare sulla porta 25, che il suo fornitore cloud, AWS, blocca salvo richiesta: \
              usare la porta 587 o 465.",
    egress_ips: "Gli indirizzi da autorizzare sono",
    certificate_names: "Il certificato è valido per",
    not_before: "Il server ha rifiutato questo stesso login poco fa, perciò non è stato ritentato. Lo sarà quando cambia una di \
                 queste impostazioni, oppure dopo le",
};

#[rustfmt::skip] // a table: one code, its two texts
pub(super) const fn general(code: FailureCode) -> Words {
    use FailureCode as F;
    match code {
        F::NameNotResolved => words("Il server non è stato trovato",
            "Controllare come è scritto il nome del server. Deve essere un nome pubblico: nomi e indirizzi di una rete privata \
             non si possono usare. Se è corretto, rivolgersi a chi gestisce il DNS del dominio."),
        F::ConnectionRefused => words("Il server ha rifiutato la connessione",
            "Controllare la porta: di solito è 465 con SSL o 587 con TLS. Se è corretta, chiedere a chi gestisce il server se un \
             firewall blocca la connessione."),
        F::ConnectTimedOut => words("Il server non ha risposto",
            "Controllare server e porta. Se sono corretti, è possibile che un firewall scarti la connessione: rivolgersi a chi \
             gestisce il server."),
        F::Unreachable => words("Il server non è raggiungibile",
            "Controllare il nome del server. Se è corretto, la sua rete potrebbe essere fuori servizio: riprovare più tardi o \
             rivolgersi a chi gestisce il server."),
        F::NotAMailServer => words("Quello che ha risposto non è un server di posta",
            "Controllare server e porta: di solito la porta è 465 con SSL o 587 con TLS. Entrambi sono indicati nelle guide del \
             provider di posta, spesso alla voce «posta in uscita» o «SMTP»."),
        F::HttpServer => words("Ha risposto un server web, non un server di posta",
            "Controllare server e porta: questa porta appartiene a un sito web. La posta si invia sulla porta 465 con SSL o 587 \
             con TLS; il nome del server è indicato nelle guide del provider di posta."),
        F::ImapServer => words("Questo server serve a leggere la posta (IMAP), non a inviarla",
            "Inserire il server di invio: il nome inizia spesso con «smtp» e la porta è 465 o 587. È indicato nelle guide del \
             provider di posta, alla voce «posta in uscita» o «SMTP»."),
        F::Pop3Server => words("Questo server serve a leggere la posta (POP3), non a inviarla",
            "Inserire il server di invio: il nome inizia spesso con «smtp» e la porta è 465 o 587. È indicato nelle guide del \
             provider di posta, alla voce «posta in uscita» o «SMTP»."),
        F::GreetingRefused => words("Il server ha respinto la connessione",
            "Il server ha rifiutato prima ancora del login: forse accetta solo indirizzi che conosce. Controllare il nome del \
             server; se è corretto, chiedere a chi lo gestisce di autorizzarci."),
        F::BlockedByPolicy => words("Il server blocca l'indirizzo da cui ci colleghiamo",
            "Una regola o una lista di blocco ha fermato la connessione: login e password non c'entrano. Chiedere a chi gestisce \
             il server di autorizzarci."),
        F::EhloRefused => words("Il server ha rifiutato di iniziare la sessione",
            "Controllare server e porta. Se sono corretti, chiedere a chi gestisce il server se accetta posta dall'esterno della \
             sua rete."),
        F::Intercepted => words("Qualcosa lungo il percorso toglie la crittografia alla sessione",
            "Un firewall o un antivirus riscrive le risposte del server, perciò la password non è stata inviata. Scegliere SSL \
             con la porta 465, dove la sessione è cifrata dall'inizio. Altrimenti chiedere a chi gestisce la rete del server di \
             disattivare l'ispezione di SMTP."),
        F::TlsExpected => words("Su questa porta il server vuole SSL",
            "Scegliere SSL come crittografia, oppure TLS insieme alla porta 587. Se nessuno dei due funziona, rivolgersi a chi \
             gestisce il server."),
        F::TlsNotSpoken => words("Su questa porta il server non usa SSL",
            "Scegliere TLS come crittografia, oppure SSL insieme alla porta 465. Se nessuno dei due funziona, rivolgersi a chi \
             gestisce il server."),
        F::StarttlsNotOffered => words("Su questa porta il server non offre TLS",
            "Scegliere SSL insieme alla porta 465, oppure TLS con la porta 587. Se nessuno dei due funziona, chiedere a chi \
             gestisce il server di attivare STARTTLS."),
        F::StarttlsRefused => words("Il server ha rifiutato di passare a TLS",
            "Riprovare più tardi, oppure scegliere SSL insieme alla porta 465. Se succede ancora, rivolgersi a chi gestisce il \
             server."),
        F::CertificateExpired => words("Il certificato del server è scaduto",
            "Controllare che il server sia quello indicato dal provider di posta. Se lo è, chi lo gestisce deve rinnovare il \
             certificato."),
        F::CertificateNotYetValid => words("Il certificato del server non è ancora valido",
            "Non dipende da queste impostazioni: chi gestisce il server deve controllarne il certificato e l'orologio."),
        F::CertificateSelfSigned => words("Il certificato del server è autofirmato",
            "Nessuno garantisce per questo server, perciò la password non è stata inviata. Se il provider di posta indica un \
             altro server, usare quello; altrimenti chi lo gestisce deve installare un certificato di un'autorità pubblica."),
        F::CertificateUnknownIssuer => words("Il certificato del server non è di un'autorità riconosciuta",
            "Se il provider di posta indica un altro server, usare quello. Altrimenti chi lo gestisce deve installare un \
             certificato di un'autorità pubblica, con la catena completa."),
        F::CertificateWrongName => words("Il certificato del server è intestato a un altro nome",
            "Inserire come server un nome per cui il certificato è valido: spesso quello del provider, invece di uno sotto il \
             proprio dominio. Se il nome del server è corretto, chi lo gestisce deve sostituire il certificato."),
        F::CertificateInvalid => words("Il certificato del server non è utilizzabile",
            "Non dipende da queste impostazioni: chi gestisce il server deve installare un certificato valido di un'autorità \
             pubblica."),
        F::TlsTooOld => words("La crittografia del server è troppo vecchia",
            "Il server deve supportare TLS 1.2 o successivo. Controllare se il provider di posta indica un server più recente; \
             altrimenti chi lo gestisce deve aggiornarlo."),
        F::TlsFailed => words("Non è stato possibile stabilire la connessione cifrata",
            "Controllare porta e crittografia: 465 va con SSL, 587 con TLS. Se sono corrette, riprovare più tardi o rivolgersi a \
             chi gestisce il server."),
        F::EncryptionRequired => words("Il server richiede la crittografia",
            "Scegliere TLS con la porta 587, oppure SSL con la porta 465. Se nessuno dei due funziona, rivolgersi a chi gestisce il \
             server."),
        F::AuthNeedsEncryption => words("Senza crittografia la password non viene mai inviata",
            "Scegliere SSL o TLS come crittografia. Se il server non richiede il login, lasciare vuoti login e password."),
        F::NoAuthOffered => words("Su questa porta il server non prevede il login",
            "Provare la porta 587 o 465, dove i server accettano il login. Se il server non lo richiede, lasciare vuoti login e \
             password. In caso di dubbio, rivolgersi a chi gestisce il server."),
        F::NoCommonMechanism => words("Il server non prevede il login con password",
            "Alcuni provider non accettano password per l'invio finché non vengono consentite nell'account. Chiedere a chi \
             gestisce il server di attivare il login PLAIN o LOGIN."),
        F::AuthenticationRejected => words("Il server ha rifiutato login o password",
            "Controllare entrambi: nessuno spazio prima o dopo e, di solito, l'indirizzo completo come login. Con la verifica in \
             due passaggi molti provider richiedono una password per le app. Altrimenti rivolgersi a chi gestisce la casella."),
        F::AppPasswordRequired => words("L'account richiede una password per le app",
            "Creare una password per le app nelle impostazioni di sicurezza dell'account e inserirla al posto di quella \
             abituale. Se l'opzione non c'è, rivolgersi a chi gestisce la casella."),
        F::PasswordLoginDisabled => words("Il login con password è disattivato",
            "Il provider, o un amministratore dell'account, non consente l'uso di password per l'invio. Chiedere \
             all'amministratore di consentire SMTP con password per questa casella, oppure usare un altro server."),
        F::AuthenticationTemporarilyFailed => words("Al momento il server non può verificare il login",
            "Login e password potrebbero essere corretti: riprovare tra qualche minuto. Se succede ancora, rivolgersi a chi \
             gestisce il server."),
        F::AuthenticationRequired => words("Il server richiede il login",
            "Inserire login e password. Se non sono disponibili, rivolgersi a chi gestisce la casella."),
        F::TooManyConnections => words("Il server ha troppe connessioni aperte",
            "Riprovare tra qualche minuto. Se succede ancora, chiedere a chi gestisce il server quante ne consente e abbassare i \
             limiti della connessione."),
        F::TooManyLogins => words("Il server ha ricevuto troppi tentativi di login",
            "Aspettare prima di riprovare, perché ogni tentativo può prolungare il blocco, e controllare che nessun altro \
             programma usi una vecchia password. Se il blocco rimane, rivolgersi a chi gestisce il server."),
        F::SenderRefused => words("Il server ha rifiutato l'email mittente",
            "L'email mittente deve esistere e questo login deve poterla usare per l'invio: spesso è ammesso solo l'indirizzo del \
             login stesso. Altrimenti rivolgersi a chi gestisce la casella."),
        F::SenderNotOwned => words("Questo login non può inviare con l'email mittente indicata",
            "Inserire come email mittente l'indirizzo del login, oppure chiedere a chi gestisce la casella di autorizzare questo \
             login a inviare con l'altro indirizzo."),
        F::Smtputf8NotOffered => words("Il server non può inviare da un indirizzo con questi caratteri",
            "Usare un'email mittente che prima della @ abbia solo lettere senza accenti, cifre e segni comuni. Altrimenti \
             chiedere a chi gestisce il server di supportare SMTPUTF8."),
        F::RecipientRefused => words("Il server ha rifiutato il destinatario del messaggio di prova",
            "Controllare l'indirizzo a cui è diretto il messaggio di prova. Se è corretto, chiedere a chi gestisce il server a \
             quali indirizzi questo login può inviare."),
        F::MessageRefused => words("Il server ha rifiutato il messaggio",
            "La connessione funziona, ma il server non ha accettato il messaggio: il motivo è nella sua risposta. Rivolgersi a \
             chi gestisce il server, riportando la risposta."),
        F::TemporarilyUnavailable => words("Al momento il server non è disponibile",
            "Il server chiede di tornare più tardi: riprovare tra qualche minuto. Se succede ancora, rivolgersi a chi gestisce \
             il server."),
        F::ConnectionLost => words("Il server ha chiuso la connessione",
            "Riprovare. Se succede ancora, controllare porta e crittografia (465 va con SSL, 587 con TLS), poi rivolgersi a chi \
             gestisce il server."),
        F::ProtocolError => words("Il server ha risposto in un modo che non è SMTP",
            "Controllare server e porta. Se sono corretti, qualcosa lungo il percorso potrebbe alterare la sessione: rivolgersi \
             a chi gestisce il server."),
        F::TimedOut => words("Il server ha impiegato troppo tempo a rispondere",
            "Riprovare più tardi. Se non risponde mai, controllare porta e crittografia (465 va con SSL, 587 con TLS), poi \
             rivolgersi a chi gestisce il server."),
    }
}

#[rustfmt::skip] // a table: a provider, a code, its hint
pub(super) fn for_provider(provider: ProviderId, code: FailureCode, enhanced: Option<&str>) -> Option<&'static str> {
    use FailureCode as F;
    use ProviderId as P;
    Some(match (provider, code) {
        (P::Microsoft365, F::AuthenticationRejected) =>
            "Inserire l'indirizzo completo come login. Con l'autenticazione a più fattori la password deve essere una password \
             per le app. Se sono corretti, chiedere a un amministratore di Microsoft 365 se per la casella è attivo «SMTP \
             autenticato»: admin.microsoft.com, Utenti attivi, l'utente, Posta, Gestisci app di posta elettronica.",
        (P::Microsoft365, F::AppPasswordRequired) =>
            "Con l'autenticazione a più fattori Microsoft 365 richiede una password per le app: crearla su \
             mysignins.microsoft.com/security-info e inserirla come password. Se la pagina non la propone, rivolgersi a un \
             amministratore di Microsoft 365.",
        (P::Microsoft365, F::PasswordLoginDisabled) if enhanced == Some("5.7.30") =>
            "Microsoft 365 sta eliminando le password per SMTP e per questa organizzazione non le accetta più. Chiedere a un \
             amministratore di Microsoft 365 se si possono ancora consentire; altrimenti usare il server di un altro provider.",
        (P::Microsoft365, F::PasswordLoginDisabled | F::NoCommonMechanism) =>
            "Un amministratore di Microsoft 365 deve attivare «SMTP autenticato» per la casella (admin.microsoft.com, Utenti \
             attivi, l'utente, Posta, Gestisci app di posta elettronica). Se sono attive, le impostazioni predefinite per la \
             sicurezza lo vietano: vanno sostituite con l'accesso condizionale. Microsoft sta eliminando le password per SMTP: prevedere un altro \
             server.",
        (P::Microsoft365, F::TooManyLogins) =>
            "Microsoft 365 rifiuta per qualche tempo questo login, perché i tentativi sono stati troppi. Controllare che nessun \
             dispositivo o programma usi una vecchia password e riprovare più tardi. Un amministratore di Microsoft 365 vede i \
             tentativi nei log di accesso.",
        (P::Microsoft365, F::TooManyConnections) =>
            "Microsoft 365 consente per ogni casella tre connessioni insieme e 30 messaggi al minuto: tenere i limiti della \
             connessione entro questi valori e riprovare tra qualche minuto. Contano anche gli altri programmi che usano la \
             casella.",
        (P::Microsoft365, F::SenderRefused | F::SenderNotOwned) =>
            "Inserire come email mittente l'indirizzo della casella. Per inviare da un'altra casella, un amministratore di \
             Microsoft 365 deve dare a questo login il permesso «Invia come» (interfaccia di amministrazione di Exchange, \
             Cassette postali, Delega).",

        (P::OutlookCom, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled | F::NoCommonMechanism) =>
            "A settembre 2024 Microsoft ha disattivato le password per Outlook.com, Hotmail e Live, comprese quelle per le app: \
             altri programmi non possono inviare con una password da queste caselle. Usare il server di un altro provider.",
        (P::OutlookCom, F::SenderRefused | F::SenderNotOwned) =>
            "Outlook.com invia solo dall'indirizzo dell'account e dai suoi alias: inserire uno di questi come email mittente, \
             oppure usare il server di un altro provider.",

        (P::Google, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Google accetta qui solo password per le app. Attivare la verifica in due passaggi nell'account Google, creare una \
             password per le app su myaccount.google.com/apppasswords e inserirla con l'indirizzo completo come login. Se la \
             pagina non la propone, rivolgersi all'amministratore di Google Workspace.",
        (P::Google, F::TooManyLogins) =>
            "Google rifiuta per qualche tempo questo login, perché i tentativi sono stati troppi. Controllare che nessun \
             dispositivo o programma usi una vecchia password e riprovare più tardi. Se il blocco rimane, rivolgersi \
             all'amministratore di Google Workspace.",
        (P::Google, F::SenderRefused | F::SenderNotOwned) =>
            "Inserire come email mittente l'indirizzo dell'account Google. Per usarne un altro, aggiungerlo in Gmail alla voce \
             Impostazioni, Account, «Invia messaggio come», oppure chiedere un alias all'amministratore di Google Workspace.",

        (P::Yahoo, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Yahoo accetta qui solo password per le app. Crearne una nell'account Yahoo alla voce Sicurezza, «Genera e gestisci \
             password per app», e inserirla con l'indirizzo completo come login.",
        (P::Yahoo, F::SenderRefused | F::SenderNotOwned) =>
            "Yahoo invia solo dagli indirizzi dell'account: inserire come email mittente quello usato come login.",

        (P::Icloud, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "iCloud accetta qui solo password specifiche per le app. Crearne una su account.apple.com alla voce Accesso e \
             sicurezza e inserirla con l'indirizzo iCloud Mail completo come login.",
        (P::Icloud, F::SenderRefused | F::SenderNotOwned) =>
            "iCloud invia solo dall'indirizzo dell'account, dai suoi alias e dai domini aggiunti a iCloud Mail: inserire uno di \
             questi indirizzi come email mittente.",

        (P::Zoho, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Inserire l'indirizzo completo come login. Con l'autenticazione a più fattori, creare una password specifica per \
             l'applicazione nell'account Zoho alla voce Sicurezza. Il server deve essere quello della propria area e del proprio \
             piano, per esempio smtppro.zoho.eu: lo conosce l'amministratore di Zoho Mail.",
        (P::Zoho, F::SenderRefused | F::SenderNotOwned) =>
            "Zoho invia solo dall'indirizzo della casella e dai suoi alias: inserire uno di questi come email mittente, oppure \
             chiedere un alias all'amministratore di Zoho Mail.",

        (P::Aruba, F::AuthenticationRejected) =>
            "Inserire l'indirizzo completo come login e la password della casella, non quella dell'account Aruba. Il server è \
             smtps.aruba.it, con porta 465 e SSL. Se la password è persa, il postmaster del dominio può impostarne una nuova su \
             webmail.aruba.it.",
        (P::Aruba, F::SenderRefused | F::SenderNotOwned) =>
            "Con Aruba, inserire come email mittente la casella il cui indirizzo è il login. Per un altro mittente usare il \
             login di quella casella: il postmaster del dominio le gestisce su webmail.aruba.it.",

        (P::RegisterIt, F::AuthenticationRejected) =>
            "Inserire l'indirizzo completo come login e la password della casella, non quella dell'account Register.it. Il \
             server è authsmtp.securemail.pro, non un nome sotto il proprio dominio. Se la password è persa, rivolgersi a chi \
             gestisce il dominio.",
        (P::RegisterIt, F::SenderRefused | F::SenderNotOwned) =>
            "Con Register.it, inserire come email mittente la casella il cui indirizzo è il login. Per un altro mittente usare \
             il login di quella casella, o rivolgersi a chi gestisce il dominio.",

        (P::Libero, F::AuthenticationRejected | F::AppPasswordRequired | F::PasswordLoginDisabled) =>
            "Inserire l'indirizzo completo come login. Con la verifica in due passaggi («Password Sicura»), creare una password \
             per i programmi di posta nelle impostazioni di sicurezza dell'account Libero. È anche possibile che Libero abbia \
             fatto scadere la password: accedere a login.libero.it, che in quel caso ne chiede una nuova.",
        (P::Libero, F::SenderRefused | F::SenderNotOwned) =>
            "Con Libero, inserire come email mittente la casella il cui indirizzo è il login. Per un altro mittente usare il \
             login di quella casella.",

        (P::Ovh, F::AuthenticationRejected) =>
            "Inserire l'indirizzo completo come login. Il server è quello indicato nello Spazio Cliente OVHcloud: \
             smtp.mail.ovh.net per MX Plan e Zimbra, uno come pro1.mail.ovh.net o ex4.mail.ovh.net per Email Pro ed Exchange. \
             Altrimenti rivolgersi a chi gestisce la casella.",
        (P::Ovh, F::SenderRefused | F::SenderNotOwned) =>
            "Con OVHcloud, inserire come email mittente la casella il cui indirizzo è il login. Per un altro mittente rivolgersi \
             a chi gestisce il servizio OVHcloud.",

        (P::Ionos, F::AuthenticationRejected) =>
            "Inserire l'indirizzo completo come login e la password della casella, non quella dell'account IONOS. Il server è \
             quello del proprio Paese, per esempio smtp.ionos.it, non un nome sotto il proprio dominio. Altrimenti rivolgersi a \
             chi gestisce la casella.",
        (P::Ionos, F::SenderRefused | F::SenderNotOwned) =>
            "IONOS invia solo se l'email mittente ha lo stesso dominio della casella del login. Per un altro dominio usare una \
             casella di quel dominio, o rivolgersi a chi lo gestisce.",

        (P::AmazonSes, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Usare le credenziali SMTP, che la console di Amazon SES crea alla voce «SMTP settings»: le chiavi di accesso IAM \
             così come sono non funzionano. Valgono per una sola regione, quella nel nome del server. Altrimenti rivolgersi a \
             chi gestisce l'account AWS.",
        (P::AmazonSes, F::SenderRefused | F::SenderNotOwned | F::RecipientRefused | F::MessageRefused) =>
            "Verificare l'email mittente o il suo dominio nella console di Amazon SES alla voce «Identities», nella regione del \
             server. Nella sandbox vanno verificati anche i destinatari: chi gestisce l'account AWS può chiedere l'accesso alla \
             produzione.",

        (P::SendGrid, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Il login è la parola apikey e la password è una chiave API con il permesso «Mail Send»: SendGrid la crea alla voce \
             Settings, API Keys. Altrimenti rivolgersi a chi gestisce l'account SendGrid.",
        (P::SendGrid, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Verificare l'email mittente, o autenticare il suo dominio, in SendGrid alla voce Settings, Sender Authentication. \
             Altrimenti rivolgersi a chi gestisce l'account SendGrid.",

        (P::Mailgun, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Usare le credenziali SMTP del dominio di invio, in Mailgun alla voce Sending, Domain settings: il login è un \
             indirizzo completo. I domini dell'area UE richiedono il server smtp.eu.mailgun.org. Altrimenti rivolgersi a chi \
             gestisce l'account Mailgun.",
        (P::Mailgun, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "L'email mittente dovrebbe essere di un dominio verificato in Mailgun alla voce Sending, Domains, e il login dello \
             stesso dominio. Un dominio sandbox invia solo a destinatari autorizzati. Altrimenti rivolgersi a chi gestisce \
             l'account Mailgun.",

        (P::Brevo, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Usare il login e una chiave SMTP dalla pagina «SMTP e API» di Brevo, non la password dell'account né una chiave \
             API. Se Brevo blocca gli indirizzi IP sconosciuti, autorizzare i nostri nelle sue impostazioni di sicurezza. \
             Altrimenti rivolgersi a chi gestisce l'account Brevo.",
        (P::Brevo, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Aggiungere e verificare l'email mittente, o autenticare il suo dominio, in Brevo nella sezione dei mittenti e dei \
             domini. Altrimenti rivolgersi a chi gestisce l'account Brevo.",

        (P::Mailjet, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Il login è la API key di Mailjet e la password è la sua secret key: entrambe sono nelle impostazioni dell'account \
             alla voce «SMTP and SEND API Settings». Altrimenti rivolgersi a chi gestisce l'account Mailjet.",
        (P::Mailjet, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Aggiungere e convalidare l'email mittente o il suo dominio nelle impostazioni dell'account Mailjet alla voce \
             «Senders & Domains». Altrimenti rivolgersi a chi gestisce l'account Mailjet.",

        (P::Postmark, F::AuthenticationRejected | F::PasswordLoginDisabled) =>
            "Login e password sono entrambi il Server API Token, che Postmark mostra alla voce API Tokens del server. Altrimenti \
             rivolgersi a chi gestisce l'account Postmark.",
        (P::Postmark, F::SenderRefused | F::SenderNotOwned | F::MessageRefused) =>
            "Confermare l'email mittente come Sender Signature, o verificare il suo dominio, in Postmark alla voce Sender \
             Signatures. Altrimenti rivolgersi a chi gestisce l'account Postmark.",

        _ => return None,
    })
}
