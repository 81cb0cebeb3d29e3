//! Passkeys in this browser: the server's question is answered by the authenticator, and the answer is sent back.

import { addPasskey, askPasskey, offerPasskey, signInByPasskey } from "./api";

/** The JSON forms of WebAuthn, level 3, which not every browser reads by itself yet. */
interface CreationJson {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials: { type: "public-key"; id: string }[];
}

interface RequestJson {
  challenge: string;
  rpId: string;
  timeout: number;
}

/** Whether this browser has passkeys, on a page that may use them. */
export const hasPasskeys = () => typeof PublicKeyCredential === "function" && isSecureContext;

/** Makes a passkey for whoever is signed in. */
export async function makePasskey(label: string, password: string): Promise<void> {
  const { offer, options } = await offerPasskey(password);
  const asked = options as unknown as CreationJson;
  const publicKey = {
    ...asked,
    challenge: bytes(asked.challenge),
    user: { ...asked.user, id: bytes(asked.user.id) },
    excludeCredentials: asked.excludeCredentials.map(({ type, id }) => ({ type, id: bytes(id) })),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null;
  if (!made) throw new DOMException("no passkey was made", "NotAllowedError");
  const response = made.response as AuthenticatorAttestationResponse;
  await addPasskey({
    offer,
    label,
    client_data: text(response.clientDataJSON),
    attestation: text(response.attestationObject),
  });
}

/** Signs in by a passkey that the browser has people choose. */
export async function usePasskey(): Promise<void> {
  const { offer, options } = await askPasskey();
  const { challenge, rpId, timeout } = options as unknown as RequestJson;
  const publicKey: PublicKeyCredentialRequestOptions = { challenge: bytes(challenge), rpId, timeout, userVerification: "required" };
  const shown = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
  if (!shown) throw new DOMException("no passkey was shown", "NotAllowedError");
  const response = shown.response as AuthenticatorAssertionResponse;
  await signInByPasskey({
    offer,
    credential: shown.id,
    client_data: text(response.clientDataJSON),
    authenticator_data: text(response.authenticatorData),
    signature: text(response.signature),
    user_handle: response.userHandle ? text(response.userHandle) : "",
    kind: "cookie",
  });
}

/** base64url without padding to bytes. */
export function bytes(encoded: string): Uint8Array<ArrayBuffer> {
  const plain = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** Bytes to base64url without padding. */
export function text(raw: ArrayBuffer): string {
  const plain = Array.from(new Uint8Array(raw), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
