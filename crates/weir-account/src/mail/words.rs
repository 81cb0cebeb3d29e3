//! What letters say, in English and in Chinese.

use weir_base::Tongue;
use weir_store::accounts::Account;

/// A letter to one person.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Letter {
    /// Proves an address.
    pub(crate) fn prove(account: &Account, to: &str, link: &str, tongue: Tongue) -> Self {
        Self::prove_to(&account.name, to, link, tongue)
    }

    pub(super) fn prove_to(name: &str, to: &str, link: &str, tongue: Tongue) -> Self {
        let (subject, text) = match tongue {
            Tongue::English => (
                "Is this your address?",
                format!(
                    "Hello {name},\n\nfollow this link within two days to say that this address is yours:\n\n\
                     {link}\n\nIf you made no account with us, do nothing: somebody mistyped their address.\n"
                ),
            ),
            Tongue::Chinese => (
                "请确认您的邮箱地址",
                format!(
                    "{name}，您好：\n\n请在两天内打开以下链接，确认此邮箱地址属于您：\n\n{link}\n\n\
                     如果您没有注册过账号，请忽略本邮件：可能是他人填错了地址。\n"
                ),
            ),
        };
        Self::new(to, subject, text)
    }

    /// Tells somebody that their address was given for another account.
    pub(crate) fn known(account: &Account) -> Self {
        let name = &account.name;
        let (subject, text) = match Tongue::of(&account.language) {
            Tongue::English => (
                "You have an account already",
                format!(
                    "Hello {name},\n\nsomebody gave this address for another account just now. It is yours \
                     already: sign in as {name}, or choose \"forgotten\" there for a new password.\n\n\
                     If that was not you, do nothing: the address stays yours alone.\n"
                ),
            ),
            Tongue::Chinese => (
                "您已有账号",
                format!(
                    "{name}，您好：\n\n刚才有人用此邮箱地址注册另一个账号。该地址已属于您的账号：\
                     请以 {name} 登录，或在登录页点击“忘记密码”设置新密码。\n\n\
                     如果这不是您本人所为，请忽略本邮件，此地址仍只属于您。\n"
                ),
            ),
        };
        Self::new(&account.email, subject, text)
    }

    /// Lets somebody set a new password.
    pub(crate) fn reset(account: &Account, link: &str, tongue: Tongue) -> Self {
        let name = &account.name;
        let (subject, text) = match tongue {
            Tongue::English => (
                "A new password",
                format!(
                    "Hello {name},\n\nfollow this link within an hour to set a new password:\n\n{link}\n\n\
                     If you did not ask for this, do nothing: your password stays as it is.\n"
                ),
            ),
            Tongue::Chinese => (
                "重设密码",
                format!(
                    "{name}，您好：\n\n请在一小时内打开以下链接，设置新密码：\n\n{link}\n\n\
                     如果这不是您本人的请求，请忽略本邮件，您的密码不会改变。\n"
                ),
            ),
        };
        Self::new(&account.email, subject, text)
    }

    /// Tells of a new password.
    pub(crate) fn password_changed(account: &Account) -> Self {
        let name = &account.name;
        let (subject, text) = match Tongue::of(&account.language) {
            Tongue::English => (
                "Your password was changed",
                format!(
                    "Hello {name},\n\nthe password of your account was changed just now. If that was not you, \
                     set another one at once: choose \"forgotten\" where you sign in.\n"
                ),
            ),
            Tongue::Chinese => (
                "您的密码已更改",
                format!(
                    "{name}，您好：\n\n您账号的密码刚刚被更改。如果不是您本人所为，\
                     请立即在登录页点击“忘记密码”重新设置。\n"
                ),
            ),
        };
        Self::new(&account.email, subject, text)
    }

    /// Tells that a passkey or a second factor was added or removed.
    pub(crate) fn proofs_changed(account: &Account) -> Self {
        let name = &account.name;
        let (subject, text) = match Tongue::of(&account.language) {
            Tongue::English => (
                "How you sign in was changed",
                format!(
                    "Hello {name},\n\na passkey or the second factor of your account was added or removed just \
                     now. If that was not you, set another password at once: choose \"forgotten\" where you sign in.\n"
                ),
            ),
            Tongue::Chinese => (
                "您的登录方式已更改",
                format!(
                    "{name}，您好：\n\n您账号的通行密钥或两步验证刚刚被添加或移除。如果不是您本人所为，\
                     请立即在登录页点击“忘记密码”重新设置。\n"
                ),
            ),
        };
        Self::new(&account.email, subject, text)
    }

    /// Tells the old address of the new one.
    pub(crate) fn email_changed(before: &Account, now: &str) -> Self {
        let name = &before.name;
        let (subject, text) = match Tongue::of(&before.language) {
            Tongue::English => (
                "Your address was changed",
                format!(
                    "Hello {name},\n\nyour account's letters go to {now} from now on. If you did not ask for \
                     that, write to those who run the site.\n"
                ),
            ),
            Tongue::Chinese => (
                "您的邮箱地址已更改",
                format!(
                    "{name}，您好：\n\n您账号的邮件今后将发送到 {now}。如果不是您本人所为，请联系网站管理员。\n"
                ),
            ),
        };
        Self::new(&before.email, subject, text)
    }

    fn new(to: &str, subject: &str, text: String) -> Self {
        Self {
            to: to.to_owned(),
            subject: subject.to_owned(),
            text,
        }
    }
}
