-- Flask-Security-Too 5 on SQLite: db.create_all()
CREATE TABLE role (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL UNIQUE, description VARCHAR(255));
CREATE TABLE user (
  id INTEGER PRIMARY KEY, email VARCHAR(255) NOT NULL UNIQUE, username VARCHAR(255) UNIQUE, password VARCHAR(255),
  active BOOLEAN NOT NULL, fs_uniquifier VARCHAR(64) NOT NULL UNIQUE, confirmed_at DATETIME, last_login_at DATETIME,
  login_count INTEGER, tf_primary_method VARCHAR(64), tf_totp_secret VARCHAR(255), create_datetime DATETIME NOT NULL,
  update_datetime DATETIME NOT NULL
);
CREATE TABLE roles_users (user_id INTEGER REFERENCES user (id), role_id INTEGER REFERENCES role (id));
CREATE TABLE web_authn (
  id INTEGER PRIMARY KEY, credential_id BLOB NOT NULL UNIQUE, public_key BLOB NOT NULL, sign_count INTEGER, name VARCHAR(64) NOT NULL,
  usage VARCHAR(64) NOT NULL, user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE
);
INSERT INTO user (email, password, active, fs_uniquifier, create_datetime, update_datetime)
  VALUES ('ada@northwind.example', '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo', 1, 'f', '2026-11-20', '2026-11-20');
