//! A small OpenID provider (`oidc-provider`) that signs in anybody under the name they type, for tests of signing in
//! by one. Says `listening` when it does.
//!
//! node e2e/provider.mjs --port PORT --redirect URL --secret SECRET --modules FOLDER

import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: { port: { type: "string" }, redirect: { type: "string" }, secret: { type: "string" }, modules: { type: "string" } },
});
const { Provider } = await import(pathToFileURL(join(args.modules, "oidc-provider/lib/index.js")).href);

const provider = new Provider(`http://localhost:${args.port}`, {
  clients: [{ client_id: "weir", client_secret: args.secret, redirect_uris: [args.redirect] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@school.example`, email_verified: true, preferred_username: id }),
  }),
});
provider.listen(Number(args.port), "localhost", () => console.log("listening"));
