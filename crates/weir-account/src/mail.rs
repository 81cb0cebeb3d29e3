//! Mail: letters wait in a bounded queue for a task of their own, so that nobody waits for a mail server.
//!
//! Where there is no server, a letter is a line in the log: enough to try things out, and for one's own machine.

mod words;

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::sync::mpsc;
use weir_base::{Shutdown, Tasks};

use crate::config::MailConfig;
use crate::error::AccountError;

pub(crate) use words::Letter;

/// Letters that wait; more are refused.
const WAITING: usize = 1_000;
/// How often a letter is tried.
const TRIES: u32 = 4;
/// How long the second try waits; each next four times as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// How long a server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends letters.
#[derive(Debug)]
pub(crate) struct Mailer(mpsc::Sender<Letter>);

struct Postman {
    smtp: Option<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
}

impl Mailer {
    /// Starts to send.
    ///
    /// # Errors
    /// Where the settings make no sense.
    pub(crate) fn start(
        config: &MailConfig,
        tasks: &Tasks,
        shutdown: Shutdown,
    ) -> Result<Self, AccountError> {
        let wrong = |error: &dyn std::fmt::Display| AccountError::Fault(format!("mail: {error}"));
        let from = config.from.parse().map_err(|error| wrong(&error))?;
        let smtp = match config.url.as_str() {
            "" => None,
            url => {
                let smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|error| wrong(&error))?;
                Some(smtp.timeout(Some(TIMEOUT)).build())
            }
        };
        let (sender, mut letters) = mpsc::channel::<Letter>(WAITING);
        let postman = Postman { smtp, from };
        tasks.spawn("mail", async move {
            while let Some(letter) = tokio::select! {
                letter = letters.recv() => letter,
                () = shutdown.stopping() => None,
            } {
                tokio::select! {
                    () = postman.deliver(&letter) => {}
                    () = shutdown.stopping() => {
                        tracing::warn!(waiting = letters.len() + 1, "letters were not sent before the end");
                    }
                }
            }
        });
        Ok(Self(sender))
    }

    /// Queues a letter.
    ///
    /// # Errors
    /// [`AccountError::Busy`] where too many wait.
    pub(crate) fn send(&self, letter: Letter) -> Result<(), AccountError> {
        self.0.try_send(letter).map_err(|_| AccountError::Busy)
    }
}

impl Postman {
    async fn deliver(&self, letter: &Letter) {
        let Some(smtp) = &self.smtp else {
            let Letter { to, subject, text } = letter;
            tracing::info!(
                to,
                subject,
                "mail.url is not set, so this letter is not sent:\n{text}"
            );
            return;
        };
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!("a letter cannot be written: {error}");
                return;
            }
        };
        let mut wait = FIRST_WAIT;
        for tried in 1..=TRIES {
            let Err(error) = smtp.send(message.clone()).await else {
                return;
            };
            let is_last = tried == TRIES || error.is_permanent();
            tracing::warn!(tried, is_last, "a letter was not taken: {error}");
            if is_last {
                return;
            }
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let to = letter.to.parse().map(|address| Mailbox::new(None, address));
        let to = to.map_err(|_| lettre::error::Error::MissingTo)?;
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
    }
}

#[cfg(test)]
mod tests {
    use weir_base::Tongue;

    use super::*;

    #[test]
    fn a_letter_has_one_receiver_and_its_words_in_utf8() {
        let postman = Postman {
            smtp: None,
            from: MailConfig::default().from.parse().unwrap(),
        };
        let link = "https://live.example/account/prove#token=wl_x";
        let letter = Letter::prove_to("安", "an@example.net", link, Tongue::Chinese);
        let message = postman.message(&letter).unwrap();
        assert_eq!(message.envelope().to().len(), 1);
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(text.contains("To: an@example.net\r\n"), "{text}");
        assert!(letter.text.contains(link) && letter.text.contains('安'));
        let forged = Letter {
            to: "a@example.net\r\nBcc: b@example.net".into(),
            ..letter
        };
        assert!(postman.message(&forged).is_err());
    }
}
