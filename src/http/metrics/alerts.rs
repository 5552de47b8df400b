//! What the alerter says of itself: exceptions, alerts, and messages on their way.

use super::super::Api;
use super::page::Page;
use logweir_alerter::alert::Phase;
use logweir_alerter::group::STATES;
use std::collections::BTreeMap;

/// Writes all of it.
pub(super) fn write(api: &Api, out: &mut Page) {
    let memory = api.alerter.memory();
    out.help("logweir_exception_groups", "gauge", "Kinds of exceptions that are known, by state.");
    for state in STATES {
        let count = memory.groups.iter().filter(|(_, group)| group.state == state).count();
        out.sample("logweir_exception_groups", &[("state", state.name())], count);
    }
    let help = "Kinds of exceptions that were forgotten since the start, since there were too many.";
    out.one("logweir_exception_groups_forgotten_total", "counter", help, memory.groups.evicted);
    out.help("logweir_alerts", "gauge", "Alerts that are pending and that fire.");
    for (name, phase) in [("pending", Phase::Pending), ("firing", Phase::Firing)] {
        let count = memory.alerts.iter().filter(|(_, alert)| alert.phase == phase).count();
        out.sample("logweir_alerts", &[("state", name)], count);
    }
    let help = "Alerts and series of rules that were not taken since the start, since there were too many.";
    out.one("logweir_alert_refused_total", "counter", help, memory.refused);
    let counters = memory.counters;
    out.help(
        "logweir_alert_evaluations_total",
        "counter",
        "Times a rule was looked at, by whether the stores answered.",
    );
    for (result, count) in [("success", counters.evaluations), ("failure", counters.evaluation_failures)] {
        out.sample("logweir_alert_evaluations_total", &[("result", result)], count);
    }
    out.help(
        "logweir_alert_notifications_total",
        "counter",
        "Tries to send a message, by what came of them.",
    );
    let sent = [("taken", counters.sent), ("later", counters.put_off), ("given_up", counters.given_up)];
    for (result, count) in sent {
        out.sample("logweir_alert_notifications_total", &[("result", result)], count);
    }
    let mut waiting: BTreeMap<&str, u64> = BTreeMap::new();
    memory.outbox.iter().for_each(|(_, it)| *waiting.entry(&it.notification.receiver).or_default() += 1);
    out.help("logweir_alert_outbox_messages", "gauge", "Messages that wait to be sent.");
    for (receiver, count) in waiting {
        out.sample("logweir_alert_outbox_messages", &[("receiver", receiver)], count);
    }
}
