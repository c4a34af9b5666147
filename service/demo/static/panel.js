// The side panel: listens to what kabin.js says on the document, asks the demonstration what is held about this
// browser's visitor, and puts both into words. The shop works without it, and it works without an answer.
(() => {
  "use strict";

  const panel = document.getElementById("kabin-panel");
  const root = document.documentElement;
  const wide = matchMedia("(min-width: 80rem)");
  const toggle = document.getElementById("panel-toggle");
  const part = (name) => panel.querySelector(`[data-panel="${name}"]`);

  // ---------------------------------------------------------------- open and closed

  const isOpen = () => (wide.matches ? root.dataset.panel !== "closed" : root.dataset.panel === "open");

  const tellState = () => toggle.setAttribute("aria-expanded", String(isOpen()));

  function setOpen(open) {
    root.dataset.panel = open ? "open" : "closed";
    tellState();
    // A sheet would cover the next page of a phone; only the drawer's state is kept.
    if (wide.matches) attempt(() => localStorage.setItem("panel", open ? "open" : "closed"));
  }

  function attempt(work) {
    try {
      return work();
    } catch {
      return undefined;
    }
  }

  toggle.addEventListener("click", () => setOpen(!isOpen()));
  wide.addEventListener("change", () => {
    delete root.dataset.panel;
    tellState();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen() || (wide.matches && !panel.contains(document.activeElement))) return;
    const wasInside = panel.contains(document.activeElement);
    setOpen(false);
    if (wasInside) toggle.focus();
  });
  tellState();

  // ---------------------------------------------------------------- the decision, in words

  const SOURCES = {
    als: "liked by visitors with the same taste",
    covisit: "looked at together",
    popular: "popular here",
    newest: "newest",
    on_sale: "on sale",
  };

  const SIZE_SILENCE = {
    no_item: "No item on this page, so no size.",
    unknown_item: "This item is not in the catalog yet.",
    not_comparable: "None: the sizes known are of another system, and no table ties it to this one.",
    not_offered: "None: the usual size does not come in this item, and no neighbour is offered instead.",
    unsure: "None: the choices so far do not agree enough.",
    no_ladder: "None: it comes in one size.",
    switched_off: "None: sizes are switched off for everybody.",
  };

  // What a page has to show before an experiment counts its visitor.
  const SEEN = { homepage: "page", size: "size", recommendations: "recommendations" };

  const SILENCE_MS = 1_500;
  const ROWS = 4; // As many rows of a list as panel.css shows at first.

  function sizeWords({ action, size, reason }, kinds, isLate) {
    const { code, times, of } = reason ?? {};
    if (code === "experiment") return `Withheld: an experiment leaves this visitor without, though ${size} was decided.`;
    if (action === "none" || !size) {
      if (code === "too_little_evidence")
        return of > 0
          ? `None yet: ${of} ${of === 1 ? "choice" : "choices"} among ${kinds} so far; two give a hint, three preselect.`
          : "None yet: no size has been chosen in this department.";
      return SIZE_SILENCE[code] ?? "None.";
    }
    const because = {
      bought_often: `because you bought it in ${times} of ${of} ${kinds}`,
      chosen_often: `because you chose it on ${times} of ${of} ${kinds}`,
      likely: `because you chose it on ${times} of ${of} ${kinds}, which is not enough to preselect`,
      two_sizes: `chosen on ${times} of ${of} ${kinds}, but another size too: two people, perhaps`,
      sold_out: `your size, as on ${times} of ${of} ${kinds}, is sold out here`,
    }[code];
    const done = action === "preselect" ? "preselected" : "as a hint";
    return `${isLate ? `would be ${done}` : done}, ${because ?? "as usual"}.`;
  }

  function homepageWords({ variant, reason }) {
    const shown = variant === "promo" ? "The sale" : "Full price";
    return {
      discount_affinity: `${shown}, by discount affinity.`,
      experiment: `${shown}, by an experiment.`,
      preview: `${shown}, as a preview.`,
      default: `${shown}, by default.`,
    }[reason] ?? `${shown}.`;
  }

  function experimentWords({ experiment_id: id, variation, slot }) {
    const what = SEEN[slot] ?? "page";
    const isSeen = knowledge?.words?.seen.includes(id);
    const state = isSeen ? `${what} seen` : `${what} not seen yet`;
    if (id === "kabin-holdout") return variation === "held_out" ? `Held out of all personalization (${state})` : "";
    if (id === "kabin-random") return `Homepage drawn at random: ${variation === "promo" ? "the sale" : "full price"} (${state})`;
    return `Experiment ${id}: ${variation} (${state})`;
  }

  function sourceWords(recommendations) {
    if (knowledge?.words?.switched_off.includes("recommendations")) return "None: recommendations are switched off for everybody.";
    if (!recommendations.length) return "Nothing on this page.";
    const counts = new Map();
    for (const { source } of recommendations) counts.set(source, (counts.get(source) ?? 0) + 1);
    const fitting = recommendations.filter((one) => one.in_your_size).length;
    const kinds = [...counts].map(([source, count]) => `${count} ${SOURCES[source] ?? source}`).join(", ");
    return `${kinds}${fitting ? `; ${fitting} in your size` : ""}.`;
  }

  const affinityTitle = { high: "High", medium: "Medium", low: "Low" };

  function indexWords({ level, index }) {
    return `${affinityTitle[level] ?? "Unknown"}, ${index.toFixed(2)} × the shop’s average.`;
  }

  // ---------------------------------------------------------------- showing

  let decision = null;
  let knowledge = null;
  let isKnown = false; // Only what changes after the first look is worth a highlight.

  /** Show what has been held back so that nothing moves while it comes in. */
  function showAll() {
    panel.dataset.ready = "";
  }

  function say(name, ...content) {
    const place = part(name);
    const before = place.textContent;
    place.replaceChildren(...content);
    if (isKnown && before && place.textContent !== before) {
      place.classList.remove("panel-changed");
      requestAnimationFrame(() => place.classList.add("panel-changed"));
    }
  }

  function element(tag, className, ...content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...content);
    return made;
  }

  function showDecision() {
    if (!decision) return;
    const isDefault = !decision.decision_id;
    panel.dataset.state = isDefault || decision.late || decision.degraded ? "degraded" : "answered";
    part("decision").hidden = isDefault;
    part("decided").hidden = !isDefault && !decision.late && !decision.degraded;
    say(
      "decided",
      isDefault
        ? "No answer in time: the page shows what it shows everybody."
        : decision.late
          ? "The answer came late: the page was shown without it."
          : "Decided without this visitor’s history, which could not be reached.",
    );
    if (isDefault) return;
    const { size, slots, recommendations, experiments, model_version: model } = decision;
    const words = sizeWords(size, knowledge?.words?.kinds ?? "items", decision.late);
    say("size", ...(size.action === "none" || !size.size ? [words] : [element("span", "panel-size", size.size), " ", words]));
    say("homepage", isHome() && knowledge?.words ? knowledge.words.homepage : homepageWords(slots.homepage));
    say("sources", sourceWords(recommendations));
    const taken = experiments.map(experimentWords).filter(Boolean);
    say("experiments", taken.length ? `${taken.join(". ")}.` : "This visitor is in none.");
    say("model", model ?? "None yet: newest items only.");
  }

  const isHome = () => document.body.dataset.kabinPage === "home";

  function showAffinity() {
    const affinity = knowledge?.visitor?.discount_affinity ?? decision?.discount_affinity;
    if (!affinity) return;
    part("meter").value = Math.min(affinity.index, 2);
    part("meter").textContent = indexWords(affinity);
    part("meter").setAttribute("aria-valuetext", indexWords(affinity));
    say("level", indexWords(affinity));
    say("affinity", knowledge?.words?.affinity ?? "");
  }

  function itemName(itemId) {
    const item = knowledge.items[itemId];
    if (!item) return itemId ?? "an item no longer sold";
    const link = element("a", "", item.title);
    link.href = item.link;
    return link;
  }

  /** The shop knows who is signed in, Kabin whose browser this is: a moment apart where that has just changed. */
  function accountWords(name, isCustomer) {
    if (name && isCustomer) return `${name} is signed in: what was done here came along, and follows ${name} to other browsers.`;
    if (name) return `${name} is signed in. Kabin is about to hear of it.`;
    if (isCustomer) return "Nobody is signed in. Kabin is about to hear of it.";
    return "Nobody is signed in: what is done here is this browser’s own.";
  }

  function showKnowledge() {
    const { visitor, words, at, is_customer: isCustomer } = knowledge;
    say("account", accountWords(part("account").dataset.panelName, isCustomer));
    if (!visitor || !words) {
      for (const name of ["evidence", "cart", "viewed"]) part(name).replaceChildren();
      part("nothing").hidden = false;
      return;
    }
    say(
      "sizes",
      words.sizes.length
        ? `Known well enough to preselect: ${words.sizes.map((one) => `${one.size} in ${one.department}`).join(", ")}.`
        : words.evidence.length
          ? "None is known well enough to preselect yet."
          : "None known yet. Choose one size on a few shirts.",
    );
    part("evidence").replaceChildren(
      ...words.evidence.map((one) =>
        element(
          "li",
          "",
          element("span", "panel-size", one.size),
          element("span", "panel-what", itemName(one.item_id), element("span", "panel-how", one.acts)),
          element("span", "panel-when", dayWords(one.date, at)),
        ),
      ),
    );
    const more = part("more");
    more.hidden = words.evidence.length <= ROWS;
    if (more.getAttribute("aria-expanded") !== "true") more.textContent = `Show all ${words.evidence.length}`;
    part("nothing").hidden = visitor.cart.length + visitor.recently_viewed.length > 0;
    const rows = (lines, act) =>
      lines.map((one) =>
        element(
          "li",
          "",
          element("span", "panel-what", act, itemName(one.item_id)),
          element("span", "panel-when", dayWords(new Date(one.at * 1000).toISOString().slice(0, 10), at)),
        ),
      );
    part("cart").replaceChildren(...rows(visitor.cart, "in the bag: "));
    part("viewed").replaceChildren(...rows(visitor.recently_viewed, ""));
  }

  function dayWords(date, at) {
    const days = Math.floor(at / 86_400) - Math.floor(Date.parse(date) / 86_400_000);
    return days <= 0 ? "today" : days === 1 ? "yesterday" : `${days} days ago`;
  }

  /** Say what changed since the last page in one sentence; nothing while nothing has. */
  function announce() {
    if (!decision?.decision_id) return;
    const { size, discount_affinity: ofPage, slots } = decision;
    const affinity = knowledge?.visitor?.discount_affinity ?? ofPage;
    const parts = [
      isHome() && !decision.late ? (slots.homepage.variant === "promo" ? "homepage: the sale" : "homepage: full price") : "",
      size.size && !decision.late ? `${size.size} ${size.action === "preselect" ? "preselected" : "as a hint"}` : "",
      `discount affinity ${affinity.level}`,
    ].filter(Boolean);
    part("summary").textContent = parts.join(" · ");
    const before = attempt(() => sessionStorage.getItem("panel-level"));
    attempt(() => sessionStorage.setItem("panel-level", affinity.level));
    if (before && before !== affinity.level && isOpen())
      part("status").textContent = `Kabin now takes your discount affinity for ${affinity.level}.`;
  }

  // ---------------------------------------------------------------- asking

  let asked = 0;
  let timer = 0;

  async function refresh() {
    const number = ++asked;
    const itemId = document.body.dataset.kabinItemId;
    try {
      const answer = await fetch(`/demo/visitor${itemId ? `?item_id=${encodeURIComponent(itemId)}` : ""}`, {
        headers: { accept: "application/json" },
      });
      if (number !== asked) return;
      if (!answer.ok) return showAll();
      knowledge = await answer.json();
    } catch {
      return showAll(); // What was known before stays on show.
    }
    attempt(() => {
      showKnowledge();
      showAffinity();
      showDecision();
      announce();
      isKnown = true;
    });
    if (decision) showAll();
  }

  function refreshSoon() {
    clearTimeout(timer);
    timer = setTimeout(refresh, 120);
  }

  const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

  function showTiming() {
    const calls = performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith("/personalize"));
    const last = calls.at(-1);
    if (!last?.responseEnd) return;
    const inside = new Map((last.serverTiming ?? []).map((one) => [one.name, one.duration]));
    const total = inside.get("total");
    const redis = inside.get("redis");
    const parts = [`${milliseconds(last.duration)} for the browser`];
    if (total !== undefined) parts.push(`${milliseconds(total)} in Kabin`);
    if (redis !== undefined) parts.push(`${milliseconds(redis)} of it in Redis`);
    say("timing", `Last answer: ${parts.join(", ")}.`);
  }

  function heardDecision(event) {
    decision = event.detail;
    attempt(() => {
      showDecision();
      showAffinity();
      announce();
    });
    // The entry of the call is there a moment after its answer.
    setTimeout(() => attempt(showTiming), 60);
    refreshSoon();
  }

  const sent = { accepted: 0, duplicate: 0 };

  function heardReceipt(event) {
    const { accepted = 0, duplicate = 0, rejected = [], retry } = event.detail ?? {};
    sent.accepted += accepted;
    sent.duplicate += duplicate;
    const refused = rejected.length ? `, ${rejected.length} refused` : "";
    say(
      "receipt",
      retry
        ? "Events could not be kept; they wait in the browser and are sent again."
        : `Events of this page: ${sent.accepted} accepted, ${sent.duplicate} duplicate${refused}.`,
    );
    if (accepted) refreshSoon();
  }

  const heard = { "kabin:decision": heardDecision, "kabin:events": heardReceipt };
  for (const [name, hear] of Object.entries(heard)) document.addEventListener(name, (event) => attempt(() => hear(event)));
  const early = panel.early ?? [];
  delete panel.early;
  for (const event of early) attempt(() => heard[event.type](event));

  part("more").addEventListener("click", ({ currentTarget }) => {
    const all = part("evidence").classList.toggle("panel-rows-all");
    currentTarget.setAttribute("aria-expanded", String(all));
    currentTarget.textContent = all ? "Show fewer" : `Show all ${part("evidence").children.length}`;
  });

  for (const form of panel.querySelectorAll("[data-panel-becomes]"))
    form.addEventListener("submit", () => {
      // What the former visitor did is not the new one's: nothing that still waits may be sent under the new cookie.
      attempt(() => window.kabin?.consent("denied"));
      attempt(() => sessionStorage.removeItem("panel-level"));
    });

  panel.querySelector("[data-panel-signs-out]").addEventListener("submit", () => {
    // Whoever comes next is somebody else, also where the next page comes before Kabin has heard.
    attempt(() => window.kabin?.signOut());
    attempt(() => sessionStorage.removeItem("panel-level"));
  });

  /** Say so where nothing was decided: kabin.js tells of answers only, and there may be none. */
  function tellSilence() {
    if (decision) return;
    showAll();
    panel.dataset.state = window.kabin ? "degraded" : "absent";
    say(
      "decided",
      window.kabin
        ? "No answer so far: the page shows what it shows everybody."
        : "Kabin’s script is not on this page: it shows what it shows everybody.",
    );
  }

  setTimeout(tellSilence, SILENCE_MS);

  addEventListener("pageshow", (event) => {
    if (event.persisted) refreshSoon();
  });
  refreshSoon();
})();
