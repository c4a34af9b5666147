/** kabin.js: the storefront script. */
import { defaultDecision } from "./decision";
import { attempt, PREFIX } from "./elements";
import { widgets, fetchWidgets, isAwaited } from "./widget_script";
import { fillHomepage, hide, reveal, shownVariant } from "./homepage_slot";
import type { KabinDecision, KabinPage, KabinRequest } from "./kabin";
import { CUSTOMER, SIGN_OUT } from "./keys";
import { box, isGranted, openBox, put, setConsent } from "./outbox";
import { findPage, PAGE_ATTRIBUTES } from "./page";
import { ask, page } from "./question";
import { timeoutMs } from "./settings";
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
const MAX_UNHEARD = 50;

let shownPage: string;
let foundPage: string;
let lastRequest: KabinRequest;
let mayGuess = true;
/** Of the customer who is signed in on this page. */
let customerToken: string | undefined;
let pageIsKnown: () => void;
const knownPage = new Promise<void>((resolve) => (pageIsKnown = resolve));

/** What happened that the second script has yet to hear of. */
const unheard: Event[] = [];

/** What keeps the events that it has yet to complete. */
const untracked: (() => void)[] = [];

const keepTracked = (): void => untracked.splice(0).forEach(attempt);

const needWidgets = (): void => fetchWidgets(untracked[0] || box[SIGN_OUT], check, askAnew);

const apply = (): void => {
  needWidgets();
  attempt(fillHomepage);
  // It does not throw.
  widgets?.update(shownPage, unheard.splice(0));
};

const question = (asked: KabinPage, request: KabinRequest, startMs = Date.now()): Promise<KabinDecision> => {
  const key = [asked.type, asked.item_id, asked.category, box[CUSTOMER]].join();
  if (key !== shownPage) {
    widgets?.reset();
    // What was done on the last page is not to be taken for a choice on this one.
    if (shownPage) unheard.splice(0);
    shownPage = key;
  }
  lastRequest = request;
  if (page) hide(HIDDEN_MS);
  return ask(asked, request, startMs, () => {
    apply();
    reveal();
  });
};

const check = (): void => {
  needWidgets();
  widgets?.listen();
  if (!isAwaited) keepTracked();
  attempt(() => {
    const found = findPage(mayGuess);
    const key = JSON.stringify(found);
    // Who signs in is to get the first decision already.
    if (found && key !== foundPage && !(isAwaited && customerToken && !box[CUSTOMER])) {
      foundPage = key;
      if (JSON.stringify(page) !== key) question(found, {});
      pageIsKnown();
    }
  });
  apply();
};

/** Ask about the page again: something about the visitor has changed. */
const askAnew = (): void => {
  if (page) question(page, lastRequest);
};

/** In the order in which kept ones are made up for: consent decides about the others. */
const calls: { [call: string]: (startMs: number, ...args: any[]) => any } = {
  consent(_, given) {
    const before = isGranted;
    setConsent(given === "granted");
    if (!isGranted) untracked.splice(0);
    else if (!before) askAnew();
  },
  signOut() {
    // What was done until now is the former visitor's.
    keepTracked();
    put(SIGN_OUT, "1");
    calls.identify(0);
  },
  identify(_, token) {
    customerToken = token;
    untracked.push(() => widgets?.become(token));
    queueMicrotask(check);
  },
  personalize(startMs, request) {
    request = request || {};
    if (request.page) mayGuess = false;
    return new Promise((resolve) => {
      // The page may stay unknown for longer; it is asked about all the same.
      setTimeout(() => resolve(defaultDecision(shownVariant())), startMs + timeoutMs - Date.now());
      Promise.resolve(request.page || knownPage)
        .then(() => question(request.page || page, request, startMs))
        // A request that cannot be written as JSON gets no more than that.
        .then(resolve, attempt);
    });
  },
  track(timeMs, name, params = {}) {
    // A copy, for the shop may empty its cart next.
    const copy = attempt(() => JSON.parse(JSON.stringify(params))) || params;
    untracked.push(() => record(name, widgets ? widgets.complete(name, copy) : copy, timeMs));
    queueMicrotask(check);
  },
};

const start = (kabin: Kabin): void => {
  const startMs = kabin.t || Date.now();
  const kept = kabin.q || [];
  delete kabin.q;
  openBox();
  if (!kabin.s) fillHomepage();
  hide(isGranted ? startMs + HIDDEN_MS - Date.now() : 0, kabin.s);
  for (const name in calls) {
    kabin[name] = (...args: any[]) => attempt(() => calls[name](Date.now(), ...args));
    kept.forEach(
      ([called, args, resolve, timeMs]) => called === name && attempt(() => resolve(calls[name](timeMs, ...args))),
    );
  }
  check();
  new MutationObserver(check).observe(document, {
    subtree: true,
    childList: true,
    attributeFilter: [...PAGE_ATTRIBUTES, "slot", "size-picker"].map((name) => PREFIX + name),
  });
  ["click", "change", "pagehide", "visibilitychange", "readystatechange"].forEach((type) =>
    addEventListener(
      type,
      (event) => {
        if (!unheard[MAX_UNHEARD]) unheard.push(event);
        check();
        // A tab may also be opened out of sight.
        if (/^[pv]/.test(type)) {
          keepTracked();
          send("/events");
        }
      },
      true,
    ),
  );
};

attempt(() => {
  const kabin: Kabin = ((window as any).kabin = (window as any).kabin || {});
  const begin = (): void => start(kabin);
  if (kabin.track && !kabin.q) return;
  if ((document as any).prerendering) document.addEventListener("prerenderingchange", begin);
  else begin();
});
