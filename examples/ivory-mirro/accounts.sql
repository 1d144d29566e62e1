-- The password of the first three accounts is "correct horse battery". The second has a link of the former feature.
INSERT INTO users ("id", "email", "password", "name", "authProvider", "resetPasswordToken", "resetPasswordExpires") VALUES
    ('usr_9f1c2a7e', 'ada@ivory.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'Ada Email', 'email', NULL, NULL),
    ('usr_5b80d3c4', 'former@ivory.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'Fay Former', 'email', 'c0ffee', '2099-12-31 23:59:59'),
    ('usr_61d4f7b2', 'guarded@ivory.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'Gus Guarded', 'email', NULL, NULL),
    ('usr_27e6a90b', 'google@ivory.test', NULL, 'Grace Google', 'google', NULL, NULL);
