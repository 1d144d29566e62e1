-- Drupal 11: core/install.php
CREATE TABLE users (uid int(10) unsigned NOT NULL AUTO_INCREMENT, uuid varchar(128) NOT NULL, langcode varchar(12) NOT NULL, PRIMARY KEY (uid));
CREATE TABLE users_field_data (
  uid int(10) unsigned NOT NULL, langcode varchar(12) NOT NULL, preferred_langcode varchar(12), name varchar(60) NOT NULL,
  pass varchar(255), mail varchar(254), timezone varchar(32), status tinyint(4) NOT NULL, created int(11) NOT NULL,
  changed int(11), access int(11) NOT NULL, login int(11), init varchar(254), default_langcode tinyint(4) NOT NULL,
  PRIMARY KEY (uid, langcode), KEY user_field__mail (mail)
);
CREATE TABLE sessions (
  uid int(10) unsigned NOT NULL, sid varchar(128) NOT NULL, hostname varchar(128) NOT NULL DEFAULT '',
  timestamp bigint NOT NULL DEFAULT 0, session longblob, PRIMARY KEY (sid), KEY uid (uid)
);
