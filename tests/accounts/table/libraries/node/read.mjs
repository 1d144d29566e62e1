// Signs in with a row that Keyturn has written: once through better-auth's plugin, once through SimpleWebAuthn itself.
// Standard input: {library, row, credential, key, origin}. `key`: the private key of the passkey, in PEM.

import { createHash, createSign } from "node:crypto";
import { readFileSync } from "node:fs";

const { library, row, credential, key, origin } = JSON.parse(readFileSync(0, "utf8"));
const text = (bytes) => Buffer.from(bytes).toString("base64url");
const digest = (bytes) => createHash("sha256").update(bytes).digest();

const answer = (options, counter = 1) => {
  const client = JSON.stringify({ type: "webauthn.get", challenge: options.challenge, origin, crossOrigin: false });
  const count = Buffer.alloc(4);
  count.writeUInt32BE(counter);
  const data = Buffer.concat([digest("localhost"), Buffer.from([0x05]), count]);
  const signature = createSign("SHA256").update(Buffer.concat([data, digest(client)])).sign(key);
  const response = { clientDataJSON: text(client), authenticatorData: text(data), signature: text(signature) };
  return { id: credential, rawId: credential, type: "public-key", response, clientExtensionResults: {} };
};

const withBetterAuth = async () => {
  const { betterAuth } = await import("better-auth");
  const { memoryAdapter } = await import("better-auth/adapters/memory");
  const { passkey } = await import("@better-auth/passkey");
  const moment = new Date();
  const user = { id: row.userId, name: "Ada", email: "ada@northwind.test", emailVerified: true };
  const tables = {
    user: [{ ...user, createdAt: moment, updatedAt: moment }],
    session: [], account: [], verification: [], passkey: [{ ...row, createdAt: new Date(row.createdAt) }],
  };
  const auth = betterAuth({
    baseURL: origin,
    secret: "0123456789abcdef0123456789abcdef",
    database: memoryAdapter(tables),
    plugins: [passkey({ rpID: "localhost", origin })],
  });
  const ask = (path, init) => auth.handler(new Request(`${origin}/api/auth/passkey/${path}`, init));
  const begun = await ask("generate-authenticate-options", { headers: { origin } });
  const cookie = begun.headers.getSetCookie().map((each) => each.split(";")[0]).join("; ");
  const body = JSON.stringify({ response: answer(await begun.json()) });
  const headers = { "content-type": "application/json", origin, cookie };
  const ended = await ask("verify-authentication", { method: "POST", headers, body });
  return { status: ended.status, user: (await ended.json()).session?.userId, counter: tables.passkey[0].counter };
};

const withSimpleWebAuthn = async () => {
  const { verifyAuthenticationResponse } = await import("@simplewebauthn/server");
  const challenge = text("a challenge of sixteen bytes");
  const { verified } = await verifyAuthenticationResponse({
    response: answer({ challenge }),
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: "localhost",
    credential: {
      id: row.id,
      publicKey: new Uint8Array(Buffer.from(row.publicKey, "hex")),
      counter: row.counter,
      transports: row.transports.split(","),
    },
  });
  return { verified };
};

console.log(JSON.stringify(await (library === "better-auth" ? withBetterAuth() : withSimpleWebAuthn())));
