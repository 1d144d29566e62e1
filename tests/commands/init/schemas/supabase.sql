-- Supabase Auth, and a table of profiles as its guides make it
CREATE SCHEMA auth;
CREATE TABLE auth.users (
  instance_id uuid, id uuid PRIMARY KEY, aud varchar(255), role varchar(255), email varchar(255),
  encrypted_password varchar(255), email_confirmed_at timestamptz, confirmation_token varchar(255),
  recovery_token varchar(255), last_sign_in_at timestamptz, raw_app_meta_data jsonb, raw_user_meta_data jsonb,
  is_super_admin boolean, phone text, banned_until timestamptz, reauthentication_token varchar(255),
  is_sso_user boolean NOT NULL DEFAULT false, deleted_at timestamptz, created_at timestamptz, updated_at timestamptz
);
CREATE TABLE auth.sessions (
  id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE, created_at timestamptz,
  not_after timestamptz
);
CREATE TABLE auth.refresh_tokens (
  id bigint PRIMARY KEY, token varchar(255), user_id varchar(255), revoked boolean,
  session_id uuid REFERENCES auth.sessions (id) ON DELETE CASCADE
);
CREATE TABLE public.profiles (
  id uuid PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE, updated_at timestamptz, username text UNIQUE,
  full_name text, avatar_url text
);
INSERT INTO auth.users (id, email, encrypted_password)
  VALUES (gen_random_uuid(), 'ada@northwind.example', '$2a$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
