// A client as a frontend would write it, on the types that openapi-typescript makes of the API's description.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[] };

const [baseUrl, token, ...passwords] = process.argv.slice(2) as [string, string, ...string[]];
const client = createClient<paths>({ baseUrl });

function resetPassword(newPassword: string) {
  return client.POST("/api/auth/reset-password", { body: { token, newPassword } });
}

type Problem = NonNullable<Awaited<ReturnType<typeof resetPassword>>["error"]>;

function actOn(problem: Problem): string {
  // @ts-expect-error before the type is known, nobody can say that it is there
  void problem.violations;
  // @ts-expect-error it is not in every document
  void problem.detail.length;
  switch (problem.type) {
    case "urn:keyturn:problem:password-rejected":
      return problem.violations.map((broken) => broken.rule).join();
    case "urn:keyturn:problem:link-dead":
      return problem.reason satisfies "invalid" | "expired" | "used" | "second_step";
    case "urn:keyturn:problem:invalid-input":
      return problem.errors.map((fault) => fault.field).join();
    case "urn:keyturn:problem:too-many-requests":
    case "urn:keyturn:problem:busy":
    case "urn:keyturn:problem:unavailable":
      return `${problem.retryAfter satisfies number} s`;
    case "urn:keyturn:problem:second-step-required":
      return problem.methods.map((factor) => factor.method satisfies "totp" | "sms" | "recovery_code" | "other").join();
    case "urn:keyturn:problem:second-step-rejected":
      return `${problem.triesLeft satisfies number} tries`;
    case "urn:keyturn:problem:change-refused":
    case "urn:keyturn:problem:outcome-unknown":
    case "urn:keyturn:problem:too-large":
    case "urn:keyturn:problem:unsupported-media-type":
      return problem.title;
    default:
      return problem satisfies never;
  }
}

async function check(): Promise<string> {
  const { data } = await client.POST("/api/auth/validate-reset-token", { body: { token } });
  if (!data) return "no answer";
  // @ts-expect-error only a link that works has one
  void data.email;
  return data.valid ? data.email : data.reason;
}

const said = [await check()];
for (const password of passwords) {
  const { data, error } = await resetPassword(password);
  said.push(data ? `success: ${data.success satisfies true}` : actOn(error));
}
said.push(await check());
console.log(JSON.stringify(said));
