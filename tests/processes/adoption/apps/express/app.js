// An Express app: its own users and sessions in PostgreSQL, its own sign-in. `set-up` makes Mona's account.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import bcrypt from "bcryptjs";
import connectPgSimple from "connect-pg-simple";
import express from "express";
import session from "express-session";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

async function setUp() {
  const sessions = createRequire(import.meta.url).resolve("connect-pg-simple/table.sql");
  await pool.query(await readFile(sessions, "utf-8"));
  await pool.query(
    `CREATE TABLE users (
       id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, display_name text,
       password_hash text NOT NULL)`,
  );
  await pool.query("INSERT INTO users (email, display_name, password_hash) VALUES ($1, 'Mona', $2)", [
    process.env.EMAIL,
    await bcrypt.hash(process.env.PASSWORD, 10),
  ]);
  await pool.end();
}

async function serve() {
  const { keyturn } = await import("./keyturn.js"); // the guide's, beside this file once it is adopted
  const app = express();
  const store = new (connectPgSimple(session))({ pool, pruneSessionInterval: false });
  app.use(keyturn(pool));
  app.use(session({ store, secret: "the app's own", resave: false, saveUninitialized: false }));
  app.post("/login", express.urlencoded(), async (request, response) => {
    const { rows } = await pool.query("SELECT * FROM users WHERE lower(email) = lower($1)", [request.body.email]);
    if (!rows[0] || !(await bcrypt.compare(request.body.password, rows[0].password_hash))) {
      return response.sendStatus(401);
    }
    request.session.regenerate(() => {
      Object.assign(request.session, { userId: String(rows[0].id), signedInAt: new Date().toISOString() });
      request.session.save(() => response.redirect("/me"));
    });
  });
  app.get("/me", async (request, response) => {
    const { rows } = await pool.query("SELECT email FROM users WHERE id = $1", [request.session.userId ?? 0]);
    response.status(rows[0] ? 200 : 401).json(rows[0] ?? { error: "nobody" });
  });
  app.listen(Number(process.env.PORT), "127.0.0.1", () => console.error("listening"));
}

await (process.argv[2] === "set-up" ? setUp() : serve());
