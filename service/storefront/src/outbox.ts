/** What is kept in the browser, above all events until they are acknowledged; and what the visitor agreed to. */
import { attempt } from "./elements";
import { EVENT, SIGN_OUT } from "./keys";
import { needsConsent } from "./settings";

const enum Limit {
  EVENTS = 200,
  /** A body of 32 KiB also holds the question. */
  EVENT_BYTES = 30000,
}

/** Global Privacy Control (https://www.w3.org/TR/gpc/): a standing objection to being recorded. */
export const objects = (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl;
/** Whether anything may be sent. */
export let isGranted = !needsConsent;
let isDenied = objects;

/** Local storage where it is allowed and works, else an object of this page. */
export let box: { [key: string]: string } = {};

/** Return the keys that start with `prefix`, sorted: those of events are in order of time. */
export const keysOf = (prefix: string): string[] =>
  Object.keys(box)
    .filter((key) => key.startsWith(prefix))
    .sort();

export const forget = (key: string): boolean => delete box[key];

export const put = (key: string, text: string): void => {
  try {
    box[key] = text;
  } catch {
    // Full: from now on this page remembers by itself.
    box = { ...box, [key]: text };
  }
};

/** Move what this page gathered into local storage, and take over what earlier pages left there. */
export const openBox = (): void =>
  attempt(() => {
    if (isGranted && !objects) box = Object.assign(localStorage, box);
  });

/** Take the visitor's answer; without a yes, everything is forgotten, here and in the browser. */
export const setConsent = (isYes: boolean): void => {
  isGranted = isYes;
  isDenied = objects || !isYes;
  if (isYes) return openBox();
  attempt(() => (box = localStorage));
  keysOf("kabin:").forEach(forget);
  box = {};
};

export const sizeOf = (text: string): number => new Blob([text]).size;

let count = 0;

/** Keep one event; its id begins with the time, so that keys sort by it, also within a millisecond. */
export const add = (name: string, params: object, timeMs: number): void => {
  const event_id = `${Date.now() * 1000 + count++}-${Math.random()}`;
  const text = JSON.stringify({ name, event_id, timestamp: timeMs / 1000, params });
  if (isDenied || box[SIGN_OUT] || sizeOf(text) > Limit.EVENT_BYTES) return;
  put(EVENT + event_id, text);
  keysOf(EVENT).slice(0, -Limit.EVENTS).forEach(forget);
};
