// The shop's own tags: what a shopper does goes to GA4's dataLayer. Every page works without this file.
(() => {
  "use strict";

  const push = (json, change) => {
    const entry = JSON.parse(json);
    change?.(entry.ecommerce);
    window.dataLayer.push({ ecommerce: null }, entry);
  };

  // A form with a size picker does not know at first which size it is about.
  const withSize = (form) => (ecommerce) => {
    const size = form.querySelector("[name=sku]:checked, [name=sku][type=hidden]")?.dataset.kabinSize;
    if (size) ecommerce.items[0].size = size;
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-push], a[data-sort-by]");
    if (link?.dataset.push) push(link.dataset.push);
    // GA4 has no name for sorting, Kabin has.
    if (link?.dataset.sortBy) window.kabin?.track("sort_items", { sort_by: link.dataset.sortBy });
  });

  document.addEventListener("submit", (event) => {
    const json = event.submitter?.dataset.push ?? event.target.dataset.push;
    if (json) push(json, withSize(event.target));
  });

  // Of the homepage's variants one is hidden: only what was in sight for a second was viewed, as ads are counted.
  const VIEWED_MS = 1_000;
  const timers = new Map();
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      clearTimeout(timers.get(target));
      if (!isIntersecting) continue;
      const viewed = () => {
        seen.unobserve(target);
        push(target.dataset.pushWhenSeen);
      };
      timers.set(target, setTimeout(viewed, VIEWED_MS));
    }
  });
  for (const element of document.querySelectorAll("[data-push-when-seen]")) seen.observe(element);
})();
