//! Sends a mail by SMTP. `smtps://` is TLS from the first byte; `smtp://` becomes TLS by STARTTLS, without which nothing is sent
//! but to this machine, or where `plaintext` says so.

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, SmtpTransport};
use lettre::{Address, Transport};
use logweir_alerter::Sent;
use logweir_alerter::config::Receiver;
use logweir_alerter::receiver::Secret;
use std::time::Duration;

const PORT_SMTPS: u16 = 465;
const PORT_SMTP: u16 = 25;
const PORT_SUBMISSION: u16 = 587;

/// Sends a mail to its envelope.
pub fn send(
    receiver: &Receiver,
    secret: Option<&Secret>,
    from: &str,
    to: &[String],
    mail: &[u8],
    timeout: Duration,
) -> Sent {
    let transport = match transport(receiver, secret, timeout) {
        Ok(transport) => transport,
        Err(reason) => return Sent::Later { reason, after: None },
    };
    let parse = |text: &str| text.parse::<Address>().map_err(|e| format!("{text}: {e}"));
    let to: Result<Vec<Address>, String> = to.iter().map(|to| parse(to)).collect();
    let envelope = parse(from).and_then(|from| Envelope::new(Some(from), to?).map_err(|e| e.to_string()));
    match envelope {
        Ok(envelope) => judge(transport.send_raw(&envelope, mail).map(drop)),
        Err(reason) => Sent::Refused { reason },
    }
}

fn transport(
    receiver: &Receiver,
    secret: Option<&Secret>,
    timeout: Duration,
) -> Result<SmtpTransport, String> {
    let url = receiver.url.as_deref().unwrap_or_default();
    let (is_tls, rest) = match (url.strip_prefix("smtps://"), url.strip_prefix("smtp://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err("its URL is neither smtp:// nor smtps://".to_owned()),
    };
    let (host, port) = host_and_port(rest.trim_end_matches('/'))?;
    let tls = || TlsParameters::new(host.to_owned()).map_err(|e| e.to_string());
    let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let tls = match (is_tls, is_here || receiver.plaintext) {
        (true, _) => Tls::Wrapper(tls()?),
        (false, true) => Tls::Opportunistic(tls()?),
        (false, false) => Tls::Required(tls()?),
    };
    let usual = match (is_tls, receiver.user.is_some()) {
        (true, _) => PORT_SMTPS,
        (false, true) => PORT_SUBMISSION,
        (false, false) => PORT_SMTP,
    };
    let mut builder = SmtpTransport::builder_dangerous(host)
        .port(port.unwrap_or(usual))
        .tls(tls)
        .hello_name(ClientId::Domain(logweir_shipper::config::host_name()))
        .timeout(Some(timeout));
    if let Some((user, secret)) = receiver.user.as_ref().zip(secret) {
        builder = builder.credentials(Credentials::new(user.clone(), secret.expose().to_owned()));
    }
    Ok(builder.build())
}

/// `mail.example.org`, `mail.example.org:587`, `[::1]:25`.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let bad = || format!("`{text}` is not HOST:PORT");
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':'))).ok_or_else(bad)?
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(|port| port.parse().map_err(|_| bad())).transpose()?;
    if host.is_empty() { Err(bad()) } else { Ok((host, port)) }
}

fn judge(sent: Result<(), Error>) -> Sent {
    match sent {
        Ok(()) => Sent::Taken,
        Err(e) if e.is_permanent() => Sent::Refused { reason: told(&e) },
        Err(e) => Sent::Later { reason: told(&e), after: None },
    }
}

/// With what lies below it: `connection error` alone helps nobody.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(&format!(": {cause_text}"));
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let check = |text: &str, expected: Option<(&str, Option<u16>)>| {
            assert_eq!(host_and_port(text).ok(), expected, "{text}");
        };
        check("mail.example.org", Some(("mail.example.org", None)));
        check("mail.example.org:587", Some(("mail.example.org", Some(587))));
        check("[::1]:25", Some(("::1", Some(25))));
        check(":25", None);
        check("mail:smtp", None);
        check("", None);
    }
}
