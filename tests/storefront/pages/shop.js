// The test shop's own code: it follows its size picker, whoever changes it, and notes what kabin.js tells pages.
"use strict";

const shop = {
  decisions: [],
  receipts: [],
  size: "",
  changes: [],
  // Settles when the script that kabin.js fetches has run, if it comes at all: a page gets it once, whoever asks.
  settled: () => import("SECOND_SCRIPT").then(() => true, () => true),
};

document.addEventListener("kabin:decision", (event) => shop.decisions.push(event.detail));
document.addEventListener("kabin:events", (event) => shop.receipts.push(event.detail));

const follow = (size, event) => {
  shop.size = size;
  shop.changes.push(event.type);
  for (const output of document.querySelectorAll("output")) output.textContent = size || "none";
};

document.addEventListener("change", (event) => {
  const picker = event.target.closest("[data-kabin-size-picker]");
  if (!picker) return;
  const option = picker.matches("select") ? picker.selectedOptions[0] : picker.querySelector(":checked");
  follow(option && option.value ? (option.text || option.parentElement.textContent).trim() : "", event);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-kabin-size-picker] > button");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  const isPressed = button.getAttribute("aria-pressed") !== "true";
  for (const other of button.parentElement.querySelectorAll(":scope > button")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", String(isPressed));
  follow(isPressed ? button.textContent.trim() : "", event);
});
