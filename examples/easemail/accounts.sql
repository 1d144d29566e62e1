-- Supabase Auth has the passwords. The first one is temporary.
INSERT INTO users (id, email, full_name, is_temp_password, temp_password_expires_at) VALUES
    ('6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7001', 'ada@easemail.test', 'Ada Example', TRUE, '2099-12-31 23:59:59'),
    ('6f0c6b0a-3a3e-4f43-8d51-0e6f5a2b7002', 'grace@easemail.test', 'Grace Example', FALSE, NULL);
