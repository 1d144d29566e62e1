-- Litestar with Advanced Alchemy, as its full-stack example has it, on SQLite
CREATE TABLE user_account (
  id BINARY(16) NOT NULL, email VARCHAR NOT NULL, name VARCHAR, hashed_password VARCHAR(255), is_active BOOLEAN NOT NULL,
  is_superuser BOOLEAN NOT NULL, is_verified BOOLEAN NOT NULL, verified_at DATE, joined_at DATE NOT NULL, sa_orm_sentinel INTEGER,
  created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL, CONSTRAINT pk_user_account PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_user_account_email ON user_account (email);
CREATE TABLE user_account_oauth (
  id BINARY(16) NOT NULL, user_id BINARY(16) NOT NULL, oauth_name VARCHAR(100) NOT NULL, access_token VARCHAR(1024) NOT NULL,
  account_email VARCHAR(320) NOT NULL, PRIMARY KEY (id), FOREIGN KEY (user_id) REFERENCES user_account (id)
);
INSERT INTO user_account VALUES (x'7c9e6679742540de944be07fc1f90ae7', 'ada@northwind.example', 'Ada',
  '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo', 1, 0, 1, NULL, '2026-11-20', NULL,
  '2026-11-20', '2026-11-20');
