/** Recommendations slots: one card per item from the shop's own template. */
import { core } from "./core";
import { attempt, create, get, isParsing, marked, PREFIX, set, type Control } from "../elements";

/** The decision that the newest cards are from. */
let shownBy: string | null;

/** The page whose items a slot shows. */
const filled = new WeakMap<Element, string>();

const fillField = (element: Control, item: { [field: string]: any }): void => {
  const field = get(element, "field")!;
  const value = item[field];
  if (value == null) element.remove();
  else if (/link/.test(field)) {
    if (!/^http/.test(new URL(value, document.baseURI).protocol)) throw value;
    (element as any)[field === "link" ? "href" : "src"] = value;
  } else if (/price/.test(field)) {
    const format = (language?: string): string =>
      value.toLocaleString(language, { style: "currency", currency: item.currency });
    // A struck price says that there is a lower one.
    if (item.sale_price == null && element.matches("s,del")) {
      const plain = create("span");
      set(plain, "field", field);
      element.replaceWith(plain);
      element = plain;
    }
    element.textContent = attempt(() => format(document.documentElement.lang)) || format();
  } else element.textContent = value;
};

/** Fill the slots that show nothing yet, or the items of another page. */
export const fillRecommendations = (page: string): void => {
  const [, decision, answer] = core.state();
  marked("slot=recommendations").forEach((slot) => {
    const template = slot.querySelector("template");
    if (!template || !decision || isParsing() || filled.get(slot) === page) return;
    marked("source", slot).forEach((card) => {
      card.remove();
      slot.hidden = true;
    });
    if (!answer) return;
    filled.set(slot, page);
    shownBy = answer.decision_id;
    const cards = answer.recommendations.slice(0, +(get(slot, "limit") || 100)).flatMap(
      (one) =>
        attempt(() => {
          const content = template.content.cloneNode(true) as DocumentFragment;
          const card = content.firstElementChild!;
          marked("field", content).forEach((element) => fillField(element, one.item));
          set(card, "item-id", one.item_id);
          set(card, "source", one.source);
          if (one.in_your_size) set(card, "in-your-size", "true");
          return card;
        }) || [],
    );
    template.after(...cards);
    if (cards[0]) {
      slot.hidden = false;
      core.confirm(slot, "recommendations", answer);
    }
  });
};

/** Hear a click on one of our cards. */
export const hearSelection = (target: Element): void => {
  const card = target.closest(`[${PREFIX}source]`);
  if (card)
    core.record("select_item", {
      items: [{ item_id: get(card, "item-id") }],
      decision_id: shownBy,
      slot: "recommendations",
    });
};
