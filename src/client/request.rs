//! One request to a server and its answer, line by line; and what is said when there is none.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;
use ureq::Agent;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest line of an answer: a part of 1 MiB, twice, with every byte as a JSON escape, and its fields.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// The longest answer that is one object.
const WHOLE_BYTES_MAX: u64 = 256 << 20;
/// The longest error text that is read from a server.
const ERROR_BYTES_MAX: u64 = 64 << 10;

/// Why a command has failed.
#[derive(Debug)]
pub enum ClientError {
    /// What was asked is wrong: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Failed(String),
    /// Whoever reads our output has left: no error at all.
    ReaderGone,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(reason) | Self::Failed(reason) => f.write_str(reason),
            Self::ReaderGone => f.write_str("the reader of the output has left"),
        }
    }
}

impl std::error::Error for ClientError {}

/// Errors of our own output; those of the server's side are made by [`Server`].
impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }
}

/// What is asked: a path and its parameters.
#[derive(Debug, Clone)]
pub struct Ask {
    path_and_query: String,
    separator: char,
    query: Option<String>,
}

impl Ask {
    /// A GET of `path`, which is encoded already.
    pub fn new(path: &str) -> Self {
        Self { path_and_query: path.to_owned(), separator: '?', query: None }
    }

    /// Adds a parameter. `q` is remembered, to point into it when the server finds a mistake there.
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.path_and_query.push(self.separator);
        self.path_and_query.push_str(&format!("{name}={}", encode(value)));
        self.separator = '&';
        if name == "q" {
            self.query = Some(value.to_owned());
        }
        self
    }
}

/// A server, by its URL.
#[derive(Debug, Clone)]
pub struct Server {
    url: String,
    agent: Agent,
}

impl Server {
    /// The server at `url`; `HOST:PORT` will do.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/');
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if !url.starts_with("http://") {
            let reason = format!("--server {url}: only http:// is spoken, for example http://127.0.0.1:8514");
            return Err(ClientError::Usage(reason));
        }
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_connect(Some(CONNECT_TIMEOUT));
        let config = config.proxy(None).max_redirects(0);
        Ok(Self { url, agent: config.build().into() })
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks and gives the answer's lines; a status other than 200 is an error that carries the server's reason.
    pub fn ask(&self, ask: &Ask) -> Result<Lines<'_>, ClientError> {
        self.answer(ask, self.agent.get(self.url_of(ask)).call())
    }

    /// The same as a POST without a body, which may change something.
    pub fn post(&self, ask: &Ask) -> Result<Lines<'_>, ClientError> {
        self.answer(ask, self.agent.post(self.url_of(ask)).send_empty())
    }

    /// The same as a DELETE.
    pub fn delete(&self, ask: &Ask) -> Result<Lines<'_>, ClientError> {
        self.answer(ask, self.agent.delete(self.url_of(ask)).call())
    }

    fn url_of(&self, ask: &Ask) -> String {
        format!("{}{}", self.url, ask.path_and_query)
    }

    fn answer(
        &self,
        ask: &Ask,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Lines<'_>, ClientError> {
        let response = response.map_err(|e| self.unreachable(&e))?;
        let status = response.status().as_u16();
        let body = response.into_body().into_reader();
        if status == 200 {
            return Ok(Lines {
                server: self,
                reader: BufReader::with_capacity(64 << 10, body),
                line: Vec::new(),
            });
        }
        let mut text = String::new();
        // The status alone says enough when the text behind it cannot be read.
        let _ = body.take(ERROR_BYTES_MAX).read_to_string(&mut text);
        Err(self.refused(status, &text, ask))
    }

    /// An answer that does not make sense.
    pub fn nonsense(&self, error: &dyn fmt::Display) -> ClientError {
        ClientError::Failed(format!("{} does not answer like a logweir server: {error}", self.url))
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        if let ureq::Error::BadUri(_) | ureq::Error::Http(_) = error {
            return ClientError::Usage(format!("--server {}: {error}", self.url));
        }
        let hint = "is it running? start one with `logweir run` or `logweir demo`, or name another with --server URL";
        ClientError::Failed(format!("cannot reach {}: {error}\n{hint}", self.url))
    }

    fn refused(&self, status: u16, text: &str, ask: &Ask) -> ClientError {
        let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let reason = json["error"].as_str().unwrap_or(text.trim());
        if status != 400 {
            return ClientError::Failed(format!("{} answers {status}: {reason}", self.url));
        }
        let column = json["column"].as_u64().and_then(|c| usize::try_from(c).ok());
        match (column, &ask.query) {
            (Some(column), Some(query)) => {
                ClientError::Usage(format!("{reason}\n{}", point_at(query, column)))
            }
            _ => ClientError::Usage(reason.to_owned()),
        }
    }
}

