-- Strapi 5 on SQLite: its own users, and those of the users and permissions plugin
CREATE TABLE "admin_users" (
  "id" integer PRIMARY KEY AUTOINCREMENT, "firstname" varchar(255), "lastname" varchar(255), "username" varchar(255),
  "email" varchar(255), "password" varchar(255), "reset_password_token" varchar(255), "registration_token" varchar(255),
  "is_active" boolean, "blocked" boolean, "prefered_language" varchar(255)
);
CREATE TABLE "up_users" (
  "id" integer PRIMARY KEY AUTOINCREMENT, "username" varchar(255), "email" varchar(255), "provider" varchar(255),
  "password" varchar(255), "reset_password_token" varchar(255), "confirmation_token" varchar(255), "confirmed" boolean,
  "blocked" boolean
);
