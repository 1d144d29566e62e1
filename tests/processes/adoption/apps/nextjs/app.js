// What Next.js does with the guide's files, on Node alone: Auth.js' own sign-in. `set-up` makes Mona's
// account. next-auth is here the package that it is made of (package.json).

import { createServer } from "node:http";

import bcrypt from "bcryptjs";
import { Auth } from "next-auth";
import Credentials from "next-auth/providers/credentials";

import { pool, userByEmail } from "./users.js";

const TABLE = `CREATE TABLE "User" (
  "id" TEXT NOT NULL, "name" TEXT, "email" TEXT NOT NULL, "emailVerified" TIMESTAMP(3), "hashedPassword" TEXT,
  "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"))`;

async function setUp() {
  await pool.query(TABLE);
  await pool.query(`INSERT INTO "User" VALUES ('cm3x', 'Mona', $1, NULL, $2, now())`, [
    process.env.EMAIL,
    await bcrypt.hash(process.env.PASSWORD, 10),
  ]);
  await pool.end();
}

async function serve() {
  const { jwt } = await import("./password-sessions.js"); // the guide's, beside this file once it is adopted
  const credentials = Credentials({
    credentials: { email: {}, password: { type: "password" } },
    async authorize({ email, password }) {
      const user = await userByEmail(email);
      return user && (await bcrypt.compare(password, user.hashedPassword)) ? user : null;
    },
  });
  const authConfig = { session: { strategy: "jwt" }, providers: [credentials], callbacks: { jwt } };
  const config = { ...authConfig, secret: process.env.AUTH_SECRET, basePath: "/api/auth", trustHost: true };
  const base = `http://127.0.0.1:${process.env.PORT}/api/auth`;
  const cookies = (answer) => answer.headers.getSetCookie();

  /** Answers as the sign-in page does, which asks for a token against forgery first. */
  async function signIn(form) {
    const csrf = await Auth(new Request(`${base}/csrf`), config);
    form.set("csrfToken", (await csrf.json()).csrfToken);
    const cookie = cookies(csrf)
      .map((one) => one.split(";")[0])
      .join("; ");
    return Auth(new Request(`${base}/callback/credentials`, { method: "POST", headers: { cookie }, body: form }), config);
  }

  async function answer(request, body) {
    if (request.method === "POST") return signIn(new URLSearchParams(body));
    const cookie = request.headers.cookie ?? "";
    const session = await Auth(new Request(`${base}/session`, { headers: { cookie } }), config);
    const user = (await session.json())?.user;
    return Response.json(user ? { email: user.email } : { error: "nobody" }, { status: user ? 200 : 401 });
  }

  createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const given = await answer(request, body);
    response.writeHead(given.status, [
      ...[...given.headers].filter(([name]) => name !== "set-cookie"),
      ...cookies(given).map((cookie) => ["set-cookie", cookie]),
    ].flat());
    response.end(await given.text());
  }).listen(Number(process.env.PORT), "127.0.0.1", () => console.error("listening"));
}

await (process.argv[2] === "set-up" ? setUp() : serve());
