//! `logweir alerts` and `logweir deploy`: what fires and fired, who looks after it, what nobody wants to hear of, what was deployed.

use super::exceptions::decide;
use super::request::{Ask, ClientError, Server, encode};
use crate::args::{AlertArgs, AlertsListArgs, DeployArgs, SilenceArgs};
use crate::parse::Show;
use crate::terminal::{Escapes, Screen, Tone, note};
use serde_json::Value;
use std::io::{self, Write};

/// Prints what fires and what is about to.
pub fn list<W: Write>(
    server: &Server,
    args: &AlertsListArgs,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let alerts = fetch(server, "/api/v1/alerts", "/data/alerts")?;
    print_all(&alerts, args.output, "no alerts", screen, |alert, screen| {
        let state = text(alert, "state");
        screen.text(if state == "firing" { Tone::Bad } else { Tone::Warn }, &format!("{state:<8} "))?;
        screen.text(Tone::Name, &format!("{:<16} ", text(alert, "episode")))?;
        screen.text(Tone::Dim, &format!("since {} ", text(alert, "activeAt")))?;
        screen.text(Tone::Plain, &summary(alert))?;
        if let Some(by) = alert["acknowledgedBy"].as_str() {
            screen.text(Tone::Good, &format!(" ({by} looks after it)"))?;
        }
        screen.newline()?;
        print_evidence(alert, screen)
    })
}

/// Prints what fired.
pub fn history<W: Write>(
    server: &Server,
    args: &AlertsListArgs,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let episodes = fetch(server, "/api/v1/episodes", "/episodes")?;
    print_all(&episodes, args.output, "no alert has fired", screen, |episode, screen| {
        screen.text(Tone::Name, &format!("{:<16} ", text(episode, "episode")))?;
        let ended = episode["ended"].as_str().map_or_else(|| "now".to_owned(), str::to_owned);
        screen.text(Tone::Dim, &format!("{} to {ended} ", text(episode, "since")))?;
        screen.text(Tone::Plain, &summary(episode))?;
        screen.newline()?;
        print_evidence(episode, screen)
    })
}

/// Prints silences.
pub fn silences<W: Write>(
    server: &Server,
    args: &AlertsListArgs,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let silences = fetch(server, "/api/v1/silences", "/silences")?;
    print_all(&silences, args.output, "no silences", screen, |silence, screen| {
        screen.text(Tone::Name, &format!("{} ", text(silence, "id")))?;
        let labels = silence["labels"].as_object().into_iter().flatten();
        let labels: Vec<String> =
            labels.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
        screen.text(Tone::Plain, &format!("{} ", labels.join(" ")))?;
        let (until, by, comment) = (text(silence, "until"), text(silence, "by"), text(silence, "comment"));
        screen.text(Tone::Dim, &format!("until {until} by {by} {comment}"))?;
        screen.newline()
    })
}

fn fetch(server: &Server, path: &str, pointer: &str) -> Result<Vec<Value>, ClientError> {
    let body = server.ask(&Ask::new(path))?.whole()?;
    let answer: Value = serde_json::from_slice(&body).map_err(|e| server.nonsense(&e))?;
    let all = answer.pointer(pointer).and_then(Value::as_array);
    all.cloned().ok_or_else(|| server.nonsense(&format!("{pointer} is missing")))
}

fn print_all<W: Write>(
    all: &[Value],
    output: Show,
    none: &str,
    screen: &mut Screen<W>,
    mut print: impl FnMut(&Value, &mut Screen<W>) -> io::Result<()>,
) -> Result<(), ClientError> {
    for one in all {
        match output {
            Show::Text => print(one, screen)?,
            Show::Json => {
                screen.bytes(one.to_string().as_bytes(), Escapes::Json)?;
                screen.newline()?;
            }
        }
    }
    screen.flush()?;
    if all.is_empty() {
        note(none);
    }
    Ok(())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn summary(value: &Value) -> String {
    let (rule, summary) = (text(value, "rule"), text(value, "summary"));
    let both = if summary.is_empty() { rule.to_owned() } else { format!("{rule}: {summary}") };
    both.replace('\n', " ")
}

fn print_evidence<W: Write>(value: &Value, screen: &mut Screen<W>) -> io::Result<()> {
    let evidence = &value["evidence"];
    let pair = |pair: &Value| {
        format!("{} {}", pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default())
    };
    let traces: Vec<String> = evidence["traces"].as_array().into_iter().flatten().map(pair).collect();
    let hosts: Vec<&str> =
        evidence["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rows = [
        ("", text(evidence, "why").to_owned()),
        ("traces: ", traces.join(", ")),
        ("hosts: ", hosts.join(", ")),
    ];
    for (name, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
        screen.text(Tone::Dim, &format!("         {name}{text}"))?;
        screen.newline()?;
    }
    Ok(())
}

/// Says that somebody looks after an alert.
pub fn acknowledge(server: &Server, args: &AlertArgs) -> Result<(), ClientError> {
    let path = format!("/api/v1/episodes/{}/acknowledge", encode(&args.id));
    let ask = Ask::new(&path).param("by", &super::who(args.by.as_deref()));
    decide(server, &ask, "acknowledged: nobody is told of it again while it lasts")
}

/// Says that nobody wants to hear of alerts with some labels.
pub fn silence(server: &Server, args: &SilenceArgs) -> Result<(), ClientError> {
    let mut ask = Ask::new("/api/v1/silences")
        .param("until", &args.until)
        .param("by", &super::who(args.by.as_deref()))
        .param("comment", &args.comment);
    for label in &args.labels {
        let Some((name, value)) = label.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(ClientError::Usage(format!(
                "`{label}` is not LABEL=VALUE, such as alertname=slow_requests"
            )));
        };
        ask = ask.param(name, value);
    }
    decide(server, &ask, "silenced")
}

/// Ends a silence.
pub fn unsilence(server: &Server, args: &AlertArgs) -> Result<(), ClientError> {
    let path = format!("/api/v1/silences/{}", encode(&args.id));
    let body = server.delete(&Ask::new(&path).param("by", &super::who(args.by.as_deref())))?.whole()?;
    serde_json::from_slice::<Value>(&body).map_err(|e| server.nonsense(&e))?;
    note("the silence is over");
    Ok(())
}

/// Tells of a deploy.
pub fn deploy(server: &Server, args: &DeployArgs) -> Result<(), ClientError> {
    let by = super::who(args.by.as_deref());
    let mut ask = Ask::new("/api/v1/deploys");
    let params = [
        ("service", &args.service),
        ("version", &args.version),
        ("by", &by),
        ("ref", &args.reference),
        ("place", &args.place),
        ("at", &args.at),
    ];
    for (name, value) in params.into_iter().filter(|(_, value)| !value.is_empty()) {
        ask = ask.param(name, value);
    }
    decide(server, &ask, &format!("{} {} is deployed", args.service, args.version))
}
