-- Symfony 7: make:user, make:reset-password and persistent remember-me tokens, by Doctrine
CREATE TABLE "user" (
  id SERIAL NOT NULL, email VARCHAR(180) NOT NULL, roles JSON NOT NULL, password VARCHAR(255) NOT NULL, PRIMARY KEY (id)
);
CREATE UNIQUE INDEX UNIQ_IDENTIFIER_EMAIL ON "user" (email);
CREATE TABLE reset_password_request (
  id SERIAL NOT NULL, user_id INT NOT NULL, selector VARCHAR(20) NOT NULL, hashed_token VARCHAR(100) NOT NULL,
  requested_at TIMESTAMP(0) NOT NULL, expires_at TIMESTAMP(0) NOT NULL, PRIMARY KEY (id),
  CONSTRAINT FK_7CE748AA76ED395 FOREIGN KEY (user_id) REFERENCES "user" (id)
);
CREATE TABLE rememberme_token (
  series VARCHAR(88) NOT NULL, value VARCHAR(88) NOT NULL, lastUsed TIMESTAMP(0) NOT NULL, class VARCHAR(100) NOT NULL,
  username VARCHAR(200) NOT NULL, PRIMARY KEY (series)
);
INSERT INTO "user" (email, roles, password) VALUES ('ada@northwind.example', '[]', '$2y$13$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');
