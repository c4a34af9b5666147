// Notes what a screen reader would announce: text that changes inside a status that was in the page before.
"use strict";

const announced = [];
const known = new WeakSet();

new MutationObserver((changes) => {
  for (const { target } of changes) {
    const region = (target.closest ? target : target.parentElement).closest("[role=status]");
    if (region && known.has(region) && region.textContent) announced.push(region.textContent);
  }
  for (const region of document.querySelectorAll("[role=status]")) known.add(region);
}).observe(document, { subtree: true, childList: true, characterData: true });
