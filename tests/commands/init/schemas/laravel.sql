-- Laravel 12 with Sanctum: php artisan migrate, on SQLite
CREATE TABLE "users" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "name" varchar NOT NULL, "email" varchar NOT NULL,
  "email_verified_at" datetime, "password" varchar NOT NULL, "remember_token" varchar, "created_at" datetime,
  "updated_at" datetime
);
CREATE UNIQUE INDEX "users_email_unique" ON "users" ("email");
CREATE TABLE "password_reset_tokens" ("email" varchar NOT NULL, "token" varchar NOT NULL, "created_at" datetime, PRIMARY KEY ("email"));
CREATE TABLE "sessions" (
  "id" varchar NOT NULL, "user_id" integer, "ip_address" varchar, "user_agent" text, "payload" text NOT NULL,
  "last_activity" integer NOT NULL, PRIMARY KEY ("id")
);
CREATE TABLE "personal_access_tokens" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "tokenable_type" varchar NOT NULL, "tokenable_id" integer NOT NULL,
  "name" text NOT NULL, "token" varchar NOT NULL, "abilities" text, "last_used_at" datetime, "expires_at" datetime,
  "created_at" datetime, "updated_at" datetime
);
INSERT INTO users (name, email, password) VALUES ('Ada', 'ada@northwind.example', '$2y$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
