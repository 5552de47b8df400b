//! Parameters as Prometheus takes them: in the URL, in a form body, or both; times and steps in its own notations.

use super::answer::Problem;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use logweir_base::time::Timestamp;
use std::time::Duration;

/// Of a form body; queries of dashboards are some kilobytes.
const FORM_BYTES_MAX: usize = 1 << 20;
/// From the end of a request's headers to the end of its form.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
const MS: f64 = 1000.0;
/// Points a range query may have for each series, as in Prometheus.
const STEPS_MAX: i64 = 11_000;

/// The parameters of one request, in order; a name may come several times.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Those of a GET, or of a POST with a form.
    pub async fn of(request: Request) -> Result<Self, Problem> {
        let mut pairs = parse(request.uri().query().unwrap_or_default());
        if request.method() == Method::POST {
            let content_type = request.headers().get(header::CONTENT_TYPE);
            let content_type = content_type.and_then(|v| v.to_str().ok()).unwrap_or_default();
            if !content_type.is_empty() && !content_type.starts_with("application/x-www-form-urlencoded") {
                return Err(Problem::bad_data(
                    "a POST body must be a form (application/x-www-form-urlencoded)",
                ));
            }
            let body = axum::body::to_bytes(Body::new(request.into_body()), FORM_BYTES_MAX);
            let body = tokio::time::timeout(FORM_TIMEOUT, body).await.ok().and_then(Result::ok);
            let why = "the form cannot be read, is over 1 MiB, or has not come within 10 s";
            let body = body.ok_or_else(|| Problem::bad_data(why))?;
            pairs.extend(parse(&String::from_utf8_lossy(&body)));
        }
        Ok(Self(pairs))
    }

    /// The first of that name that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// What must be there.
    pub fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name)
            .ok_or_else(|| Problem::bad_data(&format!("invalid parameter \"{name}\": it is missing")))
    }

    /// A time in ms, or `default` when there is none.
    pub fn time(&self, name: &str, default: i64) -> Result<i64, Problem> {
        self.get(name).map_or(Ok(default), |text| time(text).ok_or_else(|| invalid(name, text, "a time")))
    }

    /// A span in ms: seconds, or as PromQL writes it.
    pub fn span(&self, name: &str) -> Result<Option<i64>, Problem> {
        let read = |text: &str| span(text).filter(|ms| *ms > 0);
        self.get(name)
            .map(|text| read(text).ok_or_else(|| invalid(name, text, "a positive duration")))
            .transpose()
    }

    /// Start, end and step of a range, in ms.
    pub fn range(&self) -> Result<(i64, i64, i64), Problem> {
        for name in ["start", "end", "step"] {
            self.required(name)?;
        }
        let (start, end) = (self.time("start", 0)?, self.time("end", 0)?);
        let step = self.span("step")?.unwrap_or(1);
        if end < start {
            return Err(Problem::bad_data(
                "invalid parameter \"end\": end timestamp must not be before start time",
            ));
        }
        if (end - start) / step > STEPS_MAX {
            return Err(Problem::bad_data(&format!(
                "exceeded maximum resolution of {STEPS_MAX} points per timeseries; try decreasing the query \
                 resolution (?step=XX)"
            )));
        }
        Ok((start, end, step))
    }

    /// A count; 0 or nothing is no limit.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.get("limit") {
            None => Ok(usize::MAX),
            Some(text) => match text.parse::<usize>() {
                Ok(0) => Ok(usize::MAX),
                Ok(limit) => Ok(limit),
                Err(_) => Err(invalid("limit", text, "a whole number")),
            },
        }
    }
}

fn invalid(name: &str, text: &str, expected: &str) -> Problem {
    Problem::bad_data(&format!("invalid parameter \"{name}\": cannot parse {text:?} to {expected}"))
}

fn parse(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Undoes percent-encoding and `+`; what is not encoded rightly stays as it is.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = if decoded.is_some() { &after[2..] } else { after };
        out.push(decoded.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Seconds since 1970, with a fraction, or RFC 3339; in ms.
fn time(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => in_ms(seconds),
        Err(_) => logweir_base::time::parse_time(text, None).map(|time: Timestamp| time.0 / 1_000_000),
    }
}

/// Seconds with a fraction, or `1h30m`; in ms.
fn span(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => in_ms(seconds),
        Err(_) => {
            let span: Duration = logweir_base::time::parse_duration(text)?;
            i64::try_from(span.as_millis()).ok()
        }
    }
}

fn in_ms(seconds: f64) -> Option<i64> {
    let ms = (seconds * MS).round();
    // So that sums of two times and of spans do not overflow.
    (ms.abs() < (i64::MAX / 4) as f64).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Form {
        Form(parse(text))
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let check = |text: &str, expected| assert_eq!(time(text), expected, "{text}");
        check("1700000000", Some(1_700_000_000_000));
        check("1700000000.1234", Some(1_700_000_000_123));
        check("1970-01-01T00:00:01.5Z", Some(1_500));
        check("yesterday", None);
        check("1e300", None);
        check("NaN", None);
    }

    #[test]
    fn encoded_names_and_values() {
        let form = form("query=up%7Ba%3D%22b%22%7D+%2B+1&match[]=x&match%5B%5D=y&broken=%zz");
        assert_eq!(form.get("query"), Some("up{a=\"b\"} + 1"));
        assert_eq!(form.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(form.get("broken"), Some("%zz"));
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(form("start=0&end=60&step=15s").range().expect("fine"), (0, 60_000, 15_000));
        let refused = |text: &str, why: &str| {
            let problem = form(text).range().expect_err("refused");
            assert!(problem.to_string().contains(why), "{problem}");
        };
        refused("start=0&end=60", "step");
        refused("start=60&end=0&step=1", "before start");
        refused("start=0&end=60&step=0", "positive");
        refused("start=0&end=100000&step=1", "11000 points");
    }
}
