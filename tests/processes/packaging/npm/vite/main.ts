import { createClient, KeyturnError, type Client, type KeyturnElement } from "keyturn";

const client: Client = createClient({ url: "https://account.example.org" });
const form: KeyturnElement | null = document.querySelector("keyturn-reset");
if (form) form.texts = { save: "Update the password" };
document.addEventListener("keyturn-reset", (event) => console.info(event.detail.email));
client.policy().catch((error: unknown) => {
  if (error instanceof KeyturnError) console.info(error.type, error.retryAfter);
});

// @ts-expect-error: there is no such text
document.createElement("keyturn-forgot").texts = { sayve: "Update the password" };
// @ts-expect-error: the event has no such detail
document.addEventListener("keyturn-sent", (event) => console.info(event.detail.password));
// @ts-expect-error: the address is missing
void client.requestReset();
