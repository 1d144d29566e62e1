-- An Express app with Sequelize, express-session and connect-pg-simple
CREATE TABLE "Users" (
  "id" SERIAL PRIMARY KEY, "username" VARCHAR(255), "email" VARCHAR(255) NOT NULL UNIQUE, "password" VARCHAR(255) NOT NULL,
  "status" VARCHAR(255) NOT NULL DEFAULT 'active' CHECK ("status" IN ('active', 'pending', 'blocked')),
  "createdAt" TIMESTAMPTZ NOT NULL, "updatedAt" TIMESTAMPTZ NOT NULL
);
CREATE TABLE "session" ("sid" varchar PRIMARY KEY, "sess" json NOT NULL, "expire" timestamp(6) NOT NULL);
INSERT INTO "Users" ("email", "password", "createdAt", "updatedAt")
  VALUES ('ada@northwind.example', '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', now(), now());
