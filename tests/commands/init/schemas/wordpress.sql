-- WordPress 6.8: wp-admin/install.php
CREATE TABLE wp_users (
  ID bigint(20) unsigned NOT NULL auto_increment, user_login varchar(60) NOT NULL default '',
  user_pass varchar(255) NOT NULL default '', user_nicename varchar(50) NOT NULL default '',
  user_email varchar(100) NOT NULL default '', user_url varchar(100) NOT NULL default '',
  user_registered datetime NOT NULL default '2026-11-20 00:00:00', user_activation_key varchar(255) NOT NULL default '',
  user_status int(11) NOT NULL default '0', display_name varchar(250) NOT NULL default '',
  PRIMARY KEY (ID), KEY user_login_key (user_login), KEY user_nicename (user_nicename), KEY user_email (user_email)
);
CREATE TABLE wp_usermeta (
  umeta_id bigint(20) unsigned NOT NULL auto_increment, user_id bigint(20) unsigned NOT NULL default '0',
  meta_key varchar(255) default NULL, meta_value longtext, PRIMARY KEY (umeta_id), KEY user_id (user_id)
);
INSERT INTO wp_users (user_login, user_pass, user_email, display_name)
  VALUES ('ada', '$wp$2y$10$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'ada@northwind.example', 'Ada');
