-- fastapi-users 15 with its database strategy and OAuth, on SQLite: Base.metadata.create_all
CREATE TABLE user (
  id CHAR(36) NOT NULL, email VARCHAR(320) NOT NULL, hashed_password VARCHAR(1024) NOT NULL, is_active BOOLEAN NOT NULL,
  is_superuser BOOLEAN NOT NULL, is_verified BOOLEAN NOT NULL, PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_user_email ON user (email);
CREATE TABLE accesstoken (
  token VARCHAR(43) NOT NULL, created_at TIMESTAMP NOT NULL, user_id CHAR(36) NOT NULL, PRIMARY KEY (token),
  FOREIGN KEY (user_id) REFERENCES user (id) ON DELETE cascade
);
CREATE TABLE oauth_account (
  id CHAR(36) NOT NULL, oauth_name VARCHAR(100) NOT NULL, access_token VARCHAR(1024) NOT NULL, account_email VARCHAR(320),
  user_id CHAR(36) NOT NULL, PRIMARY KEY (id), FOREIGN KEY (user_id) REFERENCES user (id) ON DELETE cascade
);
INSERT INTO user VALUES ('7c9e6679-7425-40de-944b-e07fc1f90ae7', 'ada@northwind.example',
  '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo', 1, 0, 1);
