-- The app's own table, on a database server.
CREATE TABLE users (
    "id" VARCHAR(36) PRIMARY KEY,
    "email" VARCHAR(255) NOT NULL UNIQUE,
    "password" VARCHAR(255),
    "name" VARCHAR(255) NOT NULL,
    "authProvider" VARCHAR(32) NOT NULL DEFAULT 'email',
    "resetPasswordToken" VARCHAR(255) UNIQUE,
    "resetPasswordExpires" TIMESTAMP
);
