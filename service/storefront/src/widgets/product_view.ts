/** The view of a product that nobody else reported. */
import { core } from "./core";

/** How long the shop's own tags have to report it. */
const VIEW_MS = 1000;

let isDue = false;
/** The item whose view was reported last: a page may be known by that very tag. */
let viewed: string | undefined;

/** Another page began: its view is to be reported. */
export const expectView = (): void => {
  isDue = true;
  setTimeout(reportView, VIEW_MS);
};

/** The view of an item was reported. */
export const noteView = (item_id?: string): void => {
  viewed = item_id;
};

/** Report it now, if it is due. */
export const reportView = (): void => {
  const [page] = core.state();
  if (isDue && page && page.type === "product" && page.item_id !== viewed)
    kabin.track("view_item", { items: [{ item_id: page.item_id!, item_variant: page.sku }] });
  isDue = false;
};
