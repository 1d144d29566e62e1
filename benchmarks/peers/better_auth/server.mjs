// Better Auth with its Kysely adapter on node:http. Limits and log are off. Apps render the mails, so it renders none.

import { randomBytes } from "node:crypto";
import { openSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import bcrypt from "bcrypt";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db";
import { toNodeHandler } from "better-auth/node";
import Database from "better-sqlite3";
import pg from "pg";

const [folder, url, count] = process.argv.slice(2);
const ACCOUNTS = Number(count);
const LINKS = Math.min(ACCOUNTS, 400);
const PASSWORD = "a longer horse, and another battery";
const ORIGIN = "http://127.0.0.1";

const sent = openSync(`${folder}/sent`, "a", 0o600);
const database = open(url);
const auth = betterAuth({
  baseURL: ORIGIN,
  secret: "b".repeat(32),
  database,
  logger: { disabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  emailAndPassword: {
    enabled: true,
    sendResetPassword: async ({ user }) => void writeSync(sent, `${user.email} password_reset\n`),
    password: { hash: (text) => bcrypt.hash(text, 12), verify: ({ hash, password }) => bcrypt.compare(password, hash) },
  },
});

function open(address) {
  if (address.startsWith("sqlite:")) {
    const file = new Database(address.replace("sqlite:///", ""));
    file.pragma("journal_mode = WAL");
    file.pragma("synchronous = FULL");
    return file;
  }
  const read = new URL(address.replace("@/", "@localhost/"));
  return new pg.Pool({
    host: read.searchParams.get("host"), user: read.username, database: read.pathname.slice(1), max: 10,
  });
}

async function addUsers() {
  const now = new Date().toISOString();
  const columns = 'INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")';
  if (database instanceof pg.Pool) {
    const rows = "SELECT 'user' || n, '', 'person' || n || '@example.test', true, $1, $1 FROM generate_series(0, $2) n";
    await database.query(`${columns} ${rows}`, [now, ACCOUNTS - 1]);
    return;
  }
  const statement = database.prepare(`${columns} VALUES (?, '', ?, 1, ?, ?)`);
  database.transaction(() => {
    for (let n = 0; n < ACCOUNTS; n += 1) statement.run(`user${n}`, `person${n}@example.test`, now, now);
  })();
}

async function addLinks() {
  const { internalAdapter } = await auth.$context;
  const links = Array.from({ length: LINKS }, () => randomBytes(18).toString("base64url"));
  const expiresAt = new Date(Date.now() + 86_400_000);
  for (const [n, token] of links.entries()) {
    await internalAdapter.createVerificationValue({ identifier: `reset-password:${token}`, value: `user${n}`, expiresAt });
  }
  return links;
}

function write(name, requests) {
  writeFileSync(`${folder}/${name}.json`, JSON.stringify(requests));
}

function post(path, body) {
  return { method: "POST", path: `/api/auth/${path}`, headers: { Origin: ORIGIN }, body: JSON.stringify(body) };
}

function ask(name) {
  return Array.from({ length: ACCOUNTS }, (_, n) => post("request-password-reset", { email: `${name}${n}@example.test` }));
}

await (await getMigrations(auth.options)).runMigrations();
await addUsers();
const links = await addLinks();
write("known", ask("person"));
write("unknown", ask("nobody"));
write("validate", links.map((token) => ({ method: "GET", path: `/api/auth/reset-password/${token}?callbackURL=%2Fset` })));
write("reset", links.map((token) => post("reset-password", { token, newPassword: PASSWORD })));
const server = createServer(toNodeHandler(auth));
server.listen(0, "127.0.0.1", 2048, () => console.log(`http://127.0.0.1:${server.address().port}`));
