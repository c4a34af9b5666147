/** The homepage slot: hidden for a moment, decided once, never swapped after it was shown. */
import { attempt, get, isParsing, marked, PREFIX } from "./elements";
import { decision } from "./question";
import { confirm } from "./transport";

const SLOT = "slot=homepage";

let sheet: CSSStyleSheet | undefined;
let isHiding = false;

/** Return the variant that the page shows now. */
export const shownVariant = (): string | undefined =>
  marked("variant")
    .filter((one) => !one.hidden)
    .map((one) => get(one, "variant"))[0];

/** Give slots their decided variant; those that are in sight already stay as they are. */
export const fillHomepage = (): void =>
  marked(SLOT + "]:not([data-kabin-shown").forEach((slot) => {
    const isDecided = decision?.decision_id;
    const variants = marked("variant", slot);
    const chosen = variants.find((one) => isDecided && get(one, "variant") === decision!.slots.homepage.variant);
    // While it is hidden, a slot waits for its decision and for the parser to bring the variant.
    if (isHiding && (!decision || (isDecided && !chosen && isParsing()))) return;
    slot.dataset.kabinShown = "";
    if (!chosen) return;
    variants.forEach((one) => (one.hidden = one !== chosen));
    if (decision!.slots.homepage.reason !== "preview") confirm(slot, "homepage", decision!);
  });

/** Show what is still hidden, as it is. */
export const reveal = (): void => {
  isHiding = false;
  sheet?.replaceSync("");
  fillHomepage();
};

/** Hide slots that were not shown yet, until `reveal` or the end of the time; `used` is the loader's sheet. */
export const hide = (forMs: number, used = sheet): void =>
  attempt(() => {
    sheet = used || new CSSStyleSheet();
    if (!used) document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    isHiding = forMs > 0;
    sheet.replaceSync(isHiding ? `[${PREFIX + SLOT}]:not([data-kabin-shown]){visibility:hidden}` : "");
    setTimeout(reveal, forMs);
  });
