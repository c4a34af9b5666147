/** The second script: product views, size picker, recommendations and GA4 tags, fetched only by pages that have one of them. */
import { marked } from "./elements";
import type { KabinDecision, KabinPage } from "./kabin";
import { box, keysOf, put } from "./outbox";
import { answer, decision, page } from "./question";
import { dataLayerName, source } from "./settings";
import { change, confirm, deliver, record } from "./transport";

/** What the second script works with: state that both share. */
export interface Core {
  /** The page of the newest question, what its promise settled with, and what the service said, be it late. */
  state(): [page?: KabinPage, decision?: KabinDecision, answer?: KabinDecision];
  box(): { [key: string]: string };
  put: typeof put;
  record: typeof record;
  confirm: typeof confirm;
  dataLayerName: string;
  keysOf: typeof keysOf;
  deliver: typeof deliver;
  change: typeof change;
  /** Ask about the page again, for another visitor. */
  askAnew(): void;
}

/** What it gives back. */
export interface Widgets {
  /** Hear clicks, changes, and that the page goes out of sight; then bring what it has up to date with the decision. */
  update(pageKey: string, unheard: Event[]): void;
  /** Another page began. */
  reset(): void;
  /** Bring an event's parameters to the contract, and complete them. */
  complete(name: string, params: object): object;
  /** Hear what is new in the data layer. */
  listen(): void;
  /** The page that the tags tell of. */
  tagged(): KabinPage | undefined;
  /** Sign out, if that is due, and in with a token, if there is one that was not used yet. */
  become(token?: string): void;
}

/** Its URL, relative to this script's; set by the build. */
declare const WIDGETS_URL: string;

export let widgets: Widgets | undefined;
/** Whether it is on its way, and worth waiting for; undefined before it is asked for. */
export let isAwaited: boolean | undefined;

/** How long the page and its events wait for it. */
const PATIENCE_MS = 3000;

/**
 * Fetch it where it is needed, such as for events that were tracked; `ready` is called when it is there, and when it
 * does not come in time; `askAnew` is for its own use.
 */
export const fetchWidgets = (isAsked: unknown, ready: () => void, askAnew: () => void): void => {
  const settle = (): void => {
    isAwaited = false;
    ready();
  };
  if (
    isAwaited == null &&
    (isAsked ||
      (window as any)[dataLayerName] ||
      page?.type === "product" ||
      marked("size-picker],[data-kabin-slot=recommendations")[0])
  ) {
    isAwaited = true;
    setTimeout(settle, PATIENCE_MS);
    // Absolute, because to a script of another origin the HTML standard gives no base URL.
    import(new URL(WIDGETS_URL, source) as any)
      .then((module) => {
        widgets = module.default({
          state: () => [page, decision, answer],
          box: () => box,
          put,
          record,
          confirm,
          dataLayerName,
          keysOf,
          deliver,
          change,
          askAnew,
        });
      })
      .then(settle, settle);
  }
};
