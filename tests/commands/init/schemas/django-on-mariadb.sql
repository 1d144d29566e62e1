CREATE TABLE auth_user (
  id int AUTO_INCREMENT PRIMARY KEY, email varchar(254) UNIQUE, password varchar(128), first_name varchar(150),
  is_active tinyint(1) NOT NULL, password_expired tinyint(1) NOT NULL DEFAULT 0
);
CREATE TABLE remember_me (
  selector varchar(40) PRIMARY KEY, account_id int, FOREIGN KEY (account_id) REFERENCES auth_user (id)
);
INSERT INTO auth_user (email, password, is_active) VALUES
  ('ada@northwind.example', 'pbkdf2_sha256$1000$salt$aGFzaA==', 1);
