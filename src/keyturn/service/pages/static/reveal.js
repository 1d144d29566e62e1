// Show and hide what was typed (NIST SP 800-63B 3.1.1.2).

for (const button of document.querySelectorAll("[data-shows]")) {
  const field = document.getElementById(button.dataset.shows);

  const word = button.querySelector("[data-show]");

  const show = (shown) => {
    field.type = shown ? "text" : "password";
    word.textContent = shown ? word.dataset.hide : word.dataset.show;
  };

  // What is typed ends where the word begins, which is longer in some languages.
  new ResizeObserver(() => field.style.setProperty("--reveal", `${button.offsetWidth + 4}px`)).observe(button);

  button.addEventListener("click", () => show(field.type === "password"));

  // Sent as a password again, so that no browser keeps it among the texts it offers later.
  field.form.addEventListener("submit", () => show(false));
}
