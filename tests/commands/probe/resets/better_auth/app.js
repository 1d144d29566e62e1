// Better Auth with its defaults, in memory. Its accounts: the addresses on the command line. Any page is the frontend's.

import { createServer } from "node:http";

import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { createTransport } from "nodemailer";

const baseURL = `http://127.0.0.1:${process.env.PORT}`;
const transport = createTransport({ host: "127.0.0.1", port: Number(process.env.SMTP_PORT), ignoreTLS: true });
const auth = betterAuth({
  baseURL,
  secret: "the application's own, of thirty-two letters",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  emailAndPassword: {
    enabled: true,
    // Not awaited, as the documentation advises.
    sendResetPassword: async ({ user, url }) => {
      void transport.sendMail({ from: "no-reply@app.example", to: user.email, subject: "Your password", text: url });
    },
  },
});

for (const email of process.argv.slice(2)) {
  await auth.api.signUpEmail({ body: { email, name: email, password: "before the probe" } });
}

const PAGE = `<form method="post"><input type="password" name="password"></form>`;
const handler = toNodeHandler(auth);
const server = createServer((request, response) => {
  if (request.url.startsWith("/api/auth/")) return handler(request, response);
  response.setHeader("Content-Type", "text/html").end(PAGE);
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.error("listening"));
