-- Rails with Devise: recoverable, rememberable, trackable, confirmable, lockable; sessions by activerecord-session_store, Doorkeeper
CREATE TABLE users (
  id bigserial PRIMARY KEY, email varchar NOT NULL DEFAULT '', encrypted_password varchar NOT NULL DEFAULT '',
  reset_password_token varchar, reset_password_sent_at timestamp(6), remember_created_at timestamp(6),
  sign_in_count integer NOT NULL DEFAULT 0, current_sign_in_at timestamp(6), last_sign_in_at timestamp(6),
  current_sign_in_ip varchar, last_sign_in_ip varchar, confirmation_token varchar, confirmed_at timestamp(6),
  confirmation_sent_at timestamp(6), unconfirmed_email varchar, failed_attempts integer NOT NULL DEFAULT 0,
  unlock_token varchar, locked_at timestamp(6), created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL
);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE TABLE sessions (
  id bigserial PRIMARY KEY, session_id varchar NOT NULL, data text, created_at timestamp(6) NOT NULL,
  updated_at timestamp(6) NOT NULL
);
CREATE TABLE oauth_access_tokens (
  id bigserial PRIMARY KEY, resource_owner_id bigint, application_id bigint NOT NULL, token varchar NOT NULL,
  refresh_token varchar, expires_in integer, scopes varchar, created_at timestamp(6) NOT NULL, revoked_at timestamp(6)
);
INSERT INTO users (email, encrypted_password, created_at, updated_at)
  VALUES ('ada@northwind.example', '$2a$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', now(), now());
