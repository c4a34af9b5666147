/** GA4 ecommerce: reading the shop's data layer, and bringing its values to the contract. */
import { core } from "./core";
import { attempt } from "../elements";
import { PAGE_TYPES } from "./tagged_page";

const enum Limit {
  ITEMS = 200,
  CHARACTERS = 128,
}

const TEXT_FIELDS = /^((item|transaction|decision|promotion)_id|item_variant|size|coupon|fit|slot|sort_by)$/;

export type Plain = { [name: string]: any };

/** Return a parameter as the contract has it, undefined if it is unknown there or out of range. */
const cleanField = (name: string, value: any): unknown => {
  // The whole, its items, and each of them.
  if (/^(\d*|items)$/.test(name)) return value;
  const amount = /\d/.test(value) && value >= 0 && value < 1e12 ? +value : undefined;
  if (/price|discount/.test(name)) return amount;
  return (
    (name === "quantity"
      ? Math.trunc(amount!)
      : name === "currency"
        ? /^[a-z]{3}$/i.test(value) && value
        : TEXT_FIELDS.test(name) && /^[sn]/.test(typeof value) && `${value}`.slice(0, Limit.CHARACTERS)) || undefined
  );
};

/** Return what the contract knows of `raw`; items without an id are left out. */
export const clean = (raw: object): Plain => {
  const params: Plain = { ...JSON.parse(JSON.stringify(raw, cleanField)) };
  const items = [].concat(params.items || []).filter((item: any) => item && item.item_id);
  params.items = items[0] && items.slice(0, Limit.ITEMS);
  return params;
};

let heard: unknown;

/** Listen to the data layer, if there is one (anew) by now, and track its ecommerce events, old and later. */
export const listen = (): void => {
  const layer = (window as Plain)[core.dataLayerName];
  if (layer === heard) return;
  heard = layer;
  const hear = (entry: any): unknown =>
    attempt(() => {
      // gtag() pushes its arguments, Tag Manager an object.
      const name = entry.event || entry[1];
      if (name in PAGE_TYPES) kabin.track(name, entry.event ? entry.ecommerce || entry : entry[2]);
    });
  layer.forEach(hear);
  const push = layer.push;
  layer.push = function (...entries: unknown[]) {
    entries.forEach(hear);
    return push.apply(this, entries);
  };
};
