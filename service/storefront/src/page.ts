/** Which page this is: what the shop marked, else what its GA4 tags tell, else the path. */
import { get, isParsing, marked } from "./elements";
import { widgets, isAwaited } from "./widget_script";
import type { KabinPage } from "./kabin";

export const PAGE_ATTRIBUTES = ["page", "item-id", "sku", "category"];

/** Return the page, undefined while it is unknown; `mayGuess` where the shop has marked none. */
export const findPage = (mayGuess: boolean): KabinPage | false | undefined => {
  const [element] = marked("page");
  const [type, item_id, sku, category] = PAGE_ATTRIBUTES.map((name) => element && get(element, name));
  if (type)
    return {
      type: (/^(home|category|product|search|cart|checkout|order)$/.test(type) ? type : "other") as KabinPage["type"],
      item_id,
      sku,
      category,
    };
  return mayGuess && !isAwaited && !isParsing() && (widgets?.tagged() || { type: location.pathname === "/" ? "home" : "other" });
};
