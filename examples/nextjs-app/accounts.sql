-- The password of each account is "correct horse battery". The second has a link of the former feature.
INSERT INTO "User" ("id", "name", "email", "password", "resetPasswordToken", "resetPasswordExpires", "updatedAt") VALUES
    ('cm8z0q4x10000v8l4h2k7a1b2', 'Ada User', 'user@next.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', NULL, NULL, '2025-03-01 08:00:00'),
    ('cm8z0q4x10001v8l4c9d3e5f6', 'Fay Former', 'former@next.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'c0ffee', '2099-12-31 23:59:59', '2025-03-01 08:00:00');
