-- The password of each account is "correct horse battery".
INSERT INTO users (id, email, password, name, role, suspended_at) VALUES
    ('0b1d6f2e-6c1c-4a59-9c0e-52f0a1c7d001', 'viewer@waibuk.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'Ada Viewer', 'viewer', NULL),
    ('0b1d6f2e-6c1c-4a59-9c0e-52f0a1c7d002', 'school@waibuk.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'Harbour School', 'school', NULL),
    ('0b1d6f2e-6c1c-4a59-9c0e-52f0a1c7d003', 'suspended@waibuk.test', '$2b$12$WAs/6lv/rHHk23RYClJXxukveNQHKBx8UYtsBhmA67pETWdQ/a/wq', 'Sam Suspended', 'viewer', '2026-01-31 09:00:00');
