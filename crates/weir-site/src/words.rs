//! The pages' words in English and Chinese. One that lacks a language does not compile.

use weir_base::Tongue;

macro_rules! words {
    ($($name:ident: $english:literal, $chinese:literal;)+) => {
        /// All of them in one language.
        #[derive(Debug)]
        pub(crate) struct Words {
            $(pub(crate) $name: &'static str,)+
        }

        const ENGLISH: Words = Words { $($name: $english,)+ };
        const CHINESE: Words = Words { $($name: $chinese,)+ };
    };
}

words! {
    about: "About", "简介";
    about_site: "Live streams to watch in your browser.", "在浏览器里观看直播。";
    account: "Account", "账号";
    categories: "Categories", "分类";
    channels: "Channels", "频道";
    coming: "Schedule", "直播预告";
    feed: "Feed", "订阅源";
    follower: "follower", "人关注";
    followers: "followers", "人关注";
    found: "Search results", "搜索结果";
    found_none: "No channel was found.", "没有找到频道。";
    goes_on: "still going on", "仍在直播";
    help: "Help", "帮助";
    home: "weir, to the list of live streams", "weir，返回直播列表";
    is_live: "Live", "直播中";
    languages: "Languages", "语言";
    live_now: "Live now", "正在直播";
    more_notices: "All notices", "全部公告";
    none_live: "Nothing is live right now.", "现在没有直播。";
    not_live: "Not live", "未开播";
    nothing_said: "Nothing is said about this channel.", "这个频道还没有简介。";
    nothing_yet: "There is nothing here yet.", "这里还没有内容。";
    notices: "Notices", "公告";
    other_tag: "zh-CN", "en";
    other_tongue: "中文", "English";
    past: "Past broadcasts", "往期直播";
    play: "Watch", "观看";
    search: "Search", "搜索";
    search_label: "Search channels", "搜索频道";
    search_later: "Search does not work right now. What is live is below.", "搜索暂时不可用。下面是正在直播的频道。";
    skip: "Skip to content", "跳到正文";
    studio: "Go live", "我要开播";
    tagline: "Publish once, watch everywhere.", "一次推流，处处可看。";
    watch_with: "Watch with another player", "用其他播放器观看";
    watching: "watching", "人在看";
}

/// The words of a language.
pub(crate) const fn of(tongue: Tongue) -> &'static Words {
    match tongue {
        Tongue::English => &ENGLISH,
        Tongue::Chinese => &CHINESE,
    }
}

/// The other language, as `?lang=` says it.
pub(crate) const fn other(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::English => "zh",
        Tongue::Chinese => "en",
    }
}

/// The language, as `?lang=` says it.
pub(crate) const fn short(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::English => "en",
        Tongue::Chinese => "zh",
    }
}
