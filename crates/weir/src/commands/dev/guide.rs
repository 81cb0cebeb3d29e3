//! What is printed when the cluster is up: who is where, and what to try.

use std::fmt::Write as _;

use super::console::HELP;
use super::plan::Plan;

/// A picture and a sound that every ffmpeg can make.
const FFMPEG: &str = "ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine -c:v libx264 \
                      -preset veryfast -tune zerolatency -pix_fmt yuv420p -g 60 -c:a aac -f flv";

/// The whole text. `key` is the stream key of `live/me`.
pub(super) fn text(plan: &Plan, token: &str, key: &str, demo: bool) -> String {
    let mut out = String::new();
    let _ = nodes(&mut out, plan);
    let _ = commands(&mut out, plan, token, key, demo);
    out
}

fn nodes(out: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(
        out,
        "\nThe cluster is up: {} nodes, Redis at {}\n",
        plan.nodes.len(),
        plan.redis_url
    )?;
    for node in &plan.nodes {
        let parent = node.parent.map(|parent| format!("   through {parent}"));
        writeln!(
            out,
            "  {:<11} {:<3} {:<6} {}   {}{}",
            node.name,
            node.region,
            node.isp,
            node.http_url(),
            node.rtmp_url().unwrap_or_default(),
            parent.unwrap_or_default()
        )?;
    }
    Ok(())
}

fn commands(out: &mut String, plan: &Plan, token: &str, key: &str, demo: bool) -> std::fmt::Result {
    let edge = |name| plan.node(name).or_else(|| plan.first("edge"));
    let (Some(dispatcher), Some(near), Some(far)) = (
        plan.first("dispatcher"),
        edge("edge-eu-2"),
        edge("edge-ap-1"),
    ) else {
        return Ok(());
    };
    let (ask, near_rtmp) = (dispatcher.http_url(), near.rtmp_url().unwrap_or_default());
    let stream = if demo { "live/demo" } else { "live/me" };
    writeln!(out, "\nLook at it\n  {ask}/console/nodes#token={token}\n")?;
    writeln!(
        out,
        "Publish to an edge in eu\n  {FFMPEG} \"{near_rtmp}/live/me?key={key}\""
    )?;
    writeln!(
        out,
        "or ask the dispatcher where\n  curl -s {ask}/api/v1/dispatch/publish -H 'content-type: application/json' \
         -d '{{\"app\":\"live\",\"stream\":\"me\",\"protocols\":[\"rtmp\"],\"query\":\"key={key}\"}}'\n"
    )?;
    writeln!(
        out,
        "Watch in ap\n  {far}/watch/{stream}\n  ffplay {far}/{stream}.flv\n  ffplay {far}/{stream}.m3u8\n\
         or where the dispatcher sends you\n  ffplay {ask}/go/{stream}.flv\n",
        far = far.http_url()
    )?;
    writeln!(
        out,
        "Break it: type\n  {HELP}\n  and Ctrl-C to end everything\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_pages_address_and_commands_that_can_be_pasted() {
        let ports: Vec<u16> = (7000..7020).collect();
        let text = text(&Plan::new(&ports, None).unwrap(), "TOKEN", "KEY", false);
        assert!(
            text.contains("http://127.0.0.1:7000/console/nodes#token=TOKEN"),
            "{text}"
        );
        assert!(text.contains("/live/me?key=KEY\""), "{text}");
        assert!(text.contains("\"query\":\"key=KEY\""), "{text}");
        assert!(text.contains("through edge-eu-1"), "{text}");
    }
}
