//! From where one may, and on whose pages: networks, sites, countries; and who is banned.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use weir_base::sign::Action;
use weir_base::{Code, Refusal};

use crate::acts::Acts;
use crate::book::Book;
use crate::rules::AppRules;
use crate::snapshot::{Ban, BanTarget};
use crate::usage::Surroundings;

/// Whom a ban may hit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suspect<'a> {
    pub(crate) action: Action,
    /// The id of the channel whose stream it is; empty for none.
    pub(crate) channel: &'a str,
    /// The stream, as `app/stream`, behind its vhost and a colon where it has one.
    pub(crate) path: &'a str,
    pub(crate) ip: IpAddr,
    /// Accounts that have to do with it: the channel's owner, whoever watches.
    pub(crate) accounts: [&'a str; 2],
}

/// Whether nobody has banned them.
///
/// # Errors
/// 2001 for a stream, 2003 for an address, 2007 for an account, with the ban's own words.
pub(crate) fn check_bans(book: &Book, who: Suspect<'_>, now_ms: i64) -> Result<(), Refusal> {
    let acts = Acts::from(who.action);
    let snapshot = &book.snapshot;
    if snapshot.counts().bans == 0 {
        return Ok(());
    }
    let stream = BanTarget::Stream(who.path.into());
    if let Some(ban) = snapshot.ban("", &stream, acts, now_ms) {
        return Err(told(Code::StreamBanned, ban));
    }
    // What a channel's own moderators say counts there alone.
    let on_channel = (!who.channel.is_empty()).then_some(who.channel);
    for place in std::iter::once("").chain(on_channel) {
        if let Some(ban) = snapshot.ban_of_ip(place, who.ip, acts, now_ms) {
            return Err(told(Code::IpDenied, ban));
        }
        let accounts = who.accounts.into_iter();
        for account in accounts.filter(|account| !account.is_empty()) {
            let account = BanTarget::Account(account.into());
            if let Some(ban) = snapshot.ban(place, &account, acts, now_ms) {
                return Err(told(Code::AccountSuspended, ban));
            }
        }
    }
    Ok(())
}

fn told(code: Code, ban: &Arc<Ban>) -> Refusal {
    if ban.reason.is_empty() {
        return code.into();
    }
    Refusal::new(code, ban.reason.to_string())
}

/// Whether an app's rules let somebody in from where it is.
///
/// # Errors
/// 2003 for a network, 2004 for a country.
pub(crate) fn check_place(
    rules: &AppRules,
    action: Action,
    ip: IpAddr,
    around: &dyn Surroundings,
) -> Result<(), Refusal> {
    let ip = ip.to_canonical();
    let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
    let allowed = match action {
        Action::Publish => &rules.publish_networks,
        Action::Play => &rules.play_networks,
    };
    if is_in(&rules.denied_networks) || !(allowed.is_empty() || is_in(allowed)) {
        let words = format!("the app does not take {ip} to {}", action.name());
        return Err(Refusal::new(Code::IpDenied, words));
    }
    let has_rule = !rules.countries.is_empty() || !rules.denied_countries.is_empty();
    if action == Action::Publish || !has_rule {
        return Ok(());
    }
    let refused = match around.country(ip) {
        Some(country) => {
            let is_named = rules.countries.is_empty() || rules.countries.contains(&country);
            (!is_named || rules.denied_countries.contains(&country))
                .then(|| format!("the app is not watched from {}", country.code()))
        }
        // Where nobody knows, a list of who may is one that does not name them.
        None => (!rules.countries.is_empty())
            .then(|| "the app is watched from some countries alone, and yours is not known".into()),
    };
    refused.map_or(Ok(()), |words| Err(Refusal::new(Code::RegionDenied, words)))
}

/// Whether an app may be played on this page.
///
/// # Errors
/// 2009 when not, or when the client does not say on which one.
pub(crate) fn check_page(rules: &AppRules, page: Option<&str>) -> Result<(), Refusal> {
    if rules.referers.is_empty() {
        return Ok(());
    }
    let host = page.and_then(host_of);
    if let Some(host) = host
        && rules.referers.iter().any(|site| is_site(site, host))
    {
        return Ok(());
    }
    let words = match host {
        Some(host) => format!("the app is not played on pages of {host}"),
        None => "the app is played on some sites' pages alone, and the player names none".into(),
    };
    Err(Refusal::new(Code::PageDenied, words))
}

