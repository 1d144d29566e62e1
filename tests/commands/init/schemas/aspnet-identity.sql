-- ASP.NET Core Identity 10 on SQLite: dotnet ef database update
CREATE TABLE "AspNetUsers" (
  "Id" TEXT NOT NULL CONSTRAINT "PK_AspNetUsers" PRIMARY KEY, "UserName" TEXT NULL, "NormalizedUserName" TEXT NULL,
  "Email" TEXT NULL, "NormalizedEmail" TEXT NULL, "EmailConfirmed" INTEGER NOT NULL, "PasswordHash" TEXT NULL,
  "SecurityStamp" TEXT NULL, "ConcurrencyStamp" TEXT NULL, "PhoneNumber" TEXT NULL, "PhoneNumberConfirmed" INTEGER NOT NULL,
  "TwoFactorEnabled" INTEGER NOT NULL, "LockoutEnd" TEXT NULL, "LockoutEnabled" INTEGER NOT NULL,
  "AccessFailedCount" INTEGER NOT NULL
);
CREATE TABLE "AspNetUserTokens" (
  "UserId" TEXT NOT NULL, "LoginProvider" TEXT NOT NULL, "Name" TEXT NOT NULL, "Value" TEXT NULL,
  PRIMARY KEY ("UserId", "LoginProvider", "Name"), FOREIGN KEY ("UserId") REFERENCES "AspNetUsers" ("Id")
);
CREATE TABLE "AspNetUserLogins" (
  "LoginProvider" TEXT NOT NULL, "ProviderKey" TEXT NOT NULL, "UserId" TEXT NOT NULL,
  PRIMARY KEY ("LoginProvider", "ProviderKey"), FOREIGN KEY ("UserId") REFERENCES "AspNetUsers" ("Id")
);
CREATE TABLE "AspNetUserPasskeys" (
  "CredentialId" BLOB NOT NULL PRIMARY KEY, "UserId" TEXT NOT NULL, "Data" TEXT NOT NULL,
  FOREIGN KEY ("UserId") REFERENCES "AspNetUsers" ("Id") ON DELETE CASCADE
);
INSERT INTO "AspNetUsers" ("Id", "Email", "NormalizedEmail", "EmailConfirmed", "PasswordHash", "PhoneNumberConfirmed",
  "TwoFactorEnabled", "LockoutEnabled", "AccessFailedCount")
  VALUES ('7c9e', 'ada@northwind.example', 'ADA@NORTHWIND.EXAMPLE', 1,
  'AQAAAAIAAYagAAAAEBRSSGuBGfUvVFvvOSbxVsCKp4nTdSKrnLJ3PvKY6bCFKWQJRUE6A6uIBAJDJ+oMzA==', 0, 0, 1, 0);
