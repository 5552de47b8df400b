//! What a test expects against what is: each thing that is missing, and each that is there and should not be.

use super::engine::Engine;
use crate::config::{Expect, ExpectedAlert, ExpectedGroup, ExpectedPage};
use logweir_alerter::group::Group;
use logweir_alerter::notification::{Message, Notification};
use logweir_alerter::receiver::{Templates, mail_text};
use std::collections::BTreeMap;

/// Lines of a mail that are shown when it does not say what it should.
const MAIL_LINES_MAX: usize = 60;

/// An alert that fires, or a page that was sent.
struct Told {
    to: String,
    status: &'static str,
    rule: String,
    labels: BTreeMap<String, String>,
}

/// What is not as expected, as lines to be shown; none when all is.
pub fn differences(expect: &Expect, engine: &Engine, templates: &Templates) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut of = |what: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            out.push(format!("at {}, {what}:", expect.at));
            out.extend(lines.into_iter().map(|line| format!("  {line}")));
        }
    };
    if let Some(expected) = &expect.alerts {
        of("alerts that fire", compare(expected, &firing(engine), is_alert, show_expected_alert, show_alert));
    }
    if let Some(expected) = &expect.groups {
        let reader = engine.reader();
        let memory = reader.memory();
        let groups: Vec<&Group> = memory.groups.iter().map(|(_, group)| group).collect();
        of("groups of exceptions", compare(expected, &groups, is_group, show_expected_group, show_group));
    }
    if let Some(expected) = &expect.pages {
        let pages: Vec<Told> = engine.told().iter().filter_map(page_of).collect();
        of("pages so far", compare(expected, &pages, is_page, show_expected_page, show_page));
    }
    if let Some(expected) = &expect.digests {
        let digests: Vec<&str> = engine.told().iter().filter_map(digest_of).collect();
        let is = |expected: &String, digest: &&str| expected == digest;
        of("digests so far", compare(expected, &digests, is, String::clone, |digest| (*digest).to_owned()));
    }
    of("mails so far", mail(expect, engine, templates)?);
    if !out.is_empty() {
        let reader = engine.reader();
        out.extend(reader.memory().errors.iter().map(|error| format!("the alerter reports: {error}")));
    }
    Ok(out)
}

/// Lines for those of `expected` that nothing there stands for (`-`), and for what is there and stands for none of them (`+`).
fn compare<E, A>(
    expected: &[E],
    actual: &[A],
    is: impl Fn(&E, &A) -> bool,
    show_expected: impl Fn(&E) -> String,
    show: impl Fn(&A) -> String,
) -> Vec<String> {
    let taken = pair(expected.len(), actual.len(), |e, a| is(&expected[e], &actual[a]));
    let missing = expected.iter().enumerate().filter(|(e, _)| !taken.contains(&Some(*e)));
    let surplus = actual.iter().zip(&taken).filter(|(_, taken)| taken.is_none());
    let missing = missing.map(|(_, it)| format!("- {}    expected, and is not there", show_expected(it)));
    missing.chain(surplus.map(|(it, _)| format!("+ {}    is there, and is not expected", show(it)))).collect()
}

/// Gives each expectation a thing of its own that it fits, for as many as possible; of each thing, whose it is. What is expected
/// may leave things open, so the first that fits may be the only one for another: it is moved then (Kuhn's algorithm).
fn pair(expected: usize, actual: usize, fits: impl Fn(usize, usize) -> bool) -> Vec<Option<usize>> {
    fn place(
        e: usize,
        fits: &dyn Fn(usize, usize) -> bool,
        taken: &mut [Option<usize>],
        tried: &mut [bool],
    ) -> bool {
        for a in 0..taken.len() {
            if tried[a] || !fits(e, a) {
                continue;
            }
            tried[a] = true;
            if taken[a].is_none_or(|other| place(other, fits, taken, tried)) {
                taken[a] = Some(e);
                return true;
            }
        }
        false
    }
    let mut taken = vec![None; actual];
    for e in 0..expected {
        place(e, &fits, &mut taken, &mut vec![false; actual]);
    }
    taken
}

fn firing(engine: &Engine) -> Vec<Told> {
    let reader = engine.reader();
    let memory = reader.memory();
    let under_way = memory.episodes.iter().map(|(_, it)| it).filter(|it| it.ended.is_none());
    let told = |rule: &String, labels: &BTreeMap<String, String>| Told {
        to: String::new(),
        status: "firing",
        rule: rule.clone(),
        labels: labels.clone(),
    };
    under_way.map(|it| told(&it.rule, &it.labels)).collect()
}

fn page_of(notification: &Notification) -> Option<Told> {
    let to = notification.receiver.clone();
    match &notification.message {
        Message::Page(page) => {
            let (rule, labels) = (page.rule.clone(), page.labels.clone());
            Some(Told { to, status: page.status.name(), rule, labels })
        }
        Message::Storm(_) => Some(Told { to, status: "storm", rule: String::new(), labels: BTreeMap::new() }),
        Message::Digest(_) => None,
    }
}

fn digest_of(notification: &Notification) -> Option<&str> {
    match &notification.message {
        Message::Digest(digest) => Some(&digest.name),
        Message::Page(_) | Message::Storm(_) => None,
    }
}

fn has_labels(labels: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) -> bool {
    expected.iter().all(|(name, value)| labels.get(name) == Some(value))
}

