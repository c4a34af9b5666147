/** Which page this is by the shop's GA4 tags. */
import type { KabinPage } from "../kabin";

/** GA4's ecommerce events, and the page that an event tells of. */
export const PAGE_TYPES: { [event: string]: string | 0 } = Object.assign(Object.create(null), {
  view_item: "product",
  view_item_list: "category",
  view_cart: "cart",
  begin_checkout: "checkout",
  purchase: "order",
  view_promotion: 0,
  select_promotion: 0,
  select_item: 0,
  add_to_cart: 0,
  remove_from_cart: 0,
  refund: 0,
});

const pages: { [path: string]: KabinPage } = {};

/** Learn from a GA4 event. A list may stand on any page, so every other event tells more than it does. */
export const learn = (event: string, item_id?: string): void => {
  const type = PAGE_TYPES[event] as KabinPage["type"];
  const path = location.pathname;
  const isItem = event === "view_item";
  if (type && (isItem || !pages[path] || pages[path].type === "category"))
    pages[path] = { type, item_id: isItem ? item_id : undefined };
};

/** Return what the tags tell of the page at this address. */
export const tagged = (): KabinPage | undefined => pages[location.pathname];
