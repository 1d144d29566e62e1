-- Drizzle with sessions as Lucia taught them: drizzle-kit migrate
CREATE TYPE "public"."user_status" AS ENUM('active', 'invited', 'suspended');
CREATE TYPE "public"."user_role" AS ENUM('member', 'admin');
CREATE TABLE "users" (
  "id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL, "email" text NOT NULL, "full_name" text,
  "password_hash" text NOT NULL, "role" "user_role" DEFAULT 'member' NOT NULL,
  "status" "user_status" DEFAULT 'active' NOT NULL, "created_at" timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT "users_email_unique" UNIQUE ("email")
);
CREATE TABLE "user_sessions" (
  "id" text PRIMARY KEY NOT NULL, "owner" uuid NOT NULL, "expires_at" timestamp with time zone NOT NULL,
  CONSTRAINT "user_sessions_owner_users_id_fk" FOREIGN KEY ("owner") REFERENCES "users" ("id")
);
INSERT INTO "users" ("email", "password_hash")
  VALUES ('ada@northwind.example', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo');
