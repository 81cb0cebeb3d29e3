//! `weir chat`: a room in a terminal. What is typed is said; what others say is printed.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use weir_client::chat::ChatClient;
use weir_link::url::HttpUrl;

/// Arguments of `weir chat`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the gateway is: `ws://host:8080/chat`, `wss://…`.
    url: String,
    /// The room: `live/demo`, or a group's whole name such as `r:live/demo`.
    room: String,
    /// A token of `POST /api/v1/tokens/chat`; a guest without one.
    #[arg(long, env = "WEIR_CHAT_TOKEN", value_name = "TOKEN")]
    token: Option<String>,
    /// Read nothing from standard input, and stay.
    #[arg(long)]
    listen: bool,
    /// Print what comes as it comes, one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Take any certificate.
    #[arg(long)]
    insecure: bool,
}

/// Chats until standard input ends, or the server says goodbye.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let url = HttpUrl::parse(&args.url)?;
    let room = match args.room.contains(':') {
        true => args.room.clone(),
        false => format!("r:{}", args.room),
    };
    let asked = (args.token.as_deref(), [room.as_str()]);
    let entered = ChatClient::enter(&url, args.insecure, (asked.0, &asked.1)).await;
    let (mut client, told) = entered.with_context(|| args.url.clone())?;
    let here = &told["g"][&room];
    if let Some(refused) = here.get("er") {
        anyhow::bail!(
            "{room}: {} ({})",
            refused["m"].as_str().unwrap_or_default(),
            refused["n"]
        );
    }
    if !args.json {
        let name = told["u"]["n"].as_str().unwrap_or_default();
        println!("* {room}: {} here; you are {name}", here["n"]);
    }
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let (mut is_typing, mut waits_for) = (!args.listen, 0_u64);
    loop {
        if !is_typing && !args.listen && waits_for == 0 {
            return Ok(());
        }
        tokio::select! {
            line = typed.next_line(), if is_typing => match line? {
                Some(text) if text.trim().is_empty() => {}
                Some(text) => {
                    client.say(json!({ "c": "pub", "g": room, "d": { "m": text } })).await?;
                    waits_for += 1;
                }
                None => is_typing = false,
            },
            heard = client.hear() => {
                let line = heard?;
                waits_for -= u64::from(line["i"].is_u64()).min(waits_for);
                match args.json {
                    true => println!("{line}"),
                    false => show(&line),
                }
            }
        }
    }
}

/// A line for people.
fn show(line: &Value) {
    // A terminal obeys control characters.
    let plain = |text: &str| text.replace(char::is_control, " ");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), plain);
    if let Some(refused) = line.get("er") {
        return println!("! {} ({})", text(&refused["m"]), refused["n"]);
    }
    match line["p"].as_str().unwrap_or_default() {
        "m" => {
            let name = line["f"]["n"]
                .as_str()
                .map_or_else(|| "*".to_owned(), plain);
            let said = line["d"]["m"].as_str().map(plain);
            let said = said.unwrap_or_else(|| format!("[{}] {}", text(&line["k"]), line["d"]));
            println!("{name}: {said}");
        }
        "skip" => println!("* {} messages were left out", line["n"]),
        "st" => println!("* {}", line["d"]),
        "clr" => println!("* what {} said was taken away", text(&line["u"])),
        "bye" => println!("* you are out of {} ({})", text(&line["g"]), line["n"]),
        _ => {}
    }
}
