// A certified OpenID Connect provider on a free loopback port, for tests. Whoever signs in is who
// they say they are: the login is the subject; `unverified...` has an address nobody checked.
// Prints one line of JSON: its issuer. Ends when its standard input does.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [platform] = process.argv.slice(2);
const server = createServer((request, response) => handle(request, response));
let handle;

server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = (client_id, more) => ({
    client_id,
    redirect_uris: [`${platform}/auth/oidc/${client_id}/callback`],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    ...more,
  });
  const provider = new Provider(issuer, {
    clients: [
      client("confidential", { client_secret: "only-for-tests" }),
      client("claims", { client_secret: "only-for-tests" }),
      client("open", { token_endpoint_auth_method: "none" }),
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    // Off: the ID token itself carries the address. On (the default): userinfo does.
    conformIdTokenClaims: process.env.CONFORM !== "0",
    pkce: { required: () => true },
    cookies: { keys: ["only-for-tests"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@example.test`,
        email_verified: !id.startsWith("unverified"),
      }),
    }),
  });
  handle = provider.callback();
  console.log(JSON.stringify({ issuer }));
});

process.stdin.on("end", () => process.exit(0)).resume();
