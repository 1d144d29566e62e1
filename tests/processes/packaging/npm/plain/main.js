// Calls a service that does not answer, without a browser, and prints the type of the error.

import { createClient, KeyturnError } from "keyturn";

const client = createClient({ url: process.argv[2], language: "en" });
try {
  await client.requestReset("ada@example.test");
} catch (error) {
  if (error instanceof KeyturnError) console.log(error.type);
}

// @ts-expect-error: a token is no number
export const judge = () => client.check(1, "eleven loud lighthouses");
