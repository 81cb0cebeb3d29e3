//! What the account pages ask of the API. The browser's cookie says who asks.

import type {
  AccountView, Asked, Ban, ChannelShown, IdentityView, ListedKey, MissingView, PasskeyView, Problem, ProviderView,
} from "@weir/api";
import { ask, Refused } from "../api";
import { store } from "../store";

/** Milliseconds for a picture to be sent and made anew. */
const PICTURE_TIMEOUT_MS = 120_000;

export type Account = AccountView;
export type Channel = ChannelShown;
export type StreamKey = ListedKey;
export type Passkey = PasskeyView;
export type Provider = ProviderView;
export type Identity = IdentityView;
export type Missing = MissingView;
/** What a provider sent back with somebody. */
export type Returned = { provider: string; state: string; code: string; iss: string; error: string };
/** A ban on one's own account, with what one said against it. */
export type OwnBan = Ban;

/** Sends a file as the whole body. Only this old interface tells how far it is. */
function upload<T>(path: string, file: File, progress: (part: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/api/v1${path}`);
    request.responseType = "json";
    request.timeout = PICTURE_TIMEOUT_MS;
    request.setRequestHeader("content-type", file.type.startsWith("image/") ? file.type : "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () => {
      if (request.status < 300) resolve(request.response as T);
      else reject(new Refused(request.status, (request.response ?? {}) as Partial<Problem>));
    };
    request.onerror = request.ontimeout = () => reject(new Error("unreachable"));
    request.send(file);
  });
}

/** Who is signed in; null for nobody. */
export async function me(): Promise<Account | null> {
  try {
    const account = await ask("me");
    store.setSignedIn(true);
    return account;
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 401) throw error;
    store.setSignedIn(false);
    return null;
  }
}

export const signUp = (name: string, email: string, password: string) => ask("account_make", { body: { name, email, password } });

export const signIn = (login: string, password: string, code: string) =>
  ask("session_begin", { body: { login, password, kind: "cookie", ...(code && { code }) } });

export const signInByLink = (token: string) => ask("session_by_link", { body: { token, kind: "cookie" } });

export async function signOut(): Promise<void> {
  store.setSignedIn(false);
  await ask("session_end");
}

export const proveAddress = (token: string) => ask("account_prove", { body: { token } });

export const forgotten = (login: string) => ask("account_ask_reset", { body: { login } });

export const resetPassword = (token: string, password: string) => ask("account_reset", { body: { token, new_password: password } });

export const setPassword = (password: string, old: string) =>
  ask("me_password", { body: { new_password: password, ...(old && { password: old }) } });

export const passkeys = async () => (await ask("passkey_list")).items;

export const offerPasskey = (password: string) => ask("passkey_offer", { body: { password } });

export const addPasskey = (made: Asked<"passkey_add">["body"]) => ask("passkey_add", { body: made });

export const renamePasskey = (id: string, label: string) => ask("passkey_name", { path: { id }, body: { label } });

export const removePasskey = (id: string, password: string) => ask("passkey_remove", { path: { id }, body: { password } });

export const askPasskey = () => ask("session_passkey_offer");

export const signInByPasskey = (shown: Asked<"session_by_passkey">["body"]) => ask("session_by_passkey", { body: shown });

export const providers = async () => (await ask("provider_list")).items;

/** Gives the address at the provider. */
export const departTo = async (provider: string) => (await ask("session_oidc_offer", { body: { provider } })).url;

export const departToLink = async (provider: string, password: string) =>
  (await ask("identity_offer", { body: { provider, ...(password && { password }) } })).url;

export const arriveFrom = (returned: Returned) => ask("session_by_oidc", { body: { ...returned, kind: "cookie" } });

export const arriveWith = (rest: string, name: string, code: string) =>
  ask("session_oidc_rest", { body: { rest, ...(name && { name }), ...(code && { code }), kind: "cookie" } });

export const identities = async () => (await ask("identity_list")).items;

export const linkFrom = (returned: Returned) => ask("identity_add", { body: returned });

export const unlink = (id: string, password: string) => ask("identity_remove", { path: { id }, body: password ? { password } : {} });

export const ownChannels = async () => (await ask("own_channels")).items;

export const channel = (name: string) => ask("channel", { path: { name } });

export const makeChannel = (name: string, title: string) => ask("channel_create", { body: { name, title } });

export const streamKeys = async (name: string) => (await ask("key_list", { path: { name } })).items;

/** A new key: nobody sees it a second time. */
export const makeKey = (name: string, label: string) => ask("key_add", { path: { name }, body: { label } });

export const revokeKey = (name: string, id: string) => ask("key_revoke", { path: { name, id } });

export const follow = (name: string) => ask("follow", { path: { name } });

export const unfollow = (name: string) => ask("unfollow", { path: { name } });

/** Leave to watch a channel that is not for everybody: for `?ticket=`. */
export const ticket = async (name: string, password: string) =>
  (await ask("channel_ticket", { path: { name }, body: password ? { password } : {} })).ticket;

export const setVisibility = (name: string, visibility: string, password: string) =>
  ask("channel_edit", { path: { name }, body: { visibility, ...(password && { password }) } });

/** Whether its broadcasts are recorded: `on`, `off`, or `app` for as its app says. */
export const setRecord = (name: string, record: string) => ask("channel_edit", { path: { name }, body: { record } });

export const ownBans = async () => (await ask("ban_own")).items;

export const appealAgainst = (ban: string, words: string) => ask("appeal", { body: { ban, words } });

/** Channels that one helps with. */
export const ownTeams = async () => (await ask("own_teams")).items;

/** Gives the id of the picture. */
export const setAvatar = async (file: File, progress: (part: number) => void) =>
  (await upload<Account>("/me/avatar", file, progress)).avatar;

export const removeAvatar = async () => void (await ask("me_avatar_remove"));

/** Gives the id of the picture. */
export const setCover = async (name: string, file: File, progress: (part: number) => void) =>
  (await upload<Channel>(`/channels/${encodeURIComponent(name)}/cover`, file, progress)).cover;

export const removeCover = async (name: string) => void (await ask("channel_cover_remove", { path: { name } }));
