// An Express app whose users and sessions are in a file of Prisma's. `set-up` makes it as `prisma migrate` does from
// prisma/schema.prisma, and writes times as Prisma's engine does: milliseconds since 1970.
//
// Prisma's engine is a program that npm does not bring, so that the rows are read by libsql.

import { randomUUID } from "node:crypto";

import { createClient } from "@libsql/client";
import bcrypt from "bcryptjs";
import cookies from "cookie-parser";
import express from "express";

const { DATABASE_URL, EMAIL, FORGOT, PASSWORD, PORT } = process.env;
const database = createClient({ url: DATABASE_URL.replace("file:./", "file:prisma/") });

const MIGRATION = `
CREATE TABLE "User" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "email" TEXT NOT NULL,
    "displayName" TEXT,
    "passwordHash" TEXT NOT NULL,
    "mustChangePassword" BOOLEAN NOT NULL DEFAULT false,
    "passwordChangedAt" DATETIME,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE "Session" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "userId" TEXT NOT NULL,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
`;

async function setUp() {
  await database.executeMultiple(MIGRATION);
  await database.execute({
    sql: `INSERT INTO "User" VALUES ('cm3x', ?, 'Mona', ?, true, NULL, ?)`,
    args: [EMAIL, await bcrypt.hash(PASSWORD, 10), Date.now()],
  });
}

function serve() {
  const app = express();
  app.use(cookies());
  app.post("/login", express.urlencoded(), async (request, response) => {
    const { email, password } = request.body;
    const { rows } = await database.execute({ sql: `SELECT * FROM "User" WHERE "email" = ?`, args: [email] });
    if (!rows[0] || !(await bcrypt.compare(password, rows[0].passwordHash))) return response.sendStatus(401);
    const session = randomUUID();
    await database.execute({ sql: `INSERT INTO "Session" VALUES (?, ?, ?)`, args: [session, rows[0].id, Date.now()] });
    response.cookie("session", session, { httpOnly: true, sameSite: "lax" }).sendStatus(204);
  });
  app.get("/me", async (request, response) => {
    const { rows } = await database.execute({
      sql: `SELECT "email" FROM "User" JOIN "Session" ON "userId" = "User"."id" WHERE "Session"."id" = ?`,
      args: [request.cookies.session ?? ""],
    });
    response.status(rows[0] ? 200 : 401).json(rows[0] ? { email: rows[0].email } : { error: "signed out" });
  });
  app.get("/forgot", (request, response) => response.redirect(FORGOT));
  app.listen(Number(PORT), "127.0.0.1", () => console.error("listening"));
}

await (process.argv[2] === "set-up" ? setUp() : serve());
