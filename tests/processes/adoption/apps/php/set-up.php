<?php

require 'database.php';

$database->exec("CREATE TABLE members (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    display_name VARCHAR(80) NOT NULL,
    mail VARCHAR(190) NOT NULL UNIQUE,
    pw VARCHAR(255) NOT NULL,
    pw_changed DATETIME NULL,
    must_change_pw TINYINT(1) NOT NULL DEFAULT 0,
    status ENUM('active', 'banned') NOT NULL DEFAULT 'active'
)");
$database->exec('CREATE TABLE sessions (
    sid CHAR(64) PRIMARY KEY,
    member_id INT UNSIGNED NOT NULL,
    FOREIGN KEY (member_id) REFERENCES members (id) ON DELETE CASCADE
)');
$database->prepare("INSERT INTO members (display_name, mail, pw, must_change_pw) VALUES ('Mona', ?, ?, 1)")
    ->execute([getenv('EMAIL'), password_hash(getenv('PASSWORD'), PASSWORD_BCRYPT, ['cost' => 10])]);
