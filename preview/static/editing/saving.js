// Saves the text, and never overwrites a version that another program has saved in between.

import { post } from "../page.js";

export function keepSaved(section, view, read, tell) {
  const [save, unsaved, conflict] = ["#save-source", "[data-unsaved]", "[data-conflict]"].map((at) => section.querySelector(at));
  let known = read;
  let [theirs, sent] = [null, null];
  let underWay = Promise.resolve();
  const text = () => view.state.doc.toString();
  const isChanged = () => text() !== known.text;

  function changed() {
    const now = isChanged();
    if (now && unsaved.hidden) tell(""); // such as that it is saved
    unsaved.hidden = !now;
    save.disabled = !now;
  }

  function send() {
    if (isChanged()) underWay = underWay.then(write);
    return underWay;
  }

  async function write() {
    sent = text();
    const [answer, said, why] = await post(section.dataset.source, { text: sent, fingerprint: known.fingerprint });
    if (answer?.ok || answer?.status === 409) meet(said);
    else tell(`Not saved. ${why}`, "error");
  }

  // Takes what is on the disk for the saved text if it is known or from here: the answer to a save may have been lost.
  function meet(now) {
    const isOurs = now.text === text() || now.text === sent;
    if (!isOurs && now.fingerprint !== known.fingerprint) return ask(now);
    settle(now);
    tell(isOurs ? "Saved." : "", "live");
  }

  function settle(now) {
    known = now;
    theirs = sent = null;
    conflict.hidden = true;
    changed();
  }

  function ask(now) {
    theirs = now;
    conflict.hidden = false;
    tell("The file has changed on the disk: reload it, or overwrite it with yours.", "error");
  }

  function take() {
    const now = theirs;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: now.text }, userEvent: "input.take" });
    settle(now);
    tell("This is the text on the disk. Undo restores yours.");
    view.focus();
  }

  function keep() {
    settle(theirs);
    send();
    view.focus();
  }

  // Runs after a save by another program or by this page.
  async function look() {
    await underWay;
    const [before, saving] = [known, underWay];
    const answer = await fetch(section.dataset.source).catch(() => null);
    if (!answer?.ok) return;
    const now = await answer.json();
    if (known !== before || underWay !== saving) return look(); // a save happened during the read
    const isKnown = now.fingerprint === known.fingerprint;
    if ((isKnown && !theirs) || !section.isConnected) return;
    if (isKnown || isChanged()) return meet(now);
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: now.text }, userEvent: "input.take" });
    settle(now);
    tell("The file was saved elsewhere. This is its current text.");
  }

  save.addEventListener("click", send);
  conflict.querySelector("[data-take]").addEventListener("click", take);
  conflict.querySelector("[data-keep]").addEventListener("click", keep);
  document.addEventListener("saved", look);
  return {
    isChanged,
    changed,
    read: () => known,
    close: () => document.removeEventListener("saved", look),
  };
}
