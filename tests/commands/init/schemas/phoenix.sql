-- Phoenix 1.8: mix phx.gen.auth, on SQLite
CREATE TABLE "users" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT, "email" TEXT COLLATE NOCASE NOT NULL, "hashed_password" TEXT,
  "confirmed_at" TEXT, "inserted_at" TEXT NOT NULL, "updated_at" TEXT NOT NULL
);
CREATE UNIQUE INDEX "users_email_index" ON "users" ("email");
CREATE TABLE "users_tokens" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT, "user_id" INTEGER NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
  "token" BLOB NOT NULL, "context" TEXT NOT NULL, "sent_to" TEXT, "inserted_at" TEXT NOT NULL
);
INSERT INTO users (email, hashed_password, inserted_at, updated_at)
  VALUES ('ada@northwind.example', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', '2026-11-20', '2026-11-20');
