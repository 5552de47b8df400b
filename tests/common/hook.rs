//! A receiver of webhooks: remembers what it was sent, and answers what a test wants.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How a request is answered.
#[derive(Clone, Copy)]
pub enum Answer {
    /// With a status.
    Status(u16),
    /// 429, and when to come again, in seconds.
    Later(u64),
    /// A redirect to the same place.
    Redirect,
    /// The connection is closed before any answer.
    Close,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Of the webhook: the same when it is sent again.
    pub id: String,
    /// The status it was answered with; 0 when it was none.
    pub status: u16,
    /// The body.
    pub body: serde_json::Value,
}

/// A receiver on a port of its own.
#[derive(Clone)]
pub struct Hook {
    pub port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Hook {
    /// Answers the first requests as said, and all others with 200.
    pub fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let hook = Self { port, calls: Arc::default(), answers };
        let serving = hook.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serving.answer(stream)));
        hook
    }

    /// All requests so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic").clone()
    }

    /// Those that were answered with success.
    pub fn taken(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.status == 200).collect()
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some((id, body)) = read(&stream) else { return };
        let answer = self.answers.lock().expect("no panic").pop_front().unwrap_or(Answer::Status(200));
        let (status, more) = match answer {
            Answer::Status(status) => (status, String::new()),
            Answer::Later(seconds) => (429, format!("retry-after: {seconds}\r\n")),
            Answer::Redirect => (302, format!("location: http://127.0.0.1:{}/\r\n", self.port)),
            Answer::Close => (0, String::new()),
        };
        self.calls.lock().expect("no panic").push(Call { id, status, body });
        if status > 0 {
            // Whoever asked may have been killed.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n{more}\r\n"
            );
        }
    }
}

/// The webhook's id and the body of a request; `None` when whoever asks was killed meanwhile.
fn read(stream: &TcpStream) -> Option<(String, serde_json::Value)> {
    let mut reader = BufReader::new(stream);
    let (mut id, mut len) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("webhook-id") => id = value.to_owned(),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => len = value.parse().ok()?,
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    Some((id, serde_json::from_slice(&body).ok()?))
}
