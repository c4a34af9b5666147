/** kabin.js: the storefront script. */
import { defaultDecision } from "./decision";
import { attempt, PREFIX } from "./elements";
import { widgets, fetchWidgets, isAwaited } from "./widget_script";
import { fillHomepage, hide, reveal } from "./homepage_slot";
import type { KabinDecision, KabinPage, KabinRequest } from "./kabin";
import { isGranted, openBox, setConsent } from "./outbox";
import { findPage, PAGE_ATTRIBUTES } from "./page";
import { ask, page } from "./question";
import { record, send } from "./transport";

/** A call that the loader kept: name, arguments, what settles its promise, and when it was made. */
type KeptCall = [string, any[], (value: any) => void, number];

interface Kabin {
  [call: string]: any;
  /** Calls so far; gone once the script is there. */
  q?: KeptCall[];
  /** When the slot was hidden, in milliseconds, and by which sheet. */
  t?: number;
  s?: CSSStyleSheet;
}

const HIDDEN_MS = 300;

let shownPage: string;
let foundPage: string;
let lastRequest: KabinRequest;
let mayGuess = true;
let pageIsKnown: () => void;
const knownPage = new Promise<void>((resolve) => (pageIsKnown = resolve));

/** What happened that the second script has yet to hear of. */
const unheard: Event[] = [];

/** Events that it has yet to complete: time in milliseconds, name and parameters. */
const untracked: [number, string, object][] = [];

const needWidgets = (): void => fetchWidgets((name, params) => track(Date.now(), name, params), check);

const apply = (): void => {
  needWidgets();
  attempt(fillHomepage);
  // Its methods do not throw.
  if (widgets) {
    unheard.splice(0).forEach(widgets.hear);
    widgets.apply(shownPage);
  }
};

const question = (asked: KabinPage, request: KabinRequest, startMs = Date.now()): Promise<KabinDecision> => {
  const key = [asked.type, asked.item_id, asked.category].join();
  if (key !== shownPage) {
    shownPage = key;
    if (widgets) widgets.reset();
  }
  lastRequest = request;
  if (page) hide(HIDDEN_MS);
  return ask(asked, request, startMs, () => {
    apply();
    reveal();
  });
};

const check = (): void => {
  if (widgets) widgets.listen();
  if (!isAwaited || document.hidden)
    untracked
      .splice(0)
      .forEach(([timeMs, name, params]) =>
        attempt(() => record(name, widgets ? widgets.complete(name, params) : params, timeMs)),
      );
  attempt(() => {
    const found = findPage(mayGuess);
    const key = JSON.stringify(found);
    if (found && key !== foundPage) {
      foundPage = key;
      if (JSON.stringify(page) !== key) question(found, {});
      pageIsKnown();
    }
  });
  apply();
};

const track = (startMs: number, name: string, params: object = {}): void => {
  untracked.push([startMs, name, params]);
  queueMicrotask(check);
};

const calls: { [call: string]: (startMs: number, ...args: any[]) => any } = {
  personalize(startMs, request) {
    request = request || {};
    if (request.page) mayGuess = false;
    return (request.page ? Promise.resolve() : knownPage)
      .then(() => question(request.page || page, request, startMs))
      .catch(() => defaultDecision());
  },
  track,
  consent(_, given) {
    const before = isGranted;
    setConsent(given === "granted");
    if (page && isGranted && !before) question(page, lastRequest);
  },
};

const start = (kabin: Kabin): void => {
  const startMs = kabin.t || Date.now();
  const kept = kabin.q || [];
  delete kabin.q;
  for (const name in calls) kabin[name] = (...args: any[]) => attempt(() => calls[name](Date.now(), ...args));
  openBox();
  if (!kabin.s) fillHomepage();
  hide(isGranted ? HIDDEN_MS - (Date.now() - startMs) : 0, kabin.s);
  needWidgets();
  kept
    .sort((one, other) => one[0].localeCompare(other[0]))
    .forEach(([name, args, resolve, timeMs]) => attempt(() => resolve(calls[name](timeMs, ...args))));
  check();
  new MutationObserver(check).observe(document, {
    subtree: true,
    childList: true,
    attributeFilter: [...PAGE_ATTRIBUTES, "slot", "size-picker"].map((name) => PREFIX + name),
  });
  ["click", "change", "pagehide", "visibilitychange", "readystatechange"].forEach((type) =>
    addEventListener(
      type,
      (event) =>
        attempt(() => {
          if (widgets || isAwaited) unheard.push(event);
          check();
          if (document.hidden || type === "pagehide") send("/events");
        }),
      true,
    ),
  );
};

attempt(() => {
  const kabin: Kabin = ((window as any).kabin = (window as any).kabin || {});
  const begin = (): void => attempt(() => start(kabin));
  if (kabin.track && !kabin.q) return;
  if ((document as any).prerendering) document.addEventListener("prerenderingchange", begin);
  else begin();
});
