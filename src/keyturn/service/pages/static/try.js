// Below each route of the API a form that asks it from here, and shows the answer, and an example to copy.

const PATIENCE = 30_000, SHOWN = 2_000; // milliseconds

for (const form of document.querySelectorAll("form[data-address]")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

// Browsers have no clipboard for a page that came without https from another machine.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, SHOWN);
    });
  }
}

async function send(form) {
  const { address, method } = form.dataset;
  const body = form.querySelector("textarea")?.value;
  const [button, output] = [form.querySelector("button"), form.querySelector("output")];
  button.disabled = true;
  try {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    if (form.elements.key) headers.authorization = `Bearer ${form.elements.key.value}`;
    const answer = await fetch(address, { method, headers, body, signal: AbortSignal.timeout?.(PATIENCE) });
    output.textContent = `${answer.status} ${answer.statusText}\n${indented(await answer.text())}`;
  } catch (error) {
    output.textContent = `No answer: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
