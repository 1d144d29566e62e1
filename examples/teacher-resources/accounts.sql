-- The password of each account is "correct horse battery".
INSERT INTO users (username, email, password) VALUES
    ('Ada Teacher', 'teacher@resources.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq'),
    ('Max Mentor', 'mentor@resources.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq'),
    ('Pia Phone', 'phone@resources.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq');

INSERT INTO sessions (user_id, expires_at) VALUES (1, '2099-12-31 23:59:59'), (2, '2099-12-31 23:59:59');
