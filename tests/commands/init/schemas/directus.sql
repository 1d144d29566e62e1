-- Directus 11: npx directus bootstrap
CREATE TABLE directus_users (
  id uuid PRIMARY KEY, first_name varchar(50), last_name varchar(50), email varchar(128) UNIQUE, password varchar(255),
  location varchar(255), language varchar(255), tfa_secret varchar(255), status varchar(16) NOT NULL DEFAULT 'active',
  role uuid, token varchar(255), last_access timestamptz, provider varchar(128) NOT NULL DEFAULT 'default',
  external_identifier varchar(255)
);
CREATE TABLE directus_sessions (
  token varchar(64) PRIMARY KEY, "user" uuid REFERENCES directus_users (id) ON DELETE CASCADE, expires timestamptz NOT NULL,
  ip varchar(255), user_agent text, share uuid
);
INSERT INTO directus_users (id, email, password) VALUES (gen_random_uuid(), 'ada@northwind.example',
  '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo');