fn is_alert(expected: &ExpectedAlert, told: &Told) -> bool {
    expected.rule == told.rule && has_labels(&told.labels, &expected.labels)
}

fn is_page(expected: &ExpectedPage, told: &Told) -> bool {
    let is = |expected: &Option<String>, is: &str| expected.as_ref().is_none_or(|expected| expected == is);
    is(&expected.to, &told.to)
        && is(&expected.rule, &told.rule)
        && is(&expected.status, told.status)
        && has_labels(&told.labels, &expected.labels)
}

fn is_group(expected: &ExpectedGroup, group: &&Group) -> bool {
    expected.kind.as_ref().is_none_or(|kind| *kind == group.kind)
        && expected.state.is_none_or(|state| state == group.state)
        && expected.count.is_none_or(|count| count == group.count)
}

/// `{a="b"}`; nothing when there are none.
pub(super) fn show_labels(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(", ")) }
}

fn show_expected_alert(expected: &ExpectedAlert) -> String {
    format!("{}{}", expected.rule, show_labels(&expected.labels))
}

fn show_alert(told: &Told) -> String {
    // That of the rule's name is said already.
    let mut labels = told.labels.clone();
    labels.remove("alertname");
    format!("{}{}", told.rule, show_labels(&labels))
}

fn show_expected_page(expected: &ExpectedPage) -> String {
    let any = |text: &Option<String>| text.clone().unwrap_or_else(|| "any".to_owned());
    let (status, to) = (any(&expected.status), any(&expected.to));
    format!("{status} {}{} to {to}", any(&expected.rule), show_labels(&expected.labels))
}

fn show_page(told: &Told) -> String {
    format!("{} {} to {}", told.status, show_alert(told), told.to)
}

fn show_expected_group(expected: &ExpectedGroup) -> String {
    let kind = expected.kind.as_deref().unwrap_or("any type");
    let state = expected.state.map_or("any state", |state| state.name());
    let count = expected.count.map_or_else(|| "any number".to_owned(), |count| count.to_string());
    format!("{kind}, {state}, {count} times")
}

fn show_group(group: &&Group) -> String {
    let kind = if group.kind.is_empty() { &group.message } else { &group.kind };
    format!("{kind}, {}, {} times", group.state.name(), group.count)
}

/// What mails do not say and should, and what they say and should not.
fn mail(expect: &Expect, engine: &Engine, templates: &Templates) -> Result<Vec<String>, String> {
    if expect.mail_contains.is_empty() && expect.mail_lacks.is_empty() {
        return Ok(Vec::new());
    }
    let rendered = engine.told().iter().map(|told| mail_text(&told.message, templates));
    let mails: Vec<String> = rendered.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let has = |text: &String| mails.iter().any(|mail| mail.contains(text.as_str()));
    let missing = expect.mail_contains.iter().filter(|text| !has(text));
    let surplus = expect.mail_lacks.iter().filter(|text| has(text));
    let mut out: Vec<String> =
        missing.map(|text| format!("- {text:?}    expected, and in none of them")).collect();
    out.extend(surplus.map(|text| format!("+ {text:?}    in one of them, and should not be")));
    if !out.is_empty() {
        out.push(format!("{} mails; the last one:", mails.len()));
        let last = mails.last().map(String::as_str).unwrap_or_default();
        out.extend(last.lines().take(MAIL_LINES_MAX).map(|line| format!("  | {line}")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// As many are paired as any choice allows, and only those that fit, each once.
        #[test]
        fn as_many_as_possible_are_paired(fits in proptest::collection::vec(proptest::collection::vec(proptest::bool::ANY, 4), 0..5)) {
            fn most(fits: &[Vec<bool>], used: u8) -> usize {
                let Some((first, rest)) = fits.split_first() else { return 0 };
                let free = (0..4).filter(|a| first[*a] && used & 1 << a == 0);
                free.map(|a| 1 + most(rest, used | 1 << a)).chain([most(rest, used)]).max().unwrap_or(0)
            }
            let taken = pair(fits.len(), 4, |e, a| fits[e][a]);
            let pairs: Vec<(usize, usize)> = taken.iter().enumerate().filter_map(|(a, e)| Some(((*e)?, a))).collect();
            let whose: std::collections::BTreeSet<usize> = pairs.iter().map(|(e, _)| *e).collect();
            proptest::prop_assert!(pairs.iter().all(|(e, a)| fits[*e][*a]));
            proptest::prop_assert_eq!(whose.len(), pairs.len());
            proptest::prop_assert_eq!(pairs.len(), most(&fits, 0));
        }
    }

    #[test]
    fn what_fits_two_leaves_the_other_its_own() {
        let check = |expected: &[&str], actual: &[&str], lines: &[&str]| {
            let is = |expected: &&str, actual: &&str| actual.starts_with(*expected);
            let show = |text: &&str| (*text).to_owned();
            let found = compare(expected, actual, is, show, show);
            let found: Vec<&str> = found.iter().filter_map(|line| line.split("    ").next()).collect();
            assert_eq!(found, lines, "{expected:?} {actual:?}");
        };
        check(&[], &[], &[]);
        check(&["a", "ab"], &["ab", "ac"], &[]);
        check(&["a", "ab"], &["ab"], &["- ab"]);
        check(&["a", "a"], &["ab", "b"], &["- a", "+ b"]);
        check(&[], &["b", "b"], &["+ b", "+ b"]);
    }
}