/// The lines of an answer.
pub struct Lines<'s> {
    server: &'s Server,
    reader: BufReader<ureq::BodyReader<'static>>,
    line: Vec<u8>,
}

impl Lines<'_> {
    /// All that is left, of an answer that is one object and not lines.
    pub fn whole(mut self) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        let read = (&mut self.reader).take(WHOLE_BYTES_MAX).read_to_end(&mut body);
        match read {
            Ok(bytes) if bytes as u64 == WHOLE_BYTES_MAX => Err(self.server.nonsense(&"it has no end")),
            Ok(_) => Ok(body),
            Err(error) => {
                Err(ClientError::Failed(format!("{} broke off the answer: {error}", self.server.url())))
            }
        }
    }

    /// The next line without its newline; `None` at the end. A line that the connection cut off counts as the end: an
    /// answer says by its last line that it is whole.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, ClientError> {
        self.line.clear();
        let read = (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line);
        match read {
            Ok(_) if self.line.last() == Some(&b'\n') => {
                self.line.pop();
                Ok(Some(&self.line))
            }
            Ok(bytes) if bytes as u64 == LINE_BYTES_MAX => Err(self.server.nonsense(&"a line has no end")),
            Ok(_) => Ok(None),
            Err(error) => {
                Err(ClientError::Failed(format!("{} broke off the answer: {error}", self.server.url())))
            }
        }
    }
}

/// Percent-encodes a parameter or a path segment (RFC 3986, unreserved characters stay).
pub fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The query with a caret under `column` (from 1, in characters).
fn point_at(query: &str, column: usize) -> String {
    let shown: String = query.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("  {shown}\n  {}^", " ".repeat(column.saturating_sub(1).min(shown.chars().count())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_url_or_host_and_port() {
        let url = |text| Server::new(text).map(|s| s.url().to_owned()).ok();
        assert_eq!(url("http://a:1/").as_deref(), Some("http://a:1"));
        assert_eq!(url("a:1").as_deref(), Some("http://a:1"));
        assert_eq!(url("https://a"), None);
    }

    #[test]
    fn parameters_are_encoded() {
        let ask = Ask::new("/s").param("q", "a b:\"é\"&").param("limit", "0");
        assert_eq!(ask.path_and_query, "/s?q=a%20b%3A%22%C3%A9%22%26&limit=0");
    }

    #[test]
    fn a_mistake_in_a_query_is_pointed_at() {
        let server = Server::new("http://h:1").expect("fine");
        let ask = Ask::new("/s").param("q", "level:error)");
        let error = server.refused(400, r#"{"error": "unexpected `)`", "column": 12}"#, &ask);
        assert_eq!(error.to_string(), "unexpected `)`\n  level:error)\n             ^");
        assert!(matches!(error, ClientError::Usage(_)));
        let error = server.refused(503, "busy\n", &ask);
        assert_eq!(error.to_string(), "http://h:1 answers 503: busy");
    }

    #[test]
    fn nobody_at_home_is_said_with_the_url() {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("loopback").port();
        let server = Server::new(&format!("127.0.0.1:{port}")).expect("fine");
        let Err(error) = server.ask(&Ask::new("/")) else { panic!("nobody listens on {port}") };
        assert!(error.to_string().contains(&format!("http://127.0.0.1:{port}")), "{error}");
        assert!(matches!(error, ClientError::Failed(_)));
    }
}
