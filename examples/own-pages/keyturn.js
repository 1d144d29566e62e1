// Calls Keyturn's API; an error is a problem document (RFC 9457) in `body`.

const KEYTURN = "https://account.northwind.example/api/auth/";

export async function call(name, data) {
  const answer = await fetch(KEYTURN + name, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(data),
  });
  return { ok: answer.ok, body: await answer.json() };
}
