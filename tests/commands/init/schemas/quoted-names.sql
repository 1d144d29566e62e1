-- Names that need quotes in PostgreSQL, columns of a change in all their types, and tables in a schema of their own.

CREATE SCHEMA auth;
CREATE TABLE auth.audit_log (id bigint PRIMARY KEY, email text);
CREATE TABLE "User" (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "Email" text UNIQUE, "hashedPassword" text, "authProvider" text,
  "preferredLanguage" text, "isActive" boolean, "tempPassword" text, "passwordChangedAt" timestamptz,
  "lastPasswordChange" bigint, "pwChanged" bigint
);
CREATE TABLE auth.refresh_tokens (token text PRIMARY KEY, owner uuid REFERENCES "User" (id));
CREATE TABLE "PasswordResetToken" (id bigint PRIMARY KEY, "userId" uuid);
INSERT INTO "User" ("Email", "hashedPassword", "isActive", "pwChanged") VALUES
  ('ada@northwind.example', '$2b$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', true, 1763628402);