/// The host of a URL or of an origin, without user and port.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let end = match host.strip_prefix('[') {
        Some(inner) => inner.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    host.get(..end).filter(|host| !host.is_empty())
}

fn is_site(site: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    match site.strip_prefix("*.") {
        None => site.eq_ignore_ascii_case(host),
        // The name itself is not below itself.
        Some(parent) => host
            .len()
            .checked_sub(parent.len() + 1)
            .and_then(|at| host.get(at..))
            .and_then(|tail| tail.strip_prefix('.'))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(parent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> AppRules {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_page_counts_by_its_host_alone() {
        let rules = rules(r#"{"referers":["example.com","*.school.example","[::1]"]}"#);
        let is_in = |page: &str| check_page(&rules, Some(page)).is_ok();
        for page in [
            "https://example.com/watch?x=http://other.example",
            "https://EXAMPLE.com:8443",
            "http://user:word@example.com/",
            "https://example.com./",
            "https://a.b.school.example/",
            "http://[::1]:8080/x",
        ] {
            assert!(is_in(page), "{page}");
        }
        for page in [
            "https://example.com.evil.example/",
            "https://evil.example/example.com",
            "https://evil.example\\@example.com/",
            "https://example.com@evil.example/",
            "https://school.example/",
            "https://notschool.example/",
            "https://xschool.example/",
            "example.com",
            "http://[::1",
            "https:///",
            "",
        ] {
            assert!(!is_in(page), "{page}");
        }
        assert_eq!(check_page(&rules, None).unwrap_err().code, Code::PageDenied);
    }

    #[test]
    fn networks_are_of_what_one_does_and_the_denied_of_all() {
        let rules = rules(
            r#"{"publish_networks":["10.0.0.0/8"],"denied_networks":["10.6.6.0/24","2001:db8::/32"]}"#,
        );
        let code = |action, ip: &str| {
            let verdict = check_place(&rules, action, ip.parse().unwrap(), &crate::usage::Alone);
            verdict.err().map(|refusal| refusal.code.number())
        };
        assert_eq!(code(Action::Publish, "::ffff:10.1.1.1"), None);
        assert_eq!(code(Action::Publish, "192.0.2.1"), Some(2003));
        assert_eq!(code(Action::Play, "192.0.2.1"), None);
        assert_eq!(code(Action::Play, "10.6.6.9"), Some(2003));
        assert_eq!(code(Action::Publish, "10.6.6.9"), Some(2003));
        assert_eq!(code(Action::Play, "2001:db8::1"), Some(2003));
    }

    /// Knows the country of every address by its first byte.
    struct Map;

    impl Surroundings for Map {
        fn country(&self, ip: IpAddr) -> Option<weir_cluster::geo::Country> {
            let code = match ip {
                IpAddr::V4(ip) => match ip.octets()[0] {
                    1 => "DE",
                    2 => "FR",
                    _ => return None,
                },
                IpAddr::V6(_) => return None,
            };
            weir_cluster::geo::Country::new(code).ok()
        }
    }

    #[test]
    fn a_country_that_is_not_known_is_in_no_list() {
        let code = |text: &str, ip: &str| {
            let (rules, ip) = (rules(text), ip.parse().unwrap());
            let verdict = check_place(&rules, Action::Play, ip, &Map);
            verdict.err().map(|refusal| refusal.code.number())
        };
        let some = r#"{"countries":["de"]}"#;
        assert_eq!(code(some, "1.0.0.1"), None);
        assert_eq!(code(some, "2.0.0.1"), Some(2004));
        assert_eq!(code(some, "3.0.0.1"), Some(2004));
        let but = r#"{"denied_countries":["fr"]}"#;
        assert_eq!(code(but, "1.0.0.1"), None);
        assert_eq!(code(but, "2.0.0.1"), Some(2004));
        assert_eq!(code(but, "3.0.0.1"), None);
    }
}
