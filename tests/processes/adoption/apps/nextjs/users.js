// The users of the app, in the table that Prisma made.

import pg from "pg";

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

export async function userByEmail(email) {
  return (await pool.query('SELECT * FROM "User" WHERE "email" = $1', [email])).rows[0];
}

export async function userById(id) {
  return (await pool.query('SELECT * FROM "User" WHERE "id" = $1', [id])).rows[0];
}
