/** The second script: product views, size picker, recommendations and GA4 tags, fetched only by pages that have one of them. */
import { PREFIX } from "./elements";
import type { KabinDecision, KabinPage } from "./kabin";
import { box, forget, limit, put } from "./outbox";
import { answer, decision, page } from "./question";
import { dataLayerName } from "./settings";
import { confirm, record } from "./transport";

/** What the second script works with: state that both share. */
export interface Core {
  /** The page of the newest question, what its promise settled with, and what the service said, be it late. */
  state(): [page?: KabinPage, decision?: KabinDecision, answer?: KabinDecision];
  box(): { [key: string]: string };
  put: typeof put;
  forget: typeof forget;
  limit: typeof limit;
  record: typeof record;
  confirm: typeof confirm;
  track(name: string, params: object): void;
  dataLayerName: string;
}

/** What it gives back. */
export interface Widgets {
  /** Bring what the page has up to date with the decision. */
  apply(pageKey: string): void;
  /** Hear a click, a change, or that the page goes out of sight. */
  hear(event: Event): void;
  /** Another page began. */
  reset(): void;
  /** Bring an event's parameters to the contract, and complete them. */
  complete(name: string, params: object): object;
  /** Hear what is new in the data layer. */
  listen(): void;
  /** The page that the tags tell of. */
  tagged(): KabinPage | undefined;
}

/** Its URL, relative to this script's; set by the build. */
declare const WIDGETS_URL: string;

export let widgets: Widgets | undefined;
/** Whether it is on its way. */
export let isAwaited = false;

let isAsked = false;

/** Fetch it where it is needed; `ready` is called when it is there, or will not come. */
export const fetchWidgets = (track: Core["track"], ready: () => void): void => {
  const isNeeded =
    (window as any)[dataLayerName] ||
    page?.type === "product" ||
    document.querySelector(`[${PREFIX}size-picker],[${PREFIX}slot=recommendations]`);
  if (isAsked || !isNeeded) return;
  isAsked = isAwaited = true;
  import(WIDGETS_URL)
    .then((module) => {
      widgets = module.default({
        state: () => [page, decision, answer],
        box: () => box,
        put,
        forget,
        limit,
        record,
        confirm,
        track,
        dataLayerName,
      });
    })
    .catch(() => {})
    .then(() => {
      isAwaited = false;
      ready();
    });
};
